"""What classrooms' terminals receive of pushes: their inbox, files, and what they say.

A terminal is told everything that was sent to its classroom and is not over. It fetches in its
school's quiet hours, or when a person in the room asks; the server holds both, since it alone sees
all terminals of a school. What terminals say comes at least once, and each step is one fact.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from ..domain.accounts import Terminal
from ..domain.facts import PushProgress
from ..domain.ids import PushId, SchoolId, TargetId
from ..domain.library import Resource, Version
from ..domain.problems import ProblemError, ProblemKind
from ..domain.push_copies import (
    Copy,
    NotTakenError,
    Said,
    facts_of,
    parse_message,
    parse_said,
)
from ..domain.push_orders import OrderState, Progress, PushOrder, progress_of
from ..domain.school_lines import Line, Lines, Pace, parse_hours, quiet_window
from ..domain.timetable import PushTarget
from .library import LibraryService
from .pushes import ServiceStore
from .roster import RosterService
from .services import Clock
from .throttle import Throttle

log = structlog.get_logger(__name__)

#: A terminal is told of so many pushes, the latest.
MAX_INBOX: Final = 200
#: Sent at once: at 1 Mbit/s half a second.
BLOCK: Final = 64 * 1024
ANY_TIME: Final = Lines(Line((parse_hours("00:00-24:00"),), 0))


@dataclass(frozen=True, slots=True)
class LineOptions:
    """How terminals fetch: their schools' lines, and how many bytes each may keep."""

    lines: Lines = ANY_TIME
    quota_bytes: int = 20_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One push in a terminal's inbox; `reminded_at` None: nobody has reminded of it."""

    order: PushOrder
    target: PushTarget
    resource: Resource
    version: Version
    progress: Progress
    reminded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Inbox:
    """Everything a terminal may have; `quiet` is the present or next window for fetching."""

    entries: tuple[Entry, ...]
    quiet: tuple[datetime, datetime] | None
    kbps: int
    quota_bytes: int


@dataclass(frozen=True, slots=True)
class Fetch:
    """A file that a terminal may have now; after `until` no more of it is sent, None: all of it."""

    version: Version
    path: Path
    school: SchoolId
    until: datetime | None


@dataclass(frozen=True, slots=True)
class TakenWord:
    """What became of a terminal's message: new facts, and what is not taken."""

    stored: int
    refused: tuple[NotTakenError, ...]


