"""Weeks and terms that an address leaves open."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.ids import TermId
from sync_classroom.domain.roster import Roster, Term
from sync_classroom.web.pages.timetable_choice import monday_of, term_near, week_near, weeks_of
from tests.support.week import TERM

SPRING = Term(TermId("s"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30))
BOTH = Roster(terms={SPRING.id: SPRING, TERM.id: TERM})


def test_a_term_has_its_begun_weeks_too() -> None:
    assert weeks_of(TERM) == 21
    assert weeks_of(replace(TERM, last_day=date(2027, 1, 18))) == 21
    assert weeks_of(replace(TERM, last_day=date(2027, 1, 17))) == 20
    # A slip in the roster file makes no list of a thousand weeks.
    assert weeks_of(replace(TERM, last_day=date(2090, 1, 1))) == 60


def test_the_week_of_a_date_stays_within_the_term() -> None:
    assert week_near(TERM, date(2026, 11, 23)) == 13
    assert week_near(TERM, date(2026, 11, 29)) == 13
    assert week_near(TERM, date(2020, 1, 1)) == 1
    assert week_near(TERM, date(2030, 1, 1)) == 21
    assert monday_of(TERM, 13) == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("on", "wanted"),
    [
        (date(2026, 11, 23), TERM),
        (date(2026, 7, 1), TERM),
        (date(2027, 2, 1), SPRING),
        (date(2027, 3, 1), SPRING),
        (date(2030, 1, 1), SPRING),
    ],
)
def test_the_term_of_a_date_is_the_running_the_next_or_the_last(on: date, wanted: Term) -> None:
    assert term_near(BOTH, on) == wanted


def test_without_terms_there_is_none() -> None:
    assert term_near(Roster(), date(2026, 11, 23)) is None
