"""One virtual terminal: what a classroom's page does, said over the same public protocol."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import secrets
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urljoin

import aiohttp

from ..domain.problems import ProblemError
from .book import show_book
from .client import H264, HTTP_TIMEOUT, Publisher, Receiver, SessionRefusedError
from .holding import hold
from .journal import Received, RoomJournal
from .recording import Recording, play
from .transport import TransportError

VERSION: Final = "simulator"
#: Back-off between connection attempts; a server restart must be over within seconds.
RETRY_S: Final = (0.2, 0.5, 1.0, 2.0, 3.0)
#: Nobody publishes yet (409) or the room is not there: asked again soon, the bell has rung.
NOT_YET_RETRY_S: Final = 0.25
#: Live media that stays away so long means the session is dead, whatever ICE says.
SILENCE_S: Final = 2.0
TIME_INTERVAL_S: Final = 10.0
#: How often a room looks at what it received, and sends what it noted.
NOTE_INTERVAL_S: Final = 0.5
JOURNAL_INTERVAL_S: Final = 30.0
LIVE_STATES: Final = frozenset({"open", "live"})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a virtual classroom differs from a perfect one; times in seconds from its lesson's start.

    `loss` is the share of packets lost on its line, `late_s` how late it is switched on, `leave_s`
    when it is switched off for good, `blink_s` how often it loses everything and comes back,
    `hand_s` when it raises its hand.
    """

    loss: float = 0.0
    late_s: float = 0.0
    leave_s: float | None = None
    blink_s: float | None = None
    hand_s: float | None = None


@dataclass(slots=True)
class Tally:
    """What one terminal has seen so far, over all its sessions. `last_error` in both languages."""

    state: str = "off"
    sessions: int = 0
    sent: int = 0
    packets: int = 0
    bytes: int = 0
    lost: int = 0
    duplicates: int = 0
    first_packet_s: float | None = None
    connected_at: float | None = None
    rtt_ms: float | None = None
    errors: int = 0
    last_error: tuple[str, str] = ("", "")

    def received(self, receiver: Receiver) -> None:
        """Add what a session received."""
        self.packets += receiver.reports.packets
        self.bytes += receiver.reports.bytes
        self.lost += receiver.reports.lost
        self.duplicates += receiver.reports.duplicates
        rtt = receiver.transport.rtt_s
        self.rtt_ms = None if rtt is None else rtt * 1000
        if self.first_packet_s is None:
            self.first_packet_s = receiver.first_packet_s

    def published(self, publisher: Publisher) -> None:
        """Add what a session sent."""
        self.sent += publisher.sent
        rtt = publisher.transport.rtt_s
        self.rtt_ms = None if rtt is None else rtt * 1000

    def note(self, error: BaseException) -> None:
        """Count what went wrong."""
        self.errors += 1
        technical = f"{type(error).__name__}: {error}"
        self.last_error = (technical, technical)


