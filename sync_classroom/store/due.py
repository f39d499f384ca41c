"""The plan as the scheduler reads it: what is not over, and who wants its rooms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ids import ClassroomId, OccurrenceId
from ..domain.lesson import OVER, LessonState
from ..domain.timetable import ChangeKind, Occurrence
from .columns import Instant
from .plan_rows import load_occurrences, touches
from .queries import Queries, in_chunks, rows
from .tables import changes, occurrences, runs, seats

_CANCELLED: Final = LessonState.CANCELLED.value
_OVER: Final = [state.value for state in OVER if state is not LessonState.CANCELLED]


class DueQueries(Queries):
    """What of `TimetableStore` is asked for again and again."""

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
        is passed over inside the database: of a term's lessons a handful is left. What was restored
        after its run was cancelled is not over.
        """
        of_it = runs.c.occurrence == occurrences.c.id
        over = select(runs.c.occurrence).where(of_it, runs.c.state.in_(_OVER)).exists()
        # One that was cancelled and restored is planned again.
        cancelled = select(runs.c.occurrence).where(of_it, runs.c.state == _CANCELLED).exists()
        withdrawn = (
            select(changes.c.seq)
            .where(
                changes.c.occurrence == occurrences.c.id,
                changes.c.kind.in_([ChangeKind.CANCELLED.value, ChangeKind.MOVED.value]),
                changes.c.annulled_at.is_(None),
            )
            .exists()
        )
        where = and_(touches(from_at, to_at), ~over, ~and_(cancelled, withdrawn))
        if after is not None:
            place = tuple_(occurrences.c.starts_at, occurrences.c.id)
            last = tuple_(literal(after[0], Instant), literal(after[1]))
            where = and_(where, place > last, occurrences.c.starts_at >= after[0])
        async with self._database.read() as connection:
            return await _load_where(connection, where, limit=limit)


async def _load_where(
    connection: AsyncConnection, where: ColumnElement[bool], *, limit: int | None = None
) -> list[Occurrence]:
    """As `load_occurrences`, for a dear condition: it is evaluated once, for the ids alone."""
    order = (occurrences.c.starts_at, occurrences.c.id)
    ids = select(occurrences.c.id).where(where).order_by(*order).limit(limit)
    return await _load_all(connection, [row.id for row in await rows(connection, ids)])


async def _load_all(connection: AsyncConnection, ids: Sequence[str]) -> list[Occurrence]:
    """Those of these occurrences that there are, in the order of the ids' chunks."""
    found: list[Occurrence] = []
    for chunk in in_chunks(ids):
        found += await load_occurrences(connection, occurrences.c.id.in_(chunk))
    return found
