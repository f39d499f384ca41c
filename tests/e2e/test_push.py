"""A push reaches a classroom over a line that breaks, and is seen with the server away."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from sync_classroom.domain.facts import PushProgress
from sync_classroom.domain.ids import PushId
from sync_classroom.store.database import open_store
from tests.support.browser import launch, page_problems
from tests.support.classrooms import Town, town
from tests.support.recordings import finished
from tests.support.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

ROOM = "far-1-r1"
SLOW_MS = PATIENCE_S * 1000
#: Of a file that takes a dozen seconds at this pace, which is time enough to break the line twice.
PUSH_KBPS = 2_500
PADDING = 4_000_000


def film(folder: Path) -> bytes:
    """A video of some seconds in a file of some megabytes."""
    path = finished(folder / "补课.mp4", seconds=4)
    # A box that says nothing (14496-12 8.1.2).
    return path.read_bytes() + struct.pack(">I4s", PADDING + 8, b"free") + os.urandom(PADDING)


async def put(school: Town, data: bytes) -> str:
    """Upload a file and take it in; the resource's id."""
    tus = {"Tus-Resumable": "1.0.0", "Origin": school.url}
    named = base64.b64encode("补课.mp4".encode()).decode()
    announced = {**tus, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {named}"}
    uploads = school.url + "/api/library/uploads"
    async with school.http.post(uploads, headers=announced) as answer:
        assert answer.status == 201, await answer.text()
        address = answer.headers["Location"]
    piece = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    body = io.BytesIO(data)
    async with school.http.patch(school.url + address, headers=piece, data=body) as answer:
        assert answer.status == 204, await answer.text()
    wish = {"upload": address.rpartition("/")[2], "title": "三年级英语补课"}
    made = await school.admin.post("/api/library", wish, headers={"Idempotency-Key": "film"})
    return str(made["id"])


async def give(school: Town, resource: str) -> str:
    """Push it to the room; the order's id."""
    form = {"resource": resource, "classrooms": ROOM, "reason": "缺课补推", "when": "now",
            "key": "0" * 32, "what": "send"}  # fmt: skip
    async with school.http.post(
        school.url + "/pushes/new", data=form, headers={"Origin": school.url},
        allow_redirects=False,
    ) as answer:  # fmt: skip
        assert answer.status == 303, await answer.text()
        return answer.headers["Location"].partition("?")[0].rpartition("/")[2]


async def percent(room: Page, least: int) -> int:
    """Wait until so much of the file is on the device's disk."""

    async def enough() -> int | None:
        shown = await room.locator(".pushes .state").inner_text()
        digits = "".join(c for c in shown if c.isdigit())
        return int(digits) if digits and int(digits) >= least else None

    return await until(enough, within_s=PATIENCE_S)


async def reach(school: Town) -> dict[str, Any]:
    """The coverage figures of pushes."""
    today = (datetime.now(UTC) + timedelta(hours=8)).date().isoformat()
    told = await school.admin.get(f"/api/coverage?from={today}&to={today}")
    return {name: value for name, value in told["totals"].items() if name.startswith("push_")}


async def test_a_push_over_two_breaks_is_seen_with_the_server_away_and_counts(
    tmp_path: Path,
) -> None:
    data = film(tmp_path)
    async with town(tmp_path, push_kbps=PUSH_KBPS) as school, launch() as browser:
        room = await school.terminal(browser, ROOM)
        kept = "async () => (await (await caches.open('terminal-shell')).keys()).length > 10"
        await room.wait_for_function(kept)
        push = await give(school, await put(school, data))
        await room.reload()  # a page asks for its pushes as it finds its server
        await room.click("#inbox-open", timeout=SLOW_MS)
        before = 0
        for least in (10, 40):
            before = await percent(room, max(least, before + 1))
            assert before < 95
            school.kill_coordinator()
            await room.wait_for_selector("[data-banner=offline]", timeout=SLOW_MS)
            await school.restart()
        await room.wait_for_selector(".pushes [data-state=new]", timeout=SLOW_MS)

        async def delivered() -> bool:
            return bool((await reach(school))["push_delivered"])

        await until(delivered, within_s=PATIENCE_S)
        school.kill_coordinator()
        # The classroom is switched on again with nobody to ask.
        await room.reload()
        await room.click("#inbox-open", timeout=SLOW_MS)
        await room.click(".pushes button")
        await room.wait_for_function(
            "() => document.querySelector('.player video')?.ended", timeout=SLOW_MS
        )
        width = await room.locator(".player video").evaluate("video => video.videoWidth")
        assert width == 320
        await room.wait_for_selector("#push-complete", state="hidden")
        assert "已看完" in await room.locator("#push-seen").inner_text()
        await school.restart()

        async def completed() -> bool:
            figures = await reach(school)
            return bool(figures["push_completed"])

        await until(completed, within_s=PATIENCE_S)
        figures = await reach(school)
        assert figures["push_addressed"] == 1
        assert page_problems(room) == []
        await room.context.close()
        await asyncio.to_thread(school.server.stop)
        store = await open_store("sqlite:///sync_classroom.db", data_dir=tmp_path)
        facts = await store.push_facts([PushId(push)])
        [copy] = await store.copies_of(PushId(push))
        await store.close()
        # Each step once, although it was said more than once.
        steps = [f.step.value for f in facts if isinstance(f, PushProgress)]
        assert sorted(steps) == ["push_completed", "push_delivered", "push_opened"]
        assert copy.bytes == len(data)
        assert 3 <= copy.watched_s <= 4
