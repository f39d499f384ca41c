"""Warnings: what an administrator may publish over, but ought to have seen.

A lesson is judged as it stands, past or to come. Withdrawn lessons and withdrawn seats warn of
nothing. "Its day" is the lesson's civil `date`; a seat's school is that of its classroom. How each
rule of the design is read:

- `not_teaching`: the seat's school does not teach on its day, by its calendar: a day off, a
  weekend, or outside every term. The host's own days are the host's decision and warn of nothing.
- `unmapped_day`: its day is a make-up day of which nobody said which weekday it follows. Asked of
  the host school (`seat` is None: it concerns the lesson) and of each seat's school. Such a day is
  a teaching day, so never `not_teaching` as well.
- `local_break`: some of the lesson lies between two periods of the seat's school, by the bell set
  of that day, on a day it teaches (a day off has no breaks). Half-open: a lesson that begins with
  one period and ends with it touches no break, and periods that follow each other without a pause
  have none between them. A lesson that is one period at the host and straddles two at the remote
  school covers the break between these. Time before the first and after the last period is no
  break. A lesson over midnight is judged by the bells of both days.
- `not_commissioned`: the seat's classroom is not yet, or no more, in commission on its day;
  `retired_on` is the first day it no longer is.
- `capacity`: the seat's expected head count is greater than the room's capacity, both being known.
- `no_assistant`: the seat names no assistant, in a plan in which at least one seat does (withdrawn
  or not). Where nobody names any, assistants are not this plan's business.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from .bookings import instant
from .calendar import Calendar, days_between
from .ids import BellSetId, OccurrenceId, SchoolId, SeatId
from .roster import BellSet, Roster
from .timetable import Occurrence


class WarningRule(StrEnum):
    """The rules, in the order in which a lesson's warnings are told."""

    NOT_TEACHING = "not_teaching"
    LOCAL_BREAK = "local_break"
    NOT_COMMISSIONED = "not_commissioned"
    CAPACITY = "capacity"
    UNMAPPED_DAY = "unmapped_day"
    NO_ASSISTANT = "no_assistant"


_ORDER: Final = {rule: number for number, rule in enumerate(WarningRule)}


class PlanWarning(NamedTuple):
    """One rule that a seat, or for None the lesson as such, does not keep."""

    rule: WarningRule
    occurrence: OccurrenceId
    seat: SeatId | None = None


_Pauses = tuple[tuple[timedelta, timedelta], ...]
# A date, and from when to when since its midnight; may begin before and end after the day.
_Hours = tuple[date, timedelta, timedelta]


class _SchoolDay(NamedTuple):
    """What a school's date says: `pauses` between its periods, as time since midnight."""

    teaching: bool
    unmapped: bool
    pauses: _Pauses


class WarningContext:
    """Roster and calendar, each school and date looked up once.

    `assistants`: whether the plan names any (see `names_assistants`). `calendar`, if given, must be
    that of the same roster. Make a new one after either changed.
    """

    def __init__(
        self, roster: Roster, *, assistants: bool, calendar: Calendar | None = None
    ) -> None:
        self.roster = roster
        self.assistants = assistants
        self._zone = ZoneInfo(roster.timezone)
        self._calendar = calendar or Calendar(roster)
        self._days: dict[tuple[SchoolId, date], _SchoolDay] = {}
        self._pauses: dict[BellSetId, _Pauses] = {}

    def day(self, school: SchoolId, on: date) -> _SchoolDay:
        """What warnings need of a school's date."""
        found = self._days.get((school, on))
        if found is None:
            answer = self._calendar.day(school, on)
            pauses = self._pauses_of(answer.bell_set) if answer.teaching else ()
            found = _SchoolDay(answer.teaching, answer.unmapped, pauses)
            self._days[school, on] = found
        return found

    def local(self, at: datetime) -> datetime:
        """What the clocks on the programme's walls show then, naive."""
        return at.astimezone(self._zone).replace(tzinfo=None)

    def _pauses_of(self, bell_set: BellSet | None) -> _Pauses:
        if bell_set is None:
            return ()
        if bell_set.id not in self._pauses:
            periods = sorted(bell_set.periods, key=lambda p: p.start)
            self._pauses[bell_set.id] = tuple(
                (_since_midnight(before.end), _since_midnight(after.start))
                for before, after in pairwise(periods)
                if before.end < after.start
            )
        return self._pauses[bell_set.id]


def _since_midnight(clock: time) -> timedelta:
    return datetime.combine(date.min, clock) - datetime.combine(date.min, time())


def names_assistants(occurrences: Iterable[Occurrence]) -> bool:
    """Whether at least one seat names an assistant."""
    return any(seat.assistant is not None for o in occurrences for seat in o.seats)


def warnings_of(occurrence: Occurrence, context: WarningContext) -> tuple[PlanWarning, ...]:
    """The warnings of one lesson, in the order of the rules, then of its seats.

    Raises KeyError if a classroom is not in the roster.
    """
    found = _without_assistants(occurrence, context)
    if context.assistants:
        found += [
            PlanWarning(WarningRule.NO_ASSISTANT, occurrence.id, seat)
            for seat in _unattended(occurrence)
        ]
    return tuple(found)


