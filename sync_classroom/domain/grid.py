"""A week as people read it: rows 节次 with clock times, columns weekdays, lessons in the cells.

Values only, for pages, print and spreadsheets alike. A grid is seen by one school and has that
school's bells: a lesson given by another school's clock is put into every period it shares time
with (`Piece`), and says so where it keeps none of this school's bells (`Entry.aligned`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from .calendar import Calendar, DayAnswer, periods_touched
from .crediting import SeatState
from .grid_views import Audience, View, audience_of, school_of
from .ids import OccurrenceId, SchoolId, SeriesId, TeacherId
from .roster import BellSet, Period, Roster
from .series import Series, WeekRule
from .timetable import ChangeKind, Host, Occurrence

# A pause of this length is a row of its own; a shorter one is the walk to the next room.
BREAK_S: Final = 900
LUNCH_S: Final = 2700
# Only a long pause at this time of day is lunch; a long one before evening lessons is a break.
_LUNCH_FROM, _LUNCH_TO = time(11), time(14)
_DAYS: Final = 7
_FRIDAY: Final = 5


class RowKind(StrEnum):
    """What a row stands for: 节次, 大课间, 午休, or times outside all of them."""

    PERIOD = "period"
    BREAK = "break"
    LUNCH = "lunch"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. `no` only of a period; `start`, `end` civil, None for times outside the bells.

    The times are those of most of the week's days; a day with other bells is in `Column.bells`.
    """

    kind: RowKind
    no: int | None = None
    start: time | None = None
    end: time | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """One day; in a pattern `date` and `day` are None, and `weekday` alone names it.

    `bells` are the viewing school's, `own_bells`: they have other times than the rows say.
    """

    weekday: int
    date: date | None = None
    day: DayAnswer | None = None
    bells: BellSet | None = None
    today: bool = False
    own_bells: bool = False

    @property
    def teaching(self) -> bool:
        """Whether the school teaches; a pattern's days all do."""
        return self.day is None or self.day.teaching

    @property
    def make_up(self) -> bool:
        """Whether it follows another weekday's timetable (补), or nobody said whose."""
        return self.day is not None and self.day.teaching and self.day.weekday != self.weekday

    def clock(self, no: int) -> Period | None:
        """This day's own times of a period; None if its bells have no such period."""
        periods = self.bells.periods if self.bells is not None else ()
        return next((p for p in periods if p.no == no), None)


class EntryState(StrEnum):
    """What became of a lesson (待开, 直播中, 已完成, 部分, 缺, 停课, 调走)."""

    WAITING = "waiting"
    LIVE = "live"
    HELD = "held"
    PARTIAL = "partial"
    MISSED = "missed"
    CANCELLED = "cancelled"
    AWAY = "away"


# Evidence that is known to be lost may still turn up: until then it is a part.
_PROVEN: Final = {
    SeatState.HELD: EntryState.HELD,
    SeatState.PARTIAL: EntryState.PARTIAL,
    SeatState.UNKNOWN: EntryState.PARTIAL,
    SeatState.MISSED: EntryState.MISSED,
}


class MarkKind(StrEnum):
    """How a lesson differs from its rule: 调, 代, 补, and, where it was first planned, 调走."""

    MOVED = "moved"
    SUBSTITUTE = "substitute"
    MAKE_UP = "make_up"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Mark:
    """One difference with its original.

    `at` and `day`: where a moved lesson was, or went (`day` alone if only that is known).
    `teacher`: whom a substitute stands in for. `weekday`, `week`: what a make-up day follows.
    """

    kind: MarkKind
    at: datetime | None = None
    day: date | None = None
    teacher: TeacherId | None = None
    weekday: int | None = None
    week: int | None = None


class Piece(StrEnum):
    """Which part of a lesson stands in a cell, from top to bottom."""

    WHOLE = "whole"
    FIRST = "first"
    MIDDLE = "middle"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Entry:
    """One lesson in one cell; `id` is an occurrence's, in a pattern a series'.

    `start`, `end` are civil. `periods` are the numbers of this school's periods it shares time
    with, `aligned`: it begins and ends with them. `audience` are the seats this view is about.
    """

    id: str
    subject: str
    title: str
    start: time
    end: time
    host: Host
    audience: tuple[Audience, ...]
    state: EntryState
    piece: Piece = Piece.WHOLE
    periods: tuple[int, ...] = ()
    aligned: bool = True
    marks: tuple[Mark, ...] = ()
    weeks: WeekRule | None = None
    occurrence: Occurrence | None = None
    series: Series | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """`cells[row, column]` by index; a cell without lessons is not in it."""

    view: View
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    cells: Mapping[tuple[int, int], tuple[Entry, ...]]

    def at(self, row: int, column: int) -> tuple[Entry, ...]:
        """The lessons of a cell, by start."""
        return self.cells.get((row, column), ())

    @property
    def lessons(self) -> int:
        """How many lessons stand in it, each counted once, withdrawn ones not."""
        gone = (EntryState.CANCELLED, EntryState.AWAY)
        return len({e.id for cell in self.cells.values() for e in cell if e.state not in gone})


