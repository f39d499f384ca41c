"""A lesson in real browsers against real processes: what teacher and rooms do, see and hear.

    async with school(tmp_path) as town:
        lesson = await town.plan()
        await town.begin()
        await wait_shown(town.rooms[0], TEACHER, frames=20)

Every page notes when each picture showed a frame, on the wall clock of the one machine they and
the servers share, so that outages and credited seconds can be held against what was seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import aiohttp
from playwright.async_api import Browser, Page

from sync_classroom.simulator.swarm import Administrator, open_http

from .browser import PlaywrightError, launch, open_device, page_problems, pixels, watch
from .processes import HOST, PASSWORD, ZONE, Server
from .waiting import PATIENCE_S

ROOMS: Final = ("remote-1-r1", "remote-2-r1")

# Pictures by what they show.
TEACHER: Final = "#teacher video"
COURSEWARE: Final = "#courseware video"
CALLED: Final = "#called video"
OTHER: Final = "#other video"
WALL: Final = ".wall .tile:nth-child({}) video"

# Kept by the page before its own scripts run: its sessions, and when pictures showed frames.
WITNESS: Final = """
(() => {
  const sessions = [];
  const shown = {};
  const Real = globalThis.RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Real {
    constructor(...all) {
      super(...all);
      const entry = { pc: this, connectedAt: null, direction: null };
      sessions.push(entry);
      this.addEventListener("connectionstatechange", () => {
        if (this.connectionState !== "connected" || entry.connectedAt) return;
        entry.connectedAt = Date.now();
        entry.direction = this.getTransceivers()[0].direction;
      });
    }
  };
  const sound = async () => {
    const slots = [];
    const down = sessions.filter(({ pc, direction }) => pc.connectionState === "connected"
      && direction === "recvonly").at(-1);
    for (const { receiver } of down?.pc.getTransceivers() ?? []) {
      if (receiver.track.kind !== "audio") continue;
      const reports = [...(await receiver.getStats()).values()];
      const report = reports.find((r) => r.type === "inbound-rtp");
      slots.push([report?.packetsReceived ?? 0, report?.totalAudioEnergy ?? 0]);
    }
    return slots;
  };
  const follow = (selector) => {
    const video = document.querySelector(selector);
    const times = (shown[selector] = []);
    const note = () => {
      if (shown[selector] !== times) return;
      times.push(Date.now());
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
  };
  const wideAt = (selector, width) => new Promise((resolve) => {
    const video = document.querySelector(selector);
    const look = (_now, frame) => {
      if (frame.width >= width) resolve(Date.now());
      else video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
  const louderAt = (slot, than) => new Promise((resolve) => {
    const look = async () => {
      if ((await sound())[slot][1] > than) resolve(Date.now());
      else setTimeout(look, 20);
    };
    void look();
  });
  globalThis.witness = { sessions, shown, sound, follow, wideAt, louderAt, clickedAt: 0 };
  addEventListener("click", () => { globalThis.witness.clickedAt = Date.now(); }, true);
})();
"""


@dataclass(frozen=True, slots=True)
class Seat:
    """What coverage says of one seat."""

    state: str
    credited_s: int
    host_s: int
    window_s: int


class Town:
    """One running installation with a host page and a page for each remote classroom."""

    def __init__(self, server: Server, browser: Browser, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.browser = browser
        self.http = http
        self.host: Page
        self.rooms: tuple[Page, ...]
        self.reviewer: Administrator

    async def command(self, *arguments: str) -> str:
        """Run a command of ours beside the server."""
        return await asyncio.to_thread(self.server.command, *arguments)

    async def plan(self) -> str:
        """Plan a lesson that starts now, at the server's console; returns its id."""
        starts = datetime.now(ZONE).replace(tzinfo=None, microsecond=0)
        text = await self.command(
            "lesson", "add", "--title", "Unit 6 Meet my family", "--subject", "英语",
            "--teacher", "host-1-t01", "--classroom", HOST, "--at", f"{starts}", "--minutes", "5",
            *(part for room in ROOMS for part in ("--seat", f"{room}::42")),
        )  # fmt: skip
        found = re.search(r"o-\d{8}-\w{8}", text)
        assert found, text
        return found.group()

    async def enrol(self, classroom: str) -> Page:
        """A new device on which somebody types this classroom's code."""
        text = await self.command("terminal", "code", classroom)
        device = await open_device(self.browser)
        await device.add_init_script(WITNESS)
        page = watch(await device.new_page())
        await page.goto(f"{self.server.url}/terminal")
        code = re.search(r"^([2-9A-Z]{4} [2-9A-Z]{4})\b", text, re.MULTILINE)
        assert code, text
        await page.fill("#code", code.group())
        await page.keyboard.press("Enter")
        await page.wait_for_selector("html[data-screen=lobby]")
        return page

    async def begin(self) -> float:
        """The teacher presses the one button; the rooms come by themselves and see the teacher.

        Returns the wall clock before the press, in seconds.
        """
        pressed = time.time()
        await self.host.click("#main-button[data-action=start]:enabled")
        await self.host.wait_for_selector("html[data-screen=host]")
        for room in self.rooms:
            await room.wait_for_selector("html[data-screen=remote]")
            await follow(room, TEACHER)
        for room in self.rooms:
            await wait_shown(room, TEACHER)
        return pressed

    async def end(self) -> None:
        """The teacher presses the end until the lesson is over; the rooms leave by themselves.

        A press too soon after the first is taken for a double click, one too late asks anew.
        """
        deadline = time.monotonic() + PATIENCE_S
        while await screen(self.host) == "host":
            assert time.monotonic() < deadline, "the lesson does not end"
            with contextlib.suppress(PlaywrightError):  # gone while it was being pressed
                await self.host.click("#end", timeout=2000)
        for room in self.rooms:
            await room.wait_for_selector("html[data-screen=lobby]")

    async def lesson(self, lesson: str) -> dict[str, Any]:
        """The lesson as the API tells it."""
        told: dict[str, Any] = await self.reviewer.get(f"/api/lessons/{lesson}")
        return told

    async def wait_lesson(self, lesson: str, **wanted: Any) -> dict[str, Any]:
        """Wait until the lesson is as wanted.

        Beside the API's own members: `online` and `receiving` count seats, `host_online` and
        `host_media` are the host's.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                told = await self.lesson(lesson)
            except aiohttp.ClientError as error:
                told = {"error": str(error)}
            seats, host = told.get("seats", ()), told.get("host", {})
            counts = {
                "online": sum(seat["online"] for seat in seats),
                "receiving": sum(seat["receiving"] for seat in seats),
                "host_online": host.get("online"),
                "host_media": host.get("media"),
            }
            if all((told | counts).get(name) == value for name, value in wanted.items()):
                return told
            assert time.monotonic() < deadline, (wanted, counts, told)
            await asyncio.sleep(0.1)

    async def settled(self, lesson: str, credited_s: float, host_s: float) -> list[Seat]:
        """Coverage of the lesson's seats once they have so much, or after 20 s as they are."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            seats = seats_of(await self.reviewer.get(f"/api/coverage/seats?{today()}"), lesson)
            if all(s.credited_s >= credited_s and s.host_s >= host_s for s in seats):
                break
            await asyncio.sleep(0.2)
        first, last = (part.partition("=")[2] for part in today().split("&"))
        text = await self.command("coverage", "--from", first, "--to", last, "--format", "json")
        return seats_of(json.loads(text), lesson)

    async def coverage_page(self, lesson: str) -> list[int]:
        """Credited seconds of the lesson's seats as a reviewer reads them on `/coverage`."""
        page = watch(await (await open_device(self.browser)).new_page())
        await page.goto(f"{self.server.url}/sign-in")
        await page.fill("input[name=login]", "reviewer")
        await page.fill("input[name=password]", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: "sign-in" not in url)
        await page.goto(f"{self.server.url}/coverage?{today()}")
        rows = page.locator(f'.seats-sheet tr:has(a[href^="/lessons/{lesson}#seat-"])')
        cells = await rows.locator("td.num:has(.fraction)").all_inner_texts()
        assert page_problems(page) == []
        await page.context.close()
        return [seconds_of(cell.partition("/")[0]) for cell in cells]

    def problems(self) -> list[str]:
        """What went wrong on any page."""
        return [p for page in (self.host, *self.rooms) for p in page_problems(page)]


def today() -> str:
    """Query of a period: yesterday too, for a test that runs over midnight."""
    now = datetime.now(ZONE).date()
    return f"from={now - timedelta(days=1)}&to={now}"


def seats_of(figures: dict[str, Any], lesson: str) -> list[Seat]:
    """A lesson's seats among those of a day."""
    return [
        Seat(s["state"], s["credited_s"], s["host_s"], s["window_s"])
        for s in figures["seats"]
        if s["occurrence"] == lesson
    ]


def seconds_of(text: str) -> int:
    """The seconds of a duration as pages write it: `1 小时 2 分 3 秒`."""
    found = re.fullmatch(r"(?:(\d+) 小时 )?(?:(\d+) 分 )?(\d+) 秒", text.strip())
    assert found, text
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds


async def screen(page: Page) -> str:
    """Which screen a terminal shows."""
    return str(await page.evaluate("document.documentElement.dataset.screen"))


# ---------------------------------------------------------------------------- pictures


async def follow(page: Page, selector: str) -> None:
    """Begin anew to note when this picture shows a frame."""
    await page.evaluate("(selector) => witness.follow(selector)", selector)


async def shown(page: Page, selector: str) -> list[float]:
    """When the picture showed its frames since `follow`, wall clock in seconds."""
    times = await page.evaluate("(selector) => witness.shown[selector]", selector)
    return [at / 1000 for at in times]


async def wait_shown(
    page: Page,
    selector: str,
    *,
    frames: int = 1,
    since: float = 0.0,
    for_s: float = 0.0,
) -> list[float]:
    """Wait until so many frames were shown after `since`, the last `for_s` after the first."""
    await page.wait_for_function(
        """([selector, frames, since, span]) => {
          const times = witness.shown[selector].filter((at) => at > since);
          return times.length >= frames && times.at(-1) - times[0] >= span;
        }""",
        arg=[selector, frames, since * 1000, for_s * 1000],
        timeout=1000 * PATIENCE_S,
        polling=50,
    )
    return [at for at in await shown(page, selector) if at > since]


def longest_gap_s(times: list[float]) -> float:
    """The longest time between two frames."""
    return max(b - a for a, b in pairwise(times))


async def check_pattern(page: Page, selector: str, width: int) -> None:
    """The picture, at least so wide, is the invented camera's: dark green, with a light green
    mouth that opens and closes.
    """
    # A browser starts small and grows with the line.
    await page.wait_for_function(
        "([selector, width]) => document.querySelector(selector).videoWidth >= width",
        arg=[selector, width],
        timeout=1000 * PATIENCE_S,
    )
    first = await pixels(page, selector)
    assert abs(first["width"] / first["height"] - 16 / 9) < 0.02, first
    dark, light = split(first["pixels"])
    assert dark > 32 * 18 / 2, first["pixels"]
    assert light > 10, first["pixels"]
    assert dark + light > 0.9 * 32 * 18, first["pixels"]
    deadline = time.monotonic() + PATIENCE_S
    while True:
        now = await pixels(page, selector)
        moved = sum(
            abs(a[1] - b[1]) > 60 for a, b in zip(first["pixels"], now["pixels"], strict=True)
        )
        if moved >= 5:
            return
        assert time.monotonic() < deadline, "the picture stands still"
        await asyncio.sleep(0.05)


def split(grid: list[list[int]]) -> tuple[int, int]:
    """How many pixels are the pattern's dark green and its light green."""
    dark = sum(r < 60 and b < 60 and 90 < g < 180 for r, g, b in grid)
    light = sum(g > 200 and r < 160 and b < 120 for r, g, b in grid)
    return dark, light


# ---------------------------------------------------------------------------- sound


async def sound(page: Page) -> list[tuple[int, float]]:
    """Packets and energy that arrived so far in each sound slot."""
    return [(int(p), float(e)) for p, e in await page.evaluate("witness.sound()")]


@asynccontextmanager
async def wait_called(
    host: Page, others: Sequence[Page], width: int
) -> AsyncIterator[dict[str, float]]:
    """What is clicked inside calls on a room: how long after the press its first picture, one so
    wide, and its voice reached host and others, in seconds; known on leaving."""
    places = [(host, CALLED, 0), *((page, OTHER, 1) for page in others)]
    quiet = [(await sound(page))[slot][1] for page, _, slot in places]
    after: dict[str, float] = {}
    waiting = [
        asyncio.create_task(page.evaluate(f"(all) => witness.{what}(...all)", wanted))
        for (page, selector, slot), energy in zip(places, quiet, strict=True)
        for what, wanted in (
            ("wideAt", [selector, 1]),
            ("wideAt", [selector, width]),
            ("louderAt", [slot, energy]),
        )
    ]
    try:
        yield after
        reached = await asyncio.wait_for(asyncio.gather(*waiting), PATIENCE_S)
    finally:
        for task in waiting:
            task.cancel()
    pressed = await host.evaluate("witness.clickedAt")
    kinds = ("picture", "full picture", "voice")
    names = [f"{kind} {n}" for n in range(len(places)) for kind in kinds]
    after |= {name: (at - pressed) / 1000 for name, at in zip(names, reached, strict=True)}


async def published_at(page: Page, since: float) -> float:
    """When the page's first publishing session after `since` was connected; wall clock, seconds."""
    at = await page.evaluate(
        """(since) => Math.min(...witness.sessions
          .filter(({ direction, connectedAt }) => direction === "sendonly" && connectedAt > since)
          .map(({ connectedAt }) => connectedAt))""",
        since * 1000,
    )
    return float(at) / 1000


# ---------------------------------------------------------------------------- all of it


def relay_start_s() -> float:
    """How long this machine takes now to start a Python that has loaded a relay."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import sync_classroom.relay.server"], check=True)
    return time.monotonic() - began


@asynccontextmanager
async def school(folder: Path) -> AsyncIterator[Town]:
    """Taicang's roster, a reviewer, `serve` with its relay, and three enrolled terminals."""
    server = Server(folder)
    try:
        await asyncio.to_thread(server.command, "init", str(server.roster()))
        account = ("user", "add", "reviewer", "--name", "教育局", "--role", "reviewer")
        await asyncio.gather(
            asyncio.to_thread(server.command, *account, "--password", PASSWORD),
            asyncio.to_thread(server.start),
        )
        async with launch() as browser, open_http(server.url) as http:
            town = Town(server, browser, http)
            town.host, *rooms = await asyncio.gather(*(town.enrol(c) for c in (HOST, *ROOMS)))
            town.rooms = tuple(rooms)
            town.reviewer = await Administrator.sign_in(http, server.url, "reviewer", PASSWORD)
            yield town
    finally:
        await asyncio.to_thread(server.stop)
