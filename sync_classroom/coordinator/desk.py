"""What a classroom's terminal is told, and what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..domain.ids import ClassroomId, OccurrenceId

if TYPE_CHECKING:
    from ..domain.messages import Message


class LessonDesk:
    """One terminal's side of the lessons: plan, live state, commands, tokens."""

    async def plan_for(self, classroom: ClassroomId) -> list[dict[str, Any]]:
        """The `lessons` of the `plan` message: today's lessons of this classroom, by start."""
        raise NotImplementedError

    async def live_state(self, occurrence: OccurrenceId, *, for_host: bool) -> dict[str, Any]:
        """The `lesson` message of one lesson; ProblemError if there is no such lesson."""
        raise NotImplementedError

    async def classrooms_of(
        self, occurrence: OccurrenceId
    ) -> tuple[ClassroomId, tuple[ClassroomId, ...]]:
        """Host classroom and the classrooms of the active seats: who must be told of a change."""
        raise NotImplementedError

    async def handle(self, classroom: ClassroomId, command: Message) -> None:
        """Do what the terminal of `classroom` asks (`start`, `extend`, `end`, `hand`, `call`,
        `mute`, `headcount`); ProblemError if it may not or cannot. Repeating a command's id does
        nothing twice."""
        raise NotImplementedError

    async def check_grants(self, classroom: ClassroomId) -> dict[str, Any]:
        """Grants for the self-check room, where a terminal hears and sees itself; 2 minutes."""
        raise NotImplementedError