@dataclass(frozen=True, slots=True)
class GridPlan:
    """What a week is drawn from: lessons by id (also those a move points to), rules, states."""

    roster: Roster
    calendar: Calendar
    zone: tzinfo
    lessons: Mapping[OccurrenceId, Occurrence]
    series: Mapping[SeriesId, Series] = field(default_factory=dict)
    states: Mapping[OccurrenceId, EntryState] = field(default_factory=dict)


def week_grid(
    view: View, monday: date, shown: Iterable[Occurrence], plan: GridPlan, *, today: date
) -> Grid:
    """The seven days from `monday`; Saturday and Sunday only if taught or if they have lessons.

    `shown` are the lessons of that week, of anybody: those the view is not about are left out.
    """
    school = school_of(view, plan.roster)
    by_day: dict[date, list[Entry]] = {}
    for occurrence in shown:
        audience = audience_of(view, occurrence, plan.roster)
        if audience is not None:
            day = plan.calendar.day(school, occurrence.date)
            entry = entry_of(occurrence, audience, plan, day)
            by_day.setdefault(occurrence.date, []).append(entry)
    columns = week_columns(school, monday, plan.calendar, today=today, taught=by_day)
    return laid_out(view, columns, [by_day.get(c.date, []) if c.date else [] for c in columns])


def week_columns(
    school: SchoolId,
    monday: date,
    calendar: Calendar,
    *,
    today: date | None = None,
    taught: Container[date] = (),
) -> list[Column]:
    """A school's days from `monday`; a weekend day only if it is taught or in `taught`."""
    columns = []
    for n in range(_DAYS):
        on = monday + timedelta(days=n)
        day = calendar.day(school, on)
        if on.isoweekday() <= _FRIDAY or day.teaching or on in taught:
            columns.append(Column(on.isoweekday(), on, day, day.bell_set, on == today))
    return columns


def laid_out(view: View, columns: Sequence[Column], entries: Sequence[Sequence[Entry]]) -> Grid:
    """Columns and the lessons of each, put into rows."""
    leading = leading_bells(columns)
    rows = rows_of(columns, leading)
    cells: dict[tuple[int, int], list[Entry]] = {}
    outside = Row(RowKind.OUTSIDE)
    for index, day in enumerate(entries):
        for entry in sorted(day, key=lambda e: (e.start, e.host.classroom, e.id)):
            places = _rows_for(entry, rows)
            if not places:
                if rows[-1:] != [outside]:
                    rows.append(outside)
                places = [len(rows) - 1]
            for n, row in enumerate(places):
                piece = _piece(n, len(places))
                cells.setdefault((row, index), []).append(replace(entry, piece=piece))
    own = leading.periods if leading is not None else ()
    marked = tuple(
        replace(c, own_bells=c.bells is not None and c.bells.periods != own) for c in columns
    )
    return Grid(view, tuple(rows), marked, {k: tuple(v) for k, v in cells.items()})


def entry_of(
    occurrence: Occurrence, audience: tuple[Audience, ...], plan: GridPlan, day: DayAnswer
) -> Entry:
    """One lesson as its cell shows it; `day` is the viewing school's."""
    begins = occurrence.starts_at.astimezone(plan.zone)
    ends = occurrence.ends_at.astimezone(plan.zone)
    touched = _touched(day.bell_set, begins, ends, plan.zone)
    return Entry(
        id=occurrence.id,
        subject=occurrence.subject,
        title=occurrence.title,
        start=begins.time(),
        end=ends.time(),
        host=occurrence.host,
        audience=audience,
        state=state_of(occurrence, audience, plan),
        periods=tuple(p.no for p in touched),
        aligned=is_aligned(begins.time(), ends.time(), touched),
        marks=marks_of(occurrence, plan),
        occurrence=occurrence,
        series=plan.series.get(occurrence.slot.series) if occurrence.slot is not None else None,
    )


def marks_of(occurrence: Occurrence, plan: GridPlan) -> tuple[Mark, ...]:
    """调, 代, 补 of one lesson, each with the original."""
    marks = []
    gone = next((c for c in occurrence.changes if c.kind is ChangeKind.MOVED), None)
    if gone is not None:
        target = plan.lessons.get(gone.to) if gone.to is not None else None
        at = target.starts_at if target is not None else None
        marks.append(Mark(MarkKind.AWAY, at, target.date if target is not None else None))
    slot = occurrence.slot
    series = plan.series.get(slot.series) if slot is not None else None
    origin = plan.lessons.get(occurrence.moved_from) if occurrence.moved_from else None
    if origin is not None:
        marks.append(Mark(MarkKind.MOVED, origin.starts_at, origin.date))
    elif slot is not None and (occurrence.moved_from or slot.date != occurrence.date):
        marks.append(Mark(MarkKind.MOVED, day=slot.date))
    elif slot is not None and slot.own and series is not None:
        due = _due_start(series, slot.date, plan)
        if due is not None and due != occurrence.starts_at:
            marks.append(Mark(MarkKind.MOVED, due, slot.date))
    if series is not None and series.host.teacher != occurrence.host.teacher:
        marks.append(Mark(MarkKind.SUBSTITUTE, teacher=series.host.teacher))
    host_day = plan.calendar.day(occurrence.host.school, occurrence.date)
    own_rule = slot is not None and slot.date == occurrence.date
    if own_rule and host_day.teaching and host_day.weekday != occurrence.date.isoweekday():
        marks.append(Mark(MarkKind.MAKE_UP, weekday=host_day.weekday, week=host_day.week))
    return tuple(marks)


