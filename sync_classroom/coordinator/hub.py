"""Which terminals are connected, here and at other coordinators, and how to speak to them.

Each hub knows its own connections and hears, over the bus channel `presence`, what the others hold:
`joined` and `left` at once, `here` (everything, every few seconds) so that a lost message or a
killed coordinator is put right. A coordinator that falls silent is forgotten.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog

from ..domain.accounts import Terminal
from ..domain.ids import ClassroomId, OccurrenceId, TerminalId
from ..domain.messages import LINE_STATES, PATH_KINDS, Line, Selfcheck, selfcheck_json
from .outbox import CLOSE_GOING_AWAY, CLOSE_REPLACED, CLOSE_REVOKED, Outbox
from .ports import Bus
from .terminal_ports import TerminalStore

log = structlog.get_logger(__name__)

PRESENCE: Final = "presence"
TELL: Final = "terminal"
LESSON: Final = "lesson"
# Three beats lost and a coordinator is gone; its terminals are back elsewhere by then.
BEAT_S: Final = 5.0
SILENCE_S: Final = 16.0
# Self-checks and "last seen" reach the store by this beat, so a chatty page costs one write.
WRITE_S: Final = 2.0
SEEN_STEP_S: Final = 60.0
# A report older than this says nothing about now (terminals report every 5 s during a lesson).
LINE_AGE_S: Final = 20.0
# Ten cities' worth of classrooms on one coordinator; beyond it terminals are told to come later.
MAX_CONNECTIONS: Final = 2000
MAX_OTHER_HUBS: Final = 64

REVOKED: Final = {"type": "bye", "reason": "revoked"}
REPLACED: Final = {"type": "bye", "reason": "replaced"}
RESTART: Final = {"type": "bye", "reason": "restart"}


@dataclass(frozen=True, slots=True)
class LineReport:
    """A terminal's latest word about its line; `at` is monotonic seconds of this process."""

    lesson: OccurrenceId
    state: str
    kbps: float
    loss: float | None
    frames: int
    path: str
    at: float


@dataclass(eq=False, slots=True)
class Connection:
    """One terminal's connection to this coordinator. Whoever serves it empties `outbox`.

    `selfcheck` waits to be stored, `checked` is the latest.
    """

    terminal: Terminal
    version: str
    since: float
    outbox: Outbox = field(default_factory=Outbox)
    line: LineReport | None = None
    selfcheck: Selfcheck | None = None
    checked: Selfcheck | None = None
    written_at: float | None = None


@dataclass(slots=True)
class _OtherHub:
    """What another coordinator last said it holds."""

    heard_at: float
    rooms: dict[ClassroomId, LineReport | None]


