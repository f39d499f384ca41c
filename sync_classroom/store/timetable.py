"""The published plan: read in bulk, changed in one transaction that nobody can overtake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.edit_files import series_from
from ..domain.history import Happening, HistoryEntry
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.plan_change import PlanChange, TermPlan, Version
from ..domain.problems import ProblemError
from ..domain.roster import Term
from ..domain.series import Series
from ..domain.timetable import Occurrence
from . import plan_changes
from .plan_rows import load_occurrences, touches, why_refused
from .plan_tables import occurrence_history
from .queries import Queries, rows
from .tables import LONGEST_OCCURRENCE_H, occurrences, runs, series

# Any constant of our own: on PostgreSQL whoever changes the plan holds this lock to the end of the
# transaction. One lock for all: a lesson books up to a hundred resources, locks per resource would
# have to be taken in order, and a booking takes milliseconds, some a day.
BOOKING_LOCK: Final = 0x5C_1A55_0002

_LONGEST: Final = timedelta(hours=LONGEST_OCCURRENCE_H)
# A whole term is read this many days at a time, so that the loop is never held for long.
_SLICE: Final = timedelta(days=7)
_ONE_DAY: Final = timedelta(days=1)


class TimetableQueries(Queries):
    """`TimetableStore` of the coordinator's ports."""

    async def change_plan(self, change: PlanChange, *, gap_s: int) -> Version | None:
        """Store a change of the plan, all of it or nothing; the version it makes, if it makes one.

        Holds the booking lock. A `key` that was stored before changes nothing more. Raises
        `PlanMovedOnError` if what is stored is not `change.before` any more, `ClashError` (with
        names and local times) if anything new or changed is booked twice, and ProblemError
        `occurrence_window`, `occurrence_exists`, `occurrence_seat_twice` or `unknown_reference`.
        """
        new = [o for o in change.after.occurrences.values() if o is not None]
        for occurrence in new:
            _check_shape(occurrence)
        try:
            async with self._database.write() as connection:
                await self._alone(connection, BOOKING_LOCK)
                done, version = await plan_changes.done_before(connection, change)
                if done:
                    return version
                return await plan_changes.store(connection, self._insert, change, gap_s)
        except IntegrityError as error:
            async with self._database.read() as connection:
                for occurrence in new:
                    if change.before.occurrences.get(occurrence.id) is not None:
                        continue
                    why = await why_refused(connection, occurrence, error)
                    if why is not error:
                        raise why from error
            raise

    async def occurrence_by_key(self, key: str) -> Occurrence | None:
        """The occurrence a key made, or the last one that a change with this key touched."""
        touched = select(occurrence_history.c.occurrence).where(occurrence_history.c.key == key)
        where = or_(
            occurrences.c.key == key,
            occurrences.c.id == touched.order_by(occurrence_history.c.seq.desc()).limit(1)
            .scalar_subquery(),
        )  # fmt: skip
        async with self._database.read() as connection:
            found = await load_occurrences(connection, where)
        return found[0] if found else None

    async def get_occurrence(self, occurrence: OccurrenceId) -> Occurrence | None:
        """One occurrence with seats and changes, or None."""
        async with self._database.read() as connection:
            found = await load_occurrences(connection, occurrences.c.id == occurrence)
        return found[0] if found else None

    async def occurrences_between(self, from_at: datetime, to_at: datetime) -> Sequence[Occurrence]:
        """Occurrences whose planned window touches `[from_at, to_at)`, by start then id."""
        async with self._database.read() as connection:
            return await load_occurrences(connection, touches(from_at, to_at))

    async def occurrences_on(self, first: date, last: date) -> Sequence[Occurrence]:
        """Occurrences whose civil date lies in `[first, last]`, by start then id."""
        async with self._database.read() as connection:
            return await load_occurrences(connection, occurrences.c.date.between(first, last))

    async def term_plan(self, term: Term) -> TermPlan:
        """Everything that is published on the days of a term, in one snapshot."""
        found: dict[OccurrenceId, Occurrence] = {}
        async with self._database.read() as connection:
            position = await _position(connection)
            first = term.first_day
            while first <= term.last_day:
                last = min(first + _SLICE - _ONE_DAY, term.last_day)
                days = occurrences.c.date.between(first, last)
                found |= {o.id: o for o in await load_occurrences(connection, days)}
                first += _SLICE
            return TermPlan(
                position,
                found,
                await _series_of(connection, term.id),
                await _freed(connection, term),
            )

    async def term_plan_since(self, term: Term, position: int) -> TermPlan | None:
        """What was changed after `position` and stands on days of the term; None if nothing was.

        `series` are all of the term's. A lesson that changed and left the term's days is in it too.
        """
        async with self._database.read() as connection:
            now = await _position(connection)
            if now == position:
                return None
            newer = select(occurrence_history.c.occurrence).where(
                occurrence_history.c.seq > position
            )
            found = await load_occurrences(connection, occurrences.c.id.in_(newer))
            rules = await _series_of(connection, term.id)
            changed = {o.id: o for o in found}
            return TermPlan(now, changed, rules, await _freed(connection, term))

    async def history_of(self, occurrence: OccurrenceId) -> tuple[HistoryEntry, ...]:
        """Everything that happened to one lesson, oldest first."""
        statement = (
            select(occurrence_history)
            .where(occurrence_history.c.occurrence == occurrence)
            .order_by(occurrence_history.c.seq)
        )
        async with self._database.read() as connection:
            return tuple(_entry(row) for row in await rows(connection, statement))

    async def direct_changes(self, first: date, last: date, limit: int) -> tuple[HistoryEntry, ...]:
        """What was done without a draft to lessons of `[first, last]`, newest first."""
        statement = (
            select(occurrence_history)
            .join(occurrences, occurrences.c.id == occurrence_history.c.occurrence)
            .where(occurrence_history.c.version.is_(None), occurrences.c.date.between(first, last))
            .order_by(occurrence_history.c.seq.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return tuple(_entry(row) for row in await rows(connection, statement))


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


async def _position(connection: AsyncConnection) -> int:
    statement = select(func.coalesce(func.max(occurrence_history.c.seq), 0))
    found: int = (await connection.execute(statement)).scalar_one()
    return found


async def _series_of(connection: AsyncConnection, term: TermId) -> dict[SeriesId, Series]:
    statement = select(series.c.id, series.c.document).filter_by(term=term).order_by(series.c.id)
    return {row.id: series_from(row.document) for row in await rows(connection, statement)}


async def _freed(connection: AsyncConnection, term: Term) -> dict[OccurrenceId, datetime]:
    """Lessons that ended before their time, on the days of a term."""
    statement = (
        select(runs.c.occurrence, runs.c.ended_at)
        .join_from(runs, occurrences)
        .where(
            occurrences.c.date.between(term.first_day, term.last_day),
            runs.c.ended_at < occurrences.c.ends_at,
        )
    )
    return {row.occurrence: row.ended_at for row in await rows(connection, statement)}


def _entry(row: Any) -> HistoryEntry:
    return HistoryEntry(
        occurrence=row.occurrence,
        at=row.at,
        by=row.by,
        reason=row.reason,
        kind=Happening(row.kind),
        version=row.version,
        old=row.old,
        new=row.new,
    )