def state_of(occurrence: Occurrence, audience: tuple[Audience, ...], plan: GridPlan) -> EntryState:
    """What to show for a lesson: withdrawn for this audience, or what `plan.states` knows of it."""
    kinds = {c.kind for c in occurrence.changes}
    # Moved before cancelled: both withdraw it, and the new place is what people look for.
    if ChangeKind.MOVED in kinds:
        return EntryState.AWAY
    if ChangeKind.CANCELLED in kinds or (audience and all(a.withdrawn for a in audience)):
        return EntryState.CANCELLED
    return plan.states.get(occurrence.id, EntryState.WAITING)


def proven_state(seats: Iterable[SeatState]) -> EntryState:
    """What a lesson that is over was for these seats: all of it, nothing, or a part.

    Withdrawn seats say nothing; a lesson with none that was due stays as it was planned.
    """
    due = {_PROVEN[s] for s in seats if s in _PROVEN}
    if not due:
        return EntryState.WAITING
    return due.pop() if len(due) == 1 else EntryState.PARTIAL


def is_aligned(start: time, end: time, touched: Sequence[Period]) -> bool:
    """Whether a lesson begins and ends with the periods it shares time with."""
    return bool(touched) and touched[0].start == start and touched[-1].end == end


def rows_of(columns: Sequence[Column], leading: BellSet | None) -> list[Row]:
    """Every period that any column has, and the long pauses of the leading bells between them."""
    own = {p.no: p for p in leading.periods} if leading is not None else {}
    periods = dict(own)
    for column in columns:
        for period in column.bells.periods if column.bells is not None else ():
            periods.setdefault(period.no, period)
    rows: list[Row] = []
    before: Period | None = None
    for period in sorted(periods.values(), key=lambda p: p.no):
        if before is not None and before.no in own and period.no in own:
            pause = pause_between(before, period)
            if pause is not None:
                rows.append(pause)
        rows.append(Row(RowKind.PERIOD, period.no, period.start, period.end))
        before = period
    return rows


def pause_between(before: Period, after: Period) -> Row | None:
    """大课间 or 午休 between two periods, None for a pause that needs no row."""
    seconds = _seconds(after.start) - _seconds(before.end)
    if seconds < BREAK_S:
        return None
    at_noon = before.end < _LUNCH_TO and after.start > _LUNCH_FROM
    kind = RowKind.LUNCH if seconds >= LUNCH_S and at_noon else RowKind.BREAK
    return Row(kind, None, before.end, after.start)


def leading_bells(columns: Sequence[Column]) -> BellSet | None:
    """The bells of most teaching days, the earlier day's if two have as many."""
    bells = [c.bells for c in columns if c.teaching and c.bells is not None]
    bells = bells or [c.bells for c in columns if c.bells is not None]
    if not bells:
        return None
    most = Counter(b.id for b in bells).most_common(1)[0][0]
    return next(b for b in bells if b.id == most)


def _touched(
    bells: BellSet | None, begins: datetime, ends: datetime, zone: tzinfo
) -> Sequence[Period]:
    """`periods_touched` of local instants, which for a lesson within one day are clock times."""
    if bells is None:
        return ()
    if begins.date() != ends.date():
        return periods_touched(bells, begins, ends, zone)
    start, end = begins.time(), ends.time()
    return [p for p in bells.periods if p.start < end and start < p.end]


def _rows_for(entry: Entry, rows: Sequence[Row]) -> list[int]:
    """Indices of the rows a lesson stands in: its periods with the pauses between them, or the
    pause it lies in."""
    mine = [n for n, r in enumerate(rows) if r.kind is RowKind.PERIOD and r.no in entry.periods]
    if mine:
        return list(range(mine[0], mine[-1] + 1))
    return [
        n
        for n, r in enumerate(rows)
        if r.kind in (RowKind.BREAK, RowKind.LUNCH)
        and r.start is not None
        and r.end is not None
        and r.start <= entry.start < r.end
    ]


def _piece(number: int, of: int) -> Piece:
    if of == 1:
        return Piece.WHOLE
    if number == 0:
        return Piece.FIRST
    return Piece.LAST if number == of - 1 else Piece.MIDDLE


def _due_start(series: Series, on: date, plan: GridPlan) -> datetime | None:
    """When the rule would have begun that day, None if it has no place or the day no period."""
    bells = plan.calendar.day(series.host.school, on).bell_set
    for period in bells.periods if bells is not None else ():
        if period.no == series.period:
            return datetime.combine(on, period.start, plan.zone)
    return None


def _seconds(clock: time) -> int:
    return clock.hour * 3600 + clock.minute * 60 + clock.second
