"""Recording hosts of real rooms: real RTSP, RTMP and files, real processes really killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.coordinator.ports import IngestStatus, Layout, RoomSpec
from sync_classroom.relay.settings import Listen
from tests.support.gstreamer import rtmp_push, rtsp_server, whip_client
from tests.support.hosts import TONE_HZ, loudest_hz, make
from tests.support.ports import free_port
from tests.support.relays import RunningRelay, relay, scrape
from tests.support.sdp_offers import PUBLISH
from tests.support.waiting import PATIENCE_S
from tests.support.whep_viewer import WhepViewer, watching

pytestmark = pytest.mark.asyncio

ROOM = "lesson-1"
KEY = "k" * 20


async def ingest(running: RunningRelay) -> IngestStatus:
    (found,) = (await running.control.status(ROOM)).ingests
    return found


async def reached(running: RunningRelay, **wanted: Any) -> IngestStatus:
    """The room's ingest once it is as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await ingest(running)
            if all(getattr(found, name) == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.05)


async def put(running: RunningRelay, source: str | None) -> None:
    layouts = {"*": Layout(audio=("camera",), video=("camera",))}
    await running.control.put_room(RoomSpec(ROOM, layouts, source))


def watch(running: RunningRelay) -> Any:
    token = running.token("subscribe", ROOM, "seat-1")
    return watching(running.http, f"{running.url}/whep/{ROOM}", token=token)


