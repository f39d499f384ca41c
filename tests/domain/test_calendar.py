from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.calendar import (
    Calendar,
    day_of,
    days_between,
    iso_week,
    period_window,
    periods_touched,
    week_number,
)
from sync_classroom.domain.ids import BellSetId, SchoolId, TermId
from sync_classroom.domain.roster import BellSet, DayException, Period, Roster, Term

ZONE = ZoneInfo("Asia/Shanghai")
A, B, HOST = SchoolId("remote-a"), SchoolId("remote-b"), SchoolId("host")
TERM = Term(TermId("t"), "第一学期", date(2026, 8, 31), date(2026, 9, 1), date(2027, 1, 22))
SPRING = Term(TermId("s"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30))
WINTER_A = BellSet(
    BellSetId("a-winter"),
    A,
    tuple(
        Period(n, time(h, m), time(h2, m2))
        for n, h, m, h2, m2 in [
            (1, 8, 0, 8, 40),
            (2, 8, 50, 9, 30),
            (3, 9, 50, 10, 30),
            (4, 10, 40, 11, 20),
        ]
    ),
)
SUMMER_A = BellSet(BellSetId("a-summer"), A, (Period(1, time(7, 40), time(8, 20)),))
HOST_BELLS = BellSet(
    BellSetId("h"), HOST, (Period(2, time(9, 10), time(9, 50)), Period(3, time(10, 20), time(11)))
)
SATURDAY, NATIONAL_DAY = date(2026, 10, 10), date(2026, 10, 1)
ROSTER = Roster(
    terms={TERM.id: TERM, SPRING.id: SPRING},
    bell_sets={b.id: b for b in (WINTER_A, SUMMER_A, HOST_BELLS)},
    days=(
        DayException(None, NATIONAL_DAY, teaching=False),
        DayException(None, SATURDAY, teaching=True, follows_weekday=5, follows_week=6),
        DayException(None, date(2026, 9, 20), teaching=True),
        DayException(A, date(2026, 11, 6), teaching=False),
        DayException(B, NATIONAL_DAY, teaching=True),
        DayException(A, date(2027, 5, 6), teaching=True, bell_set=SUMMER_A.id),
    ),
)


def test_an_ordinary_day_follows_itself() -> None:
    monday = day_of(ROSTER, A, date(2026, 11, 23))
    assert (monday.teaching, monday.weekday, monday.week) == (True, 1, 13)
    assert (monday.term, monday.bell_set, monday.unmapped) == (TERM, WINTER_A, False)
    saturday = day_of(ROSTER, A, date(2026, 11, 28))
    assert (saturday.teaching, saturday.weekday, saturday.week) == (False, None, None)


def test_two_schools_on_different_days_off() -> None:
    on = date(2026, 11, 6)
    assert (day_of(ROSTER, A, on).teaching, day_of(ROSTER, B, on).teaching) == (False, True)
    assert day_of(ROSTER, A, NATIONAL_DAY).teaching is False
    own = day_of(ROSTER, B, NATIONAL_DAY)
    assert (own.teaching, own.weekday, own.week) == (True, 4, 5)


def test_a_make_up_saturday_that_follows_friday_of_an_even_week() -> None:
    answer = day_of(ROSTER, A, SATURDAY)
    assert (answer.teaching, answer.weekday, answer.week) == (True, 5, 6)
    assert answer.week is not None
    assert answer.week % 2 == 0
    # Its own week would have been the same; another Saturday may stand in for a distant week.
    moved = Roster(
        terms=ROSTER.terms,
        days=(DayException(None, SATURDAY, True, follows_weekday=5, follows_week=5),),
    )
    assert day_of(moved, A, SATURDAY).week == 5


def test_a_make_up_day_whose_weekday_is_unknown_is_unmapped_and_never_guessed() -> None:
    answer = day_of(ROSTER, A, date(2026, 9, 20))
    assert (answer.teaching, answer.weekday, answer.unmapped) == (True, None, True)
    assert not day_of(ROSTER, A, SATURDAY).unmapped
    assert not day_of(ROSTER, A, NATIONAL_DAY).unmapped


