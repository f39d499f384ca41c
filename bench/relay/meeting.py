"""A research session at its largest: 12 send camera and voice, 60 more listen, all in one meeting.

Real ICE, DTLS and SRTP on loopback, in the slots a meeting's page has (13 of sound, 13 of picture)
under the layout the coordinator makes of it. Each of the 12 sends 32 kbit/s of voice and a picture
of 320x180, 15 a second, at 120 kbit/s; everybody receives all others. The 12 come first and send
while everybody joins at once to receive; then packets are counted. Peers consent and count, and
neither decrypt nor report; what their sockets dropped because this process was slow is told apart
from what the relay did not send.

    python -m bench.relay.meeting --seconds 20
"""

from __future__ import annotations

import argparse
import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from bench import figures
from bench.figures import Figure, percentile
from bench.machine import Cpu
from bench.relay.child import Options, Relay, relay
from bench.relay.pattern import THUMBNAIL
from bench.relay.peers import Client, Drain, Source, Sources
from sync_classroom.coordinator.meeting_layout import MEETING_LINES, meeting_layout
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.meeting import LISTENERS, PLACES, Stage, take_place
from sync_classroom.relay.endpoint import Layout
from sync_classroom.relay.kernel import CHOICES

ROOM: Final = "meeting"
#: As the page's small picture, with the voice.
SMALL: Final = replace(THUMBNAIL, audio=True)
SETTLE_S: Final = 4.0
LINGER_S: Final = 0.3
CONSENT_S: Final = 10.0
FIRST_S: Final = 20.0
"""Somebody who has received nothing by then never will."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one meeting came to; joins in seconds, one for each who receives."""

    connected: list[float]
    first: list[float]
    sent: int
    came: int
    received: int
    dropped: int
    cpu: Cpu
    seconds: float
    bytes_each: float


class Meeting:
    """Opens sessions one after the other: the relay answers through one pipe."""

    def __init__(self, under_test: Relay) -> None:
        self._relay = under_test
        self._turn = asyncio.Lock()

    async def make(self, peers: list[str]) -> None:
        """The room, with these in its places."""
        stage = Stage(OccurrenceId(ROOM))
        for peer in peers:
            stage = take_place(stage, peer, datetime.now(UTC))
        shown = meeting_layout(stage)
        layout = Layout(shown.audio, shown.video, shown.heights)
        await self._relay.ask("room", ROOM, {"*": layout})

    async def send(self, peer: str) -> Source:
        """One who sends, connected."""
        async with self._turn:
            opened = await self._relay.open(peer, room=ROOM, publish="seat")
        client = Client(opened.remote)
        await client.connect()
        return Source(client, SMALL)

    async def receive(self, peer: str) -> tuple[Client, float, float]:
        """One who receives; seconds until connected, and until the first packet of media."""
        asked = time.monotonic()
        audio, video = MEETING_LINES
        async with self._turn:
            opened = await self._relay.open(peer, room=ROOM, audio=audio, video=video)
        client = Client(opened.remote)
        await client.connect()
        connected = time.monotonic() - asked
        await _first_packet(client)
        return client, connected, time.monotonic() - asked


