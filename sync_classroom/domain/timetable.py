"""Lessons on dates: occurrences, their seats, and what was changed about them later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from .ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    PushId,
    SchoolId,
    SeatId,
    SeriesId,
    TargetId,
    TeacherId,
    TermId,
)
from .roster import Roster


class Mode(StrEnum):
    """The assistance modes (帮扶模式) planned as occurrences; `push` has orders instead."""

    LIVE = "live"
    RESEARCH = "research"


@dataclass(frozen=True, slots=True)
class Host:
    """Who gives the lesson and from where."""

    school: SchoolId
    classroom: ClassroomId
    teacher: TeacherId
    school_class: ClassId | None = None


@dataclass(frozen=True, slots=True)
class Seat:
    """One remote classroom in one occurrence (听讲席): the unit of coverage.

    `assistant` is the teacher who looks after the class in the remote room (助教).
    """

    id: SeatId
    classroom: ClassroomId
    school_class: ClassId | None = None
    expected: int | None = None
    assistant: TeacherId | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """Which date of which series an occurrence stands for, wherever it takes place now.

    What RECURRENCE-ID is to iCalendar (RFC 5545 section 3.8.4.4). `own`: this lesson was edited by
    itself, so a later change of its series passes it over.
    """

    series: SeriesId
    date: date
    own: bool = False


class ChangeKind(StrEnum):
    """What can happen to an occurrence after it was planned."""

    CANCELLED = "cancelled"
    MOVED = "moved"
    SEAT_CANCELLED = "seat_cancelled"


@dataclass(frozen=True, slots=True)
class Change:
    """One change record: who did what, when and why. `at` is aware."""

    kind: ChangeKind
    at: datetime
    by: str
    reason: str
    excused: bool = False
    seat: SeatId | None = None
    to: OccurrenceId | None = None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One lesson on one date (课次). `starts_at`, `ends_at` are aware, half-open.

    `periods` is how many 课时 it counts for, not minutes. `date` is the civil date in the
    programme's zone, to which every seat belongs. `slot` is None for a lesson that belongs to no
    series; `moved_from` is the other end of a move.
    """

    id: OccurrenceId
    mode: Mode
    title: str
    subject: str
    date: date
    starts_at: datetime
    ends_at: datetime
    periods: int
    host: Host
    seats: tuple[Seat, ...] = ()
    grade: int | None = None
    term: TermId | None = None
    participants: tuple[TeacherId, ...] = ()
    changes: tuple[Change, ...] = ()
    slot: Slot | None = None
    moved_from: OccurrenceId | None = None

    @property
    def withdrawn(self) -> bool:
        """Whether the whole occurrence was cancelled or moved away."""
        if not self.changes:
            return False
        return any(c.kind in (ChangeKind.CANCELLED, ChangeKind.MOVED) for c in self.changes)

    def seat_withdrawn(self, seat: SeatId) -> bool:
        """Whether this seat does not take place, alone or with the whole occurrence."""
        return self.withdrawn or any(
            c.kind is ChangeKind.SEAT_CANCELLED and c.seat == seat for c in self.changes
        )

    @property
    def active_seats(self) -> tuple[Seat, ...]:
        """The seats that still take place."""
        if not self.changes:
            return self.seats
        return tuple(s for s in self.seats if not self.seat_withdrawn(s.id))


@dataclass(frozen=True, slots=True)
class PushTarget:
    """One addressee of a push order.

    `withdrawn_at`: when it was taken out of the order, because evidence showed that it needs it no
    more; None: it was not. An order that is still to be sent knows of none.
    """

    id: TargetId
    school: SchoolId
    classroom: ClassroomId | None = None
    school_class: ClassId | None = None
    teacher: TeacherId | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Push:
    """A push order (精准帮扶推送): one resource to its targets, with the reason."""

    id: PushId
    resource: str
    subject: str
    reason: str
    ordered_at: datetime
    grade: int | None = None
    targets: tuple[PushTarget, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that was planned, with the roster it refers to."""

    roster: Roster = field(default_factory=Roster)
    occurrences: Mapping[OccurrenceId, Occurrence] = field(default_factory=dict)
    pushes: Mapping[PushId, Push] = field(default_factory=dict)
