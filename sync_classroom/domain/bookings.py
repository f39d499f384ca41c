"""What a lesson books, and the clash of two bookings: the definitions every check shares.

A lesson books its host classroom, its teacher, its host class, and the classroom and class of every
seat that still takes place; a research meeting books its participants as teachers too. Host and
remote classrooms are one kind of resource. What was cancelled or moved away books nothing, and a
lesson that ended early books nothing from then on. Intervals are half-open, on real dates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from .ids import OccurrenceId
from .timetable import Occurrence

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
MICROSECONDS: Final = 1_000_000
"""In a second: instants are compared as whole microseconds, which no zone or fold can mislead."""


class ResourceKind(StrEnum):
    """What can be booked once at a time."""

    CLASSROOM = "classroom"
    TEACHER = "teacher"
    CLASS = "class"


Resource = tuple[ResourceKind, str]
"""What is booked: its kind and its id."""


@dataclass(frozen=True, slots=True)
class Clash:
    """One resource booked by two occurrences, in order of start then id.

    `[from_at, to_at)` is the time both want; where only a set-up gap is violated it is the pause
    between them, which is too short. Both ids are equal when one lesson books a resource twice.
    """

    kind: ResourceKind
    resource: str
    occurrences: tuple[OccurrenceId, OccurrenceId]
    from_at: datetime
    to_at: datetime


class Booking(NamedTuple):
    """The time a lesson books, in microseconds since 1970; compares by start, then id."""

    start: int
    occurrence: OccurrenceId
    end: int
    starts_at: datetime
    ends_at: datetime


def instant(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def moment(microseconds: int) -> datetime:
    """The instant, in UTC."""
    return _EPOCH + microseconds * _MICROSECOND


def resources(occurrence: Occurrence) -> list[Resource]:
    """What the occurrence books, a room or class as often as it is booked; withdrawn: nothing."""
    if occurrence.withdrawn:
        return []
    host = occurrence.host
    # A research meeting's leader may well be listed among its participants: one person, once.
    teachers = {host.teacher, *occurrence.participants}
    booked: list[Resource] = [(ResourceKind.TEACHER, t) for t in sorted(teachers)]
    booked.append((ResourceKind.CLASSROOM, host.classroom))
    if host.school_class is not None:
        booked.append((ResourceKind.CLASS, host.school_class))
    for seat in occurrence.active_seats:
        booked.append((ResourceKind.CLASSROOM, seat.classroom))
        if seat.school_class is not None:
            booked.append((ResourceKind.CLASS, seat.school_class))
    return booked


def booking_of(
    occurrence: Occurrence, freed: Mapping[OccurrenceId, datetime] | None = None
) -> Booking | None:
    """When the occurrence books its resources, until `freed` at the latest; None for no time."""
    ends_at = occurrence.ends_at
    if freed and occurrence.id in freed:
        ends_at = min(ends_at, freed[occurrence.id])
    start, end = instant(occurrence.starts_at), instant(ends_at)
    if end <= start:
        return None
    return Booking(start, occurrence.id, end, occurrence.starts_at, ends_at)


def booked_twice(occurrence: Occurrence, booked: Sequence[Resource]) -> list[Clash]:
    """A room or class that one lesson books twice cannot be in two places either."""
    if len(set(booked)) == len(booked):
        return []
    both = (occurrence.id, occurrence.id)
    return [
        Clash(kind, resource, both, occurrence.starts_at, occurrence.ends_at)
        for (kind, resource), times in sorted(Counter(booked).items())
        if times > 1
    ]


def clash_between(resource: Resource, a: Booking, b: Booking) -> Clash:
    """The clash of two bookings of one resource that are known to be too close."""
    first, second = (a, b) if a[:2] < b[:2] else (b, a)
    shared = (max(first.starts_at, second.starts_at), min(first.ends_at, second.ends_at))
    return Clash(
        *resource, (first.occurrence, second.occurrence), from_at=min(shared), to_at=max(shared)
    )


def in_order(clashes: Iterable[Clash], starts: Mapping[OccurrenceId, int]) -> tuple[Clash, ...]:
    """Clashes by start then id of the one lesson, of the other, then by resource.

    `starts` gives the `instant` at which each lesson begins.
    """

    def key(clash: Clash) -> tuple[int, str, int, str, str, str]:
        a, b = clash.occurrences
        return (starts[a], a, starts[b], b, clash.kind, clash.resource)

    return tuple(sorted(clashes, key=key))
