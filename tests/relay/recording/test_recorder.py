"""Recordings of a real endpoint with real peers, and of a relay process killed at any moment."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.connector import UnixConnector
from aiortc import RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.recording.library import Library, Limits, State
from sync_classroom.relay.recording.recorder import (
    NOBODY,
    Recorder,
    RecordingRefusedError,
)
from tests.support.media_peers import MovingSquare, connection, publish, relay
from tests.support.recordings import decoded, items
from tests.support.relay_child import relay_child
from tests.support.relays import settings
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 25, 9, tzinfo=UTC)


class Clock:
    """Wall time that can be turned."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def recorder(
    endpoint: Endpoint, root: Path, *, free: int = 0, most: int = 0, days: int = 0,
    clock: Clock | None = None,
) -> AsyncIterator[Recorder[Any]]:  # fmt: skip
    library = Library(root, Limits(free, most, days))
    made = Recorder(library, endpoint, relay="relay-1", now=clock or Clock())
    await made.open()
    endpoint.recorder = made
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait({task})
        await made.close()
        endpoint.recorder = NOBODY


async def wait_state(made: Recorder[Any], recording: str, state: State) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = dict(await made.status(recording))
            if found["state"] == state:
                return found
            await asyncio.sleep(0.05)


def segments(status: Any, source: int = 0) -> list[dict[str, Any]]:
    found = status["sources"]
    return list(found[source]["segments"]) if len(found) > source else []


async def wait_recorded(made: Recorder[Any], recording: str, seconds: float) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = dict(await made.status(recording))
            if sum(s.get("duration_s", 0) for s in segments(found)) >= seconds:
                return found
            await asyncio.sleep(0.05)


async def test_a_source_is_recorded_from_start_to_saved_file(tmp_path: Path) -> None:
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path) as made:
        endpoint.put_room("lesson-1", {})
        started = await made.start("lesson-1", "lesson-1")
        assert (started["state"], started["sources"]) == ("recording", [])
        peer, _session = await publish(endpoint, "lesson-1")
        await wait_recorded(made, "lesson-1", 2.0)
        assert (await made.start("lesson-1", "lesson-1"))["state"] == "recording"  # again is fine
        assert made.active == 1
        stopped = await made.stop("lesson-1")
        assert stopped["state"] == "finishing"
        assert made.active == 0
        assert all(feed.tap is None for feed in endpoint._owners)
        saved = await wait_state(made, "lesson-1", State.SAVED)
        assert (await made.stop("lesson-1"))["state"] == "saved"
        await peer.close()
    (file,) = saved["sources"][0]["files"]
    path = tmp_path / "lesson-1" / file["name"]
    shown = list(decoded(path))
    assert len(shown) >= 25
    # The picture's brightness tells its number: 8 more each time, and none is missing. When it was
    # sent is what aiortc's reports say, which on a busy machine is when it came to it.
    shades = [bytes(frame.planes[0])[60 * frame.planes[0].line_size + 80] for _, frame in shown]
    times = [at for at, _ in shown]
    assert {round(((b - a) % 200) / 8) for a, b in pairwise(shades)} == {1}
    assert all(b - a > 0 for a, b in pairwise(times))
    assert made.bytes == sum(segment["bytes"] for segment in segments(saved))
    assert (made.lost, made.failed) == (0, 0)


async def test_publishers_come_and_go_in_files_with_a_common_start(tmp_path: Path) -> None:
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path) as made:
        endpoint.put_room("lesson-1", {})
        camera, _session = await publish(endpoint, "lesson-1")
        await made.start("lesson-1", "lesson-1")
        began = time.monotonic()
        await wait_recorded(made, "lesson-1", 1.0)
        screen_s = time.monotonic() - began
        screen, _session = await publish(endpoint, "lesson-1", source="screen")
        again_s = time.monotonic() - began
        again, _session = await publish(endpoint, "lesson-1")  # takes the place of the first
        async with asyncio.timeout(PATIENCE_S):
            while not (
                len(segments(status := await made.status("lesson-1"))) == 2
                and segments(status)[1].get("duration_s", 0) > 1
                and segments(status, 1)
                and segments(status, 1)[0].get("duration_s", 0) > 1
            ):
                await asyncio.sleep(0.05)
        lasted_s = time.monotonic() - began
        saved = await made.stop("lesson-1")
        for peer in (camera, screen, again):
            await peer.close()
    assert [source["source"] for source in saved["sources"]] == ["camera", "screen"]
    first, second = segments(saved)
    (of_screen,) = segments(saved, 1)
    assert first["start_s"] < screen_s <= of_screen["start_s"] < lasted_s
    assert again_s <= second["start_s"] < lasted_s
    assert second["start_s"] >= first["start_s"] + first["duration_s"] - 0.1


