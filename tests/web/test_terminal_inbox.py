"""The terminal's inbox in a real browser: quiet hours, room on the disk, bytes that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from sync_classroom.coordinator.push_files import ANY_TIME, LineOptions
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import ClassroomId, PushId, SchoolId
from sync_classroom.domain.push_copies import Copy, CopyState, Failure
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from tests.support.browser import launch, open_page, page_problems
from tests.support.library import PDF
from tests.support.pages import office
from tests.support.ports import free_port
from tests.support.pushes import ROOM, pushed
from tests.support.school_cache import school_cache
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import Site

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]
SLOW_MS = PATIENCE_S * 1000
SCHOOL = SchoolId("remote-1")


async def terminal(served: Site, browser: Browser) -> Page:
    """The room's own page, enrolled, with its list of pushes open."""
    code, _ = await served.services.enrolment.make_code(ClassroomId(ROOM), actor="test")
    page = await open_page(browser)
    await page.goto(served.url + "/terminal")
    await page.fill("#code", code)
    await page.keyboard.press("Enter")
    await page.click("#inbox-open", timeout=SLOW_MS)
    return page


def entry(push: PushId, state: str) -> str:
    return f'.pushes [data-push="{push}.t1"][data-state={state}]'


async def said(served: Site, push: PushId, state: CopyState) -> Copy:
    """Wait until the server was told of this state."""

    async def there() -> Copy | None:
        return next((c for c in await served.store.copies_of(push) if c.state is state), None)

    return await until(there, within_s=PATIENCE_S)


async def test_what_is_opened_makes_room_for_what_comes_and_the_server_is_told(
    tmp_path: Path,
) -> None:
    lines = LineOptions(ANY_TIME, len(PDF) + 1000)
    async with office(tmp_path, lines=lines) as served, launch() as browser:
        first = await pushed(served)
        page = await terminal(served, browser)
        await page.wait_for_selector(entry(first.id, "new"), timeout=SLOW_MS)
        await said(served, first.id, CopyState.KEPT)
        await page.click(".pushes button")
        await page.click("#push-complete")
        await page.click("#inbox-back")  # a document's viewer may have the keys
        await page.wait_for_selector(entry(first.id, "completed"))
        # The page asked when it came, and now because it is told to.
        second = await pushed(served, key="other")
        await page.wait_for_selector(entry(second.id, "new"), timeout=SLOW_MS)
        await page.wait_for_selector(entry(first.id, "evicted"))
        gone = await said(served, first.id, CopyState.EVICTED)
        assert (gone.bytes, gone.failure) == (0, None)
        # What was seen stays seen.
        facts = await served.store.push_facts([first.id])
        assert len(facts) == 3
        await page.keyboard.press("Escape")
        await page.wait_for_selector("html[data-screen=lobby]")
        assert "1" in await page.locator("#inbox-open[data-fresh]").inner_text()
        assert page_problems(page) == []


async def test_outside_quiet_hours_a_push_waits_until_somebody_asks(tmp_path: Path) -> None:
    night = LineOptions(Lines(Line((parse_hours("17:00-07:30"),), 0)))
    async with office(tmp_path, lines=night) as served, launch() as browser:
        order = await pushed(served)
        page = await terminal(served, browser)
        await page.wait_for_selector(entry(order.id, "waiting"))
        assert await served.store.copies_of(order.id) == []
        await page.click(".pushes button")
        await page.wait_for_selector(entry(order.id, "new"), timeout=SLOW_MS)
        await said(served, order.id, CopyState.KEPT)


async def test_bytes_that_are_not_the_servers_are_never_shown(tmp_path: Path) -> None:
    async with office(tmp_path) as served, launch() as browser:
        order = await pushed(served)
        for path in (tmp_path / "library" / "files").iterdir():
            path.write_bytes(PDF[:-1] + b"!")
        page = await terminal(served, browser)
        await page.wait_for_selector(entry(order.id, "failed"), timeout=SLOW_MS)
        copy = await said(served, order.id, CopyState.FAILED)
        assert copy.failure is Failure.HASH
        assert await served.store.push_facts([order.id]) == []


