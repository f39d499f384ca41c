from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.spans import (
    Cut,
    cut_period,
    cut_weeks,
    half_of,
    monday_of,
    month_of,
    next_half,
    next_month,
    reach_of,
)

DAYS = st.dates(date(2026, 8, 1), date(2027, 4, 30))
HALVES = st.sets(DAYS.map(half_of))
MONDAYS = st.sets(DAYS.map(monday_of))


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def test_days_know_their_half_of_the_school_year() -> None:
    autumn, spring = date(2026, 9, 1), date(2027, 3, 1)
    assert {half_of(d) for d in days(autumn, date(2027, 2, 28))} == {autumn}
    assert {half_of(d) for d in days(spring, date(2027, 8, 31))} == {spring}
    assert (next_half(autumn), next_half(spring)) == (spring, date(2027, 9, 1))
    assert next_half(date(2028, 2, 29)) == date(2028, 3, 1)


def test_days_know_their_week_and_month() -> None:
    assert monday_of(date(2026, 11, 29)) == date(2026, 11, 23)
    assert month_of(date(2026, 11, 29)) == date(2026, 11, 1)
    assert next_month(date(2026, 12, 31)) == date(2027, 1, 1)
    assert reach_of(date(2026, 11, 3), date(2026, 11, 28)) == (
        date(2026, 9, 1), date(2027, 2, 28)
    )  # fmt: skip
    assert reach_of(date(2026, 9, 2), date(2027, 8, 31)) == (date(2026, 8, 31), date(2027, 9, 5))


def test_a_period_is_whole_months_then_weeks_and_the_days_beside_them() -> None:
    known = {date(2026, 10, 1), date(2026, 11, 1)}
    weeks = {date(2026, 9, 14), date(2026, 9, 21), date(2026, 9, 28)}
    every = days(date(2026, 9, 1), date(2026, 12, 31))
    found = cut_period(date(2026, 9, 10), date(2026, 12, 2), every, months=known, weeks=weeks)
    assert found == Cut(
        (),
        (date(2026, 10, 1), date(2026, 11, 1)),
        (date(2026, 9, 14), date(2026, 9, 21)),
        (
            *days(date(2026, 9, 10), date(2026, 9, 13)),
            # This week goes on in a month that is summed already.
            *days(date(2026, 9, 28), date(2026, 9, 30)),
            *days(date(2026, 12, 1), date(2026, 12, 2)),
        ),
    )


def test_a_month_is_whole_as_soon_as_nothing_is_kept_outside_the_period() -> None:
    november = {date(2026, 11, 1)}
    friday, sunday = date(2026, 11, 27), date(2026, 11, 29)
    school_days = [d for d in days(date(2026, 11, 1), sunday) if d.weekday() < 5]
    whole = cut_period(date(2026, 10, 1), friday, school_days, months=november)
    assert whole == Cut(months=(date(2026, 11, 1),))
    more = [*school_days, date(2026, 11, 30)]
    assert cut_period(date(2026, 10, 1), friday, more, months=november).months == ()
    assert not cut_period(date(2026, 10, 1), date(2026, 10, 31), more, months=november)


def test_a_school_year_is_two_halves() -> None:
    every = days(date(2026, 8, 31), date(2027, 9, 5))
    halves = {date(2026, 9, 1), date(2027, 3, 1)}
    year = cut_period(date(2026, 9, 1), date(2027, 8, 31), every, halves=halves)
    assert year == Cut(halves=(date(2026, 9, 1), date(2027, 3, 1)))
    # The half that goes on is read by its months.
    months = {date(2027, 3, 1), date(2027, 4, 1)}
    so_far = cut_period(date(2026, 9, 1), date(2027, 4, 30), every, halves=halves, months=months)
    assert so_far == Cut(halves=(date(2026, 9, 1),), months=tuple(sorted(months)))


@given(DAYS, DAYS, st.sets(DAYS), HALVES, st.sets(DAYS.map(month_of)), MONDAYS)
def test_every_kept_day_of_a_period_is_in_one_piece_and_no_other_one_is(
    one: date, other: date, kept: set[date], halves: set[date], months: set[date], weeks: set[date]
) -> None:
    first, last = min(one, other), max(one, other)
    begins, ends = reach_of(first, last)
    near = sorted(d for d in kept if begins <= d <= ends)
    found = cut_period(first, last, near, halves=halves, months=months, weeks=weeks)
    pieces = [d for d in kept if half_of(d) in found.halves]
    pieces += [d for d in kept if month_of(d) in found.months]
    pieces += [d for d in kept if monday_of(d) in found.weeks]
    pieces += found.days
    assert sorted(pieces) == [d for d in near if first <= d <= last]
    assert set(found.halves) <= halves
    assert set(found.months) <= months
    assert set(found.weeks) <= weeks


@given(DAYS, DAYS, st.sets(DAYS), MONDAYS)
def test_every_kept_day_of_a_period_is_in_its_week_and_no_other_one_is(
    one: date, other: date, kept: set[date], weeks: set[date]
) -> None:
    first, last = min(one, other), max(one, other)
    begins, ends = reach_of(first, last)
    near = sorted(d for d in kept if begins <= d <= ends)
    found = cut_weeks(first, last, near, weeks)
    for monday, some in found.items():
        assert list(some or (d for d in kept if monday_of(d) == monday)) != []
        assert some or monday in weeks
    pieces = [
        d for m, some in found.items() for d in some or [k for k in kept if monday_of(k) == m]
    ]
    assert sorted(pieces) == [d for d in near if first <= d <= last]
