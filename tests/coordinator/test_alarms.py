"""The alarm clock rings once, in time, and again if set again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from sync_classroom.coordinator.alarms import Alarms
from tests.support.coordination import RunningClock, TurnedClock
from tests.support.plans import at

pytestmark = pytest.mark.asyncio


class Bell:
    """Remembers what rang and when."""

    def __init__(self) -> None:
        self.rang: list[tuple[str, datetime]] = []
        self.heard = asyncio.Event()

    async def ring(self, name: str) -> None:
        self.rang.append((name, datetime.now(UTC)))
        self.heard.set()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def clock() -> RunningClock:
    return RunningClock(at("08:50"))


@pytest_asyncio.fixture
async def alarms(clock: RunningClock, bell: Bell) -> AsyncIterator[Alarms]:
    made = Alarms(clock, bell.ring)
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

    async def ring(name: str) -> None:
        if name == "o-1":
            raise RuntimeError("broken bell")
        heard.set()

    alarms = Alarms(clock, ring)
    alarms.start()
    alarms.put("o-1", clock())
    alarms.put("o-2", clock() + timedelta(seconds=0.05))
    await asyncio.wait_for(heard.wait(), 5)
    alarms.stop()


async def test_a_turned_clock_counts_not_the_wall_clock(bell: Bell) -> None:
    clock = TurnedClock(at("08:00", "2019-01-07"))
    alarms = Alarms(clock, bell.ring)
    alarms.start()
    alarms.put("o-1", at("08:00:00.050000", "2019-01-07"))
    await asyncio.wait_for(bell.heard.wait(), 5)
    alarms.stop()
