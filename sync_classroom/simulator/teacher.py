"""Virtual teachers in a research session: each signs in and meets as its page would, with media.

By the public API (docs/http-api.md, `api.meeting.*`) and WHIP and WHEP only.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import aiohttp

from .answers import RequestRefusedError
from .client import H264, Publisher, Receiver, SessionRefusedError
from .holding import hold
from .recording import Recording, play
from .swarm import Account, Row, Swarm, open_http
from .terminal import NOT_YET_RETRY_S, RETRY_S, Tally
from .transport import TransportError

#: Whoever is there says so this often; who was not heard of for 30 s has left.
HERE_S: Final = 5.0
ATTENDANCE_S: Final = 5.0


class VirtualTeacher:
    """One teacher in one meeting: sends `recording`, receives everybody. `run()` until it is over.

    Without a `recording` the teacher listens.
    """

    hosts = False

    def __init__(
        self,
        server: str,
        login: str,
        password: str,
        session: str,
        *,
        name: str,
        recording: Recording | None,
    ) -> None:
        self.name = name
        self.tally = Tally()
        self._server = server
        self._credentials = login, password
        self._session = session
        self._recording = recording
        self._client = secrets.token_hex(8)
        self._meeting: dict[str, Any] = {}
        self._grants: dict[str, Any] = {}
        self._receiver: Receiver | None = None
        self._camera: Publisher | None = None
        self._account: Account | None = None

    async def run(self) -> None:
        """Come in and stay until the meeting is over; leaves however that ends."""
        async with open_http(self._server) as http:
            account = await Account.sign_in(http, self._server, *self._credentials)
            self._account = account
            await self._ask("join", anyway=True)
            if self._recording is not None:
                await self._ask("send")
            try:
                await self._meet(http)
            finally:
                self.tally.state = "left"
                with contextlib.suppress(aiohttp.ClientError, RequestRefusedError, TimeoutError):
                    await asyncio.shield(self._ask("leave"))

    async def finish(self) -> None:
        """End the meeting for all, as its leader."""
        await self._ask("finish")

    @property
    def here(self) -> bool:
        """Whether it is in the meeting now."""
        return bool(self._meeting) and self.tally.state != "left"

    def figures(self) -> Tally:
        """The tally with the running sessions included."""
        now = replace(self.tally)
        if self._camera is not None:
            now.published(self._camera)
        if self._receiver is not None:
            now.received(self._receiver)
        return now

    # ------------------------------------------------------------------ the meeting

    async def _ask(self, what: str, **more: Any) -> None:
        """Say something of the meeting; what it is like is the answer."""
        assert self._account is not None
        path = f"/api/research/{self._session}/{what}"
        answer = await self._account.post(path, {"client": self._client, **more})
        if answer:
            self._meeting = answer
            self._grants = answer["grants"] or self._grants

    async def _meet(self, http: aiohttp.ClientSession) -> None:
        """Send and receive while the meeting goes on."""
        async with asyncio.TaskGroup() as tasks:
            media = [tasks.create_task(self._listen(http), name=f"{self.name} listens")]
            if self._recording is not None:
                speaks = self._speak(http, self._recording)
                media.append(tasks.create_task(speaks, name=f"{self.name} speaks"))
            while not self._meeting["over"]:
                await asyncio.sleep(HERE_S)
                try:
                    await self._ask("here")
                except (aiohttp.ClientError, TimeoutError) as error:  # the media go on without
                    self.tally.note(error)
            for task in media:
                task.cancel()

    async def _speak(self, http: aiohttp.ClientSession, recording: Recording) -> None:
        """Send camera and microphone, and come back after anything."""
        for attempt in itertools.count():
            token = next(g["token"] for g in self._grants["publish"] if g["source"] == "seat")
            url = f"{self._grants['url']}/whip/{self._meeting['room']}"
            publisher = Publisher(http, url, token, audio=True, video=H264)
            if await self._connected(publisher, attempt):
                self._camera = publisher
                try:
                    broken = await hold(publisher, play(recording, publisher), name=self.name)
                finally:
                    self.tally.published(publisher)
                    self._camera = None
                if broken is not None:
                    self.tally.note(broken)

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        """Receive everybody, and come back after anything."""
        for attempt in itertools.count():
            subscribe = self._grants["subscribe"]
            receiver = Receiver(
                http,
                f"{self._grants['url']}/whep/{self._meeting['room']}",
                subscribe["token"],
                audio=subscribe["audio"],
                video=subscribe["video"],
            )
            if await self._connected(receiver, attempt):
                self._receiver = receiver
                self.tally.state = "receiving"
                self.tally.connected_at = time.monotonic()
                try:
                    await hold(receiver, _lost(receiver), name=self.name)
                finally:
                    self.tally.received(receiver)
                    self._receiver = None

    async def _connected(self, session: Publisher | Receiver, attempt: int) -> bool:
        """Open a session; False, after a pause, where that did not work."""
        pause = RETRY_S[min(attempt, len(RETRY_S) - 1)]
        try:
            await session.connect()
        except SessionRefusedError as refused:
            self.tally.state = "waiting"
            if refused.status in (404, 409):  # nobody sends yet
                pause = NOT_YET_RETRY_S
            else:
                self.tally.note(refused)
        except (aiohttp.ClientError, TransportError, TimeoutError) as error:
            self.tally.note(error)
        else:
            self.tally.sessions += 1
            return True
        await asyncio.sleep(pause)
        return False


async def _lost(receiver: Receiver) -> None:
    """Returns when the relay no longer answers; nobody may be speaking, so silence says nothing."""
    while True:
        await asyncio.sleep(0.25)
        if not receiver.transport.connected:
            return


class VirtualMeeting:
    """A session's virtual teachers by id, the leader first. `run()` until it is over or cancelled.

    `attendance` are the seconds that the server has counted of each, which `account` is told.
    """

    def __init__(
        self, account: Account, session: str, teachers: Mapping[str, VirtualTeacher]
    ) -> None:
        self.teachers = dict(teachers)
        self.swarm = Swarm(list(self.teachers.values()))
        self.attendance: dict[str, int] = {}
        self._account = account
        self._path = f"/api/research/{session}/attendance"

    async def run(self) -> None:
        """Have everybody meet."""
        counting = asyncio.create_task(self._count(), name="attendance")
        try:
            await self.swarm.run()
        finally:
            counting.cancel()
            await asyncio.gather(counting, return_exceptions=True)

    async def finish(self) -> None:
        """The leader ends the meeting for all."""
        leader = next(iter(self.teachers.values()))
        if leader.here:
            await leader.finish()

    async def look(self) -> dict[str, int]:
        """What the server has counted by now."""
        self.attendance = (await self._account.get(self._path))["attendance"]
        return self.attendance

    def rows(self) -> Sequence[Row]:
        """A row a teacher for the live table, with the seconds the server has counted."""
        return [
            Row(f"{teacher.name} {self.attendance.get(ident, 0)} s", teacher.figures())
            for ident, teacher in self.teachers.items()
        ]

    async def _count(self) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError, RequestRefusedError, TimeoutError):
                await self.look()
            await asyncio.sleep(ATTENDANCE_S)
