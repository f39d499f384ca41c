"""Occurrences with their seats and changes; booking is one transaction that nobody can overtake."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, and_, insert, literal, or_, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.conflicts import Clash, ClashError, ResourceKind, clashes_of
from ..domain.ids import ClassroomId, OccurrenceId
from ..domain.lesson import OVER
from ..domain.problems import ProblemError, ProblemKind
from ..domain.timetable import Change, ChangeKind, Host, Mode, Occurrence, Seat
from . import tables
from .columns import Instant
from .queries import Queries, in_chunks, missing_reference, rows
from .tables import LONGEST_OCCURRENCE_H, changes, occurrences, participants, runs, seats

# Any constant of our own: on PostgreSQL whoever books holds this lock to the end of the
# transaction. One lock for all bookings: a lesson books up to a hundred resources, locks per
# resource would have to be taken in order, and a booking takes milliseconds, some a day.
BOOKING_LOCK: Final = 0x5C_1A55_0002

_LONGEST: Final = timedelta(hours=LONGEST_OCCURRENCE_H)


class TimetableQueries(Queries):
    """`TimetableStore` of the coordinator's ports."""

    async def add_occurrence(self, occurrence: Occurrence, *, key: str, gap_s: int) -> Occurrence:
        """Store a new occurrence unless a room, teacher or class is already taken.

        Check and insert are one transaction that holds the booking lock. The same `key` returns
        the occurrence stored first, whatever is asked now. Raises `ClashError` (with names and
        local times), and ProblemError `occurrence_window`, `occurrence_exists`,
        `occurrence_seat_twice` or `unknown_reference`; nothing is stored then.
        """
        _check_shape(occurrence)
        try:
            async with self._database.write() as connection:
                await self._alone(connection, BOOKING_LOCK)
                first = await _load(connection, occurrences.c.key == key)
                if first:
                    return first[0]
                await _refuse_clashes(connection, occurrence, gap_s)
                await _insert_occurrence(connection, occurrence, key)
                return (await _load(connection, occurrences.c.id == occurrence.id))[0]
        except IntegrityError as error:
            async with self._database.read() as connection:
                raise await _why_refused(connection, occurrence, error) from error

    async def get_occurrence(self, occurrence: OccurrenceId) -> Occurrence | None:
        """One occurrence with seats and changes, or None."""
        async with self._database.read() as connection:
            found = await _load(connection, occurrences.c.id == occurrence)
        return found[0] if found else None

    async def occurrences_between(self, from_at: datetime, to_at: datetime) -> Sequence[Occurrence]:
        """Occurrences whose planned window touches `[from_at, to_at)`, by start then id."""
        async with self._database.read() as connection:
            return await _load(connection, _touches(from_at, to_at))

    async def occurrences_of(
        self, wanted: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Occurrence]:
        """Those of these occurrences that there are, with seats and changes."""
        async with self._database.read() as connection:
            return {o.id: o for o in await _load_all(connection, list(wanted))}

    async def bookings_between(
        self, from_at: datetime, to_at: datetime, rooms: Iterable[ClassroomId]
    ) -> Sequence[Occurrence]:
        """Occurrences that start in `[from_at, to_at)` and want any of these classrooms, as host
        room or as a seat (of which some may be withdrawn); by start then id."""
        wanted = list(rooms)
        at_a_seat = (
            select(seats.c.occurrence)
            .where(seats.c.occurrence == occurrences.c.id, seats.c.classroom.in_(wanted))
            .exists()
        )
        where = and_(
            occurrences.c.starts_at >= from_at,
            occurrences.c.starts_at < to_at,
            or_(occurrences.c.host_classroom.in_(wanted), at_a_seat),
        )
        async with self._database.read() as connection:
            return await _load_where(connection, where)

    async def undecided_between(
        self,
        from_at: datetime,
        to_at: datetime,
        *,
        after: tuple[datetime, OccurrenceId] | None = None,
        limit: int | None = None,
    ) -> Sequence[Occurrence]:
        """Occurrences whose planned window touches `[from_at, to_at)` and whose run is not over.

        By start then id; `after` is such a pair, of the last one of the page before. What is over
        is passed over inside the database: of a term's lessons a handful is left.
        """
        over = (
            select(runs.c.occurrence)
            .where(runs.c.occurrence == occurrences.c.id, runs.c.state.in_([s.value for s in OVER]))
            .exists()
        )
        where = and_(_touches(from_at, to_at), ~over)
        if after is not None:
            place = tuple_(occurrences.c.starts_at, occurrences.c.id)
            last = tuple_(literal(after[0], Instant), literal(after[1]))
            where = and_(where, place > last, occurrences.c.starts_at >= after[0])
        async with self._database.read() as connection:
            return await _load_where(connection, where, limit=limit)

    async def occurrences_on(self, first: date, last: date) -> Sequence[Occurrence]:
        """Occurrences whose civil date lies in `[first, last]`, by start then id."""
        async with self._database.read() as connection:
            return await _load(connection, occurrences.c.date.between(first, last))

    async def add_change(self, occurrence: OccurrenceId, change: Change, *, key: str) -> Occurrence:
        """Append a change record, once per occurrence and `key`; returns the occurrence as it is.

        Raises KeyError for an unknown occurrence, seat, or occurrence moved to.
        """
        async with self._database.write() as connection:
            await self._require(connection, occurrence, change)
            await connection.execute(
                self._insert(changes)
                .values(occurrence=occurrence, key=key, **_change_row(change))
                .on_conflict_do_nothing(index_elements=["occurrence", "key"])
            )
            return (await _load(connection, occurrences.c.id == occurrence))[0]

    @staticmethod
    async def _require(
        connection: AsyncConnection, occurrence: OccurrenceId, change: Change
    ) -> None:
        for wanted in filter(None, (occurrence, change.to)):
            if not await rows(connection, select(occurrences.c.id).filter_by(id=wanted)):
                raise KeyError(wanted)
        if change.seat is not None:
            seat = select(seats.c.id).filter_by(occurrence=occurrence, id=change.seat)
            if not await rows(connection, seat):
                raise KeyError(change.seat)


