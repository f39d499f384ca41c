"""Acts on the floor of a lesson: stored, proven by a fact, and seen in the relay's room at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

import structlog

from ..domain import floor as rules
from ..domain import question as asking
from ..domain.documents import ShownPage
from ..domain.facts import Fact, Headcount, Interaction, InteractionKind
from ..domain.floor import Floor
from ..domain.ids import ActId, FactId, OccurrenceId, SeatId
from ..domain.timetable import Occurrence
from .evidence_ports import FactStore
from .ports import Bus, LessonStore
from .rooms import Rooms
from .services import Clock

log = structlog.get_logger(__name__)

# 48 classrooms may raise their hands in the same second, each race lost costs one more read.
SAVE_TRIES: Final = 64


class FloorStore(LessonStore, FactStore, Protocol):
    """Floors and facts."""


class FloorService:
    """Hands, calling on, mute, head counts and questions. Callers have checked who may do it.

    `act` is the same for every repeat of one command. The floor is stored with it, so that a repeat
    changes nothing, even if others have changed the floor since. The fact has the act's id (an
    answer's that of its question and seat) and is stored before the floor: a crash between the two
    is mended by the terminal's retry, which finds the fact and does the rest.
    """

    def __init__(self, store: FloorStore, bus: Bus, rooms: Rooms, *, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._rooms = rooms
        self._clock = clock

    async def get(self, occurrence: OccurrenceId) -> Floor:
        """The floor as stored, or an empty one."""
        return await self._store.get_floor(occurrence) or Floor(occurrence)

    async def raise_hand(self, occurrence: Occurrence, seat: SeatId, *, act: ActId) -> Floor:
        """Put a seat into the queue of hands."""
        at = self._clock()
        fact = Interaction(FactId(act), occurrence.id, seat, at, InteractionKind.HAND_RAISED)
        return await self._change(occurrence, lambda f: rules.raise_hand(f, seat, at), act, fact)

    async def lower_hand(self, occurrence: Occurrence, seat: SeatId, *, act: ActId) -> Floor:
        """Take a seat out of the queue."""
        return await self._change(occurrence, lambda f: rules.lower_hand(f, seat), act)

    async def call_on(self, occurrence: Occurrence, seat: SeatId | None, *, act: ActId) -> Floor:
        """Give a seat the floor, or release it."""
        at = self._clock()
        fact = None
        if seat is not None:
            fact = Interaction(FactId(act), occurrence.id, seat, at, InteractionKind.CALLED_ON)
        return await self._change(occurrence, lambda f: rules.call_on(f, seat, at), act, fact)

    async def mute(self, occurrence: Occurrence, *, muted: bool, act: ActId) -> Floor:
        """Silence the called-on seat in every room, or let it be heard."""
        return await self._change(occurrence, lambda f: rules.set_muted(f, muted), act)

    async def hush(self, occurrence: Occurrence, *, quiet: bool, act: ActId) -> Floor:
        """Silence all rooms and let no hand up, or take that back."""
        return await self._change(occurrence, lambda f: rules.set_quiet(f, quiet), act)

    async def headcount(
        self, occurrence: Occurrence, seat: SeatId, present: int, *, by: str, act: ActId
    ) -> Floor:
        """Note how many pupils are in a seat's room."""
        fact = Headcount(FactId(act), occurrence.id, seat, self._clock(), present, by)
        return await self._change(
            occurrence, lambda f: rules.set_present(f, seat, present), act, fact
        )

    async def ask(
        self, occurrence: Occurrence, text: str, options: Sequence[str], *, act: ActId
    ) -> Floor:
        """Put a question to all rooms; ValueError as `domain.question.ask`."""
        at = self._clock()
        return await self._question(occurrence, lambda q: asking.ask(q, text, options, at), act)

    async def answer(
        self,
        occurrence: Occurrence,
        number: int,
        seat: SeatId,
        counts: Sequence[int],
        *,
        act: ActId,
    ) -> Floor:
        """Note a seat's counts; its first ones for a question are its fact."""
        # Named after question and seat: counts that are put right are the same answer.
        text = "\0".join((occurrence.id, str(number), seat))
        ident = FactId(f"answer:{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}")
        fact = Interaction(ident, occurrence.id, seat, self._clock(), InteractionKind.ANSWERED)
        return await self._question(
            occurrence, lambda q: asking.answer(q, number, seat, counts), act, fact
        )

    async def close(self, occurrence: Occurrence, number: int, *, shown: bool, act: ActId) -> Floor:
        """End a question and show its result to all rooms, or put that away."""
        at = self._clock()
        return await self._question(
            occurrence, lambda q: asking.close(q, number, at, shown=shown), act
        )

    async def show_page(
        self, occurrence: Occurrence, page: ShownPage | None, *, act: ActId
    ) -> Floor:
        """Show all rooms a page of a document, or put it away."""
        return await self._change(occurrence, lambda f: rules.show_page(f, page), act)

    async def _question(
        self,
        occurrence: Occurrence,
        change: Callable[[asking.Questions], asking.Questions],
        act: ActId,
        fact: Fact | None = None,
    ) -> Floor:
        def changed(floor: Floor) -> Floor:
            return rules.set_questions(floor, change(floor.questions))

        return await self._change(occurrence, changed, act, fact)

    async def withdraw(self, occurrence: Occurrence, seat: SeatId) -> Floor:
        """A seat was withdrawn from the lesson: no hand, no floor, no media."""
        floor = await self._change(occurrence, lambda f: rules.without_seat(f, seat))
        await self._rooms.kick(occurrence.id, seat)
        return floor

    async def _change(
        self,
        occurrence: Occurrence,
        change: Callable[[Floor], Floor],
        act: ActId | None = None,
        fact: Fact | None = None,
    ) -> Floor:
        for _ in range(SAVE_TRIES):
            done = act is not None and await self._store.act_done(occurrence.id, act)
            before = await self.get(occurrence.id)
            after = before if done else change(before)
            if done or (after is before and act is None):
                return before
            if fact is not None and after is not before:
                await self._store.append_facts([fact], received_at=self._clock())
            # Stored even if nothing changes: a late repeat must not do what this one did not.
            turned_at = None if after.page == before.page else self._clock()
            saved = await self._store.save_floor(after, act=act, turned_at=turned_at)
            if saved is not None:
                if after is not before:
                    await self._show(occurrence, before, saved)
                return saved
        raise RuntimeError(f"floor of {occurrence.id} lost {SAVE_TRIES} races in a row")

    async def _show(self, occurrence: Occurrence, before: Floor, after: Floor) -> None:
        placed = replace(
            after, present=before.present, questions=before.questions, page=before.page
        )
        # A head count, an answer or a page turned changes nobody's picture.
        if replace(placed, version=before.version) != before:
            await self._rooms.place(occurrence, after)
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence.id, "what": "floor"}
        )
