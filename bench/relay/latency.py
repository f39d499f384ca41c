"""What the relay adds to a packet's way at full city load, with the batch window and without.

Two lessons of 24 rooms: each host gives camera, voice and courseware; each room receives them and
publishes its thumbnail, which goes to the host's wall. Each packet carries the time it was handed
to the kernel; the kernel stamps its arrival at the receiver's socket (SO_TIMESTAMPNS, the same
clock), so this process's own delay in reading does not count. The same packets sent straight from
socket to socket in the same run say what loopback alone takes; its median is taken off. One packet
in eight of every receiver is decrypted and counted. Relay and peers run before other processes
(SCHED_RR, where allowed, unless `--as-is`): what else this machine does is not what is measured.

    python -m bench.relay.latency --seconds 15
"""

from __future__ import annotations

import argparse
import asyncio
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from bench import figures
from bench.figures import Figure, percentile
from bench.machine import Cpu, prefer
from bench.relay.child import Options, Relay, relay
from bench.relay.pattern import CAMERA, THUMBNAIL, Pattern
from bench.relay.peers import VP8, Client, Source, Sources
from sync_classroom.relay.endpoint import Layout
from sync_classroom.relay.kernel import CHOICES

LESSONS, ROOMS = 2, 24
SCREEN: Final = Pattern(fps=15, frame_packets=2, key_packets=60, key_every_s=10.0, audio=False)
"""Courseware: mostly still."""
SETTLE_S: Final = 4.0
SAMPLE: Final = 8
CONSENT_S: Final = 10.0
AIM_MS: Final = 5.0
READ_MOST: Final = 64
"""Packets read between two looks at the clock: 0.3 ms, so that publishers stay in time."""
_TIME: Final = struct.Struct("=qq")
_STAMP: Final = struct.Struct(">Q")
_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h
_STAMP_SPACE: Final = socket.CMSG_SPACE(_TIME.size)


@dataclass(slots=True)
class Measured:
    """Delays in ms through the relay and straight, and what else this run showed."""

    through: list[float] = field(default_factory=list)
    straight: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    received: int = 0
    relay: Cpu = Cpu(0.0, 0.0)  # noqa: RUF009 - frozen
    seconds: float = 0.0
    late_ms: float = 0.0


class Receivers:
    """Everybody who receives, and a socket that hears the same packets without a relay."""

    def __init__(self, measured: Measured) -> None:
        self._measured = measured
        self._epoll = select.epoll()
        self._clients: dict[int, tuple[Client, list[float]]] = {}
        self._direct = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._direct.bind(("127.0.0.1", 0))
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sender.connect(self._direct.getsockname())
        self._watch(self._direct)
        self.counting = False

    def _watch(self, udp: socket.socket) -> None:
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._epoll.register(udp.fileno(), select.EPOLLIN)

    def add(self, client: Client, delays: list[float]) -> None:
        """One receiver, whose delays go there."""
        self._watch(client.udp)
        self._clients[client.udp.fileno()] = (client, delays)

    def stamp(self) -> bytes:
        """The time now; the sender has nothing to do but protect and send."""
        return _STAMP.pack(time.time_ns())

    def probe(self) -> None:
        """One stamped packet straight from socket to socket."""
        self._sender.send(_STAMP.pack(time.time_ns()) + bytes(1100))

    def read(self, timeout_s: float) -> None:
        """Wait, and read some of what has come."""
        for fd, _ in self._epoll.poll(timeout_s):
            if fd == self._direct.fileno():
                self._read(self._direct, self._straight)
            else:
                client, delays = self._clients[fd]
                self._read(client.udp, lambda d, at, c=client, o=delays: self._media(c, d, at, o))

    def _read(self, udp: socket.socket, take: Callable[[bytes, int], None]) -> None:
        for _ in range(READ_MOST):
            try:
                data, ancillary, _, _ = udp.recvmsg(2048, _STAMP_SPACE)
            except BlockingIOError:
                return
            seconds, nanoseconds = _TIME.unpack(ancillary[0][2])
            take(data, seconds * 1_000_000_000 + nanoseconds)

    def _straight(self, data: bytes, at_ns: int) -> None:
        if self.counting:
            self._measured.straight.append((at_ns - _STAMP.unpack_from(data)[0]) / 1e6)

    def _media(self, client: Client, data: bytes, at_ns: int, delays: list[float]) -> None:
        if not 128 <= data[0] <= 191 or 192 <= data[1] <= 223 or not self.counting:
            return
        self._measured.received += 1
        if data[3] % SAMPLE:
            return
        plain = client.unprotect.unprotect(data)
        start = 12 + (4 + 4 * int.from_bytes(plain[14:16], "big") if plain[0] & 0x10 else 0)
        if plain[1] & 0x7F == VP8:
            start += 2
        delays.append((at_ns - _STAMP.unpack_from(plain, start)[0]) / 1e6)

    def consent(self) -> None:
        """Everybody says that they still want this."""
        for client, _ in self._clients.values():
            client.consent()


