"""A source published by WHIP through a real relay: seen, heard, paced, and ended for a reason."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from sync_classroom.domain.ingest import IngestError, parse_ingest
from sync_classroom.relay.ingest_media import Facts, Source
from sync_classroom.relay.ingest_session import Told, play
from tests.support.hosts import DARK, TONE_HZ, WHITE, loudest_hz, make
from tests.support.relays import RunningRelay, relay
from tests.support.waiting import PATIENCE_S, until
from tests.support.whep_viewer import WhepViewer, watching

pytestmark = pytest.mark.asyncio

ROOM = "lesson-1"


class Listener:
    """What a session told."""

    def __init__(self) -> None:
        self.facts: list[Facts] = []
        self.advice: list[str] = []
        self.told = Told(self.facts.append, self.advice.append)


def signal(running: RunningRelay) -> Callable[[str], Awaitable[str]]:
    async def post(offer: str) -> str:
        headers = {"Content-Type": "application/sdp"}
        async with running.http.post(
            f"{running.url}/whip/{ROOM}", data=offer, headers=headers
        ) as response:
            assert response.status == 201, await response.text()
            return await response.text()

    return post


async def refuse(_: str) -> str:
    raise IngestError("relay")


def playing(path: Path, running: RunningRelay, listener: Listener) -> asyncio.Task[None]:
    source = parse_ingest(f"file:{path.name}")
    return asyncio.create_task(
        play(
            source,
            lambda: Source.open(source, folder=path.parent),
            signal(running),
            listener.told,
        )
    )


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def shade(viewer: WhepViewer) -> int:
    plane = viewer.pictures[-1][1].planes[0]
    return int(memoryview(plane)[plane.line_size * 90 + 160])


async def test_a_file_is_seen_heard_and_played_again(tmp_path: Path) -> None:
    path = make(tmp_path / "lesson.mp4", seconds=3)
    listener = Listener()
    async with relay(tmp_path, open_mode=True) as running:
        task = playing(path, running, listener)
        async with watching(running.http, f"{running.url}/whep/{ROOM}") as viewer:
            await viewer.wait(video=100, audio=200)  # longer than the file
            for expected in (DARK, WHITE, DARK):
                await until(lambda expected=expected: abs(shade(viewer) - expected) < 8)
            samples: list[int] = []
            for _, frame in viewer.sounds[-100:]:
                samples += memoryview(frame.planes[0]).cast("h")[::2][: frame.samples]
            assert loudest_hz(samples, 48000) == TONE_HZ
        assert not task.done()
        await stop(task)
    assert [(f.width, f.height, f.audio) for f in listener.facts] == [(320, 180, "aac")]
    assert listener.advice == []
    assert not [t for t in threading.enumerate() if t.name == "ingest-reader"]


async def test_a_source_that_has_nothing_ends_with_its_reason(tmp_path: Path) -> None:
    make(tmp_path / "b.mp4", b_frames=2)
    make(tmp_path / "sound.mp4", video=None)
    (tmp_path / "rubbish.mp4").write_bytes(bytes(range(256)) * 4096)
    async with relay(tmp_path, open_mode=True) as running:
        for name, code in (
            ("b.mp4", "b_frames"),
            ("sound.mp4", "no_video"),
            ("rubbish.mp4", "not_media"),
            ("none.mp4", "not_found"),
        ):
            with pytest.raises(IngestError) as caught:
                await playing(tmp_path / name, running, Listener())
            assert caught.value.code == code


async def test_a_relay_that_refuses_ends_the_attempt(tmp_path: Path) -> None:
    path = make(tmp_path / "lesson.mp4", seconds=1)
    source = parse_ingest(f"file:{path.name}")
    with pytest.raises(IngestError) as caught:
        await play(source, lambda: Source.open(source, folder=tmp_path), refuse, Listener().told)
    assert caught.value.code == "relay"


async def test_a_relay_that_goes_away_ends_the_attempt(tmp_path: Path) -> None:
    path = make(tmp_path / "lesson.mp4", seconds=2)
    listener = Listener()
    async with relay(tmp_path, open_mode=True) as running:
        task = playing(path, running, listener)
        await until(lambda: listener.facts)
    with pytest.raises(IngestError) as caught:
        async with asyncio.timeout(PATIENCE_S):
            await task
    assert caught.value.code == "relay"
