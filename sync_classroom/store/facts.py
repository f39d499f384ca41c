"""Evidence in one wide table, appended in bulk and read back as the domain's facts.

Which columns a kind fills, beside `id`, `kind` and `received_at`:

    host_media         occurrence                 from_at to_at  packets bytes
    seat_media         occurrence seat            from_at to_at  packets (sent) acked bytes
    participant_media  occurrence teacher         from_at to_at  packets bytes
    headcount          occurrence seat            from_at (at)   present by
    interaction        occurrence seat            from_at (at)   what
    journal_gap        relay                      from_at to_at
    push_delivered …   push target                from_at (at)
    adjustment         occurrence seat            from_at to_at (credit)  stated_at (at) by reason
    terminal_journal   occurrence seat            from_at to_at  packets (samples) digest (sha256)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Select, select, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.functions import count

from ..domain.facts import (
    Adjustment,
    Fact,
    Headcount,
    HostMedia,
    Interaction,
    InteractionKind,
    JournalGap,
    ParticipantMedia,
    PushProgress,
    PushStep,
    SeatMedia,
    TerminalJournal,
)
from ..domain.ids import ClassroomId, OccurrenceId
from .chain import CHAIN_LOCK, extend
from .columns import Instant, from_us
from .queries import Queries, in_chunks, rows
from .rollups import mark_around, mark_lessons
from .tables import facts, journal_cursors, occurrences, seats

# Facts written by one transaction; more are split so that other tasks and writers get their turn.
FACTS_PER_TRANSACTION: Final = 1_000

# Rows that are decoded without letting other tasks run: some 15 ms.
ROWS_AT_ONCE: Final = 1_000

Values = dict[str, Any]
_EMPTY: Final[Values] = {
    column.name: None for column in facts.columns if column.name not in ("seq", "received_at")
}
_ORDER: Final = (facts.c.occurrence, facts.c.from_at, facts.c.id)


class FactQueries(Queries):
    """`FactStore` of the coordinator's ports."""

    async def append_facts(
        self,
        facts: Sequence[Fact],
        *,
        received_at: datetime,
        cursor: tuple[str, str] | None = None,
    ) -> int:
        """Append facts whose id is new; returns how many were.

        `cursor` (`(relay id, opaque position)`) is remembered in the same transaction as the last
        fact, so that it never runs ahead of them. So are the new facts' place in the chain, and the
        lessons whose results they may change.
        """
        added = 0
        for part, is_last in _transactions(facts):
            async with self._database.write() as connection:
                if part:
                    # Those who append come one after the other: the chain has one end.
                    await self._alone(connection, CHAIN_LOCK)
                    added += await self.append_alone(connection, part, received_at)
                if is_last and cursor is not None:
                    await connection.execute(self._remember(cursor, received_at))
        return added

    async def append_alone(
        self, connection: AsyncConnection, some: Sequence[Fact], received_at: datetime
    ) -> int:
        """Append some facts in a transaction that holds `CHAIN_LOCK`; how many were new."""
        statement = (
            self._insert(_TABLE)
            .on_conflict_do_nothing(index_elements=["id"])
            .returning(_TABLE.c.seq, _TABLE.c.id)
        )
        encoded = [{**_encode(fact), "received_at": received_at} for fact in some]
        new = (await connection.execute(statement, encoded)).all()
        await _note(connection, some, {row.id: row.seq for row in new}, received_at)
        return len(new)

    async def journal_cursor(self, relay: str) -> str | None:
        """The last remembered journal position of a relay."""
        statement = select(journal_cursors.c.position).where(journal_cursors.c.relay == relay)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return found[0].position if found else None

    async def facts_of(self, occurrences: Sequence[OccurrenceId]) -> Sequence[Fact]:
        """Every fact about these occurrences, by occurrence, time and id."""
        found: list[Fact] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(occurrences))):
                wanted = SELECT_FACTS.where(_TABLE.c.occurrence.in_(chunk)).order_by(*_ORDER)
                async with connection.stream(wanted) as result:
                    async for part in result.partitions(ROWS_AT_ONCE):
                        found.extend(map(decode_fact, part))
        return found

    async def facts_since(
        self, seen: Mapping[OccurrenceId, int]
    ) -> Mapping[OccurrenceId, tuple[int, Sequence[Fact]]]:
        """Of each lesson the facts that arrived after a number, and the number of the latest.

        Facts are numbered in the order in which they are committed, since those who append do so
        one after the other. A lesson without a new one is left out.
        """
        found: dict[OccurrenceId, tuple[int, list[Fact]]] = {}
        async with self._database.read() as connection:
            for after, lessons in _by_number(seen).items():
                for chunk in in_chunks(lessons):
                    wanted = select(_TABLE.c.seq, *SELECT_FACTS.selected_columns).where(
                        _TABLE.c.occurrence.in_(chunk), _TABLE.c.seq > after
                    )
                    async with connection.stream(wanted) as result:
                        async for part in result.partitions(ROWS_AT_ONCE):
                            for seq, *row in part:
                                fact = decode_fact(row)
                                latest, facts_ = found.get(row[2], (0, []))
                                facts_.append(fact)
                                found[row[2]] = max(latest, seq), facts_
        return found

    async def gaps_between(self, from_at: datetime, to_at: datetime) -> Sequence[Fact]:
        """`journal_gap` facts that touch `[from_at, to_at)`, by start."""
        return await self._facts(
            SELECT_FACTS.where(
                _TABLE.c.kind == "journal_gap",
                _TABLE.c.from_at < to_at,
                _TABLE.c.to_at > from_at,
            ).order_by(_TABLE.c.from_at, _TABLE.c.id)
        )

    async def times_called_on(
        self, classrooms: Collection[ClassroomId], from_at: datetime, to_at: datetime
    ) -> Mapping[ClassroomId, int]:
        """How often each was called on in lessons that began in `[from_at, to_at)`; without those
        that never were."""
        found: dict[ClassroomId, int] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(classrooms)):
                counted = (
                    select(seats.c.classroom, count())
                    .join(occurrences, occurrences.c.id == seats.c.occurrence)
                    .join(
                        _TABLE,
                        (_TABLE.c.occurrence == seats.c.occurrence)
                        & (_TABLE.c.seat == seats.c.id)
                        & (_TABLE.c.kind == "interaction")
                        & (_TABLE.c.what == InteractionKind.CALLED_ON.value),
                    )
                    .where(
                        seats.c.classroom.in_(chunk),
                        occurrences.c.starts_at >= from_at,
                        occurrences.c.starts_at < to_at,
                    )
                    .group_by(seats.c.classroom)
                )
                found |= {row[0]: row[1] for row in await rows(connection, counted)}
        return found

    async def host_media_since(self, occurrence: OccurrenceId, from_at: datetime) -> Sequence[Fact]:
        """`host_media` facts of one occurrence that end after `from_at`, by start."""
        return await self._facts(
            SELECT_FACTS.where(
                _TABLE.c.occurrence == occurrence,
                _TABLE.c.kind == "host_media",
                _TABLE.c.to_at > from_at,
            ).order_by(*_ORDER)
        )

    async def arrived(self, first: int, last: int) -> AsyncIterator[Sequence[Fact]]:
        """The facts with these numbers in order of arrival, some at a time; for the chain."""
        number = first
        while number <= last:
            end = min(number + ROWS_AT_ONCE - 1, last)
            wanted = SELECT_FACTS.where(_TABLE.c.seq.between(number, end)).order_by(_TABLE.c.seq)
            yield await self._facts(wanted)
            number = end + 1

    async def _facts(self, statement: Select[Any]) -> list[Fact]:
        async with self._database.read() as connection:
            return [decode_fact(row) for row in await rows(connection, statement)]

    def _remember(self, cursor: tuple[str, str], received_at: datetime) -> Any:
        relay, position = cursor
        moved = {"position": position, "moved_at": received_at}
        return (
            self._insert(journal_cursors)
            .values(relay=relay, **moved)
            .on_conflict_do_update(index_elements=["relay"], set_=moved)
        )