def workers() -> list[int]:
    """Process ids of ingest workers below us."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            command = (entry / "cmdline").read_bytes()
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"ingest_worker" in command and parent == os.getpid():
                found.append(int(entry.name))
    return found


def heard_hz(viewer: WhepViewer) -> int:
    samples: list[int] = []
    for _, frame in viewer.sounds[-50:]:
        samples += memoryview(frame.planes[0]).cast("h")[::2][: frame.samples]
    return loudest_hz(samples, 48000)


async def test_an_rtsp_host_is_the_rooms_camera_and_comes_back(tmp_path: Path) -> None:
    port = free_port()
    async with relay(tmp_path) as running:
        with rtsp_server("--user", "admin:s3cret", port=port) as host:
            await put(running, host.url.replace("//", "//admin:s3cret@"))
            found = await reached(running, state="live")
            assert (found.source, found.width, found.height, found.audio) == (
                f"rtsp://127.0.0.1:{port}/main",
                320,
                240,
                "aac",
            )
            async with watch(running) as viewer:
                await viewer.wait(video=40, audio=80)
                assert heard_hz(viewer) == 1000
            publisher = next(
                p for p in (await running.control.status(ROOM)).peers if p.direction == "publish"
            )
            assert (publisher.peer, publisher.source, publisher.connected) == (
                "host",
                "camera",
                True,
            )
        await reached(running, state="failed")
        with rtsp_server("--user", "admin:s3cret", port=port):
            await reached(running, state="live", restarts=0)
            async with watch(running) as viewer:
                await viewer.wait(video=20, audio=20)
        metrics = await scrape(running.settings.control or Path())
        assert 'sync_classroom_relay_ingests{state="' in metrics
        assert "sync_classroom_relay_ingest_failures_total 0" not in metrics
    records = "".join(p.read_text("utf-8") for p in (tmp_path / "journal").glob("*.ndjson"))
    assert '"source":"camera"' in records.replace(": ", ":")
    assert "s3cret" not in records


async def test_a_host_that_hangs_is_opened_again(tmp_path: Path) -> None:
    with rtsp_server() as host:
        async with relay(tmp_path) as running:
            await put(running, host.url)
            await reached(running, state="live")
            host.hang()
            await reached(running, state="failed", reason="stalled")


async def test_a_push_needs_its_key_and_is_seen_and_heard(tmp_path: Path) -> None:
    port = free_port()
    async with relay(tmp_path, ingest_rtmp=Listen("127.0.0.1", port)) as running:
        await put(running, f"push:{KEY}")
        await reached(running, state="failed", reason="waiting")
        with rtmp_push(f"rtmp://127.0.0.1:{port}/live/{'x' * 20}") as stranger:
            assert await asyncio.to_thread(stranger.wait, 20) != 0
        with rtmp_push(f"rtmp://127.0.0.1:{port}/live/{KEY}"):
            found = await reached(running, state="live")
            assert found.source == "push:…"
            async with watch(running) as viewer:
                await viewer.wait(video=40, audio=80)
                assert heard_hz(viewer) == TONE_HZ
        await reached(running, state="failed")
        with rtmp_push(f"rtmp://127.0.0.1:{port}/live/{KEY}"):
            await reached(running, state="live")


async def test_a_push_may_come_by_whip_with_its_key_as_token(tmp_path: Path) -> None:
    async with relay(tmp_path, media=Listen("0.0.0.0", 0)) as running:
        url = f"{running.url}/whip/push"

        async def post(key: str) -> tuple[int, dict[str, Any], str]:
            headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {key}"}
            async with running.http.post(url, data=PUBLISH, headers=headers) as response:
                text = await response.text()
                body = json.loads(text) if response.status != 201 else {}
                return response.status, body, response.headers.get("Location", "")

        assert (await post(KEY))[0] == 401  # no lesson is open
        await put(running, f"push:{KEY}")
        assert (await ingest(running)).reason == "waiting"
        status, body, _ = await post("x" * 20)
        assert (status, body["code"]) == (401, "stream_key_unknown")
        async with whip_client(tmp_path, url, KEY, "H264"):
            await reached(running, state="live")
            async with watch(running) as viewer:
                await viewer.wait(video=40, audio=80)
            (publisher,) = [
                p for p in (await running.control.status(ROOM)).peers if p.direction == "publish"
            ]
            assert (publisher.room, publisher.source) == (ROOM, "camera")
        await reached(running, state="failed", reason="waiting")
        first, second = await post(KEY), await post(KEY)
        assert (first[0], second[0]) == (201, 201)  # a host that comes again replaces itself
        assert (await ingest(running)).state == "live"
        assert second[2].startswith("/whip/push/")
        gone = {"Authorization": f"Bearer {KEY}"}
        async with running.http.delete(running.url + second[2], headers=gone) as response:
            assert response.status == 200
        await reached(running, state="failed", reason="waiting")


async def test_a_killed_or_stopped_worker_is_replaced(tmp_path: Path) -> None:
    make(tmp_path / "lesson.mp4", seconds=2)
    async with relay(tmp_path, ingest_folder=tmp_path) as running:
        await put(running, "file:lesson.mp4")
        await reached(running, state="live", restarts=0)
        (pid,) = workers()
        os.kill(pid, signal.SIGKILL)
        await reached(running, state="live", restarts=1)
        async with watch(running) as viewer:
            await viewer.wait(video=20, audio=20)
        assert [p for p in workers() if p != pid]
    assert workers() == []


async def test_a_live_host_keeps_the_camera_and_a_failed_one_lends_it(tmp_path: Path) -> None:
    make(tmp_path / "lesson.mp4", seconds=2)
    headers = {"Content-Type": "application/sdp"}
    async with relay(tmp_path, ingest_folder=tmp_path) as running:
        headers["Authorization"] = (
            f"Bearer {running.token('publish', ROOM, 'host', source='camera')}"
        )

        async def terminal() -> tuple[int, str | None]:
            async with running.http.post(
                f"{running.url}/whip/{ROOM}", data=PUBLISH, headers=headers
            ) as response:
                return response.status, response.headers.get("Retry-After")

        await put(running, "file:none.mp4")
        await reached(running, state="failed", reason="not_found")
        assert await terminal() == (201, None)
        await put(running, "file:lesson.mp4")
        await reached(running, state="live")
        assert await terminal() == (409, "3")
        peers = (await running.control.status(ROOM)).peers
        assert [p.source for p in peers] == ["camera"]  # the terminal's has been replaced
        await put(running, None)
        assert (await running.control.status(ROOM)).ingests == ()
        assert await terminal() == (201, None)


async def test_an_ingest_goes_with_its_room(tmp_path: Path) -> None:
    make(tmp_path / "lesson.mp4", seconds=2)
    async with relay(tmp_path, ingest_folder=tmp_path) as running:
        await put(running, "file:lesson.mp4")
        await put(running, "file:lesson.mp4")  # the same again changes nothing
        await reached(running, state="live")
        assert len(workers()) == 1
        await running.control.delete_room(ROOM)
        assert (await running.control.status()).ingests == ()
        async with asyncio.timeout(PATIENCE_S):
            while workers():
                await asyncio.sleep(0.02)
