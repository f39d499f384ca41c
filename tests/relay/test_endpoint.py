from __future__ import annotations

import asyncio

import pytest

from tests.support.media_peers import publish, relay, subscribe, until

pytestmark = pytest.mark.asyncio


async def test_one_publisher_two_subscribers_decode_and_samples_are_exact() -> None:
    async with relay() as (endpoint, samples):
        source, session = await publish(endpoint, "lesson")
        await until(lambda: session.connected)
        viewers = [await subscribe(endpoint, "lesson", f"seat-{n}") for n in range(2)]
        await until(lambda: all(v.frames >= 20 and v.sounds >= 50 for v in viewers))
        print(endpoint.counters, endpoint.status())
        # Wait for a receiver report that speaks of all slots, then compare what everybody counted.
        await source.close()
        await until(lambda: session.closed.is_set())
        for viewer in viewers:
            print(await viewer.received())
            await viewer.connection.close()
        await until(lambda: not endpoint.status())
        print(samples)
        await asyncio.gather(*(t for v in viewers for t in v.tasks))