async def _note(
    connection: AsyncConnection,
    part: Sequence[Fact],
    new: Mapping[str, int],
    received_at: datetime,
) -> None:
    """Chain the new facts in the order they took, and have their lessons counted again."""
    # An id twice in one call is stored once, as it came first.
    came = {fact.id: fact for fact in reversed(part) if fact.id in new}
    order = sorted(came.values(), key=lambda fact: new[fact.id])
    if not order:
        return
    await extend(connection, order, min(new.values()), max(new.values()), received_at)
    lessons: set[OccurrenceId] = set()
    for fact in order:
        if isinstance(fact, JournalGap):
            await mark_around(connection, fact.from_at, fact.to_at)
        elif not isinstance(fact, PushProgress):
            lessons.add(fact.occurrence)
    await mark_lessons(connection, lessons)


_TABLE: Final = facts
# Instants stay numbers until `decode_fact`: a column type that converts costs more per row than all
# the rest.
SELECT_FACTS: Final = select(
    *(
        type_coerce(facts.c[name], BigInteger)
        if isinstance(facts.c[name].type, Instant)
        else facts.c[name]
        for name in _EMPTY
    )
)


def _transactions(facts: Sequence[Fact]) -> Iterator[tuple[Sequence[Fact], bool]]:
    """Pieces of `facts` and whether each is the last; one empty piece if there are none."""
    for start in range(0, max(len(facts), 1), FACTS_PER_TRANSACTION):
        end = start + FACTS_PER_TRANSACTION
        yield facts[start:end], end >= len(facts)


