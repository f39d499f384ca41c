"""Tells the terminals of this process what changed: plans, live states, a relay that came back.

The bus says *that* something changed; the feed reads *what* it is now and sends it whole. Whatever
changes while it reads or rests is one more round, so a storm of changes costs five rounds a second.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import structlog

from ..coordinator.desk import Told
from ..coordinator.notices import notice_message
from ..coordinator.rooms import breathe
from ..coordinator.services import Services
from ..domain.ids import ClassroomId, OccurrenceId

log = structlog.get_logger(__name__)

ROUND_S: Final = 0.2
# Without any change: the day turns over, tokens of new lessons begin.
PLAN_EVERY_S: Final = 300.0
# Plans of so many rooms are read and told together; then everything else has a turn.
ROOMS_AT_ONCE: Final = 100
# States remembered to see that one changed; a coordinator has some dozens of lessons at once.
MAX_STATES: Final = 1000
# What a lesson's terminals are not shown: evidence comes in for every lesson all the time.
_NOT_SHOWN: Final = frozenset({"evidence", "recording"})
RUNNING: Final = frozenset({"open", "live"})
_CHANNELS: Final = ("lesson", "plan", "relay", "presence", "roster")


class TerminalFeed:
    """One per application. `run` owns the work; the sockets call `greet` for a new connection."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lessons: set[OccurrenceId] = set()
        self._rooms: set[ClassroomId] = set()
        # Rooms whose plan must be looked at again.
        self._stale: set[ClassroomId] = set()
        self._all_plans = False
        self._heard = 0
        self._changed = asyncio.Event()
        self._listening = {channel: asyncio.Event() for channel in _CHANNELS}
        # What each classroom of this process was sent last, so that nothing is sent twice.
        self._sent: dict[ClassroomId, list[dict[str, Any]]] = {}
        # The last notice each of them was sent: what is newer is sent, what waits was sent before.
        self._noticed: dict[ClassroomId, int] = {}
        self._states: OrderedDict[OccurrenceId, str] = OrderedDict()

    async def listening(self) -> None:
        """Wait until every channel is heard."""
        for event in self._listening.values():
            await event.wait()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for channel in _CHANNELS:
                group.create_task(self._listen(channel), name=f"feed-{channel}")
            group.create_task(self._rounds(), name="feed-rounds")
            group.create_task(self._refresh(), name="feed-refresh")

    @property
    def heard(self) -> int:
        """How many changes were heard of; the same number means that what was read still holds."""
        return self._heard

    def remember(self, classroom: ClassroomId, plan: list[dict[str, Any]], heard: int) -> None:
        """A new connection was sent this plan and its lessons' states, read when `heard` was so.

        Whatever changed since is looked at again, so that no connection begins with old news.
        """
        self._sent[classroom] = plan
        self._noticed[classroom] = 0
        if heard != self._heard:
            self._stale.add(classroom)
            self._lessons.update(running_of(plan))
            self._changed.set()

    async def states_of(self, plan: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The live states that follow a welcome: one for each lesson that is open or live."""
        running = running_of(plan)
        told = await self._services.desk.live_states(running)
        return [
            told[lesson["id"]].state(for_host=lesson["role"] == "host")
            for lesson in plan
            if lesson["id"] in told
        ]

    async def tell_notices(self, rooms: Iterable[ClassroomId]) -> None:
        """Send what these rooms have not read and this connection was not sent yet."""
        for room, waiting in (await self._services.notices.for_classrooms(rooms)).items():
            fresh = [r for r in waiting if r.id > self._noticed.get(room, 0)]
            told = []
            for receipt in fresh:
                if self._services.hub.tell_here(room, notice_message(receipt)):
                    self._noticed[room] = receipt.id
                    told.append(receipt)
            await self._services.notices.told(room, told)

    # ------------------------------------------------------------------ hearing

    async def _listen(self, channel: str) -> None:
        async with self._services.bus.subscribe(channel) as messages:
            self._listening[channel].set()
            async for message in messages:
                self._hear(channel, message)

    def _hear(self, channel: str, message: Mapping[str, Any]) -> None:
        kind = message.get("type")
        if kind == "resync":
            self._all_plans = True
            self._lessons.update(self._running_here())
        elif channel == "lesson":
            if str(message.get("what")) in _NOT_SHOWN:
                return
            self._lessons.add(OccurrenceId(str(message.get("occurrence"))))
        elif channel in ("plan", "roster"):
            self._all_plans = True
        elif channel == "relay":
            boot = {"type": "relay", "boot": message.get("boot")}
            for room in self._services.hub.here():
                self._services.hub.tell_here(room, boot)
            return
        elif kind in ("joined", "left"):
            # A room's lessons show who is there; they stand in the plans of the rooms here.
            self._rooms.add(ClassroomId(str(message.get("classroom"))))
        else:
            return
        self._heard += 1
        self._changed.set()

    def _running_here(self) -> set[OccurrenceId]:
        """Lessons open or live in the plans sent to connected rooms."""
        here = self._services.hub.here()
        plans = [plan for room, plan in self._sent.items() if room in here]
        return set().union(*(running_of(plan) for plan in plans))

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(PLAN_EVERY_S)
            self._all_plans = True
            self._changed.set()

    # ------------------------------------------------------------------ telling

    async def _rounds(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = time.monotonic()
            work = (self._lessons, self._rooms, self._stale, self._all_plans)
            self._lessons, self._rooms, self._stale, self._all_plans = set(), set(), set(), False
            try:
                await self._round(*work)
            except Exception:  # the store is away: terminals keep what they have until it is back
                log.exception("feed.round_failed")
                self._lessons |= work[0]
                self._rooms |= work[1]
                self._stale |= work[2]
                self._all_plans |= work[3]
                self._changed.set()
            # However large the programme, two thirds of the time are left for everything else.
            await asyncio.sleep(max(ROUND_S, 2 * (time.monotonic() - began)))

    async def _round(
        self,
        lessons: set[OccurrenceId],
        rooms: set[ClassroomId],
        stale: set[ClassroomId],
        all_plans: bool,
    ) -> None:
        here = self._services.hub.here()
        for gone in self._sent.keys() - here:
            del self._sent[gone]
            self._noticed.pop(gone, None)
        concerned = lessons | (await self._running_in(rooms) if rooms else set())
        outdated = set(here) if all_plans else set(stale)
        if concerned:
            told = await self._services.desk.live_states(concerned, rooms=here)
            for turn, (lesson, what) in enumerate(told.items()):
                outdated |= self._tell_lesson(lesson, what, here)
                await breathe(turn)
        for rooms_ in _chunks(sorted(outdated & here)):
            await self._tell_plans(rooms_)
        if all_plans:
            await self.tell_notices(here)

    async def _running_in(self, rooms: set[ClassroomId]) -> set[OccurrenceId]:
        """Open or live lessons that any of these rooms takes part in, and rooms here too."""
        told = await self._services.desk.live_states(self._running_here(), rooms=frozenset(rooms))
        return {n for n, what in told.items() if not rooms.isdisjoint((what.host, *what.seats))}

    def _tell_lesson(
        self, lesson: OccurrenceId, told: Told, here: frozenset[ClassroomId]
    ) -> set[ClassroomId]:
        """Send one lesson's state to its rooms; those whose plan is out of date by it."""
        hub, host = self._services.hub, told.host
        rooms = [room for room in told.seats if room in here]
        state: dict[str, Any] | None = None
        if host in here:
            state = told.state(for_host=True)
            hub.tell_here(host, state)
        if rooms:
            state = told.state(for_host=False)
            for room in rooms:
                hub.tell_here(room, state)
        if state is None or self._states.get(lesson) == state["state"]:
            return set()
        self._states[lesson] = state["state"]
        self._states.move_to_end(lesson)
        if len(self._states) > MAX_STATES:
            self._states.popitem(last=False)
        return {host, *rooms}

    async def _tell_plans(self, rooms: Sequence[ClassroomId]) -> None:
        for room, plan in (await self._services.desk.plans_for(rooms)).items():
            if self._sent.get(room) != plan:
                self._sent[room] = plan
                self._services.hub.tell_here(room, {"type": "plan", "lessons": plan})


def _chunks(rooms: Sequence[ClassroomId]) -> Iterator[Sequence[ClassroomId]]:
    for start in range(0, len(rooms), ROOMS_AT_ONCE):
        yield rooms[start : start + ROOMS_AT_ONCE]


def running_of(plan: list[dict[str, Any]]) -> set[OccurrenceId]:
    """Lessons of a plan that are open or live."""
    return {OccurrenceId(lesson["id"]) for lesson in plan if lesson["state"] in RUNNING}
