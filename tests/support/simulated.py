"""Simulated terms for tests: the city's roster, small and made in a second."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sync_classroom.cli.simulate_term import write_term
from sync_classroom.domain.ids import TermId
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.roster_file import parse_roster
from sync_classroom.exchange.national_days import NationalTables
from sync_classroom.simulator.term.term import SimulatedTerm
from tests.support.coordination import TurnedClock
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.web import Site, site

ROSTER_FILE = Path(__file__).parent.parent.parent / "config" / "taicang.toml"
ZONE = ZoneInfo("Asia/Shanghai")
TERM = TermId("2026-autumn")
FIRST = date(2026, 9, 1)
NATIONAL = NationalTables()


def city() -> Roster:
    """The roster of `config/taicang.toml` with its national days."""
    roster = parse_roster(tomllib.loads(ROSTER_FILE.read_text("utf-8")))
    return replace(roster, national=NATIONAL((2026, 2027)))


def simulated(*, seed: int = 1, until: date = date(2026, 9, 20), rooms: int = 16) -> SimulatedTerm:
    """Three weeks of 16 rooms, if nothing else is asked for."""
    return SimulatedTerm(city(), TERM, seed=seed, until=until, rooms=rooms, zone=ZONE)


@asynccontextmanager
async def simulated_site(
    folder: Path, *, until: date = date(2026, 9, 20), rooms: int = 16
) -> AsyncIterator[Site]:
    """Simulated weeks behind real pages, three if nothing else is asked for, on the day after."""
    store = await file_store(folder, "sync_classroom.db")
    now = at("08:00", (until + timedelta(days=1)).isoformat())
    try:
        await write_term(store, simulated(until=until, rooms=rooms), at=now)
        clock = TurnedClock(now)
        async with site(
            folder, store=store, clock=clock, national=NATIONAL, simulated=True
        ) as served:
            await served.services.coverage.settle()
            yield served
    finally:
        await store.close()
