"""A relay in a process of its own, driven through a pipe, so that only its own CPU is counted."""

from __future__ import annotations

import asyncio
import cProfile
import multiprocessing
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

from bench.machine import CpuMeter, prefer, rss_bytes
from bench.relay.peers import (
    MID_ID,
    OPUS,
    PWD,
    SEND_TIME_ID,
    UFRAG,
    VP8,
    Remote,
    fingerprint,
)
from sync_classroom.relay.endpoint import Endpoint, Layout
from sync_classroom.relay.kernel import KernelFanOut
from sync_classroom.relay.memory import settle
from sync_classroom.relay.ports import SplitFanOut
from sync_classroom.relay.sdp import ABS_SEND_TIME, MID
from sync_classroom.relay.session import Codec, Direction, MediaLine, Offer
from sync_classroom.relay.settings import Listen, RelaySettings

EXTENSIONS: Final = {MID: MID_ID, ABS_SEND_TIME: SEND_TIME_ID}
FEEDBACK: Final = frozenset({"nack", "nack pli", "goog-remb"})


@dataclass(frozen=True, slots=True)
class Options:
    """How the relay under test is set up; `preferred` by the scheduler if that is allowed.

    `fingerprint` is the peers', filled in by whoever starts the relay.
    """

    window_ms: float = 2.0
    fanout: str = "auto"
    segments: bool = True
    preferred: bool = False
    max_sessions: int = 20_000
    profile: str | None = None
    host: str = "127.0.0.1"
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A session of the relay's: its side, and the SSRCs it sends, line by line."""

    session: str
    remote: Remote
    ssrcs: tuple[int, ...]


def lines(audio: int, video: int) -> tuple[MediaLine, ...]:
    """m-lines of an offer: so many of Opus, then of VP8."""
    made: list[MediaLine] = []
    for kind, amount, codec in (
        ("audio", audio, Codec("opus", OPUS, 48000, 2)),
        ("video", video, Codec("VP8", VP8, 90000, feedback=FEEDBACK)),
    ):
        for slot in range(amount):
            made.append(
                MediaLine(len(made), str(len(made)), kind, True, slot, (codec,), EXTENSIONS)
            )
    return tuple(made)


# ---------------------------------------------------------------------------- the child's side


def serve(pipe: Connection, options: dict[str, Any]) -> None:
    """The child's main function."""
    asyncio.run(_Served(pipe, Options(**options)).run())


class _Served:
    def __init__(self, pipe: Connection, options: Options) -> None:
        self._pipe, self._options = pipe, options
        self._endpoint: Endpoint
        self._stopped = asyncio.Event()
        self._profiler = cProfile.Profile(time.thread_time)  # CPU, as all figures here

    async def run(self) -> None:
        options = self._options
        if options.preferred:
            prefer()
        settings = RelaySettings(
            media=Listen(options.host, 0),
            batch_window_ms=options.window_ms,
            max_sessions=options.max_sessions,
            fanout=options.fanout,
            max_load=1.0,  # nobody is refused: what then happens is to be seen
        )
        self._endpoint = await Endpoint.open(settings, on_sample=lambda _: None)
        if not options.segments:
            _without_segments(self._endpoint)
        settle()  # as the relay's own process does once it listens
        loop = asyncio.get_running_loop()
        loop.add_reader(self._pipe.fileno(), self._command)
        self._pipe.send(None)
        await self._stopped.wait()
        loop.remove_reader(self._pipe.fileno())
        await self._endpoint.close()
        if options.profile:
            self._profiler.dump_stats(options.profile)
        self._pipe.send(None)

    def _command(self) -> None:
        name, arguments = self._pipe.recv()
        self._pipe.send(getattr(self, f"_on_{name}")(*arguments))

    def _on_open(self, room: str, peer: str, publish: str | None, audio: int, video: int) -> Opened:
        direction = Direction.SUBSCRIBE if publish is None else Direction.PUBLISH
        prints = (("sha-256", self._options.fingerprint),)
        offer = Offer(direction, lines(audio, video), UFRAG, PWD, prints)
        session = self._endpoint.open_session(
            room=room, peer=peer, source=publish, offer=offer, makes_room=True
        )
        local = session.transport
        remote = Remote(local.ice_ufrag, local.ice_pwd, local.fingerprint[1], local.candidates[0])
        return Opened(session.id, remote, tuple(s.ssrc for s in session.streams.values()))

    def _on_room(self, room: str, layouts: dict[str, Layout]) -> None:
        self._endpoint.put_room(room, layouts)

    def _on_acknowledged(self, within_s: float) -> int:
        """How many receivers have just reported that what was sent to them arrived."""
        return sum(
            state.direction is Direction.SUBSCRIBE
            and state.last_media_s is not None
            and state.last_media_s < within_s
            for state in self._endpoint.status()
        )

    def _on_counters(self) -> dict[str, int]:
        return self._endpoint.counters.as_dict()

    def _on_profile(self, start: bool) -> None:
        if self._options.profile:
            (self._profiler.enable if start else self._profiler.disable)()

    def _on_stop(self) -> None:
        self._stopped.set()


def _without_segments(endpoint: Any) -> None:
    """As on a system without UDP_SEGMENT, which both implementations find out by themselves."""
    endpoint.socket._max_run = 1
    fanout = endpoint._fanout
    if isinstance(fanout, SplitFanOut):
        fanout = fanout._udp
    if isinstance(fanout, KernelFanOut):
        fanout._state.max_run = 1


# ---------------------------------------------------------------------------- the bench's side


class Relay:
    """The relay as a bench sees it: `pid` to measure, sessions to open."""

    def __init__(self, pipe: Connection, pid: int) -> None:
        self._pipe = pipe
        self.pid = pid
        self.cpu = CpuMeter(pid)

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Have the child do something; its answer."""
        self._pipe.send((name, arguments))
        return await asyncio.to_thread(self._pipe.recv)

    async def open(
        self,
        peer: str,
        *,
        room: str = "bench",
        publish: str | None = None,
        audio: int = 1,
        video: int = 1,
    ) -> Opened:
        """Open a session."""
        found: Opened = await self.ask("open", room, peer, publish, audio, video)
        return found

    async def opens(self, direction: Direction, peer: str) -> Remote:
        """See `peers.Opens`: one camera, everybody else receives it."""
        publish = "camera" if direction is Direction.PUBLISH else None
        return (await self.open(peer, publish=publish)).remote

    async def counters(self) -> dict[str, int]:
        """The relay's own counters."""
        found: dict[str, int] = await self.ask("counters")
        return found

    def rss_bytes(self) -> int:
        """Its resident memory now."""
        return rss_bytes(self.pid)


@asynccontextmanager
async def relay(options: Options) -> AsyncIterator[Relay]:
    """Run a relay until the context ends."""
    context = multiprocessing.get_context("spawn")
    pipe, other = context.Pipe()
    process = context.Process(
        target=serve, args=(other, asdict(options) | {"fingerprint": fingerprint()}), daemon=True
    )
    process.start()
    other.close()
    try:
        await asyncio.to_thread(pipe.recv)
        assert process.pid is not None
        served = Relay(pipe, process.pid)
        yield served
        await served.ask("stop")
        await asyncio.to_thread(pipe.recv)
        await asyncio.to_thread(process.join, 10)
    except EOFError:
        sys.exit("the relay under test ended early")
    finally:
        if process.is_alive():
            process.kill()
        process.join()
