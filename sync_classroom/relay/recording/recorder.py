"""Recordings as the loop sees them: taps on feeds, one thread that writes, and the verbs.

On the loop a recording costs an append per batch of packets. Everything else is done ten times a
second in one thread, and after a recording's end in a process of its own. What the thread cannot
take in time is left out of the recording and counted; a lesson waits for neither.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

import structlog

from ..publisher import Publisher
from .finisher import Finisher
from .library import Library, Manifest, State
from .line import Line
from .writer import SPARE_BYTES, Writer, begin

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

TICK_S: Final = 0.1
"""How often the thread works: seldom enough to cost the loop nothing, well under a fragment."""
SPACE_S: Final = 1.0
"""How often the disk is looked at: 48 sources write 15 MB in a second."""
RESUME_S: Final = 10.0
"""How often a full disk is looked at for room to go on, and a folder that cannot be used tried."""
EXPIRE_S: Final = 3600.0
"""How often recordings are deleted by age, which is counted in days."""
ORPHAN_S: Final = 600.0
"""A recording left by a former process is finished after this, unless somebody goes on with it."""
MAX_LISTED: Final = 1000


class RecordingRefusedError(Exception):
    """`code`: `off`, `disk_full`, `room`, `room_recorded`, `deleted`, `unknown` or `disk`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Publishing(Protocol):
    """A publisher's session, as far as it matters here."""

    room: str
    source: str | None


PublishingT = TypeVar("PublishingT", bound=Publishing, contravariant=True)


class Watcher(Protocol[PublishingT]):
    """Who is told of publishers: a recorder, or `NOBODY`."""

    def published(self, session: PublishingT, publisher: Publisher) -> None:
        """Somebody begins to publish."""
        ...

    def unpublished(self, publisher: Publisher) -> None:
        """A publisher has left."""
        ...


class _Nobody:
    """Where nothing is recorded."""

    def published(self, session: Publishing, publisher: Publisher) -> None:
        """Nobody cares."""

    def unpublished(self, publisher: Publisher) -> None:
        """Nobody cares."""


NOBODY: Final = _Nobody()


class Studio(Protocol[PublishingT]):
    """What a recorder needs of the endpoint."""

    def touch(self, session: PublishingT) -> None:
        """Look at the session's deadline again: a keyframe was asked for."""
        ...


class _Active:
    """A recording in progress."""

    def __init__(self, writer: Writer, room: str, sources: frozenset[str] | None) -> None:
        self.writer = writer
        self.room = room
        self.sources = sources
        self.lost = 0
        self.lines: list[Line] = []
        self.gone: deque[Line] = deque()  # left, their last packets not yet written

    def wants(self, source: str) -> bool:
        """Whether a source is to be recorded; without a list, every one is."""
        return self.sources is None or source in self.sources

    def join(self, source: str, publisher: Publisher) -> None:
        """A publisher is here, unless its source is not wanted or it is known already."""
        if self.wants(source) and all(line.publisher is not publisher for line in self.lines):
            self.lines.append(Line(source, publisher))

    def leave(self, line: Line) -> None:
        line.release()
        self.lines.remove(line)
        self.gone.append(line)

    def work(self, now: float) -> None:
        """In the thread: take in everything, write what is complete."""
        while self.gone:
            line = self.gone.popleft()
            line.drain(self.writer)
            self.writer.gone(line.source, now)
            self._count(line)
        for line in list(self.lines):
            line.drain(self.writer)
            self._count(line)
            time.sleep(0)  # the loop may have something to forward meanwhile
        self.writer.advance(now)

    def _count(self, line: Line) -> None:
        lost = line.lost - line.told
        line.told += lost
        self.lost += lost
        self.writer.manifest.lost_packets += lost


