"""A running installation with real browsers as classroom terminals.

    async with town(tmp_path) as made, launch() as browser:
        lesson = await made.plan(starts_in_s=60, seats=("far-1-r1",))
        host = await made.terminal(browser, "host-1-r1")

Coordinator and relay are processes of their own, so that a test may kill either.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
from playwright.async_api import Browser, Page

from sync_classroom.coordinator.ports import RelayDownError
from sync_classroom.coordinator.relay_client import RelayClient
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.roster import Roster
from sync_classroom.simulator.swarm import Administrator, open_http
from tests.support.browser import SIZES, open_page
from tests.support.coordination import roster
from tests.support.databases import file_store
from tests.support.ports import free_port
from tests.support.processes import ZONE
from tests.support.serve_child import Server, start_server

PASSWORD: Final = "a good long password"
DATABASE: Final = "sync_classroom.db"


@dataclass
class Town:
    """One installation; `settings` are what `serve_child` was told."""

    settings: dict[str, Any]
    server: Server
    http: aiohttp.ClientSession
    admin: Administrator
    control: RelayClient
    _lessons: int = field(default=0)

    @property
    def url(self) -> str:
        """Where the pages are."""
        return str(self.server.told["url"])

    async def plan(
        self,
        *,
        starts_in_s: float,
        lasts_s: float = 2400,
        host: str = "host-1-r1",
        seats: tuple[str, ...] = ("far-1-r1",),
    ) -> str:
        """Plan a lesson; returns its id."""
        self._lessons += 1
        starts = datetime.now(UTC) + timedelta(seconds=starts_in_s)
        school = host.rpartition("-")[0]
        body = {
            "title": "Unit 6 Meet my family",
            "subject": "英语",
            "teacher": f"{school}-t1",
            "classroom": host,
            "starts_at": starts.isoformat(),
            "ends_at": (starts + timedelta(seconds=lasts_s)).isoformat(),
            "seats": [{"classroom": s, "expected": 42} for s in seats],
        }
        key = {"Idempotency-Key": f"lesson-{self._lessons}"}
        return str((await self.admin.post("/api/lessons", body, headers=key))["id"])

    async def code(self, classroom: str) -> str:
        """A fresh enrolment code."""
        made = await self.admin.post("/api/terminals/codes", {"classroom": classroom})
        return str(made["code"])

    async def lesson(self, lesson: str) -> dict[str, Any]:
        """The lesson as the API tells it."""
        told: dict[str, Any] = await self.admin.get(f"/api/lessons/{lesson}")
        return told

    async def begun_earlier(self, lesson: str, minutes: float) -> None:
        """The live lesson has been live for so much longer; told with its next change."""
        store = await file_store(Path(self.settings["data_dir"]), DATABASE)
        saved = None
        while saved is None:  # the server may have been first
            run = await store.get_run(OccurrenceId(lesson))
            assert run is not None, lesson
            assert run.live_at is not None, run
            earlier = run.live_at - timedelta(minutes=minutes)
            saved = await store.save_run(replace(run, live_at=earlier))
        await store.close()

    async def terminal(
        self, browser: Browser, classroom: str, *, size: tuple[int, int] = SIZES["panel"]
    ) -> Page:
        """A device on which somebody has typed this classroom's code."""
        page = await open_page(browser, size=size)
        await page.goto(f"{self.url}/terminal")
        await page.fill("#code", await self.code(classroom))
        await page.keyboard.press("Enter")
        await page.wait_for_selector("html:not([data-screen=enrol])")
        return page

    async def office(
        self, browser: Browser, path: str, size: tuple[int, int] = SIZES["panel"]
    ) -> Page:
        """The administrator's browser at an office page."""
        page = await open_page(browser, size=size)
        await page.goto(f"{self.url}/sign-in")
        await page.fill("#login", "admin")
        await page.fill("#password", PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url(lambda url: "sign-in" not in url)
        await page.goto(f"{self.url}{path}")
        return page

    def kill_coordinator(self) -> None:
        """As a power cut would; the relay goes on."""
        self.server.kill()

    async def restart(self, *, ahead_s: float = 0) -> None:
        """`serve` again on the same ports, as systemd would; its clock is `ahead_s` ahead."""
        self.settings["clock_ahead_s"] = ahead_s
        self.server = await asyncio.to_thread(start_server, self.settings)

    async def kill_relay(self) -> None:
        """As a crash would; the coordinator starts another."""
        os.kill((await self.control.identity()).pid, signal.SIGKILL)


@asynccontextmanager
async def town(folder: Path, known: Roster | None = None, **changes: Any) -> AsyncIterator[Town]:
    """Start coordinator and relay on loopback, by default with `coordination.roster()`; stop both
    after. `changes` are of what `serve_child` is told."""
    settings = {
        "data_dir": str(folder),
        "port": free_port(),
        "relay_port": free_port(),
        "media_port": free_port(),
        "zone": ZONE.key,
        **changes,
    }
    store = await file_store(folder, DATABASE)
    await store.apply_roster(replace(known or roster(), timezone=ZONE.key))
    await store.close()
    server = await asyncio.to_thread(start_server, settings)
    control = RelayClient(folder / "relay" / "control.sock")
    made: Town | None = None
    try:
        async with open_http(server.told["url"]) as http:
            admin = Administrator(http, server.told["url"])
            token = str(server.told["setup"]).rpartition("=")[2]
            body = {"token": token, "login": "admin", "name": "管理员", "password": PASSWORD}
            await admin.post("/api/setup", body)
            admin = await Administrator.sign_in(http, server.told["url"], "admin", PASSWORD)
            made = Town(settings, server, http, admin, control)
            yield made
    finally:
        await _end(made.server if made is not None else server, control)


async def _end(server: Server, control: RelayClient) -> None:
    """Stop the coordinator if it runs, and the relay that it leaves behind."""
    if server.process.poll() is None:
        await asyncio.to_thread(server.stop)
    try:
        os.kill((await control.identity()).pid, signal.SIGKILL)
    except (RelayDownError, ProcessLookupError):
        pass  # it has gone by itself
    finally:
        await control.close()
