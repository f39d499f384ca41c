"""A lesson whose host is a recording host (录播主机): nobody presses anything, and it is live."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.simulator.swarm import Administrator, Mix, Swarm, make_terminals, open_http
from tests.support.gstreamer import need, rtsp_server
from tests.support.lesson import ROOMS
from tests.support.ports import free_port
from tests.support.processes import HOST, PASSWORD, Server
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio


async def told(
    admin: Administrator, lesson: str, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The lesson as the API tells it, once it is as wanted."""
    deadline = time.monotonic() + 40
    while not wanted(found := await admin.get(f"/api/lessons/{lesson}")):
        assert time.monotonic() < deadline, (
            found["state"],
            found["host"]["ingest"],
            found["host"]["media"],
        )
        await asyncio.sleep(0.1)
    return dict(found)


async def credited(server: Server, lesson: str) -> bool:
    """Whether the evidence has the host's picture, which is there once a sample has been read."""
    told = await asyncio.to_thread(server.command, "coverage", "--format", "json")
    seats = [s for s in json.loads(told)["seats"] if s["occurrence"] == lesson]
    return bool(seats) and all(seat["host_s"] > 5 for seat in seats)


async def test_a_recording_host_gives_the_lesson_by_itself(tmp_path: Path) -> None:
    need("GstRtspServer")
    port = free_port()
    url = f"rtsp://admin:s3cret@127.0.0.1:{port}/main"
    server = Server(tmp_path, SYNC_CLASSROOM_INGEST__SOURCES=json.dumps({HOST: url}))
    try:
        lesson = await asyncio.to_thread(server.start_with_lesson, ROOMS)
        async with open_http(server.url) as http:
            admin = await Administrator.sign_in(http, server.url, "admin", PASSWORD)
            tokens = {room: await admin.enrol(room, "virtual") for room in ROOMS}
            (seat, *_) = terminals = make_terminals(
                http, server.url, tokens, recording=None, thumbnail=None, mix=Mix(), seed=1
            )
            running = asyncio.create_task(Swarm(terminals).run(), name="swarm")
            try:
                found = await told(
                    admin, lesson, lambda one: (one["host"]["ingest"] or {}).get("reason")
                )
                assert found["host"]["ingest"] == {
                    "source": f"rtsp://127.0.0.1:{port}/main",
                    "state": "failed",
                    "reason": "unreachable",
                }
                assert found["state"] == "open"
                with rtsp_server("--user", "admin:s3cret", port=port):
                    found = await told(admin, lesson, lambda one: one["state"] == "live")
                    assert found["host"]["ingest"]["state"] == "live"
                    await until(lambda: seat.figures().packets > 200)
                    # What was given before the coordinator died goes on without it.
                    server.kill()
                    before = seat.figures().packets
                    await until(lambda: seat.figures().packets > before + 200)
                    await asyncio.to_thread(server.start)
                    found = await told(
                        admin, lesson, lambda one: (one["host"]["ingest"] or {}).get("state")
                    )
                    assert found["host"]["ingest"]["state"] == "live"
                await told(admin, lesson, lambda one: one["host"]["ingest"]["state"] == "failed")
                with rtsp_server("--user", "admin:s3cret", port=port):
                    await told(admin, lesson, lambda one: one["host"]["ingest"]["state"] == "live")
                    before = seat.figures().packets
                    await until(lambda: seat.figures().packets > before + 100)
                    async with asyncio.timeout(60):
                        while not await credited(server, lesson):
                            pass
            finally:
                running.cancel()
                await asyncio.wait({running})
    finally:
        await asyncio.to_thread(server.stop)
    assert await asyncio.to_thread(said, tmp_path, "s3cret") == []


def said(folder: Path, secret: str) -> list[Path]:
    """Logs and journals that hold the secret."""
    files = [*folder.rglob("*.log"), *folder.rglob("*.ndjson"), *folder.rglob("*.stderr")]
    assert files
    return [file for file in files if secret in file.read_text("utf-8", errors="replace")]
