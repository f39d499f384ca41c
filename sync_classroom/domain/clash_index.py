"""The clashes of a plan while it is edited: kept up to date lesson by lesson.

The definitions are those of `bookings`, the answers those of `conflicts` for the same lessons. The
bookings of a resource stand in order of start, those of a like length (within a factor of two)
together. Whatever overlaps a time then begins at most one such length before it: it is found by
bisection, and nearly everything looked at is an answer. So an edit costs its lesson's resources
times the logarithm of their bookings, however long the term.

An index that somebody reads is not changed any more: a `fork` of it is. Both share whatever the
change does not touch, so a fork costs a pointer for each lesson, and one edit of a full term of
9600 lessons less than a millisecond more.

A draft changes with every key that is pressed and is asked for every place of a week while
something is dragged: the range types of a database would cost a round trip each time, an interval
tree rotations at each edit. Publishing asks the database again, in the transaction that books.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from .bookings import (
    MICROSECONDS,
    Booking,
    Clash,
    Resource,
    booked_twice,
    booking_of,
    clash_between,
    in_order,
    instant,
    resources,
)
from .ids import OccurrenceId
from .timetable import Occurrence

_Pair = tuple[Resource, OccurrenceId, OccurrenceId]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One lesson in the index: what it books (each once), when, and which clashes name it."""

    occurrence: Occurrence
    booking: Booking | None
    booked: frozenset[Resource]
    clashes: set[_Pair]


