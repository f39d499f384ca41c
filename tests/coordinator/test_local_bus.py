"""What only the in-process bus promises; the shared contract is in tests/store/test_bus.py."""

from __future__ import annotations

import asyncio

import pytest

from sync_classroom.coordinator.local_bus import LocalBus

pytestmark = pytest.mark.asyncio


async def test_a_full_queue_is_dropped_and_one_resync_takes_its_place() -> None:
    bus = LocalBus(queue_limit=3)
    async with bus.subscribe("plan") as slow, bus.subscribe("plan") as quick:
        for n in range(3):
            await bus.publish("plan", {"n": n})
        for n in range(3):
            assert await anext(quick) == {"n": n}
        await bus.publish("plan", {"n": 3})
        await bus.publish("plan", {"n": 4})

        assert [await anext(slow), await anext(slow)] == [{"type": "resync"}, {"n": 4}]
        assert [await anext(quick), await anext(quick)] == [{"n": 3}, {"n": 4}]
        assert bus.overflows == 1


async def test_an_overflow_of_a_queue_that_begins_with_a_resync_leaves_one_resync() -> None:
    bus = LocalBus(queue_limit=2)
    async with bus.subscribe("plan") as messages:
        for n in range(5):
            await bus.publish("plan", {"n": n})
        assert await anext(messages) == {"type": "resync"}
        assert bus.overflows == 2
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)
        assert not waiting.done()
        await bus.publish("plan", {"n": 5})
        assert await waiting == {"n": 5}


async def test_channels_are_those_with_subscribers() -> None:
    bus = LocalBus()
    assert bus.channels() == ()
    async with bus.subscribe("a"), bus.subscribe("b"), bus.subscribe("a"):
        assert bus.channels() == ("a", "b")
    assert bus.channels() == ()
