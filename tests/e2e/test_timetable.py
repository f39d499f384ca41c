"""A term planned on the timetable page and seen by a classroom: real coordinator, real browsers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import pytest
from icalendar import Calendar
from playwright.async_api import Browser, Locator, Page, expect

from sync_classroom.domain.ids import BellSetId, TermId
from sync_classroom.domain.roster import BellSet, DayException, Period, Roster, Term
from tests.support.browser import launch, open_page, page_problems
from tests.support.classrooms import PASSWORD, Town, town
from tests.support.coordination import roster
from tests.support.processes import ZONE
from tests.support.timetable_files import HEADINGS
from tests.support.waiting import PATIENCE_S

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]

ROOM: Final = "far-1-r1"
_PERIODS: Final = tuple(Period(no, time(7 + no, 10), time(7 + no, 50)) for no in range(1, 7))


def monday() -> date:
    """The Monday after this week: whatever day the test runs on, its lessons are still to come."""
    today = datetime.now(ZONE).date()
    return today + timedelta(days=7 - today.weekday())


def planned_roster(first: date) -> Roster:
    """The usual programme with bells, a term whose second week begins at `first`, and five school
    days in that week whatever holiday the country has."""
    known = roster()
    bells = [BellSet(BellSetId(f"{s}-b"), s, _PERIODS) for s in known.schools]
    term = Term(
        TermId("now"), "本学期", first - timedelta(days=7), first - timedelta(days=7),
        first + timedelta(days=60),
    )  # fmt: skip
    days = [first + timedelta(days=n) for n in range(5)]
    return replace(
        known,
        terms={term.id: term},
        bell_sets={b.id: b for b in bells},
        days=tuple(DayException(None, d, True, d.isoweekday(), 2) for d in days),
    )


@asynccontextmanager
async def planning(folder: Path) -> AsyncIterator[tuple[Town, Browser, date]]:
    first = monday()
    async with town(folder, planned_roster(first)) as made, launch() as browser:
        yield made, browser, first


async def office(made: Town, browser: Browser, login: str = "admin") -> Page:
    """An administrator who has signed in and looks at the host school's second week."""
    page = await open_page(browser)
    await page.goto(f"{made.url}/sign-in")
    await page.fill("[name='login']", login)
    await page.fill("[name='password']", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/today")
    await page.goto(f"{made.url}/timetable?week=2&by=host&id=host-1")
    await page.wait_for_selector("[data-grid]")
    return page


def cell(day: date, period: int) -> str:
    return f"#tt-grid td[data-d='{day}'][data-n='{period}']"


def lesson(page: Page, day: date, period: int, subject: str) -> Locator:
    """The entry of this subject in a cell; a clashing one's entry names it, too."""
    name = page.locator(".tt-subject", has_text=re.compile(f"^{subject}$"))
    return page.locator(f"{cell(day, period)} .entry", has=name)


async def add(page: Page, day: date, empty: int, period: int, subject: str) -> None:
    """A single lesson by keyboard, begun on an empty cell and given its period in the form."""
    await page.focus(cell(day, empty))
    await page.keyboard.press("Enter")
    await page.wait_for_selector("[data-new-form] [name='subject']:focus")
    await page.keyboard.type(subject)
    await page.select_option("#tt-number", str(period))
    await page.select_option("[data-add-seat]", ROOM)
    await page.click("[data-add-seat-button]")
    await page.click("[data-new-form] .main")
    await expect(lesson(page, day, period, subject)).to_be_visible()


async def publish(page: Page, note: str, version: int) -> None:
    await page.click("[data-publish]")
    await page.wait_for_selector("dialog[open] [name='note']:focus")
    await page.keyboard.type(note)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/timetable/versions/{version}?done=published")


async def test_two_lessons_clash_are_set_apart_by_keyboard_published_and_seen_by_the_classroom(
    tmp_path: Path,
) -> None:
    async with planning(tmp_path) as (made, browser, first):
        terminal = await made.terminal(browser, ROOM)
        page = await office(made, browser)
        await add(page, first, 1, 1, "英语")
        await add(page, first, 2, 1, "科学")
        await expect(page.locator("#tt-status [data-open='check']")).to_contain_text("1")
        await page.click("[data-publish]")
        await expect(page.locator("dialog[open]")).to_contain_text("还有 1 处冲突")
        await expect(page.locator("[data-publish-now]")).to_be_disabled()
        await page.keyboard.press("Escape")

        # Set apart by keyboard: take the second one up, one period down, put it down.
        await lesson(page, first, 1, "科学").focus()
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        moved = lesson(page, first, 2, "科学")
        await expect(moved).to_be_visible()
        await expect(page.locator("#tt-status .danger")).to_have_count(0)
        await publish(page, "两节新课", 1)

        # The classroom has it at once, and says when somebody there has read it.
        notice = terminal.get_by_text("课表有变动").first
        await expect(notice).to_be_visible()
        await terminal.get_by_role("button", name="知道了").first.click()
        await expect(page.locator("main")).to_contain_text("新课次 2")
        # The page of a version is as it was when it was asked for: ask until the word has come.
        async with asyncio.timeout(PATIENCE_S):
            while "已读 1/" not in (await page.text_content("main") or ""):
                await page.reload()

        # Cancelled by keyboard, with a reason that stands in the record.
        await page.goto(f"{made.url}/timetable?week=2&by=classroom&id={ROOM}")
        await page.locator(f"{cell(first, 2)} .entry").focus()
        await page.keyboard.press("Delete")
        await page.wait_for_selector("[data-cancel-form] [name='reason']:focus")
        await page.keyboard.type("停电检修")
        await page.keyboard.press("Enter")
        cancelled = page.locator(f"{cell(first, 2)} .entry")
        await expect(cancelled).to_contain_text("停课")
        await publish(page, "停电，停一节", 2)
        await expect(page.locator("main")).to_contain_text("原因：停电检修")
        await expect(terminal.locator("body")).to_contain_text("停电检修")

        await page.goto(f"{made.url}/timetable/versions")
        record = page.locator(".tt-versions tbody tr")
        await expect(record).to_have_count(2)
        await expect(record.nth(0)).to_contain_text("停电，停一节")
        await expect(record.nth(1)).to_contain_text("两节新课")
        assert page_problems(page) == []
        assert page_problems(terminal) == []


async def test_two_administrators_edit_at_once_and_neither_loses_anything(tmp_path: Path) -> None:
    async with planning(tmp_path) as (made, browser, first):
        body = {"login": "li", "name": "李主任", "role": "admin", "password": PASSWORD}
        await made.admin.post("/api/users", body)
        one, two = await office(made, browser), await office(made, browser, "li")
        await add(one, first, 1, 1, "英语")
        # What one adds appears with the other, who has not touched anything.
        entry = f"{cell(first, 1)} .entry"
        await expect(two.locator(entry)).to_contain_text("英语")
        # Both take up the same lesson; the one who puts it down second is told, and asked again.
        for page in (one, two):
            await page.focus(entry)
            await page.keyboard.press("m")
            await page.wait_for_selector("td.can")
        await one.keyboard.press("ArrowDown")
        await one.keyboard.press("Enter")
        await expect(one.locator(f"{cell(first, 2)} .entry")).to_be_visible()
        await two.keyboard.press("ArrowRight")
        await two.keyboard.press("Enter")
        said = two.locator("#messages [data-said]")
        await expect(said).to_contain_text("草稿已有变动")
        await expect(said).to_contain_text("admin")
        await expect(two.locator(f"{cell(first, 2)} .entry")).to_be_visible()
        await said.get_by_role("button", name="在最新草稿上再做一次").click()
        tuesday = first + timedelta(days=1)
        await expect(two.locator(f"{cell(tuesday, 1)} .entry")).to_be_visible()
        await expect(one.locator(f"{cell(tuesday, 1)} .entry")).to_be_visible()
        # Each takes back only what was their own: the first one's step lies under the second's.
        await one.keyboard.press("z")
        await expect(one.locator("#messages [data-said]")).to_contain_text("li")
        await two.keyboard.press("z")
        await expect(two.locator(f"{cell(first, 2)} .entry")).to_be_visible()
        assert [p for p in page_problems(one) + page_problems(two) if "409" not in p] == []


async def test_an_imported_file_is_set_right_published_and_followed_by_terminal_and_calendar(
    tmp_path: Path,
) -> None:
    async with planning(tmp_path) as (made, browser, first):
        terminal = await made.terminal(browser, ROOM)
        page = await office(made, browser)
        # A spreadsheet of the office, in the encoding its program writes.
        row = "{subject},,host-1老师1,1号教室,,1,1,,,受援校一1号教室,,"
        sheet = tmp_path / "课表.csv"
        lines = [",".join(HEADINGS), row.format(subject="英语"), row.format(subject="科学")]
        sheet.write_bytes("\r\n".join(lines).encode("gbk"))
        await page.goto(f"{made.url}/timetable/import?term=now")
        await page.set_input_files("#file", sheet)
        await page.press("[data-send]", "Enter")
        await page.wait_for_url("**/timetable/import/*")
        await page.focus("form:has([name=seen]) button")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/timetable?show=draft**")

        # Each week's pair clashes; the rule is moved as a whole, where the check says it is.
        await page.goto(f"{made.url}/timetable?week=2&show=pattern&by=host&id=host-1")
        await page.locator("#tt-grid [data-series]", has_text="科学").focus()
        await page.keyboard.press("m")
        await page.wait_for_selector("td.can")
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator("#messages [data-said]")).to_contain_text("每周一第 2 节")
        await expect(page.locator("#tt-status .danger")).to_have_count(0)
        await publish(page, "新学期", 1)
        await expect(terminal.get_by_text("课表有变动").first).to_be_visible()

        # A calendar program subscribes to the room, then one lesson is cancelled.
        await page.goto(f"{made.url}/timetable/feeds")
        await page.select_option("[name='target']", f"classroom:{ROOM}")
        await page.click("form[action='/timetable/feeds'] .main")
        address = await page.input_value("#address")
        await page.goto(f"{made.url}/timetable?week=2&by=classroom&id={ROOM}")
        await lesson(page, first, 2, "科学").focus()
        await page.keyboard.press("Delete")
        await page.wait_for_selector("[data-cancel-form] [name='reason']:focus")
        await page.keyboard.type("停电检修")
        await page.keyboard.press("Enter")
        await expect(page.locator(f"{cell(first, 2)} .e-cancelled")).to_be_visible()
        await publish(page, "停一节", 2)
        async with made.http.get(address) as answer:
            feed = Calendar.from_ical(await answer.read())
        cancelled = [
            e["DTSTART"].dt.date() for e in feed.walk("VEVENT") if e.get("STATUS") == "CANCELLED"
        ]
        assert cancelled == [first]
        assert page_problems(page) == []
        assert page_problems(terminal) == []
