"""What terminals' own journals came to beside the relay's evidence, by seat and by date."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ids import ClassroomId, OccurrenceId, SchoolId
from ..domain.second_opinion import SeatOpinion, Verdict
from .journal_tables import opinion_days, second_opinions
from .queries import Queries, in_chunks, insert_rows, rows
from .tables import classrooms


class OpinionQueries(Queries):
    """`OpinionStore` of the coordinator's ports."""

    async def opinion_counts(self, first: date, last: date) -> Mapping[Verdict, int]:
        """How many seats of these dates have each verdict; without those that have none."""
        statement = (
            select(opinion_days.c.verdict, func.sum(opinion_days.c.seats))
            .where(opinion_days.c.date.between(first, last))
            .group_by(opinion_days.c.verdict)
        )
        async with self._database.read() as connection:
            return {Verdict(row[0]): int(row[1]) for row in await rows(connection, statement)}

    async def opinions(
        self,
        first: date,
        last: date,
        *,
        verdicts: Collection[Verdict],
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
        skip: int = 0,
        limit: int,
    ) -> Sequence[SeatOpinion]:
        """Seats of these dates with one of these verdicts, the latest first."""
        c = second_opinions.c
        statement = (
            select(second_opinions)
            .where(c.date.between(first, last), c.verdict.in_(sorted(v.value for v in verdicts)))
            .order_by(c.date.desc(), c.occurrence, c.seat)
            .offset(skip)
            .limit(limit)
        )
        if school is not None:
            rooms = select(classrooms.c.id).where(classrooms.c.school == school)
            statement = statement.where(c.classroom.in_(rooms))
        if classroom is not None:
            statement = statement.where(c.classroom == classroom)
        async with self._database.read() as connection:
            return [_opinion(row) for row in await rows(connection, statement)]

    async def opinions_of(self, lessons: Collection[OccurrenceId]) -> Sequence[SeatOpinion]:
        """What is kept of the seats of these lessons."""
        found: list[SeatOpinion] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(lessons)):
                statement = select(second_opinions).where(second_opinions.c.occurrence.in_(chunk))
                found += [_opinion(row) for row in await rows(connection, statement)]
        return found


async def keep_opinions(connection: AsyncConnection, opinions: Iterable[SeatOpinion]) -> None:
    """Replace the opinions of these seats and count their days again; under the roll-ups' lock."""
    new = list(opinions)
    days = {o.date for o in new}
    c = second_opinions.c
    for opinion in new:
        here = (c.occurrence == opinion.occurrence) & (c.seat == opinion.seat)
        before = select(c.date).where(here)
        days |= {row.date for row in await rows(connection, before)}
        await connection.execute(delete(second_opinions).where(here))
    if not new:
        return
    await insert_rows(connection, insert(second_opinions), [_opinion_row(o) for o in new])
    for day in sorted(days):
        await connection.execute(delete(opinion_days).where(opinion_days.c.date == day))
        counted = (
            select(c.date, c.verdict, func.count()).where(c.date == day).group_by(c.date, c.verdict)
        )
        await connection.execute(insert(opinion_days).from_select(list(opinion_days.c), counted))


def _opinion_row(opinion: SeatOpinion) -> dict[str, Any]:
    return {**asdict(opinion), "verdict": opinion.verdict.value}


def _opinion(row: Any) -> SeatOpinion:
    return SeatOpinion(**{**row._mapping, "verdict": Verdict(row.verdict)})