def test_a_bell_set_changed_in_mid_term() -> None:
    changed, before = date(2027, 5, 6), date(2027, 5, 5)
    assert day_of(ROSTER, A, before).bell_set == WINTER_A
    answer = day_of(ROSTER, A, changed)
    assert (answer.bell_set, answer.weekday, answer.unmapped) == (SUMMER_A, 4, False)
    assert day_of(ROSTER, B, changed).bell_set is None


def test_a_lesson_that_is_period_3_at_the_host_straddles_3_and_4_at_the_remote() -> None:
    window = period_window(HOST_BELLS, 3, date(2026, 11, 23), ZONE)
    assert window == (
        datetime(2026, 11, 23, 10, 20, tzinfo=ZONE),
        datetime(2026, 11, 23, 11, 0, tzinfo=ZONE),
    )
    assert [p.no for p in periods_touched(WINTER_A, *window, ZONE)] == [3, 4]
    back_to_back = period_window(WINTER_A, 3, date(2026, 11, 23), ZONE)
    assert [p.no for p in periods_touched(WINTER_A, *back_to_back, ZONE)] == [3]
    with pytest.raises(KeyError):
        period_window(HOST_BELLS, 1, date(2026, 11, 23), ZONE)


@pytest.mark.parametrize(
    ("on", "term", "teaching"),
    [
        (date(2026, 8, 31), None, False),
        (date(2026, 9, 1), TERM, True),
        (date(2027, 1, 22), TERM, True),
        (date(2027, 1, 25), None, False),
        (date(2027, 2, 22), SPRING, True),
    ],
)
def test_term_end(on: date, term: Term | None, teaching: bool) -> None:
    answer = day_of(ROSTER, A, on)
    assert (answer.term, answer.teaching) == (term, teaching)


def test_midnight() -> None:
    """A day is the programme's civil day: an instant's offset must not move it."""
    late = datetime(2026, 11, 23, 16, 30, tzinfo=timezone.utc)  # noqa: UP017
    assert late.astimezone(ZONE).date() == date(2026, 11, 24)
    night = BellSet(BellSetId("n"), A, (Period(1, time(0, 0), time(0, 40)),))
    around = (
        datetime(2026, 11, 23, 23, 30, tzinfo=ZONE),
        datetime(2026, 11, 24, 0, 1, tzinfo=ZONE),
    )
    assert [p.no for p in periods_touched(night, *around, ZONE)] == [1]
    ends_then = (around[0], datetime(2026, 11, 24, 0, 0, tzinfo=ZONE))
    assert periods_touched(night, *ends_then, ZONE) == ()


def test_week_numbers_begin_on_monday() -> None:
    assert week_number(TERM, date(2026, 9, 1)) == 1
    assert week_number(TERM, date(2026, 9, 6)) == 1
    assert week_number(TERM, date(2026, 9, 7)) == 2
    assert week_number(TERM, date(2027, 1, 22)) == 21


def test_iso_weeks_around_new_year() -> None:
    assert iso_week(date(2026, 9, 1)) == "2026-W36"
    assert iso_week(date(2026, 12, 31)) == iso_week(date(2027, 1, 3)) == "2026-W53"
    assert iso_week(date(2027, 1, 4)) == "2027-W01"


def test_a_roster_without_terms_teaches_monday_to_friday() -> None:
    answer = day_of(Roster(), A, date(2026, 7, 31))
    assert (answer.teaching, answer.weekday, answer.week, answer.term) == (True, 5, None, None)


@given(
    st.sampled_from([A, B]),
    st.dates(date(2026, 8, 20), date(2027, 7, 10)),
    st.integers(0, 60),
    st.sampled_from([ROSTER, Roster(), Roster(days=ROSTER.days, bell_sets=ROSTER.bell_sets)]),
)
def test_teaching_days_are_those_on_which_the_answer_is_teaching(
    school: SchoolId, first: date, days: int, roster: Roster
) -> None:
    last = first + timedelta(days=days)
    calendar = Calendar(roster)
    asked = [d for d in days_between(first, last) if calendar.day(school, d).teaching]
    assert list(calendar.teaching_days(school, first, last)) == asked


def test_teaching_days_of_a_thousand_years_are_those_of_the_terms() -> None:
    days = list(Calendar(ROSTER).teaching_days(A, date(1500, 1, 1), date(2500, 1, 1)))
    assert (days[0], days[-1]) == (TERM.first_day, SPRING.last_day)
    assert list(days_between(date(2026, 1, 2), date(2026, 1, 1))) == []
