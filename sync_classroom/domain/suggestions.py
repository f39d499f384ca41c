"""Where a lesson could take place instead: every period of some days, and the free ones nearby.

A place is a date and a period of the host school's bells. It is judged as the plan would be with
the lesson there: what blocks it is asked of the clash index and the host's calendar, what speaks
against it of the same warnings as everywhere. Each place costs its lesson's resources times a
bisection, so a week is some thousand look-ups, whatever the length of the term.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, NamedTuple

from .bookable import MAX_DURATION, check_seat, host_of
from .bookings import (
    Booking,
    Resource,
    ResourceKind,
    booked_twice,
    booking_of,
    resources,
)
from .calendar import Calendar, days_between, iso_week, periods_touched
from .clash_index import ClashIndex
from .edit_lessons import span_of
from .edit_sheet import asked
from .edits import Place
from .ids import ClassroomId, OccurrenceId, SeatId
from .problems import ProblemError
from .roster import Period, Roster
from .series import Expander, Series, lesson_window, occurrence_of
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
    OUTSIDE_TERM = "outside_term"
    HOST_NOT_TEACHING = "host_not_teaching"
    NO_PERIODS_LEFT = "no_periods_left"
    TOO_LONG = "too_long"
    NOT_BOOKABLE = "not_bookable"
    TAKEN = "taken"


class Obstacle(NamedTuple):
    """One thing in the way. Only `not_bookable` and `taken` ones have the rest.

    `kind` and `resource` say what is taken, `lesson` by which other lesson (by this one itself, if
    it books the resource twice), `seat` for which seat of this lesson it is wanted; None for its
    host side. A classroom is not bookable where an edit would refuse it: not in use on that date,
    of a school not in the programme.
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


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """One weekday and period for a rule.

    `lessons` it would have there from now on; `without_period` are dates whose bells have no such
    period, `obstacles` what else is taken, by date. An obstacle names no seat: a rule has none yet.
    """

    weekday: int
    period: int
    lessons: int
    without_period: tuple[date, ...] = ()
    obstacles: tuple[tuple[date, Obstacle], ...] = ()

    @property
    def free(self) -> bool:
        """Whether every lesson of the rule can take place there."""
        return not self.without_period and not self.obstacles


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
    return tuple(
        finder.judged(there) for on in days_between(first, last) for there in finder.of_day(on)
    )


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
        for there in finder.by_distance(on):
            if there.starts_at == lesson.starts_at or not finder.free(there):
                continue
            warnings = finder.warnings(there)
            rules = {warning.rule for warning in warnings}
            if rules <= {WarningRule.LOCAL_BREAK}:
                found = in_breaks if rules else clean
                found.append(_suggestion(lesson, there, warnings))
            if len(clean) >= limit:
                return tuple(clean[:limit])
    return tuple((clean + in_breaks)[:limit])


def rule_targets(
    series: Series,
    *,
    index: ClashIndex,
    calendar: Calendar,
    roster: Roster,
    zone: tzinfo,
    now: datetime,
) -> tuple[RuleTarget, ...]:
    """Every weekday and period a rule could have, judged over its lessons to come.

    For a rule without a place yet, and for moving one: its own lessons are not in its way. Weekdays
    on which the host school never teaches are left out.
    """
    bare = replace(series, seats=())
    numbers = sorted(
        {
            p.no
            for b in roster.bell_sets.values()
            if b.school == series.host.school
            for p in b.periods
        }
    )
    # What each of its lessons books, whenever it is.
    booked = frozenset(resources(occurrence_of(series, now.date(), now, now)))
    expander = Expander(calendar, zone)
    found: list[RuleTarget] = []
    for weekday in range(1, 8):
        for number in numbers:
            there = expander.expand(replace(bare, weekday=weekday, period=number))
            lessons = [o for o in there.occurrences if o.starts_at > now]
            missing = tuple(on for on in there.without_period if on >= now.astimezone(zone).date())
            if not lessons and not missing:
                continue
            obstacles = tuple(
                (lesson.date, obstacle)
                for lesson in lessons
                for obstacle in _taken(booked, lesson, index)
            )
            found.append(RuleTarget(weekday, number, len(lessons), missing, obstacles))
    return tuple(found)


def _taken(
    booked: Iterable[Resource],
    lesson: Occurrence,
    index: ClashIndex,
    seats: Mapping[Resource, SeatId] | None = None,
) -> list[Obstacle]:
    """What other lessons have of what this one books, by their start, then id, then resource."""
    wanted = booking_of(lesson)
    assert wanted is not None, "a period ends after it begins"
    taken = sorted(
        index.in_the_way(booked, wanted),
        key=lambda each: (each[1].start, each[1].occurrence, each[0]),
    )
    return [
        Obstacle(Hindrance.TAKEN, *resource, theirs.occurrence, (seats or {}).get(resource))
        for resource, theirs in taken
    ]


def wanted_by(lesson: Occurrence) -> dict[Resource, SeatId]:
    """Which seat of a lesson wants a room or class; what only its host side wants is not in it."""
    seats: dict[Resource, SeatId] = {}
    for seat in lesson.active_seats:
        seats.setdefault((ResourceKind.CLASSROOM, seat.classroom), seat.id)
        if seat.school_class is not None:
            seats.setdefault((ResourceKind.CLASS, seat.school_class), seat.id)
    return seats


