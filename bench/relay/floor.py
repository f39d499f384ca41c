"""The floor program: copy, header, `srtp_protect`, `sendmmsg` in C, the same packets and receivers.

What no forwarding server can go below on this machine without UDP_SEGMENT, what it costs with it,
and how much of that is left without any encryption. Same pattern, packet sizes, cipher
(AES-128-GCM, checked) and libsrtp as the relay's bench; the sockets are bound and drained by the
same code. The C file is compiled when the bench starts.

    python -m bench.relay.floor --subscribers 47 --seconds 10
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import cffi
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi as srtp_ffi
from pylibsrtp._binding import lib as srtp_lib

from bench import figures
from bench.figures import Figure
from bench.machine import CpuMeter, NoCompilerError, compile_shared
from bench.relay.discard import HOST, RECEIVERS, Discard
from bench.relay.measure import LINGER_S, Load
from bench.relay.pattern import PATTERNS, Pattern, bursts
from bench.relay.peers import MID_ID, NOISE, PAYLOAD_TYPES, SEND_TIME_ID, Drain
from sync_classroom.relay.rtp import extension_block
from sync_classroom.relay.udp import SOCKET_BUFFER

SOURCE: Final = Path(__file__).with_name("floor.c")
WARM_S: Final = 1.0
SEGMENTS: Final = 30
HEADER: Final = 12
LOOPBACK: Final = "127.0.0.1"
FIRST_PORT: Final = 20_000
"""Of receivers that are not there."""

ffi: Any = cffi.FFI()
ffi.cdef(
    """
    struct burst { int64_t at_ns; int32_t kind, packets, length; uint32_t timestamp; };
    struct sockaddr_in { uint16_t family; uint8_t port[2]; uint8_t host[4]; uint8_t zero[8]; };
    struct receiver { uint64_t session; struct sockaddr_in to; uint16_t numbers[2];
                      uint8_t types[2]; uint16_t padding; };
    struct result { int64_t sent, refused, blocked, calls; };
    void floor_run(void *protect, int fd, struct receiver *receivers, int count,
                   const struct burst *bursts, int burst_count, int run, const uint8_t *body,
                   struct result *result);
    """
)


@dataclass(frozen=True, slots=True)
class Job:
    """What the child sends: from where to whom, what, and how."""

    library: str
    host: str
    to: str
    ports: tuple[int, ...]
    load: Load
    run: int
    encrypted: bool = True


def _session(seed: int) -> Session:
    key = bytes((seed * 31 + place * 7) & 0xFF for place in range(16 + 12))
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    )
    policy.window_size = 1024
    policy.allow_repeat_tx = True
    return Session(policy)


def _send(pipe: Connection, job: Job) -> None:
    """The child: one thread that does what floor.c says, warm first, then for the count."""
    library = ffi.dlopen(job.library)
    sessions = [_session(place) for place in range(len(job.ports))]
    receivers = ffi.new("struct receiver[]", len(sessions))
    for receiver, session, port in zip(receivers, sessions, job.ports, strict=True):
        receiver.session = int(srtp_ffi.cast("uintptr_t", session._srtp[0]))
        receiver.to.family = socket.AF_INET
        receiver.to.port, receiver.to.host = port.to_bytes(2, "big"), socket.inet_aton(job.to)
        receiver.types = PAYLOAD_TYPES
    protect = srtp_ffi.cast("uintptr_t", srtp_ffi.addressof(srtp_lib, "srtp_protect"))
    pointer = ffi.cast("void *", int(protect) if job.encrypted else 0)
    block = extension_block([(SEND_TIME_ID, bytes(3)), (MID_ID, b"1")])
    body = ffi.new("uint8_t[]", bytes(HEADER) + block + NOISE)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BUFFER)
    udp.bind((job.host, 0))
    for seconds in (WARM_S, job.load.seconds):
        timeline = _timeline(job.load, seconds, HEADER + len(block))
        result = ffi.new("struct result *")
        pipe.send(None)
        pipe.recv()
        library.floor_run(
            pointer, udp.fileno(), receivers, len(sessions), timeline, len(timeline), job.run,
            body, result,
        )  # fmt: skip
        pipe.send((result.sent, result.refused, result.blocked, result.calls))
        pipe.recv()


def _timeline(load: Load, seconds: float, header: int) -> Any:
    found = list(itertools.takewhile(lambda b: b.at_s < seconds, bursts(load.pattern)))
    made = ffi.new("struct burst[]", len(found))
    for row, burst in zip(made, found, strict=True):
        row.at_ns, row.kind, row.packets = int(burst.at_s * 1e9), burst.kind, burst.packets
        row.length, row.timestamp = header + burst.payload, burst.timestamp
    return made


async def run(
    load: Load, folder: Path, *, segments: bool, encrypted: bool = True
) -> dict[str, float]:
    """Costs by name, per packet sent over loopback; not `encrypted`, of what no cipher can spare.

    Raises NoCompilerError.
    """
    sockets = [_receiver() for _ in range(load.subscribers)]
    ports = tuple(udp.getsockname()[1] for udp in sockets)
    job = Job(
        str(compile_shared(SOURCE, folder)), LOOPBACK, LOOPBACK, ports, load,
        SEGMENTS if segments else 1, encrypted,
    )  # fmt: skip
    drain = Drain(sockets)
    drain.start()
    try:
        costs = await _measure(job, lambda: drain.received)
    finally:
        drain.stop()
        for udp in sockets:
            udp.close()
    costs["bytes_per_packet"] = drain.mailbox.bytes / max(1, drain.received)
    return costs


async def discarding(
    load: Load, folder: Path, discard: Discard, *, segments: bool
) -> dict[str, float]:
    """The same to a device that throws packets away. Raises NoCompilerError."""
    ports = tuple(range(FIRST_PORT, FIRST_PORT + load.subscribers))
    job = Job(
        str(compile_shared(SOURCE, folder)), HOST, RECEIVERS, ports, load,
        SEGMENTS if segments else 1,
    )  # fmt: skip
    return await _measure(job, lambda: discard.taken)


async def _measure(job: Job, arrived: Callable[[], int]) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(target=_send, args=(other, job), daemon=True)
    process.start()
    try:
        return await _rounds(pipe, process.pid or 0, arrived)
    finally:
        process.kill()
        process.join()


async def _rounds(pipe: Connection, pid: int, arrived: Callable[[], int]) -> dict[str, float]:
    costs: dict[str, float] = {}
    for _ in range(2):  # the first is to be warm
        await asyncio.to_thread(pipe.recv)
        meter, before = CpuMeter(pid), arrived()
        pipe.send(None)
        sent, refused, blocked, calls = await asyncio.to_thread(pipe.recv)
        used = meter.lap()
        await asyncio.sleep(LINGER_S)
        pipe.send(None)
        received = arrived() - before
        costs = {
            "us_per_packet": used.total / max(1, sent) * 1e6,
            "us_user": used.user / max(1, sent) * 1e6,
            "us_system": used.system / max(1, sent) * 1e6,
            "forwarded": sent,
            "arrived": received,
            "arrived_percent": received / max(1, sent) * 100,
            "refused": refused,
            "would_block": blocked,
            "packets_per_sendmmsg": sent / max(1, calls),
        }
    return costs


def _receiver() -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
    udp.bind((LOOPBACK, 0))
    return udp


def found(costs: dict[str, float], name: str, pattern: Pattern) -> list[Figure]:
    """The figures of one run."""
    split = f"{costs['us_user']:.2f} user, {costs['us_system']:.2f} system"
    count = (
        f"{costs['forwarded']:,.0f} sent, {costs['arrived']:,.0f} arrived,"
        f" {costs['refused']:.0f} refused by libsrtp, {costs['would_block']:.0f} by the kernel,"
        f" {costs['bytes_per_packet']:.0f} B each"
    )
    return [
        Figure(f"floor {name}: CPU per packet", costs["us_per_packet"], "µs", note=split),
        Figure(f"floor {name}: receivers a core would carry",
               1e6 / costs["us_per_packet"] / pattern.packets_per_s,
               note=f"{pattern.packets_per_s:.0f} packets/s each"),
        Figure(f"floor {name}: packets", costs["forwarded"], note=count),
    ]  # fmt: skip


def parse() -> argparse.Namespace:
    parser = figures.arguments(__doc__)
    parser.add_argument("--subscribers", type=int, default=47)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--pattern", choices=list(PATTERNS), default="camera")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    load = Load(
        arguments.subscribers,
        arguments.seconds or (3.0 if arguments.quick else 10.0),
        PATTERNS[arguments.pattern],
    )
    made: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, segments, encrypted in (
            ("without UDP_SEGMENT", False, True),
            ("with UDP_SEGMENT", True, True),
            ("with UDP_SEGMENT, unencrypted", True, False),
        ):
            try:
                costs = asyncio.run(run(load, Path(folder), segments=segments, encrypted=encrypted))
            except NoCompilerError as error:
                print(f"no floor: {error}", file=sys.stderr)
                break
            made += found(costs, name, load.pattern)
    figures.report(made, arguments.json)


if __name__ == "__main__":
    main()
