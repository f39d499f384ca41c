"""The relay's journal becomes facts: at least once from the relay, exactly once in the store.

Page by page: map records to facts, append them together with the cursor in one transaction, then
let the relay forget. A crash between any two steps repeats a page, and repeated ids are ignored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.facts import Fact, HostMedia, JournalGap, ParticipantMedia, SeatMedia
from ..domain.ids import FactId, OccurrenceId, SeatId, TeacherId, checked
from ..domain.meeting import teacher_of
from ..domain.problems import ProblemError
from ..domain.timetable import Mode, Occurrence
from .media_watch import HOST_PEER, HOST_SOURCES
from .ports import Bus, JournalPage, RelayControl, RelayDownError
from .services import Clock

log = structlog.get_logger(__name__)

BUSY_S: Final = 2.0
IDLE_S: Final = 10.0
# A page of this many records is a few hundred kilobytes, one transaction of some milliseconds.
PAGE_RECORDS: Final = 500
# Seats of lessons seen lately; a day has far fewer, and a forgotten one is read again.
KNOWN_LESSONS: Final = 2000

CHECK_ROOM: Final = "check:"

FACTS = Counter("sync_classroom_journal_facts_total", "Facts made from journal records.", ["kind"])
SKIPPED = Counter(
    "sync_classroom_journal_skipped_total",
    "Journal records that make no fact, by reason.",
    ["reason"],
)

LateMedia = Callable[[Mapping[OccurrenceId, datetime]], Awaitable[None]]
"""Called with the earliest host media of each occurrence of a page, once the facts are stored."""


class EvidenceStore(Protocol):
    """What the ingest needs of `ports.Store`."""

    async def journal_cursor(self, relay: str) -> str | None:
        """See `ports.FactStore`."""
        ...

    async def append_facts(
        self, facts: Sequence[Fact], *, received_at: datetime, cursor: tuple[str, str] | None = None
    ) -> int:
        """See `ports.FactStore`."""
        ...

    async def get_occurrence(self, occurrence: OccurrenceId) -> Occurrence | None:
        """See `ports.TimetableStore`."""
        ...


def _instant(record: Mapping[str, Any], name: str) -> datetime:
    at = datetime.fromisoformat(str(record[name]))
    if at.tzinfo is None:
        raise ValueError(f"{name!r} has no offset")
    return at


def _count(record: Mapping[str, Any], name: str) -> int:
    value = record[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name!r} is not a count: {value!r}")
    return value


def _name(record: Mapping[str, Any], name: str) -> str:
    """A room, peer or record id: well formed, or ValueError."""
    value = record[name]
    if not isinstance(value, str):
        raise ValueError(f"{name!r} is not text: {value!r}")
    return checked(value)


def _span(record: Mapping[str, Any]) -> tuple[datetime, datetime]:
    from_at, to_at = _instant(record, "from"), _instant(record, "to")
    if to_at < from_at:
        raise ValueError(f"ends before it begins: {record['from']!r}, {record['to']!r}")
    return from_at, to_at


@dataclass(frozen=True, slots=True)
class _Known:
    """What of a lesson tells whose media a record speaks of. `leader` only of a meeting."""

    seats: frozenset[SeatId]
    leader: TeacherId | None


@dataclass(slots=True)
class _Page:
    """What one journal page came to."""

    facts: list[Fact] = field(default_factory=list)
    skipped: dict[str, int] = field(default_factory=dict)

    def skip(self, reason: str) -> None:
        self.skipped[reason] = self.skipped.get(reason, 0) + 1


class JournalIngest:
    """Pulls one relay's journal. `late` is told of host media so that a run may catch up with it.

    `busy` says whether anything lives now, `leading` whether this coordinator is to pull at all.
    """

    def __init__(
        self,
        store: EvidenceStore,
        bus: Bus,
        relay: RelayControl,
        *,
        relay_id: str,
        clock: Clock,
        busy: Callable[[], bool],
        leading: Callable[[], bool],
        late: LateMedia | None = None,
        busy_s: float = BUSY_S,
        idle_s: float = IDLE_S,
        page_records: int = PAGE_RECORDS,
    ) -> None:
        self._store = store
        self._bus = bus
        self._relay = relay
        self._relay_id = relay_id
        self._clock = clock
        self._busy = busy
        self._leading = leading
        self._late = late
        self._busy_s = busy_s
        self._idle_s = idle_s
        self._page_records = page_records
        self._lessons: dict[OccurrenceId, _Known] = {}
        self._heard_at: datetime | None = None

    @property
    def heard_at(self) -> datetime | None:
        """Everything the relay had written by then is stored; None: it was not asked yet."""
        return self._heard_at

    async def run(self) -> None:
        """Pull for ever; whatever goes wrong is tried again, nothing is lost by waiting."""
        while True:
            try:
                if self._leading():
                    await self.pull()
            except RelayDownError as error:
                log.info("journal.relay_unreachable", error=str(error))
            except ProblemError as problem:  # a store that is away; the relay keeps the rest
                log.error("journal.pull_failed", code=problem.code, problem=problem.en)
            except Exception:
                log.exception("journal.pull_failed")
            # Who has just come to lead reads what came meanwhile before anything is judged by it.
            idle = self._leading() and not self._busy()
            await asyncio.sleep(self._idle_s if idle else self._busy_s)

    async def pull(self) -> int:
        """Take everything the relay has; returns how many facts were new.

        Raises RelayDownError, or what the store raises; what was appended until then stays.
        """
        cursor = await self._store.journal_cursor(self._relay_id)
        new = 0
        more, asked_at = True, self._clock()
        while more:
            asked_at = self._clock()
            page = await self._relay.journal(cursor, self._page_records)
            if page.cursor == cursor or not page.records:
                break
            new += await self._take(page)
            cursor, more = page.cursor, page.more
        self._heard_at = asked_at
        return new

    async def _take(self, page: JournalPage) -> int:
        taken = _Page()
        for record in page.records:
            await self._map(record, taken)
        new = await self._store.append_facts(
            taken.facts, received_at=self._clock(), cursor=(self._relay_id, page.cursor)
        )
        await self._relay.confirm_journal(page.cursor)
        for fact in taken.facts:
            FACTS.labels(type(fact).__name__).inc()
        for reason, count in taken.skipped.items():
            SKIPPED.labels(reason).inc(count)
        if new:
            await self._spread(taken.facts)
        return new

    async def _spread(self, facts: Sequence[Fact]) -> None:
        """Refresh whoever looks at these lessons, and let late host media be heard."""
        host: dict[OccurrenceId, datetime] = {}
        touched: dict[OccurrenceId, None] = {}
        for fact in facts:
            if isinstance(fact, (HostMedia, SeatMedia, ParticipantMedia)):
                touched[fact.occurrence] = None
            if isinstance(fact, HostMedia) and fact.packets > 0:
                first = host.get(fact.occurrence, fact.from_at)
                host[fact.occurrence] = min(first, fact.from_at)
        if self._late is not None and host:
            await self._late(host)
        for occurrence in touched:
            await self._bus.publish(
                "lesson", {"type": "changed", "occurrence": occurrence, "what": "evidence"}
            )

    async def _map(self, record: Mapping[str, Any], page: _Page) -> None:
        try:
            kind = record["kind"]
            if kind == "publish":
                await self._publish(record, page)
            elif kind == "subscribe":
                await self._subscribe(record, page)
            elif kind == "gap":
                span = _span(record)
                page.facts.append(JournalGap(_fact_id(record), self._relay_id, *span))
            else:
                page.skip("boot" if kind == "boot" else "unknown_kind")
        except (KeyError, ValueError, TypeError) as error:
            # Evidence we cannot read must not hold up the evidence behind it.
            page.skip("malformed")
            log.warning("journal.malformed", record=dict(record), error=str(error))

    async def _publish(self, record: Mapping[str, Any], page: _Page) -> None:
        known = await self._lesson(record, page)
        if known is None:
            return
        what = (
            _fact_id(record),
            OccurrenceId(record["room"]),
            *_span(record),
            _count(record, "packets"),
            _count(record, "bytes"),
        )
        teacher = _teacher(record) if known.leader is not None else None
        if teacher is not None and teacher != known.leader:
            page.facts.append(_participant(what, teacher))
        elif teacher is not None or (
            record["peer"] == HOST_PEER and record["source"] in HOST_SOURCES
        ):
            page.facts.append(HostMedia(*what))  # of a meeting, its leader's
        else:
            page.skip("not_evidence")  # a seat's own picture, or a guest's, proves nothing

    async def _subscribe(self, record: Mapping[str, Any], page: _Page) -> None:
        known = await self._lesson(record, page)
        if known is None:
            return
        if known.leader is not None:
            self._listened(record, page)
            return
        seat = SeatId(_name(record, "peer"))
        if seat not in known.seats:
            page.skip("not_evidence")  # the host's own view of the rooms, or a viewer
            return
        page.facts.append(
            SeatMedia(
                _fact_id(record),
                OccurrenceId(record["room"]),
                seat,
                *_span(record),
                sent=_count(record, "sent"),
                acked=_count(record, "acked"),
                bytes=_count(record, "bytes"),
            )
        )

    def _listened(self, record: Mapping[str, Any], page: _Page) -> None:
        """A teacher in a meeting who acknowledges what is sent is there, silent or not."""
        teacher, acked = _teacher(record), _count(record, "acked")
        sent = _count(record, "sent")
        if teacher is None or acked == 0:
            page.skip("not_evidence")
            return
        size = _count(record, "bytes") * min(acked, sent) // max(sent, 1)
        what = (_fact_id(record), OccurrenceId(record["room"]), *_span(record), acked, size)
        page.facts.append(_participant(what, teacher))

    async def _lesson(self, record: Mapping[str, Any], page: _Page) -> _Known | None:
        """What is known of the record's lesson; None (and counted) if the room is no lesson."""
        room = _name(record, "room")
        if room.startswith(CHECK_ROOM):
            page.skip("check_room")
            return None
        known = self._lessons.get(OccurrenceId(room))
        if known is None:
            occurrence = await self._store.get_occurrence(OccurrenceId(room))
            if occurrence is None:
                page.skip("unknown_room")
                log.warning("journal.unknown_room", room=room, id=record.get("id"))
                return None
            known = _Known(
                frozenset(seat.id for seat in occurrence.seats),
                occurrence.host.teacher if occurrence.mode is Mode.RESEARCH else None,
            )
            if known.leader is not None and self._clock() < occurrence.starts_at:
                return known  # until a session begins, another may lead it
            if len(self._lessons) >= KNOWN_LESSONS:
                self._lessons.pop(next(iter(self._lessons)))
            self._lessons[occurrence.id] = known
        return known


def _teacher(record: Mapping[str, Any]) -> TeacherId | None:
    """Whose media a record of a meeting speaks of; None for a guest."""
    teacher = teacher_of(_name(record, "peer"))
    return None if teacher is None else TeacherId(checked(teacher))


def _participant(
    what: tuple[FactId, OccurrenceId, datetime, datetime, int, int], teacher: TeacherId
) -> ParticipantMedia:
    ident, occurrence, from_at, to_at, packets, size = what
    return ParticipantMedia(ident, occurrence, teacher, from_at, to_at, packets, size)


def _fact_id(record: Mapping[str, Any]) -> FactId:
    return FactId(_name(record, "id"))
