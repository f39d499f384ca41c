"""Acts on the floor of a lesson: stored, proven by a fact, and seen in the relay's room at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from ..domain import floor as rules
from ..domain.facts import Fact, Headcount, Interaction, InteractionKind
from ..domain.floor import Floor
from ..domain.ids import FactId, OccurrenceId, SeatId
from ..domain.timetable import Occurrence
from .ports import Bus, FactStore, LessonStore
from .rooms import Rooms
from .services import Clock

log = structlog.get_logger(__name__)

# 48 classrooms may raise their hands in the same second, each race lost costs one more read.
SAVE_TRIES: Final = 64


class FloorStore(LessonStore, FactStore, Protocol):
    """Floors and facts."""


def act_id(occurrence: OccurrenceId, who: str, command: str) -> FactId:
    """The fact id of a terminal's command: the same command makes the same fact, once."""
    text = "\0".join((occurrence, who, command))
    return FactId(f"act:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}")


class FloorService:
    """Hands, calling on, mute and head counts. Callers have checked who may do it.

    The fact is stored before the floor: a crash between the two is mended by the terminal's retry,
    which finds the fact (same id) and does the rest.
    """

    def __init__(self, store: FloorStore, bus: Bus, rooms: Rooms, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._rooms = rooms
        self._clock = clock

    async def get(self, occurrence: OccurrenceId) -> Floor:
        """The floor as stored, or an empty one."""
        return await self._store.get_floor(occurrence) or Floor(occurrence)

    async def raise_hand(self, occurrence: Occurrence, seat: SeatId, *, command: str) -> Floor:
        """Put a seat into the queue of hands."""
        at = self._clock()
        fact = self._interaction(occurrence, seat, InteractionKind.HAND_RAISED, seat, command)
        return await self._change(occurrence, lambda f: rules.raise_hand(f, seat, at), fact)

    async def lower_hand(self, occurrence: Occurrence, seat: SeatId) -> Floor:
        """Take a seat out of the queue."""
        return await self._change(occurrence, lambda f: rules.lower_hand(f, seat))

    async def call_on(self, occurrence: Occurrence, seat: SeatId | None, *, command: str) -> Floor:
        """Give a seat the floor, or release it."""
        at = self._clock()
        fact = None
        if seat is not None:
            fact = self._interaction(occurrence, seat, InteractionKind.CALLED_ON, "host", command)
        return await self._change(occurrence, lambda f: rules.call_on(f, seat, at), fact)

    async def mute(self, occurrence: Occurrence, *, muted: bool) -> Floor:
        """Silence the called-on seat in every room, or let it be heard."""
        return await self._change(occurrence, lambda f: rules.set_muted(f, muted))

    async def headcount(
        self, occurrence: Occurrence, seat: SeatId, present: int, *, by: str, command: str
    ) -> Floor:
        """Note how many pupils are in a seat's room."""
        fact = Headcount(
            act_id(occurrence.id, seat, command),
            occurrence.id,
            seat,
            self._clock(),
            present,
            by,
        )
        return await self._change(occurrence, lambda f: rules.set_present(f, seat, present), fact)

    async def withdraw(self, occurrence: Occurrence, seat: SeatId) -> Floor:
        """A seat was withdrawn from the lesson: no hand, no floor, no media."""
        floor = await self._change(occurrence, lambda f: rules.without_seat(f, seat))
        await self._rooms.kick(occurrence.id, seat)
        return floor

    def _interaction(
        self,
        occurrence: Occurrence,
        seat: SeatId,
        what: InteractionKind,
        who: str,
        command: str,
    ) -> Interaction:
        return Interaction(
            act_id(occurrence.id, who, command), occurrence.id, seat, self._clock(), what
        )

    async def _change(
        self, occurrence: Occurrence, change: Callable[[Floor], Floor], fact: Fact | None = None
    ) -> Floor:
        for _ in range(SAVE_TRIES):
            before = await self.get(occurrence.id)
            after = change(before)
            if after is before:
                return before
            if fact is not None:
                await self._store.append_facts([fact], received_at=self._clock())
            saved = await self._store.save_floor(after)
            if saved is not None:
                await self._show(occurrence, before, saved)
                return saved
        raise RuntimeError(f"floor of {occurrence.id} lost {SAVE_TRIES} races in a row")

    async def _show(self, occurrence: Occurrence, before: Floor, after: Floor) -> None:
        if before.present == after.present:  # a head count changes nobody's picture
            await self._rooms.place(occurrence, after)
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence.id, "what": "floor"}
        )
