"""The alarm clock rings once, in time, and again if set again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time

import pytest
import pytest_asyncio

from sync_classroom.coordinator.alarms import Alarms, next_clock
from tests.support.coordination import ZONE, RunningClock, TurnedClock
from tests.support.plans import at

pytestmark = pytest.mark.asyncio


class Bell:
    """Remembers what rang and when."""

    def __init__(self) -> None:
        self.rang: list[tuple[str, datetime]] = []
        self.times = 0
        self.heard = asyncio.Event()

    async def ring(self, names: frozenset[str]) -> None:
        self.rang += [(name, datetime.now(UTC)) for name in sorted(names)]
        self.times += 1
        self.heard.set()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock(at("08:50"))


@pytest_asyncio.fixture
async def alarms(clock: RunningClock, bell: Bell) -> AsyncIterator[Alarms]:
    made = Alarms(clock, bell.ring, monotonic=time.monotonic)
    yield made
    made.stop()
    await asyncio.sleep(0)  # APScheduler stops in the next turn of the loop


async def test_rings_within_200_ms_of_its_time(
    alarms: Alarms, clock: RunningClock, bell: Bell
) -> None:
    alarms.start()
    due = datetime.now(UTC) + timedelta(seconds=0.5)
    alarms.put("o-1", clock() + timedelta(seconds=0.5))
    await asyncio.wait_for(bell.heard.wait(), 5)
    [(name, rang_at)] = bell.rang
    assert name == "o-1"
    assert timedelta(seconds=-0.02) <= rang_at - due <= timedelta(seconds=0.2)
    assert alarms.at("o-1") is None


async def test_an_alarm_of_the_past_rings_at_once(
    alarms: Alarms, clock: RunningClock, bell: Bell
) -> None:
    alarms.start()
    alarms.put("o-1", clock() - timedelta(hours=2))
    await asyncio.wait_for(bell.heard.wait(), 1)


async def test_setting_again_replaces_and_setting_the_same_changes_nothing(
    alarms: Alarms, clock: RunningClock, bell: Bell
) -> None:
    alarms.start()
    later = clock() + timedelta(hours=1)
    alarms.put("o-1", later)
    alarms.put("o-1", later)
    assert alarms.at("o-1") == later
    alarms.put("o-1", clock() + timedelta(seconds=0.05))
    await asyncio.wait_for(bell.heard.wait(), 5)
    assert [name for name, _ in bell.rang] == ["o-1"]


async def test_alarms_of_one_instant_ring_together_in_whatever_zone_it_is_written(
    alarms: Alarms, clock: RunningClock, bell: Bell
) -> None:
    alarms.start()
    due = clock() + timedelta(seconds=0.1)
    for n in range(300):
        alarms.put(f"o-{n}", due.astimezone(UTC) if n % 2 else due)
    alarms.drop("o-7")
    async with asyncio.timeout(5):
        await bell.heard.wait()
    assert bell.times == 1
    assert {name for name, _ in bell.rang} == {f"o-{n}" for n in range(300) if n != 7}
    assert alarms.names() == frozenset()


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
async def test_a_clock_that_was_stepped_rings_by_the_new_time(
    alarms: Alarms, clock: RunningClock, bell: Bell, step_s: float
) -> None:
    alarms.start()
    alarms.put("o-1", clock() + timedelta(seconds=step_s + 0.3))
    alarms.put("o-2", clock() + timedelta(seconds=step_s + 7200))
    assert not alarms.realign()
    clock.step(seconds=step_s)
    assert alarms.realign()
    assert not alarms.realign()
    async with asyncio.timeout(5):
        await bell.heard.wait()
    assert [name for name, _ in bell.rang] == ["o-1"]


async def test_a_clock_stepped_back_does_not_ring_what_is_not_due_any_more(
    alarms: Alarms, clock: RunningClock, bell: Bell
) -> None:
    alarms.start()
    alarms.put("o-1", clock() + timedelta(seconds=0.1))
    clock.step(hours=-1)
    alarms.realign()
    alarms.put("o-2", clock() + timedelta(seconds=0.2))
    async with asyncio.timeout(5):
        await bell.heard.wait()
    assert [name for name, _ in bell.rang] == ["o-2"]


async def test_dropped_alarm_does_not_ring(alarms: Alarms, clock: RunningClock, bell: Bell) -> None:
    alarms.start()
    alarms.put("o-1", clock() + timedelta(seconds=0.05))
    alarms.put("o-2", clock() + timedelta(seconds=0.1))
    alarms.drop("o-1")
    alarms.drop("o-1")
    assert alarms.names() == frozenset({"o-2"})
    await asyncio.wait_for(bell.heard.wait(), 5)
    assert [name for name, _ in bell.rang] == ["o-2"]


async def test_alarms_set_before_the_start_ring_after_it(
    alarms: Alarms, clock: RunningClock, bell: Bell
) -> None:
    alarms.put("o-1", clock() + timedelta(seconds=0.05))
    alarms.start()
    await asyncio.wait_for(bell.heard.wait(), 5)


async def test_a_bell_that_breaks_does_not_stop_the_clock(clock: RunningClock) -> None:
    heard = asyncio.Event()

    async def ring(names: frozenset[str]) -> None:
        if "o-1" in names:
            raise RuntimeError("broken bell")
        heard.set()

    alarms = Alarms(clock, ring, monotonic=time.monotonic)
    alarms.start()
    alarms.put("o-1", clock())
    alarms.put("o-2", clock() + timedelta(seconds=0.05))
    await asyncio.wait_for(heard.wait(), 5)
    alarms.stop()


async def test_a_turned_clock_counts_not_the_wall_clock(bell: Bell) -> None:
    clock = TurnedClock(at("08:00", "2019-01-07"))
    alarms = Alarms(clock, bell.ring, monotonic=time.monotonic)
    alarms.start()
    alarms.put("o-1", at("08:00:00.050000", "2019-01-07"))
    await asyncio.wait_for(bell.heard.wait(), 5)
    alarms.stop()


async def test_the_next_night_is_today_before_it_and_tomorrow_from_it_on() -> None:
    two = clock_time(2, 0)
    assert next_clock(two, at("01:59").astimezone(UTC), ZONE) == at("02:00")
    assert next_clock(two, at("02:00"), ZONE) == at("02:00", "2026-11-24")
    assert next_clock(two, at("23:00"), ZONE) == at("02:00", "2026-11-24")