def check(occurrences: Iterable[Occurrence], roster: Roster) -> tuple[PlanWarning, ...]:
    """The warnings of a whole plan by start, then id, then as `warnings_of`."""
    checked = WarningCheck(roster)
    for occurrence in occurrences:
        checked.add(occurrence)
    return checked.warnings()


class WarningCheck:
    """The warnings of a plan whose occurrences come one by one and need not be kept.

    Whether the plan names assistants is known at its end only. Until then seats without one are
    kept as text, some twenty bytes each: a province has millions of them.
    """

    def __init__(self, roster: Roster, calendar: Calendar | None = None) -> None:
        self._context = WarningContext(roster, assistants=False, calendar=calendar)
        self._named = False
        self._found: list[tuple[int, PlanWarning]] = []
        self._starts = array("q")
        # The lesson and its seats without assistant; no id has a space in it.
        self._unattended: list[str] = []

    def add(self, occurrence: Occurrence) -> None:
        """Take an occurrence in, once."""
        self._named = self._named or names_assistants((occurrence,))
        start = instant(occurrence.starts_at)
        self._found += [(start, w) for w in _without_assistants(occurrence, self._context)]
        if unattended := _unattended(occurrence):
            self._starts.append(start)
            self._unattended.append(" ".join((occurrence.id, *unattended)))

    def warnings(self) -> tuple[PlanWarning, ...]:
        """Every warning of what was added, by start, then id, then as `warnings_of`."""
        found = list(self._found)
        if self._named:
            for start, text in zip(self._starts, self._unattended, strict=True):
                occurrence, *seats = text.split()
                found += [
                    (
                        start,
                        PlanWarning(
                            WarningRule.NO_ASSISTANT, OccurrenceId(occurrence), SeatId(seat)
                        ),
                    )
                    for seat in seats
                ]
        # Stable: of one lesson they are in order already, those of assistants last.
        found.sort(key=lambda each: (each[0], each[1].occurrence))
        return tuple(warning for _, warning in found)


def _without_assistants(occurrence: Occurrence, context: WarningContext) -> list[PlanWarning]:
    """What the rules but `no_assistant` say of a lesson, in order."""
    found: list[PlanWarning] = []
    if occurrence.withdrawn:
        return found
    on, ident, rooms = occurrence.date, occurrence.id, context.roster.classrooms
    if context.day(occurrence.host.school, on).unmapped:
        found.append(PlanWarning(WarningRule.UNMAPPED_DAY, ident))
    of_schools: dict[SchoolId, list[WarningRule]] = {}
    hours = _hours(occurrence, context)
    for seat in occurrence.active_seats:
        room = rooms[seat.classroom]
        of_school = of_schools.get(room.school)
        if of_school is None:
            of_school = of_schools[room.school] = _of_school(on, hours, room.school, context)
        if of_school:
            found += [PlanWarning(rule, ident, seat.id) for rule in of_school]
        if on < room.commissioned_on or (room.retired_on is not None and room.retired_on <= on):
            found.append(PlanWarning(WarningRule.NOT_COMMISSIONED, ident, seat.id))
        if (
            seat.expected is not None
            and room.capacity is not None
            and seat.expected > room.capacity
        ):
            found.append(PlanWarning(WarningRule.CAPACITY, ident, seat.id))
    if len(found) > 1:
        found.sort(key=lambda warning: _ORDER[warning.rule])
    return found


def _unattended(occurrence: Occurrence) -> list[SeatId]:
    """The seats that take place and name no assistant."""
    if occurrence.withdrawn:
        return []
    return [seat.id for seat in occurrence.active_seats if seat.assistant is None]


def _of_school(
    on: date, hours: Iterable[_Hours], school: SchoolId, context: WarningContext
) -> list[WarningRule]:
    """The rules that every seat of a school breaks in a lesson on this day, at these hours."""
    day = context.day(school, on)
    broken = []
    if not day.teaching:
        broken.append(WarningRule.NOT_TEACHING)
    for of_day, first, last in hours:
        pauses = day.pauses if of_day == on else context.day(school, of_day).pauses
        if _in_a_pause(first, last, pauses):
            broken.append(WarningRule.LOCAL_BREAK)
            break
    if day.unmapped:
        broken.append(WarningRule.UNMAPPED_DAY)
    return broken


def _in_a_pause(first: timedelta, last: timedelta, pauses: _Pauses) -> bool:
    # A plain loop: this is asked millions of times, and nearly always in vain.
    for pause_from, pause_to in pauses:  # noqa: SIM110
        if first < pause_to and pause_from < last:
            return True
    return False


def _hours(occurrence: Occurrence, context: WarningContext) -> list[_Hours]:
    """When the lesson is on each date it touches, by the clock on the wall."""
    begins, ends = context.local(occurrence.starts_at), context.local(occurrence.ends_at)
    hours = []
    for on in days_between(begins.date(), ends.date()):
        midnight = datetime.combine(on, time())
        hours.append((on, begins - midnight, ends - midnight))
    return hours
