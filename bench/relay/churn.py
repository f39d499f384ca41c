"""Joins and leaves of eight hours of lessons in minutes: what the relay then still holds.

Eight hours are taken as ten lessons of 48 rooms in which every room connects five times (the bell,
and four times when its line or its browser fails): 2,400 visits. A visit is what a room does: a
WHIP session for its thumbnail, a WHEP session for the lesson, some media both ways, receiver
reports. One visit in ten ends without a word and is only noticed by its silence, one in ten is
replaced by the same room's next; the others say goodbye. Half as many more go before as a warm-up,
with as many silent ones as all the others have, so that no more are there at once later.
Memory and objects are compared when all sessions are gone but the host's, after the warm-up and at
the end, once what is free was given back to the system: how much of that the C library happens to
keep differs by megabytes from run to run. What was resident before is printed beside it.

    python -m bench.relay.churn --visits 2400
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from bench import figures
from bench.figures import Figure
from bench.relay.pattern import AUDIO, LOW, THUMBNAIL, bursts
from bench.relay.peers import NOISE
from bench.relay.served import Served, served
from sync_classroom.simulator.client import VP8, Publisher, Receiver, SessionRefusedError
from sync_classroom.simulator.transport import TransportError

LESSONS, ROOMS, CONNECTIONS = 10, 48, 5
WARM_SHARE: Final = 0.5
AT_ONCE: Final = 12
"""Visits under way: more would only wait for this machine's processors."""
STAY_S: Final = 0.25
SILENCE_S: Final = 33.0
"""After this the relay has noticed who left without a word (RFC 7675: 30 s)."""
SCHOOLS: Final = 8
"""Addresses the rooms come from: the relay limits what one address may ask for."""
AIM: Final = 2.0
WARM_SILENT: Final = frozenset({1, 3})
SILENT: Final = frozenset({3})
REPLACED: Final = 7
"""Last digits of the visits that end so."""
ROOM: Final = "churn"


async def _send(publisher: Publisher, pattern_bursts: Iterator, seconds: float | None) -> None:  # type: ignore[type-arg]
    """Send a pattern in real time, for so long or until cancelled."""
    started = time.monotonic()
    for burst in pattern_bursts:
        if seconds is not None and burst.at_s > seconds:
            return
        await asyncio.sleep(max(0.0, started + burst.at_s - time.monotonic()))
        if burst.kind == AUDIO:
            stream, payloads = publisher.audio, [NOISE[: burst.payload]]
        else:
            stream = publisher.video
            payloads = [
                (b"\x00" if place else b"\x10") + bytes([not burst.keyframe]) + NOISE[:900]
                for place in range(burst.packets)
            ]
        if stream is not None:
            publisher.send(stream, payloads, burst.timestamp, marker_last=burst.kind != AUDIO)


@asynccontextmanager
async def _host(relay: Served, http: aiohttp.ClientSession) -> AsyncIterator[None]:
    """A host who teaches for as long as the context lasts."""
    url = f"{relay.url}/whip/{ROOM}?peer=host&source=camera"
    publisher = Publisher(http, url, "", audio=True, video=VP8)
    await publisher.connect()
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(publisher.run(), name="host"),
            tasks.create_task(_send(publisher, bursts(LOW), None), name="lesson"),
        ]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
    await publisher.close()


