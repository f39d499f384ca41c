"""What people change of the calendar: one row replaced, one line of history added, together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.bundle import record
from ..domain.calendar_edits import (
    CalendarEdit,
    DayEdit,
    Edited,
    Subject,
    checked_term,
    edit_conflict,
    kind_of,
)
from ..domain.ids import SchoolId
from ..domain.roster import BellSet, DayException, Term
from . import tables
from .queries import Queries, rows
from .roster import ROSTER_LOCK, bell_set_from, bell_set_row, day_from, day_row, stored_rows

_TABLES = {
    Edited.DAY: tables.day_exceptions,
    Edited.TERM: tables.terms,
    Edited.BELL_SET: tables.bell_sets,
}


class CalendarQueries(Queries):
    """`CalendarStore` of the coordinator's ports."""

    async def edit_calendar(
        self,
        subjects: Sequence[Subject],
        *,
        at: datetime,
        by: str,
        reason: str,
        seen: int,
        key: str,
    ) -> Sequence[CalendarEdit]:
        """Make edits, all or none, and return them; the same `key` again returns the first ones.

        `seen` is the number of the last edit that the editor saw, 0 for none. Raises ProblemError
        `calendar_changed` if one of the subjects was edited later, `terms_overlap` if another term
        was stored in the meantime that one overlaps; nothing is stored then.
        """
        edits = tables.calendar_edits
        keys = [f"{key}/{n}" for n in range(len(subjects))]
        async with self._database.write() as connection:
            await self._alone(connection, ROSTER_LOCK)
            known = await rows(
                connection, select(edits).where(edits.c.key.in_(keys)).order_by(edits.c.number)
            )
            if known:
                return [_edit(row) for row in known]
            made: list[CalendarEdit] = []
            for own_key, subject in zip(keys, subjects, strict=True):
                await _check(connection, subject, seen)
                old = await _replace(connection, subject)
                new = subject.exception if isinstance(subject, DayEdit) else subject
                values = {
                    "key": own_key,
                    "at": at,
                    "by": by,
                    "reason": reason,
                    "kind": kind_of(subject).value,
                    "subject": _name(subject),
                    "school": None if isinstance(subject, Term) else subject.school,
                    "old": None if old is None else record(old),
                    "new": None if new is None else record(new),
                }
                stored = await connection.execute(insert(edits).values(**values).returning(edits))
                made.append(_edit(stored.one()))
            return made

    async def calendar_edits(
        self,
        *,
        kind: Edited | None = None,
        subject: str | None = None,
        school: SchoolId | None = None,
        before: int | None = None,
        limit: int,
    ) -> Sequence[CalendarEdit]:
        """The latest edits, newest first: of a kind, of one subject, before a number.

        Those of a school are its own and those of all schools.
        """
        edits = tables.calendar_edits
        statement = select(edits).order_by(edits.c.number.desc()).limit(limit)
        if kind is not None:
            statement = statement.where(edits.c.kind == kind.value)
        if subject is not None:
            statement = statement.where(edits.c.subject == subject)
        if school is not None:
            statement = statement.where(edits.c.school.is_(None) | (edits.c.school == school))
        if before is not None:
            statement = statement.where(edits.c.number < before)
        async with self._database.read() as connection:
            return [_edit(row) for row in await rows(connection, statement)]


async def _check(connection: AsyncConnection, subject: Subject, seen: int) -> None:
    """Refuse an edit over one that was not seen, and a term over another."""
    edits = tables.calendar_edits
    of_subject = (edits.c.kind == kind_of(subject).value) & (edits.c.subject == _name(subject))
    later = select(edits).where(of_subject, edits.c.number > seen)
    latest = await rows(connection, later.order_by(edits.c.number.desc()).limit(1))
    if latest:
        raise edit_conflict(_edit(latest[0]))
    if isinstance(subject, Term):
        stored = await stored_rows(connection, tables.terms)
        checked_term(subject, [Term(**v) for v in stored.values()])


async def _replace(
    connection: AsyncConnection, subject: Subject
) -> DayException | Term | BellSet | None:
    """Store what the subject is from now on; returns what it was."""
    table, name = _TABLES[kind_of(subject)], _name(subject)
    found = (await stored_rows(connection, table, table.c.id == name)).get(name)
    if isinstance(subject, DayEdit):
        values = None if subject.exception is None else day_row(subject.exception)
    elif isinstance(subject, BellSet):
        values = bell_set_row(subject)
    else:
        values = {c.name: getattr(subject, c.name) for c in table.c}
    if values is None:
        await connection.execute(delete(table).where(table.c.id == name))
    elif found is None:
        await connection.execute(insert(table).values(**values))
    else:
        await connection.execute(update(table).where(table.c.id == name).values(**values))
    if found is None:
        return None
    if isinstance(subject, DayEdit):
        return day_from(found)
    return bell_set_from(found) if isinstance(subject, BellSet) else Term(**found)


def _name(subject: Subject) -> str:
    return subject.subject if isinstance(subject, DayEdit) else subject.id


def _edit(row: object) -> CalendarEdit:
    values = dict(row._mapping)  # type: ignore[attr-defined]
    del values["key"]
    return CalendarEdit(**{**values, "kind": Edited(values["kind"])})
