"""Simulated terms for tests: the city's roster, small and made in a second."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from sync_classroom.domain.ids import TermId
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.roster_file import parse_roster
from sync_classroom.exchange.national_days import NationalTables
from sync_classroom.simulator.term.term import SimulatedTerm

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
