"""Lessons on dates: made after every check, withdrawn with a reason, shown as they are now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

from ..domain.ids import ClassId, ClassroomId, OccurrenceId, SeatId, TeacherId
from ..domain.timetable import Mode, Occurrence
from .views import LessonView

if TYPE_CHECKING:
    from ..domain.accounts import Terminal

SeatRequest = tuple[ClassroomId, ClassId | None, int | None]
"""Classroom, its class if known, and the expected head count if known."""


class Line(Protocol):
    """A terminal's own view of its line, as `hub.LineReport` holds it."""

    @property
    def state(self) -> str:
        """`good`, `weak` or `reconnecting`."""
        ...


class Presence(Protocol):
    """Which terminals are connected, over all coordinators; `hub.TerminalHub` knows."""

    def online(self) -> frozenset[ClassroomId]:
        """Classrooms whose terminal is connected now."""
        ...

    def line_of(self, classroom: ClassroomId) -> Line | None:
        """The latest report of a connected terminal, or None."""
        ...


@dataclass(frozen=True, slots=True)
class NewLesson:
    """What a person asks for. `starts_at` and `ends_at` are aware."""

    title: str
    subject: str
    teacher: TeacherId
    classroom: ClassroomId
    starts_at: datetime
    ends_at: datetime
    periods: int = 1
    grade: int | None = None
    school_class: ClassId | None = None
    seats: Sequence[SeatRequest] = ()
    mode: Mode = Mode.LIVE


class LessonService:
    """Creates, cancels and shows lessons."""

    async def create(self, new: NewLesson, *, actor: str, key: str) -> Occurrence:
        """Plan a lesson; the same `key` returns the lesson made first.

        Raises ProblemError naming the field, its value and the remedy, or ClashError listing what
        is already taken; nothing is stored then.
        """
        raise NotImplementedError

    async def cancel(
        self,
        occurrence: OccurrenceId,
        *,
        seat: SeatId | None = None,
        excused: bool,
        reason: str,
        actor: str,
        key: str,
    ) -> Occurrence:
        """Withdraw a lesson, or one seat of it. ProblemError if unknown, over or no reason."""
        raise NotImplementedError

    async def list_views(self, first: date, last: date) -> list[LessonView]:
        """Lessons whose date lies in `[first, last]`, by start then id."""
        raise NotImplementedError

    async def view(self, occurrence: OccurrenceId) -> LessonView | None:
        """One lesson as it is now, or None."""
        raise NotImplementedError

    async def views_of(
        self,
        occurrences: Sequence[Occurrence],
        terminals: Mapping[ClassroomId, Terminal] | None = None,
    ) -> list[LessonView]:
        """Views of occurrences already at hand, with one query for each kind of thing."""
        raise NotImplementedError
