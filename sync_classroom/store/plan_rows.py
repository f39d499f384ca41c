"""Occurrences as rows: read many at once, written many at once, and what a refusal meant."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.problems import ProblemError, ProblemKind
from ..domain.timetable import Change, ChangeKind, Host, Mode, Occurrence, Seat, Slot
from . import tables
from .queries import insert_rows, missing_reference, rows
from .tables import LONGEST_OCCURRENCE_H, changes, occurrences, participants, seats

_LONGEST: Final = timedelta(hours=LONGEST_OCCURRENCE_H)
# Lessons made of their rows before others have their turn; a millisecond or two.
_MADE_AT_ONCE: Final = 100


async def insert_occurrences(
    connection: AsyncConnection, new: Sequence[tuple[Occurrence, str]]
) -> None:
    """Store new occurrences, each with its idempotency key."""
    made = [{"id": o.id, "key": key, **occurrence_row(o)} for o, key in new]
    await insert_rows(connection, insert(occurrences), made)
    children: tuple[tuple[Table, list[dict[str, Any]]], ...] = (
        (seats, [seat_row(o, i, s) for o, _ in new for i, s in enumerate(o.seats)]),
        (participants, [row for o, _ in new for row in participant_rows(o)]),
        (
            changes,
            [
                {"occurrence": o.id, "key": f"{key}#{i}", **change_row(c)}
                for o, key in new
                for i, c in enumerate(o.changes)
            ],
        ),
    )
    for table, made in children:
        await insert_rows(connection, insert(table), made)


def occurrence_row(occurrence: Occurrence) -> dict[str, Any]:
    """An occurrence's own columns, without id and key."""
    host, slot = occurrence.host, occurrence.slot
    return {
        "mode": occurrence.mode.value,
        "title": occurrence.title,
        "subject": occurrence.subject,
        "date": occurrence.date,
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "periods": occurrence.periods,
        "host_school": host.school,
        "host_classroom": host.classroom,
        "host_teacher": host.teacher,
        "host_class": host.school_class,
        "grade": occurrence.grade,
        "term": occurrence.term,
        "series": slot and slot.series,
        "slot_date": slot and slot.date,
        "slot_own": slot and slot.own,
        "moved_from": occurrence.moved_from,
    }


def seat_row(occurrence: Occurrence, position: int, seat: Seat) -> dict[str, Any]:
    """A seat as a row."""
    return {
        "occurrence": occurrence.id,
        "id": seat.id,
        "position": position,
        "classroom": seat.classroom,
        "class": seat.school_class,
        "expected": seat.expected,
        "assistant": seat.assistant,
    }


def participant_rows(occurrence: Occurrence) -> list[dict[str, Any]]:
    """The participants as rows."""
    return [
        {"occurrence": occurrence.id, "position": i, "teacher": t}
        for i, t in enumerate(occurrence.participants)
    ]


def change_row(change: Change) -> dict[str, Any]:
    """A change record as a row, without occurrence and key."""
    return {
        "kind": change.kind.value,
        "at": change.at,
        "by": change.by,
        "reason": change.reason,
        "excused": change.excused,
        "seat": change.seat,
        "to": change.to,
    }


def touches(from_at: datetime, to_at: datetime) -> ColumnElement[bool]:
    """The condition that a planned window touches `[from_at, to_at)`.

    Its first part follows from the others and from the longest occurrence there can be; it gives
    the index on the start a lower end.
    """
    return and_(
        occurrences.c.starts_at > from_at - _LONGEST,
        occurrences.c.starts_at < to_at,
        occurrences.c.ends_at > from_at,
    )


async def load_occurrences(
    connection: AsyncConnection, where: ColumnElement[bool]
) -> list[Occurrence]:
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
        if table is changes:
            statement = statement.where(changes.c.annulled_at.is_(None))
        grouped: dict[str, list[Any]] = defaultdict(list)
        for row in await rows(connection, statement):
            grouped[row[0] if table is not changes else row.occurrence].append(row)
        children.append(grouped)
    made: list[Occurrence] = []
    for start in range(0, len(found), _MADE_AT_ONCE):
        made += [
            _occurrence(row, *(c.get(row.id, ()) for c in children))
            for row in found[start : start + _MADE_AT_ONCE]
        ]
        if len(made) < len(found):
            await asyncio.sleep(0)
    return made


def _occurrence(
    row: Any, its_seats: Sequence[Any], people: Sequence[Any], its_changes: Sequence[Any]
) -> Occurrence:
    return Occurrence(
        id=row.id,
        mode=Mode(row.mode),
        title=row.title,
        subject=row.subject,
        date=row.date,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        periods=row.periods,
        host=Host(row.host_school, row.host_classroom, row.host_teacher, row.host_class),
        seats=tuple(_seat(s) for s in its_seats),
        grade=row.grade,
        term=row.term,
        participants=tuple(p.teacher for p in people),
        changes=tuple(_change(c) for c in its_changes),
        slot=_slot(row),
        moved_from=row.moved_from,
    )


def _slot(row: Any) -> Slot | None:
    return None if row.series is None else Slot(row.series, row.slot_date, row.slot_own)


def _seat(row: Any) -> Seat:
    _occurrence, ident, _position, classroom, school_class, expected, assistant = row
    return Seat(ident, classroom, school_class, expected, assistant)


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


async def why_refused(
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
        *(("seats.assistant", tables.teachers, s.assistant) for s in occurrence.seats),
        *(("participants", tables.teachers, t) for t in occurrence.participants),
        *(("changes.to", occurrences, c.to) for c in occurrence.changes),
    ]
