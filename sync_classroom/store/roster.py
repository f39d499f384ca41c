"""The roster: loaded whole, applied by comparing, never deleted from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import time
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.accounts import RosterChange
from ..domain.calendar_edits import Edited, day_subject
from ..domain.problems import ProblemError
from ..domain.roster import (
    BellSet,
    Classroom,
    DayException,
    Period,
    Roster,
    School,
    SchoolClass,
    SchoolRole,
    Teacher,
    Term,
)
from . import tables
from .queries import Queries, in_chunks, rows
from .rollups import mark_where

Values = dict[str, Any]

# Any constant of our own: two administrators who load rosters at once come one after the other.
ROSTER_LOCK: Final = 0x5C_1A55_0003

# Parents before children, as the foreign keys want them.
_KINDS: Final[tuple[tuple[str, Table], ...]] = (
    ("programme", tables.programme),
    ("schools", tables.schools),
    ("classrooms", tables.classrooms),
    ("classes", tables.classes),
    ("teachers", tables.teachers),
    ("terms", tables.terms),
    ("bell_sets", tables.bell_sets),
    ("days", tables.day_exceptions),
)


_EDITED: Final = {"terms": Edited.TERM, "bell_sets": Edited.BELL_SET, "days": Edited.DAY}


class RosterQueries(Queries):
    """`RosterStore` of the coordinator's ports."""

    async def load_roster(self) -> Roster:
        """Read the whole roster; an empty one before the first was applied."""
        async with self._database.read() as connection:
            stored = {kind: await stored_rows(connection, table) for kind, table in _KINDS}
        programme = next(iter(stored["programme"].values()), None)
        empty = Roster()
        days = [day_from(v) for v in stored["days"].values()]
        return Roster(
            timezone=programme["timezone"] if programme else empty.timezone,
            target_classrooms=programme["target_classrooms"] if programme else 0,
            schools={i: _school(v) for i, v in stored["schools"].items()},
            classrooms={i: Classroom(**v) for i, v in stored["classrooms"].items()},
            classes={i: SchoolClass(**v) for i, v in stored["classes"].items()},
            teachers={i: Teacher(**v) for i, v in stored["teachers"].items()},
            terms={i: Term(**v) for i, v in stored["terms"].items()},
            bell_sets={i: bell_set_from(v) for i, v in stored["bell_sets"].items()},
            days=tuple(sorted(days, key=lambda d: (d.date, d.school or ""))),
        )

    async def apply_roster(self, roster: Roster) -> RosterChange:
        """Insert what is new and update what differs, in one transaction; delete nothing.

        What a person has edited on the calendar's page (`calendar_edits`) stays as it is, a day
        whose exception was taken away too: the file is then the older of the two.
        Counts are by kind: the names of `Roster`'s fields, and `programme` for zone and target.
        Raises ProblemError `roster_reference` if something refers to what is in neither the roster
        nor the database; nothing is stored then.
        """
        wanted = _wanted(roster)
        added: dict[str, int] = {}
        updated: dict[str, int] = {}
        unchanged: dict[str, int] = {}
        kept: dict[str, int] = {}
        try:
            async with self._database.write() as connection:
                await self._alone(connection, ROSTER_LOCK)
                for kind, table in _KINDS:
                    edited = await _edited(connection, kind)
                    if table is tables.classrooms:
                        await _mark_moved_rooms(connection, wanted[kind])
                    counts = await _apply(connection, table, wanted[kind], edited)
                    added[kind], updated[kind], unchanged[kind], kept[kind] = counts
        except IntegrityError as error:
            raise ProblemError(
                "roster_reference",
                "名册中有一项引用了不存在的学校或作息表。请运行名册检查并改正引用的编号。",
                "something in the roster refers to a school or bell set that does not exist:"
                " check the roster and correct the id it refers to",
            ) from error
        return RosterChange(added=added, updated=updated, unchanged=unchanged, kept=kept)


