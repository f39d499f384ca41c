"""Every classroom's week in one line each, so that 48 rooms can be seen at once.

A line has its own school's periods: the third cell of a day is that school's third period,
whatever the clock says there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from .calendar import DayAnswer
from .grid import Entry, GridPlan, entry_of, state_of
from .grid_views import View, ViewKind, audience_of
from .ids import ClassroomId, SchoolId
from .roster import Classroom, School
from .timetable import Occurrence

_DAYS = 7
_FRIDAY = 5


@dataclass(frozen=True, slots=True)
class OverviewDay:
    """One day: the numbers of all periods that any of the schools has, and `days` by school.

    `make_up` and `off` hold if they do for every school; `outside`: some lesson touches no period
    of its school, and the day ends with one more column for those.
    """

    date: date
    numbers: tuple[int, ...]
    days: Mapping[SchoolId, DayAnswer]
    today: bool
    outside: bool

    @property
    def off(self) -> bool:
        """Whether no school teaches."""
        return not any(d.teaching for d in self.days.values())

    @property
    def make_up(self) -> bool:
        """Whether it follows another weekday at every school that teaches."""
        teaching = [d for d in self.days.values() if d.teaching]
        return bool(teaching) and all(d.weekday != self.date.isoweekday() for d in teaching)


@dataclass(frozen=True, slots=True)
class OverviewCell:
    """What a classroom does in one period; `no` None for times outside the bells.

    `off`: its school does not teach that day. `absent`: its bells have no such period.
    """

    date: date
    no: int | None
    entries: tuple[Entry, ...]
    off: bool
    absent: bool
    day_begins: bool


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One classroom's week, a cell for every column."""

    classroom: Classroom
    cells: tuple[OverviewCell, ...]

    @property
    def lessons(self) -> int:
        """How many lessons it has, each counted once."""
        return len({e.id for c in self.cells for e in c.entries})


@dataclass(frozen=True, slots=True)
class RoomGroup:
    """The classrooms of one school."""

    school: School
    lines: tuple[RoomLine, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """A week of all classrooms."""

    days: tuple[OverviewDay, ...]
    groups: tuple[RoomGroup, ...]


def rooms_overview(
    monday: date,
    shown: Iterable[Occurrence],
    plan: GridPlan,
    *,
    today: date,
    schools: Sequence[SchoolId],
) -> Overview:
    """The rooms of `schools`, in this order, that are in use at some time of the week."""
    roster = plan.roster
    last = monday + timedelta(days=_DAYS - 1)
    rooms = [
        c
        for c in roster.classrooms.values()
        if c.school in set(schools)
        and c.commissioned_on <= last
        and (c.retired_on is None or c.retired_on > monday)
    ]
    answers = {
        (school, on): plan.calendar.day(school, on)
        for school in schools
        for on in (monday + timedelta(days=n) for n in range(_DAYS))
    }
    booked = _booked(shown, plan, {c.id: c for c in rooms}, answers)
    days = _days(monday, schools, answers, booked, today)
    groups = (
        RoomGroup(
            roster.schools[school],
            tuple(_line(c, days, booked.get(c.id, {})) for c in rooms if c.school == school),
        )
        for school in schools
    )
    return Overview(days, tuple(g for g in groups if g.lines))


_Bookings = dict[ClassroomId, dict[tuple[date, int | None], list[Entry]]]


def _booked(
    shown: Iterable[Occurrence],
    plan: GridPlan,
    rooms: Mapping[ClassroomId, Classroom],
    answers: Mapping[tuple[SchoolId, date], DayAnswer],
) -> _Bookings:
    booked: _Bookings = {}
    for occurrence in shown:
        # What all rooms of a school see alike is worked out once.
        alike: dict[SchoolId, Entry] = {}
        for room in _rooms_of(occurrence, rooms):
            day = answers.get((room.school, occurrence.date))
            if day is None:
                continue
            entry = alike.get(room.school)
            if entry is None:
                view = View(ViewKind.SCHOOL, room.school)
                audience = audience_of(view, occurrence, plan.roster) or ()
                entry = alike[room.school] = entry_of(occurrence, audience, plan, day)
            if occurrence.changes:
                # A seat may be withdrawn alone.
                own = audience_of(View(ViewKind.CLASSROOM, room.id), occurrence, plan.roster) or ()
                entry = replace(entry, audience=own, state=state_of(occurrence, own, plan))
            cells = booked.setdefault(room.id, {})
            for no in entry.periods or (None,):
                cells.setdefault((occurrence.date, no), []).append(entry)
    for cells in booked.values():
        for entries in cells.values():
            entries.sort(key=lambda e: (e.start, e.id))
    return booked


def _rooms_of(occurrence: Occurrence, rooms: Mapping[ClassroomId, Classroom]) -> list[Classroom]:
    idents = dict.fromkeys((occurrence.host.classroom, *(s.classroom for s in occurrence.seats)))
    return [rooms[ident] for ident in idents if ident in rooms]


def _days(
    monday: date,
    schools: Sequence[SchoolId],
    answers: Mapping[tuple[SchoolId, date], DayAnswer],
    booked: _Bookings,
    today: date,
) -> tuple[OverviewDay, ...]:
    taken = {key for cells in booked.values() for key in cells}
    days = []
    for on in (monday + timedelta(days=n) for n in range(_DAYS)):
        mine = {school: answers[school, on] for school in schools}
        taught = any(d.teaching for d in mine.values()) or any(day == on for day, _ in taken)
        if on.isoweekday() > _FRIDAY and not taught:
            continue
        numbers = {
            p.no for d in mine.values() if d.bell_set is not None for p in d.bell_set.periods
        }
        days.append(OverviewDay(on, tuple(sorted(numbers)), mine, on == today, (on, None) in taken))
    return tuple(days)


def _line(
    room: Classroom,
    days: Sequence[OverviewDay],
    cells: Mapping[tuple[date, int | None], Sequence[Entry]],
) -> RoomLine:
    line = []
    for day in days:
        answer = day.days[room.school]
        bells = answer.bell_set.periods if answer.bell_set is not None else ()
        own = {p.no for p in bells}
        columns: tuple[int | None, ...] = (*day.numbers, None) if day.outside else day.numbers
        for n, no in enumerate(columns):
            line.append(
                OverviewCell(
                    day.date,
                    no,
                    tuple(cells.get((day.date, no), ())),
                    off=not answer.teaching,
                    absent=no is not None and no not in own,
                    day_begins=n == 0,
                )
            )
    return RoomLine(room, tuple(line))
