"""Messages of rooms to the teacher: stored once, proven by a fact, shown at once."""

from __future__ import annotations

from typing import Protocol

from ..domain.facts import Interaction, InteractionKind
from ..domain.ids import ActId, FactId, SeatId
from ..domain.problems import ProblemError, ProblemKind
from ..domain.room_messages import MAX_OF_SEAT, SPACING, RoomMessage, Turn, turn_of
from ..domain.timetable import Occurrence
from .evidence_ports import FactStore
from .ports import Bus, LessonStore
from .services import Clock


class MessageStore(LessonStore, FactStore, Protocol):
    """Messages and facts."""


class RoomMessages:
    """Takes messages. Callers have checked who may write."""

    def __init__(self, store: MessageStore, bus: Bus, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock

    async def say(self, occurrence: Occurrence, seat: SeatId, text: str, *, act: ActId) -> None:
        """Keep a message with the lesson; one that is kept already is left as it is.

        The fact has the act's id and is stored first, as with the floor. ProblemError if the room
        writes too fast or too much.
        """
        said = await self._store.messages_of(occurrence.id)
        if any(message.id == act for message in said):
            return
        at = self._clock()
        turn = turn_of(said, seat, at)
        if turn is not Turn.NOW:
            raise _too_many() if turn is Turn.OVER else _too_fast()
        fact = Interaction(FactId(act), occurrence.id, seat, at, InteractionKind.MESSAGE)
        await self._store.append_facts([fact], received_at=at)
        await self._store.add_message(RoomMessage(act, occurrence.id, seat, at, text))
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence.id, "what": "message"}
        )


def _too_fast() -> ProblemError:
    wait_s = int(SPACING.total_seconds())
    return ProblemError(
        "message_too_soon",
        f"消息发得太快。请 {wait_s} 秒后再发。",
        f"That was too fast. Wait {wait_s} s between messages.",
        kind=ProblemKind.CONFLICT,
        retry_after_s=wait_s,
    )


def _too_many() -> ProblemError:
    return ProblemError(
        "too_many_messages",
        f"本教室这节课已发 {MAX_OF_SEAT} 条消息，不能再发。有事请举手。",
        f"This room has sent {MAX_OF_SEAT} messages in this lesson. Please raise your hand.",
        kind=ProblemKind.CONFLICT,
    )