class TerminalHub:
    """All connections of this process by classroom, and a view of everybody else's.

    `run` must be running for anything to cross processes or reach the store. `clock` gives wall
    time (it also orders takeovers between coordinators), `monotonic` ages.
    """

    def __init__(
        self,
        bus: Bus,
        store: TerminalStore,
        clock: Callable[[], datetime],
        *,
        hub_id: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._bus = bus
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._max = max_connections
        self.id = hub_id or secrets.token_hex(8)
        self._mine: dict[ClassroomId, Connection] = {}
        self._others: dict[str, _OtherHub] = {}
        self._listening = [asyncio.Event(), asyncio.Event()]
        self._gone: dict[TerminalId, Connection] = {}

    # ------------------------------------------------------------------ what is known

    def online(self) -> frozenset[ClassroomId]:
        """Classrooms whose terminal is connected now, to this or any coordinator."""
        rooms = set(self._mine)
        for other in self._alive():
            rooms.update(other.rooms)
        return frozenset(rooms)

    def here(self) -> frozenset[ClassroomId]:
        """Classrooms whose terminal is connected to this process."""
        return frozenset(self._mine)

    def line_of(self, classroom: ClassroomId) -> LineReport | None:
        """The latest report of a connected terminal, or None if there is none of late."""
        mine = self._mine.get(classroom)
        reports = [mine.line] if mine is not None else []
        reports += [other.rooms.get(classroom) for other in self._alive()]
        fresh = [r for r in reports if r and self._monotonic() - r.at <= LINE_AGE_S]
        return max(fresh, key=lambda r: r.at, default=None)

    def _alive(self) -> list[_OtherHub]:
        now = self._monotonic()
        return [o for o in self._others.values() if now - o.heard_at <= SILENCE_S]

    # ------------------------------------------------------------------ connections

    async def attach(
        self, terminal: Terminal, *, version: str, first: Mapping[str, Any] | None = None
    ) -> Connection | None:
        """Register a connection, sending a former one of the same classroom away (4409).

        `first` is queued before anything else can be. None when this coordinator holds as many
        connections as it may.
        """
        former = self._mine.get(terminal.classroom)
        if former is None and len(self._mine) >= self._max:
            return None
        connection = Connection(terminal, version, since=self._clock().timestamp())
        if first is not None:
            connection.outbox.put(first)
        self._mine[terminal.classroom] = connection
        if former is not None:
            former.outbox.close(CLOSE_REPLACED, "taken over by a newer page", last=REPLACED)
        await self._bus.publish(
            PRESENCE,
            {
                "type": "joined",
                "hub": self.id,
                "classroom": terminal.classroom,
                "terminal": terminal.id,
                "since": connection.since,
            },
        )
        return connection

    async def detach(self, connection: Connection) -> None:
        """Forget a connection that ended; one that was taken over is forgotten already."""
        classroom = connection.terminal.classroom
        if self._mine.get(classroom) is not connection:
            return
        del self._mine[classroom]
        # Its last report is still written, by the task that writes; without a store, forgotten.
        if len(self._gone) < self._max:
            self._gone[connection.terminal.id] = connection
        await self._bus.publish(PRESENCE, {"type": "left", "hub": self.id, "classroom": classroom})

    async def report_line(self, connection: Connection, line: Line) -> None:
        """Take a terminal's word about its line; who watches hears when the word changes."""
        before = connection.line
        connection.line = LineReport(
            line.lesson, line.state, line.kbps, line.loss, line.frames, line.path, self._monotonic()
        )
        if before is None or _word(connection.line) != _word(before):
            await self._bus.publish(
                PRESENCE,
                {
                    "type": "line",
                    "hub": self.id,
                    "classroom": connection.terminal.classroom,
                    "line": _packed(connection.line, self._monotonic()),
                },
            )
            await self._bus.publish(LESSON, {"type": "changed", "occurrence": line.lesson})

    def report_selfcheck(self, connection: Connection, check: Selfcheck) -> None:
        """Take a self-check; the latest is stored within `WRITE_S`."""
        connection.selfcheck = connection.checked = check

    # ------------------------------------------------------------------ speaking

    async def tell(self, classroom: ClassroomId, message: Mapping[str, Any]) -> None:
        """Send a message to the classroom's terminal wherever it is connected, if it is."""
        if self.tell_here(classroom, message):
            return
        await self._bus.publish(TELL, {"classroom": classroom, "message": dict(message)})

    def tell_here(self, classroom: ClassroomId, message: Mapping[str, Any]) -> bool:
        """Send to a terminal of this process; False if it is not here (or too slow to be told)."""
        connection = self._mine.get(classroom)
        return connection is not None and connection.outbox.put(message)

    async def dismiss(self, classroom: ClassroomId, *, keep: TerminalId | None) -> None:
        """Close the classroom's connections (`bye` revoked, 4401), except the device `keep`."""
        self._dismiss_here(classroom, keep)
        await self._bus.publish(TELL, {"classroom": classroom, "message": REVOKED, "keep": keep})

    def _dismiss_here(self, classroom: ClassroomId, keep: object) -> None:
        connection = self._mine.get(classroom)
        if connection is not None and connection.terminal.id != keep:
            connection.outbox.close(CLOSE_REVOKED, "terminal revoked", last=REVOKED)

    def say_goodbye(self) -> None:
        """This coordinator stops: every terminal is told to come back."""
        for connection in self._mine.values():
            connection.outbox.close(CLOSE_GOING_AWAY, "server restarts", last=RESTART)

    # ------------------------------------------------------------------ tasks

    async def listening(self) -> None:
        """Wait until `run` hears the bus, so that nothing said from then on is missed."""
        for event in self._listening:
            await event.wait()

    async def run(self) -> None:
        """Hear the others, be heard, write what terminals reported; until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear_presence(), name="hub-presence")
            group.create_task(self._hear_tells(), name="hub-tells")
            group.create_task(self._beat(), name="hub-beat")
            group.create_task(self._write(), name="hub-write")

    async def _hear_presence(self) -> None:
        async with self._bus.subscribe(PRESENCE) as messages:
            self._listening[0].set()
            async for message in messages:
                try:
                    self._heard(message)
                except (AttributeError, KeyError, TypeError, ValueError):
                    log.debug("hub.presence_unreadable", type=message.get("type"))

    def _heard(self, message: Mapping[str, Any]) -> None:
        kind, hub = message["type"], message.get("hub")
        if kind == "resync" or hub == self.id or not isinstance(hub, str):
            return  # whatever was lost is in the next `here`
        now = self._monotonic()
        if hub not in self._others and len(self._others) >= MAX_OTHER_HUBS:
            silent = min(self._others, key=lambda h: self._others[h].heard_at)
            del self._others[silent]
        other = self._others.setdefault(hub, _OtherHub(now, {}))
        other.heard_at = now
        if kind == "here":
            other.rooms = {
                ClassroomId(room): _unpacked(line, now) for room, line in message["rooms"].items()
            }
        elif kind == "joined":
            classroom = ClassroomId(message["classroom"])
            other.rooms[classroom] = None
            self._yield_to(classroom, (float(message["since"]), hub))
        elif kind == "left":
            other.rooms.pop(ClassroomId(message["classroom"]), None)
        elif kind == "line":
            other.rooms[ClassroomId(message["classroom"])] = _unpacked(message["line"], now)

    def _yield_to(self, classroom: ClassroomId, theirs: tuple[float, str]) -> None:
        """A terminal joined elsewhere: the older connection goes. Both hubs decide the same way."""
        mine = self._mine.get(classroom)
        if mine is not None and (mine.since, self.id) < theirs:
            mine.outbox.close(CLOSE_REPLACED, "taken over by a newer page", last=REPLACED)

    async def _hear_tells(self) -> None:
        async with self._bus.subscribe(TELL) as messages:
            self._listening[1].set()
            async for message in messages:
                if message.get("type") == "resync":
                    await self._check_tokens()  # a lost message may have been a revocation
                    continue
                classroom = ClassroomId(str(message.get("classroom")))
                if "keep" in message:
                    self._dismiss_here(classroom, message["keep"])
                elif isinstance(inner := message.get("message"), Mapping):
                    self.tell_here(classroom, inner)

    async def _check_tokens(self) -> None:
        valid = {t.id for t in await self._store.terminals()}
        for connection in list(self._mine.values()):
            if connection.terminal.id not in valid:
                connection.outbox.close(CLOSE_REVOKED, "terminal revoked", last=REVOKED)

    async def _beat(self) -> None:
        while True:
            now = self._monotonic()
            rooms = {room: _packed(c.line, now) for room, c in self._mine.items()}
            await self._bus.publish(PRESENCE, {"type": "here", "hub": self.id, "rooms": rooms})
            await asyncio.sleep(BEAT_S)

    async def _write(self) -> None:
        checked_at = self._monotonic()
        while True:
            await asyncio.sleep(WRITE_S)
            try:
                await self.write_reports()
                if self._monotonic() - checked_at >= SEEN_STEP_S:
                    checked_at = self._monotonic()
                    await self._check_tokens()
            except Exception:  # the store will answer again, and the reports wait for it
                log.exception("hub.write_failed")

    async def write_reports(self) -> None:
        """Store self-checks that arrived, and "last seen" where it is older than a minute.

        What cannot be stored is kept for the next time, and the store's error is raised.
        """
        for connection in [*self._gone.values(), *self._mine.values()]:
            terminal, now = connection.terminal.id, self._monotonic()
            check = connection.selfcheck
            fresh = connection.written_at is not None and now - connection.written_at < SEEN_STEP_S
            if check is None and fresh and terminal not in self._gone:
                continue
            await self._store.touch_terminal(
                terminal,
                seen_at=self._clock(),
                page_version=connection.version,
                selfcheck=selfcheck_json(check) if check else None,
            )
            connection.written_at = now
            if self._gone.get(terminal) is connection:
                del self._gone[terminal]
            if check is None:
                continue
            if connection.selfcheck is check:  # else a newer one came while this was written
                connection.selfcheck = None
            classroom = connection.terminal.classroom
            await self._bus.publish(
                PRESENCE, {"type": "selfcheck", "hub": self.id, "classroom": classroom}
            )


def _word(line: LineReport) -> tuple[str, str, int]:
    """What people are told of a line: its loss in steps of five per cent."""
    return line.state, line.path, round(20 * (line.loss or 0.0))


def _packed(line: LineReport | None, now: float) -> dict[str, Any] | None:
    """A report for the bus: its age instead of an instant, as monotonic clocks do not travel."""
    if line is None:
        return None
    return {
        "lesson": line.lesson,
        "state": line.state,
        "kbps": line.kbps,
        "loss": line.loss,
        "frames": line.frames,
        "path": line.path,
        "age_s": round(now - line.at, 3),
    }


def _unpacked(raw: Any, now: float) -> LineReport | None:
    if raw is None:
        return None
    if raw["state"] not in LINE_STATES:
        raise ValueError(f"unknown line state {raw['state']!r}")
    if raw["path"] not in PATH_KINDS:
        raise ValueError(f"unknown path {raw['path']!r}")
    return LineReport(
        OccurrenceId(raw["lesson"]),
        raw["state"],
        float(raw["kbps"]),
        None if raw["loss"] is None else float(raw["loss"]),
        int(raw["frames"]),
        raw["path"],
        now - float(raw["age_s"]),
    )
