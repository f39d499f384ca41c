"""What a recording host costs, and how well voice and picture keep together through all of it.

A file of 720p H.264 at 2.5 Mbit/s with AAC is ingested by a relay in a process of its own. The
picture flashes and the tone beeps together; a subscriber maps both to the sender reports' clock
(RFC 3550 6.4.1), as a browser does for its lip-sync.

    python -m bench.relay.hosts --seconds 30
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import av
from aiortc.codecs.h264 import h264_depayload
from aiortc.rtp import RtcpPacket, RtcpSrPacket, RtpPacket

from bench import figures
from bench.figures import Figure
from sync_classroom.coordinator.ports import RoomSpec
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.simulator.client import OPUS, Receiver
from tests.support.hosts import DARK, FLASH_S, WHITE, tone
from tests.support.relay_child import relay_child
from tests.support.relays import settings

ROOM = "lesson-1"
AIM_MS = 40.0
"""What the design asks of a recording's sound and picture; a live one is held to it, too."""
WIDTH, HEIGHT, RATE = 1280, 720, 25


def make(path: Path) -> None:
    """The file: a flash of 0.2 s every second in the left half, noise in the right."""
    noise = random.Random(1)
    with av.open(str(path), "w") as container:
        video: Any = container.add_stream("libx264", rate=RATE)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.bit_rate = 2_500_000
        video.codec_context.options = {
            "profile": "baseline",
            "preset": "ultrafast",
            "x264-params": "keyint=50:min-keyint=50:scenecut=0:vbv-maxrate=2500:vbv-bufsize=2500",
        }
        audio: Any = container.add_stream("aac", rate=44100)
        audio.codec_context.layout = "mono"
        for second in range(4):
            for index in range(second * RATE, (second + 1) * RATE):
                frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
                shade = WHITE if index % RATE < FLASH_S * RATE else DARK
                row = bytes([shade]) * (WIDTH // 2) + noise.randbytes(WIDTH // 2)
                frame.planes[0].update(row * HEIGHT)
                for plane in frame.planes[1:]:
                    plane.update(bytes([128]) * plane.buffer_size)
                frame.pts, frame.time_base = index, Fraction(1, RATE)
                container.mux(video.encode(frame))
            container.mux(audio.encode(tone(second, 44100, 0.0)))
        for stream in (video, audio):
            container.mux(stream.encode(None))


class Watcher:
    """What a subscriber needs for its lip-sync: packets, and which NTP time they stand for."""

    def __init__(self, receiver: Receiver) -> None:
        self.packets: list[RtpPacket] = []
        self.reports: dict[int, tuple[int, float]] = {}
        counting = receiver.transport._on_packet

        def take(data: bytes, is_rtcp: bool) -> None:
            counting(data, is_rtcp)
            if not is_rtcp:
                self.packets.append(RtpPacket.parse(data))
                return
            for packet in RtcpPacket.parse(data):
                if isinstance(packet, RtcpSrPacket):
                    info = packet.sender_info
                    self.reports[packet.ssrc] = (info.rtp_timestamp, info.ntp_timestamp / 2**32)

        receiver.transport._on_packet = take

    def _at(self, packet: RtpPacket, rate: int) -> float:
        stamp, ntp = self.reports[packet.ssrc]
        ticks = (packet.timestamp - stamp) & 0xFFFFFFFF
        return ntp + (ticks - (1 << 32) * (ticks >= 1 << 31)) / rate

    def flashes(self) -> list[float]:
        """When the picture turns white."""
        decoder = av.CodecContext.create("h264", "r")
        found, before, body = [], WHITE, b""
        for packet in (p for p in self.packets if p.payload_type != OPUS):
            body += h264_depayload(packet.payload)
            if not packet.marker:
                continue
            for frame in decoder.decode(av.Packet(body)):
                shade = memoryview(frame.planes[0])[frame.planes[0].line_size * 100 + 100]
                if shade - before > 90:
                    found.append(self._at(packet, 90000))
                before = shade
            body = b""
        return found

    def beeps(self) -> list[float]:
        """When the tone begins."""
        decoder = av.CodecContext.create("opus", "r")
        found, loud = [], True
        for packet in (p for p in self.packets if p.payload_type == OPUS):
            for frame in decoder.decode(av.Packet(packet.payload)):
                values = memoryview(frame.planes[0]).cast("f")
                for block in range(0, len(values), 48):
                    peak = max(abs(v) for v in values[block : block + 48])
                    if peak > 0.1 and not loud:
                        found.append(self._at(packet, 48000) + block / 48000)
                    loud = peak > 0.1 or (loud and peak > 0.01)
        return found


def worker_of(relay: int) -> int:
    """The ingest process below the relay."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(stat[1]) == relay and b"ingest_worker" in (entry / "cmdline").read_bytes():
                return int(entry.name)
        except OSError:
            continue
    raise LookupError("no ingest process")


def cpu_s(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


async def until_media(control: RelayClient) -> None:
    """Return when the room's host is heard; asked often, as the relay tells nobody by itself."""
    while True:
        if any(p.last_media_s is not None for p in (await control.status(ROOM)).peers):
            return
        await asyncio.sleep(0.02)


async def measure(folder: Path, seconds: float) -> list[Figure]:
    """Order an ingest, watch it for a while, compare."""
    make(folder / "host.mp4")
    with relay_child(settings(folder, open_mode=True, ingest_folder=folder)) as child:
        assert child.report is not None
        ready = child.report["ready"]
        control = RelayClient(Path(ready["control"]))
        began = time.monotonic()
        await control.put_room(RoomSpec(ROOM, ingest="file:host.mp4"))
        await until_media(control)
        started_s = time.monotonic() - began
        url = f"http://127.0.0.1:{ready['http_port']}/whep/{ROOM}"
        async with aiohttp.ClientSession() as http:
            receiver = Receiver(http, url, "", audio=1, video=1)
            watcher = Watcher(receiver)
            await receiver.connect()
            running = asyncio.create_task(receiver.run())
            pid = worker_of(ready["pid"])
            before, at = cpu_s(pid), time.monotonic()
            await asyncio.sleep(seconds)
            share = (cpu_s(pid) - before) / (time.monotonic() - at)
            resident_mb = rss_mb(pid)
            running.cancel()
            await asyncio.wait({running})
            await receiver.close()
        await control.close()
    flashes, beeps = watcher.flashes(), watcher.beeps()
    offsets = [1000 * (min(beeps, key=lambda b: abs(b - f)) - f) for f in flashes[1:]]
    count = f"{len(offsets)} flashes"
    return [
        Figure("from the order to media at the relay", started_s, "s"),
        Figure("a host's process: share of a core", share * 100, "%", note="720p, AAC to Opus"),
        Figure("a host's process: resident", resident_mb, "MB"),
        Figure("voice after picture, median", statistics.median(offsets), "ms", note=count),
        Figure("voice off picture, worst", max(map(abs, offsets)), "ms", AIM_MS, note=count),
    ]


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--seconds", type=float)
    asked = parser.parse_args()
    seconds = asked.seconds or (10 if asked.quick else 30)
    with tempfile.TemporaryDirectory(prefix="bench-hosts-") as folder:
        figures.report(asyncio.run(measure(Path(folder), seconds)), asked.json)


if __name__ == "__main__":
    main()