class Visits:
    """Rooms that come and go."""

    def __init__(self, relay: Served, schools: list[aiohttp.ClientSession]) -> None:
        self._relay = relay
        self._schools = schools
        self._numbers = itertools.count()
        self.silent = WARM_SILENT
        self.done = self.failed = self.received = 0

    async def make(self, count: int) -> None:
        """So many visits, some at once."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await self._visit(number)

        async with asyncio.TaskGroup() as tasks:
            for number in itertools.islice(self._numbers, count):
                tasks.create_task(one(number), name=f"visit {number}")

    async def _visit(self, number: int) -> None:
        """One room's visit; how it ends goes by its number."""
        http, room = self._schools[number % SCHOOLS], f"room-{number % ROOMS}"
        silent = number % 10 in self.silent
        if silent:
            room = f"guest-{number}"  # nobody takes its place
        whip = f"{self._relay.url}/whip/{ROOM}?peer={room}&source=seat"
        whep = f"{self._relay.url}/whep/{ROOM}?peer={room}"
        publisher = Publisher(http, whip, "", audio=False, video=VP8)
        receiver = Receiver(http, whep, "", audio=1, video=2)
        try:
            await publisher.connect()
            await receiver.connect()
            await _send(publisher, bursts(THUMBNAIL), STAY_S)
        except (SessionRefusedError, TransportError, OSError, aiohttp.ClientError):
            self.failed += 1
        self.received += receiver.reports.packets
        if silent or number % 10 == REPLACED:  # the room of the latter is back 48 visits later
            publisher.transport.close()
            receiver.transport.close()
        else:
            await receiver.close()
            await publisher.close()
        self.done += 1


@dataclass(frozen=True, slots=True)
class Held:
    """What the relay holds while nobody but the host is there."""

    resident: int
    rss: int
    """The same without what is free."""
    objects: dict[str, int]

    @property
    def total(self) -> int:
        """All objects its collector knows."""
        return sum(self.objects.values())


async def _hold(relay: Served) -> Held:
    await asyncio.sleep(SILENCE_S)
    resident = relay.rss_bytes()
    objects = await relay.objects()
    return Held(resident, relay.rss_bytes(), objects)


async def run(visits: int) -> list[Figure]:
    """Warm-up, visits, figures."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-churn-")))
        relay = await stack.enter_async_context(served(folder, max_load=1.0, max_sessions=2000))
        schools = [
            await stack.enter_async_context(
                aiohttp.ClientSession(headers={"X-Forwarded-For": f"192.0.2.{number + 1}"})
            )
            for number in range(SCHOOLS)
        ]
        await stack.enter_async_context(_host(relay, schools[0]))
        made = Visits(relay, schools)
        await made.make(round(visits * WARM_SHARE))
        warm = await _hold(relay)
        started, done = time.monotonic(), made.done
        made.silent = SILENT
        relay.cpu.lap()
        await made.make(visits)
        took, used, done = time.monotonic() - started, relay.cpu.lap(), made.done - done
        end = await _hold(relay)
    sessions = f"{2 * visits:,} sessions in {took:.0f} s, {made.failed} failed to connect"
    hours = f"{visits / (LESSONS * ROOMS * CONNECTIONS) * 8:.1f} h of lessons"
    return [
        Figure("visits of a room", done, note=f"{hours}, {sessions}"),
        Figure("resident memory after the warm-up", warm.resident / 1e6, "MB"),
        Figure("resident memory at the end", end.resident / 1e6, "MB"),
        Figure("growth of memory", (end.rss / warm.rss - 1) * 100, "%", AIM,
               note=f"{warm.rss / 1e6:.1f} to {end.rss / 1e6:.1f} MB without what is free"),
        Figure("growth of objects", (end.total / warm.total - 1) * 100, "%", AIM,
               note=f"{warm.total:,} to {end.total:,}; {grown(warm.objects, end.objects)}"),
        Figure("relay CPU per visit", used.total / done * 1000, "ms",
               note="two sessions, their media, the host's stream"),
        Figure("packets received per visit", made.received / made.done),
    ]  # fmt: skip


def grown(before: dict[str, int], after: dict[str, int], most: int = 3) -> str:
    """The types that grew most, in words."""
    changes = {name: count - before.get(name, 0) for name, count in after.items()}
    top = sorted(changes.items(), key=lambda change: -change[1])[:most]
    return ", ".join(f"{name} {count:+d}" for name, count in top if count > 0) or "no type grew"


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--visits", type=int)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    whole = LESSONS * ROOMS * CONNECTIONS
    visits = arguments.visits or (whole // 10 if arguments.quick else whole)
    figures.report(asyncio.run(run(visits)), arguments.json)


if __name__ == "__main__":
    main()
