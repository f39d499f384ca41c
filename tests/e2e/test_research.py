"""A research session, whole: four teachers of three schools in real browsers, and what it leaves.

Attendance is compared with the wall clock: from the first session a page had with the relay until
its teacher pressed the button that leaves. They may differ by `TOLERANCE_S`: lengths are in whole
seconds, a session lives a little after the press, and a sample ends at a receiver's report, which
Chromium sends once a second.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from sync_classroom.app import DATABASE_URL
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from sync_classroom.simulator.swarm import Administrator, open_http
from sync_classroom.store.database import open_store
from tests.support.browser import launch, open_device, page_problems, watch
from tests.support.lesson import WITNESS, follow, sound, today, wait_shown
from tests.support.library import PDF
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.processes import PASSWORD, ZONE, Server
from tests.support.recordings import finished
from tests.support.waiting import until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]

TOLERANCE_S = 3.0
#: So long everybody is in the meeting; what is compared is some tens of seconds.
MEET_S = 25.0
#: So far apart may players be: below it nobody notices, and the page corrects from 0.06 s on.
STEP_S = 0.25
FETCHED = """async (href) => {
  const answer = await fetch(href);
  return [answer.status, (await answer.arrayBuffer()).byteLength];
}"""
STUDIED, RECORDED_S = "english-5", 300
JUMP = """(ms) => {
  const range = document.querySelector("[data-study-range], #playback [data-range]");
  range.value = ms;
  range.dispatchEvent(new Event("change"));
}"""
LEADER = "host-1-t01"
SPEAKS, LISTENS, SHARES = "remote-1-t01", "remote-2-t01", "host-2-t01"
PEOPLE = (LEADER, SPEAKS, LISTENS, SHARES)


@dataclass
class Office:
    """A served installation in which four teachers of four schools have accounts."""

    server: Server
    browser: Browser
    http: aiohttp.ClientSession
    admin: Administrator

    async def plan(self, title: str, starts: datetime, ends: datetime, *invited: str) -> str:
        """Plan a session by the form; its id."""
        fields = aiohttp.FormData()
        for name, value in (
            ("title", title), ("subject", "英语"), ("teacher", LEADER),
            ("classroom", "host-1-r1"), ("date", f"{starts:%Y-%m-%d}"),
            ("starts", f"{starts:%H:%M}"), ("ends", f"{ends:%H:%M}"),
            *(("invited", teacher) for teacher in invited), ("key", title),
        ):  # fmt: skip
            fields.add_field(name, value)
        async with self.http.post(
            f"{self.server.url}/research/new", data=fields, allow_redirects=False,
            headers={"Sec-Fetch-Site": "same-origin"},
        ) as answer:  # fmt: skip
            assert answer.status == 303, re.sub(r"<[^>]+>|\s+", " ", await answer.text())
            return answer.headers["Location"].partition("?")[0].rpartition("/")[2]

    async def sign_in(self, teacher: str) -> Page:
        """A device of this teacher's own, signed in with their own account."""
        device = await open_device(self.browser)
        await device.add_init_script(WITNESS)
        page = watch(await device.new_page())
        await page.goto(f"{self.server.url}/sign-in")
        await page.fill("input[name=login]", teacher)
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    async def attended(self, session: str) -> dict[str, int]:
        """Seconds by teacher as the session's page shows them."""
        async with self.http.get(f"{self.server.url}/research/{session}") as answer:
            html = await answer.text()
        found = re.findall(r'data-attended="([^"]+)" data-seconds="(\d+)"', html)
        return {teacher: int(seconds) for teacher, seconds in found}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    folder: Path = tmp_path_factory.mktemp("research")
    server = Server(folder)
    try:
        await asyncio.to_thread(server.command, "init", str(server.roster()))
        account = ("user", "add", "admin", "--name", "管理员", "--role", "admin")
        await asyncio.to_thread(server.command, *account, "--password", PASSWORD)
        await recorded_lesson(server)
        await asyncio.to_thread(server.start)
        async with launch() as browser, open_http(server.url) as http:
            admin = await Administrator.sign_in(http, server.url, "admin", PASSWORD)
            for teacher in PEOPLE:
                body: dict[str, Any] = {
                    "login": teacher, "name": teacher, "role": "teacher", "password": PASSWORD,
                    "teacher": teacher,
                }  # fmt: skip
                async with http.post(f"{server.url}/api/users", json=body) as answer:
                    assert answer.status == 201, await answer.text()
            yield Office(server, browser, http, admin)
    finally:
        await asyncio.to_thread(server.stop)


