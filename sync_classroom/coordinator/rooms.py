"""Which picture and voice goes where: a lesson's relay room, laid out from its floor.

The layout is a pure function of occurrence, floor and who is connected, so that any coordinator
arrives at the same one; `Rooms` keeps the relay at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.floor import Floor
from ..domain.ids import ClassroomId, OccurrenceId, SeatId
from ..domain.meeting import Stage
from ..domain.timetable import Mode, Occurrence
from .media_watch import MediaWatch
from .meeting_layout import meeting_layout
from .ports import Layout, RelayControl, RelayDownError, RoomSpec
from .relay_client import RelayRefusedError

log = structlog.get_logger(__name__)

# docs/terminal-protocol.md "Media": a host offers 13 video lines, one of them the called-on seat.
WALL_SLOTS: Final = 12
# Wall pictures are shown some 300 pixels wide; a room's small picture is 320x180.
WALL_HEIGHT: Final = 180
EVERYONE: Final = "*"
# An offer has 32 m-lines at most, and a browser decodes so many small pictures with ease.
WATCH_SLOTS: Final = 24
WATCH_GROUP: Final = "viewer:wall-"
# This many commands are under way at the relay together.
AT_ONCE: Final = 16
# After this many lessons everything else has a turn: a look at one takes some 50 µs.
TURN: Final = 50
# A relay has some hundred rooms at once; a layout that was forgotten is sent once more.
MAX_REMEMBERED: Final = 1000

ROOMS_FAILED = Counter(
    "sync_classroom_room_commands_failed_total", "Room commands the relay did not take."
)


async def breathe(turn: int) -> None:
    """In a loop over lessons: let everything else have its turn now and then."""
    if turn % TURN == TURN - 1:
        await asyncio.sleep(0)


def wall(occurrence: Occurrence, floor: Floor, online: Collection[SeatId]) -> tuple[SeatId, ...]:
    """The seats whose pictures the host sees, by wall slot, at most `WALL_SLOTS`.

    Connected seats in plan order. Where there are more than slots, the called-on seat and raised
    hands (in order) take the last slots from seats that want nothing, so that a hand going up
    moves one picture and not twelve.
    """
    seats = [s.id for s in occurrence.active_seats if s.id in online]
    shown = seats[:WALL_SLOTS]
    wanted = [floor.called_on] if floor.called_on is not None else []
    wanted += [hand.seat for hand in floor.hands]
    urgent = [s for s in dict.fromkeys(wanted) if s in seats][:WALL_SLOTS]
    free = [i for i in reversed(range(len(shown))) if shown[i] not in urgent]
    for seat in urgent:
        if seat not in shown:
            shown[free.pop(0)] = seat
    return tuple(shown)


def watched(occurrence: Occurrence) -> tuple[tuple[str, ...], ...]:
    """What who walks past (巡课) is shown small, in groups of `WATCH_SLOTS`: host, then seats.

    In plan order whoever is there, so that a picture stays where it is.
    """
    sources = ["camera", *(f"seat:{seat.id}" for seat in occurrence.active_seats)]
    starts = range(0, len(sources), WATCH_SLOTS)
    return tuple(tuple(sources[start : start + WATCH_SLOTS]) for start in starts)


def layouts(occurrence: Occurrence, floor: Floor, online: Collection[SeatId]) -> dict[str, Layout]:
    """The room's layouts as docs/terminal-protocol.md's table of slots has them."""
    called = f"seat:{floor.called_on}" if floor.called_on is not None else None
    voice = None if floor.muted else called
    pictures: list[str | None] = [f"seat:{seat}" for seat in wall(occurrence, floor, online)]
    pictures += [None] * (WALL_SLOTS - len(pictures))
    small = {
        f"{WATCH_GROUP}{n}": Layout(audio=(), video=group, heights=(WALL_HEIGHT,) * len(group))
        for n, group in enumerate(watched(occurrence))
    }
    return small | {
        EVERYONE: Layout(audio=("camera", voice), video=("camera", "screen", called)),
        "host": Layout(
            audio=(voice,),
            video=(called, *pictures),
            heights=(None, *[WALL_HEIGHT] * WALL_SLOTS),
        ),
    }


class Connected(Protocol):
    """Which classrooms have a terminal connected, over all coordinators."""

    def online(self) -> frozenset[ClassroomId]:
        """Classrooms whose terminal is connected now."""
        ...


class Rooms:
    """Makes, lays out and closes relay rooms; remembers what this relay boot was told.

    `ingests` are the recording hosts by classroom: where one is configured, it is the camera of
    every lesson that the classroom gives.
    """

    def __init__(
        self,
        relay: RelayControl,
        media: MediaWatch,
        terminals: Connected,
        ingests: Mapping[ClassroomId, str] | None = None,
    ) -> None:
        self._ingests = ingests or {}
        self._relay = relay
        self._media = media
        self._terminals = terminals
        self._boot: str | None = None
        self._placed: dict[OccurrenceId, RoomSpec] = {}
        self._stages: dict[OccurrenceId, Stage] = {}
        self._unanswered = 0

    def booted(self, boot: str) -> bool:
        """Take note of the relay's boot id; whether it is another one than before."""
        if boot == self._boot:
            return False
        again = self._boot is not None
        self._boot = boot
        self._placed.clear()
        return again

    def placed(self, occurrence: OccurrenceId) -> bool:
        """Whether this boot of the relay was told a layout of the room."""
        return occurrence in self._placed

    def forget(self, occurrence: OccurrenceId) -> None:
        """Assume nothing about a room, so that the next `place` speaks to the relay."""
        self._placed.pop(occurrence, None)

    def online(self, occurrence: Occurrence) -> frozenset[SeatId]:
        """Seats whose terminal is connected here or whose picture reaches the relay.

        The second alone is true while terminals have not yet found a restarted coordinator.
        """
        terminals = self._terminals.online()
        publishing = self._media.publishing(occurrence.id)
        return frozenset(
            s.id for s in occurrence.active_seats if s.classroom in terminals or s.id in publishing
        )

    def stage(self, stage: Stage) -> None:
        """Take note of a meeting's stage; its room is laid out from it at the next `place`."""
        known = self._stages.get(stage.occurrence)
        if known is None or known.version <= stage.version:
            self._stages.pop(stage.occurrence, None)
            self._stages[stage.occurrence] = stage
        while len(self._stages) > MAX_REMEMBERED:
            self._stages.pop(next(iter(self._stages)))

    def stands(self, occurrence: Occurrence, floor: Floor) -> bool:
        """Whether the room has its layout already, so that `place` would say nothing."""
        return self._placed.get(occurrence.id) == self._wanted(occurrence, floor)

    def _wanted(self, occurrence: Occurrence, floor: Floor) -> RoomSpec | None:
        """The room as it should be; None for a meeting whose stage is not known here yet.

        A coordinator that has just started must not empty the slots of those who meet.
        """
        if occurrence.mode is Mode.RESEARCH:
            stage = self._stages.get(occurrence.id)
            if stage is None:
                return None
            return RoomSpec(occurrence.id, {EVERYONE: meeting_layout(stage)})
        return RoomSpec(
            occurrence.id,
            layouts(occurrence, floor, self.online(occurrence)),
            self._ingests.get(occurrence.host.classroom),
        )

    async def place(self, occurrence: Occurrence, floor: Floor) -> bool:
        """Bring the room to its layout; False if the relay could not be told (try again later)."""
        wanted = self._wanted(occurrence, floor)
        if wanted is None:
            return False
        if self._placed.get(occurrence.id) == wanted:
            return True
        boot = self._boot
        try:
            await self._relay.put_room(wanted)
        except (RelayDownError, RelayRefusedError) as error:
            self._failed("put", occurrence.id, error)
            return False
        if occurrence.id not in self._placed:
            self._media.nudge()  # a new room: from now on every second counts
        if boot == self._boot:  # else it may be the former relay that took it
            self._placed[occurrence.id] = wanted
            while len(self._placed) > MAX_REMEMBERED:
                del self._placed[next(iter(self._placed))]
        return True

    async def bring(
        self, wanted: Iterable[tuple[Occurrence, Floor]], over: Iterable[OccurrenceId]
    ) -> None:
        """Bring rooms to their layouts and close those of lessons that are over, some at a time.

        Of a relay that did not answer no more is asked: whoever hangs would hold up everything.
        """
        commands: list[Callable[[], Awaitable[bool]]] = []
        for turn, (occurrence, floor) in enumerate(wanted):
            if not self.stands(occurrence, floor):
                commands.append(partial(self.place, occurrence, floor))
            await breathe(turn)
        commands += [partial(self.close, occurrence) for occurrence in over]
        waiting = iter(commands)
        unanswered = self._unanswered

        async def some() -> None:
            for command in waiting:
                await command()
                if self._unanswered != unanswered:
                    return

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(commands))):
                group.create_task(some())

    async def close(self, occurrence: OccurrenceId) -> bool:
        """Delete the room; False if the relay could not be told."""
        self.forget(occurrence)
        try:
            await self._relay.delete_room(occurrence)
        except (RelayDownError, RelayRefusedError) as error:
            self._failed("delete", occurrence, error)
            return False
        return True

    async def kick(self, occurrence: OccurrenceId, peer: str) -> bool:
        """Close one peer's sessions; False if the relay could not be told."""
        try:
            await self._relay.kick(occurrence, peer)
        except (RelayDownError, RelayRefusedError) as error:
            self._failed("kick", occurrence, error)
            return False
        return True

    def _failed(self, what: str, occurrence: OccurrenceId, error: Exception) -> None:
        ROOMS_FAILED.inc()
        self._unanswered += isinstance(error, RelayDownError)
        log.warning("room.command_failed", what=what, occurrence=occurrence, error=str(error))