class ClashIndex:
    """Every lesson of a plan by what it books. `gap_s` and `freed` as in `conflicts.clashes_of`.

    `freed` is read when a lesson is put; put it again after it ended early.
    """

    def __init__(
        self,
        occurrences: Iterable[Occurrence] = (),
        gap_s: int = 0,
        freed: Mapping[OccurrenceId, datetime] | None = None,
    ) -> None:
        self._gap = gap_s * MICROSECONDS
        self._freed = freed
        self._entries: dict[OccurrenceId, _Entry] = {}
        self._booked: dict[Resource, dict[int, list[Booking]]] = {}
        self._names: dict[Resource, Resource] = {}
        self._clashes: dict[_Pair, Clash] = {}
        self._sorted: tuple[Clash, ...] | None = ()
        # Whose bookings and clashes no fork shares: these may be written to where they stand.
        self._own_booked: set[Resource] = set()
        self._own_clashes: set[OccurrenceId] = set()
        for occurrence in occurrences:
            self.put(occurrence)

    def fork(self, freed: Mapping[OccurrenceId, datetime] | None = None) -> ClashIndex:
        """Another index with the same lessons; a change to either leaves the other as it is.

        `freed`, if given, is read by the fork from now on.
        """
        other = ClashIndex(freed=self._freed if freed is None else freed)
        other._gap = self._gap
        other._entries = self._entries.copy()
        other._booked = self._booked.copy()
        other._names = self._names.copy()
        other._clashes = self._clashes.copy()
        other._sorted = self._sorted
        self._own_booked, self._own_clashes = set(), set()
        return other

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, occurrence: object) -> bool:
        return occurrence in self._entries

    def __iter__(self) -> Iterator[Occurrence]:
        return (entry.occurrence for entry in self._entries.values())

    def get(self, occurrence: OccurrenceId) -> Occurrence | None:
        """The lesson as it was last put, or None."""
        entry = self._entries.get(occurrence)
        return None if entry is None else entry.occurrence

    def put(self, occurrence: Occurrence) -> tuple[Clash, ...]:
        """Take a lesson in, in place of its older version; the clashes it has now, in order."""
        self.discard(occurrence.id)
        # One name for all bookings of a resource, and so one object.
        booked = frozenset(self._names.setdefault(r, r) for r in resources(occurrence))
        entry = _Entry(occurrence, booking_of(occurrence, self._freed), booked, set())
        found = self.clashes_of(occurrence)
        self._entries[occurrence.id] = entry
        self._own_clashes.add(occurrence.id)
        for clash in found:
            pair = ((clash.kind, clash.resource), *clash.occurrences)
            self._clashes[pair] = clash
            for ident in set(clash.occurrences):
                self._clashes_to_change(ident).add(pair)
        if found:
            self._sorted = None
        if entry.booking is not None:
            for resource in booked:
                levels = self._bookings_to_change(resource)
                insort(levels.setdefault(_level(entry.booking), []), entry.booking)
        return found

    def discard(self, occurrence: OccurrenceId) -> None:
        """Take a lesson out, if it is in."""
        entry = self._entries.pop(occurrence, None)
        if entry is None:
            return
        self._own_clashes.discard(occurrence)
        for pair in entry.clashes:
            del self._clashes[pair]
            for ident in pair[1:]:
                if ident in self._entries:
                    self._clashes_to_change(ident).discard(pair)
        if entry.clashes:
            self._sorted = None
        if entry.booking is None:
            return
        level = _level(entry.booking)
        for resource in entry.booked:
            levels = self._bookings_to_change(resource)
            bookings = levels[level]
            del bookings[bisect_left(bookings, entry.booking)]
            if not bookings:
                del levels[level]
            if not levels:
                del self._booked[resource]
                self._own_booked.discard(resource)

    def clashes_of(self, candidate: Occurrence) -> tuple[Clash, ...]:
        """Every clash of a lesson, in the index or not, with the others in it and with itself.

        In order of start then id. An older version of the candidate is passed over.
        """
        booked = resources(candidate)
        found = booked_twice(candidate, booked)
        mine = booking_of(candidate, self._freed)
        if mine is None:
            return tuple(found)
        starts = {candidate.id: mine.start}
        for resource, theirs in self.in_the_way(set(booked), mine):
            starts[theirs.occurrence] = theirs.start
            found.append(clash_between(resource, mine, theirs))
        return in_order(found, starts) if found else ()

    def in_the_way(
        self, booked: Iterable[Resource], wanted: Booking
    ) -> Iterator[tuple[Resource, Booking]]:
        """Each of these resources that another lesson has at the time wanted, with its booking.

        For many places of one lesson, whose resources stay the same; in no order.
        """
        for resource in booked:
            for theirs in self._near(resource, wanted):
                yield resource, theirs

    def clashes(self) -> tuple[Clash, ...]:
        """Every clash in the index, each pair once per resource, by start then id."""
        if self._sorted is None:
            starts = {
                ident: instant(self._entries[ident].occurrence.starts_at)
                for _, *pair in self._clashes
                for ident in pair
            }
            self._sorted = in_order(self._clashes.values(), starts)
        return self._sorted

    def _bookings_to_change(self, resource: Resource) -> dict[int, list[Booking]]:
        """The bookings of a resource by level, no longer shared with any fork."""
        if resource not in self._own_booked:
            self._own_booked.add(resource)
            shared = self._booked.get(resource, {})
            self._booked[resource] = {level: list(found) for level, found in shared.items()}
        return self._booked[resource]

    def _clashes_to_change(self, ident: OccurrenceId) -> set[_Pair]:
        """The clashes that name a lesson, no longer shared with any fork."""
        entry = self._entries[ident]
        if ident not in self._own_clashes:
            self._own_clashes.add(ident)
            entry = self._entries[ident] = replace(entry, clashes=set(entry.clashes))
        return entry.clashes

    def _near(self, resource: Resource, mine: Booking) -> Iterator[Booking]:
        """Bookings of the resource by other lessons that are too close to `mine`."""
        levels = self._booked.get(resource)
        if levels is None:
            return
        before, after = mine.start - self._gap, mine.end + self._gap
        for level, bookings in levels.items():
            # Nothing on this level is as long as 2 ** level.
            at = bisect_left(bookings, (before - (1 << level),))
            while at < len(bookings) and bookings[at].start < after:
                theirs = bookings[at]
                if theirs.end > before and theirs.occurrence != mine.occurrence:
                    yield theirs
                at += 1


def _level(booking: Booking) -> int:
    """Which lengths a booking stands with: 2 ** (level - 1) up to 2 ** level microseconds."""
    return (booking.end - booking.start).bit_length()
