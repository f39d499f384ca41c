"""What forwarding costs: CPU per forwarded packet, memory per subscriber, joins per second.

A relay endpoint runs in a child process; this process is one publisher (a 720p-like stream of
2.5 Mbit/s video in frames and 50 Opus packets a second) and N subscribers: real ICE, DTLS and SRTP
over loopback. Only the child's CPU is counted.

    python -m bench.relay.fanout --subscribers 48 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import multiprocessing
import os
import pstats
import random
import resource
import select
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from sync_classroom.relay import stun
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.kernel import CHOICES
from sync_classroom.relay.sdp import ABS_SEND_TIME, MID
from sync_classroom.relay.session import Codec, Direction, LocalTransport, MediaLine, Offer
from sync_classroom.relay.settings import Listen, RelaySettings

FRAMES_PER_S, VIDEO_PAYLOAD = 30, 1100
EXTENSIONS = {MID: 1, ABS_SEND_TIME: 2}
LINES = (
    MediaLine(0, "0", "audio", True, 0, (Codec("opus", 111, 48000, 2),), EXTENSIONS),
    MediaLine(
        1,
        "1",
        "video",
        True,
        0,
        (Codec("VP8", 96, 90000, feedback=frozenset({"nack", "nack pli", "goog-remb"})),),
        EXTENSIONS,
    ),
)


# ---------------------------------------------------------------------------- the relay's side


def serve(pipe: Connection, window_ms: float, fanout: str, profile: str | None) -> None:
    asyncio.run(_serve(pipe, window_ms, fanout, profile))


async def _serve(pipe: Connection, window_ms: float, fanout: str, profile: str | None) -> None:
    samples: list[object] = []
    settings = RelaySettings(media=Listen("127.0.0.1", 0), batch_window_ms=window_ms, fanout=fanout)
    endpoint = await Endpoint.open(settings, on_sample=samples.append)
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()
    profiler = cProfile.Profile()

    def command() -> None:
        name, argument = pipe.recv()
        if name == "open":
            direction, peer, fingerprints = argument
            offer = Offer(direction, LINES, "benchufrag", "b" * 24, fingerprints)
            session = endpoint.open_session(
                room="bench",
                peer=peer,
                source="camera" if direction is Direction.PUBLISH else None,
                offer=offer,
                makes_room=True,
            )
            pipe.send(session.transport)
        elif name == "measure":
            if profile and argument == "start":
                profiler.enable()
            if profile and argument == "stop":
                profiler.disable()
            usage = resource.getrusage(resource.RUSAGE_SELF)
            pipe.send((usage.ru_utime, usage.ru_stime, _rss(), endpoint.counters.as_dict()))
        else:
            stopped.set_result(None)

    loop.add_reader(pipe.fileno(), command)
    await stopped
    loop.remove_reader(pipe.fileno())
    await endpoint.close()
    if profile:
        profiler.dump_stats(profile)
    pipe.send(None)


def _rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# ---------------------------------------------------------------------------- the peers' side


class Datagrams:
    """A client's ICE transport as aiortc's DTLS wants it, over a plain UDP socket."""

    role = "controlling"

    def __init__(self, udp: socket.socket) -> None:
        self.udp = udp

    async def _recv(self) -> bytes:
        while True:
            data = await asyncio.get_running_loop().sock_recv(self.udp, 2048)
            if 20 <= data[0] <= 63:
                return data

    async def _send(self, data: bytes) -> None:
        self.udp.send(data)


@dataclass
class Client:
    """One connected peer."""

    udp: socket.socket
    check: bytes
    transport: Any


async def join(
    pipe: Connection, peer: str, direction: Direction, certificate: RTCCertificate
) -> Client:
    fingerprints = tuple((f.algorithm, f.value) for f in certificate.getFingerprints())
    pipe.send(("open", (direction, peer, fingerprints)))
    local: LocalTransport = await asyncio.to_thread(pipe.recv)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    udp.connect(("127.0.0.1", local.candidates[0][1]))
    check = stun.build(
        stun.MessageType.REQUEST,
        os.urandom(12),
        {
            stun.Attribute.USERNAME: f"{local.ice_ufrag}:benchufrag".encode(),
            stun.Attribute.ICE_CONTROLLING: os.urandom(8),
            stun.Attribute.USE_CANDIDATE: b"",
        },
        local.ice_pwd,
    )
    udp.send(check)
    transport: Any = RTCDtlsTransport(Datagrams(udp), [certificate])  # type: ignore[arg-type]
    transport._set_role("client")
    parameters = RTCDtlsParameters([RTCDtlsFingerprint(*local.fingerprint)], role="server")
    await transport.start(parameters)
    if transport.state != "connected":
        raise SystemExit("a peer did not connect")
    transport._task.cancel()
    return Client(udp, check, transport)


class Drain(threading.Thread):
    """Empties the subscribers' sockets, so that loopback delivers instead of dropping."""

    def __init__(self, clients: list[Client]) -> None:
        super().__init__(daemon=True)
        self.epoll = select.epoll()
        self.sockets = {client.udp.fileno(): client.udp for client in clients}
        for number, udp in self.sockets.items():
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
            self.epoll.register(number, select.EPOLLIN)
        self.received = 0
        self.running = True
        self.buffer = bytearray(2048)

    def run(self) -> None:
        """Read until told to stop."""
        while self.running:
            for number, _ in self.epoll.poll(0.1):
                udp = self.sockets[number]
                try:
                    while True:
                        udp.recv_into(self.buffer)
                        if 128 <= self.buffer[0] <= 191 and not 192 <= self.buffer[1] <= 223:
                            self.received += 1
                except BlockingIOError:
                    pass


