"""48 receivers join within one second of the bell: from request to first decoded picture.

The real relay process over HTTP; a publisher process plays a 720p H.264 lesson with a keyframe
every two seconds, which it cannot make earlier when asked. The receivers are the simulator's WHEP
clients in one process, which only takes packets and the time while the bell rings. A receiver's
time is when the last packet of its first complete keyframe was read (its own process's queueing
included, so the figure errs against the relay), plus what decoding that very picture takes,
measured afterwards, one after the other: 48 decoders at once here would measure themselves.

    python -m bench.relay.joins --receivers 48 --bells 3
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import aiohttp
import av
from aiortc.codecs.h264 import H264PayloadDescriptor
from av.video.codeccontext import VideoCodecContext

from bench import figures
from bench.figures import Figure, percentile
from bench.machine import Cpu
from bench.relay.served import Served, served
from sync_classroom.simulator.client import (
    H264,
    Line,
    Publisher,
    Signalling,
    offer_text,
    parse_answer,
)
from sync_classroom.simulator.recording import load_recording, make_recording, play
from sync_classroom.simulator.transport import Transport

BELL_S: Final = 1.0
PICTURE_WITHIN_S: Final = 10.0
"""A receiver without a picture after this counts as never having had one."""
AIM_S: Final = 1.0
LESSON_S, LESSON_KBPS = 20, 2500
ROOM: Final = "/whep/bell"
PARAMETER_SET, AGGREGATION = 7, 24  # RFC 6184 5.2


# ---------------------------------------------------------------------------- the publisher


def publish(pipe: Connection, url: str, lesson: str) -> None:
    """The publisher's process: play until it is ended."""
    asyncio.run(_publish(pipe, url, Path(lesson)))


async def _publish(pipe: Connection, url: str, lesson: Path) -> None:
    recording = load_recording(lesson)
    async with aiohttp.ClientSession() as http:
        publisher = Publisher(http, f"{url}/whip/bell", "", audio=True, video=H264)
        await publisher.connect()
        pipe.send(recording.bitrate_kbps)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(publisher.run(), name="publisher")
            tasks.create_task(play(recording, publisher), name="lesson")


# ---------------------------------------------------------------------------- the receivers


def unit_types(payload: bytes) -> list[int]:
    """NAL unit types that begin in one payload, aggregated ones too (RFC 6184 5.2, 5.7.1)."""
    kind = payload[0] & 0x1F
    if kind != AGGREGATION:
        return [kind]
    found, at = [], 1
    while at + 2 < len(payload):
        found.append(payload[at + 2] & 0x1F)
        at += 2 + int.from_bytes(payload[at : at + 2], "big")
    return found


@dataclass
class Keyframe:
    """The packets of one picture as they come, of any order."""

    packets: dict[int, bytes] = field(default_factory=dict)
    timestamp: int | None = None

    def add(self, data: bytes) -> bool:
        """Take a video packet of the first picture; whether that is now complete.

        The relay begins every receiver at a keyframe, so the first picture is one.
        """
        timestamp = int.from_bytes(data[4:8], "big")
        if self.timestamp is None:
            self.timestamp = timestamp
        if timestamp == self.timestamp:
            self.packets[int.from_bytes(data[2:4], "big")] = data
        return self.complete

    @property
    def complete(self) -> bool:
        """Whether every packet from a parameter set to the marker is there."""
        numbers = self.order
        if not numbers or not self.packets[numbers[-1]][1] & 0x80:
            return False
        whole = len(numbers) == ((numbers[-1] - numbers[0]) & 0xFFFF) + 1
        return whole and PARAMETER_SET in unit_types(self.payload(numbers[0]))

    @property
    def order(self) -> list[int]:
        """The sequence numbers in order, over the wrap-around too."""
        if not self.packets:
            return []
        any_number = next(iter(self.packets))
        return sorted(self.packets, key=lambda n: (n - any_number + 0x8000) & 0xFFFF)

    def payload(self, number: int) -> bytes:
        """What follows header and extensions of one packet (RFC 3550 5.3.1)."""
        data = self.packets[number]
        start = 12
        if data[0] & 0x10:
            start += 4 + 4 * int.from_bytes(data[14:16], "big")
        return data[start:]

    def decode(self) -> float:
        """Seconds a decoder takes for this picture. Raises ValueError if none comes out."""
        started = time.perf_counter()
        stream = b"".join(
            H264PayloadDescriptor.parse(self.payload(number))[1] for number in self.order
        )
        decoder = VideoCodecContext.create("h264", "r")
        decoder.thread_count = 1
        decoder.flags |= av.codec.context.Flags.low_delay
        pictures = [*decoder.decode(av.Packet(stream)), *decoder.decode(None)]
        if not pictures or pictures[0].width != 1280:
            raise ValueError("the first picture could not be decoded")
        return time.perf_counter() - started


