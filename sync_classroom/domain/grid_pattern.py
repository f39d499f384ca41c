"""The weekly rules of a term in one grid, without dates: 单周 and 双周 share a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .calendar import Calendar, periods_touched
from .grid import (
    Column,
    Entry,
    EntryState,
    Grid,
    GridPlan,
    is_aligned,
    laid_out,
    leading_bells,
    week_columns,
)
from .grid_views import View, audience_of, school_of
from .ids import SchoolId
from .roster import BellSet
from .series import Series, WeekKind

_WEEKDAYS = range(1, 6)


@dataclass(frozen=True, slots=True)
class Halves:
    """A cell of a pattern: lessons of every week, and those of 单周 and 双周 alone."""

    every: tuple[Entry, ...]
    odd: tuple[Entry, ...]
    even: tuple[Entry, ...]

    @property
    def split(self) -> bool:
        """Whether the cell is to be drawn in two halves."""
        return bool(self.odd or self.even)


def pattern_grid(view: View, monday: date, rules: Iterable[Series], plan: GridPlan) -> Grid:
    """The rules of a term by the clock times of the week from `monday`.

    A rule that has no place yet, or whose period the host's bells of that week do not have, stands
    nowhere in it; `without_place` names the former.
    """
    school = school_of(view, plan.roster)
    bells = _week_bells(school, monday, plan.calendar)
    by_weekday: dict[int, list[Entry]] = {n: [] for n in _WEEKDAYS}
    for series in rules:
        audience = audience_of(view, series, plan.roster)
        window = _window(series, monday, plan)
        if audience is None or window is None or series.weekday is None:
            continue
        begins, ends = window
        touched = periods_touched(bells, begins, ends, plan.zone) if bells is not None else ()
        entry = Entry(
            id=series.id,
            subject=series.subject,
            title=series.title,
            start=begins.time(),
            end=ends.time(),
            host=series.host,
            audience=audience,
            state=EntryState.WAITING,
            periods=tuple(p.no for p in touched),
            aligned=is_aligned(begins.time(), ends.time(), touched),
            weeks=series.weeks,
            series=series,
        )
        by_weekday.setdefault(series.weekday, []).append(entry)
    columns = [Column(weekday, bells=bells) for weekday in sorted(by_weekday)]
    return laid_out(view, columns, [by_weekday[c.weekday] for c in columns])


def halves(entries: Sequence[Entry]) -> Halves:
    """The lessons of one cell by the weeks they are in; listed weeks that are all odd are odd."""
    every, odd, even = [], [], []
    for entry in entries:
        match _parity(entry):
            case WeekKind.ODD:
                odd.append(entry)
            case WeekKind.EVEN:
                even.append(entry)
            case _:
                every.append(entry)
    return Halves(tuple(every), tuple(odd), tuple(even))


def without_place(rules: Iterable[Series]) -> tuple[Series, ...]:
    """The rules that wait for a place (未安排), by grade, subject and id."""
    waiting = [s for s in rules if s.weekday is None or s.period is None]
    return tuple(sorted(waiting, key=lambda s: (s.grade or 0, s.subject, s.id)))


def _parity(entry: Entry) -> WeekKind:
    if entry.weeks is None:
        return WeekKind.ALL
    if entry.weeks.kind is not WeekKind.LISTED:
        return entry.weeks.kind
    remainders = {week % 2 for week in entry.weeks.weeks}
    if len(remainders) != 1:
        return WeekKind.ALL
    return WeekKind.ODD if remainders == {1} else WeekKind.EVEN


def _week_bells(school: SchoolId, monday: date, calendar: Calendar) -> BellSet | None:
    return leading_bells(week_columns(school, monday, calendar))


def _window(series: Series, monday: date, plan: GridPlan) -> tuple[datetime, datetime] | None:
    """Clock times of a rule in this week by its host's bells, None if it has no place in it."""
    if series.weekday is None or series.period is None:
        return None
    bells = _week_bells(series.host.school, monday, plan.calendar)
    periods = {p.no: p for p in bells.periods} if bells is not None else {}
    first, last = series.period, series.period + series.span - 1
    if first not in periods or last not in periods:
        return None
    on = monday + timedelta(days=series.weekday - 1)
    return (
        datetime.combine(on, periods[first].start, plan.zone),
        datetime.combine(on, periods[last].end, plan.zone),
    )
