"""The alarm clock rings once, in time, and again if set again: in virtual time, which is exact."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import pytest

from sync_classroom.coordinator.alarms import Alarms, next_clock
from tests.support.coordination import ZONE, RunningClock, TurnedClock
from tests.support.plans import at
from tests.support.virtual_time import on_virtual_loop

BEGIN = at("08:50")
# What APScheduler's rounding to microseconds may cost.
EXACT = timedelta(milliseconds=1)


class Bell:
    """Remembers what rang and when."""

    def __init__(self) -> None:
        self.rang: list[tuple[str, datetime]] = []
        self.times = 0
        self._heard = asyncio.Event()

    async def ring(self, names: frozenset[str]) -> None:
        if "broken" in names:
            raise RuntimeError("broken bell")
        self.rang += [(name, datetime.now(UTC)) for name in sorted(names)]
        self.times += 1
        self._heard.set()

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.rang]

    async def first(self, within_s: float = 3600.0) -> None:
        """Let time pass until it has rung."""
        async with asyncio.timeout(within_s):
            await self._heard.wait()


@asynccontextmanager
async def ringing(clock: RunningClock | TurnedClock) -> AsyncIterator[tuple[Alarms, Bell]]:
    """An alarm clock that runs and its bell."""
    bell = Bell()
    alarms = Alarms(clock, bell.ring, monotonic=asyncio.get_running_loop().time)
    alarms.start()
    yield alarms, bell
    alarms.stop()
    await asyncio.sleep(0)  # APScheduler stops in the next turn of the loop


@on_virtual_loop(BEGIN)
async def test_rings_at_its_time() -> None:
    """How late on a real machine: bench.scheduler.bell measures it."""
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        due = datetime.now(UTC) + timedelta(seconds=0.5)
        alarms.put("o-1", clock() + timedelta(seconds=0.5))
        await bell.first()
        [(name, rang_at)] = bell.rang
        assert name == "o-1"
        assert abs(rang_at - due) <= EXACT
        assert alarms.at("o-1") is None


@on_virtual_loop(BEGIN)
async def test_an_alarm_of_the_past_rings_at_once() -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        alarms.put("o-1", clock() - timedelta(hours=2))
        await bell.first(within_s=0.001)


@on_virtual_loop(BEGIN)
async def test_setting_again_replaces_and_setting_the_same_changes_nothing() -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        later = clock() + timedelta(hours=1)
        alarms.put("o-1", later)
        alarms.put("o-1", later)
        assert alarms.at("o-1") == later
        alarms.put("o-1", clock() + timedelta(seconds=0.05))
        await asyncio.sleep(7200)
        assert bell.names == ["o-1"]
        assert bell.rang[0][1] < later - timedelta(minutes=59)


@on_virtual_loop(BEGIN)
async def test_alarms_of_one_instant_ring_together_in_whatever_zone_it_is_written() -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        due = clock() + timedelta(seconds=0.1)
        for n in range(300):
            alarms.put(f"o-{n}", due.astimezone(UTC) if n % 2 else due)
        alarms.drop("o-7")
        await bell.first()
        assert bell.times == 1
        assert set(bell.names) == {f"o-{n}" for n in range(300) if n != 7}
        assert alarms.names() == frozenset()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
@on_virtual_loop(BEGIN)
async def test_a_clock_that_was_stepped_rings_by_the_new_time(step_s: float) -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        alarms.put("o-1", due := clock() + timedelta(seconds=step_s + 0.3))
        alarms.put("o-2", clock() + timedelta(seconds=step_s + 7200))
        assert not alarms.realign()
        clock.step(seconds=step_s)
        assert alarms.realign()
        assert not alarms.realign()
        await bell.first()
        assert bell.names == ["o-1"]
        assert abs(clock() - due) <= EXACT


@on_virtual_loop(BEGIN)
async def test_a_clock_stepped_back_does_not_ring_what_is_not_due_any_more() -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        alarms.put("o-1", clock() + timedelta(seconds=0.1))
        clock.step(hours=-1)
        alarms.realign()
        alarms.put("o-2", clock() + timedelta(seconds=0.2))
        await bell.first()
        assert bell.names == ["o-2"]


@on_virtual_loop(BEGIN)
async def test_dropped_alarm_does_not_ring() -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        alarms.put("o-1", clock() + timedelta(seconds=0.05))
        alarms.put("o-2", clock() + timedelta(seconds=0.1))
        alarms.drop("o-1")
        alarms.drop("o-1")
        assert alarms.names() == frozenset({"o-2"})
        await bell.first()
        assert bell.names == ["o-2"]


@on_virtual_loop(BEGIN)
async def test_alarms_set_before_the_start_ring_after_it() -> None:
    clock, bell = RunningClock(BEGIN), Bell()
    alarms = Alarms(clock, bell.ring, monotonic=asyncio.get_running_loop().time)
    alarms.put("o-1", clock() + timedelta(seconds=0.05))
    alarms.start()
    await bell.first()
    alarms.stop()
    await asyncio.sleep(0)


@on_virtual_loop(BEGIN)
async def test_a_bell_that_breaks_does_not_stop_the_clock() -> None:
    clock = RunningClock(BEGIN)
    async with ringing(clock) as (alarms, bell):
        alarms.put("broken", clock())
        alarms.put("o-2", clock() + timedelta(seconds=0.05))
        await bell.first()
        assert bell.names == ["o-2"]


@on_virtual_loop(BEGIN)
async def test_a_turned_clock_counts_not_the_wall_clock() -> None:
    async with ringing(TurnedClock(at("08:00", "2019-01-07"))) as (alarms, bell):
        alarms.put("o-1", at("08:00:00.050000", "2019-01-07"))
        await bell.first(within_s=0.06)


def test_the_next_night_is_today_before_it_and_tomorrow_from_it_on() -> None:
    two = clock_time(2, 0)
    assert next_clock(two, at("01:59").astimezone(UTC), ZONE) == at("02:00")
    assert next_clock(two, at("02:00"), ZONE) == at("02:00", "2026-11-24")
    assert next_clock(two, at("23:00"), ZONE) == at("02:00", "2026-11-24")