async def recorded_lesson(server: Server) -> None:
    """A lesson of the leader's school, with a recording of `RECORDED_S` that begins at 2 s."""
    folder = server.folder / "data/recordings" / STUDIED
    await asyncio.to_thread(folder.mkdir, parents=True)
    path = await asyncio.to_thread(finished, folder / "01-camera-1.mp4", seconds=RECORDED_S)
    taught = lesson(
        STUDIED, "08:10", "08:50", room="host-1-r1", teacher="host-1-t02", subject="英语",
        seats=["remote-1-r1"],
    )  # fmt: skip
    size = await asyncio.to_thread(lambda: path.stat().st_size)
    file = RecordedFile(path.name, "camera", "mp4", 2.0, float(RECORDED_S), size, None, 320, 240)
    recording = Recording(
        taught.id, RecordingState.SAVED, STUDIED, taught.starts_at, taught.ends_at, files=(file,)
    )
    store = await open_store(DATABASE_URL, data_dir=server.folder / "data")
    try:
        await book(store, taught, key=STUDIED, gap_s=0)
        await store.save_recordings([recording])
    finally:
        await store.close()


async def come_in(office: Office, page: Page, session: str) -> float:
    """Open the meeting and press the button; when it was pressed."""
    await page.goto(f"{office.server.url}/research/{session}/meeting")
    pressed = time.time()
    await page.click("[data-join]")
    await page.wait_for_selector("[data-room]:visible")
    return pressed


async def connected_at(page: Page) -> float:
    """When the page's first session with the relay was connected, wall clock."""
    first = "Math.min(...witness.sessions.map((s) => s.connectedAt).filter(Boolean))"
    return float(await page.evaluate(first)) / 1000


def tile(teacher: str) -> str:
    return f'[data-tiles] li[data-peer="t:{teacher}"] video'


