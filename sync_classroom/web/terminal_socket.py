"""`/ws/terminal`: one classroom's terminal, as docs/terminal-protocol.md says.

One task reads, one writes. Reading: size, rate, parsing; rubbish is answered, counted and, at the
eleventh in a minute, the end. Writing: whatever the hub, the feed and the reader put in the outbox.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final

import structlog
from aiohttp import WSMessage, WSMsgType, web

from ..coordinator.hub import Connection
from ..coordinator.outbox import (
    CLOSE_POLICY,
    CLOSE_REVOKED,
    CLOSE_TRY_LATER,
    Farewell,
    Outbox,
)
from ..coordinator.services import Services
from ..coordinator.throttle import Throttle, address_key
from ..domain.accounts import Terminal
from ..domain.messages import (
    MAX_MESSAGE_BYTES,
    Draw,
    Hello,
    Help,
    Line,
    Message,
    Noticed,
    PointAt,
    Selfcheck,
    Time,
    Wipe,
    parse_message,
)
from ..domain.notices import Audience
from ..domain.problems import ProblemError
from .access import cross_site
from .formats import term_on
from .metrics import WebMetrics
from .origin import client_address, same_origin
from .problems import by_status
from .terminal_feed import TerminalFeed, running_of

log = structlog.get_logger(__name__)

HELLO_S: Final = 10.0
RATE_PER_S: Final = 20.0
RATE_BURST: Final = 60.0
RUBBISH_MAX: Final = 10
RUBBISH_S: Final = 60.0
# A dead line is noticed in 1.5 beats, well before a lesson's seat counts as gone.
HEARTBEAT_S: Final = 20.0
# Sockets that have not said hello yet; 48 rooms return at once after a restart.
MAX_STRANGERS: Final = 500
# How long the terminal has to answer a close; its line is cut then.
CLOSE_S: Final = 5.0
# A terminal that takes this long to read one message has lost its line.
SEND_S: Final = 10.0


class Intake:
    """Rate and rubbish of one connection; pure, `now` is monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._tokens = RATE_BURST
        self._at = now
        self._rubbish: deque[float] = deque(maxlen=RUBBISH_MAX + 1)

    def allow(self, now: float) -> bool:
        """Whether one more message fits the rate."""
        self._tokens = min(RATE_BURST, self._tokens + (now - self._at) * RATE_PER_S)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def rubbish(self, now: float) -> bool:
        """Count a bad message; True when that was one too many within a minute."""
        self._rubbish.append(now)
        return len(self._rubbish) > RUBBISH_MAX and now - self._rubbish[0] <= RUBBISH_S


def error_message(command: str | None, problem: ProblemError) -> dict[str, Any]:
    """The `error` message of a refusal."""
    return {
        "type": "error",
        "id": command,
        "code": problem.code,
        "zh": problem.zh,
        "en": problem.en,
    }


