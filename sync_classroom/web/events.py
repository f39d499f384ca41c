"""`GET /api/events`: server-sent events for the office's pages, so that they need not ask again.

`lesson` {"lesson"}, `plan` {}, `draft` {"term"}, `receipt` {} (somebody saw a notice),
`report` {} and `terminal` {"classroom"} say that something changed; `resync` {} that an unknown
number was missed and the page should load again. Data is what a page needs to ask for the rest,
never the rest itself, so one stream serves every role.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from ..coordinator.ports import Bus
from ..domain.problems import ProblemError, ProblemKind
from .access import session_token
from .keys import SERVICES
from .metrics import METRICS

# An open page each for a few hundred people.
MAX_STREAMS: Final = 500
# Distinct things that changed while a browser did not read; more than that is a reload.
MAX_WAITING: Final = 64
# Proxies close a silent connection after 60 s; the session is looked at again as often.
HEARTBEAT_S: Final = 15.0
RETRY_MS: Final = 3000
_CHANNELS: Final = ("lesson", "plan", "roster", "presence", "draft", "notices", "reports")
_PRESENCE_KINDS: Final = frozenset({"joined", "left", "line", "selfcheck", "help"})

Event = tuple[str, tuple[tuple[str, str], ...]]
RESYNC: Final[Event] = ("resync", ())


def event_of(channel: str, message: Mapping[str, Any]) -> Event | None:
    """What a bus message means for a page, or None if nothing."""
    kind = message.get("type")
    if kind == "resync":
        return RESYNC
    if channel == "lesson":
        return ("lesson", (("lesson", str(message.get("occurrence"))),))
    if channel in ("plan", "roster"):
        return ("plan", ())
    if channel == "draft":
        return ("draft", (("term", str(message.get("term"))),))
    if channel == "reports":
        return ("report", ())
    if channel == "notices":
        return ("receipt", ())
    if kind in _PRESENCE_KINDS:
        return ("terminal", (("classroom", str(message.get("classroom"))),))
    return None


class _Stream:
    """What waits for one browser; the same event waits once."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[Event, None] = OrderedDict()
        self._filled = asyncio.Event()
        self.ended = False

    def put(self, event: Event) -> None:
        if event == RESYNC or len(self._waiting) >= MAX_WAITING:
            self._waiting.clear()
            event = RESYNC
        if RESYNC not in self._waiting:
            self._waiting[event] = None
        self._filled.set()

    def end(self) -> None:
        self.ended = True
        self._filled.set()

    async def take(self) -> list[Event]:
        """Everything that waits, after waiting for something; empty when the stream ends."""
        await self._filled.wait()
        self._filled.clear()
        events, self._waiting = list(self._waiting), OrderedDict()
        return events


class EventFan:
    """Hears the bus once and fans out to every open stream. `run` owns the hearing."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._streams: set[_Stream] = set()
        self._listening = {channel: asyncio.Event() for channel in _CHANNELS}

    def __len__(self) -> int:
        return len(self._streams)

    async def listening(self) -> None:
        """Wait until every channel is heard."""
        for event in self._listening.values():
            await event.wait()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for channel in _CHANNELS:
                group.create_task(self._listen(channel), name=f"events-{channel}")

    async def _listen(self, channel: str) -> None:
        async with self._bus.subscribe(channel) as messages:
            self._listening[channel].set()
            async for message in messages:
                event = event_of(channel, message)
                if event is not None:
                    for stream in self._streams:
                        stream.put(event)

    def open(self) -> _Stream:
        """A new stream; ProblemError when there are too many."""
        if len(self._streams) >= MAX_STREAMS:
            raise ProblemError(
                "too_many_streams",
                "打开的页面太多，实时更新暂不可用，请稍后刷新。",
                "Too many pages are open for live updates; reload a little later.",
                kind=ProblemKind.UNAVAILABLE,
                retry_after_s=60,
            )
        stream = _Stream()
        self._streams.add(stream)
        return stream

    def close(self, stream: _Stream) -> None:
        """Forget a stream."""
        self._streams.discard(stream)

    def end_all(self) -> None:
        """The server stops: every stream ends, browsers come back by themselves."""
        for stream in self._streams:
            stream.end()


EVENTS: Final[web.AppKey[EventFan]] = web.AppKey("events", EventFan)


def written(event: Event) -> bytes:
    """One event in the text/event-stream format (HTML Living Standard, 9.2.5)."""
    name, fields = event
    return f"event: {name}\ndata: {json.dumps(dict(fields), ensure_ascii=False)}\n\n".encode()


async def serve_events(request: web.Request) -> web.StreamResponse:
    """Stream events until the browser leaves, its session ends, or the server stops."""
    fan = request.app[EVENTS]
    stream = fan.open()
    request.app[METRICS].streams.inc()
    try:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold events back
            }
        )
        # Browsers leave in the middle of a sentence; that is the normal end of a stream.
        with contextlib.suppress(ConnectionResetError):
            await response.prepare(request)
            await response.write(f"retry: {RETRY_MS}\n\n".encode())
            await _pour(request, stream, response)
        return response
    finally:
        fan.close(stream)
        request.app[METRICS].streams.dec()


async def _pour(request: web.Request, stream: _Stream, response: web.StreamResponse) -> None:
    accounts, token = request.app[SERVICES].accounts, session_token(request) or ""
    while not stream.ended:
        try:
            async with asyncio.timeout(HEARTBEAT_S):
                events = await stream.take()
        except TimeoutError:
            # Whoever was signed out or disabled meanwhile hears nothing more.
            if await accounts.session(token) is None:
                return
            await response.write(b": still here\n\n")
            continue
        for event in events:
            await response.write(written(event))