async def test_a_session_of_four_teachers_from_plan_to_coverage(office: Office) -> None:
    now = datetime.now(ZONE)
    ends = now + timedelta(minutes=9)
    session = await office.plan("单元教学", now, ends, *PEOPLE[1:])
    later = await office.plan("接着教研", ends, ends + timedelta(minutes=20), SPEAKS)
    pages = dict(
        zip(PEOPLE, await asyncio.gather(*(office.sign_in(t) for t in PEOPLE)), strict=True)
    )
    for teacher in PEOPLE:
        await come_in(office, pages[teacher], session)
    for teacher in (LEADER, SPEAKS, SHARES):
        await pages[teacher].click("[data-send]")
    # Everybody sees everybody who sends, and hears them.
    for teacher in PEOPLE:
        for other in {LEADER, SPEAKS, SHARES} - {teacher}:
            await pages[teacher].wait_for_selector(tile(other))
            await follow(pages[teacher], tile(other))
            await wait_shown(pages[teacher], tile(other), frames=5)
    listener = pages[LISTENS]
    await until(lambda: heard(listener, 3))
    # The invented microphones beep: somebody is the speaker, by the level of the sound.
    await expect(listener.locator("[data-tiles] li.speaking")).to_have_count(1)
    await expect(listener.locator("[data-people] li")).to_have_count(4)

    # The leader has it recorded, and everybody reads so, whoever only listens too.
    await pages[LEADER].click("[data-record]")
    for teacher in PEOPLE:
        await pages[teacher].wait_for_selector('[data-recording="on"]:visible')

    await pages[SHARES].click("[data-screen]")
    screen = "[data-tiles] li.large .tile-screen video"
    await listener.wait_for_selector(screen)
    await follow(listener, screen)
    await wait_shown(listener, screen, frames=3)
    await until(screen_recorder(office, session))
    await pages[SHARES].click("[data-screen]")
    await listener.wait_for_selector(screen, state="detached")

    await study_begins(pages)
    await refused_elsewhere(office, later, session)
    await guest_once(office, session, pages[LISTENS])
    await study_goes_on(pages)
    await two_score(office, session, pages)

    since = {teacher: await connected_at(pages[teacher]) for teacher in PEOPLE}
    latest = max(since.values())
    await until(lambda: spent(latest, MEET_S))
    truth: dict[str, float] = {}
    for teacher in (SPEAKS, LISTENS, SHARES):
        await pages[teacher].click("[data-leave]")
        truth[teacher] = time.time() - since[teacher]
    pages[LEADER].on("dialog", lambda dialog: asyncio.ensure_future(dialog.accept()))
    await pages[LEADER].click("[data-finish]")
    truth[LEADER] = time.time() - since[LEADER]
    await pages[LEADER].wait_for_selector("[data-lobby]:visible")
    ended = time.monotonic()

    async def all_told() -> bool:
        told = await office.attended(session)
        return all(told.get(t, 0) >= truth[t] - TOLERANCE_S for t in PEOPLE)

    await until(all_told)
    print(f"told after {time.monotonic() - ended:.1f} s")
    told = await office.attended(session)
    print({t: (round(truth[t], 1), told[t]) for t in PEOPLE})
    assert set(told) == set(PEOPLE)
    for teacher in PEOPLE:
        assert abs(told[teacher] - truth[teacher]) <= TOLERANCE_S

    async def counted() -> bool:
        totals = (await office.admin.get(f"/api/coverage?{today()}"))["totals"]
        return bool(totals["research_teacher_s"] == sum(told.values()))

    await until(counted)
    print(f"counted after {time.monotonic() - ended:.1f} s")
    await recording_plays(office, session, pages[LISTENS])
    for teacher in PEOPLE:
        assert page_problems(pages[teacher]) == []


HEARD_AGAIN = """() => {
  const tracks = JSON.parse(document.querySelector("[data-tracks]").textContent).tracks;
  const files = tracks.flatMap((track) => track.files);
  return [...document.querySelectorAll("[data-tiles] li:not([hidden])")].map((tile) => {
    const video = tile.querySelector("video");
    const file = files.find((each) => video.src.endsWith(each.url));
    return [tile.dataset.source, file.start_ms / 1000 + video.currentTime - Date.now() / 1000,
      !video.paused && video.readyState >= 3];
  });
}"""


def screen_recorder(office: Office, session: str) -> Callable[[], Awaitable[bool]]:
    """Whether the shared screen's file grows, as the relay writes it."""
    folder = office.server.folder / "data/recordings" / session
    first: dict[Path, int] = {}

    def grows() -> bool:
        sizes = {path: path.stat().st_size for path in folder.glob("*-screen-*")}
        return any(size > first.setdefault(path, size) for path, size in sizes.items())

    async def grown() -> bool:
        return await asyncio.to_thread(grows)

    return grown