async def _first_packet(client: Client) -> None:
    """Wait for RTP (RFC 7983, RFC 5761); SystemExit if none comes."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(client.udp.fileno(), readable.set)
    try:
        async with asyncio.timeout(FIRST_S):
            while True:
                await readable.wait()
                readable.clear()
                data = client.udp.recv(2048)
                if 128 <= data[0] <= 191 and not 192 <= data[1] <= 223:
                    return
                readable.set()  # more may be there
    except BlockingIOError:
        await _first_packet(client)
    except TimeoutError:
        raise SystemExit("somebody is connected and receives nothing") from None
    finally:
        loop.remove_reader(client.udp.fileno())


async def _keep(clients: list[Client]) -> None:
    """Say that everybody still wants it, for ever (RFC 7675)."""
    while True:
        await asyncio.sleep(CONSENT_S)
        for client in clients:
            client.consent()


async def run(options: Options, seconds: float, listeners: int) -> Measured:
    """Hold one meeting of 12 who send and so many who listen."""
    speakers = [f"t:speaker-{n}" for n in range(PLACES)]
    everybody = [*speakers, *(f"t:listener-{n}" for n in range(listeners))]
    async with relay(options) as under_test:
        meeting = Meeting(under_test)
        await meeting.make(speakers)
        sources = Sources([await meeting.send(peer) for peer in speakers], spread_s=1.0)
        clients = [source.client for source in sources.sources]
        empty = under_test.rss_bytes()
        joining = asyncio.gather(*(meeting.receive(peer) for peer in everybody))
        while not joining.done():
            await sources.run(0.1)
        joined = await joining
        full = under_test.rss_bytes()
        receivers = [client for client, _, _ in joined]
        keeping = asyncio.create_task(_keep([*clients, *receivers]), name="consent")
        drain = Drain([client.udp for client in receivers])
        drain.start()
        await sources.run(SETTLE_S)
        await asyncio.sleep(LINGER_S)
        before = await _counted(under_test, sources, drain)
        under_test.cpu.lap()
        await sources.run(seconds)
        await asyncio.sleep(LINGER_S)
        cpu = under_test.cpu.lap()
        after = await _counted(under_test, sources, drain)
        keeping.cancel()
        drain.stop()
        drain.mailbox.close()
        for client in (*receivers, *clients):
            client.close()
        sent, came, received, dropped = (b - a for a, b in zip(before, after, strict=True))
        return Measured(
            [c for _, c, _ in joined], [f for _, _, f in joined], sent, came, received, dropped,
            cpu, seconds, (full - empty) / len(everybody),
        )  # fmt: skip


async def _counted(under_test: Relay, sources: Sources, drain: Drain) -> tuple[int, int, int, int]:
    """Packets sent, arrived at the relay, received, and dropped by our own sockets, so far."""
    came = (await under_test.counters())["packets_in"]
    return sources.sent, came, drain.received, drain.mailbox.lost()


def found(measured: Measured, listeners: int) -> list[Figure]:
    """The figures of one meeting."""
    # Nobody is sent their own.
    each = PLACES + listeners - 1
    expected = measured.came * each
    missing = max(0, expected - measured.received - measured.dropped)
    rate = (
        f"{measured.received / measured.seconds:,.0f} packets/s received, {SMALL.kbps:.0f} kbit/s"
    )
    unread = f"{measured.dropped:,} more dropped by slow sockets of this process"
    return [
        Figure("meeting: relay, share of one core", measured.cpu.total / measured.seconds * 100,
               "%", note=f"{rate} from each"),
        Figure("meeting: CPU per forwarded packet", measured.cpu.total / expected * 1e6, "µs"),
        Figure("meeting: lost before the relay", (1 - measured.came / measured.sent) * 100, "%"),
        Figure("meeting: lost after the relay", missing / expected * 100, "%", note=unread),
        Figure("meeting: all at once, connected, median", percentile(measured.connected, 0.5), "s"),
        Figure("meeting: all at once, connected, last", max(measured.connected), "s"),
        Figure("meeting: all at once, first packet, median", percentile(measured.first, 0.5), "s"),
        Figure("meeting: all at once, first packet, last", max(measured.first), "s"),
        Figure("meeting: memory per receiver", measured.bytes_each / 1000, "kB"),
    ]  # fmt: skip


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--listeners", type=int, default=LISTENERS)
    parser.add_argument("--fanout", choices=CHOICES, default="auto")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    seconds = arguments.seconds or (5.0 if arguments.quick else 20.0)
    options = Options(fanout=arguments.fanout)
    measured = asyncio.run(run(options, seconds, arguments.listeners))
    figures.report(found(measured, arguments.listeners), arguments.json)


if __name__ == "__main__":
    main()