async def _mark_moved_rooms(connection: AsyncConnection, wanted: Iterable[Values]) -> None:
    """A classroom's seats count for its school: of another school now, they are counted again."""
    schools = {
        i: v["school"] for i, v in (await stored_rows(connection, tables.classrooms)).items()
    }
    moved = [v["id"] for v in wanted if schools.get(v["id"], v["school"]) != v["school"]]
    for chunk in in_chunks(moved):
        of_rooms = select(tables.seats.c.occurrence).where(tables.seats.c.classroom.in_(chunk))
        await mark_where(connection, tables.occurrences.c.id.in_(of_rooms))


async def stored_rows(
    connection: AsyncConnection, table: Table, where: ColumnElement[bool] | None = None
) -> dict[Any, Values]:
    """Rows of a table of the roster by id, all of them or some."""
    statement = select(table).order_by(table.c.id)
    if where is not None:
        statement = statement.where(where)
    return {row.id: dict(row._mapping) for row in await rows(connection, statement)}


async def _edited(connection: AsyncConnection, kind: str) -> frozenset[str]:
    """The ids of this kind that a person has edited."""
    edits = tables.calendar_edits
    if kind not in _EDITED:
        return frozenset()
    statement = select(edits.c.subject).where(edits.c.kind == _EDITED[kind].value).distinct()
    return frozenset(row.subject for row in await rows(connection, statement))


async def _apply(
    connection: AsyncConnection, table: Table, wanted: Iterable[Values], edited: frozenset[str]
) -> tuple[int, int, int, int]:
    """Bring one table up to `wanted`, but for `edited` ids.

    Returns how many were added, updated, left alone, and kept different.
    """
    stored = await stored_rows(connection, table)
    new: list[Values] = []
    updated = unchanged = kept = 0
    for values in wanted:
        before = stored.get(values["id"])
        if values["id"] in edited and before != values:
            kept += 1
        elif before is None:
            new.append(values)
        elif before == values:
            unchanged += 1
        else:
            updated += 1
            await connection.execute(
                update(table).where(table.c.id == values["id"]).values(**values)
            )
    if new:
        await connection.execute(insert(table), new)
    return len(new), updated, unchanged, kept


def _wanted(roster: Roster) -> Mapping[str, list[Values]]:
    """The roster as rows, by kind."""
    programme = {
        "id": 1,
        "timezone": roster.timezone,
        "target_classrooms": roster.target_classrooms,
    }
    return {
        "programme": [programme],
        "schools": [{**_fields(s), "role": s.role.value} for s in roster.schools.values()],
        "classrooms": [_fields(c) for c in roster.classrooms.values()],
        "classes": [_fields(c) for c in roster.classes.values()],
        "teachers": [_fields(t) for t in roster.teachers.values()],
        "terms": [_fields(t) for t in roster.terms.values()],
        "bell_sets": [bell_set_row(b) for b in roster.bell_sets.values()],
        # A roster that names one day twice means the later line, as with every other kind.
        "days": list({row["id"]: row for row in map(day_row, roster.days)}.values()),
    }


def _fields(
    thing: School | Classroom | SchoolClass | Teacher | Term | DayException | BellSet,
) -> Values:
    """The columns of these tables are named like the fields; the tests would tell if not."""
    return {f.name: getattr(thing, f.name) for f in fields(thing)}


def bell_set_row(bell_set: BellSet) -> Values:
    """A bell set as a row."""
    periods = [[p.no, p.start.isoformat(), p.end.isoformat()] for p in bell_set.periods]
    return {**_fields(bell_set), "name": bell_set.name or None, "periods": periods}


def day_row(day: DayException) -> Values:
    """An exception as a row; its id is the subject of its edits."""
    row = {"id": day_subject(day.school, day.date), **_fields(day)}
    return {**row, "reason": day.reason or None}


def _school(values: Values) -> School:
    return School(**{**values, "role": SchoolRole(values["role"])})


def bell_set_from(values: Values) -> BellSet:
    """A row as a bell set."""
    periods = tuple(
        Period(no, time.fromisoformat(start), time.fromisoformat(end))
        for no, start, end in values["periods"]
    )
    return BellSet(**{**values, "name": values["name"] or "", "periods": periods})


def day_from(values: Values) -> DayException:
    """A row as an exception."""
    without_id = {k: v for k, v in values.items() if k != "id"}
    return DayException(**{**without_id, "reason": values["reason"] or ""})