def _touches(from_at: datetime, to_at: datetime) -> ColumnElement[bool]:
    """The first condition follows from the others and from the longest occurrence there can be;
    it gives the index on the start a lower end."""
    return and_(
        occurrences.c.starts_at > from_at - _LONGEST,
        occurrences.c.starts_at < to_at,
        occurrences.c.ends_at > from_at,
    )


def _check_shape(occurrence: Occurrence) -> None:
    length = occurrence.ends_at - occurrence.starts_at
    if not timedelta(0) < length <= _LONGEST:
        raise ProblemError(
            "occurrence_window",
            f"课次的结束时间必须晚于开始时间，且不超过 {LONGEST_OCCURRENCE_H} 小时。",
            f"a lesson must end after it starts and last at most {LONGEST_OCCURRENCE_H} hours",
            field="ends_at",
            value=occurrence.ends_at.isoformat(),
        )


async def _refuse_clashes(connection: AsyncConnection, occurrence: Occurrence, gap_s: int) -> None:
    gap = timedelta(seconds=gap_s)
    near = _touches(occurrence.starts_at - gap, occurrence.ends_at + gap)
    others = await _load(connection, near)
    ended = (
        select(runs.c.occurrence, runs.c.ended_at)
        .join_from(runs, occurrences)
        .where(near, runs.c.ended_at.is_not(None))
    )
    freed = {row.occurrence: row.ended_at for row in await rows(connection, ended)}
    found = clashes_of(occurrence, others, gap_s=gap_s, freed=freed)
    if found:
        names, zone = await _words(connection, found)
        raise ClashError(found, names=names, zone=zone)


async def _words(
    connection: AsyncConnection, clashes: Iterable[Clash]
) -> tuple[dict[str, str], ZoneInfo | None]:
    """Names of the clashing resources and the programme's zone, for the sentence people read."""
    tables_of: dict[ResourceKind, Table] = {
        ResourceKind.CLASSROOM: tables.classrooms,
        ResourceKind.TEACHER: tables.teachers,
        ResourceKind.CLASS: tables.classes,
    }
    wanted: dict[ResourceKind, set[str]] = defaultdict(set)
    for clash in clashes:
        wanted[clash.kind].add(clash.resource)
    names: dict[str, str] = {}
    for kind, ids in wanted.items():
        table = tables_of[kind]
        for chunk in in_chunks(sorted(ids)):
            named = select(table.c.id, table.c.name).where(table.c.id.in_(chunk))
            names |= {row.id: row.name for row in await rows(connection, named)}
    zone = (await connection.execute(select(tables.programme.c.timezone))).scalar()
    return names, ZoneInfo(zone) if zone else None


async def _insert_occurrence(connection: AsyncConnection, occurrence: Occurrence, key: str) -> None:
    host = occurrence.host
    await connection.execute(
        insert(occurrences).values(
            id=occurrence.id,
            key=key,
            mode=occurrence.mode.value,
            title=occurrence.title,
            subject=occurrence.subject,
            date=occurrence.date,
            starts_at=occurrence.starts_at,
            ends_at=occurrence.ends_at,
            periods=occurrence.periods,
            host_school=host.school,
            host_classroom=host.classroom,
            host_teacher=host.teacher,
            host_class=host.school_class,
            grade=occurrence.grade,
            term=occurrence.term,
        )
    )
    children: tuple[tuple[Table, list[dict[str, Any]]], ...] = (
        (seats, [_seat_row(i, s) for i, s in enumerate(occurrence.seats)]),
        (
            participants,
            [{"position": i, "teacher": t} for i, t in enumerate(occurrence.participants)],
        ),
        (
            changes,
            [{"key": f"{key}#{i}", **_change_row(c)} for i, c in enumerate(occurrence.changes)],
        ),
    )
    for table, made in children:
        if made:
            await connection.execute(
                insert(table), [{"occurrence": occurrence.id, **row} for row in made]
            )


