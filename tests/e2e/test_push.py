"""Pushes reach three classrooms of two schools over lines that break, and are seen with the server
away; a classroom that missed a lesson gets its recording by itself."""

from __future__ import annotations

import asyncio
import io
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Page

from sync_classroom.domain.facts import PushProgress
from sync_classroom.domain.ids import PushId
from sync_classroom.relay.recording.page_pack import append
from sync_classroom.simulator.recording import load_recording, make_recording
from sync_classroom.simulator.terminal import VirtualTerminal
from sync_classroom.store.database import open_store
from tests.e2e.test_lesson_documents import sees
from tests.support.browser import launch, page_problems
from tests.support.classrooms import Town, town
from tests.support.documents import GREEN, RED, png
from tests.support.ports import free_port
from tests.support.processes import ZONE
from tests.support.recordings import finished
from tests.support.school_cache import school_cache
from tests.support.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

#: The first two share a cache in their school, which the third has not.
ROOMS = ("far-1-r1", "far-1-r2", "far-2-r1")
#: Switched off during the lesson.
ABSENT = "far-2-r2"
SLOW_MS = PATIENCE_S * 1000
#: Of a file that takes a dozen seconds at this pace, which is time enough to break the line twice.
PUSH_KBPS = 2_500
PADDING = 4_000_000
LESSON_S = 60
#: The lesson has ended, grace and all; and its evidence is in.
OVER_S, SETTLED_S = 600, 1200
KEPT = "async () => (await (await caches.open('terminal-shell')).keys()).length > 10"


def film(folder: Path) -> Path:
    """A video of some seconds, with two pages that were shown, in a file of some megabytes."""
    path = finished(folder / "补课.mp4", seconds=4)
    with path.open("ab") as file:  # a box that says nothing (14496-12 8.1.2)
        file.write(struct.pack(">I4s", PADDING + 8, b"free") + os.urandom(PADDING))
    pages = []
    for number, colour in enumerate((RED, GREEN), 1):
        picture = folder / f"{number}.webp"
        with Image.open(io.BytesIO(png((320, 180), colour))) as image:
            image.save(picture, lossless=True)
        pages.append({
            "from_s": 2 * number - 2, "to_s": 2 * number, "name": "课件.pdf", "page": number,
            "pages": 2, "width": 320, "height": 180, "type": "image/webp", "picture": str(picture),
        })  # fmt: skip
    append(path, pages, mp4=True, from_s=0, to_s=4)
    return path


@asynccontextmanager
async def teaching(school: Town, folder: Path) -> AsyncIterator[str]:
    """A lesson that a virtual host gives, and that nobody attends; its id."""
    path = folder / "camera.mkv"
    await asyncio.to_thread(make_recording, path, seconds=4, width=320, height=180)
    recording = await asyncio.to_thread(load_recording, path)
    token = await school.admin.enrol("host-1-r1", "主讲")
    lesson = await school.plan(starts_in_s=0, lasts_s=LESSON_S, seats=(ABSENT,))
    host = VirtualTerminal(school.http, school.url, token, name="主讲", recording=recording)
    task = asyncio.create_task(host.run())
    try:
        yield lesson
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def state(school: Town, lesson: str, wanted: str) -> None:
    """Wait until the lesson is so."""

    async def there() -> bool:
        return bool((await school.lesson(lesson))["state"] == wanted)

    await until(there, within_s=PATIENCE_S)


async def percent(room: Page, least: int) -> int:
    """Wait until so much of the file is on the device's disk."""

    async def enough() -> int | None:
        shown = await room.locator(".pushes .state").inner_text()
        digits = "".join(c for c in shown if c.isdigit())
        return int(digits) if digits and int(digits) >= least else None

    return await until(enough, within_s=PATIENCE_S)


async def figure(school: Town, name: str, wanted: int) -> None:
    """Wait until the coverage figure of pushes is so."""
    today = datetime.now(ZONE).date()
    days = f"from={today}&to={today + timedelta(days=1)}"

    async def so() -> bool:
        told: dict[str, Any] = await school.admin.get(f"/api/coverage?{days}")
        return bool(told["totals"][name] == wanted)

    await until(so, within_s=PATIENCE_S)