async def test_a_file_larger_than_the_device_may_keep_is_not_fetched(tmp_path: Path) -> None:
    async with office(tmp_path, lines=LineOptions(ANY_TIME, 100)) as served, launch() as browser:
        order = await pushed(served)
        page = await terminal(served, browser)
        await page.wait_for_selector(entry(order.id, "failed"), timeout=SLOW_MS)
        copy = await said(served, order.id, CopyState.FAILED)
        assert (copy.failure, copy.bytes) == (Failure.TOO_LARGE, 0)


async def test_a_reminder_stands_on_the_first_screen_until_it_is_opened(tmp_path: Path) -> None:
    async with office(tmp_path) as served, launch() as browser:
        order = await pushed(served)
        await served.services.pushes.remind(order.id, user=served.users[Role.ADMIN])
        page = await terminal(served, browser)
        await page.wait_for_selector(entry(order.id, "new"), timeout=SLOW_MS)
        assert "已提醒，请打开看" in await page.locator(".pushes .detail").inner_text()
        await page.click("#inbox-back")
        assert "提醒：1 个推送还没打开" in await page.locator("#inbox-open").inner_text()
        await page.click("#inbox-open")
        await page.click(".pushes button")
        await page.click("#inbox-back")
        await page.wait_for_selector(entry(order.id, "opened"))
        assert await page.locator(".pushes [data-reminded]").count() == 0
        await page.click("#inbox-back")
        assert "推送 1 个" in await page.locator("#inbox-open").inner_text()


async def test_in_english_dates_quotes_and_names_are_as_english_has_them(tmp_path: Path) -> None:
    async with office(tmp_path) as served, launch() as browser:
        order = await pushed(served)
        page = await terminal(served, browser)
        await page.wait_for_selector(entry(order.id, "new"), timeout=SLOW_MS)
        assert await page.locator(".pushes button").get_attribute("aria-label") == "打开：标题"
        await page.click(".head .language")
        await page.wait_for_selector("html[lang=en]")
        assert await page.locator(".pushes button").get_attribute("aria-label") == "Open: 标题"
        # 1/12 could be read the other way round.
        assert "Mon 23 Nov" in await page.locator(".head .date").inner_text()
        hours = page.locator(".shelf .hint")
        assert "school’s" in await hours.inner_text()
        wide = "node => getComputedStyle(node).fontVariantEastAsian"
        assert await hours.evaluate(wide) == "proportional-width"
        # A size is not broken between number and unit.
        detail = await page.locator(".pushes .detail").text_content()
        assert str(detail).endswith("66\u00a0kB")


async def test_a_speed_shows_its_whole_frame_when_it_has_the_keys(tmp_path: Path) -> None:
    async with office(tmp_path) as served, launch() as browser:
        page = await open_page(browser)
        await page.goto(served.url + "/terminal")
        buttons = "<button>1×</button><button>2×</button>"
        made = f'<section class="missed"><div class="speeds">{buttons}</div></section>'
        await page.evaluate("html => document.body.insertAdjacentHTML('afterbegin', html)", made)
        await page.keyboard.press("Tab")  # from now on the keys are used
        await page.focus("body > .missed button")
        over = "all => all.map((button) => getComputedStyle(button).zIndex)"
        shown = await page.locator("body > .missed button").evaluate_all(over)
        assert shown == ["1", "auto"]


async def test_a_school_s_cache_is_asked_first_and_the_server_while_that_is_away(
    tmp_path: Path,
) -> None:
    port = free_port()
    lines = Lines(ANY_TIME.general, caches={SCHOOL: f"http://127.0.0.1:{port}"})
    async with office(tmp_path, lines=LineOptions(lines)) as served, launch() as browser:
        files, first = served.services.push_files, await pushed(served)
        async with school_cache(tmp_path / "cache", port, served.url):
            page = await terminal(served, browser)
            await page.wait_for_selector(entry(first.id, "new"), timeout=SLOW_MS)
            second = await pushed(served, key="other")
            await page.wait_for_selector(entry(second.id, "new"), timeout=SLOW_MS)
        third = await pushed(served, key="third", data=PDF + b"another")
        await page.wait_for_selector(entry(third.id, "new"), timeout=SLOW_MS)
        await files.write_carried()
        size = len(PDF)
        # The second is the same file, which the cache has.
        assert await files.carried(first) == {SCHOOL: (size, 0)}
        assert await files.carried(second) == {}
        assert await files.carried(third) == {SCHOOL: (0, size + 7)}
        answered = await served.ask("GET", "/terminal")
        assert f":{port}" not in answered.headers["Content-Security-Policy"]
