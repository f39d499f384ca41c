"""The relay's recording hosts: a process for each, started again when it ends or falls silent.

An ingest belongs to a room and goes with it. Nothing here reads a stream: a worker process does,
and publishes as the room's camera like a host would, over this machine's own media port.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import structlog

from ..domain.ingest import ADVICE, REASONS, IngestKind, IngestSource
from .ingest_pipe import backoff_s
from .settings import Listen

log = structlog.get_logger(__name__)

MAX_INGESTS: Final = 32
"""Each is a process of some 90 MB and a few percent of a core."""
SILENT_S: Final = 20.0
"""A worker says every 2 s that it lives; one that says nothing hangs, and is killed."""
GOODBYE_S: Final = 2.0
"""A worker that is told to go closes its session in milliseconds; then it is killed."""
LINE_BYTES: Final = 256 * 1024
"""An offer is some 6 kB; a longer line than this is none of ours."""
STATES: Final = ("connecting", "live", "failed")

Admit = Callable[[str, str], str | None]
"""(room, offer) → the answer, or None when the relay does not take it."""


@dataclass(frozen=True, slots=True)
class IngestState:
    """One ingest as `GET /status` shows it. `source` has no secret in it; `since_s` is how long
    the state has lasted; `restarts` counts worker processes after the first."""

    room: str
    source: str
    state: str = "connecting"
    reason: str | None = None
    advice: tuple[str, ...] = ()
    width: int = 0
    height: int = 0
    audio: str | None = None
    since_s: float = 0.0
    restarts: int = 0


@dataclass(slots=True)
class _Ingest:
    source: IngestSource
    state: IngestState
    changed_s: float
    task: asyncio.Task[None] | None = None
    pushing: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Ingests:
    """Every ingest of this relay. `folder` is what `file:` sources are below, `rtmp` where pushes
    come in (None: nowhere)."""

    admit: Admit
    folder: Path | None = None
    rtmp: Listen | None = None
    failures: int = 0
    _found: dict[str, _Ingest] = field(default_factory=dict)
    _ending: set[asyncio.Task[None]] = field(default_factory=set)
    _door: _Door | None = None

    def put(self, room: str, source: IngestSource | None) -> None:
        """The room's ingest is this one; None: it has none. The same again changes nothing."""
        found = self._found.get(room)
        if found is not None and source is not None and found.source.url == source.url:
            return
        self.drop(room)
        if source is None:
            return
        now = time.monotonic()
        ingest = _Ingest(source, IngestState(room, source.shown), now)
        self._found[room] = ingest
        if len(self._found) > MAX_INGESTS:
            log.error("ingest_refused", room=room, source=source.shown, most=MAX_INGESTS)
            self._state(ingest, state="failed", reason="relay")
            return
        if source.kind is IngestKind.PUSH and self.rtmp is None:
            self._state(ingest, state="failed", reason="waiting")  # it may come by WHIP
            return
        self._tell_door()
        ingest.task = asyncio.create_task(self._keep(room, ingest), name=f"ingest {room}")

    def drop(self, room: str) -> None:
        """End the room's ingest, if it has one."""
        found = self._found.pop(room, None)
        if found is None:
            return
        for task in (found.task, found.pushing):
            if task is not None:
                task.cancel()
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)
        self._tell_door()

    def live(self, room: str) -> bool:
        """Whether the room's recording host is its camera now."""
        found = self._found.get(room)
        return found is not None and found.state.state == "live"

    def room_of(self, key: str) -> str | None:
        """The room that a stream key is for now; every key is compared, so time tells nothing."""
        given, found = key.encode(), None
        for room, ingest in self._found.items():
            if ingest.source.kind is IngestKind.PUSH and hmac.compare_digest(
                ingest.source.name.encode(), given
            ):
                found = room
        return found

    def pushed(self, room: str, closed: asyncio.Event) -> None:
        """The room's host publishes by WHIP until `closed`; a later one takes its place."""
        ingest = self._found[room]
        if ingest.pushing is not None:
            ingest.pushing.cancel()
        self._state(ingest, state="live", reason=None, width=0, height=0, audio=None, advice=())

        async def follow() -> None:
            await closed.wait()
            ingest.pushing = None
            self._state(ingest, state="failed", reason="waiting")

        ingest.pushing = asyncio.create_task(follow(), name=f"ingest push {room}")

    def states(self, room: str | None = None) -> list[IngestState]:
        """Every ingest, or that of one room."""
        now = time.monotonic()
        return [
            replace(ingest.state, since_s=round(now - ingest.changed_s, 1))
            for name, ingest in self._found.items()
            if room in (None, name)
        ]

    async def close(self) -> None:
        """End all."""
        for room in list(self._found):
            self.drop(room)
        await asyncio.gather(*self._ending, return_exceptions=True)
        if self._door is not None:
            await self._door.close()

    # ------------------------------------------------------------------ pushes

    def _tell_door(self) -> None:
        """Have the RTMP port know exactly the keys in use; it is opened with the first."""
        if self.rtmp is None:
            return
        keys = {i.source.name for i in self._found.values() if i.source.kind is IngestKind.PUSH}
        if self._door is None and keys:
            self._door = _Door(self.rtmp)
        if self._door is not None:
            self._door.keys(keys)

    # ------------------------------------------------------------------ one ingest

    def _state(self, ingest: _Ingest, **changes: Any) -> None:
        before = ingest.state
        ingest.state = replace(before, **changes)
        if (before.state, before.reason) != (ingest.state.state, ingest.state.reason):
            ingest.changed_s = time.monotonic()
            self.failures += ingest.state.state == "failed"
            log.info(
                "ingest",
                room=before.room,
                source=before.source,
                state=ingest.state.state,
                reason=ingest.state.reason,
            )

    async def _keep(self, room: str, ingest: _Ingest) -> None:
        """Processes one after the other, for as long as the room has this ingest."""
        failures = 0
        while True:
            began = time.monotonic()
            await self._process(room, ingest)
            failures = 1 if time.monotonic() - began > SILENT_S * 3 else failures + 1
            restarts = ingest.state.restarts + 1
            self._state(ingest, state="failed", reason="crashed", restarts=restarts)
            await asyncio.sleep(backoff_s(failures))

    async def _process(self, room: str, ingest: _Ingest) -> None:
        """One worker to its end; it ends with us, because its standard input does."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sync_classroom.relay.ingest_worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            at = None
            if self._door is not None and ingest.source.kind is IngestKind.PUSH:
                at = str(self._door.path(ingest.source.name))
            folder = None if self.folder is None else str(self.folder)
            _write(process.stdin, source=ingest.source.url, folder=folder, at=at)
            await self._listen(room, ingest, process.stdout, process.stdin)
        finally:
            process.stdin.close()
            with contextlib.suppress(TimeoutError, ProcessLookupError):
                async with asyncio.timeout(GOODBYE_S):
                    await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _listen(
        self,
        room: str,
        ingest: _Ingest,
        lines: asyncio.StreamReader,
        answers: asyncio.StreamWriter,
    ) -> None:
        while True:
            try:
                async with asyncio.timeout(SILENT_S):
                    line = await lines.readline()
                told = json.loads(line) if line else None
            except (TimeoutError, ValueError):
                return  # silent, or not a line of ours
            if not isinstance(told, dict):
                return
            if isinstance(told.get("offer"), str):
                answer = self.admit(room, told["offer"])
                if answer is None:
                    _write(answers, refused=True)
                else:
                    _write(answers, answer=answer)
            elif told.get("state") in STATES:
                self._hear(ingest, told)

    def _hear(self, ingest: _Ingest, told: dict[str, Any]) -> None:
        if ingest.pushing is not None:
            return  # it has come by WHIP; the worker still waits for RTMP
        reason = told.get("reason")
        self._state(
            ingest,
            state=told["state"],
            reason=reason if reason in REASONS else None,
            advice=tuple(code for code in told.get("advice", ()) if code in ADVICE),
            width=int(told.get("width") or 0),
            height=int(told.get("height") or 0),
            audio=told.get("audio"),
        )


def _write(pipe: asyncio.StreamWriter, **what: object) -> None:
    pipe.write(json.dumps(what).encode() + b"\n")


class _Door:
    """The process at the RTMP port, kept running; see `ingest_door`."""

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._folder = tempfile.TemporaryDirectory(prefix="sync-classroom-rtmp-")
        self._keys: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name="ingest-rtmp")

    def path(self, key: str) -> Path:
        """Where a key's stream can be read; names are numbered, because socket paths are short."""
        if key not in self._keys:
            taken = set(self._keys.values())
            number = next(n for n in range(MAX_INGESTS * 4) if self._at(n) not in taken)
            self._keys[key] = self._at(number)
        return Path(self._keys[key])

    def _at(self, number: int) -> str:
        return f"{self._folder.name}/{number}"

    def keys(self, wanted: set[str]) -> None:
        """Serve exactly these."""
        self._keys = {key: path for key, path in self._keys.items() if key in wanted}
        for key in wanted:
            self.path(key)
        self._changed.set()

    async def close(self) -> None:
        """End the process."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._folder.cleanup()

    async def _keep(self) -> None:
        failures = 0
        while True:
            began = time.monotonic()
            await self._process()
            failures = 1 if time.monotonic() - began > SILENT_S else failures + 1
            await asyncio.sleep(backoff_s(failures))

    async def _process(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sync_classroom.relay.ingest_door",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            _write(process.stdin, host=self._listen.host, port=self._listen.port)
            line = await process.stdout.readline()
            told = json.loads(line) if line else {}
            if "port" not in told:
                log.error(
                    "rtmp_not_listening",
                    host=self._listen.host,
                    port=self._listen.port,
                    problem=told.get("problem"),
                )
                return
            log.info("rtmp_listening", host=self._listen.host, port=told["port"])
            ended = asyncio.create_task(process.wait(), name="ingest-rtmp-end")
            try:
                while not ended.done():
                    self._changed.clear()
                    _write(process.stdin, keys=self._keys)
                    changed = asyncio.create_task(self._changed.wait(), name="ingest-rtmp-keys")
                    await asyncio.wait({ended, changed}, return_when=asyncio.FIRST_COMPLETED)
                    changed.cancel()
            finally:
                ended.cancel()
        finally:
            process.stdin.close()
            if process.returncode is None:
                process.kill()
                await process.wait()
