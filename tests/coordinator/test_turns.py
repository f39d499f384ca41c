"""Turns earlier in the week are counted from facts, once for a lesson."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.coordinator.turns import WeekTurns
from sync_classroom.domain.ids import ActId
from tests.support.coordination import ZONE, bench
from tests.support.plans import lesson

pytestmark = pytest.mark.asyncio

# 2026-11-23 is a Monday.
SUNDAY = lesson("o-0", day="2026-11-22", seats=["far-1-r1"])
MONDAY = lesson("o-1", seats=["far-1-r1", "far-1-r2"])
LATER = lesson("o-2", "10:00", "10:40", seats=["far-1-r2", "far-1-r1"])
FRIDAY = lesson("o-3", day="2026-11-27", seats=["far-1-r1", "far-2-r1"])


async def test_turns_of_the_week_before_a_lesson(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(SUNDAY, MONDAY, LATER, FRIDAY)
        for n, (planned, seat) in enumerate(
            [(SUNDAY, 0), (MONDAY, 0), (MONDAY, 1), (LATER, 1), (LATER, 0), (LATER, 1)]
        ):
            await table.booth.floor.call_on(planned, planned.seats[seat].id, act=ActId(f"{n}"))
        await table.booth.floor.raise_hand(FRIDAY, FRIDAY.seats[1].id, act=ActId("hand"))
        turns = WeekTurns(table.store, ZONE)
        # A Sunday counts for its own week, a lesson not for itself, a raised hand for nothing.
        assert await turns.before([SUNDAY, MONDAY, LATER, FRIDAY]) == {
            "o-0": {},
            "o-1": {},
            "o-2": {"o-2-s0": 1, "o-2-s1": 1},
            "o-3": {"o-3-s0": 3},
        }


async def test_a_lesson_is_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with bench(tmp_path) as table:
        await table.add(MONDAY, LATER)
        turns = WeekTurns(table.store, ZONE)
        before = await turns.before([LATER])
        await table.booth.floor.call_on(MONDAY, MONDAY.seats[0].id, act=ActId("1"))
        assert await turns.before([LATER]) == before == {"o-2": {}}
        monkeypatch.setattr("sync_classroom.coordinator.turns.MAX_REMEMBERED", 1)
        await turns.before([MONDAY])
        assert await turns.before([LATER]) == {"o-2": {"o-2-s1": 1}}