def _seat_row(position: int, seat: Seat) -> dict[str, Any]:
    return {
        "id": seat.id,
        "position": position,
        "classroom": seat.classroom,
        "class": seat.school_class,
        "expected": seat.expected,
    }


def _change_row(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind.value,
        "at": change.at,
        "by": change.by,
        "reason": change.reason,
        "excused": change.excused,
        "seat": change.seat,
        "to": change.to,
    }


async def _load_where(
    connection: AsyncConnection, where: ColumnElement[bool], *, limit: int | None = None
) -> list[Occurrence]:
    """As `_load`, for a condition that is dear to evaluate: it is, once, for the ids alone."""
    order = (occurrences.c.starts_at, occurrences.c.id)
    ids = select(occurrences.c.id).where(where).order_by(*order).limit(limit)
    return await _load_all(connection, [row.id for row in await rows(connection, ids)])


async def _load_all(connection: AsyncConnection, ids: Sequence[str]) -> list[Occurrence]:
    """Those of these occurrences that there are, in the order of the ids' chunks."""
    found: list[Occurrence] = []
    for chunk in in_chunks(ids):
        found += await _load(connection, occurrences.c.id.in_(chunk))
    return found


async def _load(connection: AsyncConnection, where: ColumnElement[bool]) -> list[Occurrence]:
    """Occurrences that meet `where`, by start then id: four statements, however many there are."""
    order = (occurrences.c.starts_at, occurrences.c.id)
    found = await rows(connection, select(occurrences).where(where).order_by(*order))
    if not found:
        return []
    children: list[dict[str, list[Any]]] = []
    for table, position in ((seats, "position"), (participants, "position"), (changes, "seq")):
        statement = (
            select(table)
            .where(table.c.occurrence.in_(select(occurrences.c.id).where(where)))
            .order_by(table.c.occurrence, table.c[position])
        )
        grouped: dict[str, list[Any]] = defaultdict(list)
        for row in await rows(connection, statement):
            grouped[row.occurrence].append(row)
        children.append(grouped)
    its_seats, its_participants, its_changes = children
    return [
        Occurrence(
            id=row.id,
            mode=Mode(row.mode),
            title=row.title,
            subject=row.subject,
            date=row.date,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
            periods=row.periods,
            host=Host(row.host_school, row.host_classroom, row.host_teacher, row.host_class),
            seats=tuple(_seat(s) for s in its_seats.get(row.id, ())),
            grade=row.grade,
            term=row.term,
            participants=tuple(p.teacher for p in its_participants.get(row.id, ())),
            changes=tuple(_change(c) for c in its_changes.get(row.id, ())),
        )
        for row in found
    ]


def _seat(row: Any) -> Seat:
    _occurrence, ident, _position, classroom, school_class, expected = row
    return Seat(ident, classroom, school_class, expected)


def _change(row: Any) -> Change:
    return Change(
        kind=ChangeKind(row.kind),
        at=row.at,
        by=row.by,
        reason=row.reason,
        excused=row.excused,
        seat=row.seat,
        to=row.to,
    )


async def _why_refused(
    connection: AsyncConnection, occurrence: Occurrence, error: IntegrityError
) -> Exception:
    """What a constraint's refusal of a new occurrence means."""
    if await rows(connection, select(occurrences.c.id).filter_by(id=occurrence.id)):
        return ProblemError(
            "occurrence_exists",
            f"课次编号“{occurrence.id}”已被使用。请换一个编号。",
            f"there is already a lesson {occurrence.id!r}: use another id",
            kind=ProblemKind.CONFLICT,
            field="id",
            value=occurrence.id,
        )
    seen: set[str] = set()
    for seat in occurrence.seats:
        if seat.id in seen:
            return ProblemError(
                "occurrence_seat_twice",
                f"听讲席编号“{seat.id}”在同一课次中出现两次。请改成不同的编号。",
                f"seat id {seat.id!r} is used twice in one lesson: make the ids differ",
                field="seats",
                value=seat.id,
            )
        seen.add(seat.id)
    return await missing_reference(connection, _references(occurrence)) or error


def _references(occurrence: Occurrence) -> list[tuple[str, Table, str | None]]:
    host = occurrence.host
    return [
        ("host.school", tables.schools, host.school),
        ("host.classroom", tables.classrooms, host.classroom),
        ("host.teacher", tables.teachers, host.teacher),
        ("host.class", tables.classes, host.school_class),
        ("term", tables.terms, occurrence.term),
        *(("seats.classroom", tables.classrooms, s.classroom) for s in occurrence.seats),
        *(("seats.class", tables.classes, s.school_class) for s in occurrence.seats),
        *(("participants", tables.teachers, t) for t in occurrence.participants),
        *(("changes.to", occurrences, c.to) for c in occurrence.changes),
    ]