@dataclass
class PushReceiver:
    """`monotonic` is what paces are kept by."""

    store: ServiceStore
    roster: RosterService
    library: LibraryService
    options: LineOptions
    clock: Clock
    zone: ZoneInfo
    throttle: Throttle
    monotonic: Callable[[], float] = time.monotonic
    _paces: dict[SchoolId, Pace] = field(default_factory=dict)

    async def inbox(self, terminal: Terminal) -> Inbox:
        """What was sent to the terminal's classroom and is not over, newest first."""
        now = self.clock()
        orders = await self.store.orders_for(terminal.classroom, now, limit=MAX_INBOX)
        resources = {
            r.id: r for r in await self.store.resources_by_id({o.resource for o in orders})
        }
        progress = progress_of(await self.store.push_facts([o.id for o in orders]))
        reminders = await self.store.reminders_of([o.id for o in orders])
        entries = [
            Entry(
                order, target, resources[order.resource],
                _version(resources[order.resource], order),
                progress.get((order.id, target.id), Progress()),
                reminders[order.id][0].at if order.id in reminders else None,
            )
            for order in orders
            for target in order.targets
            if target.classroom == terminal.classroom
        ]  # fmt: skip
        line = self._line(terminal)
        return Inbox(
            tuple(entries), quiet_window(line.hours, now, self.zone), line.kbps,
            self.options.quota_bytes,
        )  # fmt: skip

    # ------------------------------------------------------------------ files

    async def fetch(self, terminal: Terminal, push: str, target: str, *, asked: bool) -> Fetch:
        """The file of a push for this terminal; `asked`: a person in the room wants it now.

        ProblemError `push_not_here` for another room's, `push_not_open` for one that is over,
        `push_not_quiet` outside the school's quiet hours.
        """
        now = self.clock()
        found = await self.store.push_order(PushId(push))
        place = _room_target(found, target, terminal)
        if found is None or place is None:
            raise ProblemError(
                "push_not_here",
                "本教室没有这个推送。",
                "There is no such push for this classroom.",
                kind=ProblemKind.NOT_FOUND,
                value=f"{push}/{target}"[:200],
            )
        if found.state(now) is not OrderState.SENT:
            raise ProblemError(
                "push_not_open",
                "这个推送还没有发出，或已取消、到期，不能下载。",
                "This push was not sent yet, was cancelled, or has expired.",
                kind=ProblemKind.CONFLICT,
                value=found.state(now).value,
            )
        until = None if asked else self._quiet_until(terminal, now)
        version, path = await self.library.read(found.resource, found.version, actor=None)
        return Fetch(version, path, place.school, until)

    async def blocks(self, fetch: Fetch, first: int, last: int) -> AsyncIterator[bytes]:
        """Bytes `[first, last)` of a file at the pace of the school's line; stops at `until`."""
        line = self.options.lines.of(fetch.school)
        pace = self._paces.setdefault(fetch.school, Pace(line.kbps))
        with await asyncio.to_thread(fetch.path.open, "rb") as file:
            await asyncio.to_thread(file.seek, first)
            while first < last:
                if fetch.until is not None and self.clock() >= fetch.until:
                    return
                block = await asyncio.to_thread(file.read, min(BLOCK, last - first))
                if not block:
                    return
                await asyncio.sleep(pace.reserve(len(block), self.monotonic()))
                first += len(block)
                yield block

    def _quiet_until(self, terminal: Terminal, now: datetime) -> datetime:
        window = quiet_window(self._line(terminal).hours, now, self.zone)
        if window is not None and window[0] <= now:
            return window[1]
        wait_s = 3600 if window is None else max(1, int((window[0] - now).total_seconds()))
        raise ProblemError(
            "push_not_quiet",
            "现在不是这所学校的下载时段（设置 push.quiet_hours），终端会在下个时段自动下载。",
            "These are not the school's quiet hours (setting push.quiet_hours); terminals fetch in"
            " the next ones by themselves.",
            kind=ProblemKind.UNAVAILABLE,
            value=now.isoformat(),
            retry_after_s=wait_s,
        )

    def _line(self, terminal: Terminal) -> Line:
        room = self.roster.current().classrooms.get(terminal.classroom)
        lines = self.options.lines
        return lines.general if room is None else lines.of(room.school)

    # ------------------------------------------------------------------ what terminals say

    async def take(self, terminal: Terminal, values: object) -> TakenWord:
        """Write down what a terminal says of its copies; the same again changes nothing.

        What cannot be taken is refused by itself. MalformedError for a message that is none,
        ProblemError `too_many_tries` for one too many.
        """
        self.throttle.require("pushes", terminal.id, self.monotonic())
        sent_ms, rows = parse_message(values)
        now = self.clock()
        said, refused = _parse(rows)
        orders = {o.id: o for o in await self.store.orders_by_id({s.push for s in said})}
        facts: list[PushProgress] = []
        copies: dict[tuple[PushId, TargetId], Copy] = {}
        for each in said:
            order = orders.get(each.push)
            here = _room_target(order, each.target, terminal) is not None
            if order is None or order.sent_at is None or not here:
                refused.append(_not_here(each))
                continue
            facts += facts_of(each, order, sent_ms=sent_ms, received_at=now)
            copies[each.push, each.target] = Copy(
                each.push, each.target, each.state, each.bytes, each.failure, each.watched_s, now
            )
        stored = await self.store.append_facts(facts, received_at=now) if facts else 0
        await self.store.put_copies(list(copies.values()))
        if stored or refused:
            log.info(
                "push.received", classroom=terminal.classroom, facts=stored, refused=len(refused)
            )
        return TakenWord(stored, tuple(refused))


def _parse(rows: Sequence[object]) -> tuple[list[Said], list[NotTakenError]]:
    said, refused = [], []
    for place, row in enumerate(rows):
        try:
            said.append(parse_said(place, row))
        except NotTakenError as error:
            refused.append(error)
    return said, refused


def _room_target(order: PushOrder | None, target: str, terminal: Terminal) -> PushTarget | None:
    targets: Mapping[str, PushTarget] = {} if order is None else {t.id: t for t in order.targets}
    found = targets.get(target)
    return found if found is not None and found.classroom == terminal.classroom else None


def _not_here(said: Said) -> NotTakenError:
    return NotTakenError(
        said.push, said.target, "push_not_here",
        f"推送 {said.push} 的对象 {said.target} 不是这间教室的；终端换过教室，可以删除它。",
        f"Target {said.target} of push {said.push} is not this classroom's; the device was moved,"
        " the terminal may delete it.",
    )  # fmt: skip


def _version(resource: Resource, order: PushOrder) -> Version:
    return next(v for v in resource.versions if v.no == order.version)
