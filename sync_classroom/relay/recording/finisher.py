"""Has ended recordings joined one after the other, in processes of `finishing.py`."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

import structlog

from .library import Library, State

log = structlog.get_logger(__name__)

FINISH_S: Final = 3600.0
"""Joining only copies; a process that takes longer than this hangs."""
MAX_TRIES: Final = 3
"""After so many failures the files are left as they were recorded: they play."""
MAX_SAID: Final = 500


class Do(Protocol):
    """Runs work on the disk in the one thread that may do it."""

    def __call__(self, work: Callable[[], Any], /) -> Awaitable[Any]:
        """The work's result."""
        ...


class Finisher:
    """Finishes whatever is in state `finishing`; `going_on` says that a recording was resumed."""

    def __init__(self, library: Library, do: Do, *, going_on: Callable[[str], bool]) -> None:
        self._library = library
        self._do = do
        self._going_on = going_on
        self._wanted = asyncio.Event()
        self._running: tuple[str, asyncio.subprocess.Process] | None = None
        self._given_up: str | None = None
        self.failures = 0

    def nudge(self) -> None:
        """There may be something to finish."""
        self._wanted.set()

    async def run(self) -> None:
        """Finish for ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            states = list(self._library.states.items())
            for recording in [known for known, state in states if state is State.FINISHING]:
                try:
                    await self._finish(recording)
                except Exception:
                    self.failures += 1
                    log.exception("recording_not_finished", recording=recording)

    async def give_up(self, recording: str | None) -> None:
        """Stop finishing this recording (None: any), if that is what is being done."""
        if self._running is not None and recording in (None, self._running[0]):
            self._given_up, process = self._running
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _finish(self, recording: str) -> None:
        over = False
        while not over and not self._going_on(recording):
            folder = self._library.folder(recording)
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "sync_classroom.relay.recording.finishing",
                str(folder), str(self._library.limits.min_free_bytes),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            self._running, self._given_up = (recording, process), None
            try:
                said = await _hear(process)
            finally:
                self._running = None
            if self._going_on(recording) or self._given_up == recording:
                return  # it is finished after its next end, or the relay's next start
            if process.returncode == 0:
                await self._do(lambda: self._finished(recording))
                return
            self.failures += 1
            failure = said.decode(errors="replace")[-MAX_SAID:].strip()
            log.error("recording_not_finished", recording=recording, error=failure)
            over = await self._do(partial(self._failed, recording, failure))

    def _finished(self, recording: str) -> None:
        manifest = self._library.load(recording)
        if manifest is not None:
            self._library.states[recording] = manifest.state
            self._library.measure(recording)

    def _failed(self, recording: str, failure: str) -> bool:
        """Whether that was the last try: then what was recorded stays as it is."""
        manifest = self._library.load(recording)
        if manifest is None:
            return True
        manifest.failure, manifest.tries = failure, manifest.tries + 1
        over = manifest.tries >= MAX_TRIES
        if over:
            manifest.move(State.SAVED)
        self._library.save(manifest)
        return over


async def _hear(process: asyncio.subprocess.Process) -> bytes:
    """What it complains of. It ends with us: its standard input is how it knows."""
    assert process.stderr is not None
    try:
        async with asyncio.timeout(FINISH_S):
            said = await process.stderr.read()
            await process.wait()
        return said
    except TimeoutError:
        return b"it took too long"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