async def test_only_the_wanted_sources_are_recorded_and_they_may_change(tmp_path: Path) -> None:
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path) as made:
        endpoint.put_room("lesson-1", {})
        await made.start("lesson-1", "lesson-1", frozenset({"camera"}))
        camera, _session = await publish(endpoint, "lesson-1")
        seat, _session = await publish(endpoint, "lesson-1", peer="seat-1", source="seat")
        await wait_recorded(made, "lesson-1", 1.0)
        found = await made.start("lesson-1", "lesson-1", frozenset({"camera", "seat:seat-1"}))
        assert [source["source"] for source in found["sources"]] == ["camera"]
        async with asyncio.timeout(PATIENCE_S):
            while not segments(await made.status("lesson-1"), 1):
                await asyncio.sleep(0.05)
        await made.start("lesson-1", "lesson-1", frozenset({"camera"}))
        async with asyncio.timeout(PATIENCE_S):
            while not segments(await made.status("lesson-1"), 1)[0]["closed"]:
                await asyncio.sleep(0.05)
        await camera.close()
        await seat.close()


async def test_refusals_name_their_reason(tmp_path: Path) -> None:
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path / "a") as made:
        await made.start("r-1", "lesson-1")
        for recording, room, code in (
            ("r-1", "lesson-2", "room"),
            ("r-2", "lesson-1", "room_recorded"),
            ("../r", "lesson-3", "disk"),
        ):
            with pytest.raises(RecordingRefusedError) as caught:
                await made.start(recording, room)
            assert caught.value.code == code
        with pytest.raises(RecordingRefusedError) as caught:
            await made.status("nobody")
        assert caught.value.code == "unknown"
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path / "b", free=1 << 60) as made:
        with pytest.raises(RecordingRefusedError) as caught:
            await made.start("r-1", "lesson-1")
        assert caught.value.code == "disk_full"


async def test_a_folder_in_use_is_no_recorder_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.relay.recording.recorder.RESUME_S", 0.1)
    other = Library(tmp_path, Limits(0, 0, 0))
    other.open()
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path) as made:
        with pytest.raises(RecordingRefusedError, match="not ready"):
            await made.start("r-1", "lesson-1")
        other.close()
        await until(lambda: made.ready)
        assert (await made.start("r-1", "lesson-1"))["state"] == "recording"


async def test_the_limit_stops_recording_and_says_so_and_room_lets_it_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.relay.recording.recorder.RESUME_S", 0.1)
    monkeypatch.setattr("sync_classroom.relay.recording.recorder.SPARE_BYTES", 1000)
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path, most=15_000) as made:
        endpoint.put_room("lesson-1", {})
        peer, session = await publish(endpoint, "lesson-1")
        await made.start("lesson-1", "lesson-1")
        await until(lambda: made.disk_full)
        status = await made.status("lesson-1")
        assert (status["state"], status["disk_full"]) == ("recording", True)
        assert segments(status)[-1]["closed"]
        assert not session.closed.is_set()  # the lesson goes on
        written = made.bytes
        made._library.limits = Limits(0, 10_000_000, 0)
        await until(lambda: not made.disk_full)
        await until(lambda: made.bytes > written + 3000)
        status = await made.status("lesson-1")
        assert not status["disk_full"]
        assert len(segments(status)) == 2
        await peer.close()


async def test_media_are_deleted_by_age_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.relay.recording.recorder.EXPIRE_S", 0.1)
    clock = Clock()
    async with relay() as (endpoint, _), recorder(endpoint, tmp_path, days=30, clock=clock) as made:
        endpoint.put_room("lesson-1", {})
        peer, _session = await publish(endpoint, "lesson-1")
        await made.start("old", "lesson-1")
        await wait_recorded(made, "old", 1.0)
        await made.stop("old")
        await wait_state(made, "old", State.SAVED)
        await made.start("new", "lesson-1")
        clock.now = NOW + timedelta(days=31)
        status = await wait_state(made, "old", State.DELETED)
        assert status["deleted_at"] == clock.now.isoformat()
        assert [path.name for path in (tmp_path / "old").iterdir()] == ["manifest.json"]
        assert made.expired == 1
        listed = await made.listing(State.DELETED)
        assert listed["recordings"] == [{"id": "old", "state": "deleted"}]
        assert (await made.status("new"))["state"] == "recording"
        with pytest.raises(RecordingRefusedError) as caught:
            await made.start("old", "lesson-9")
        assert caught.value.code in {"room", "deleted"}
        await peer.close()


