"""Where a lesson could take place instead: every period of some days, and the free ones nearby.

A place is a date and a period of the host school's bells. It is judged as the plan would be with
the lesson there: what blocks it is asked of the clash index and the host's calendar, what speaks
against it of the same warnings as everywhere. Each place costs its lesson's resources times a
bisection, so a week is some thousand look-ups, whatever the length of the term.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from .bookings import Clash, ResourceKind
from .calendar import Calendar, days_between, iso_week, periods_touched
from .clash_index import ClashIndex
from .edits import Place
from .ids import OccurrenceId, SeatId
from .roster import Period, Roster
from .timetable import ChangeKind, Occurrence
from .warnings import PlanWarning, WarningContext, WarningRule, warnings_of

# Whoever must move a lesson looks some weeks around; further away is another plan, and a search
# that finds nothing has to end.
_WEEKS_AROUND: Final = 4
# What depends on where the lesson is; the rest it has wherever it goes.
_OF_PLACE: Final = frozenset(
    {
        WarningRule.NOT_TEACHING,
        WarningRule.LOCAL_BREAK,
        WarningRule.NOT_COMMISSIONED,
        WarningRule.UNMAPPED_DAY,
    }
)


class Hindrance(StrEnum):
    """Why a lesson cannot take place somewhere."""

    PAST = "past"
    HOST_NOT_TEACHING = "host_not_teaching"
    NO_PERIODS_LEFT = "no_periods_left"
    TAKEN = "taken"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing in the way. Only a `taken` one has the rest.

    `kind` and `resource` say what is taken, `lesson` by which other lesson (by this one itself, if
    it books the resource twice), `seat` for which seat of this lesson it is wanted; None for its
    host side.
    """

    why: Hindrance
    kind: ResourceKind | None = None
    resource: str | None = None
    lesson: OccurrenceId | None = None
    seat: SeatId | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One place, judged. `[starts_at, ends_at)` is when the lesson would be, aware.

    `warnings` are those the place would bring, in the order of the rules; an administrator may
    publish over them, so a target with warnings is free all the same.
    """

    place: Place
    starts_at: datetime
    ends_at: datetime
    obstacles: tuple[Obstacle, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()

    @property
    def free(self) -> bool:
        """Whether the lesson can go there."""
        return not self.obstacles


class Nearness(StrEnum):
    """Why a place is suggested: how near it is to where the lesson is now."""

    SAME_DAY = "same_day"
    SAME_WEEK = "same_week"
    OTHER_WEEK = "other_week"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A place that is free for the lesson and every seat of it.

    `warnings` is empty, or names seats whose school has its break then; anything worse is not
    suggested.
    """

    place: Place
    starts_at: datetime
    ends_at: datetime
    reason: Nearness
    warnings: tuple[PlanWarning, ...] = ()


def targets(
    lesson: Occurrence,
    first: date,
    last: date,
    *,
    index: ClashIndex,
    calendar: Calendar,
    roster: Roster,
    zone: tzinfo,
    now: datetime,
) -> tuple[Target, ...]:
    """Every period of the host school on each date of `[first, last]`, in order, judged.

    The place of the lesson itself is among them. A host school without bells has no places.
    """
    finder = _Finder(lesson, index, calendar, roster, zone, now)
    return tuple(t for on in days_between(first, last) for t in finder.of_day(on))


def free_places(
    lesson: Occurrence,
    *,
    index: ClashIndex,
    calendar: Calendar,
    roster: Roster,
    zone: tzinfo,
    now: datetime,
    limit: int,
) -> tuple[Suggestion, ...]:
    """Up to `limit` other places that are free for the lesson and all its seats, best first.

    Best is the same day, then the same week, then up to four weeks around, each by distance in
    days and then in periods; a place in some school's break comes after all that have no warning.
    Every one was asked of the index and the calendars before it is returned.
    """
    finder = _Finder(lesson, index, calendar, roster, zone, now)
    clean: list[Suggestion] = []
    in_breaks: list[Suggestion] = []
    for on in _days_around(lesson.date):
        for target in finder.by_distance(on):
            if not target.free or target.starts_at == lesson.starts_at:
                continue
            rules = {warning.rule for warning in target.warnings}
            if rules <= {WarningRule.LOCAL_BREAK}:
                found = in_breaks if rules else clean
                found.append(_suggestion(lesson, target))
            if len(clean) >= limit:
                return tuple(clean[:limit])
    return tuple((clean + in_breaks)[:limit])


