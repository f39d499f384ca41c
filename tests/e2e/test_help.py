"""A room calls for help by keyboard alone; an operator takes it on; the room sees who."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.support.browser import page_problems
from tests.support.classrooms import Town, town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


@pytest_asyncio.fixture(loop_scope="module")
async def school(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        yield made


async def test_a_room_calls_and_sees_who_took_it_on(school: Town, browser: Browser) -> None:
    room = await school.terminal(browser, "far-1-r1")
    await room.wait_for_selector("[data-check=line][data-state=ok]")
    office = await school.office(browser, "/help")
    await expect(office.locator("#live")).to_contain_text("还没有教室求助过")
    await room.focus("#help-open")
    await room.keyboard.press("Enter")
    await expect(room.locator("[data-phrase='help.no_sound']")).to_be_focused()
    await room.keyboard.press("Escape")
    await expect(room.locator("#help-open")).to_be_focused()
    await room.keyboard.press("Enter")
    await room.fill("#help-text", "投影仪黑屏")
    await room.keyboard.press("Enter")
    await expect(room.locator(".help-state")).to_contain_text("等人接手")
    await expect(room.locator("#help-open")).to_be_disabled()
    call = office.locator("[data-call]")
    await expect(call).to_contain_text("投影仪黑屏")
    await expect(call).to_contain_text("受援校一 1号教室")
    await expect(call).to_contain_text("摄像头、麦克风 正常")
    await call.get_by_role("button").click()
    await expect(call).to_contain_text("已接手")
    await expect(room.locator(".help-state")).to_contain_text("管理员")
    await expect(room.locator("#help-open")).to_be_enabled()
    for page in (room, office):
        assert page_problems(page) == []
        await page.context.close()