async def test_what_a_former_process_left_is_finished_when_told_or_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.relay.recording.recorder.ORPHAN_S", 0.3)
    async with relay() as (endpoint, _):
        endpoint.put_room("lesson-1", {})
        async with recorder(endpoint, tmp_path) as made:
            peer, _session = await publish(endpoint, "lesson-1")
            await made.start("lesson-1", "lesson-1")
            await wait_recorded(made, "lesson-1", 1.0)
        async with recorder(endpoint, tmp_path) as made:  # nobody asks again
            saved = await wait_state(made, "lesson-1", State.SAVED)
            assert saved["ended_at"] is not None
        await peer.close()


# ---------------------------------------------------------------------------- kill -9


async def _client_publish(url: str) -> Any:
    """An aiortc camera that speaks WHIP."""
    peer = connection()
    peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
    peer.addTransceiver(MovingSquare(), direction="sendonly")
    await peer.setLocalDescription(await peer.createOffer())
    async with (
        ClientSession() as http,
        http.post(
            url, data=peer.localDescription.sdp, headers={"Content-Type": "application/sdp"}
        ) as response,
    ):
        assert response.status == 201
        answer = await response.text()
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    return peer


async def _control(path: object, method: str, address: str, body: Any = None) -> dict[str, Any]:
    async with (
        ClientSession(base_url="http://relay", connector=UnixConnector(str(path))) as http,
        http.request(method, address, json=body) as response,
    ):
        assert response.status == 200, await response.text()
        return dict(await response.json())


async def _taken(control: object, life: int, wanted_s: float) -> float:
    """Seconds of media that the recorder has of this life's file, once they are enough; else 0."""
    (source,) = (await _control(control, "GET", "/recordings/lesson-1"))["sources"] or [{}]
    found = source.get("segments", [])
    taken_s = float(found[life]["duration_s"]) if len(found) > life else 0.0
    return taken_s if taken_s >= wanted_s else 0.0


async def test_killed_at_random_moments_the_file_plays_to_within_two_seconds(
    tmp_path: Path,
) -> None:
    """Three lives of one recording, each ended by SIGKILL; then it is finished."""
    randomness = random.Random(9)
    chosen = settings(
        tmp_path, open_mode=True, recording_dir=tmp_path / "recordings", recording_min_free_mb=0
    )
    folder = tmp_path / "recordings" / "lesson-1"
    for life in range(3):
        with relay_child(chosen) as child:
            assert child.report is not None
            ready = child.report["ready"]
            peer = await _client_publish(f"http://127.0.0.1:{ready['http_port']}/whip/lesson-1")
            asked = time.monotonic()
            body = {"room": "lesson-1"}
            status = await _control(chosen.control, "PUT", "/recordings/lesson-1", body)
            assert status["state"] == "recording"
            wanted_s = 2.1 + 1.4 * randomness.random()
            told_s = await until(lambda n=life, s=wanted_s: _taken(chosen.control, n, s))
            child.process.send_signal(signal.SIGKILL)
            child.process.wait()
            await peer.close()
        path = folder / f"01-camera-{life + 1:04d}.mp4"
        path = path if path.exists() else path.with_suffix(".webm")
        found = items(path)
        length = max(item.at_s for item in found)
        assert told_s - 2.0 <= length <= time.monotonic() - asked
        pictures = [item for item in found if item.kind == "video"]
        assert len(list(decoded(path))) == len(pictures) > 0
    with relay_child(chosen):
        assert (await _control(chosen.control, "POST", "/recordings/lesson-1/stop"))[
            "state"
        ] == "finishing"
        async with asyncio.timeout(PATIENCE_S):
            while (saved := await _control(chosen.control, "GET", "/recordings/lesson-1"))[
                "state"
            ] != "saved":
                await asyncio.sleep(0.05)
    (camera,) = saved["sources"]
    assert [segment["closed"] for segment in camera["segments"]] == [False] * 3
    (file,) = camera["files"]
    assert [gap[0] for gap in file["gaps"] if gap[0] == "all"] == ["all", "all"]
    assert len(list(decoded(folder / file["name"]))) > 30
