"""The teacher turns the pages of a real PDF; two rooms see the right one, also after a break."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, Route, expect

from tests.support.browser import page_problems, wait_frames
from tests.support.classrooms import Town, town
from tests.support.documents import BLUE, GREEN, RED, colour_of, near, pdf
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
HOST, FIRST, SECOND = "host-1-r1", "far-1-r1", "far-2-r1"
PAGE, STROKE = "#courseware img.page", "#courseware polyline"


@pytest_asyncio.fixture(loop_scope="module")
async def school(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        yield made


async def sees(page: Page, colour: tuple[int, int, int], selector: str = PAGE) -> None:
    """Wait until the page of this colour is on the screen, by its pixels."""
    seen: list[tuple[int, int, int]] = []

    async def right() -> bool:
        if not await page.locator(selector).is_visible():
            return False
        seen.append(colour_of(await page.locator(selector).screenshot()))
        return near(seen[-1], colour)

    await until(right)


async def test_rooms_see_the_page_that_the_teacher_turns_to(
    school: Town, browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "Unit 6 第二课时.pdf"
    file.write_bytes(pdf(RED, GREEN, BLUE))
    await school.plan(starts_in_s=-30, host=HOST, seats=(FIRST, SECOND))
    host, first, second = [await school.terminal(browser, r) for r in (HOST, FIRST, SECOND)]
    await host.click("[data-action=start]")
    await host.click("#documents:not([disabled])")
    broken: list[str] = []

    async def break_once(route: Route) -> None:
        if route.request.method == "PATCH" and not broken:
            broken.append(route.request.url)
            await route.abort("connectionreset")
        else:
            await route.continue_()

    # The line breaks as the file is sent: it goes on by itself.
    await host.route("**/api/library/uploads/*", break_once)
    await host.set_input_files("#document-file", str(file))
    await host.click(".documents li button:not([disabled])")
    for page, selector in ((first, PAGE), (second, PAGE), (host, "#preview img.page")):
        await sees(page, RED, selector)
    await expect(host.locator("#page-back")).to_be_disabled()
    assert len(broken) == 1

    await host.keyboard.press("PageDown")
    for page in (first, second):
        await sees(page, GREEN)
    await expect(first.locator("#courseware figcaption")).to_have_text("Unit 6 第二课时.pdf 2/3")
    # As sharp as the screen: no fewer pixels than it is shown with.
    drawn, own = await first.evaluate(
        f"(i => [Math.min(i.clientWidth, i.clientHeight * 16 / 9) * devicePixelRatio,"
        f" i.naturalWidth])(document.querySelector('{PAGE}'))"
    )
    assert own >= drawn / 1.05

    # Strokes belong to their page: away with it, and back with it.
    await host.click("#annotate")
    box = await host.locator("#preview .ink").bounding_box()
    assert box is not None
    await host.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    await host.mouse.down()
    await host.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.3 * box["height"])
    await host.mouse.up()
    await expect(first.locator(STROKE)).to_have_count(1)
    points = await host.locator("#preview polyline").get_attribute("points")
    await host.click("#page-on")
    await sees(first, BLUE)
    await expect(first.locator(STROKE)).to_have_count(0)
    await host.click(".thumbs li:nth-child(2) button")
    for page in (first, second):
        await sees(page, GREEN)
        await expect(page.locator(STROKE)).to_have_attribute("points", str(points))

    # Who comes back sees the present page, also of a server that was away.
    await second.reload()
    await sees(second, GREEN)
    school.kill_coordinator()
    await school.restart()
    await first.reload()
    await sees(first, GREEN)
    await expect(first.locator(STROKE)).to_have_count(1)

    # Of document and shared screen the one chosen last is shown.
    await host.click("#screen")
    await wait_frames(first, "#courseware video", 3)
    await expect(first.locator(PAGE)).to_be_hidden()
    await expect(host.locator(".page-strip")).to_be_hidden()
    await host.click("#documents")
    await host.click(".documents li button:not([disabled])")
    await sees(first, GREEN)
    await expect(host.locator("#screen")).to_have_attribute("aria-pressed", "false")
    await host.click("#page-away")
    await expect(first.locator(PAGE)).to_be_hidden()
    for page in (host, first, second):
        assert page_problems(page) == []
        await page.context.close()
