"""The draft in a real browser: two editors, what came too late, publishing, who only reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sync_classroom.domain.edits import CancelLesson, ChangeLesson
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.browser import page_problems
from tests.support.pages import delivered
from tests.support.plans import at
from tests.support.timetable_browser import (
    ENGLISH,
    FOCUSED,
    HOST,
    ROOM,
    ahead,
    cell,
    editing,
    where,
)
from tests.support.timetable_pages import draft, edit, lesson_of, open_day

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_a_second_editor_sees_what_changed_and_loses_nothing(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.route("**/api/events", lambda route: route.abort())
        await page.reload()
        await page.click(ENGLISH)
        await page.wait_for_selector("[data-editor]")
        await page.fill("#tt-title", "Unit 7")
        # Somebody else cancels the same lesson, and this page does not hear of it.
        await edit(served, CancelLesson(OccurrenceId("english-20261123"), "停电"), by="li")
        await page.click("[data-editor] .main")
        message = page.locator("#messages [data-said]")
        await expect(message).to_contain_text("li")
        await expect(page.locator(ENGLISH)).to_contain_text("停课")
        assert (await lesson_of(served, "english", "2026-11-23")).title == "课"
        # What was typed is still there.
        assert await page.input_value("#tt-title") == "Unit 7"


async def test_a_move_that_came_second_is_offered_again(browser: Browser, tmp_path: Path) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.route("**/api/events", lambda route: route.abort())
        await page.reload()
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await edit(served, ChangeLesson(OccurrenceId("english-20261123"), title="复习"), by="li")
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        message = page.locator("#messages [data-said]")
        await expect(message).to_contain_text("草稿已有变动")
        assert (await where(served, "english-20261123"))[1] == "09:00"
        await message.get_by_role("button", name="在最新草稿上再做一次").click()
        await expect(message).to_contain_text("已移到")
        assert (await where(served, "english-20261123"))[1] == "08:10"
        assert (await ahead(served, "english-20261123")).title == "复习"


async def test_an_edit_of_somebody_else_appears_and_the_focus_stays(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await edit(served, open_day(5), by="li")
        await expect(page.locator(f"{cell('2026-11-23', 5)} .entry")).to_contain_text("观摩课")
        assert await page.evaluate(FOCUSED) == "english-20261123"


async def test_a_note_is_asked_for_and_the_version_is_shown(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.click("[data-publish]")
        await page.wait_for_selector("dialog[open] [name='note']:focus")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-publish-error]")).to_be_visible()
        # Somebody edits while it is read: what was not seen is not published.
        await edit(served, open_day(5), by="li")
        await page.fill("[name='note']", "期中调整")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-publish-error]")).to_contain_text("草稿已有变动")
        await expect(page.locator("dialog[open]")).to_contain_text("观摩课")
        await page.fill("[name='note']", "期中调整")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/timetable/versions/2?done=published")
        await expect(page.locator("main")).to_contain_text("期中调整")
        await expect(page.locator("#messages")).to_contain_text("课表已发布")


async def test_what_came_too_late_is_dropped_and_the_rest_published(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        late = CancelLesson(OccurrenceId("english-20261123"), "停电")
        await edit(served, late, CancelLesson(OccurrenceId("maths-20261124"), "停电"))
        await page.wait_for_selector("[data-revision='4']")
        await page.click("[data-publish]")
        await page.fill("[name='note']", "停电停课")
        # Its time comes while the dialog is open: publishing is refused, and the dialog says why.
        served.clock.now = at("09:10")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-late]")).to_contain_text("按已发布的上课")
        await expect(page.locator("[data-publish-error]")).to_contain_text("时间已到")
        await expect(page.locator("[data-publish-now]")).to_be_disabled()
        await page.click("[data-drop-late]")
        await expect(page.locator("[data-late]")).to_have_count(0)
        await page.fill("[name='note']", "停电停课")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/timetable/versions/2?done=published")
        view = await draft(served)
        assert not view.copy.occurrences[OccurrenceId("english-20261123")].withdrawn
        assert view.copy.occurrences[OccurrenceId("maths-20261124")].withdrawn
        assert page_problems(page) == []


async def test_a_server_that_does_not_answer_is_told_and_tried_again_once(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.focus(ENGLISH)
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.route("**/draft/steps", lambda route: route.abort())
        await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Enter")
        message = page.locator("#messages [data-said]")
        await expect(message).to_contain_text("没有连上服务器")
        await page.unroute("**/draft/steps")
        await message.get_by_role("button", name="再试一次").click()
        await expect(message).to_contain_text("已移到")
        assert (await where(served, "english-20261123"))[1] == "08:10"


async def test_the_draft_is_thrown_away_only_after_a_question(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        page.once("dialog", lambda dialog: dialog.dismiss())
        await page.click("[data-discard]")
        assert len((await draft(served)).steps) == 1
        page.once("dialog", lambda dialog: dialog.accept())
        await page.click("[data-discard]")
        await expect(page.locator("#messages [data-said]")).to_contain_text("草稿已放弃")
        assert (await draft(served)).steps == ()
        await expect(page.locator("#tt-status")).to_contain_text("与已发布的一致")


async def test_who_reads_sees_a_lesson_go_live_and_stays_where_he_was(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path, HOST + "&show=published") as (served, page):
        await page.focus("#tt-grid [data-lesson='maths-20261124']")
        lesson = OccurrenceId("english-20261123")
        await served.store.save_run(LessonRun(lesson, LessonState.LIVE))
        await served.bus.publish("lesson", {"type": "state", "occurrence": lesson})
        await expect(page.locator(f"{ENGLISH} .chip")).to_have_text("直播中")
        assert await page.evaluate(FOCUSED) == "maths-20261124"


async def test_evidence_corrects_the_chip_after_the_page_is_there(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        lesson = await lesson_of(served, "english", "2026-11-23")
        await served.store.append_facts(
            delivered(lesson, {lesson.seats[0].id: [(0, 2400)]}, [(0, 2400)]),
            received_at=lesson.ends_at,
        )
        await served.store.save_run(LessonRun(lesson.id, LessonState.ENDED))
        await page.reload()
        await expect(page.locator(f"{ENGLISH} .chip")).to_have_text("部分")
        assert "部分" in str(await page.get_attribute(ENGLISH, "aria-label"))
        await page.goto(served.url + ROOM)
        await expect(page.locator(f"{ENGLISH} .chip")).to_have_text("已完成")


async def test_the_coverage_of_the_draft_follows_each_edit(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.click("[role='tab'][data-open='coverage']")
        await expect(page.locator("#tt-coverage")).to_contain_text("受援课时 82")
        await edit(served, open_day(5), by="li")
        await expect(page.locator("#tt-coverage")).to_contain_text("受援课时 83")
