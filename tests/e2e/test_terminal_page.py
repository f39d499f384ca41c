"""The classroom's page in a real Chromium against a real coordinator and relay."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.support.browser import (
    SIZES,
    loudest,
    open_page,
    page_problems,
    pixels,
    wait_frames,
)
from tests.support.classrooms import Town, town
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]

# A fresh lesson must be reached, seen and heard on a machine that encodes for every room at once.
# Sound by slot of the subscription; a beep is far above the hiss of a lossy codec.
VOICE, CALLED_VOICE = 'audio[data-key="0"]', 'audio[data-key="1"]'
LOUD = 0.02
HOST, FIRST, SECOND = "host-1-r1", "far-1-r1", "far-2-r1"


@pytest_asyncio.fixture(loop_scope="module")
async def school(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as made:
        yield made


async def close(*pages: Page) -> None:
    """Leave no camera running for the next test, and no page that complained."""
    for page in pages:
        assert page_problems(page) == []
        await page.context.close()


_TRACK = "() => document.querySelector('#teacher video').srcObject.getVideoTracks()[0]"
_OTHER_TRACK = """
(before) => {
  const track = document.querySelector("#teacher video").srcObject?.getVideoTracks()[0];
  return track !== undefined && track !== before && !track.muted;
}
"""
_WATCH_COVER = """
() => {
  const cover = document.querySelector("#teacher .instead");
  const seen = [];
  const look = () => seen.push(cover.checkVisibility());
  new MutationObserver(look).observe(cover.parentElement, { attributes: true, subtree: true });
  return seen;
}
"""


async def moving(page: Page, selector: str) -> None:
    """Wait for a picture that goes on."""
    shown = await wait_frames(page, selector, 1)
    await wait_frames(page, selector, shown + 5)


async def on_screen(page: Page, name: str) -> None:
    await page.wait_for_selector(f"html[data-screen={name}]")


async def end_lesson(host: Page) -> None:
    """Press until it is over: a press that comes too soon or too late does not count."""
    while await host.get_attribute("html", "data-screen") == "host":
        await host.locator("#end").click()


# ---------------------------------------------------------------- enrolment and lobby


async def test_enrolment_reads_codes_forgivingly_and_says_what_is_wrong(
    school: Town, browser: Browser
) -> None:
    page = await open_page(browser)
    await page.goto(f"{school.url}/terminal")
    problem = page.locator("#enrol-problem")
    await page.fill("#code", "K7M2")
    await page.keyboard.press("Enter")
    await expect(problem).to_have_text("注册码有 8 位，还差 4 位。")
    await page.fill("#code", "K7M2P9O0")
    await page.keyboard.press("Enter")
    await expect(problem).to_contain_text("“O0”")
    await page.fill("#code", "K7M2P9QX")
    await page.keyboard.press("Enter")
    await expect(problem).to_contain_text("K7M2P9QX")
    code = await school.code(FIRST)
    # Nobody has chosen a language for this device yet; it can be chosen here.
    await page.locator(".enrol .tongue").click()
    await expect(page.locator(".enrol h1")).to_have_text("Enrol this classroom")
    await page.locator(".enrol .tongue").click()
    await page.fill("#code", f" {code[:4].lower()}-{code[4:].lower()} ")
    await page.keyboard.press("Enter")
    await on_screen(page, "lobby")
    await expect(page.locator(".place")).to_have_text("受援校一 · 1号教室")
    await expect(page.locator(".lesson-title")).to_have_text("今天没有课")
    # A second device with the same code is refused, and says so.
    other = await open_page(browser)
    await other.goto(f"{school.url}/terminal")
    await other.fill("#code", code)
    await other.keyboard.press("Enter")
    await expect(other.locator("#enrol-problem")).to_contain_text(code)
    await close(page, other)


async def test_selfcheck_of_working_devices_is_green_and_reaches_the_board(
    school: Town, browser: Browser
) -> None:
    page = await school.terminal(browser, FIRST)
    for part in ("camera", "microphone", "line", "clock"):
        await page.wait_for_selector(f"[data-check={part}][data-state=ok]")
    speaker = page.locator("[data-check=speaker]")
    await expect(speaker).to_have_attribute("data-state", "unknown")
    await page.click("#tone")
    await page.click("#heard")
    await expect(speaker).to_have_attribute("data-state", "ok")

    async def told() -> dict[str, Any] | None:
        board = (await school.admin.get("/api/terminals"))["terminals"]
        (row,) = [r for r in board if r["classroom"]["id"] == FIRST]
        check = row["terminal"]["selfcheck"]
        return check if check and check["speaker"]["state"] == "ok" else None

    check = await until(told)
    assert [check[p]["state"] for p in ("camera", "microphone")] == ["ok", "ok"]
    assert check["path"]["kind"] == "udp"
    assert check["path"]["ways"] == {"udp": "ok", "tcp": "ok"}
    await expect(page.locator("#check-ways")).to_contain_text("UDP ✔  TCP ✔")
    # Again later, when the first grants of the check room have run out, is another test's matter;
    # at once it must work as often as it is pressed.
    await page.click("#check-again")
    await page.wait_for_selector("#check-again:disabled")
    await page.wait_for_selector("#check-again:enabled")
    await expect(page.locator("[data-check=line]")).to_have_attribute("data-state", "ok")
    await close(page)


async def test_lobby_shows_today_in_both_languages_and_fits_every_screen(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=1800)
    for size in SIZES.values():
        page = await school.terminal(browser, FIRST, size=size)
        await expect(page.locator(".lesson-title")).to_have_text("英语 · Unit 6 Meet my family")
        await expect(page.locator(".next .whom")).to_contain_text("应到 42")
        await expect(page.locator(".count")).to_have_text(re.compile(r"^29:\d\d$"))
        overflow = "() => document.documentElement.scrollWidth - innerWidth"
        assert await page.evaluate(overflow) <= 0
        await page.click(".language")
        await expect(page.locator(".next .kicker")).to_contain_text("Next")
        await expect(page.locator(".today li")).to_have_count(1)
        await close(page)


# ---------------------------------------------------------------- a lesson


async def test_lesson_from_start_to_end(school: Town, browser: Browser) -> None:
    lesson = await school.plan(starts_in_s=120, seats=(FIRST, SECOND))
    host = await school.terminal(browser, HOST)
    first = await school.terminal(browser, FIRST)
    second = await school.terminal(browser, SECOND)
    # Open already: rooms join by themselves and wait for the teacher.
    await on_screen(first, "remote")
    await on_screen(second, "remote")
    await expect(first.locator(".wait-title")).to_have_text("等老师开始")
    await expect(first.locator("#hand")).to_be_disabled()
    main = host.locator("#main-button")
    await expect(main).to_have_text("开始上课")
    await main.click()
    for room in (first, second):
        await moving(room, "#teacher video")
    await host.wait_for_selector("#lesson-state[data-live]")
    assert (await school.lesson(lesson))["state"] == "live"
    # Chromium's fake camera is green all over; black would be a picture that never came.
    red, green, blue = (await pixels(first, "#teacher video"))["pixels"][300]
    assert green > 90
    assert max(red, blue) < 90

    await host.click("#screen")
    await moving(first, "#courseware video")
    await first.click("#more")
    await expect(first.locator("#present")).to_have_text("43")
    await expect(host.locator(".sum")).to_have_text("实到 43")

    await expect(second.locator("#headcount-due")).to_be_hidden()
    await school.begun_earlier(lesson, minutes=6)
    await first.locator("body").press(" ")
    await expect(host.locator(".hands li")).to_have_count(1)
    await expect(host.locator(".sum")).to_have_text("实到 43，1 间未报")
    await expect(first.locator("#headcount-due")).to_be_hidden()
    await second.click("#message-open")
    await expect(second.locator("#headcount-due")).to_be_hidden()
    await second.click("#message-cancel")
    await second.fill("#headcount-asked", "40")
    await second.keyboard.press("Enter")
    await expect(second.locator("#headcount-due")).to_be_hidden()
    await expect(second.locator("#present")).to_have_text("40")
    await expect(host.locator(".sum")).to_have_text("实到 83")
    await expect(first.locator("#hand")).to_contain_text("第 1 个")
    await second.click("#hand")
    await expect(host.locator(".hands .name")).to_have_text(
        ["受援校一 1号教室", "受援校二 1号教室"]
    )
    await host.click(".hands li:first-child button")
    await expect(first.locator(".on-air")).to_have_text("正在发言，全市听得到")
    await moving(host, "#called video")
    await moving(second, "#other video")
    # Called on, the small picture grows to the whole of its camera.
    await host.wait_for_function("() => document.querySelector('#called video').videoWidth >= 960")
    # Slots of sound: the teacher is heard in the rooms, the called room at the host's and by the
    # others, and nobody hears himself.
    assert await loudest(first, VOICE) > LOUD
    assert await loudest(host, VOICE) > LOUD
    assert await loudest(second, CALLED_VOICE) > LOUD
    assert await loudest(first, CALLED_VOICE) < LOUD
    await host.click("#mute")
    await expect(first.locator(".on-air")).to_have_text("已被老师静音")
    await host.click("#release")
    await expect(first.locator(".on-air")).to_be_hidden()
    await expect(host.locator(".hands li")).to_have_count(1)

    end = host.locator("#end")
    await end.dblclick()  # by accident: it asks instead
    await expect(end).to_have_text("确认下课？")
    await end_lesson(host)
    for page in (host, first, second):
        await on_screen(page, "lobby")
    assert (await school.lesson(lesson))["state"] == "ended"
    await close(host, first, second)


async def test_reload_goes_on_with_the_lesson_without_a_press(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=60)
    host = await school.terminal(browser, HOST)
    room = await school.terminal(browser, FIRST)
    await host.click("#main-button[data-action=start]:enabled")
    await moving(room, "#teacher video")
    await room.reload()
    await moving(room, "#teacher video")
    await host.reload()
    await on_screen(host, "host")
    await moving(host, "#preview video")
    await moving(room, "#teacher video")
    await close(host, room)


async def test_server_away_keeps_the_picture_and_opens_the_page_again(
    school: Town, browser: Browser
) -> None:
    lesson = await school.plan(starts_in_s=60)
    host = await school.terminal(browser, HOST)
    room = await school.terminal(browser, FIRST)
    await host.click("#main-button[data-action=start]:enabled")
    await host.wait_for_selector("#lesson-state[data-live]")
    await moving(room, "#teacher video")
    kept = "async () => (await (await caches.open('terminal-shell')).keys()).length > 10"
    await room.wait_for_function(kept)
    await host.wait_for_function(kept)
    school.kill_coordinator()
    await room.wait_for_selector("[data-banner=offline]")
    await moving(room, "#teacher video")
    await room.click("#hand")
    # A reboot with the server away: the kept page, the cached plan, the relay's own tokens.
    for page in (room, host):
        await page.reload()
    await on_screen(host, "host")
    await moving(room, "#teacher video")
    await room.wait_for_selector("[data-banner=offline]")
    await end_lesson(host)
    await school.restart()
    # The end that was pressed while nobody listened is heard now.
    await on_screen(room, "lobby")
    assert (await school.lesson(lesson))["state"] == "ended"
    await close(host, room)


async def test_relay_killed_in_mid_lesson_is_found_again_by_itself(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=60)
    host = await school.terminal(browser, HOST)
    room = await school.terminal(browser, FIRST)
    await host.click("#main-button[data-action=start]:enabled")
    await moving(room, "#teacher video")
    before = await room.evaluate_handle(_TRACK)
    covered = await room.evaluate_handle(_WATCH_COVER)
    await school.kill_relay()
    # Another session with the new relay brings another track; nobody pressed anything.
    await room.wait_for_function(_OTHER_TRACK, arg=before, polling=50)
    # The last picture stayed all the while.
    assert await covered.evaluate("(seen) => seen.includes(true)") is False
    await moving(room, "#teacher video")
    await close(host, room)


# ---------------------------------------------------------------- devices, windows, people


async def test_second_window_takes_over_and_the_first_can_take_back(
    school: Town, browser: Browser
) -> None:
    first = await school.terminal(browser, FIRST)
    second = await first.context.new_page()
    await second.goto(f"{school.url}/terminal")
    await on_screen(second, "lobby")
    await on_screen(first, "replaced")
    await first.click("#take-back")
    await on_screen(first, "lobby")
    await on_screen(second, "replaced")
    await close(first)


async def test_revoked_terminal_asks_for_a_code_again(school: Town, browser: Browser) -> None:
    old = await school.terminal(browser, FIRST)
    new = await school.terminal(browser, FIRST)
    await on_screen(old, "enrol")
    await expect(old.locator("#enrol-problem")).to_contain_text("已被吊销")
    await on_screen(new, "lobby")
    await close(old, new)


async def test_camera_unplugged_in_mid_lesson_is_named_and_taken_again(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=60)
    host = await school.terminal(browser, HOST)
    room = await school.terminal(browser, FIRST)
    await host.click("#main-button[data-action=start]:enabled")
    await moving(room, "#teacher video")
    # What Chromium does when the plug is pulled: the track ends, and asking finds no camera.
    await host.evaluate(
        """() => {
          const media = navigator.mediaDevices;
          const ask = media.getUserMedia.bind(media);
          window.unplugged = true;
          media.getUserMedia = async (wanted) => {
            if (window.unplugged && wanted.video) throw new DOMException("gone", "NotFoundError");
            return ask(wanted);
          };
          const track = document.querySelector("#preview video").srcObject.getVideoTracks()[0];
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    await host.wait_for_selector("[data-banner=camera-lost]")
    await host.evaluate(
        """() => {
          window.unplugged = false;
          navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
        }"""
    )
    await host.wait_for_selector("[data-banner=camera-lost]", state="detached")
    await moving(host, "#preview video")
    await moving(room, "#teacher video")
    await close(host, room)


async def test_courseware_stopped_by_the_browser_is_said_and_can_be_shared_again(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=60)
    host = await school.terminal(browser, HOST)
    await host.click("#main-button[data-action=start]:enabled")
    await host.click("#screen")
    screen = host.locator("#screen")
    await expect(screen).to_have_text("停止课件")
    await host.evaluate(
        """() => {
          const track = document.querySelector("#preview video").srcObject.getVideoTracks()[0];
          track.stop();
          track.dispatchEvent(new Event("ended"));
        }"""
    )
    await host.wait_for_selector("[data-banner=screen]")
    await expect(screen).to_have_text("课件")
    await host.click("#screen")
    await expect(screen).to_have_text("停止课件")
    await close(host)


async def test_everything_is_reached_by_keyboard(school: Town, browser: Browser) -> None:
    await school.plan(starts_in_s=60)
    page = await school.terminal(browser, HOST)
    # The first check has run: before and after it, its button can be pressed.
    await page.wait_for_selector("[data-check=line][data-state=ok]")
    await page.wait_for_selector("#check-again:enabled")
    reached = set()
    for _ in range(12):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("() => document.activeElement.id"))
    assert {"main-button", "check-again", "tone"} <= reached
    await page.focus("#main-button")
    await page.keyboard.press("Enter")
    await on_screen(page, "host")
    await page.wait_for_selector("#lesson-state[data-live]")
    reached = set()
    for _ in range(12):
        await page.keyboard.press("Tab")
        reached.add(await page.evaluate("() => document.activeElement.id"))
    assert {"screen", "camera", "voice", "extend", "end"} <= reached
    await close(page)