class Joiner:
    """One classroom that asks for the lesson at the bell."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._signalling = Signalling(http, url + ROOM, "")
        self._transport = Transport(self._on_packet)
        self.keyframe = Keyframe()
        self.done = asyncio.Event()
        self.asked_s = self.answered_s = self.connected_s = self.arrived_s = 0.0

    async def join(self, delay_s: float) -> None:
        """Ask after `delay_s`, connect, and wait for the whole first keyframe."""
        await asyncio.sleep(delay_s)
        self.asked_s = time.monotonic()
        lines = [Line("audio", "recvonly"), Line("video", "recvonly")]
        answer = await self._signalling.offer(offer_text(self._transport, lines, "joiner"))
        self.answered_s = time.monotonic()
        await self._transport.connect(parse_answer(answer))
        self.connected_s = time.monotonic()
        async with asyncio.timeout(PICTURE_WITHIN_S):
            await self.done.wait()

    def _on_packet(self, data: bytes, is_rtcp: bool) -> None:
        if is_rtcp or data[1] & 0x7F != H264 or self.done.is_set():
            return
        if self.keyframe.add(data):
            self.arrived_s = time.monotonic()
            self.done.set()

    async def leave(self) -> None:
        """Goodbye."""
        await self._signalling.delete()
        self._transport.close()


@dataclass(slots=True)
class Bell:
    """What one bell showed. Times in seconds from each receiver's own request."""

    answered: list[float]
    connected: list[float]
    arrived: list[float]
    decoding: list[float]
    relay: Cpu
    without: int = 0

    @property
    def pictures(self) -> list[float]:
        """Request to decoded picture."""
        return [a + d for a, d in zip(self.arrived, self.decoding, strict=True)]


async def ring(relay: Served, receivers: int) -> Bell:
    """One bell: everybody asks within a second, evenly spread; everybody leaves."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        joiners = [Joiner(http, relay.url) for _ in range(receivers)]
        relay.cpu.lap()
        outcomes = await asyncio.gather(
            *(joiner.join(place * BELL_S / receivers) for place, joiner in enumerate(joiners)),
            return_exceptions=True,
        )
        used = relay.cpu.lap()
        await asyncio.gather(*(joiner.leave() for joiner in joiners))
    came = [j for j, failed in zip(joiners, outcomes, strict=True) if failed is None]
    for failed in outcomes:
        if failed is not None and not isinstance(failed, Exception):
            raise failed
    bell = Bell([], [], [], [], used, receivers - len(came))
    for joiner in came:
        try:
            decoding = joiner.keyframe.decode()
        except (ValueError, av.FFmpegError):
            bell.without += 1
            continue
        bell.decoding.append(decoding)
        bell.answered.append(joiner.answered_s - joiner.asked_s)
        bell.connected.append(joiner.connected_s - joiner.asked_s)
        bell.arrived.append(joiner.arrived_s - joiner.asked_s)
    return bell


async def run(receivers: int, bells: int) -> list[Bell]:
    """Ring the bell so often, at different places between two keyframes."""
    with tempfile.TemporaryDirectory(prefix="bench-joins-") as name:
        folder = Path(name)
        lesson = folder / "lesson.mkv"
        await asyncio.to_thread(make_recording, lesson, seconds=LESSON_S, bitrate_kbps=LESSON_KBPS)
        async with served(folder) as relay:
            context = multiprocessing.get_context("spawn")
            pipe, other = context.Pipe()
            process = context.Process(
                target=publish, args=(other, relay.url, str(lesson)), daemon=True
            )
            process.start()
            try:
                await asyncio.to_thread(pipe.recv)
                made = []
                for turn in range(bells):
                    await asyncio.sleep(2.5 + 0.6 * turn)
                    made.append(await ring(relay, receivers))
                return made
            finally:
                process.kill()
                process.join()


def found(bells: list[Bell]) -> list[Figure]:
    """The figures over all bells."""
    pictures = [value for bell in bells for value in bell.pictures]
    if not pictures:
        sys.exit("nobody had a picture")
    receivers = len(pictures) + sum(bell.without for bell in bells)
    count = f"{len(pictures)} of {receivers} receivers, {len(bells)} bells"

    def parts(share: float) -> str:
        named = ("answered", "connected", "arrived", "decoding")
        values = ([value for bell in bells for value in getattr(bell, name)] for name in named)
        return ", ".join(
            f"{name} {percentile(found, share) * 1000:.0f} ms"
            for name, found in zip(named, values, strict=True)
        )

    relay_s = sum(bell.relay.total for bell in bells) / receivers
    name = "request to decoded picture"
    return [
        Figure(f"{name}, median", percentile(pictures, 0.5), "s", note=parts(0.5)),
        Figure(f"{name}, 95 %", percentile(pictures, 0.95), "s", note=parts(0.95)),
        Figure(f"{name}, worst", max(pictures), "s", AIM_S, note=count),
        Figure("receivers without a picture", receivers - len(pictures), "", 0),
        Figure(
            "relay CPU per receiver while the bell rings",
            relay_s * 1000,
            "ms",
            note="HTTP, SDP, ICE, DTLS, and media meanwhile",
        ),
    ]


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--receivers", type=int, default=48)
    parser.add_argument("--bells", type=int)
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    bells = arguments.bells or (1 if arguments.quick else 3)
    figures.report(found(asyncio.run(run(arguments.receivers, bells))), arguments.json)


if __name__ == "__main__":
    main()
