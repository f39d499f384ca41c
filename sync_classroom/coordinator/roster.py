"""The roster in memory: read once, read again when anybody says it changed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date

import structlog

from ..domain.accounts import RosterChange
from ..domain.problems import ProblemError
from ..domain.roster import NationalDay, Roster
from .ports import Bus, RosterStore

log = structlog.get_logger(__name__)

CHANNEL = "roster"
# A roster loaded by a command in another process without a shared bus is seen after this long.
# Whoever loaded it looks at a page next; reading the whole roster takes some 10 ms.
REREAD_S = 5.0

NationalSource = Callable[[Collection[int]], Mapping[date, NationalDay]]
"""The national days off and make-up days of calendar years; asked again with every reading."""


def no_national_days(years: Collection[int]) -> Mapping[date, NationalDay]:
    """A country without days off."""
    del years
    return {}


class RosterService:
    """The current roster, shared by every service. `load` once before use; `run` keeps it fresh."""

    def __init__(
        self,
        store: RosterStore,
        bus: Bus,
        *,
        national: NationalSource = no_national_days,
        reread_s: float = REREAD_S,
    ) -> None:
        self._store = store
        self._bus = bus
        self._national = national
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
        """Read the roster from the store now; the national days of its terms go with it."""
        roster = await self._store.load_roster()
        terms = roster.terms.values()
        years = {y for t in terms for y in range(t.first_day.year, t.last_day.year + 1)}
        self._roster = replace(roster, national=self._national(years))
        return self._roster

    async def apply(self, roster: Roster) -> RosterChange:
        """Store a roster (inserting and updating, never deleting) and tell everybody."""
        change = await self._store.apply_roster(roster)
        await self.changed()
        return change

    async def changed(self) -> None:
        """Read what was just stored, and tell everybody."""
        await self.load()
        await self._bus.publish(CHANNEL, {"type": "changed"})

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