@dataclass(frozen=True, slots=True)
class _There:
    """One place, with when the lesson would be; `cut` if there are fewer periods than it has."""

    place: Place
    starts_at: datetime
    ends_at: datetime
    cut: bool


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
        booked = resources(self._lesson)
        self._booked = frozenset(booked)
        self._twice = [(c.kind, c.resource) for c in booked_twice(self._lesson, booked)]
        self._seats = wanted_by(self._lesson)
        self._roster = roster
        self._span = span_of(lesson, calendar, zone)
        bells = calendar.day(lesson.host.school, lesson.date).bell_set
        held = periods_touched(bells, lesson.starts_at, lesson.ends_at, zone) if bells else ()
        self._first = self._periods(lesson.date).index(held[0]) if held else None
        self._of_date: dict[date, list[Obstacle]] = {}

    def of_day(self, on: date) -> Iterator[_There]:
        """Every period of a date, in order; the times are those an edit would give it."""
        bells = self._calendar.day(self._lesson.host.school, on).bell_set
        for period in self._periods(on):
            window = lesson_window(bells, period.no, self._span or 1, on, self._zone)
            cut = window is None
            window = window or lesson_window(bells, period.no, 1, on, self._zone)
            if window is None:
                continue  # the clock skips all of it
            starts_at, ends_at = window
            if self._span is None:
                ends_at = starts_at + (self._lesson.ends_at - self._lesson.starts_at)
            yield _There(Place(on, period=period.no), starts_at, ends_at, cut)

    def by_distance(self, on: date) -> Iterable[_There]:
        """Every period of a date, those nearest to the lesson's own first."""
        places = list(self.of_day(on))
        if self._first is None:
            return places
        own = self._first
        order = sorted(range(len(places)), key=lambda number: (abs(number - own), number))
        return [places[number] for number in order]

    def judged(self, there: _There) -> Target:
        """Everything that is to be said of a place."""
        obstacles = self._hindrances(there)
        obstacles += [
            Obstacle(Hindrance.TAKEN, *resource, self._lesson.id, self._seats.get(resource))
            for resource in self._twice
        ]
        obstacles += _taken(self._booked, self._moved(there), self._index, self._seats)
        return Target(
            there.place, there.starts_at, there.ends_at, tuple(obstacles), self.warnings(there)
        )

    def free(self, there: _There) -> bool:
        """Whether nothing is in the way."""
        if self._twice or self._hindrances(there):
            return False
        return not any(self._index.in_the_way(self._booked, self._booking(there)))

    def warnings(self, there: _There) -> tuple[PlanWarning, ...]:
        """What the place would bring."""
        moved = self._moved(there)
        return tuple(w for w in warnings_of(moved, self._context) if w.rule in _OF_PLACE)

    def _hindrances(self, there: _There) -> list[Obstacle]:
        """What is in the way besides other lessons."""
        found = [Obstacle(Hindrance.PAST)] if there.starts_at <= self._now else []
        if there.cut:
            found.append(Obstacle(Hindrance.NO_PERIODS_LEFT))
        if there.ends_at - there.starts_at > MAX_DURATION:
            # Its periods lie on both sides of a long lunch.
            found.append(Obstacle(Hindrance.TOO_LONG))
        on = there.place.date
        if on not in self._of_date:
            self._of_date[on] = self._hindrances_of(on)
        return found + self._of_date[on]

    def _hindrances_of(self, on: date) -> list[Obstacle]:
        """What is in the way all day."""
        found: list[Obstacle] = []
        lesson, host = self._lesson, self._lesson.host
        term = None if lesson.term is None else self._calendar.term(lesson.term)
        if term is not None and not term.first_day <= on <= term.last_day:
            found.append(Obstacle(Hindrance.OUTSIDE_TERM))
        if not self._calendar.day(host.school, on).teaching:
            found.append(Obstacle(Hindrance.HOST_NOT_TEACHING))
        try:
            host_of(self._roster, host.classroom, host.teacher, host.school_class, on)
        except ProblemError:
            found.append(_not_bookable(host.classroom))
        for seat in lesson.active_seats:
            try:
                check_seat(self._roster, asked(seat), on)
            except ProblemError:
                found.append(_not_bookable(seat.classroom, seat.id))
        return found

    def _moved(self, there: _There) -> Occurrence:
        return replace(
            self._lesson,
            date=there.place.date,
            starts_at=there.starts_at,
            ends_at=there.ends_at,
        )

    def _booking(self, there: _There) -> Booking:
        booking = booking_of(self._moved(there))
        assert booking is not None, "a period ends after it begins"
        return booking

    def _periods(self, on: date) -> tuple[Period, ...]:
        bells = self._calendar.day(self._lesson.host.school, on).bell_set
        return () if bells is None else tuple(sorted(bells.periods, key=lambda p: p.start))


def _not_bookable(classroom: ClassroomId, seat: SeatId | None = None) -> Obstacle:
    return Obstacle(Hindrance.NOT_BOOKABLE, ResourceKind.CLASSROOM, classroom, seat=seat)


def _suggestion(lesson: Occurrence, there: _There, warnings: tuple[PlanWarning, ...]) -> Suggestion:
    on = there.place.date
    if on == lesson.date:
        reason = Nearness.SAME_DAY
    elif iso_week(on) == iso_week(lesson.date):
        reason = Nearness.SAME_WEEK
    else:
        reason = Nearness.OTHER_WEEK
    return Suggestion(there.place, there.starts_at, there.ends_at, reason, warnings)


def _days_around(on: date) -> list[date]:
    """The dates some weeks around, best first: the day, its week, the others by distance."""
    around = timedelta(weeks=_WEEKS_AROUND)
    week = iso_week(on)
    return sorted(
        days_between(on - around, on + around),
        key=lambda day: (iso_week(day) != week, abs(day - on), day),
    )