def clashing_seat(lesson: Occurrence, clash: Clash) -> SeatId | None:
    """The first seat of the lesson that wants what is clashed for; None for its host side."""
    for seat in lesson.active_seats:
        wanted = {
            ResourceKind.CLASSROOM: seat.classroom,
            ResourceKind.CLASS: seat.school_class,
        }.get(clash.kind)
        if wanted == clash.resource:
            return seat.id
    return None


class _Finder:
    """Judges places of one lesson."""

    def __init__(
        self,
        lesson: Occurrence,
        index: ClashIndex,
        calendar: Calendar,
        roster: Roster,
        zone: tzinfo,
        now: datetime,
    ) -> None:
        # A withdrawn lesson is asked about because it might take place after all.
        stays = (c for c in lesson.changes if c.kind is ChangeKind.SEAT_CANCELLED)
        self._lesson = replace(lesson, changes=tuple(stays))
        self._index = index
        self._calendar = calendar
        self._context = WarningContext(roster, assistants=False, calendar=calendar)
        self._zone = zone
        self._now = now
        own = self._periods(lesson.date)
        bells = calendar.day(lesson.host.school, lesson.date).bell_set
        held = periods_touched(bells, lesson.starts_at, lesson.ends_at, zone) if bells else ()
        self._span = max(1, len(held))
        self._first = own.index(held[0]) if held else None

    def of_day(self, on: date) -> Iterator[Target]:
        """Every period of a date, in order."""
        periods = self._periods(on)
        for number in range(len(periods)):
            yield self._judged(on, periods[number:])

    def by_distance(self, on: date) -> Iterable[Target]:
        """Every period of a date, those nearest to the lesson's own first."""
        judged = list(self.of_day(on))
        if self._first is None:
            return judged
        own = self._first
        order = sorted(range(len(judged)), key=lambda number: (abs(number - own), number))
        return [judged[number] for number in order]

    def _periods(self, on: date) -> tuple[Period, ...]:
        bells = self._calendar.day(self._lesson.host.school, on).bell_set
        return () if bells is None else tuple(sorted(bells.periods, key=lambda p: p.start))

    def _judged(self, on: date, periods: tuple[Period, ...]) -> Target:
        """The lesson from the first of these periods on."""
        taken = periods[: self._span]
        place = Place(on, period=taken[0].no)
        starts_at = datetime.combine(on, taken[0].start, self._zone)
        ends_at = datetime.combine(on, taken[-1].end, self._zone)
        there = replace(self._lesson, date=on, starts_at=starts_at, ends_at=ends_at)
        obstacles: list[Obstacle] = []
        if starts_at <= self._now:
            obstacles.append(Obstacle(Hindrance.PAST))
        if not self._calendar.day(self._lesson.host.school, on).teaching:
            obstacles.append(Obstacle(Hindrance.HOST_NOT_TEACHING))
        if len(taken) < self._span:
            obstacles.append(Obstacle(Hindrance.NO_PERIODS_LEFT))
        obstacles += (self._taken(clash) for clash in self._index.clashes_of(there))
        warnings = tuple(w for w in warnings_of(there, self._context) if w.rule in _OF_PLACE)
        return Target(place, starts_at, ends_at, tuple(obstacles), warnings)

    def _taken(self, clash: Clash) -> Obstacle:
        first, second = clash.occurrences
        return Obstacle(
            Hindrance.TAKEN,
            clash.kind,
            clash.resource,
            second if first == self._lesson.id else first,
            clashing_seat(self._lesson, clash),
        )


def _suggestion(lesson: Occurrence, target: Target) -> Suggestion:
    on = target.place.date
    if on == lesson.date:
        reason = Nearness.SAME_DAY
    elif iso_week(on) == iso_week(lesson.date):
        reason = Nearness.SAME_WEEK
    else:
        reason = Nearness.OTHER_WEEK
    return Suggestion(target.place, target.starts_at, target.ends_at, reason, target.warnings)


def _days_around(on: date) -> list[date]:
    """The dates some weeks around, best first: the day, its week, the others by distance."""
    around = timedelta(weeks=_WEEKS_AROUND)
    week = iso_week(on)
    return sorted(
        days_between(on - around, on + around),
        key=lambda day: (iso_week(day) != week, abs(day - on), day),
    )
