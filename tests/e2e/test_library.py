"""The library in a real browser: an upload over a line that breaks, and a preview that plays."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from sync_classroom.domain.accounts import Role
from tests.support.browser import SIZES, launch, open_page, page_problems
from tests.support.pages import office
from tests.support.recordings import finished
from tests.support.web import PASSWORD

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]


async def test_an_upload_goes_on_over_breaks_and_then_plays(tmp_path: Path) -> None:
    video = finished(tmp_path / "导入环节.mp4", seconds=4)
    async with office(tmp_path) as served, launch() as browser:
        page = await open_page(browser, size=SIZES["panel"])
        await page.goto(served.url + "/sign-in")
        await page.fill("#login", served.users[Role.TEACHER].login)
        await page.fill("#password", PASSWORD)
        await page.click("main button")
        await page.goto(served.url + "/library")
        broken: list[str] = []

        async def break_once(route: Route) -> None:
            if route.request.method == "PATCH" and len(broken) < 2:
                broken.append(route.request.url)
                await route.abort("connectionreset")
            else:
                await route.continue_()

        await page.route("**/api/library/uploads/*", break_once)
        await expect(page.locator("#file-name")).to_have_text("还没有选择文件")
        await page.set_input_files("#file", str(video))
        await expect(page.locator("#file-name")).to_have_text(video.name)
        assert await page.input_value("#title") == "导入环节"
        await page.fill("#subject", "英语")
        await page.click("[data-send]")
        await page.wait_for_url("**/library/r-*", timeout=120_000)
        assert len(broken) == 2
        assert len(set(broken)) == 1  # the same upload was gone on with
        # Resolves when the picture moves; a test that waits for it in vain ends by its own limit.
        await page.locator("video").evaluate(
            """video => new Promise((resolve) => {
              video.muted = true;
              video.ontimeupdate = () => video.currentTime > 0.5 && resolve();
              void video.play();
            })"""
        )
        [made] = await served.store.resources(limit=5)
        assert made.latest.bytes == video.stat().st_size
        assert page_problems(page) == []
