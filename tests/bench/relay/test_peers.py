from __future__ import annotations

import asyncio

import pytest

from bench.relay.child import Options, lines, relay
from bench.relay.measure import Load, forwarding
from bench.relay.pattern import LOW
from bench.relay.peers import Source, Sources, join
from sync_classroom.relay.kernel import unavailable
from sync_classroom.relay.session import Direction
from tests.support.waiting import PATIENCE_S


def test_lines_number_their_slots_by_kind() -> None:
    made = lines(1, 2)
    assert [(line.kind, line.mid, line.slot) for line in made] == [
        ("audio", "0", 0), ("video", "1", 0), ("video", "2", 1),
    ]  # fmt: skip


@pytest.mark.asyncio
async def test_forwarding_counts_every_packet_at_every_receiver() -> None:
    async with relay(Options(window_ms=0)) as under_test:
        costs = await forwarding(under_test.opens, under_test.pid, Load(3, 0.5, LOW))
    assert costs["forwarded"] == costs["expected"] > 0
    assert costs["lost_at_receivers"] == 0
    assert costs["us_per_packet"] > 0


@pytest.mark.asyncio
async def test_relay_without_segments_sends_datagrams_one_by_one() -> None:
    for fanout in ("python", "kernel") if unavailable() is None else ("python",):
        async with relay(Options(fanout=fanout, segments=False)) as under_test:
            publisher = await join(under_test.opens, Direction.PUBLISH, "host")
            client = await join(under_test.opens, Direction.SUBSCRIBE, "seat")
            await Sources([Source(publisher, LOW)]).run(0.3)
            loop, packets = asyncio.get_running_loop(), 0
            async with asyncio.timeout(PATIENCE_S):
                while packets < 16:  # the first keyframe
                    data = await loop.sock_recv(client.udp, 2048)
                    packets += data[0] >= 128 and client.unprotect.unprotect(data)[1] & 0x7F == 96
            counters = await under_test.counters()
            client.close()
            publisher.close()
        assert counters["forwarded"] >= 16


def test_sources_go_on_where_they_are() -> None:
    class Silent(Source):
        def __init__(self) -> None:
            super().__init__(None, LOW)  # type: ignore[arg-type]

        def send(self, burst: object, stamp: object = None) -> None:
            self.counts[burst.kind] += burst.packets  # type: ignore[attr-defined]

    source = Silent()
    source.send_due(2.0)
    sent = source.sent
    again = Sources([source, Silent()])
    again.resume()
    again.send_due()
    assert source.due_s > 2.0
    assert again.sent - sent <= 2 * 17 + 2  # what is due at this very moment, and no gap of 2 s