class Source:
    """The publisher's packets: frames of ten, a keyframe of forty every three seconds."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.protect = client.transport._tx_srtp.protect
        self.video_seq = self.audio_seq = 100
        self.frame = self.sound = 0
        self.sent = 0
        self.noise = random.Random(7).randbytes(VIDEO_PAYLOAD)

    def _send(self, kind: int, mark: bool, seq: int, stamp: int, ssrc: int, body: bytes) -> None:
        mid = b"\xbe\xde\x00\x01" + bytes([0x10, 48 + (ssrc & 1), 0, 0])
        header = struct.pack(
            ">BBHII", 0x90, kind | 0x80 * mark, seq & 0xFFFF, stamp & 0xFFFFFFFF, ssrc
        )
        self.client.udp.send(self.protect(header + mid + body))
        self.sent += 1

    def video(self) -> None:
        """Send one frame."""
        key = self.frame % (3 * FRAMES_PER_S) == 0
        count = 40 if key else 9
        for place in range(count):
            descriptor = b"\x10" if place == 0 else b"\x00"
            body = descriptor + (b"\x00" if key else b"\x01") + self.noise
            self._send(96, place == count - 1, self.video_seq, self.frame * 3000, 1001, body)
            self.video_seq += 1
        self.frame += 1

    def audio(self) -> None:
        """Send 20 ms of sound."""
        self._send(111, False, self.audio_seq, self.sound * 960, 1000, self.noise[:80])
        self.audio_seq += 1
        self.sound += 1

    async def run(self, seconds: float) -> None:
        """Send in real time."""
        start = time.monotonic()
        frame = sound = 0
        while (elapsed := time.monotonic() - start) < seconds:
            while frame < elapsed * FRAMES_PER_S:
                self.video()
                frame += 1
            while sound < elapsed * 50:
                self.audio()
                sound += 1
            await asyncio.sleep(0.004)


async def run(arguments: argparse.Namespace) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    child = context.Process(
        target=serve, args=(other, arguments.window, arguments.fanout, arguments.profile)
    )
    child.start()
    certificate = RTCCertificate.generateCertificate()

    def measure(what: str) -> Any:
        pipe.send(("measure", what))
        return pipe.recv()

    publisher = await join(pipe, "host", Direction.PUBLISH, certificate)
    source = Source(publisher)
    await source.run(0.5)
    before = measure("memory")
    started = time.monotonic()
    clients = [
        await join(pipe, f"seat-{number}", Direction.SUBSCRIBE, certificate)
        for number in range(arguments.subscribers)
    ]
    joined_s = time.monotonic() - started
    joined = measure("memory")
    drain = Drain(clients)
    drain.start()
    await source.run(4.0)  # past the first keyframe
    first = measure("start")
    received, sent = drain.received, source.sent
    await source.run(arguments.seconds)
    last = measure("stop")
    await asyncio.sleep(0.2)
    drain.running = False
    drain.join()
    forwarded = last[3]["forwarded"] - first[3]["forwarded"]
    user, system = last[0] - first[0], last[1] - first[1]
    pipe.send(("stop", None))
    await asyncio.to_thread(pipe.recv)
    child.join()
    joins_cpu = joined[0] + joined[1] - before[0] - before[1]
    return {
        "subscribers": arguments.subscribers,
        "packets_per_s_in": (source.sent - sent) / arguments.seconds,
        "forwarded": forwarded,
        "delivered": drain.received - received,
        "us_cpu_per_forwarded_packet": (user + system) / forwarded * 1e6,
        "us_user": user / forwarded * 1e6,
        "us_system": system / forwarded * 1e6,
        "packets_per_sendmmsg": forwarded
        / max(1, last[3]["sendmmsg_calls"] - first[3]["sendmmsg_calls"]),
        "kib_memory_per_subscriber": (joined[2] - before[2]) / 1024 / arguments.subscribers,
        "ms_cpu_per_join": joins_cpu * 1000 / arguments.subscribers,
        "joins_per_s": arguments.subscribers / joined_s,
        "would_block": last[3]["would_block"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--subscribers", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--window", type=float, default=2.0, help="batch window, ms")
    parser.add_argument("--fanout", default="auto", choices=CHOICES)
    parser.add_argument("--profile", help="write the relay's cProfile statistics here")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = asyncio.run(run(arguments))
    if arguments.json:
        json.dump(figures, sys.stdout)
        print()
    else:
        for name, value in figures.items():
            print(f"{name:32} {value:12.2f}")
    if arguments.profile:
        pstats.Stats(arguments.profile).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