async def recording_plays(office: Office, session: str, page: Page) -> None:
    """Afterwards whoever was invited plays on the session's page what all said, in step."""

    async def finished_there() -> bool:
        await page.goto(f"{office.server.url}/research/{session}")
        return await page.locator("[data-tracks]").count() == 1

    await until(finished_there)
    told = json.loads(await page.inner_text("[data-tracks]"))
    sent = {track["source"]: track["files"] for track in told["tracks"]}
    senders = {f"seat:t:{teacher}" for teacher in (LEADER, SPEAKS, SHARES)}
    assert set(sent) == senders | {f"screen:t:{SHARES}"}
    begins = sent[f"screen:t:{SHARES}"][0]["start_ms"]
    await page.evaluate(JUMP, begins + 500)
    await expect(page.locator("[data-tiles] li.large")).to_have_attribute(
        "data-source", f"screen:t:{SHARES}"
    )
    ends = max(file["end_ms"] for file in sent[f"screen:t:{SHARES}"])
    await page.evaluate(JUMP, ends + 1_000)
    await page.click("[data-play]")

    async def playing() -> list[Any]:
        places: list[Any] = await page.evaluate(HEARD_AGAIN)
        if not places:  # it was over before what is looked for was seen
            await page.evaluate(JUMP, ends + 1_000)
            await page.click("[data-play]")
        return places

    async def together() -> bool:
        places = await playing()
        moments = [moment for _, moment, plays in places if plays]
        seen = {source for source, *_ in places} == senders
        return seen and len(moments) == 3 and max(moments) - min(moments) < STEP_S

    await until(together)

    async def one_speaks() -> bool:
        await playing()
        return await page.locator("[data-tiles] li.speaking").count() == 1

    await until(one_speaks)


PLACE = """() => {
  const video = document.querySelector("[data-study-video]");
  return [video.currentTime - Date.now() / 1000, video.currentTime, video.paused, video.readyState];
}"""


async def in_step(pages: Collection[Page]) -> bool:
    """Whether all play the same moment, but for `STEP_S`."""
    places = await asyncio.gather(*(page.evaluate(PLACE) for page in pages))
    offsets = [offset for offset, _, paused, ready in places if ready >= 2 and not paused]
    return len(offsets) == len(pages) and max(offsets) - min(offsets) < STEP_S


async def stands_at(page: Page, seconds: float) -> bool:
    """Whether the page shows just this moment and stands."""
    _, at, paused, ready = await page.evaluate(PLACE)
    return bool(paused and ready >= 2 and abs(at - seconds) < 0.05)


async def study_begins(pages: Mapping[str, Page]) -> None:
    """The leader chooses a lesson; it plays in every page in step."""
    leader = pages[LEADER]
    assert await pages[LISTENS].locator("[data-study-choose]").is_hidden()
    await leader.click("[data-study-choose]")
    await leader.select_option("#study-files", f"{STUDIED}/01-camera-1.mp4")
    await leader.click("[data-study-watch]")
    for page in pages.values():
        await page.wait_for_selector("[data-study]:visible")
        await expect(page.locator("[data-study-title]")).to_have_text("课")
        await until(lambda page=page: stands_at(page, 0))
    await leader.click("[data-study-play]")
    await until(lambda: in_step(pages.values()))
    await expect(leader.locator("[data-study-play]")).to_have_text("暂停")


async def study_goes_on(pages: Mapping[str, Page]) -> None:
    """Pause, jump and comments at a mark reach everybody; a comment's mark is a way back to it."""
    leader, listener = pages[LEADER], pages[LISTENS]
    assert await listener.locator("[data-study-play]").is_hidden()
    await leader.click("[data-study-play]")
    await until(lambda: all_stand(pages.values()))
    await leader.evaluate(JUMP, 62_000)
    for page in pages.values():
        await until(lambda page=page: stands_at(page, 60))
    await listener.fill("#comment", "这里等学生等得好")
    await listener.press("#comment", "Enter")
    said = leader.locator("[data-comments] li")
    await expect(said).to_contain_text("这里等学生等得好")
    await expect(said.locator(".mark")).to_have_text("01:02")
    await expect(listener.locator("[data-comments] .mark")).to_be_disabled()
    await leader.evaluate(JUMP, 12_000)
    await until(lambda: stands_at(listener, 10))
    await said.locator(".mark").click()
    await until(lambda: stands_at(listener, 60))
    await leader.click("[data-study-close]")
    for page in pages.values():
        await page.wait_for_selector("[data-study]", state="hidden")


