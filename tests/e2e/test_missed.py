"""A room that was away watches what it missed while the lesson goes on, in a real Chromium.

The teacher's picture is one colour before the room goes, another while it is away, a third when it
is back: which of them is seen says which part of the lesson is. So do the pages of a document.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from sync_classroom.coordinator.relay_client import RelayRefusedError
from tests.e2e.test_lesson_documents import sees
from tests.support.browser import open_page, page_problems, pixels, wait_frames
from tests.support.classrooms import Town, town
from tests.support.documents import GREEN, RED, pdf
from tests.support.waiting import PATIENCE_S, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]
AWAY_S = 12.0
VOICE = 'audio[data-key="0"]'

PAINTED = """(() => {
  const canvas = document.createElement('canvas');
  Object.assign(canvas, {width: 640, height: 360});
  const paint = canvas.getContext('2d');
  globalThis.colour = '#0f0';
  let number = 0;
  setInterval(() => {
    paint.fillStyle = globalThis.colour;
    paint.fillRect(0, 0, 640, 360);
    paint.fillStyle = number++ % 2 ? '#777' : '#888';  // every picture differs from the last
    paint.fillRect(0, 0, 16, 16);
  }, 40);
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) =>
    wanted.video ? canvas.captureStream(25) : real(wanted);
})();"""


async def teacher(made: Town, browser: Browser) -> Page:
    """The host's device, with a camera that sees one colour."""
    page = await open_page(browser)
    await page.add_init_script(PAINTED)
    await page.goto(f"{made.url}/terminal")
    await page.fill("#code", await made.code("host-1-r1"))
    await page.keyboard.press("Enter")
    await page.click("#main-button[data-action=start]:enabled")
    await page.wait_for_selector("html[data-screen=host]")
    return page


async def recorded_s(made: Town, lesson: str) -> float:
    """How much of the camera is written."""
    try:
        told = await made.control.recording(lesson)
    except RelayRefusedError:  # it has not begun
        return 0.0
    segments = [s for source in told["sources"] for s in source["segments"] if s]
    return max((s["start_s"] + s["duration_s"] for s in segments), default=0.0)


async def grown(made: Town, lesson: str, by_s: float) -> None:
    """Wait until so much more is recorded."""
    before = await recorded_s(made, lesson)

    async def enough() -> bool | None:
        return await recorded_s(made, lesson) >= before + by_s or None

    await until(enough, within_s=PATIENCE_S)


async def colour(page: Page, selector: str) -> str:
    """Which of the three most of a picture is."""
    shown = (await pixels(page, selector))["pixels"]
    counts = [sum(p[n] > 150 and p[n] > sum(p) / 2 for p in shown) for n in range(3)]
    assert max(counts) > len(shown) / 2, shown
    return ("red", "green", "blue")[counts.index(max(counts))]


async def test_a_room_that_was_away_watches_what_it_missed(
    tmp_path: Path, browser: Browser
) -> None:
    book = tmp_path / "单元六.pdf"
    book.write_bytes(pdf(RED, GREEN))
    async with town(tmp_path) as made:
        lesson = await made.plan(starts_in_s=0)
        room = await made.terminal(browser, "far-1-r1")
        host = await teacher(made, browser)
        await wait_frames(room, "#teacher video", 5)
        assert await room.locator("#missed-offer").is_hidden()
        await grown(made, lesson, 3)
        # The room's computer is restarted, and takes its time.
        await room.goto("about:blank")
        await host.evaluate("colour = '#f00'")
        await host.set_input_files("#document-file", str(book))
        await host.click("#documents:not([disabled])")
        await host.click(".documents li button:not([disabled])")
        await grown(made, lesson, AWAY_S / 2)
        await host.keyboard.press("PageDown")
        await grown(made, lesson, AWAY_S / 2)
        await host.click("#page-away")
        await host.evaluate("colour = '#00f'")
        await room.goto(f"{made.url}/terminal")
        await wait_frames(room, "#teacher video", 5)
        offer = room.locator("#missed-offer")
        await expect(offer).to_contain_text("错过了", timeout=1000 * PATIENCE_S)
        # The page remembers nothing: the server does.
        await room.reload()
        await wait_frames(room, "#teacher video", 5)
        await expect(offer).to_contain_text("错过了", timeout=1000 * PATIENCE_S)

        await room.click("#missed-watch")
        await wait_frames(room, "#missed-teacher", 40)
        assert await room.evaluate("document.querySelector('#missed-teacher').muted") is False
        assert await room.evaluate(f"document.querySelector('{VOICE}').muted") is True
        seen: set[str] = set()
        while "red" not in seen:
            seen.add(await colour(room, "#missed-teacher"))
        assert "blue" not in seen
        assert await colour(room, ".missed-live video") == "blue"
        # What was on the screens meanwhile is beside it, page after page.
        await sees(room, RED, "#missed-page")
        await sees(room, GREEN, "#missed-page")
        await room.click("#missed-back")
        assert await room.locator("#missed").is_hidden()
        assert await room.evaluate(f"document.querySelector('{VOICE}').muted") is False

        # Twice as fast to its end: then the room is live again by itself, and nothing is left.
        await room.click("#missed-watch")
        await room.click("#missed [data-speed='2']")
        await room.wait_for_function(
            "() => document.querySelector('#missed-teacher').playbackRate === 2"
        )
        await room.wait_for_selector("#missed", state="hidden", timeout=1000 * PATIENCE_S)
        assert await offer.is_hidden()
        assert await colour(room, "#teacher video") == "blue"

        # Called on, the room must hear the teacher and not the past.
        await room.reload()
        await room.click("#missed-watch", timeout=1000 * PATIENCE_S)
        await wait_frames(room, "#missed-teacher", 5)
        await room.click("#hand")
        await host.click(".hands li:first-child button")
        await room.wait_for_selector("#missed", state="hidden")
        assert await room.evaluate(f"document.querySelector('{VOICE}').muted") is False
        for page in (host, room):
            assert page_problems(page) == []
            await page.context.close()
