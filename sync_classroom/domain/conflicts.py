"""Clashes: one room, teacher or class booked twice. Half-open intervals on real dates.

A lesson books its host classroom, its teacher, its host class, and the classroom and class of every
seat that still takes place; a research meeting books its participants as teachers too. Host and
remote classrooms are one kind of resource. What was cancelled or moved away books nothing, and a
lesson that ended early books nothing from then on.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final, NamedTuple

from .ids import OccurrenceId
from .problems import ProblemError, ProblemKind
from .timetable import Occurrence

# A sentence that lists more than this is not read; `ClashError.clashes` always has all of them.
_NAMED_IN_SENTENCE: Final = 3


class ResourceKind(StrEnum):
    """What can be booked once at a time."""

    CLASSROOM = "classroom"
    TEACHER = "teacher"
    CLASS = "class"


_ZH: Final = {
    ResourceKind.CLASSROOM: "教室",
    ResourceKind.TEACHER: "教师",
    ResourceKind.CLASS: "班级",
}


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


class ClashError(ProblemError):
    """A booking was refused because of `clashes`; nothing was stored.

    `names` turns resource ids into names for the sentence, `zone` says in which zone to write the
    times (default: as they come, with their offset).
    """

    def __init__(
        self,
        clashes: Sequence[Clash],
        *,
        names: Mapping[str, str] | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        shown = clashes[:_NAMED_IN_SENTENCE]
        more = len(clashes) - len(shown)
        zh = "；".join(_sentence_zh(c, names or {}, zone) for c in shown)
        en = "; ".join(_sentence_en(c, names or {}, zone) for c in shown)
        super().__init__(
            "booking_clash",
            f"{zh}{f'；另有 {more} 处冲突' if more else ''}。请改时间，或换教室、教师或班级。",
            f"{en}{f'; and {more} more' if more else ''}."
            " Choose another time, classroom, teacher or class.",
            kind=ProblemKind.CONFLICT,
            value=[c.resource for c in clashes],
        )
        self.clashes: tuple[Clash, ...] = tuple(clashes)


class _Booking(NamedTuple):
    """One use of one resource; compares by start, then occurrence id."""

    start: datetime
    occurrence: OccurrenceId
    end: datetime


_Resource = tuple[ResourceKind, str]


def clashes_of(
    candidate: Occurrence,
    others: Iterable[Occurrence],
    *,
    gap_s: int = 0,
    freed: Mapping[OccurrenceId, datetime] | None = None,
) -> tuple[Clash, ...]:
    """Every clash of `candidate` with `others` and with itself, by start then id.

    `others` may contain an older version of the candidate (same id), which is passed over. `gap_s`
    is the set-up gap in seconds kept between two uses of one resource. `freed` maps occurrences
    that ended early to the instant they did; a later instant than the planned end changes nothing.
    """
    freed = freed or {}
    found = _clashes_within(candidate)
    mine = _booking(candidate, freed)
    wanted = set(_resources(candidate))
    if mine is None or not wanted:
        return tuple(found)
    gap = timedelta(seconds=gap_s)
    starts = {candidate.id: candidate.starts_at}
    for other in others:
        if other.id == candidate.id:
            continue
        starts[other.id] = other.starts_at
        theirs = _booking(other, freed)
        if theirs is None or not _too_close(mine, theirs, gap):
            continue
        first, second = sorted((mine, theirs))
        found.extend(
            _clash(kind, resource, first, second)
            for kind, resource in wanted.intersection(_resources(other))
        )
    return _in_order(found, starts)


def clashes_in(
    occurrences: Iterable[Occurrence],
    *,
    gap_s: int = 0,
    freed: Mapping[OccurrenceId, datetime] | None = None,
) -> tuple[Clash, ...]:
    """Every clash of a whole plan, each pair once per resource, by start then id.

    A sweep per resource: O(n log n) beside the number of clashes found.
    """
    freed = freed or {}
    gap = timedelta(seconds=gap_s)
    found: list[Clash] = []
    starts: dict[OccurrenceId, datetime] = {}
    booked: dict[_Resource, list[_Booking]] = defaultdict(list)
    for occurrence in occurrences:
        starts[occurrence.id] = occurrence.starts_at
        found.extend(_clashes_within(occurrence))
        booking = _booking(occurrence, freed)
        if booking is not None:
            for resource in set(_resources(occurrence)):
                booked[resource].append(booking)
    for (kind, resource_id), bookings in booked.items():
        found.extend(_sweep(kind, resource_id, sorted(bookings), gap))
    return _in_order(found, starts)


def _resources(occurrence: Occurrence) -> list[_Resource]:
    """What the occurrence books, a room or class as often as it is booked; withdrawn: nothing."""
    if occurrence.withdrawn:
        return []
    host = occurrence.host
    # A research meeting's leader may well be listed among its participants: one person, once.
    teachers = {host.teacher, *occurrence.participants}
    resources: list[_Resource] = [(ResourceKind.TEACHER, str(t)) for t in sorted(teachers)]
    resources.append((ResourceKind.CLASSROOM, str(host.classroom)))
    if host.school_class is not None:
        resources.append((ResourceKind.CLASS, str(host.school_class)))
    for seat in occurrence.active_seats:
        resources.append((ResourceKind.CLASSROOM, str(seat.classroom)))
        if seat.school_class is not None:
            resources.append((ResourceKind.CLASS, str(seat.school_class)))
    return resources


def _booking(occurrence: Occurrence, freed: Mapping[OccurrenceId, datetime]) -> _Booking | None:
    end = min(occurrence.ends_at, freed.get(occurrence.id, occurrence.ends_at))
    if end <= occurrence.starts_at:
        return None
    return _Booking(occurrence.starts_at, occurrence.id, end)


def _clashes_within(occurrence: Occurrence) -> list[Clash]:
    """A room or class that one lesson books twice cannot be in two places either."""
    seen: set[_Resource] = set()
    twice: list[_Resource] = []
    for resource in _resources(occurrence):
        if resource in seen and resource not in twice:
            twice.append(resource)
        seen.add(resource)
    return [
        Clash(
            kind,
            resource,
            (occurrence.id, occurrence.id),
            occurrence.starts_at,
            occurrence.ends_at,
        )
        for kind, resource in sorted(twice)
    ]


def _too_close(a: _Booking, b: _Booking, gap: timedelta) -> bool:
    return a.start < b.end + gap and b.start < a.end + gap


def _sweep(
    kind: ResourceKind, resource: str, bookings: Sequence[_Booking], gap: timedelta
) -> Iterable[Clash]:
    """Pairs of `bookings` (sorted) that overlap: whatever is still running when one starts."""
    running: list[tuple[datetime, OccurrenceId, _Booking]] = []
    for booking in bookings:
        while running and running[0][0] + gap <= booking.start:
            heapq.heappop(running)
        for _, _, earlier in running:
            yield _clash(kind, resource, earlier, booking)
        heapq.heappush(running, (booking.end, booking.occurrence, booking))


def _clash(kind: ResourceKind, resource: str, first: _Booking, second: _Booking) -> Clash:
    overlap = (max(first.start, second.start), min(first.end, second.end))
    return Clash(kind, resource, (first.occurrence, second.occurrence), min(overlap), max(overlap))


def _in_order(
    clashes: Iterable[Clash], starts: Mapping[OccurrenceId, datetime]
) -> tuple[Clash, ...]:
    def key(clash: Clash) -> tuple[datetime, str, datetime, str, str, str]:
        a, b = clash.occurrences
        return (
            starts[a],
            a,
            starts[b],
            b,
            clash.kind,
            clash.resource,
        )

    return tuple(sorted(clashes, key=key))


def _times(clash: Clash, zone: tzinfo | None) -> str:
    first, last = clash.from_at, clash.to_at
    if zone is not None:
        first, last = first.astimezone(zone), last.astimezone(zone)
    until = last.strftime("%H:%M" if first.date() == last.date() else "%Y-%m-%d %H:%M")
    offset = "" if zone is not None else first.strftime(" %Z")
    return f"{first:%Y-%m-%d %H:%M}–{until}{offset}"


def _sentence_zh(clash: Clash, names: Mapping[str, str], zone: tzinfo | None) -> str:
    who = f"{_ZH[clash.kind]} {names.get(clash.resource, clash.resource)}"
    first, second = clash.occurrences
    if first == second:
        return f"{who} 在同一课次中被安排了两次（{_times(clash, zone)}）"
    return f"{who} 在 {_times(clash, zone)} 已被占用（课次 {first} 与 {second}）"


def _sentence_en(clash: Clash, names: Mapping[str, str], zone: tzinfo | None) -> str:
    who = f"{clash.kind} {names.get(clash.resource, clash.resource)}"
    first, second = clash.occurrences
    if first == second:
        return f"{who} is booked twice by the same lesson ({_times(clash, zone)})"
    return f"{who} is taken at {_times(clash, zone)} (lessons {first} and {second})"
