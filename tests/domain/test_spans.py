from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.spans import (
    Cut,
    cut_months,
    cut_weeks,
    monday_of,
    month_of,
    next_month,
)

DAYS = st.dates(date(2026, 8, 1), date(2027, 2, 28))


def test_days_know_their_week_and_month() -> None:
    assert monday_of(date(2026, 11, 29)) == date(2026, 11, 23)
    assert month_of(date(2026, 11, 29)) == date(2026, 11, 1)
    assert next_month(date(2026, 12, 31)) == date(2027, 1, 1)


def test_a_period_is_whole_months_and_the_days_beside_them() -> None:
    known = {date(2026, 10, 1), date(2026, 11, 1)}
    assert cut_months(date(2026, 9, 7), date(2026, 12, 5), known) == Cut(
        (date(2026, 10, 1), date(2026, 11, 1)),
        ((date(2026, 9, 7), date(2026, 9, 30)), (date(2026, 12, 1), date(2026, 12, 5))),
    )
    assert cut_months(date(2026, 10, 1), date(2026, 10, 30), known).whole == ()


@given(DAYS, DAYS, st.sets(DAYS.map(month_of)), st.sets(DAYS.map(monday_of)))
def test_every_day_is_in_one_piece_and_no_other_day_is(
    one: date, other: date, months: set[date], weeks: set[date]
) -> None:
    first, last = min(one, other), max(one, other)
    wanted = {first + timedelta(days=n) for n in range((last - first).days + 1)}
    by_month = cut_months(first, last, months)
    by_week = cut_weeks(first, last, weeks)
    spans = [(m, next_month(m) - timedelta(days=1)) for m in by_month.whole]
    week_spans = [(w, w + timedelta(days=6)) for w in by_week.whole]
    for pieces in ([*spans, *by_month.days], [*week_spans, *by_week.days]):
        days = [a + timedelta(days=n) for a, b in pieces for n in range((b - a).days + 1)]
        assert len(days) == len(set(days))
        assert set(days) == wanted
    assert set(by_month.whole) <= months
    assert set(by_week.whole) <= weeks
    assert all(monday_of(a) == monday_of(b) for a, b in by_week.days)
