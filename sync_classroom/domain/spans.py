"""Days, ISO weeks and months, and how a period is cut into those whose sums are known."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

_ONE_DAY = timedelta(days=1)


def monday_of(day: date) -> date:
    """The Monday of its ISO week."""
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def next_month(day: date) -> date:
    """The first day of the month after its own."""
    return month_of(month_of(day) + timedelta(days=31))


@dataclass(frozen=True, slots=True)
class Cut:
    """A period in pieces: whole spans by their first days, and runs of days, ends included."""

    whole: tuple[date, ...]
    days: tuple[tuple[date, date], ...]


def cut_months(first: date, last: date, known: Collection[date]) -> Cut:
    """`[first, last]` in the months that are known and lie in it whole, and the days between."""
    months: list[date] = []
    month = month_of(first) if month_of(first) == first else next_month(first)
    while next_month(month) - _ONE_DAY <= last:
        if month in known:
            months.append(month)
        month = next_month(month)
    return Cut(tuple(months), _between(first, last, [(m, next_month(m)) for m in months]))


def cut_weeks(first: date, last: date, known: Collection[date]) -> Cut:
    """As `cut_months`, with ISO weeks; every run of days lies in one week."""
    weeks: list[date] = []
    days: list[tuple[date, date]] = []
    monday = monday_of(first)
    while monday <= last:
        sunday = monday + timedelta(days=6)
        if monday in known and first <= monday and sunday <= last:
            weeks.append(monday)
        else:
            days.append((max(first, monday), min(last, sunday)))
        monday += timedelta(days=7)
    return Cut(tuple(weeks), tuple(days))


def _between(
    first: date, last: date, taken: Collection[tuple[date, date]]
) -> tuple[tuple[date, date], ...]:
    """The runs of `[first, last]` outside of half-open spans that come in order."""
    runs: list[tuple[date, date]] = []
    for begin, end in taken:
        if first < begin:
            runs.append((first, begin - _ONE_DAY))
        first = end
    if first <= last:
        runs.append((first, last))
    return tuple(runs)