class TerminalSockets:
    """Serves every terminal connection of one application."""

    def __init__(
        self, services: Services, feed: TerminalFeed, throttle: Throttle, metrics: WebMetrics
    ) -> None:
        self._services = services
        self._feed = feed
        self._throttle = throttle
        self._metrics = metrics
        self._strangers = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Upgrade, hello, then talk until either side ends it."""
        if not same_origin(request):
            raise cross_site()
        if self._strangers >= MAX_STRANGERS:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES,
            heartbeat=HEARTBEAT_S,
            compress=False,
            timeout=CLOSE_S,
        )
        self._strangers += 1
        try:
            await socket.prepare(request)
            hello, terminal = await self._meet(request, socket)
        finally:
            self._strangers -= 1
        if hello is not None and terminal is not None:
            await self._host(socket, hello, terminal)
        return socket

    # ------------------------------------------------------------------ hello

    async def _meet(
        self, request: web.Request, socket: web.WebSocketResponse
    ) -> tuple[Hello | None, Terminal | None]:
        """The first message, and whose token it brings; the socket is closed if it is no good."""
        nobody = (None, None)
        try:
            first = await socket.receive(timeout=HELLO_S)
        except TimeoutError:
            await self._close(socket, Farewell(CLOSE_POLICY, "no hello"))
            return nobody
        if first.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return nobody  # closed, or too big and closed with 1009 by the protocol itself
        try:
            message = parse_message(first.data) if first.type is WSMsgType.TEXT else None
        except ValueError:
            message = None
        if not isinstance(message, Hello):
            self._metrics.messages.labels("rubbish").inc()
            await self._close(socket, Farewell(CLOSE_POLICY, "the first message must be hello"))
            return nobody
        where = address_key(client_address(request))
        if self._throttle.take("hello", where, time.monotonic()) > 0.0:
            await self._close(socket, Farewell(CLOSE_TRY_LATER, "too many tries"))
            return nobody
        terminal = await self._services.enrolment.terminal(message.token)
        if terminal is None:
            await self._close(socket, Farewell(CLOSE_REVOKED, "unknown or revoked token"))
            return nobody
        self._throttle.give_back("hello", where, time.monotonic())
        self._metrics.messages.labels("hello").inc()
        return message, terminal

    async def _welcome(
        self, terminal: Terminal, plan: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        services = self._services
        roster = services.roster.current()
        room = roster.classrooms[terminal.classroom]
        school = roster.schools[room.school]
        term = term_on(roster, services.clock().astimezone(services.zone).date())
        return {
            "type": "welcome",
            "now": self._now_ms(),
            "server": services.settings.version,
            "boot": services.settings.boot,
            "terminal": terminal.id,
            "classroom": {"id": room.id, "name": room.name},
            "school": {"id": school.id, "name": school.name, "role": school.role.value},
            "zone": str(services.zone),
            "term": term and {"name": term.name, "week1_monday": term.week1_monday.isoformat()},
            "check": await services.desk.check_grants(room.id),
            "plan": plan,
        }

    def _now_ms(self) -> int:
        return round(self._services.clock().timestamp() * 1000)

    # ------------------------------------------------------------------ talking

    async def _host(self, socket: web.WebSocketResponse, hello: Hello, terminal: Terminal) -> None:
        if terminal.classroom not in self._services.roster.current().classrooms:
            await self._close(socket, Farewell(CLOSE_TRY_LATER, "roster is being read"))
            return
        heard = self._feed.heard
        plan = await self._services.desk.plan_for(terminal.classroom)
        welcome = await self._welcome(terminal, plan)
        connection = await self._services.hub.attach(terminal, version=hello.version, first=welcome)
        if connection is None:
            await self._close(socket, Farewell(CLOSE_TRY_LATER, "too many terminals"))
            return
        writer = asyncio.create_task(
            self._write(socket, connection.outbox), name=f"terminal-{terminal.classroom}"
        )
        try:
            for state in await self._feed.states_of(plan):
                connection.outbox.put(state)
            self._feed.remember(terminal.classroom, plan, heard)
            for lesson in running_of(plan):
                if (ink := await self._services.ink.greet(lesson)) is not None:
                    connection.outbox.put(ink)
            last = await self._services.help_desk.last_of(terminal.classroom)
            if last is not None:
                connection.outbox.put(last)
            await self._feed.tell_notices([terminal.classroom])
            await self._read(socket, connection, writer)
        finally:
            # Whatever ended the reading ends the writing; a farewell on its way is let out.
            connection.outbox.close(CLOSE_TRY_LATER, "connection over")
            try:
                await self._close(socket, await writer)
            finally:
                await self._services.hub.detach(connection)

    async def _write(self, socket: web.WebSocketResponse, outbox: Outbox) -> Farewell:
        """Send until the farewell is reached or the line is lost; how to close then."""
        while True:
            message = await outbox.next()
            if isinstance(message, Farewell):
                return message
            try:
                async with asyncio.timeout(SEND_S):
                    await socket.send_str(json.dumps(message, ensure_ascii=False))
            except (ConnectionError, TimeoutError):
                return Farewell(CLOSE_TRY_LATER, "cannot be sent to")

    async def _close(self, socket: web.WebSocketResponse, farewell: Farewell) -> None:
        if not socket.closed:
            self._metrics.closed.labels(str(farewell.code)).inc()
        await socket.close(code=farewell.code, message=farewell.reason.encode())

    async def _read(
        self, socket: web.WebSocketResponse, connection: Connection, writer: asyncio.Task[Farewell]
    ) -> None:
        intake = Intake(time.monotonic())
        while (frame := await _next_frame(socket, writer)) is not None:
            now = time.monotonic()
            if not intake.allow(now):
                self._reject(connection, intake, now, "too_many", "too many messages")
                continue
            try:
                if frame.type is not WSMsgType.TEXT:
                    raise ValueError("messages are text")
                message = parse_message(frame.data)
                if isinstance(message, Hello):
                    raise ValueError("hello was said already")
            except ValueError as error:
                self._reject(connection, intake, now, "bad_message", str(error))
                continue
            self._metrics.messages.labels(type(message).__name__.lower()).inc()
            await self._take(connection, message)

    def _reject(
        self, connection: Connection, intake: Intake, now: float, code: str, reason: str
    ) -> None:
        self._metrics.messages.labels("rubbish").inc()
        problem = ProblemError(
            code,
            f"终端发来的消息无法处理：{reason}。",
            f"The message was not understood: {reason}.",
        )
        if intake.rubbish(now):
            connection.outbox.close(
                CLOSE_POLICY, "too much rubbish", last=error_message(None, problem)
            )
        else:
            connection.outbox.put(error_message(None, problem))

    async def _take(self, connection: Connection, message: Message) -> None:
        hub = self._services.hub
        if isinstance(message, Time):
            connection.outbox.put({"type": "time", "sent": message.sent, "now": self._now_ms()})
        elif isinstance(message, Selfcheck):
            hub.report_selfcheck(connection, message)
        elif isinstance(message, Line):
            await hub.report_line(connection, message)
        elif isinstance(message, Noticed):
            await self._noticed(connection.terminal, message)
        elif isinstance(message, (Draw, Wipe, PointAt)):
            work = self._services.ink.take(connection.terminal.classroom, message)
            if (answer := await _answered(None, work))["type"] == "error":
                connection.outbox.put(answer)
        elif isinstance(message, Help):
            call = self._services.help_desk.call(connection, message)
            connection.outbox.put(await _answered(message.id, call))
        elif not isinstance(message, Hello):
            order = self._services.desk.handle(connection.terminal.classroom, message)
            connection.outbox.put(await _answered(message.id, order))

    async def _noticed(self, terminal: Terminal, message: Noticed) -> None:
        """Keep the receipt. A lost one comes again with the notice, after a reconnect."""
        try:
            await self._services.notices.noticed(
                Audience.CLASSROOM, terminal.classroom, message.notice, read=message.read
            )
        except ProblemError as problem:
            log.warning("terminal.receipt_lost", notice=message.notice, code=problem.code)


async def _answered(command: str | None, work: Awaitable[None]) -> Mapping[str, Any]:
    """Do what a command asks; the ack or the error. A repeated id is done once."""
    try:
        await work
    except ProblemError as problem:
        return error_message(command, problem)
    except Exception:
        log.exception("terminal.command_failed", command=command)
        return error_message(command, by_status(500))
    return {"type": "ack", "id": command}


async def _next_frame(
    socket: web.WebSocketResponse, writer: asyncio.Task[Farewell]
) -> WSMessage | None:
    """The next data frame; None when the terminal closed or the writer reached the farewell.

    A close must not begin while `receive` waits: aiohttp then cuts the line without waiting for the
    terminal's answer, and what the terminal had still sent could cost it the close code.
    """
    receiving = asyncio.ensure_future(socket.receive())
    try:
        await asyncio.wait({receiving, writer}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if not receiving.done():
            receiving.cancel()
            await asyncio.wait({receiving})
    if receiving.cancelled() or writer.done():
        return None
    frame = receiving.result()
    return frame if frame.type in (WSMsgType.TEXT, WSMsgType.BINARY) else None


SOCKETS: Final[web.AppKey[TerminalSockets]] = web.AppKey("terminal_sockets", TerminalSockets)


async def serve_terminal(request: web.Request) -> web.StreamResponse:
    """`GET /ws/terminal`."""
    return await request.app[SOCKETS].serve(request)
