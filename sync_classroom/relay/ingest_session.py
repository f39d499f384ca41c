"""One attempt at a source: read it in a thread, pace it, publish it by WHIP until it ends.

aiortc does ICE, DTLS, SRTP, RTP and retransmission by its public interface; its tracks are given
packets that are encoded already.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiortc import (
    RTCRtpCodecCapability,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.packet import Packet

from ..domain.ingest import IngestError, IngestKind, IngestSource
from .client_peer import client_peer
from .ingest_media import OPEN_S, READ_S, Facts, Source, Unit
from .ingest_playout import Playout

CONNECT_S: Final = 10.0
"""The relay is on this machine, or on the next: what is not connected by then will not be."""
CLOSE_S: Final = 3.0
QUEUE: Final = 256
"""Units of one kind read ahead: five seconds of sound, ten of picture. A full queue stops the
reading, so a file is read at the pace it is played and a live host is held by TCP."""
STALL_S: Final = READ_S + 2.0
"""FFmpeg gives up after `READ_S`; a demuxer that does not is hung, and its process must go."""
HUNG_S: Final = OPEN_S + READ_S + 5.0
"""FFmpeg has given up everything it waits for by then; five seconds more for a busy machine."""

Signal = Callable[[str], Awaitable[str]]
"""An offer in, the answer out; raises IngestError when it is refused."""


class HungError(Exception):
    """The thread that reads does not come back: only the end of the process frees it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is reported while a source lives: once `facts`, then each `advice` when it shows."""

    facts: Callable[[Facts], None]
    advice: Callable[[str], None]


class _Track(MediaStreamTrack):
    """Packets of one kind, each when it is due."""

    def __init__(self, kind: str, playout: Playout) -> None:
        super().__init__()
        self.kind = kind
        self.queue: asyncio.Queue[Unit] = asyncio.Queue(QUEUE)
        self.jumped = False
        self._playout = playout

    async def recv(self) -> Packet[Any]:
        """The next packet, at its time; aiortc sends it as it is."""
        loop = asyncio.get_running_loop()
        unit = await self.queue.get()
        try:
            due = self._playout.due(unit.at_s, loop.time())
        except ValueError:
            self.jumped = True  # media time jumps: the source is opened anew
            raise MediaStreamError from None
        await asyncio.sleep(max(0.0, due - loop.time()))
        return unit.packet


class _Reader:
    """The thread: opens a source, and once it may, hands its units over until it ends."""

    def __init__(self, open_source: Callable[[], Source], told: Told) -> None:
        self._open_source = open_source
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._may = threading.Event()
        self._tracks: dict[bool, _Track] = {}
        self.heard_s = self._loop.time()
        self.facts: asyncio.Future[Facts] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="ingest-reader", daemon=True)
        self._thread.start()

    def begin(self, tracks: Sequence[_Track]) -> None:
        """There is somebody to send to."""
        self._tracks = {track.kind == "video": track for track in tracks}
        self.heard_s = self._loop.time()
        self._may.set()

    async def stop(self) -> None:
        """Have the thread end; HungError if it does not."""
        self._stop.set()
        self._may.set()
        try:
            async with asyncio.timeout(HUNG_S):
                while self._thread.is_alive():
                    for track in self._tracks.values():
                        while not track.queue.empty():
                            track.queue.get_nowait()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise HungError from None

    def _run(self) -> None:
        error: Exception | None = None
        try:
            source = self._open_source()
            try:
                self._call(_resolve, self.facts, source.facts)
                self._may.wait()
                self._hand_over(source)
            finally:
                source.close()
        except Exception as failure:  # whatever it is, this attempt has ended by it
            error = failure
        self._call(self._finish, error)

    def _hand_over(self, source: Source) -> None:
        for unit in source.units(lambda code: self._call(self._told.advice, code)):
            if self._stop.is_set():
                return
            asyncio.run_coroutine_threadsafe(self._put(unit), self._loop).result()

    async def _put(self, unit: Unit) -> None:
        self.heard_s = self._loop.time()
        track = self._tracks.get(unit.video)
        if track is not None and not self._stop.is_set():
            await track.queue.put(unit)
            self.heard_s = self._loop.time()

    def _call(self, what: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody listens any more
            self._loop.call_soon_threadsafe(what, *arguments)

    def _finish(self, error: Exception | None) -> None:
        error = error or IngestError("ended")
        for future in (self.facts, self.ended):
            if not future.done():
                future.set_exception(error)
                future.exception()  # taken note of, whoever awaits it


def _resolve(future: asyncio.Future[Facts], facts: Facts) -> None:
    if not future.done():
        future.set_result(facts)


async def play(
    source: IngestSource, open_source: Callable[[], Source], signal: Signal, told: Told
) -> None:
    """Publish a source until it ends, which is always an exception: IngestError says why.

    HungError: the reading thread does not come back.
    """
    reader = _Reader(open_source, told)
    try:
        facts = await reader.facts
        playout = Playout(live=source.kind is not IngestKind.FILE)
        tracks = [_Track("video", playout)]
        if facts.audio is not None:
            tracks.insert(0, _Track("audio", playout))
        async with _published(tracks, signal) as lost:
            told.facts(facts)
            reader.begin(tracks)
            await _until_over(reader, tracks, lost)
    finally:
        await reader.stop()


async def _until_over(reader: _Reader, tracks: Sequence[_Track], lost: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    gone = asyncio.create_task(lost.wait(), name="ingest-relay-lost")
    try:
        while True:
            awaited: set[asyncio.Future[Any]] = {reader.ended, gone}
            await asyncio.wait(awaited, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            if reader.ended.done():
                reader.ended.result()
            if gone.done():
                raise IngestError("relay")
            blocked = any(track.queue.full() for track in tracks)
            if loop.time() - reader.heard_s > STALL_S and not blocked:
                raise IngestError("stalled")
            if any(track.jumped for track in tracks):
                raise IngestError("stalled")
    finally:
        gone.cancel()


@asynccontextmanager
async def _published(tracks: Sequence[_Track], signal: Signal) -> AsyncIterator[asyncio.Event]:
    """A connected WHIP session of these tracks; the event is set when it is lost."""
    peer = client_peer()
    connected, lost = asyncio.Event(), asyncio.Event()

    @peer.on("connectionstatechange")
    def _() -> None:
        if peer.connectionState == "connected":
            connected.set()
        elif peer.connectionState in ("failed", "closed"):
            lost.set()

    try:
        for track in tracks:
            transceiver = peer.addTransceiver(track, direction="sendonly")
            transceiver.setCodecPreferences(_codecs(track.kind))
        await peer.setLocalDescription(await peer.createOffer())
        answer = await signal(peer.localDescription.sdp)
        await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        try:
            async with asyncio.timeout(CONNECT_S):
                await connected.wait()
        except TimeoutError:
            raise IngestError("relay") from None
        yield lost
    finally:
        for track in tracks:
            track.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await peer.close()


def _codecs(kind: str) -> list[RTCRtpCodecCapability]:
    """What is sent: Opus, or H.264 in packetization-mode 1 and its retransmission."""
    wanted = {"audio/opus", "video/H264", "video/rtx"}
    return [
        codec
        for codec in RTCRtpSender.getCapabilities(kind).codecs
        if codec.mimeType in wanted and codec.parameters.get("packetization-mode", "1") == "1"
    ]