# A document that captures a camera may play sound in today's Chromium, whatever its policy; other
# browsers and stricter policies refuse until somebody has touched the page.
WITHHOLD = """
const play = HTMLMediaElement.prototype.play;
// Not navigator.userActivation: whatever a test evaluates in the page counts as a gesture there.
let touched = false;
addEventListener("pointerdown", () => (touched = true), { capture: true });
HTMLMediaElement.prototype.play = function () {
  if (this.muted || touched) return play.call(this);
  this.pause();
  return Promise.reject(new DOMException("no gesture yet", "NotAllowedError"));
};
"""


async def test_sound_that_the_browser_withholds_is_one_tap_away(
    school: Town, browser: Browser
) -> None:
    await school.plan(starts_in_s=60)
    host = await school.terminal(browser, HOST)
    room = await school.terminal(browser, FIRST)
    await on_screen(room, "remote")
    await room.add_init_script(WITHHOLD)
    await room.reload()  # nobody has touched this document
    await host.click("#main-button[data-action=start]:enabled")
    await moving(room, "#teacher video")
    button = room.locator("[data-banner=sound] button:visible")
    await expect(button).to_have_text("点一下打开声音")
    await button.click()
    await expect(button).to_have_count(0)
    assert await loudest(room, VOICE) > LOUD
    await close(host, room)
