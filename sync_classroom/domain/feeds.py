"""Calendar feeds: whose they are, and which event every lesson is in one of them.

A lesson that moves stays one event: it keeps the UID of where it was first planned, and calendar
programs move it. Where it moves out of a feed's sight, the feed keeps it as cancelled (RFC 5545
section 3.8.1.11), because an event that is merely gone stays for ever in some programs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from .ids import ClassroomId, OccurrenceId, SchoolId, TeacherId, UserId
from .roster import Roster
from .timetable import ChangeKind, Mode, Occurrence, Seat

FeedId = NewType("FeedId", str)

# A move of a move of a move: people give up long before, a loop in damaged data never would.
MAX_MOVES: Final = 50


class FeedKind(StrEnum):
    """Whose lessons a feed shows."""

    CLASSROOM = "classroom"
    TEACHER = "teacher"
    SCHOOL = "school"


@dataclass(frozen=True, slots=True)
class Feed:
    """One secret address of a calendar. Its token is shown once and known by its hash alone.

    `target` is the id of what `kind` says, `language` is `zh` or `en`, `used_at` is coarse (see
    `coordinator.feeds`).
    """

    id: FeedId
    kind: FeedKind
    target: str
    language: str
    label: str
    made_by: UserId
    made_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What the history of a lesson says: how often it was changed after it was published, when
    last, and which teachers gave it before a substitute did or were invited to it once."""

    changes: int = 0
    at: datetime | None = None
    former: tuple[TeacherId, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """One lesson as a feed shows it. `uid` is that of its first plan; `changed_at` is when it last
    changed; `seats` are those of this feed, all for a feed that is about the host."""

    uid: OccurrenceId
    occurrence: Occurrence
    sequence: int
    changed_at: datetime
    cancelled: bool
    moved: bool
    seats: tuple[Seat, ...] = ()
    reason: str = ""


def events_of(
    kind: FeedKind,
    target: str,
    lessons: Mapping[OccurrenceId, Occurrence],
    marks: Mapping[OccurrenceId, Marks],
    roster: Roster,
) -> tuple[Event, ...]:
    """The events of a feed, by start and UID.

    `lessons` are the lessons the feed may show, with both ends of each of their moves.
    """
    events = []
    for root, chain in _chains(lessons).items():
        event = _event(kind, target, root, chain, marks, roster)
        if event is not None:
            events.append(event)
    return tuple(sorted(events, key=lambda e: (e.occurrence.starts_at, e.uid)))


def moved_ends(lessons: Iterable[Occurrence]) -> set[OccurrenceId]:
    """The other ends of the moves of these lessons, wherever they are."""
    ends: set[OccurrenceId] = set()
    for lesson in lessons:
        if lesson.moved_from is not None:
            ends.add(lesson.moved_from)
        ends.update(c.to for c in lesson.changes if c.to is not None)
    return ends


def _chains(
    lessons: Mapping[OccurrenceId, Occurrence],
) -> dict[OccurrenceId, list[Occurrence]]:
    """Every lesson over all its moves, first plan first, by the id of the first."""
    chains: dict[OccurrenceId, list[Occurrence]] = {}
    for lesson in lessons.values():
        root = lesson
        for _ in range(MAX_MOVES):
            before = lessons.get(root.moved_from) if root.moved_from is not None else None
            if before is None:
                break
            root = before
        # The first plan may be beyond what was read; its id is known all the same.
        uid = root.moved_from if root.moved_from is not None else root.id
        chains.setdefault(uid, []).append(lesson)
    for chain in chains.values():
        chain.sort(key=lambda o: _depth(o, lessons))
    return chains


def _depth(lesson: Occurrence, lessons: Mapping[OccurrenceId, Occurrence]) -> int:
    depth = 0
    while lesson.moved_from in lessons and depth < MAX_MOVES:
        lesson = lessons[lesson.moved_from]  # type: ignore[index]  # None is in no mapping
        depth += 1
    return depth


def _event(
    kind: FeedKind,
    target: str,
    uid: OccurrenceId,
    chain: list[Occurrence],
    marks: Mapping[OccurrenceId, Marks],
    roster: Roster,
) -> Event | None:
    """The part of a chain that takes place in this feed's sight, else the last one that was to.

    A move that was taken back leaves its other end cancelled: the lesson is where it takes place.
    """
    none = Marks()
    seen = []
    for n, lesson in enumerate(chain):
        here = _concerns(kind, target, lesson, marks.get(lesson.id, none), roster)
        if here is not None:
            seats, active = here
            seen.append((lesson.withdrawn or not active, n, lesson, seats))
    if not seen:
        return None
    cancelled, n, lesson, seats = next((s for s in reversed(seen) if not s[0]), seen[-1])
    known = [marks.get(o.id, none) for o in chain]
    return Event(
        uid=uid,
        occurrence=lesson,
        sequence=sum(m.changes for m in known),
        changed_at=max((m.at for m in known if m.at is not None), default=_first_at(chain)),
        cancelled=cancelled,
        moved=n > 0,
        seats=seats,
        reason=_why_gone(lesson, seats) if cancelled else _why_moved(chain, lesson),
    )


def _concerns(
    kind: FeedKind, target: str, lesson: Occurrence, marks: Marks, roster: Roster
) -> tuple[tuple[Seat, ...], bool] | None:
    """The seats this feed is about and whether it still takes part; None if it never did."""
    host = lesson.host
    if kind is FeedKind.TEACHER:
        teacher = TeacherId(target)
        if host.teacher == teacher or teacher in lesson.participants:
            return lesson.active_seats, True
        helped = tuple(s for s in lesson.seats if s.assistant == teacher)
        if helped:
            return helped, _any_active(lesson, helped)
        return (lesson.active_seats, False) if teacher in marks.former else None
    if kind is FeedKind.CLASSROOM:
        mine = tuple(s for s in lesson.seats if s.classroom == ClassroomId(target))
        hosts = host.classroom == target
    else:
        school = SchoolId(target)
        rooms, people = roster.classrooms, roster.teachers
        mine = tuple(
            s for s in lesson.seats if s.classroom in rooms and rooms[s.classroom].school == school
        )
        hosts = host.school == school or any(
            t in people and people[t].school == school for t in lesson.participants
        )
        if not hosts and not mine and lesson.mode is Mode.RESEARCH:
            once = {people[t].school for t in marks.former if t in people}
            return ((), False) if school in once else None
    if hosts:
        return lesson.active_seats, True
    return (mine, _any_active(lesson, mine)) if mine else None


def _any_active(lesson: Occurrence, seats: tuple[Seat, ...]) -> bool:
    return any(not lesson.seat_withdrawn(s.id) for s in seats)


def _why_gone(lesson: Occurrence, seats: tuple[Seat, ...]) -> str:
    ids = {s.id for s in seats}
    for change in reversed(lesson.changes):
        if change.kind is not ChangeKind.SEAT_CANCELLED or change.seat in ids:
            return change.reason
    return ""


def _why_moved(chain: list[Occurrence], lesson: Occurrence) -> str:
    return next((c.reason for o in chain for c in o.changes if c.to == lesson.id), "")


def _first_at(chain: list[Occurrence]) -> datetime:
    """For lessons from before histories were kept: an instant that does not change by itself."""
    changes = [c.at for o in chain for c in o.changes]
    return max(changes, default=chain[0].starts_at)
