"""The loop's side of joining: one after the other, tried again, given up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.relay.recording.finisher import MAX_TRIES, Finisher
from sync_classroom.relay.recording.library import Library, Limits, Manifest, State
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


async def do(work: Callable[[], Any]) -> Any:
    return work()


def shelf(root: Path, *recordings: str) -> Library:
    made = Library(root, Limits(0, 0, 0))
    made.open()
    for recording in recordings:
        at = "2026-11-25T09:00:00+00:00"
        made.save(Manifest(recording, recording, "relay-1", at, State.FINISHING, at))
    return made


@asynccontextmanager
async def running(finisher: Finisher) -> AsyncIterator[None]:
    task = asyncio.create_task(finisher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def test_everything_unfinished_is_finished(tmp_path: Path) -> None:
    library = shelf(tmp_path, "a", "b")
    finisher = Finisher(library, do, going_on=lambda _: False)
    finisher.nudge()
    async with running(finisher):
        await until(lambda: set(library.states.values()) == {State.SAVED})
    assert finisher.failures == 0
    library.close()


async def test_after_some_failures_what_was_recorded_is_left_as_it_is(tmp_path: Path) -> None:
    library = shelf(tmp_path, "a")
    manifest = library.load("a")
    assert manifest is not None
    manifest.source("camera").segments.append({"name": "x.mp4", "container": "mp4"})
    library.save(manifest)
    (tmp_path / "a" / "x.mp4").mkdir()  # nobody can read that
    finisher = Finisher(library, do, going_on=lambda _: False)
    finisher.nudge()
    async with running(finisher):
        await until(lambda: library.states["a"] is State.SAVED)
    assert finisher.failures == MAX_TRIES
    manifest = library.load("a")
    assert manifest is not None
    assert manifest.tries == MAX_TRIES
    assert manifest.failure is not None
    assert "IsADirectoryError" in manifest.failure
    library.close()


async def test_a_recording_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    library = shelf(tmp_path, "a", "b")
    finisher = Finisher(library, do, going_on=lambda recording: recording == "a")
    finisher.nudge()
    async with running(finisher):
        await until(lambda: library.states["b"] is State.SAVED)
        assert library.states["a"] is State.FINISHING
    library.close()


async def test_giving_up_kills_the_process_and_counts_no_failure(tmp_path: Path) -> None:
    library = shelf(tmp_path, "a")
    manifest = library.load("a")
    assert manifest is not None
    manifest.source("camera").segments.append({"name": "x.mp4", "container": "mp4"})
    library.save(manifest)
    os.mkfifo(tmp_path / "a" / "x.mp4")  # reading it waits for ever
    finisher = Finisher(library, do, going_on=lambda _: False)
    finisher.nudge()
    async with running(finisher):
        await until(lambda: finisher._running is not None)
        await finisher.give_up("b")
        assert finisher._running is not None
        await finisher.give_up("a")
        await until(lambda: finisher._running is None)
        assert library.states["a"] is State.FINISHING
        assert finisher.failures == 0
        (tmp_path / "a" / "x.mp4").unlink()
        finisher.nudge()
        await until(lambda: library.states["a"] is State.SAVED)
    library.close()
