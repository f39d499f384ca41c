"""The grid in a real browser: every move by keyboard, mouse and finger."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from sync_classroom.domain.edits import CancelLesson
from sync_classroom.domain.ids import OccurrenceId
from tests.support.browser import page_problems
from tests.support.timetable_browser import (
    ENGLISH,
    FOCUSED,
    HOST,
    ROOM,
    cell,
    editing,
    where,
)
from tests.support.timetable_pages import draft, edit, open_day
from tests.support.web import Site

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
# As drag.js has it: a finger that rests so long takes up what is under it.
REST_MS = 350


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_no_view_has_an_error_or_is_wider_than_the_screen(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with editing(browser, tmp_path, size=size) as (served, page):
        for path in (
            "/timetable?week=13", ROOM, HOST, "/timetable?show=pattern", "/timetable/versions",
            "/timetable?show=published&week=13", "/timetable/versions/1",
        ):  # fmt: skip
            answer = await page.goto(served.url + path)
            assert answer is not None
            assert answer.status == 200
            assert await page.evaluate("document.documentElement.scrollWidth") <= size[0], path
            assert page_problems(page, network=True) == [], path


async def test_arrow_keys_go_from_lesson_to_cell_and_past_days_and_pauses(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (_served, page):
        await page.focus(ENGLISH)
        for key, there in [
            ("ArrowUp", "2026-11-23 1"), ("ArrowRight", "2026-11-24 1"),
            ("ArrowRight", "odd-20261125"), ("ArrowDown", "2026-11-25 2"),
            ("ArrowDown", "2026-11-25 3"), ("ArrowLeft", "maths-20261124"),
            ("Home", "2026-11-23 3"), ("End", "2026-11-28 3"), ("ArrowRight", "2026-11-28 3"),
        ]:  # fmt: skip
            await page.keyboard.press(key)
            assert await page.evaluate(FOCUSED) == there, key
        # One thing of the grid can be reached by Tab, wherever one was last.
        assert await page.locator("[data-grid] [tabindex='0']").count() == 1


async def test_a_lesson_is_moved_by_keyboard_undone_and_done_again(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("ArrowDown")
        await expect(page.locator(cell("2026-11-23", 4))).to_have_class("cell today can aim")
        await page.keyboard.press("Enter")
        message = page.locator("#messages [data-said]")
        await expect(message).to_contain_text("已移到 周一 11/23 第 4 节 11:00，仅这一次")
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "11:00")
        await expect(page.locator("#tt-status")).to_contain_text("改动 2")
        await page.keyboard.press("z")
        await expect(page.locator("#tt-status")).to_contain_text("改动 1")
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "09:00")
        await page.keyboard.press("Shift+Z")
        await expect(page.locator("#tt-status")).to_contain_text("改动 2")
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "11:00")
        assert page_problems(page, network=True) == []


async def test_a_lesson_in_hand_goes_nowhere_on_escape(browser: Browser, tmp_path: Path) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press(" ")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Escape")
        assert await page.locator("td.can, td.cannot, td.aim").count() == 0
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "09:00")
        assert await page.evaluate(FOCUSED) == "english-20261123"


async def test_a_place_that_is_taken_says_why_and_can_be_insisted_on(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        message = page.locator("#messages [data-said]")
        await expect(message).to_contain_text("教师 host-1已有：数学，host-1")
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "09:00")
        await message.get_by_role("button", name="仍放这里").click()
        await expect(page.locator("#tt-status")).to_contain_text("检查 1")
        assert await where(served, "english-20261123") == (date(2026, 11, 24), "10:10")
        # A day off is no place, whatever one insists on.
        await page.focus("[data-lesson='odd-20261125']")
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Enter")
        await expect(message).to_contain_text("主讲校当天不上课")
        await expect(message.get_by_role("button")).to_have_count(0)


async def test_what_was_moved_once_can_be_moved_for_every_week(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="从本周起每周都这样").click()
        await expect(page.locator("#messages [data-said]")).to_have_text("从本周起每周都改了。")
        for day in ("2026-11-23", "2026-11-30", "2027-01-18"):
            lesson = f"english-{day.replace('-', '')}"
            assert (await where(served, lesson))[1] == "08:10", day
        assert (await where(served, "english-20261116"))[1] == "09:00"


async def test_a_lesson_is_dragged_and_what_is_not_free_is_grey(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path, ROOM) as (served, page):
        target = page.locator(cell("2026-11-27", 2))
        start = await page.locator(ENGLISH).bounding_box()
        end = await target.bounding_box()
        assert start is not None
        assert end is not None
        await page.mouse.move(start["x"] + 20, start["y"] + 10)
        await page.mouse.down()
        await page.mouse.move(start["x"] + 60, start["y"] + 40, steps=3)
        await page.wait_for_selector("td.can")
        await expect(page.locator(cell("2026-11-26", 1))).to_have_class("cell off cannot")
        await expect(page.locator(cell("2026-11-26", 1))).to_contain_text("主讲校当天不上课")
        await page.mouse.move(end["x"] + 30, end["y"] + 20, steps=4)
        await expect(page.locator(".tt-ghost")).to_contain_text("09:00–09:40 可以放这里。")
        await page.mouse.up()
        await expect(page.locator("#messages [data-said]")).to_contain_text("周五 11/27 第 2 节")
        assert await where(served, "english-20261123") == (date(2026, 11, 27), "09:00")
        # The click that ends a drag opens nothing.
        assert not await page.is_visible("#tt-editor")
        assert page_problems(page, network=True) == []


async def test_a_cell_of_a_remote_school_stands_for_the_hosts_period_nearest_to_it(
    browser: Browser,
    tmp_path: Path,
) -> None:
    async with editing(browser, tmp_path, ROOM) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.might")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        # Period 3 of school a begins at 10:00, the host's at 10:10.
        await expect(page.locator("#messages [data-said]")).to_contain_text("第 3 节 10:10")
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "10:10")


async def test_a_finger_that_rests_takes_up_a_lesson_and_one_that_moves_scrolls(
    browser: Browser,
    tmp_path: Path,
) -> None:
    async with editing(browser, tmp_path, has_touch=True) as (served, page):
        finger = await page.context.new_cdp_session(page)

        async def place(what: str) -> tuple[float, float]:
            box = await page.locator(what).bounding_box()
            assert box is not None
            return box["x"] + 20, box["y"] + 10

        async def touch(kind: str, x: float, y: float) -> None:
            points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
            await finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        carrying = "'carrying' in document.querySelector('.tt').dataset"
        await page.evaluate(
            "addEventListener('touchstart', (event) => { window.held = event.cancelable; })"
        )
        x, y = await place(ENGLISH)
        await touch("touchStart", x, y)
        await touch("touchMove", x, y + 50)
        await touch("touchEnd", 0, 0)
        assert not await page.evaluate(carrying)
        # It may have scrolled, so everything is looked for again; while it still does, a finger
        # only stops it.
        await touch("touchStart", *(await place(ENGLISH)))
        while not await page.evaluate("held"):
            await page.wait_for_timeout(2 * REST_MS)
            assert not await page.evaluate(carrying)
            await touch("touchEnd", 0, 0)
            await touch("touchStart", *(await place(ENGLISH)))
        await page.wait_for_selector(".tt[data-carrying] td.can")
        await touch("touchMove", *(await place(cell("2026-11-27", 1))))
        await expect(page.locator(cell("2026-11-27", 1))).to_have_class("cell can aim")
        await touch("touchEnd", 0, 0)
        await expect(page.locator("#messages [data-said]")).to_contain_text("周五 11/27 第 1 节")
        assert await where(served, "english-20261123") == (date(2026, 11, 27), "08:10")


async def test_a_clash_is_found_in_the_list_and_resolved_with_two_presses_of_enter(
    browser: Browser,
    tmp_path: Path,
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await edit(served, open_day(), by="li")
        await expect(page.locator("#tt-status [data-open='check']")).to_contain_text("1")
        await page.click("#tt-status [data-open='check']")
        await page.focus(".tt-blocks [data-free='english-20261123']")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[data-free-list] button:focus")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages [data-said]")).to_have_text("已移到选定的空位。 撤销")
        await expect(page.locator("#panel-check h3").first).not_to_contain_text("冲突")
        assert (await draft(served)).blocks == ()


async def shows_all(served: Site, page: Page) -> None:
    """Wait until the page is that of the draft as it is."""
    await page.wait_for_selector(f"[data-revision='{(await draft(served)).revision}']")


async def test_free_places_that_are_open_stay_open_while_somebody_else_edits(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await edit(served, open_day(), by="li")
        await shows_all(served, page)
        await page.click("#tt-status [data-open='check']")
        await page.focus(".tt-blocks [data-free='english-20261123']")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[data-free-list] button:focus")
        later = CancelLesson(OccurrenceId("maths-20261201"), "停电")
        await edit(served, later, by="li")
        await shows_all(served, page)
        await page.wait_for_selector("[data-free-list] button:focus")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages [data-said]")).to_have_text("已移到选定的空位。 撤销")
        assert (await draft(served)).blocks == ()


async def test_the_overview_moves_a_lesson_along_its_own_line(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path, "/timetable?week=13") as (served, page):
        await page.focus("tr[data-room='b-r1'] [data-lesson='english-20261123']")
        await page.keyboard.press("m")
        await page.wait_for_selector("tr[data-room='b-r1'] td.can")
        assert await page.locator("tr[data-room='a-r1'] td.can").count() == 0
        await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages [data-said]")).to_contain_text("第 1 节")
        assert await where(served, "english-20261123") == (date(2026, 11, 23), "08:10")
        await page.hover("tr[data-room='a-r1'] [data-lesson='maths-20261124'] >> nth=0")
        mark = "tr[data-room='a-r1'] [data-lesson='maths-20261124'] >> nth=0"
        title = await page.get_attribute(mark, "title")
        assert "10:10–10:50" in str(title)


async def test_the_picker_narrows_while_one_types_and_enter_goes_there(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (_served, page):
        search = page.locator("[data-picker-search]")
        await page.click("[data-picker] summary")
        await expect(search).to_be_focused()
        await page.keyboard.type("b-r")
        await expect(page.locator("[data-picker-item]:visible")).to_have_count(1)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/timetable?week=13&by=classroom&id=b-r1")
        await page.click("[data-picker] summary")
        await expect(search).to_be_focused()
        await page.keyboard.type("nobody")
        await expect(page.locator("[data-picker-none]")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(".tt-views")).to_be_hidden()


async def test_two_lessons_take_turns_when_one_is_put_on_the_other(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        message = page.locator("#messages [data-said]")
        await message.get_by_role("button", name="与它对调").click()
        await expect(message).to_contain_text("两节课已对调")
        assert await where(served, "english-20261123") == (date(2026, 11, 24), "10:10")
        assert await where(served, "maths-20261124") == (date(2026, 11, 23), "09:00")
        assert (await draft(served)).blocks == ()


async def test_the_address_of_a_part_opens_the_whole_page_with_its_panel(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.click("#tab-check")
        await page.goto(served.url + "/timetable/coverage?week=13")
        await expect(page.locator("#tt-coverage table").first).to_be_visible()
        assert page.url == served.url + "/timetable?week=13#coverage"
        assert await page.evaluate("scrollY") == 0
        assert await page.locator("#tab-coverage").get_attribute("aria-selected") == "true"
        assert page_problems(page, network=True) == []
