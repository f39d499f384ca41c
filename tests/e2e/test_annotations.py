"""A stroke the teacher draws over courseware is seen by two rooms, and by one that comes late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser import page_problems, wait_frames
from tests.support.classrooms import Town, town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
HOST, FIRST, SECOND = "host-1-r1", "far-1-r1", "far-2-r1"
LINE = "#courseware polyline"
# When each point of the first stroke is on a page, by the clock that all pages share.
_NOTE = """
(selector) => {
  globalThis.seen = [];
  const look = () => {
    const text = document.querySelector(selector + " polyline")?.getAttribute("points") ?? "";
    const points = text.split(" ").filter(Boolean).length;
    while (points > seen.length) seen.push(performance.timeOrigin + performance.now());
  };
  new MutationObserver(look).observe(document.querySelector(selector), {
    subtree: true, childList: true, attributes: true,
  });
}
"""


@pytest_asyncio.fixture(loop_scope="module")
async def school(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        yield made


async def points(page: Page, selector: str = LINE) -> list[str]:
    lines = page.locator(selector)
    return [str(await line.get_attribute("points")) for line in await lines.all()]


async def stroke(host: Page, *places: tuple[float, float]) -> None:
    """Draw with the mouse through places given as shares of the picture."""
    box = await host.locator("#preview .ink").bounding_box()
    assert box is not None
    for number, (x, y) in enumerate(places):
        await host.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if number == 0:
            await host.mouse.down()
    await host.mouse.up()


async def test_strokes_are_seen_by_all_rooms_and_by_one_that_comes_late(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=-30, host=HOST, seats=(FIRST, SECOND))
    host, first, second = [await school.terminal(browser, r) for r in (HOST, FIRST, SECOND)]
    await host.click("[data-action=start]")
    await expect(host.locator("#annotate")).to_be_disabled()
    await host.click("#screen")
    for room in (first, second):
        await wait_frames(room, "#courseware video", 3)
    for page, selector in ((host, "#preview"), (first, "#courseware"), (second, "#courseware")):
        await page.evaluate(_NOTE, selector)

    await host.click("#annotate")
    await stroke(host, (0.25, 0.25), (0.5, 0.5), (0.75, 0.25))
    drawn = await points(host, "#preview polyline")
    assert len(drawn) == 1
    for room in (first, second):
        await expect(room.locator(LINE)).to_have_attribute("points", drawn[0])
    ours, *theirs = [await page.evaluate("seen") for page in (host, first, second)]
    delays = [round(b - a) for room in theirs for a, b in zip(ours, room, strict=True)]
    print(f"ms from a point on the teacher's panel to the rooms: {sorted(delays)}")

    # The laser pointer, and a second stroke in another colour by keyboard.
    box = await host.locator("#preview .ink").bounding_box()
    assert box is not None
    await host.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await expect(first.locator("#courseware .laser")).to_be_visible()
    await host.focus(".ink-tools .colour.blue")
    await host.keyboard.press("Enter")
    await stroke(host, (0.1, 0.9), (0.9, 0.9))
    await expect(second.locator(LINE)).to_have_count(2)
    await expect(second.locator(f"{LINE}.blue")).to_have_count(1)

    # Who comes late, and who comes back, sees what there is now.
    both = await points(host, "#preview polyline")
    await second.reload()
    await expect(second.locator(LINE)).to_have_count(2)
    assert await points(second) == both
    # A server that was away has forgotten everything; the teacher's page has not.
    school.kill_coordinator()
    await school.restart()
    await first.reload()
    await expect(first.locator(LINE)).to_have_count(2)
    assert await points(first) == both

    await host.click("#ink-undo")
    await expect(first.locator(LINE)).to_have_count(1)
    await host.click("#ink-wipe")
    await expect(first.locator(LINE)).to_have_count(0)
    await stroke(host, (0.2, 0.2), (0.3, 0.3))
    await expect(second.locator(LINE)).to_have_count(1)
    # While a room speaks what is drawn on is in a corner, and the tools lie beside it.
    await first.click("#hand")
    await host.click(".hands li:first-child button")
    await host.wait_for_selector("[data-called] #preview")
    tools, corner = [await host.locator(s).bounding_box() for s in (".ink-tools", "#preview")]
    assert tools is not None
    assert corner is not None
    assert tools["y"] + tools["height"] <= corner["y"]
    await stroke(host, (0.4, 0.2), (0.5, 0.3))
    await expect(second.locator(LINE)).to_have_count(2)
    await host.keyboard.press("Escape")
    await expect(host.locator(".ink-tools")).to_be_hidden()
    # What was drawn goes with the courseware it was drawn on.
    await host.click("#screen")
    await expect(second.locator(LINE)).to_have_count(0)
    for page in (host, first, second):
        assert page_problems(page) == []
        await page.context.close()
