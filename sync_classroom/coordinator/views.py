"""What pages and terminals are shown about a lesson: values only, computed for one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..domain.facts import SeatMedia
from ..domain.floor import Floor
from ..domain.ids import SeatId
from ..domain.lesson import LessonRun
from ..domain.roster import Classroom, Roster, School, SchoolClass, Teacher
from ..domain.second_opinion import NO_OPINION, Opinion, SeatOpinion
from ..domain.terminal_journal import TerminalSample
from ..domain.timetable import Occurrence, Seat
from .ports import IngestStatus

Interval = tuple[datetime, datetime]
"""Half-open, both ends aware."""


@dataclass(frozen=True, slots=True)
class SeatView:
    """One remote classroom of a lesson as it is now.

    `online`: its terminal is connected to some coordinator. `receiving`: it acknowledged lesson
    media within the last seconds. `line` is the terminal's own word: `good`, `weak`,
    `reconnecting`, or `unknown` while it has said nothing. `path` is `udp`, `tcp`, `relay` or
    None; `rtt_ms` milliseconds; `loss` a fraction 0…1. All three are None without a session.
    """

    seat: Seat
    classroom: Classroom
    school: School
    school_class: SchoolClass | None
    withdrawn: bool
    online: bool
    receiving: bool
    line: str
    present: int | None
    hand_at: datetime | None
    called_on: bool
    path: str | None
    rtt_ms: float | None
    loss: float | None
    selfcheck: Mapping[str, Any] | None
    selfcheck_at: datetime | None


@dataclass(frozen=True, slots=True)
class LessonView:
    """One lesson as it is now. `ends_at` is the effective end, extensions included.

    `seats` are in plan order, withdrawn ones too. `host_media`: the host's camera or screen is
    arriving at the relay now. `over`: its seats can be judged (`domain.lesson.is_over`). `ingest`:
    the recording host that is its camera, if it has one.
    """

    occurrence: Occurrence
    run: LessonRun
    roster: Roster
    floor: Floor
    ends_at: datetime
    over: bool
    seats: tuple[SeatView, ...]
    host_online: bool
    host_media: bool
    ingest: IngestStatus | None = None

    @property
    def host_school(self) -> School:
        """The school that gives the lesson."""
        return self.roster.schools[self.occurrence.host.school]

    @property
    def host_classroom(self) -> Classroom:
        """The studio the lesson comes from."""
        return self.roster.classrooms[self.occurrence.host.classroom]

    @property
    def teacher(self) -> Teacher:
        """Who gives the lesson."""
        return self.roster.teachers[self.occurrence.host.teacher]

    @property
    def due_seats(self) -> tuple[SeatView, ...]:
        """The seats that take place."""
        return tuple(s for s in self.seats if not s.withdrawn)


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What a seat's own terminal says; nothing counts by it.

    `opinion` is made of `samples`, by lesson time. `kept` is what they came to when they were last
    compared, also after they were deleted; None if there never were any.
    """

    opinion: Opinion = NO_OPINION
    kept: SeatOpinion | None = None
    samples: tuple[TerminalSample, ...] = ()


@dataclass(frozen=True, slots=True)
class SeatTimeline:
    """What one seat received, second by second, and what that makes of it.

    `delivered` is every delivered sample joined up, also outside the planned window; `credited_s`
    whole seconds; `rho` = credited / planned; `state` a code name of `domain.coverage`'s seat
    states; `cause` why it was not held, or None; `samples` by start.
    """

    seat: SeatId
    delivered: tuple[Interval, ...]
    credited_s: int
    rho: float
    state: str
    cause: str | None
    samples: tuple[SeatMedia, ...]
    second: SecondOpinion = SecondOpinion()


@dataclass(frozen=True, slots=True)
class Timeline:
    """The evidence of one lesson: host media, seats in plan order, and known losses of evidence."""

    view: LessonView
    host: tuple[Interval, ...]
    seats: tuple[SeatTimeline, ...]
    gaps: tuple[Interval, ...]

    def of(self, seat: SeatId) -> SeatTimeline:
        """The line of one seat; KeyError if the lesson has no such seat."""
        for line in self.seats:
            if line.seat == seat:
                return line
        raise KeyError(seat)
