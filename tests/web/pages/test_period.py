"""Which days a figure is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.ids import TermId
from sync_classroom.domain.roster import Roster, Term
from sync_classroom.web.pages.period import LONGEST_DAYS, Period, against, asked, preset
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
    assert period.before == Period(date(2026, 10, 26), date(2026, 11, 1), "before")


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


@pytest.mark.parametrize(
    ("first", "last", "before"),
    [
        ((2026, 11, 1), (2026, 11, 30), ((2026, 10, 1), (2026, 10, 31))),  # a whole month
        ((2026, 11, 1), (2026, 11, 25), ((2026, 10, 7), (2026, 10, 31))),  # most of one
        ((2026, 10, 1), (2026, 11, 30), ((2026, 8, 1), (2026, 9, 30))),
        ((2027, 1, 1), (2027, 1, 31), ((2026, 12, 1), (2026, 12, 31))),
    ],
)
def test_before_a_whole_month_is_the_month_before(
    first: tuple[int, int, int],
    last: tuple[int, int, int],
    before: tuple[tuple[int, int, int], ...],
) -> None:
    found = Period(date(*first), date(*last), "").before
    assert (found.first, found.last) == tuple(date(*day) for day in before)


@pytest.mark.parametrize(
    ("first", "last", "year_before"),
    [
        ("2026-11-02", "2026-11-08", ("2025-11-02", "2025-11-08")),
        ("2027-02-01", "2027-02-28", ("2026-02-01", "2026-02-28")),
        ("2028-02-01", "2028-02-29", ("2027-02-01", "2027-02-28")),
        ("2029-02-01", "2029-02-28", ("2028-02-01", "2028-02-29")),
        ("2028-02-29", "2028-03-01", ("2027-02-28", "2027-03-01")),
        ("2026-12-28", "2027-01-03", ("2025-12-28", "2026-01-03")),
    ],
)
def test_a_year_before_is_the_same_days_and_a_whole_february_stays_whole(
    first: str, last: str, year_before: tuple[str, str]
) -> None:
    period = Period(date.fromisoformat(first), date.fromisoformat(last), "")
    found, complaint = against({"compare": "year"}, period, ROSTER)
    days = [date.fromisoformat(day) for day in year_before]
    assert (found, complaint) == (Period(days[0], days[1], "year"), None)


TWO_TERMS = replace(
    ROSTER,
    terms={
        **ROSTER.terms,
        TermId("spring"): Term(
            TermId("spring"), "春季", date(2026, 3, 2), date(2026, 3, 4), date(2026, 7, 3)
        ),
    },
)


@pytest.mark.parametrize(
    ("first", "last", "other"),
    [
        # Week 13 of both; autumn's week 1 begins on 31 August.
        ((2026, 11, 23), (2026, 11, 29), ((2026, 5, 25), (2026, 5, 31))),
        # From the first day on, though it is a Tuesday here and a Wednesday there.
        ((2026, 9, 1), (2026, 11, 25), ((2026, 3, 4), (2026, 5, 27))),
        # The whole term with the whole term, whatever their lengths.
        ((2026, 9, 1), (2027, 1, 22), ((2026, 3, 4), (2026, 7, 3))),
        # The end of a longer term has nothing to stand beside it but what there is.
        ((2026, 12, 28), (2027, 1, 10), ((2026, 6, 29), (2026, 7, 3))),
    ],
)
def test_the_term_before_is_met_week_by_week(
    first: tuple[int, int, int], last: tuple[int, int, int], other: tuple[tuple[int, int, int], ...]
) -> None:
    period = Period(date(*first), date(*last), "")
    found, complaint = against({"compare": "term"}, period, TWO_TERMS)
    assert complaint is None
    assert found == Period(date(*other[0]), date(*other[1]), "term")


@pytest.mark.parametrize(
    ("roster", "first", "last"),
    [
        (ROSTER, date(2026, 11, 2), date(2026, 11, 8)),  # the first term there is
        (TWO_TERMS, date(2026, 8, 1), date(2026, 8, 9)),  # holidays
        (TWO_TERMS, date(2026, 11, 2), date(2027, 3, 8)),  # more than a term
        (TWO_TERMS, date(2027, 1, 18), date(2027, 1, 22)),  # weeks the other one did not have
    ],
)
def test_without_a_term_to_compare_with_it_is_the_period_before_and_said(
    roster: Roster, first: date, last: date
) -> None:
    period = Period(first, last, "")
    found, complaint = against({"compare": "term"}, period, roster)
    assert found == period.before
    assert complaint is not None
    assert "没有可对照的上学期" in complaint


def test_any_two_periods_can_be_compared_and_no_comparison_is_a_choice() -> None:
    period = Period(date(2026, 11, 2), date(2026, 11, 8), "")
    own = {"compare": "own", "compare_from": "2025-03-01", "compare_to": "2025-03-20"}
    assert against(own, period, ROSTER) == (
        Period(date(2025, 3, 1), date(2025, 3, 20), "own"),
        None,
    )
    assert against({"compare": "none"}, period, ROSTER) == (None, None)
    for query in ({}, {"compare": "before"}, {"compare": "rubbish"}):
        assert against(query, period, ROSTER) == (period.before, None)


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-11-08", "2026-11-02", "对照期的截止日期早于起始日期"),
        ("2026-11-08", "", "对照期的起止日期要写成"),
        ("3026-11-08", "3026-11-09", "2000 到 2099"),
        ("2020-01-01", "2026-11-02", f"对照期最长 {LONGEST_DAYS} 天"),
    ],
)
def test_impossible_dates_to_compare_with_are_explained(first: str, last: str, words: str) -> None:
    period = Period(date(2026, 11, 2), date(2026, 11, 8), "")
    own = {"compare": "own", "compare_from": first, "compare_to": last}
    found, complaint = against(own, period, ROSTER)
    assert found == period.before
    assert complaint is not None
    assert words in complaint
