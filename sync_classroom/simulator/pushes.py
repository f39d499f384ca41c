"""Virtual classrooms' inboxes: they fetch what is pushed to them, check it, and look at it.

By the public protocol (docs/terminal-protocol.md, Pushes). Nothing is kept: bytes are counted and
hashed as they come, which is all that a terminal says of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp

LOOK_S: Final = 5.0
"""Between two looks into the inbox; a real terminal takes a minute, which a demo has not."""
RETRY_S: Final = 1.0
"""After a broken line; the file goes on where it stopped."""
OPENED_AFTER_S: Final = (2.0, 12.0)
WATCHED_FOR_S: Final = (5.0, 25.0)
NOT_OPENED: Final = 0.1
NOT_FINISHED: Final = 0.2
"""Shares of pushes that nobody opens, and of opened ones that nobody finishes."""


@dataclass(slots=True)
class PushTally:
    """What a room had pushed to it, and how far that came; `bytes` with what came again."""

    known: int = 0
    delivered: int = 0
    opened: int = 0
    completed: int = 0
    bytes: int = 0
    last_error: tuple[str, str] = ("", "")


@dataclass(slots=True)
class _Kept:
    """One push of a room: its steps in milliseconds since 1970, None where not taken."""

    item: Mapping[str, Any]
    steps: dict[str, int] = field(default_factory=dict)


class VirtualInbox:
    """One room's inbox; `run` until cancelled."""

    def __init__(self, http: aiohttp.ClientSession, server: str, token: str, *, seed: int) -> None:
        self._http = http
        self._server = server
        self._headers = {"Authorization": f"Bearer {token}"}
        self._random = random.Random(seed)  # noqa: S311 - a seeded simulation, no secret
        self._kept: dict[tuple[str, str], _Kept] = {}
        self.tally = PushTally()

    async def run(self) -> None:
        """Look into the inbox now and then; what is new is fetched and looked at beside it."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    for item in await self._inbox():
                        key = item["push"], item["target"]
                        if key not in self._kept:
                            self._kept[key] = kept = _Kept(item)
                            self.tally.known += 1
                            tasks.create_task(self._receive(kept), name=f"push {key[0]}")
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.tally.last_error = (str(error), str(error))
                await asyncio.sleep(LOOK_S)

    async def _inbox(self) -> list[dict[str, Any]]:
        url = urljoin(self._server, "/api/terminal/pushes")
        async with self._http.get(url, headers=self._headers) as response:
            response.raise_for_status()
            found: list[dict[str, Any]] = (await response.json())["pushes"]
            return found

    async def _receive(self, kept: _Kept) -> None:
        """All steps of one push, in order, unless it is over before, or the file is another."""
        try:
            digest = await self.fetch(kept.item)
        except aiohttp.ClientResponseError as error:  # cancelled, or expired
            self.tally.last_error = (str(error), str(error))
            return
        if digest != kept.item["sha256"]:
            self.tally.last_error = ("推送文件的 SHA-256 不符", "a pushed file has another SHA-256")
            await self._say(kept, state="failed", failure="hash")
            return
        try:
            await self._look_at(kept)
        except aiohttp.ClientResponseError as error:
            self.tally.last_error = (str(error), str(error))

    async def _look_at(self, kept: _Kept) -> None:
        await self._step(kept, "delivered")
        if self._random.random() < NOT_OPENED:
            return
        await asyncio.sleep(self._random.uniform(*OPENED_AFTER_S))
        await self._step(kept, "opened")
        if self._random.random() < NOT_FINISHED:
            return
        await asyncio.sleep(self._random.uniform(*WATCHED_FOR_S))
        await self._step(kept, "completed")

    async def fetch(self, item: Mapping[str, Any]) -> str:
        """The SHA-256 of a push's file, however often its line breaks.

        aiohttp.ClientResponseError where the server says that it will not come.
        """
        taken, size = hashlib.sha256(), 0
        while size < item["bytes"]:
            part = {"Range": f"bytes={size}-", "If-Range": f'"{item["sha256"]}"'}
            try:
                # Somebody in the room wants it now: a demo does not wait for the night.
                url = urljoin(self._server, f"{item['href']}?asked=1")
                async with self._http.get(url, headers=self._headers | part) as response:
                    response.raise_for_status()
                    if response.status == 200:  # from the beginning: it has become another file
                        taken, size = hashlib.sha256(), 0
                    async for block in response.content.iter_any():
                        taken.update(block)
                        size += len(block)
                        self.tally.bytes += len(block)
            except (aiohttp.ClientError, TimeoutError) as error:
                _raise_if_refused(error)
                self.tally.last_error = (str(error), str(error))
                await asyncio.sleep(RETRY_S)
        return taken.hexdigest()

    async def _step(self, kept: _Kept, step: str) -> None:
        kept.steps[step] = _now_ms()
        await self._say(kept, state="kept")
        setattr(self.tally, step, getattr(self.tally, step) + 1)

    async def _say(self, kept: _Kept, *, state: str, failure: str | None = None) -> None:
        """Say it until it is answered; each step is written once however often it is said."""
        copy = {
            "push": kept.item["push"], "target": kept.item["target"], "state": state,
            "bytes": kept.item["bytes"] if state == "kept" else 0, "failure": failure,
            "watched_s": 0, **kept.steps,
        }  # fmt: skip
        url = urljoin(self._server, "/api/terminal/pushes")
        while True:
            body = {"sent": _now_ms(), "copies": [copy]}
            try:
                async with self._http.post(url, json=body, headers=self._headers) as response:
                    response.raise_for_status()
                    for refused in (await response.json())["refused"]:
                        self.tally.last_error = (refused["zh"], refused["en"])
                    return
            except (aiohttp.ClientError, TimeoutError) as error:
                _raise_if_refused(error)
                self.tally.last_error = (str(error), str(error))
                await asyncio.sleep(RETRY_S)


async def run_inboxes(inboxes: Sequence[VirtualInbox]) -> None:
    """Run all of them until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for inbox in inboxes:
            tasks.create_task(inbox.run(), name="inbox")


def _raise_if_refused(error: Exception) -> None:
    """Asking again helps where the line broke, the server is away or wants a pause."""
    if isinstance(error, aiohttp.ClientResponseError):
        refused = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        if refused and error.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