async def _connect(under_test: Relay, peer: str, room: str, **more: object) -> Client:
    opened = await under_test.open(peer, room=room, **more)  # type: ignore[arg-type]
    client = Client(opened.remote)
    await client.connect()
    return client


async def _city(under_test: Relay, receivers: Receivers, measured: Measured) -> Sources:
    """Everybody of every lesson, connected; their publishers, not yet sending."""
    sources: list[Source] = []
    for lesson in range(LESSONS):
        room = f"lesson-{lesson}"
        seats = [f"seat-{number}" for number in range(ROOMS)]
        wall = Layout((), tuple(f"seat:{seat}" for seat in seats))
        shown = Layout(("camera",), ("camera", "screen"))
        await under_test.ask("room", room, {"host": wall, "*": shown})
        camera = await _connect(under_test, "host", room, publish="camera")
        screen = await _connect(under_test, "host", room, publish="screen", audio=0)
        sources += [Source(camera, CAMERA), Source(screen, SCREEN)]
        for seat in seats:
            thumbnail = await _connect(under_test, seat, room, publish="seat", audio=0)
            sources.append(Source(thumbnail, THUMBNAIL))
            receivers.add(await _connect(under_test, seat, room, video=2), measured.through)
        receivers.add(await _connect(under_test, "host", room, audio=0, video=ROOMS), measured.wall)
    return Sources(sources, spread_s=1.0)


def _run(sources: Sources, receivers: Receivers, seconds: float) -> float:
    """Send and read in turn for so long; the longest that a send was late, in ms.

    One thread and no event loop: nothing comes between a packet's stamp and its sending.
    """
    sources.resume()
    start = last = time.monotonic()
    worst, consent_at = 0.0, start + CONSENT_S
    while (now := time.monotonic()) < start + seconds:
        pause = sources.send_due(receivers.stamp)
        if now >= last + 0.01:
            last = now
            receivers.probe()
        if now >= consent_at:
            consent_at += CONSENT_S
            receivers.consent()
            for source in sources.sources:
                source.client.consent()
        before = time.monotonic()
        receivers.read(min(pause, 0.01))
        worst = max(worst, time.monotonic() - before - pause)
    return worst * 1000


async def run(options: Options, seconds: float) -> Measured:
    """Delays at full load under these options."""
    measured = Measured(seconds=seconds)
    async with relay(options) as under_test:
        receivers = Receivers(measured)
        sources = await _city(under_test, receivers, measured)
        _run(sources, receivers, SETTLE_S)
        receivers.counting = True
        under_test.cpu.lap()
        measured.late_ms = _run(sources, receivers, seconds)
        measured.relay = under_test.cpu.lap()
    return measured


def found(measured: Measured, name: str) -> list[Figure]:
    """The figures of one run."""
    direct = percentile(measured.straight, 0.5)
    added = [value - direct for value in measured.through + measured.wall]
    wall = [value - direct for value in measured.wall]
    busy = measured.relay.total / measured.seconds
    load = (
        f"{measured.received / measured.seconds:,.0f} packets/s received,"
        f" relay {busy * 100:.0f} % of a core, {len(added):,} delays"
    )
    straight = (
        f"loopback alone {direct * 1000:.0f} µs, its own 99 %"
        f" {percentile(measured.straight, 0.99):.2f} ms"
    )
    return [
        Figure(f"{name}: added latency, median", percentile(added, 0.5), "ms", note=straight),
        Figure(f"{name}: added latency, 95 %", percentile(added, 0.95), "ms"),
        Figure(f"{name}: added latency, 99 %", percentile(added, 0.99), "ms", AIM_MS, note=load),
        Figure(f"{name}: added latency, most", max(added), "ms",
               note=f"a publisher here was up to {measured.late_ms:.1f} ms late"),
        Figure(f"{name}: the host's wall, 99 %", percentile(wall, 0.99), "ms"),
    ]  # fmt: skip


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--window", type=float, nargs="*", default=[2.0, 0.0], metavar="MS")
    parser.add_argument("--as-is", action="store_true", help="without preference by the scheduler")
    parser.add_argument("--fanout", choices=CHOICES, default="auto")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    seconds = arguments.seconds or (4.0 if arguments.quick else 15.0)
    made: list[Figure] = []
    preferred = not arguments.as_is and prefer()
    if not preferred:
        print("not preferred by the scheduler: whatever else runs here is in these figures")
    for window_ms in arguments.window:
        options = Options(window_ms, arguments.fanout, preferred=preferred)
        measured = asyncio.run(run(options, seconds))
        made += found(measured, f"window {window_ms:g} ms")
    figures.report(made, arguments.json)


if __name__ == "__main__":
    main()
