"""An administrator's office over a real store: the timetable service, with a clock to turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sync_classroom.coordinator.drafts import EditAnswer
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.timetable import TimetableService
from sync_classroom.domain.edits import Command
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.plan_change import Version
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.store.database import Database
from tests.support.coordination import Bench, TurnedClock, bench
from tests.support.drafts import TERM, roster
from tests.support.plans import at

BEFORE_TERM = at("07:00", "2026-08-31")


@dataclass
class Office:
    """One coordinator's timetable. What is edited was seen as it is now, if nothing is said."""

    name: str
    bench: Bench
    keys: count[int]

    @property
    def service(self) -> TimetableService:
        return self.bench.booth.timetable

    @property
    def store(self) -> Database:
        return self.bench.store

    async def revision(self) -> int:
        return (await self.service.draft(TERM.id)).revision

    async def edit(
        self,
        command: Command | Sequence[Command],
        *,
        by: str = "li",
        seen: int | None = None,
        key: str = "",
    ) -> EditAnswer:
        return await self.service.edit(
            TERM.id,
            command,
            seen=await self.revision() if seen is None else seen,
            actor=by,
            key=key or f"{by}-{self.name}-{next(self.keys)}",
        )

    async def publish(self, note: str = "开学", *, by: str = "li", key: str = "") -> Version:
        return await self.service.publish(
            TERM.id,
            seen=await self.revision(),
            note=note,
            actor=by,
            key=key or f"{by}-{self.name}-{next(self.keys)}",
        )

    async def lesson(self, ident: str) -> Occurrence:
        stored = await self.store.get_occurrence(OccurrenceId(ident))
        assert stored is not None
        return stored


@asynccontextmanager
async def office(
    folder: Path,
    store: Database,
    *,
    known: Roster | None = None,
    bus: LocalBus | None = None,
    clock: TurnedClock | None = None,
    holder: str = "one",
) -> AsyncIterator[Office]:
    """An office the day before term begins; shares what it is given with another one."""
    await store.apply_roster(known or roster())
    async with bench(
        folder, store=store, bus=bus, clock=clock or TurnedClock(BEFORE_TERM), holder=holder
    ) as table:
        yield Office(holder, table, count(1))
