"""Annotations of live lessons: from the host's terminal to every room, and to those who come late.

Nothing is stored: annotations are of the moment, and the host's page keeps its own and sends them
again after any break. Each coordinator keeps what it has heard, so that a room that joins anywhere
is shown the present state; one that has heard nothing asks the others.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from ..domain.ids import ClassroomId, OccurrenceId
from ..domain.ink import MAX_POINTS, Ink, Stroke
from ..domain.messages import Draw, PointAt, Wipe
from ..domain.problems import ProblemError, ProblemKind
from .desk import LessonDesk
from .hub import TerminalHub
from .lessons import unknown_lesson
from .ports import Bus

log = structlog.get_logger(__name__)

CHANNEL: Final = "ink"
MAX_LESSONS: Final = 200
# Rooms may join or leave a lesson while somebody draws.
PARTS_S: Final = 5.0
# A hand makes some hundred points a second; a page that was loaded again sends everything at once.
POINTS_PER_S: Final = 500.0
POINTS_BURST: Final = 2.0 * MAX_POINTS


@dataclass(slots=True)
class _Board:
    """One lesson's annotations here, who takes part, and what the host may still send."""

    ink: Ink
    known: bool = False
    host: ClassroomId | None = None
    rooms: tuple[ClassroomId, ...] = ()
    running: bool = False
    read_at: float = float("-inf")
    tokens: float = POINTS_BURST
    spent_at: float = 0.0


class InkDesk:
    """Takes what hosts draw and tells the terminals of this process; `run` hears the others."""

    def __init__(
        self,
        desk: LessonDesk,
        hub: TerminalHub,
        bus: Bus,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._desk = desk
        self._hub = hub
        self._bus = bus
        self._monotonic = monotonic
        self._id = secrets.token_hex(8)
        self._boards: OrderedDict[OccurrenceId, _Board] = OrderedDict()
        self._listening = asyncio.Event()

    async def take(self, classroom: ClassroomId, message: Draw | Wipe | PointAt) -> None:
        """What a terminal draws, wipes or points at; ProblemError if it is not the lesson's host,
        the lesson is not running, or it is too much."""
        board = await self._parts(message.lesson)
        if board.host != classroom:
            raise _refused("host_only", "只有主讲教室可以批注。", "Only the host may annotate.")
        if not board.running:
            raise _refused(
                "lesson_not_running", "课没有在上，不能批注。", "The lesson is not running."
            )
        if isinstance(message, Draw):
            self._spend(board, sum(len(stroke.points) for stroke in message.strokes))
        told = _written(message)
        self._apply(board, told)
        board.known = True
        self._tell(board, told)
        await self._bus.publish(CHANNEL, {"type": "told", "from": self._id, "message": told})

    async def greet(self, lesson: OccurrenceId) -> dict[str, Any] | None:
        """The whole state for a terminal that joins; None if there is nothing, or it is asked for
        and comes later."""
        board = self._board(lesson)
        if not board.known:
            await self._bus.publish(CHANNEL, {"type": "ask", "from": self._id, "lesson": lesson})
            return None
        return _whole(lesson, board.ink) if board.ink.strokes else None

    async def listening(self) -> None:
        """Wait until the bus is heard."""
        await self._listening.wait()

    async def run(self) -> None:
        """Hear what hosts draw at other coordinators; until cancelled."""
        async with self._bus.subscribe(CHANNEL) as messages:
            self._listening.set()
            async for message in messages:
                try:
                    await self._hear(message)
                except ProblemError as problem:
                    log.warning("ink.not_told", code=problem.code)
                except (AttributeError, KeyError, TypeError, ValueError):
                    log.debug("ink.unreadable", type=message.get("type"))

    async def _hear(self, message: Mapping[str, Any]) -> None:
        kind = message["type"]
        if kind == "resync":  # whatever was missed is asked for when it is next needed
            for board in self._boards.values():
                board.known = board.host in self._hub.here()
            return
        if message["from"] == self._id:
            return
        if kind == "ask":
            lesson = OccurrenceId(message["lesson"])
            asked = self._boards.get(lesson)
            if asked is not None and asked.known and asked.host in self._hub.here():
                whole = _whole(lesson, asked.ink)
                await self._bus.publish(
                    CHANNEL, {"type": "told", "from": self._id, "message": whole}
                )
            return
        told = message["message"]
        board = await self._parts(OccurrenceId(told["lesson"]))
        board.known |= bool(told.get("whole")) or (
            told["type"] == "wipe" and told["stroke"] is None
        )
        self._apply(board, told)
        self._tell(board, told)

    def _board(self, lesson: OccurrenceId) -> _Board:
        board = self._boards.setdefault(lesson, _Board(Ink()))
        self._boards.move_to_end(lesson)
        if len(self._boards) > MAX_LESSONS:
            self._boards.popitem(last=False)
        return board

    async def _parts(self, lesson: OccurrenceId) -> _Board:
        known = self._boards.get(lesson)
        if known is not None and self._monotonic() - known.read_at < PARTS_S:
            return known
        told = (await self._desk.live_states([lesson])).get(lesson)
        if told is None:
            raise unknown_lesson(lesson)
        board = self._board(lesson)
        board.host, board.rooms = told.host, told.seats
        board.running = told.state(for_host=False)["state"] in ("open", "live")
        board.read_at = self._monotonic()
        return board

    def _apply(self, board: _Board, told: Mapping[str, Any]) -> None:
        if told["type"] == "wipe":
            board.ink.wipe(told["stroke"])
        elif told["type"] == "ink":
            if told["whole"]:
                board.ink.wipe(None)
            board.ink.draw(
                Stroke(s["id"], s["colour"], tuple((x, y) for x, y in s["points"]))
                for s in told["strokes"]
            )

    def _tell(self, board: _Board, told: Mapping[str, Any]) -> None:
        here = self._hub.here()
        for room in board.rooms:
            if room in here:
                self._hub.tell_here(room, told)

    def _spend(self, board: _Board, points: int) -> None:
        now = self._monotonic()
        earned = (now - board.spent_at) * POINTS_PER_S
        board.tokens, board.spent_at = min(POINTS_BURST, board.tokens + earned), now
        if points > board.tokens:
            raise _refused("ink_too_much", "批注太快，有几笔没有送出。", "Too much ink at once.")
        board.tokens -= points


def _written(message: Draw | Wipe | PointAt) -> dict[str, Any]:
    """A message of the host as rooms are told it."""
    if isinstance(message, Wipe):
        return {"type": "wipe", "lesson": message.lesson, "stroke": message.stroke}
    if isinstance(message, PointAt):
        at = None if message.at is None else list(message.at)
        return {"type": "point", "lesson": message.lesson, "at": at}
    strokes = [
        {"id": s.id, "colour": s.colour, "points": [list(p) for p in s.points]}
        for s in message.strokes
    ]
    return {"type": "ink", "lesson": message.lesson, "whole": False, "strokes": strokes}


def _whole(lesson: OccurrenceId, ink: Ink) -> dict[str, Any]:
    return {"type": "ink", "lesson": lesson, "whole": True, "strokes": ink.whole()}


def _refused(code: str, zh: str, en: str) -> ProblemError:
    return ProblemError(code, zh, en, kind=ProblemKind.FORBIDDEN)
