"""The timetable on paper, as Chromium prints it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser

from sync_classroom.domain.edits import AddSeries
from tests.support import drafts
from tests.support.browser import open_page
from tests.support.coordination import TurnedClock
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.rosters import HOSTS, REMOTE_ROOMS
from tests.support.timetable_browser import (
    ROOM,
    editing,
    sign_in,
)
from tests.support.web import site

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_a_grid_prints_on_one_page_of_a4_with_its_names_whole(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path, ROOM) as (_served, page):
        pdf = await page.pdf(prefer_css_page_size=True, print_background=True)
        assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
        assert b"/MediaBox [0 0 841.91998 594.95996]" in pdf
        await page.emulate_media(media="print")
        assert not await page.is_visible(".tt-side")
        assert await page.is_visible(".tt-print-title")
        assert await page.locator(".tt-print-title").text_content() == (
            "a a-r1 · 第一学期 · 第 13 周 2026年11月23日–11月29日 · 草稿"
        )
        clock = page.locator(".r-period .tt-clock").first
        assert await clock.evaluate("e => e.innerText") == "08:10\n08:50"


async def test_all_rooms_of_the_programme_print_on_one_page_of_a4(
    browser: Browser, tmp_path: Path
) -> None:
    """48 remote rooms and the studios of two host schools, and which version it is."""
    store = await file_store(tmp_path, "rooms.db")
    known = drafts.roster()
    rooms = {
        i: r for i, r in known.classrooms.items() if r.school not in HOSTS or i.endswith("-r1")
    }
    try:
        await store.apply_roster(replace(known, classrooms=rooms))
        clock = TurnedClock(at("07:00", "2026-08-31"))
        async with site(tmp_path, store=store, clock=clock) as served:
            service, term = served.services.timetable, drafts.TERM.id
            every = tuple(drafts.seat(i) for i in rooms if i in REMOTE_ROOMS)
            rules = [AddSeries(drafts.rule(f"d{n}", n, 1, seats=every)) for n in range(1, 6)]
            answer = await service.edit(term, rules, seen=0, actor="admin", key="e")
            await service.publish(term, seen=answer.revision, note="开学", actor="admin", key="p")
            page = await open_page(browser)
            await sign_in(served, page)
            await page.goto(f"{served.url}/timetable?week=5&show=published")
            assert await page.locator("[data-room]").count() == 50
            assert await page.locator(".dot").count() == 5 * 49
            pdf = await page.pdf(prefer_css_page_size=True, print_background=True)
            assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") == 1
            title = await page.locator(".tt-print-title").text_content()
            assert title is not None
            assert title.endswith("第 1 版（8月31日 07:00 发布）")
    finally:
        await store.close()