def _encode(fact: Fact) -> Values:
    """A fact as a row; a window's instants are `from_at`, `to_at`, a moment's is `from_at`."""
    row = {**_EMPTY, "id": fact.id}
    match fact:
        case HostMedia() | ParticipantMedia():
            row |= _window(fact.from_at, fact.to_at)
            row |= {
                "kind": "host_media",
                "occurrence": fact.occurrence,
                "packets": fact.packets,
                "bytes": fact.bytes,
            }
            if isinstance(fact, ParticipantMedia):
                row |= {"kind": "participant_media", "teacher": fact.teacher}
        case SeatMedia():
            row |= _window(fact.from_at, fact.to_at)
            row |= {"kind": "seat_media", "occurrence": fact.occurrence, "seat": fact.seat}
            row |= {"packets": fact.sent, "acked": fact.acked, "bytes": fact.bytes}
        case Headcount():
            row |= {"kind": "headcount", "occurrence": fact.occurrence, "seat": fact.seat}
            row |= {"from_at": fact.at, "present": fact.present, "by": fact.by}
        case Interaction():
            row |= {"kind": "interaction", "occurrence": fact.occurrence, "seat": fact.seat}
            row |= {"from_at": fact.at, "what": fact.what.value}
        case JournalGap():
            row |= _window(fact.from_at, fact.to_at)
            row |= {"kind": "journal_gap", "relay": fact.relay}
        case PushProgress():
            row |= {"kind": fact.step.value, "push": fact.push, "target": fact.target}
            row |= {"from_at": fact.at}
        case Adjustment():
            row |= _window(fact.credit_from, fact.credit_to)
            row |= {"kind": "adjustment", "occurrence": fact.occurrence, "seat": fact.seat}
            row |= {"stated_at": fact.at, "by": fact.by, "reason": fact.reason}
        case TerminalJournal():
            row |= _window(fact.from_at, fact.to_at)
            row |= {"kind": "terminal_journal", "occurrence": fact.occurrence, "seat": fact.seat}
            row |= {"packets": fact.samples, "digest": fact.sha256}
    return row


def _by_number(seen: Mapping[OccurrenceId, int]) -> Mapping[int, list[OccurrenceId]]:
    """The lessons by the number after which they are read: most are read from their start."""
    found: dict[int, list[OccurrenceId]] = {}
    for lesson in sorted(seen):
        found.setdefault(seen[lesson], []).append(lesson)
    return found


def _window(from_at: datetime, to_at: datetime) -> Values:
    return {"from_at": from_at, "to_at": to_at}


def decode_fact(row: Any) -> Fact:
    """The fact of a row of `SELECT_FACTS`; ValueError for a kind this version does not know.

    A term has millions of rows: they are unpacked by position, the most frequent kind first.
    """
    (
        ident,
        kind,
        occurrence,
        seat,
        teacher,
        relay,
        push,
        target,
        from_at,
        to_at,
        packets,
        acked,
        size,
        present,
        what,
        stated_at,
        by,
        reason,
        digest,
    ) = row
    start = from_us(from_at)
    match kind:
        case "seat_media":
            return SeatMedia(ident, occurrence, seat, start, from_us(to_at), packets, acked, size)
        case "host_media":
            return HostMedia(ident, occurrence, start, from_us(to_at), packets, size)
        case "participant_media":
            end = from_us(to_at)
            return ParticipantMedia(ident, occurrence, teacher, start, end, packets, size)
        case "headcount":
            return Headcount(ident, occurrence, seat, start, present, by)
        case "interaction":
            return Interaction(ident, occurrence, seat, start, InteractionKind(what))
        case "journal_gap":
            return JournalGap(ident, relay, start, from_us(to_at))
        case "push_delivered" | "push_opened" | "push_completed":
            return PushProgress(ident, PushStep(kind), push, target, start)
        case "adjustment":
            end, stated = from_us(to_at), from_us(stated_at)
            return Adjustment(ident, occurrence, seat, start, end, stated, by, reason)
        case "terminal_journal":
            end = from_us(to_at)
            return TerminalJournal(ident, occurrence, seat, start, end, packets, digest)
    raise ValueError(f"fact {ident!r} is of unknown kind {kind!r}")
