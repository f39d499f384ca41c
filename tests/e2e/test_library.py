"""The library in a real browser: an upload over a line that breaks, a preview, pages beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from sync_classroom.domain.accounts import Role
from tests.e2e.test_lesson_documents import sees
from tests.support.browser import SIZES, launch, open_page, page_problems
from tests.support.documents import GREEN, RED, turned
from tests.support.library import recorded
from tests.support.pages import office
from tests.support.recordings import finished
from tests.support.web import PASSWORD

SEEK = """async (video, seconds) => {
  video.muted = true;
  await video.play();
  video.pause();
  video.currentTime = seconds;
}"""

pytestmark = [pytest.mark.asyncio, pytest.mark.browser]


async def test_an_upload_goes_on_over_breaks_and_then_plays(tmp_path: Path) -> None:
    video = finished(tmp_path / "导入环节.mp4", seconds=4)
    async with office(tmp_path, recordings=tmp_path / "recordings") as served, launch() as browser:
        page = await open_page(browser, size=SIZES["panel"])
        await page.goto(served.url + "/sign-in")
        await page.fill("#login", served.users[Role.ADMIN].login)
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
        # Beside a lesson's recording stands the page that was on the screens at each moment.
        await recorded(served)
        await turned(served, "english", (1, "08:10:01"), (2, "08:10:02"), (None, "08:10:03"))
        await page.goto(served.url + "/lessons/english")
        beside = page.locator("article.recorded .page-beside")
        await page.locator(".recorded video").evaluate(SEEK, 2.5)
        await sees(page, GREEN, "article.recorded .page-beside img")
        await page.locator(".recorded video").evaluate(SEEK, 1.5)
        await sees(page, RED, "article.recorded .page-beside img")
        await expect(beside.locator("figcaption")).to_have_text("课件.pdf 1/2")
        await page.locator(".recorded video").evaluate(SEEK, 0.5)
        await expect(beside).to_be_hidden()
        assert page_problems(page) == []