async def watched_offline(room: Page) -> None:
    """The classroom is switched on again with nobody to ask, and sees it to the end."""
    await room.reload()
    await room.click("#inbox-open", timeout=SLOW_MS)
    await room.click(".pushes button")
    await room.wait_for_function(
        "() => document.querySelector('.player video')?.ended", timeout=SLOW_MS
    )
    width = await room.locator(".player video").evaluate("video => video.videoWidth")
    assert width == 320
    # The pages are in the file, and follow a person who looks again.
    assert await room.locator(".player .page-beside").is_hidden()
    for seconds, colour in ((3, GREEN), (1, RED)):
        await room.evaluate(f"document.querySelector('.player video').currentTime = {seconds}")
        await sees(room, colour, ".player .page-beside img")
    await room.wait_for_selector("#push-complete", state="hidden")
    assert "已看完" in await room.locator("#push-seen").inner_text()


async def test_pushes_over_two_breaks_are_seen_with_the_server_away_and_lessons_are_made_up(
    tmp_path: Path,
) -> None:
    path, port = film(tmp_path), free_port()
    caches = {"far-1": f"http://127.0.0.1:{port}"}
    async with (
        town(tmp_path, push_kbps=PUSH_KBPS, push_caches=caches) as school,
        school_cache(tmp_path / "cache", port, school.url),
        launch() as browser,
    ):
        async with teaching(school, tmp_path) as lesson:
            rooms = [await school.terminal(browser, room) for room in ROOMS]
            for room in rooms:
                await room.wait_for_function(KEPT)
            resource = await school.admin.add_resource(path, "三年级英语补课", "英语")
            push = await school.admin.push(resource, ROOMS, "缺课补推")
            for room in rooms:
                await room.click("#inbox-open", timeout=SLOW_MS)
            await state(school, lesson, "live")
            before = 0
            for least, ahead_s in ((10, OVER_S), (40, OVER_S)):
                for room in rooms:
                    before = await percent(room, least)
                    assert before < 95
                school.kill_coordinator()
                for room in rooms:
                    await room.wait_for_selector("[data-banner=offline]", timeout=SLOW_MS)
                await school.restart(ahead_s=ahead_s)
            for room in rooms:
                await room.wait_for_selector(".pushes [data-state=new]", timeout=SLOW_MS)
            await figure(school, "push_delivered", 3)
            await state(school, lesson, "ended")
        school.kill_coordinator()
        await asyncio.gather(*(watched_offline(room) for room in rooms))
        await school.restart(ahead_s=SETTLED_S)
        await figure(school, "push_completed", 3)
        # The rule gives its own order as soon as somebody leads; the room was away meanwhile.
        absent = await school.terminal(browser, ABSENT)
        await absent.click("#inbox-open", timeout=SLOW_MS)
        await absent.wait_for_selector(".pushes [data-state=new]", timeout=SLOW_MS)
        assert "课堂录像" in await absent.locator(".pushes").inner_text()
        await absent.click(".pushes button")
        await absent.wait_for_function(
            "() => document.querySelector('.player video')?.currentTime > 1", timeout=SLOW_MS
        )
        await figure(school, "push_addressed", 4)
        for room in rooms:
            assert page_problems(room) == []
            await room.context.close()
        await asyncio.to_thread(school.server.stop)
    await look_into_the_store(tmp_path, PushId(push), path.stat().st_size)


async def look_into_the_store(folder: Path, push: PushId, size: int) -> None:
    """What the rooms said, and what went over their lines."""
    store = await open_store("sqlite:///sync_classroom.db", data_dir=folder)
    facts = await store.push_facts([push])
    copies = await store.copies_of(push)
    lines = {(c.school, c.cached) for c in await store.carried_of(push)}
    await store.close()
    # Each step of each room once, although it was said more than once.
    steps = [(f.target, f.step.value) for f in facts if isinstance(f, PushProgress)]
    assert sorted(steps) == [
        (target, step)
        for target in ("t1", "t2", "t3")
        for step in ("push_completed", "push_delivered", "push_opened")
    ]
    for copy in copies:
        assert copy.bytes == size
        assert 3 <= copy.watched_s <= 4
    assert ("far-1", True) in lines
    assert ("far-2", False) in lines
    assert ("far-2", True) not in lines
