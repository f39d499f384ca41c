"""The roster in memory: read once, read again when anybody says it changed."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from ..domain.accounts import RosterChange
from ..domain.problems import ProblemError
from ..domain.roster import Roster
from .ports import Bus, RosterStore

log = structlog.get_logger(__name__)

CHANNEL = "roster"
# A roster loaded by a command in another process without a shared bus is seen after this long.
# Whoever loaded it looks at a page next; reading the whole roster takes some 10 ms.
REREAD_S = 5.0


class RosterService:
    """The current roster, shared by every service. `load` once before use; `run` keeps it fresh."""

    def __init__(self, store: RosterStore, bus: Bus, *, reread_s: float = REREAD_S) -> None:
        self._store = store
        self._bus = bus
        self._reread_s = reread_s
        self._roster: Roster | None = None
        self._listening = asyncio.Event()
        self._stale = asyncio.Event()

    def current(self) -> Roster:
        """The roster as last read; RuntimeError before the first `load`."""
        if self._roster is None:
            raise RuntimeError("RosterService.current() before load()")
        return self._roster

    async def load(self) -> Roster:
        """Read the roster from the store now."""
        self._roster = await self._store.load_roster()
        return self._roster

    async def apply(self, roster: Roster) -> RosterChange:
        """Store a roster (inserting and updating, never deleting) and tell everybody."""
        change = await self._store.apply_roster(roster)
        await self.load()
        await self._bus.publish(CHANNEL, {"type": "changed"})
        return change

    async def listening(self) -> None:
        """Wait until `run` hears the bus, so that no change from then on is missed."""
        await self._listening.wait()

    async def run(self) -> None:
        """Read again on every `roster` message (a resync too) and every `reread_s` seconds."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="roster-listen")
            group.create_task(self._reread(), name="roster-reread")

    async def _listen(self) -> None:
        async with self._bus.subscribe(CHANNEL) as messages:
            self._listening.set()
            async for _ in messages:
                self._stale.set()

    async def _reread(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._reread_s):
                    await self._stale.wait()
            self._stale.clear()
            try:
                await self.load()
            except ProblemError as problem:  # the old roster stays good until the store is back
                log.error("roster.reload_failed", code=problem.code, problem=problem.en)
            except Exception:
                log.exception("roster.reload_failed")
