"""Clashes: one room, teacher or class booked twice, in a whole plan or with one candidate.

What a lesson books, and for how long, is defined in `bookings`.
"""

from __future__ import annotations

import heapq
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final

from .bookings import (
    MICROSECONDS,
    Booking,
    Clash,
    Resource,
    ResourceKind,
    booked_twice,
    booking_of,
    clash_between,
    in_order,
    instant,
    moment,
    resources,
)
from .ids import OccurrenceId
from .problems import ProblemError, ProblemKind
from .timetable import Occurrence

__all__ = [
    "Clash",
    "ClashError",
    "ResourceKind",
    "Sweep",
    "clashes_in",
    "clashes_of",
]

# A sentence that lists more than this is not read; `ClashError.clashes` always has all of them.
_NAMED_IN_SENTENCE: Final = 3

_ZH: Final = {
    ResourceKind.CLASSROOM: "教室",
    ResourceKind.TEACHER: "教师",
    ResourceKind.CLASS: "班级",
}


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
    Whoever asks often keeps a `clash_index.ClashIndex` instead.
    """
    booked = resources(candidate)
    found = booked_twice(candidate, booked)
    mine = booking_of(candidate, freed)
    wanted = set(booked)
    if mine is None or not wanted:
        return tuple(found)
    gap = gap_s * MICROSECONDS
    starts = {candidate.id: mine.start}
    for other in others:
        if other.id == candidate.id:
            continue
        theirs = booking_of(other, freed)
        if theirs is None or mine.start >= theirs.end + gap or theirs.start >= mine.end + gap:
            continue
        starts[other.id] = theirs.start
        found.extend(
            clash_between(resource, mine, theirs)
            for resource in wanted.intersection(resources(other))
        )
    return in_order(found, starts)


def clashes_in(
    occurrences: Iterable[Occurrence],
    *,
    gap_s: int = 0,
    freed: Mapping[OccurrenceId, datetime] | None = None,
) -> tuple[Clash, ...]:
    """Every clash of a whole plan, each pair once per resource, by start then id."""
    sweep = Sweep(gap_s=gap_s, freed=freed)
    for occurrence in occurrences:
        sweep.add(occurrence)
    return sweep.clashes()


class Sweep:
    """All clashes of a plan whose occurrences come one by one and need not be kept.

    A sweep per resource: O(n log n) beside the number of clashes found. Twenty bytes are kept of
    each lesson besides its id, and four of each use of a resource, so that the millions of seats of
    a province fit. Each occurrence is added once; `gap_s` and `freed` are as in `clashes_of`. The
    times of the clashes are in UTC.
    """

    def __init__(
        self, *, gap_s: int = 0, freed: Mapping[OccurrenceId, datetime] | None = None
    ) -> None:
        self._gap = gap_s * MICROSECONDS
        self._freed = freed
        self._ids: list[OccurrenceId] = []
        self._starts = array("q")
        self._ends = array("q")
        self._booked: dict[Resource, array[int]] = defaultdict(lambda: array("I"))
        self._twice: list[Clash] = []

    def add(self, occurrence: Occurrence) -> None:
        """Take an occurrence in."""
        booked = resources(occurrence)
        if not booked:
            return
        twice = booked_twice(occurrence, booked)
        self._twice += twice
        booking = booking_of(occurrence, self._freed)
        if booking is None:
            return
        number = len(self._ids)
        self._ids.append(booking.occurrence)
        self._starts.append(booking.start)
        self._ends.append(booking.end)
        for resource in set(booked) if twice else booked:
            self._booked[resource].append(number)

    def clashes(self) -> tuple[Clash, ...]:
        """Every clash of what was added, each pair once per resource, by start then id."""
        order = sorted(range(len(self._ids)), key=lambda n: (self._starts[n], self._ids[n]))
        rank = array("I", bytes(array("I").itemsize * len(order)))
        for place, number in enumerate(order):
            rank[number] = place
        starts = array("q", (self._starts[number] for number in order))
        ends = array("q", (self._ends[number] + self._gap for number in order))
        found = list(self._twice)
        for resource, numbers in self._booked.items():
            for places in _overlaps(sorted(rank[n] for n in numbers), starts, ends):
                first, second = (self._booking(order[place]) for place in places)
                found.append(clash_between(resource, first, second))
        named = {ident for clash in found for ident in clash.occurrences}
        at = {i: s for i, s in zip(self._ids, self._starts, strict=True) if i in named}
        at |= {c.occurrences[0]: instant(c.from_at) for c in self._twice}
        return in_order(found, at)

    def _booking(self, number: int) -> Booking:
        start, end = self._starts[number], self._ends[number]
        return Booking(start, self._ids[number], end, moment(start), moment(end))


def _overlaps(
    places: Iterable[int], starts: Sequence[int], ends: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Pairs of `places` (ascending, as are their starts) that overlap: whatever is still running
    when one starts."""
    running: list[tuple[int, int]] = []
    for place in places:
        start = starts[place]
        while running and running[0][0] <= start:
            heapq.heappop(running)
        for _, earlier in running:
            yield earlier, place
        heapq.heappush(running, (ends[place], place))


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