async def two_score(office: Office, session: str, pages: Mapping[str, Page]) -> None:
    """Two teachers score what was watched; whoever leads reads the average of both."""
    at = f"{office.server.url}/research/{session}/scores"
    for teacher, points in ((SPEAKS, "6"), (LISTENS, "9")):
        asks = pages[teacher].request
        shown = re.search(r'name="rubric" value="(\w+)"', await (await asks.get(at)).text())
        assert shown is not None
        given = {"lesson": STUDIED, "rubric": shown.group(1)}
        given |= {f"points-{n}": points for n in range(5)}
        same = {"Sec-Fetch-Site": "same-origin"}
        answer = await asks.post(at, form=given, headers=same)
        assert "done=saved" in answer.url, await answer.text()
    told = re.sub(r"<[^>]+>|\s+", " ", await (await pages[LEADER].request.get(at)).text())
    assert "平均（2 人）" in told
    assert "75.0" in told


async def all_stand(pages: Collection[Page]) -> bool:
    """Whether all have stopped at the same moment."""
    places = await asyncio.gather(*(page.evaluate(PLACE) for page in pages))
    moments = [at for _, at, paused, _ in places if paused]
    return len(moments) == len(pages) and max(moments) - min(moments) < 0.05


async def heard(page: Page, voices: int) -> bool:
    """Whether so many voices arrive."""
    return sum(packets > 0 for packets, _ in await sound(page)) >= voices


async def spent(since: float, seconds: float) -> bool:
    return time.time() - since >= seconds


async def refused_elsewhere(office: Office, later: str, session: str) -> None:
    """A teacher who meets is refused in another session with its reason, and with another page of
    the same may take part there instead."""
    page = await office.sign_in(SPEAKS)
    await page.goto(f"{office.server.url}/research/{later}/meeting")
    await page.click("[data-join]")
    await expect(page.locator("#messages")).to_contain_text("您正在参加另一场教研「单元教学」")
    await page.goto(f"{office.server.url}/research/{session}/meeting")
    await page.click("[data-join]")
    await expect(page.locator("#messages")).to_contain_text("另一个窗口")
    await expect(page.locator("[data-anyway]")).to_be_visible()
    await page.context.close()


async def guest_once(office: Office, session: str, beside: Page) -> None:
    """A guest comes in by a link; with the same link nobody comes in again."""
    leader = await office.sign_in(LEADER)
    await leader.goto(f"{office.server.url}/research/{session}")
    await leader.click(".add-material summary")
    await leader.set_input_files("#file", {"name": "教案.pdf", "mimeType": "", "buffer": PDF})
    await leader.click("[data-send]")
    await expect(leader.locator(".materials")).to_contain_text("教案.pdf")
    await leader.fill("#guest", "教研员")
    await leader.click(".guest-form button")
    link = await leader.inner_text(".guest-link")
    await leader.context.close()
    device = await open_device(office.browser)
    guest = watch(await device.new_page())
    await guest.goto(link)
    await guest.fill("#name", "顾教研员")
    await guest.keyboard.press("Enter")
    await guest.wait_for_url("**/meeting")
    plan = await guest.get_attribute(".meeting-side a", "href")
    assert plan is not None
    assert await guest.evaluate(FETCHED, plan) == [200, len(PDF)]
    await guest.click("[data-join]")
    await expect(guest.locator("[data-people]")).to_contain_text("顾教研员")
    # Whoever comes late lands in step with the lesson that is watched.
    await until(lambda: in_step([guest, beside]))
    await guest.click("[data-leave]")
    assert page_problems(guest) == []
    other = await open_device(office.browser)
    stranger = await other.new_page()
    await stranger.goto(link)
    await expect(stranger.locator("main")).to_contain_text("link_used")
    await device.close()
    await other.close()
