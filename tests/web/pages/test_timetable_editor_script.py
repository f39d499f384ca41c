"""The editor beside the grid in a real browser: lessons, rules, seats."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from sync_classroom.domain.ids import SeriesId
from tests.support.browser import page_problems
from tests.support.timetable_browser import (
    ENGLISH,
    FOCUSED,
    HOST,
    cell,
    editing,
    where,
)
from tests.support.timetable_pages import draft, lesson_of

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_a_rule_that_waits_is_placed_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus("[data-waiting='art']")
        await page.keyboard.press(" ")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowRight")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages [data-said]")).to_contain_text("已排在每周二第 1 节")
        series = (await draft(served)).copy.series
        assert [(s.weekday, s.period) for s in series.values() if s.id == "art"] == [(2, 1)]
        await expect(page.locator("#tab-waiting")).to_have_text("未安排 0")
        await expect(page.locator("[data-lesson='art-20261124']")).to_be_visible()


async def test_enter_opens_a_lesson_and_what_is_saved_is_one_step(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[data-editor]")
        assert await page.evaluate("document.activeElement.id") == "tt-editor-title"
        await page.fill("#tt-title", "Unit 6")
        await page.select_option("#tt-teacher", "host-t2")
        await page.click("[data-editor] .main")
        # Who stands in for whom needs a reason; the form says so and keeps what was typed.
        await expect(page.locator("[data-editor-error]")).to_be_visible()
        assert await page.input_value("#tt-title") == "Unit 6"
        await page.fill("#tt-reason", "产假")
        await page.select_option("[data-add-seat]", "a-r2")
        await page.select_option("[data-add-class]", "a-c1")
        await page.click("[data-add-seat-button]")
        await page.click("[data-editor] .main")
        await expect(page.locator("#tt-editor")).to_be_hidden()
        lesson = await lesson_of(served, "english", "2026-11-23")
        assert (lesson.title, lesson.host.teacher) == ("Unit 6", "host-t2")
        assert [(s.classroom, s.school_class, s.expected) for s in lesson.seats] == [
            ("a-r1", None, None), ("b-r1", None, None), ("a-r2", "a-c1", 40),
        ]  # fmt: skip
        assert len((await draft(served)).steps) == 2
        assert await page.evaluate(FOCUSED) == "english-20261123"
        assert [p for p in page_problems(page, network=True) if "422" not in p] == []


async def change_seat(page: Page, room: str, **values: str) -> None:
    """Open a listening room's line by keyboard and choose its class and assistant."""
    line = f"[data-room='{room}']"
    await page.focus(f"{line} [data-edit-seat]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(f"{line} [data-of-seat='class']:focus")
    for name, value in values.items():
        field = f"{line} [data-of-seat='{name.rstrip('_')}']"
        await page.select_option(field, value)


async def test_class_and_assistant_of_a_seat_are_changed_where_it_stands(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.click(ENGLISH)
        await page.wait_for_selector("[data-editor]")
        await change_seat(page, "a-r1", class_="a-c1", assistant="a-t1")
        line = page.locator("[data-room='a-r1']")
        await expect(line.locator("[data-about]")).to_have_text("三(1)班 · 应到 40 · 助教 a-1")
        await page.fill("[data-room='a-r1'] [data-of-seat='expected']", "38")
        await page.click("[data-editor] .main")
        await expect(page.locator("#tt-editor")).to_be_hidden()
        lesson = await lesson_of(served, "english", "2026-11-23")
        assert [(s.classroom, s.school_class, s.expected, s.assistant) for s in lesson.seats] == [
            ("a-r1", "a-c1", 38, "a-t1"), ("b-r1", None, None, None),
        ]  # fmt: skip
        # This one lesson only, and shown so when it is opened again.
        other = await lesson_of(served, "english", "2026-11-30")
        assert other.seats[0].assistant is None
        await page.click(ENGLISH)
        await expect(line.locator("[data-about]")).to_have_text("三(1)班 · 应到 38 · 助教 a-1")
        # Opened, looked at and shut again: nothing was changed.
        await change_seat(page, "a-r1")
        await page.focus("[data-room='a-r1'] [data-edit-seat]")
        await page.keyboard.press("Enter")
        await page.click("[data-editor] .main")
        await expect(page.locator("[data-editor-error]")).to_have_text("没有改动任何内容。")
        assert page_problems(page, network=True) == []


async def test_a_rule_moves_from_a_day_of_ones_own_choice_with_its_seats(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path, HOST + "&show=pattern") as (served, page):
        await page.click("#tt-grid [data-series='maths']")
        await page.wait_for_selector("[data-editor]")
        await page.fill("#tt-since", "2026-12-07")
        await page.click("[data-editor] .main")
        await expect(page.locator("[data-editor-error]")).to_have_text("没有改动任何内容。")
        await page.select_option("#tt-weekday", "5")
        await page.select_option("#tt-number", "5")
        await change_seat(page, "a-r1", class_="a-c1", assistant="a-t2")
        await page.fill("#tt-reason", "教师调课")
        await page.click("[data-editor] .main")
        await expect(page.locator("#tt-editor")).to_be_hidden()
        view = await draft(served)
        old = view.copy.series[SeriesId("maths")]
        (new,) = [s for i, s in view.copy.series.items() if i.startswith("maths.")]
        assert (old.last, new.first) == (date(2026, 12, 6), date(2026, 12, 7))
        assert (new.weekday, new.period, old.weekday, old.period) == (5, 5, 2, 3)
        assert [(s.school_class, s.expected, s.assistant) for s in new.seats] == [
            ("a-c1", 40, "a-t2")
        ]
        assert old.seats[0].assistant is None
        assert view.steps[-1].reason == "教师调课"
        await page.click(f"#tt-grid [data-series='{new.id}']")
        await page.click("[data-history] > summary")
        history = page.locator("[data-history]")
        await expect(history).to_contain_text("从 12月7日 周一 起改")
        await history.locator("[data-series='maths']").click()
        await expect(page.locator("[data-history] [aria-current]")).to_contain_text("周二 第 3 节")
        assert page_problems(page, network=True) == []


async def test_a_change_from_this_week_on_is_of_the_rule(browser: Browser, tmp_path: Path) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.click(ENGLISH)
        await page.check("[name='scope'][value='since']")
        assert not await page.is_visible("#tt-date")
        await page.select_option("#tt-weekday", "5")
        await page.select_option("#tt-number", "4")
        await page.click("[data-editor] .main")
        await expect(page.locator("#tt-editor")).to_be_hidden()
        assert await where(served, "english-20261130") == (date(2026, 12, 4), "11:00")
        assert await where(served, "english-20261116") == (date(2026, 11, 16), "09:00")


async def test_delete_asks_for_the_reason_and_cancels(browser: Browser, tmp_path: Path) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("Delete")
        await page.wait_for_selector("[data-cancel-form] [name='reason']:focus")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-cancel-error]")).to_be_visible()
        await page.keyboard.type("停电检修")
        await page.keyboard.press("Enter")
        await expect(page.locator(ENGLISH)).to_contain_text("停课")
        change = (await lesson_of(served, "english", "2026-11-23")).changes[-1]
        assert (change.reason, change.excused, change.by) == ("停电检修", True, "admin")


async def test_an_empty_cell_makes_a_lesson_and_a_series(browser: Browser, tmp_path: Path) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(cell("2026-11-27", 5))
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[data-new-form] [name='subject']:focus")
        await page.keyboard.type("科学")
        await page.select_option("[data-add-seat]", "b-r1")
        await page.click("[data-add-seat-button]")
        await page.click("[data-new-form] .main")
        await expect(page.locator(f"{cell('2026-11-27', 5)} .entry")).to_contain_text("科学")
        await page.click("[data-new='series']")
        await page.fill("#tt-subject", "劳动")
        await page.select_option("#tt-weekday", "5")
        await page.select_option("#tt-number", "6")
        await page.select_option("#tt-weeks", "listed")
        await page.fill("#tt-listed", "13-15，20")
        await page.select_option("[data-add-seat]", "a-r1")
        await page.click("[data-add-seat-button]")
        await page.click("[data-new-form] .main")
        await expect(page.locator(f"{cell('2026-11-27', 6)} .entry")).to_contain_text("劳动")
        made = [s for s in (await draft(served)).copy.series.values() if s.subject == "劳动"]
        assert [s.weeks.weeks for s in made] == [(13, 14, 15, 20)]
        assert page_problems(page, network=True) == []


async def test_a_rule_is_opened_and_moved_where_the_terms_rules_stand(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path, "/timetable?week=13&show=pattern&by=host&id=host") as (
        served, page,
    ):  # fmt: skip
        await page.click("[data-series='maths']")
        await page.wait_for_selector("[data-editor]")
        assert await page.input_value("#tt-number") == "3"
        await page.keyboard.press("Escape")
        await page.focus("[data-series='maths']")
        await page.keyboard.press(" ")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages [data-said]")).to_contain_text("每周二第 2 节")
        assert await where(served, "maths-20261201") == (date(2026, 12, 1), "09:00")
