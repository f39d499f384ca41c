"""Which days a figure is about."""

from __future__ import annotations

from datetime import date

import pytest

from sync_classroom.domain.roster import Roster
from sync_classroom.web.pages.period import LONGEST_DAYS, Period, asked, preset
from tests.support.rosters import programme

TODAY = date(2026, 11, 25)  # a Wednesday
ROSTER = programme()


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("week", date(2026, 11, 23), TODAY),
        ("last-week", date(2026, 11, 16), date(2026, 11, 22)),
        ("month", date(2026, 11, 1), TODAY),
        ("last-month", date(2026, 10, 1), date(2026, 10, 31)),
        ("term", date(2026, 9, 1), TODAY),
    ],
)
def test_presets_end_today_where_they_are_not_over(name: str, first: date, last: date) -> None:
    assert preset(name, TODAY, ROSTER) == Period(first, last, name)


def test_outside_of_terms_there_is_no_term_and_the_month_is_usual() -> None:
    assert preset("term", TODAY, Roster()) is None
    assert asked({}, TODAY, Roster()) == (Period(date(2026, 11, 1), TODAY, "month"), None)


def test_without_a_wish_it_is_the_term_so_far() -> None:
    assert asked({}, TODAY, ROSTER)[0].preset == "term"
    assert asked({"period": "rubbish"}, TODAY, ROSTER)[0].preset == "term"


def test_own_dates_are_both_included() -> None:
    period, complaint = asked({"from": "2026-11-02", "to": "2026-11-08"}, TODAY, ROSTER)
    assert period == Period(date(2026, 11, 2), date(2026, 11, 8), "")
    assert complaint is None
    assert period.days == 7
    assert period.before == (date(2026, 10, 26), date(2026, 11, 1))


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-08", "2026-11-02", "对调"),
        ("yesterday", "2026-11-02", "2026-11-23"),
        ("", "2026-11-02", "2026-11-23"),
        ("2020-01-01", "2026-11-02", str(LONGEST_DAYS)),
        ("0001-01-01", "0001-01-02", "2026-11-23"),
    ],
)
def test_impossible_dates_are_explained_and_the_usual_period_shown(
    first: str, last: str, words: str
) -> None:
    period, complaint = asked({"from": first, "to": last}, TODAY, ROSTER)
    assert period.preset == "term"
    assert complaint is not None
    assert words in complaint
