"""The office pages in a real browser: no error on any page, and script that helps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from tests.support.browser import open_page, page_problems
from tests.support.pages import office
from tests.support.web import Site

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


@asynccontextmanager
async def browsing(
    browser: Browser, folder: Path, *, role: Role = Role.ADMIN, size: tuple[int, int] = (1366, 768)
) -> AsyncIterator[tuple[Site, Page]]:
    """A page of a browser that is signed in."""
    async with office(folder) as served:
        page = await open_page(browser, size=size)
        host = served.url.replace("http://", "https://")
        await page.context.add_cookies(
            [{"name": "__Host-session", "value": served.cookies[role], "url": host, "secure": True}]
        )
        yield served, page
        await page.context.close()


@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_no_page_has_an_error_or_is_wider_than_the_screen(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    async with browsing(browser, tmp_path, size=size) as (served, page):
        for path in (
            "/today", "/lessons/new", "/lessons/english?samples=english-s0", "/coverage",
            "/coverage/second-opinions", "/settings/retention",
            "/settings/rubric", "/coverage?school=remote-1", "/terminals",
            "/roster?show=classrooms", "/people",
            "/account", "/calendar", "/calendar?show=all", "/calendar/days/remote-1/2026-10-10",
            "/calendar/bells/remote-1-bells", "/calendar?show=edits",
            "/timetable/import", "/timetable/feeds", "/research", "/research/new",
        ):  # fmt: skip
            answer = await page.goto(served.url + path)
            assert answer is not None
            assert answer.status == 200
            assert await page.evaluate("document.documentElement.scrollWidth") <= size[0], path
            # What the policy refuses is an error on the console too.
            assert page_problems(page, network=True) == [], path


async def test_arrow_keys_move_from_row_to_row(browser: Browser, tmp_path: Path) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/today")
        await page.focus("[data-rows] a")
        await page.keyboard.press("ArrowDown")
        focused = "document.activeElement.getAttribute('href')"
        assert await page.evaluate(focused) == "/lessons/maths"
        await page.keyboard.press("ArrowUp")
        assert await page.evaluate(focused) == "/lessons/english"
        await page.keyboard.press("End")
        assert await page.evaluate(focused) == "/lessons/maths"
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/lessons/maths")


async def test_arrow_keys_move_from_day_to_day_and_enter_opens_one(
    browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/calendar?school=remote-1")
        await page.focus("#today")
        focused = "document.activeElement.getAttribute('href')"
        steps = {
            "ArrowDown": "2026-11-30", "ArrowLeft": "2026-11-30", "ArrowUp": "2026-11-23",
            "ArrowRight": "2026-11-24", "End": "2026-11-29", "Home": "2026-11-23",
        }  # fmt: skip
        for key, on in steps.items():
            await page.keyboard.press(key)
            assert await page.evaluate(focused) == f"/calendar/days/remote-1/{on}", key
        # What floats over a day by mouse is there by keyboard too.
        await expect(page.locator("#today .tip")).to_have_css("opacity", "1")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/calendar/days/remote-1/2026-11-23")
        await page.check("input[value=off]")
        await page.fill("#reason", "停电")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/calendar?school=remote-1*done=calendar")
        await expect(page.locator("#today .day-text")).to_have_text("停电")


async def test_the_skip_link_leads_to_the_content(browser: Browser, tmp_path: Path) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/people")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"


async def test_the_day_follows_what_happens_without_being_loaded_again(
    browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/today")
        await page.evaluate("window.untouched = true")
        await expect(page.locator("[data-live-note]")).to_have_text("实时更新中")
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="k"
        )
        await page.wait_for_selector("#live .w-cancelled")
        assert await page.evaluate("window.untouched")
        assert page_problems(page, network=True) == []


async def test_a_live_page_whose_session_ended_shows_the_door_and_comes_back(
    browser: Browser,
    tmp_path: Path,
) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/today")
        await expect(page.locator("[data-live-note]")).to_have_text("实时更新中")
        await page.context.clear_cookies()
        await served.services.lessons.cancel(
            OccurrenceId("maths"), excused=True, reason="停电", actor="admin", key="k"
        )
        await page.wait_for_url("**/sign-in?next=%2Ftoday")


async def test_a_period_fills_in_the_times_and_a_class_its_pupils(
    browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/lessons/new?date=2026-11-24")
        await page.select_option("#classroom", "host-1-r1")
        await page.select_option("#period", "1")
        assert await page.input_value("#starts") == "08:10"
        assert await page.input_value("#ends") == "08:50"
        await page.fill("#ends", "08:45")
        assert await page.input_value("#period") == ""
        await page.select_option("[name='class-remote-1-r1']", "remote-1-c2")
        assert await page.input_value("[name='expected-remote-1-r1']") == "42"
        assert await page.is_checked("[name='seats'][value='remote-1-r1']")
        await page.click("[data-seat-school]:nth-of-type(2) [data-all]")
        assert "7" in str(await page.text_content("[data-seat-count]"))


async def test_a_gap_says_what_is_known_to_pointer_and_keyboard(
    browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/lessons/english")
        await page.focus(".seats .gap")
        wanted = await page.get_attribute(".seats .gap", "aria-label")
        assert await page.text_content(".gap-tip") == wanted
        assert await page.is_visible(".gap-tip")
        await page.keyboard.press("Escape")
        assert not await page.is_visible(".gap-tip")
        await page.hover("#seat-english-s2 .gap")
        assert "40 分 00 秒" in str(await page.text_content(".gap-tip"))


async def test_an_enrolment_code_counts_down(browser: Browser, tmp_path: Path) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/terminals")
        await page.click("#room-remote-1-r1 form button")
        await page.wait_for_selector("[data-count]")
        await expect(page.locator("[data-count]")).to_have_text(re.compile("^14:[0-5][0-9]$"))
        assert page_problems(page, network=True) == []


async def test_revoking_a_terminal_can_be_thought_over(browser: Browser, tmp_path: Path) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        _, token = await served.device("remote-1-r1")
        await page.goto(served.url + "/terminals")
        page.once("dialog", lambda dialog: dialog.dismiss())
        await page.click("#room-remote-1-r1 .danger")
        assert await served.services.enrolment.terminal(token) is not None
        page.once("dialog", lambda dialog: dialog.accept())
        await page.click("#room-remote-1-r1 .danger")
        await page.wait_for_url("**/terminals?done=revoked")
        assert await served.services.enrolment.terminal(token) is None


async def test_a_subject_group_ticks_its_people_and_they_untick_it(
    browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, tmp_path) as (served, page):
        await page.goto(served.url + "/research/new")
        group = page.locator("input[name=groups][value='host-2/数学']")
        person = page.locator("input[name=invited][value=host-2-t1]")
        await group.check()
        await expect(person).to_be_checked()
        await expect(page.locator("[data-chosen]")).to_have_text("已选 1 人")
        await person.uncheck()
        await expect(group).not_to_be_checked()
        assert page_problems(page, network=True) == []
