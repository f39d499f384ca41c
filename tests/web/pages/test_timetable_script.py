"""The timetable in a real browser: everything by keyboard, mouse, finger, and with two editors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edits import AddSeries, CancelLesson, ChangeLesson
from sync_classroom.domain.ids import OccurrenceId, SeriesId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.domain.working_copy import moved_to
from tests.support import drafts
from tests.support.browser import open_page, page_problems
from tests.support.coordination import TurnedClock
from tests.support.databases import file_store
from tests.support.pages import delivered
from tests.support.plans import at
from tests.support.rosters import HOSTS, REMOTE_ROOMS
from tests.support.timetable_pages import draft, edit, lesson_of, open_day, timetable
from tests.support.web import Site, site

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
ROOM = "/timetable?week=13&by=classroom&id=a-r1"
HOST = "/timetable?week=13&by=host&id=host"
ENGLISH = "#tt-grid [data-lesson='english-20261123']"
FOCUSED = """
() => {
  const { lesson, d, n } = document.activeElement.dataset;
  return lesson ?? `${d} ${n}`;
}
"""


@asynccontextmanager
async def editing(
    browser: Browser,
    folder: Path,
    path: str = HOST,
    *,
    size: tuple[int, int] = (1366, 768),
    **options: Any,
) -> AsyncIterator[tuple[Site, Page]]:
    """An administrator looks at a week."""
    async with timetable(folder) as served:
        page = await open_page(browser, size=size, **options)
        await sign_in(served, page)
        await page.goto(served.url + path)
        yield served, page
        await page.context.close()


async def sign_in(served: Site, page: Page) -> None:
    host = served.url.replace("http://", "https://")
    cookie = served.cookies[Role.ADMIN]
    await page.context.add_cookies(
        [{"name": "__Host-session", "value": cookie, "url": host, "secure": True}]
    )


async def where(served: Site, lesson: str) -> tuple[date, str]:
    """Date and start of a lesson, at the end of its moves."""
    found = await ahead(served, lesson)
    return found.date, f"{found.starts_at.astimezone(served.services.zone):%H:%M}"


async def ahead(served: Site, lesson: str) -> Occurrence:
    """A drafted lesson, at the end of its moves."""
    lessons = (await draft(served)).copy.occurrences
    found = lessons[OccurrenceId(lesson)]
    while (to := moved_to(found)) is not None:
        found = lessons[to]
    return found


def cell(day: str, period: int) -> str:
    return f"#tt-grid td[data-d='{day}'][data-n='{period}']"


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

        x, y = await place(ENGLISH)
        await touch("touchStart", x, y)
        await touch("touchMove", x, y + 50)
        await touch("touchEnd", 0, 0)
        assert not await page.evaluate("'carrying' in document.querySelector('.tt').dataset")
        # It may have scrolled, so everything is looked for again.
        await touch("touchStart", *(await place(ENGLISH)))
        await page.wait_for_selector(".tt[data-carrying] td.can")
        await touch("touchMove", *(await place(cell("2026-11-27", 1))))
        await expect(page.locator(cell("2026-11-27", 1))).to_have_class("cell can aim")
        await touch("touchEnd", 0, 0)
        await expect(page.locator("#messages [data-said]")).to_contain_text("周五 11/27 第 1 节")
        assert await where(served, "english-20261123") == (date(2026, 11, 27), "08:10")


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


async def test_the_coverage_of_the_draft_follows_each_edit(
    browser: Browser, tmp_path: Path
) -> None:
    async with editing(browser, tmp_path) as (served, page):
        await page.click("[role='tab'][data-open='coverage']")
        await expect(page.locator("#tt-coverage")).to_contain_text("受援课时 82")
        await edit(served, open_day(5), by="li")
        await expect(page.locator("#tt-coverage")).to_contain_text("受援课时 83")


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
