"""Keeps the stages of meetings that go on: who speaks, and who has left without saying so.

Only the coordinator that holds the lease does; each look follows a report of the relay, once a
second while there are rooms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

import structlog

from ..domain.floor import Floor
from ..domain.ids import OccurrenceId
from ..domain.meeting import GONE, Stage, heard, without
from ..domain.problems import ProblemError
from ..domain.timetable import Occurrence
from .media_watch import MediaWatch
from .plan_ports import TimetableStore
from .ports import Bus
from .research_ports import MeetingStore
from .rooms import Rooms
from .services import Clock

log = structlog.get_logger(__name__)

#: Voices about to be the speaker, by meeting; a forgotten one waits for one look more.
MAX_REMEMBERED: Final = 1000


class WatchStore(TimetableStore, MeetingStore, Protocol):
    """Plan and meetings."""


class MeetingWatch:
    """`run` is its one task; `leading` says whether this coordinator is to act."""

    def __init__(
        self,
        store: WatchStore,
        bus: Bus,
        *,
        rooms: Rooms,
        media: MediaWatch,
        leading: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._store = store
        self._bus = bus
        self._rooms = rooms
        self._media = media
        self._leading = leading
        self._clock = clock
        self._ahead: dict[OccurrenceId, str] = {}

    async def run(self) -> None:
        """Look after every report of the relay, for ever."""
        seen = self._media.generation
        while True:
            seen = await self._media.next(seen)
            try:
                await self.look()
            except ProblemError as problem:  # a store that is away: the next look tries again
                log.error("meeting.look_failed", code=problem.code, problem=problem.en)
            except Exception:
                log.exception("meeting.look_failed")

    async def look(self) -> None:
        """Bring the stages of meetings that are open or live up to what is heard now."""
        status = self._media.status
        if not self._leading() or status is None:
            return
        stages = await self._store.open_stages()
        occurrences = await self._store.occurrences_of(s.occurrence for s in stages)
        for stage in stages:
            occurrence = occurrences.get(stage.occurrence)
            if occurrence is not None:
                await self._follow(occurrence, stage)
        while len(self._ahead) > MAX_REMEMBERED:
            self._ahead.pop(next(iter(self._ahead)))

    async def _follow(self, occurrence: Occurrence, stage: Stage) -> None:
        self._rooms.stage(stage)
        ident = occurrence.id
        after = without(stage, await self._left(stage))
        after, ahead = heard(after, self._media.levels(ident), self._ahead.get(ident))
        self._ahead.pop(ident, None)
        if ahead is not None:
            self._ahead[ident] = ahead
        if after != stage:
            saved = await self._store.save_stage(after)
            if saved is None:
                return  # somebody was first: the next look sees what they left
            self._rooms.stage(saved)
        await self._rooms.place(occurrence, Floor(ident))
        if after != stage:
            await self._bus.publish(
                "lesson", {"type": "changed", "occurrence": ident, "what": "meeting"}
            )

    async def _left(self, stage: Stage) -> set[str]:
        """Who has a place, sends nothing, and was not heard of for `GONE`."""
        silent = set(stage.senders) - self._media.publishing(stage.occurrence)
        if not silent:
            return set()
        since = self._clock() - GONE
        here = {p.peer for p in await self._store.present_in(stage.occurrence, since)}
        return silent - here
