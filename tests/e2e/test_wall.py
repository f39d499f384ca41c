"""巡课 in real browsers: an administrator sees a lesson's rooms, and nobody and nothing knows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from sync_classroom.domain.facts import HostMedia, SeatMedia
from sync_classroom.domain.ids import OccurrenceId
from tests.support.browser import page_problems, wait_frames
from tests.support.classrooms import DATABASE, Town, town
from tests.support.databases import file_store
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
HOST, FIRST, SECOND = "host-1-r1", "far-1-r1", "far-2-r1"


@pytest_asyncio.fixture(loop_scope="module")
async def school(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        yield made


async def facts_of(school: Town, lesson: str) -> list[Any]:
    store = await file_store(Path(school.settings["data_dir"]), DATABASE)
    try:
        return list(await store.facts_of([OccurrenceId(lesson)]))
    finally:
        await store.close()


async def watched_by(school: Town, lesson: str, wanted: set[str]) -> None:
    """Wait until the relay has these watchers, by what their names begin with, and no others."""

    async def so() -> bool:
        peers = (await school.control.status(lesson)).peers
        names = {p.peer.rpartition(":")[0] for p in peers if p.last_media_s is not None}
        return {name for name in names if name.startswith("viewer:")} == wanted

    await until(so)


async def test_a_watcher_sees_every_room_and_leaves_no_trace(
    school: Town, browser: Browser
) -> None:
    lesson = await school.plan(starts_in_s=-30, host=HOST, seats=(FIRST, SECOND))
    host, first, second = [await school.terminal(browser, r) for r in (HOST, FIRST, SECOND)]
    await host.click("[data-action=start]")
    for room in (first, second):
        await wait_frames(room, "#teacher video", 5)
    before = await school.lesson(lesson)

    office = await school.office(browser, "/wall")
    tiles = office.locator(".wall-tile")
    await expect(tiles).to_have_count(3)
    for number in range(3):
        await wait_frames(office, f".wall-tile:nth-child({number + 1}) video", 5)
    # Nothing is said over a picture that is there.
    assert await office.locator(".wall-tile .instead:visible").count() == 0
    await watched_by(school, lesson, {"viewer:wall-0"})
    # Words change around the pictures, which stay where they are.
    await office.evaluate(
        "document.querySelectorAll('.wall-tile video').forEach((v) => { v.kept = 1; })"
    )
    await first.click("#more")
    await expect(tiles.nth(1)).to_contain_text("实到 43 人")
    assert await office.evaluate(
        "[...document.querySelectorAll('.wall-tile video')].every((v) => v.kept && !v.paused)"
    )

    await office.click(".wall-lesson h2 a")
    await office.wait_for_selector("#look")
    await wait_frames(office, "#look [data-source=camera] video", 5)
    await wait_frames(office, ".wall-tile:nth-child(2) video", 5)
    assert await office.evaluate("[...document.querySelectorAll('audio')].every((a) => a.muted)")
    await office.click("#look-sound")
    await office.wait_for_function(
        "[...document.querySelectorAll('audio')].length === 2"
        " && [...document.querySelectorAll('audio')].every((a) => !a.muted && !a.paused)"
    )
    await watched_by(school, lesson, {"viewer:wall-0", "viewer:look"})

    # The host's panel and the lesson say what they said before somebody looked.
    await expect(host.locator(".rooms h2").first).to_contain_text("2/2")
    await expect(host.locator(".rooms .tile")).to_have_count(2)
    during = await school.lesson(lesson)
    for told in (before, during):
        for seat in told["seats"]:
            seat.pop("present", None)
    assert [s["id"] for s in during["seats"]] == [s["id"] for s in before["seats"]]
    seats = {seat["id"] for seat in before["seats"]}

    async def proven() -> bool:
        found = {f.seat for f in await facts_of(school, lesson) if isinstance(f, SeatMedia)}
        return found >= seats

    await until(proven)
    while await host.get_attribute("html", "data-screen") == "host":
        await host.locator("#end").click()  # too soon or too late does not count
    await expect(office.locator("#live")).to_contain_text("这节课现在不在上")
    for page in (host, first, second, office):
        assert page_problems(page) == []
        await page.context.close()

    async def journalled() -> bool:
        status = await school.control.status(lesson)
        return not status.peers

    await until(journalled)
    # The relay accounts for every receiver, watchers too; none of that becomes evidence.
    page = await school.control.journal(None, 5000)
    assert {
        r["peer"].rpartition(":")[0] for r in page.records if "viewer:" in r.get("peer", "")
    } == {
        "viewer:wall-0",
        "viewer:look",
    }
    facts = await facts_of(school, lesson)
    assert {f.seat for f in facts if isinstance(f, SeatMedia)} == seats
    assert any(isinstance(f, HostMedia) for f in facts)
    assert "viewer" not in json.dumps([str(f) for f in facts])
    logged = (await school.admin.get("/api/accesses"))["entries"]
    assert sorted((e["actor"], e["what"], e["target"]) for e in logged) == [
        ("admin", "wall.look", lesson),
        ("admin", "wall.watch", lesson),
        ("admin", "wall.watch", lesson),
    ]
