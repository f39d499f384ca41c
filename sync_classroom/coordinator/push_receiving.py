"""What classrooms' terminals receive of pushes: their inbox, and what they say of it.

A terminal is told everything that was sent to its classroom and is not over; `push_files` sends it.
What terminals say comes at least once, and each step is one fact.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from ..domain.accounts import Terminal
from ..domain.facts import PushProgress
from ..domain.ids import PushId, TargetId
from ..domain.library import Resource, Version
from ..domain.push_copies import (
    Copy,
    NotTakenError,
    Said,
    facts_of,
    parse_message,
    parse_said,
)
from ..domain.push_orders import Progress, PushOrder, progress_of
from ..domain.timetable import PushTarget
from .push_files import PushFiles, room_target
from .pushes import ServiceStore
from .services import Clock
from .throttle import Throttle

log = structlog.get_logger(__name__)

#: A terminal is told of so many pushes, the latest.
MAX_INBOX: Final = 200


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
    """Everything a terminal may have; `quiet` is the present or next window for fetching.

    `cache` is where the school's cache is and the secret it fetches by; None: it has none.
    """

    entries: tuple[Entry, ...]
    quiet: tuple[datetime, datetime] | None
    kbps: int
    quota_bytes: int
    cache: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class TakenWord:
    """What became of a terminal's message: new facts, and what is not taken."""

    stored: int
    refused: tuple[NotTakenError, ...]


@dataclass
class PushReceiver:
    """`monotonic` is what `throttle` counts by."""

    store: ServiceStore
    files: PushFiles
    clock: Clock
    throttle: Throttle
    monotonic: Callable[[], float] = time.monotonic

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
            if target.classroom == terminal.classroom and order.is_open_for(target.id, now)
        ]  # fmt: skip
        line = self.files.line_of(terminal)
        return Inbox(
            tuple(entries), self.files.quiet(line, now), line.kbps,
            self.files.options.quota_bytes, await self.files.cache_of(terminal),
        )  # fmt: skip

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
            here = room_target(order, each.target, terminal) is not None
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


def _not_here(said: Said) -> NotTakenError:
    return NotTakenError(
        said.push, said.target, "push_not_here",
        f"推送 {said.push} 的对象 {said.target} 不是这间教室的；终端换过教室，可以删除它。",
        f"Target {said.target} of push {said.push} is not this classroom's; the device was moved,"
        " the terminal may delete it.",
    )  # fmt: skip


def _version(resource: Resource, order: PushOrder) -> Version:
    return next(v for v in resource.versions if v.no == order.version)
