"""One publisher to many receivers through a server, whichever it is: CPU, memory, joins."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from bench.machine import CpuMeter, rss_bytes
from bench.relay.pattern import Pattern
from bench.relay.peers import Drain, Opens, Source, Sources, join
from sync_classroom.relay.session import Direction

SETTLE_S: Final = 4.0
"""Past the next keyframe, so that everybody receives before the count begins."""
LINGER_S: Final = 0.3
"""After the last packet, until everything has been read: no packet falls between two counts."""


@dataclass(frozen=True, slots=True)
class Load:
    """How many receive what for how long."""

    subscribers: int
    seconds: float
    pattern: Pattern


async def forwarding(opens: Opens, pid: int, load: Load) -> dict[str, float]:
    """Costs by name, per packet that arrived at a receiver. SystemExit if none did."""
    publisher = await join(opens, Direction.PUBLISH, "host")
    sources = Sources([Source(publisher, load.pattern)])
    await sources.run(SETTLE_S)  # the publisher's own memory is full before the first joins
    meter, memory, started = CpuMeter(pid), rss_bytes(pid), time.monotonic()
    clients = [
        await join(opens, Direction.SUBSCRIBE, f"seat-{number}")
        for number in range(load.subscribers)
    ]
    joined_s, joins = time.monotonic() - started, meter.lap()
    drain = Drain([client.udp for client in clients])
    drain.start()
    await sources.run(SETTLE_S)
    await asyncio.sleep(LINGER_S)
    meter.lap()
    mailbox = drain.mailbox
    sent, received, size = sources.sent, drain.received, mailbox.bytes
    await sources.run(load.seconds)
    await asyncio.sleep(LINGER_S)
    used, received, size = meter.lap(), drain.received - received, mailbox.bytes - size
    full = rss_bytes(pid)
    lost = mailbox.lost()
    drain.stop()
    mailbox.close()
    sent = sources.sent - sent
    for client in (*clients, publisher):
        client.close()
    if not received:
        raise SystemExit("nothing was forwarded")
    return {
        "us_per_packet": used.total / received * 1e6,
        "us_user": used.user / received * 1e6,
        "us_system": used.system / received * 1e6,
        "forwarded": received,
        "expected": sent * load.subscribers,
        "arrived_percent": received / (sent * load.subscribers) * 100,
        "lost_at_receivers": lost,
        "bytes_per_packet": size / received,
        "kb_per_subscriber": (full - memory) / 1000 / load.subscribers,
        "ms_cpu_per_join": joins.total * 1000 / load.subscribers,
        "joins_per_s": load.subscribers / joined_s,
    }