class VirtualTerminal:
    """Holds the WebSocket and, while a lesson runs, its media. `run()` until cancelled.

    `recording` is what it publishes as host, `book` whether it turns pages of a document meanwhile;
    `thumbnail` what it publishes as a remote classroom.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        server: str,
        token: str,
        *,
        name: str,
        behaviour: Behaviour = Behaviour(),
        recording: Recording | None = None,
        thumbnail: Recording | None = None,
        seed: int = 0,
        starts_by_itself: bool = True,
        book: bool = False,
    ) -> None:
        self.name = name
        self.tally = Tally()
        self.lessons: dict[str, dict[str, Any]] = {}
        self.live: dict[str, dict[str, Any]] = {}
        self.clock_offset_ms = 0.0
        self._http = http
        self._server = server
        self._token = token
        self._behaviour = behaviour
        self._recording = recording
        self._thumbnail = thumbnail
        self._random = random.Random(seed)  # noqa: S311 - a seeded simulation, no secret
        self._starts_by_itself = starts_by_itself
        self._book = book
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._boot = secrets.token_hex(8)
        self._media: dict[str, asyncio.Task[None]] = {}
        self._acks: dict[str, asyncio.Future[None]] = {}
        self._reopen = asyncio.Event()
        self._receiver: Receiver | None = None
        self._camera: Publisher | None = None
        self._ended: set[str] = set()
        self.journal = RoomJournal()
        self._clock_compared = False
        self._send_now = asyncio.Event()

    # ------------------------------------------------------------------ WebSocket

    @property
    def hosts(self) -> bool:
        """Whether it has a lesson to give."""
        return self._recording is not None

    async def run(self) -> None:
        """Be a terminal until cancelled."""
        if self._behaviour.late_s:
            self.tally.state = "late"
            await asyncio.sleep(self._behaviour.late_s)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._talk_for_ever(tasks), name=f"{self.name} websocket")
                tasks.create_task(self._send_journal(), name=f"{self.name} journal")
                if self._behaviour.leave_s is not None:
                    leave = self._leave(self._behaviour.leave_s)
                    tasks.create_task(leave, name=f"{self.name} leaver")
        except* _LeftError:
            self.tally.state = "left"

    async def _leave(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        raise _LeftError

    async def _talk_for_ever(self, tasks: asyncio.TaskGroup) -> None:
        for attempt in itertools.count():
            try:
                async with self._http.ws_connect(
                    urljoin(self._server, "/ws/terminal"), heartbeat=10, max_msg_size=1 << 20
                ) as socket:
                    self._socket = socket
                    await self._talk(socket, tasks)
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                self.tally.note(error)
            finally:
                self._socket = None
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])

    async def _talk(
        self, socket: aiohttp.ClientWebSocketResponse, tasks: asyncio.TaskGroup
    ) -> None:
        await socket.send_json(
            {"type": "hello", "token": self._token, "version": VERSION, "boot": self._boot}
        )
        clock = tasks.create_task(self._ask_time(socket), name=f"{self.name} clock")
        try:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._heard(json.loads(message.data), tasks)
        finally:
            clock.cancel()
        if socket.close_code == 4401:
            raise _RevokedError

    async def _ask_time(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while not socket.closed:
            await socket.send_json({"type": "time", "sent": time.time() * 1000})
            await asyncio.sleep(TIME_INTERVAL_S)

    def _heard(self, message: Mapping[str, Any], tasks: asyncio.TaskGroup) -> None:
        kind = message["type"]
        if kind == "welcome":
            self.tally.state = "lobby"
            self._planned(message["plan"], tasks)
        elif kind == "plan":
            self._planned(message["lessons"], tasks)
        elif kind == "lesson":
            self.live[message["id"]] = dict(message)
            self._follow(tasks)
        elif kind == "relay":
            self._reopen.set()
        elif kind == "time":
            now = time.time() * 1000
            self.clock_offset_ms = message["now"] - (message["sent"] + now) / 2
            self._clock_compared = True
        elif kind == "ack":
            if (waiting := self._acks.pop(message["id"], None)) and not waiting.done():
                waiting.set_result(None)
        elif kind == "error":
            self.tally.errors += 1
            self.tally.last_error = (message["zh"], message["en"])
            waiting = self._acks.pop(message["id"] or "", None)
            if waiting and not waiting.done():
                waiting.set_exception(CommandRefusedError(message["code"], message["en"]))

    async def command(self, kind: str, **fields: Any) -> None:
        """Send a command and wait until it is acknowledged; raises CommandRefusedError."""
        identity = secrets.token_hex(8)
        waiting = self._acks[identity] = asyncio.get_running_loop().create_future()
        while not waiting.done():
            if self._socket is not None and not self._socket.closed:
                await self._socket.send_json({"type": kind, "id": identity, **fields})
            await asyncio.wait([waiting], timeout=2.0)
        await waiting

    # ------------------------------------------------------------------ lessons

    def _planned(self, lessons: list[dict[str, Any]], tasks: asyncio.TaskGroup) -> None:
        self.lessons = {lesson["id"]: lesson for lesson in lessons}
        self._follow(tasks)

    def _state_of(self, lesson: str) -> str:
        live = self.live.get(lesson)
        planned = self.lessons.get(lesson)
        return str((live or planned or {"state": "planned"})["state"])

    def _ours(self, lesson: str) -> bool:
        return lesson in self.lessons and self._state_of(lesson) in LIVE_STATES

    def current(self) -> str | None:
        """The one lesson a room is in: the live one, else the earliest of those that are open.

        The next lesson opens minutes before this one ends; nobody leaves for it before that.
        """
        ours = [o for o in self.lessons if self._ours(o) and o not in self._ended]
        return min(
            ours,
            key=lambda o: (self._state_of(o) != "live", self.lessons[o]["starts_at"]),
            default=None,
        )

    def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """Media runs exactly while the current lesson is open or live and still ours."""
        self._ended |= {o for o in self._media if not self._ours(o)}
        current = self.current()
        for lesson, task in self._media.items():
            if lesson != current and not task.done():
                task.cancel()
        if current is None or (current in self._media and not self._media[current].done()):
            return
        role = self.lessons[current]["role"]
        work = self._give(current) if role == "host" else self._attend(current)
        self._media[current] = tasks.create_task(work, name=f"{self.name} {current}")

    async def _give(self, lesson: str) -> None:
        """Host: press the button, publish the recording and turn pages until told otherwise."""
        if self._recording is None:
            return
        if self._starts_by_itself:
            await self.command("start", lesson=lesson)
        async with asyncio.TaskGroup() as tasks:
            camera = self._publish(lesson, "camera", self._recording)
            tasks.create_task(camera, name=f"{self.name} camera")
            if self._book:
                pages = show_book(
                    self, self._http, self._server, self._token, lesson, note=self.tally.note
                )
                tasks.create_task(pages, name=f"{self.name} pages")

    async def _publish(self, lesson: str, source: str, recording: Recording) -> None:
        """Publish one source, and come back after anything."""
        for attempt in itertools.count():
            grants = self.lessons[lesson]["grants"]
            token = next(g["token"] for g in grants["publish"] if g["source"] == source)
            url = f"{grants['url']}/whip/{lesson}"
            publisher = Publisher(self._http, url, token, audio=source == "camera", video=H264)
            try:
                await publisher.connect()
            except (
                aiohttp.ClientError,
                SessionRefusedError,
                TransportError,
                TimeoutError,
            ) as error:
                self.tally.note(error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                continue
            self.tally.sessions += 1
            if source == "camera":
                self.tally.state = "publishing"
                self._camera = publisher
            await self._while_it_lasts(publisher, play(recording, publisher))

    async def _attend(self, lesson: str) -> None:
        """Remote classroom: receive, show itself if it has a picture, raise its hand in time."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receive(lesson), name=f"{self.name} receiver")
            tasks.create_task(self._note_down(lesson), name=f"{self.name} notes")
            if self._thumbnail is not None:
                tasks.create_task(self._show_itself(lesson), name=f"{self.name} own picture")
            if self._behaviour.hand_s is not None:
                hand = self._raise_hand(lesson, self._behaviour.hand_s)
                tasks.create_task(hand, name=f"{self.name} hand")

    async def _note_down(self, lesson: str) -> None:
        """Keep the room's own journal while it is in the lesson."""
        seat = self.lessons[lesson]["seat"]["id"]
        try:
            while True:
                receiver = self._receiver
                self.journal.look(
                    lesson,
                    seat,
                    Received() if receiver is None else receiver.received(),
                    now=time.monotonic(),
                    clock_ms=time.time() * 1000,
                    offset_ms=self.clock_offset_ms if self._clock_compared else None,
                )
                await asyncio.sleep(NOTE_INTERVAL_S)
        finally:
            self.journal.close()
            self._send_now.set()

    async def _send_journal(self) -> None:
        """Send what the room noted in batches, until each is answered."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(JOURNAL_INTERVAL_S):
                    await self._send_now.wait()
            self._send_now.clear()
            while (message := self.journal.message(time.time() * 1000)) is not None:
                if not await self._post_journal(message):
                    break
                self.journal.answered(message)

    async def _post_journal(self, message: Mapping[str, Any]) -> bool:
        url = urljoin(self._server, "/api/terminal/journal")
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._http.post(
                url, json=message, headers=headers, timeout=HTTP_TIMEOUT
            ) as answer:
                said = await answer.text()
                if answer.status != 200:
                    self.tally.note(SessionRefusedError(answer.status, said, None))
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, ConnectionError):
            return False  # sent again in a while: the server knows samples by their numbers

    async def _raise_hand(self, lesson: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        try:
            await self.command("hand", lesson=lesson, raised=True)
        except CommandRefusedError as error:
            self.tally.note(error)

    async def _show_itself(self, lesson: str) -> None:
        """Publish the small picture of the room, for the host's wall."""
        assert self._thumbnail is not None
        await self._publish(lesson, "seat", self._thumbnail)

    async def _receive(self, lesson: str) -> None:
        """Receive, and come back after anything."""
        loses = None
        if self._behaviour.loss:
            loses = lambda: self._random.random() < self._behaviour.loss  # noqa: E731
        for attempt in itertools.count():
            grants = self.lessons[lesson]["grants"]
            subscribe = grants["subscribe"]
            receiver = Receiver(
                self._http,
                f"{grants['url']}/whep/{lesson}",
                subscribe["token"],
                audio=subscribe["audio"],
                video=subscribe["video"],
                loses=loses,
            )
            try:
                await receiver.connect()
            except SessionRefusedError as refused:
                if refused.status not in (404, 409):
                    self.tally.note(refused)
                self.tally.state = "waiting"
                await asyncio.sleep(NOT_YET_RETRY_S)
                continue
            except (aiohttp.ClientError, TransportError, TimeoutError) as error:
                self.tally.note(error)
                await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
                continue
            self.tally.sessions += 1
            self.tally.state = "receiving"
            self.tally.connected_at = time.monotonic()
            self._receiver = receiver
            await self._while_it_lasts(receiver, self._watch(lesson, receiver), self._blink())

    async def _blink(self) -> None:
        """Returns when this terminal loses everything, as after a pulled cable."""
        every = self._behaviour.blink_s
        await (asyncio.Event().wait() if every is None else asyncio.sleep(every))

    async def _watch(self, lesson: str, receiver: Receiver) -> None:
        """Returns when live media has been silent for too long."""
        while True:
            await asyncio.sleep(0.25)
            live = self.live.get(lesson, {})
            if live.get("host_media") is not False and receiver.silent_for_s() > SILENCE_S:
                return

    async def _while_it_lasts(
        self, session: Publisher | Receiver, *works: Coroutine[Any, Any, None]
    ) -> None:
        """Run a session until one of its works returns or the relay is new, and count it."""
        self._reopen.clear()
        try:
            broken = await hold(session, self._reopen.wait(), *works, name=f"{self.name} session")
        finally:
            self._count(session)
        if broken is not None:
            self.tally.note(broken)

    # ------------------------------------------------------------------ figures

    def figures(self) -> Tally:
        """The tally with the running session included."""
        now = replace(self.tally)
        if self._receiver is not None:
            now.received(self._receiver)
        if self._camera is not None:
            now.published(self._camera)
        return now

    def _count(self, session: Publisher | Receiver) -> None:
        if isinstance(session, Receiver):
            self.tally.received(session)
            self._receiver = None
        elif session is self._camera:
            self.tally.published(session)
            self._camera = None
        self.tally.state = "lobby"


class CommandRefusedError(Exception):
    """The server answered a command with `error`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class _LeftError(Exception):
    """This terminal was switched off for good, as its behaviour says."""


class _RevokedError(ProblemError):
    """The token is not (any longer) valid; trying again is no use."""

    def __init__(self) -> None:
        super().__init__(
            "terminal_revoked",
            "服务器不认识这台终端的令牌；它可能已被另一台设备取代。",
            "The server does not know this terminal's token; another device may have taken its"
            " place.",
        )
