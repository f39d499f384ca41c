"""Files of pushes on their way to classrooms: to terminals, and to the caches of their schools.

A terminal fetches in its school's quiet hours, or when a person in the room asks; the server holds
both, and the rate of the school's line, since it alone sees all terminals of a school. Where a
school has a cache, its terminals fetch from that by an address that is the school's own and the
file's: one terminal like another, so that the file crosses the line once.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter

from ..domain.accounts import Terminal
from ..domain.ids import PushId, SchoolId
from ..domain.library import Version
from ..domain.problems import ProblemError, ProblemKind
from ..domain.push_orders import PushOrder
from ..domain.school_lines import Carried, Line, Lines, Pace, parse_hours, quiet_window
from ..domain.timetable import PushTarget
from .library import LibraryService
from .push_ports import PushLineStore, PushOrderStore
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

#: Sent at once: at 1 Mbit/s half a second.
BLOCK: Final = 64 * 1024
ANY_TIME: Final = Lines(Line((parse_hours("00:00-24:00"),), 0))
#: How often what went over lines is added to the store; a crash costs the count of so long.
WRITE_S: Final = 5.0
TOKEN_BYTES: Final = 18
SENT: Final = Counter(
    "sync_classroom_push_sent_bytes_total",
    "Bytes of pushes sent over schools' lines, to caches of schools and to single terminals.",
    ["to"],
)


class FileStore(PushOrderStore, PushLineStore, Protocol):
    """Orders and schools' lines."""


@dataclass(frozen=True, slots=True)
class LineOptions:
    """How terminals fetch: their schools' lines, and how many bytes each may keep."""

    lines: Lines = ANY_TIME
    quota_bytes: int = 20_000_000_000