class Recorder(Generic[PublishingT]):
    """All recordings of one relay. `open`, then `run` in a task, then `close`."""

    def __init__(
        self,
        library: Library,
        studio: Studio[PublishingT],
        *,
        relay: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._library = library
        self._studio = studio
        self._publishing: dict[Publisher, PublishingT] = {}
        self._relay = relay
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recording")
        self._active: dict[str, _Active] = {}
        self._verbs = asyncio.Lock()
        self._finisher = Finisher(library, self._do, going_on=self._active.__contains__)
        self._orphans: dict[str, float] = {}
        self._space_at = self._resume_at = self._expire_at = 0.0
        self._open_at = 0.0
        self.ready = False
        self.disk_full = False
        self._bytes_before = self._lost_before = 0
        self.failures = self.expired = 0

    async def open(self) -> None:
        """Lock the folder and see what a former process left.

        A folder that another relay uses, or a disk that is not there, is tried again by and by:
        it stops no lesson.
        """
        try:
            await self._do(self._library.open)
        except OSError as error:
            self._open_at = self._loop.time() + RESUME_S
            log.error("recordings_off", folder=str(self._library.root), error=str(error))
            return
        self.ready = True
        now = self._loop.time()
        for recording, state in self._library.states.items():
            if state is State.RECORDING:
                self._orphans[recording] = now + ORPHAN_S
        self._finisher.nudge()

    async def close(self) -> None:
        """Close every file. Recordings stay begun: who asked for them may go on with them."""
        for active in self._active.values():
            for line in list(active.lines):
                active.leave(line)
        if self.ready:
            await self._do(self._work)
        self._active.clear()
        await self._finisher.give_up(None)
        await self._do(self._library.close)
        self._thread.shutdown()

    async def run(self) -> None:
        """Write, look after the disk, finish, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick_for_ever(), name="recording-ticks")
            tasks.create_task(self._finisher.run(), name="recording-finishing")

    # ------------------------------------------------------------------ the loop's side

    def published(self, session: PublishingT, publisher: Publisher) -> None:
        """Somebody begins to publish."""
        self._publishing[publisher] = session
        for active in self._active.values():
            if active.room == session.room and session.source is not None:
                active.join(session.source, publisher)

    def unpublished(self, publisher: Publisher) -> None:
        """A publisher has left."""
        self._publishing.pop(publisher, None)
        for active in self._active.values():
            for line in [line for line in active.lines if line.publisher is publisher]:
                active.leave(line)

    @property
    def active(self) -> int:
        """How many recordings are being made."""
        return len(self._active)

    @property
    def waiting_packets(self) -> int:
        """Packets the thread has not taken yet."""
        return sum(line.put - line.taken for a in self._active.values() for line in a.lines)

    @property
    def failed(self) -> int:
        """Ticks and joinings that went wrong since start."""
        return self.failures + self._finisher.failures

    @property
    def bytes(self) -> int:
        """Written since start, header and all."""
        return self._bytes_before + sum(a.writer.growing for a in self._active.values())

    @property
    def lost(self) -> int:
        """Packets left out since start because the disk was too slow."""
        return self._lost_before + sum(a.lost for a in self._active.values())

    # ------------------------------------------------------------------ verbs

    async def start(
        self, recording: str, room: str, sources: frozenset[str] | None = None
    ) -> Mapping[str, Any]:
        """Record these sources of a room (None: all), or go on doing so; its status.

        Raises RecordingRefusedError.
        """
        async with self._verbs:
            if not self.ready:
                raise RecordingRefusedError("disk", f"{self._library.root} is not ready")
            found = self._active.get(recording)
            if found is not None:
                if found.room != room:
                    raise RecordingRefusedError("room", f"{recording} records {found.room}")
                found.sources = sources
                self._join(found)
                return await self._do(found.writer.status)
            if any(active.room == room for active in self._active.values()):
                raise RecordingRefusedError("room_recorded", f"{room} is being recorded already")
            await self._finisher.give_up(recording)
            writer = await self._do(lambda: self._begin(recording, room))
            active = self._active[recording] = _Active(writer, room, sources)
            self._orphans.pop(recording, None)
            self._join(active)
            log.info("recording_started", recording=recording, room=room)
            return await self._do(writer.status)

    def _join(self, active: _Active) -> None:
        """Take in who publishes what is wanted; let go whom nobody wants any more."""
        for line in [line for line in active.lines if not active.wants(line.source)]:
            active.leave(line)
        for publisher, session in self._publishing.items():
            if session.room == active.room and session.source is not None:
                active.join(session.source, publisher)

    def _begin(self, recording: str, room: str) -> Writer:
        try:
            if not self._library.room():
                raise RecordingRefusedError("disk_full", "the disk is full")
            return begin(
                self._library, recording, room,
                relay=self._relay, now=self._loop.time(), at=self._now(),
            )  # fmt: skip
        except OSError as error:
            raise RecordingRefusedError("disk", f"cannot be written: {error}") from error
        except ValueError as error:
            code = str(error) if str(error) in {"room", "deleted"} else "disk"
            raise RecordingRefusedError(code, f"cannot be recorded: {error}") from error

    async def stop(self, recording: str) -> Mapping[str, Any]:
        """End a recording, here or left by a former process; its status. Again is fine."""
        async with self._verbs:
            active = self._active.get(recording)
            if active is None:
                manifest = await self._end_orphan(recording)
            else:
                for line in list(active.lines):
                    active.leave(line)
                await self._do(lambda: self._end(active))
                del self._active[recording]
                manifest = active.writer.manifest
                log.info("recording_stopped", recording=recording)
            self._finisher.nudge()
            return manifest.to_json()

    def _end(self, active: _Active) -> None:
        now = self._loop.time()
        active.work(now)
        self._bytes_before += active.writer.growing
        self._lost_before += active.lost
        try:
            active.writer.stop(now, self._now())
        except OSError as error:  # said again by whoever asks for it to be finished
            log.error("recording_not_ended", recording=active.writer.manifest.id, error=str(error))

    async def _end_orphan(self, recording: str) -> Manifest:
        self._orphans.pop(recording, None)

        def end() -> Manifest:
            manifest = self._load(recording)
            if manifest.state is State.RECORDING:
                manifest.move(State.FINISHING)
                manifest.ended_at = self._library.last_written(recording).isoformat(
                    timespec="milliseconds"
                )
                self._library.save(manifest)
            return manifest

        return await self._do(end)

    async def status(self, recording: str) -> Mapping[str, Any]:
        """One recording. Raises RecordingRefusedError `unknown`."""
        active = self._active.get(recording)
        if active is not None:
            return await self._do(active.writer.status)
        return (await self._do(lambda: self._load(recording))).to_json()

    async def listing(self, state: State | None = None) -> Mapping[str, Any]:
        """Ids with states, the last by name first, and how the disk stands."""

        def read() -> dict[str, Any]:
            found = [
                {"id": recording, "state": known}
                for recording, known in sorted(self._library.states.items(), reverse=True)
                if state in (None, known)
            ]
            return {
                "recordings": found[:MAX_LISTED],
                "more": len(found) > MAX_LISTED,
                "storage": {
                    "folder": str(self._library.root),
                    "free_bytes": self._library.free_bytes,
                    "used_bytes": self._library.used_bytes,
                    "full": self.disk_full,
                },
            }

        return await self._do(read)

    def _load(self, recording: str) -> Manifest:
        try:
            manifest = self._library.load(recording)
        except (OSError, ValueError) as error:
            raise RecordingRefusedError("disk", f"cannot be read: {error}") from error
        if manifest is None:
            raise RecordingRefusedError("unknown", f"there is no recording {recording}")
        return manifest

    # ------------------------------------------------------------------ time

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                if not self.ready:
                    if self._loop.time() >= self._open_at:
                        await self.open()
                    continue
                await self._do(self._work)
                await self._ask_keyframes()
                await self._end_orphans()
            except Exception:
                self.failures += 1
                log.exception("recording_tick_failed")

    def _work(self) -> None:
        """In the thread."""
        now = self._loop.time()
        for active in list(self._active.values()):
            active.work(now)
        if now >= self._space_at:
            self._space_at = now + SPACE_S
            self._look_at_space(now)
        if now >= self._expire_at:
            self._expire_at = now + EXPIRE_S
            gone = self._library.expire(self._now())
            self.expired += len(gone)
            for recording in gone:
                log.info("recording_expired", recording=recording)

    def _look_at_space(self, now: float) -> None:
        writers = [active.writer for active in self._active.values()]
        growing = sum(writer.growing for writer in writers)
        room = self._library.room(growing=growing)
        if not room:
            for writer in writers:
                if not writer.manifest.disk_full:
                    writer.pause(now)
        elif now >= self._resume_at and any(writer.manifest.disk_full for writer in writers):
            self._resume_at = now + RESUME_S
            if self._library.room(growing=growing, spare=SPARE_BYTES):
                for writer in writers:
                    if writer.manifest.disk_full:
                        writer.resume()
        full = not room or any(writer.manifest.disk_full for writer in writers)
        if full and not self.disk_full:
            self._resume_at = now + RESUME_S
        self.disk_full = full

    async def _ask_keyframes(self) -> None:
        now = self._loop.time()
        for active in self._active.values():
            wanted = active.writer.keyframes_wanted(now)
            for line in active.lines:
                session = self._publishing.get(line.publisher)
                if line.source not in wanted or session is None:
                    continue
                for feed in line.videos:
                    if feed.requests is not None and feed.latest is not None:
                        feed.requests.ask()
                self._studio.touch(session)

    async def _end_orphans(self) -> None:
        now = self._loop.time()
        for recording in [known for known, at in self._orphans.items() if now >= at]:
            await self.stop(recording)

    async def _do(self, work: Callable[[], _T]) -> _T:
        return await self._loop.run_in_executor(self._thread, work)
