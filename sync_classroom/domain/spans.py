"""Days, ISO weeks and months, and how a period is cut into those whose sums are known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby


def monday_of(day: date) -> date:
    """The Monday of its ISO week."""
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after its own."""
    return month_of(month_of(day) + timedelta(days=31))


def reach_of(first: date, last: date) -> tuple[date, date]:
    """The first and the last day of all weeks and months that `[first, last]` touches."""
    week_end = monday_of(last) + timedelta(days=6)
    return (
        min(monday_of(first), month_of(first)),
        max(week_end, next_month(last) - timedelta(days=1)),
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """A period in pieces: whole months, whole weeks (each by its first day), and single days."""

    months: tuple[date, ...] = ()
    weeks: tuple[date, ...] = ()
    days: tuple[date, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any piece."""
        return bool(self.months or self.weeks or self.days)


def cut_period(
    first: date,
    last: date,
    kept: Iterable[date],
    *,
    months: Collection[date] = (),
    weeks: Collection[date] = (),
) -> Cut:
    """The days of `[first, last]` that are `kept` in the fewest pieces.

    `kept` are the days that have sums, in order, with those beside the period in its first and last
    week and month: a month whose sums are known is whole if none of its kept days is outside.
    """
    own_months, own_weeks = _own(kept)
    found_months: list[date] = []
    found_weeks: list[date] = []
    found_days: list[date] = []
    for month, all_days in own_months.items():
        inside = [day for day in all_days if first <= day <= last]
        if inside and month in months and len(inside) == len(all_days):
            found_months.append(month)
            continue
        for monday, group in groupby(inside, monday_of):
            days = list(group)
            if monday in weeks and len(days) == len(own_weeks[monday]):
                found_weeks.append(monday)
            else:
                found_days += days
    return Cut(tuple(found_months), tuple(found_weeks), tuple(found_days))


def cut_weeks(
    first: date, last: date, kept: Iterable[date], weeks: Collection[date]
) -> Mapping[date, Sequence[date]]:
    """The weeks of `[first, last]` with any of the `kept` days, each by its Monday.

    A week has its kept days in the period, or none where it is whole and its sums are known.
    """
    found: dict[date, Sequence[date]] = {}
    for monday, days in _own(kept)[1].items():
        inside = [day for day in days if first <= day <= last]
        if inside:
            whole = monday in weeks and len(inside) == len(days)
            found[monday] = () if whole else inside
    return found


def _own(kept: Iterable[date]) -> tuple[dict[date, list[date]], dict[date, list[date]]]:
    """The days by month, and by week."""
    months: dict[date, list[date]] = {}
    weeks: dict[date, list[date]] = {}
    for day in kept:
        months.setdefault(month_of(day), []).append(day)
        weeks.setdefault(monday_of(day), []).append(day)
    return months, weeks