def strangers(lines: Lines, known: Collection[SchoolId]) -> list[ProblemError]:
    """A ProblemError `push_school_unknown` for every school that a line is set for and the roster
    lacks; none while there is no roster.

    They are told, not refused: the roster is in the database and may come after the settings, and a
    slip in a line must keep no lesson from being given in the morning.
    """
    said = (
        ("push.school_quiet_hours", lines.hours),
        ("push.school_rate_kbps", lines.kbps),
        ("push.school_caches", lines.caches),
    )
    return [
        ProblemError(
            "push_school_unknown",
            f"{setting} 里的学校编号 {school} 不在名册中，这一项不起作用。"
            "请按名册页上的编号改正，或先把这所学校加入名册。",
            f"{setting} names the school {school}, which the roster does not know, so it has no"
            " effect. Correct it to an id of the roster page, or add the school to the roster.",
            field=setting,
            value=school,
        )
        for setting, schools in said
        for school in sorted(schools)
        if known and school not in known
    ]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A file that may be sent now; after `until` no more of it is sent, None: all of it.

    `cached`: to the school's cache.
    """

    push: PushId
    version: Version
    path: Path
    school: SchoolId
    until: datetime | None
    cached: bool = False


@dataclass
class PushFiles:
    """`monotonic` is what paces are kept by; `run` is a task."""

    store: FileStore
    roster: RosterService
    library: LibraryService
    options: LineOptions
    clock: Clock
    zone: ZoneInfo
    monotonic: Callable[[], float] = time.monotonic
    _turns: dict[SchoolId, _Turns] = field(default_factory=dict)
    _carried: dict[tuple[PushId, SchoolId, bool], int] = field(default_factory=dict)
    _known: frozenset[SchoolId] = frozenset()

    # ------------------------------------------------------------------ lines

    def line_of(self, terminal: Terminal) -> Line:
        """The line of a terminal's school."""
        room = self.roster.current().classrooms.get(terminal.classroom)
        lines = self.options.lines
        return lines.general if room is None else lines.of(room.school)

    def quiet(self, line: Line, now: datetime) -> tuple[datetime, datetime] | None:
        """The present or next window in which a line's terminals fetch by themselves."""
        return quiet_window(line.hours, now, self.zone)

    async def cache_of(self, terminal: Terminal) -> tuple[str, str] | None:
        """Where the cache of a terminal's school is, and the secret it fetches by."""
        room = self.roster.current().classrooms.get(terminal.classroom)
        if room is None or not (cache := self.line_of(terminal).cache):
            return None
        token = await self.store.line_token(room.school, secrets.token_urlsafe(TOKEN_BYTES))
        return cache, token

    # ------------------------------------------------------------------ who may have what

    async def fetch(self, terminal: Terminal, push: str, target: str, *, asked: bool) -> Fetch:
        """The file of a push for this terminal; `asked`: a person in the room wants it now.

        ProblemError `push_not_here` for another room's, `push_not_open` for one that is over,
        `push_not_quiet` outside the school's quiet hours.
        """
        found = await self.store.push_order(PushId(push))
        place = room_target(found, target, terminal)
        if found is None or place is None:
            raise _not_here(f"{push}/{target}")
        until = self._check(found, [place], asked=asked)
        version, path = await self.library.read(found.resource, found.version, actor=None)
        return Fetch(found.id, version, path, place.school, until)

    async def fetch_cached(self, token: str, sha256: str, push: str, *, asked: bool) -> Fetch:
        """The file with this hash for the cache of the school whose secret this is, as `fetch`;
        `push` is the order for which some terminal of the school asked its cache."""
        school = await self.store.school_of_line(token)
        found = None if school is None else await self.store.push_order(PushId(push))
        places = [] if found is None else [t for t in found.targets if t.school == school]
        if school is None or found is None or not places:
            raise _not_here(f"{push}/{sha256}")
        until = self._check(found, places, asked=asked)
        version, path = await self.library.read(found.resource, found.version, actor=None)
        if version.sha256 != sha256:
            raise _not_here(f"{push}/{sha256}")
        return Fetch(found.id, version, path, school, until, cached=True)

    def _check(
        self, order: PushOrder, places: Sequence[PushTarget], *, asked: bool
    ) -> datetime | None:
        """Until when a file may be sent to some targets of one school; None: to its end."""
        now = self.clock()
        if not any(order.is_open_for(place.id, now) for place in places):
            raise ProblemError(
                "push_not_open",
                "这个推送还没有发出，或已取消、撤回、到期，不能下载。",
                "This push was not sent yet, was cancelled or withdrawn, or has expired.",
                kind=ProblemKind.CONFLICT,
                value=order.state(now).value,
            )
        return None if asked else self._quiet_until(places[0].school, now)

    def _quiet_until(self, school: SchoolId, now: datetime) -> datetime:
        window = self.quiet(self.options.lines.of(school), now)
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

    # ------------------------------------------------------------------ sending

    async def blocks(self, fetch: Fetch, first: int, last: int) -> AsyncIterator[bytes]:
        """Bytes `[first, last)` of a file at the pace of the school's line; stops at `until`.

        ProblemError if the store, which coordinators share the line by, does not answer.
        """
        turns = self._turns.get(fetch.school)
        if turns is None:
            turns = _Turns(Pace(self.options.lines.of(fetch.school).kbps))
            self._turns[fetch.school] = turns
        with await asyncio.to_thread(fetch.path.open, "rb") as file:
            await asyncio.to_thread(file.seek, first)
            while first < last:
                if fetch.until is not None and self.clock() >= fetch.until:
                    return
                block = await asyncio.to_thread(file.read, min(BLOCK, last - first))
                if not block:
                    return
                await asyncio.sleep(await self._turn(fetch.school, turns, len(block)))
                first += len(block)
                self._count(fetch, len(block))
                yield block

    async def _turn(self, school: SchoolId, turns: _Turns, octets: int) -> float:
        """Seconds to wait before so many bytes may go over a school's line."""
        async with turns.asking:
            if for_s := turns.pace.lacks(octets):
                asked_at = self.monotonic()
                wait_s = await self.store.reserve_line(school, for_s=for_s)
                turns.pace.grant(for_s, wait_s, asked_at)
            return turns.pace.reserve(octets, self.monotonic())

    # ------------------------------------------------------------------ counting

    async def run(self) -> None:
        """Add what went over lines to the store, for ever; the rest on a clean stop.

        Says at its start, and whenever schools were added, which lines belong to none.
        """
        try:
            while True:
                self.name_strangers()
                await asyncio.sleep(WRITE_S)
                await self.write_carried()
        finally:
            await self.write_carried()

    def name_strangers(self) -> None:
        """Warn of lines of schools that the roster lacks, once for the schools it has."""
        known = frozenset(self.roster.current().schools)
        if known == self._known:
            return
        self._known = known
        for problem in strangers(self.options.lines, known):
            log.warning(
                "push.unknown_school",
                setting=problem.field,
                school=problem.value,
                problem=problem.en,
            )

    async def write_carried(self) -> None:
        """Add what went over lines since the last time to the store."""
        carried, self._carried = self._carried, {}
        try:
            await self.store.add_carried([Carried(*key, n) for key, n in carried.items()])
        except ProblemError as problem:  # counted again with the next
            log.warning("push.not_counted", code=problem.code)
            for key, octets in carried.items():
                self._carried[key] = self._carried.get(key, 0) + octets

    async def carried(self, order: PushOrder) -> Mapping[SchoolId, tuple[int, int]]:
        """Bytes of an order that went over each school's line: to its cache, to terminals."""
        found: dict[SchoolId, tuple[int, int]] = {}
        for each in await self.store.carried_of(order.id):
            cached, single = found.get(each.school, (0, 0))
            if each.cached:
                found[each.school] = cached + each.bytes, single
            else:
                found[each.school] = cached, single + each.bytes
        return found

    def _count(self, fetch: Fetch, octets: int) -> None:
        SENT.labels("cache" if fetch.cached else "terminal").inc(octets)
        key = fetch.push, fetch.school, fetch.cached
        self._carried[key] = self._carried.get(key, 0) + octets


@dataclass
class _Turns:
    """What this coordinator may send over a school's line; one asks for more at a time."""

    pace: Pace
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


def room_target(order: PushOrder | None, target: str, terminal: Terminal) -> PushTarget | None:
    """A target of an order if it is in the terminal's room."""
    targets: Mapping[str, PushTarget] = {} if order is None else {t.id: t for t in order.targets}
    found = targets.get(target)
    return found if found is not None and found.classroom == terminal.classroom else None


def _not_here(value: str) -> ProblemError:
    return ProblemError(
        "push_not_here",
        "本教室没有这个推送。",
        "There is no such push for this classroom.",
        kind=ProblemKind.NOT_FOUND,
        value=value[:200],
    )
