"""Days, ISO weeks, months and halves of school years; how a period is cut into known sums."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Final

_SPRING, _AUTUMN = 3, 9
"""The months in which halves of a school year begin: a term with the holidays after it."""
_HALF: Final = timedelta(days=190)
"""Longer than any half, shorter than one and a month."""


def monday_of(day: date) -> date:
    """The Monday of its ISO week."""
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after its own."""
    return month_of(month_of(day) + timedelta(days=31))


def half_of(day: date) -> date:
    """The first day of its half of a school year: 1 March or 1 September."""
    if day.month < _SPRING:
        return date(day.year - 1, _AUTUMN, 1)
    return date(day.year, _SPRING if day.month < _AUTUMN else _AUTUMN, 1)


def next_half(day: date) -> date:
    """The first day of the half after its own."""
    return half_of(half_of(day) + _HALF)


def reach_of(first: date, last: date) -> tuple[date, date]:
    """The first and the last day of all weeks and halves that `[first, last]` touches."""
    week_end = monday_of(last) + timedelta(days=6)
    return (
        min(monday_of(first), half_of(first)),
        max(week_end, next_half(last) - timedelta(days=1)),
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """A period in pieces: whole halves, months and weeks (each by its first day), single days."""

    halves: tuple[date, ...] = ()
    months: tuple[date, ...] = ()
    weeks: tuple[date, ...] = ()
    days: tuple[date, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any piece."""
        return bool(self.halves or self.months or self.weeks or self.days)


def cut_period(
    first: date,
    last: date,
    kept: Iterable[date],
    *,
    halves: Collection[date] = (),
    months: Collection[date] = (),
    weeks: Collection[date] = (),
) -> Cut:
    """The days of `[first, last]` that are `kept` in the fewest pieces.

    `kept` are the days that have sums, in order, with those beside the period within `reach_of` it:
    a half, month or week whose sums are known is whole if none of its kept days is outside.
    """
    own_halves, own_months, own_weeks = (_by(kept, of) for of in (half_of, month_of, monday_of))
    found: tuple[list[date], ...] = ([], [], [], [])
    found_halves, found_months, found_weeks, found_days = found
    for half, its_days in own_halves.items():
        inside = [day for day in its_days if first <= day <= last]
        if inside and half in halves and len(inside) == len(its_days):
            found_halves.append(half)
            continue
        for month, days_of_month in groupby(inside, month_of):
            left = list(days_of_month)
            if month in months and len(left) == len(own_months[month]):
                found_months.append(month)
                continue
            for monday, days_of_week in groupby(left, monday_of):
                days = list(days_of_week)
                if monday in weeks and len(days) == len(own_weeks[monday]):
                    found_weeks.append(monday)
                else:
                    found_days += days
    return Cut(*(tuple(pieces) for pieces in found))


def cut_weeks(
    first: date, last: date, kept: Iterable[date], weeks: Collection[date]
) -> Mapping[date, Sequence[date]]:
    """The weeks of `[first, last]` with any of the `kept` days, each by its Monday.

    A week has its kept days in the period, or none where it is whole and its sums are known.
    """
    found: dict[date, Sequence[date]] = {}
    for monday, days in _by(kept, monday_of).items():
        inside = [day for day in days if first <= day <= last]
        if inside:
            whole = monday in weeks and len(inside) == len(days)
            found[monday] = () if whole else inside
    return found


def _by(kept: Iterable[date], of: Callable[[date], date]) -> dict[date, list[date]]:
    """The days by the first day of what they belong to."""
    found: dict[date, list[date]] = {}
    for day in kept:
        found.setdefault(of(day), []).append(day)
    return found
