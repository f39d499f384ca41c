"""Scores of lessons in research sessions: one of each person, all of a lesson by one rubric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select

from ..domain.ids import OccurrenceId
from ..domain.rubric import Item, Scores
from .queries import Queries, rows
from .score_tables import research_scores

# A constant of our own: whoever scores holds it.
SCORES_LOCK: Final = 0x5C_1A55_0034


class ScoreQueries(Queries):
    """`ScoreStore` of the coordinator's ports."""

    async def scores_of(self, session: OccurrenceId) -> Sequence[Scores]:
        """Every score of a session, by lesson, then as people last gave them."""
        t = research_scores.c
        statement = (
            select(research_scores).where(t.session == session).order_by(t.lesson, t.at, t.by)
        )
        async with self._database.read() as connection:
            return [_scores(row) for row in await rows(connection, statement)]

    async def save_scores(self, scores: Scores) -> bool:
        """Store one person's, in place of theirs before.

        False, and nothing is stored, where others scored this lesson by another rubric.
        """
        t = research_scores.c
        items = [[i.name, i.weight, i.most] for i in scores.items]
        others = select(t["items"]).where(
            t.session == scores.session, t.lesson == scores.lesson, t.by != scores.by
        )
        values = {name: getattr(scores, name) for name in Scores.__slots__}
        values |= {"items": items, "points": list(scores.points)}
        statement = self._insert(research_scores).values(**values)
        statement = statement.on_conflict_do_update(
            index_elements=["session", "lesson", "by"],
            set_={n: statement.excluded[n] for n in ("name", "items", "points", "remark", "at")},
        )
        async with self._database.write() as connection:
            await self._alone(connection, SCORES_LOCK)
            known = await rows(connection, others.limit(1))
            if known and known[0]._mapping["items"] != items:
                return False
            await connection.execute(statement)
        return True


def _scores(row: Any) -> Scores:
    items = tuple(Item(*item) for item in row._mapping["items"])
    return Scores(
        row.session, row.lesson, row.by, row.name, items, tuple(row.points), row.remark, row.at
    )
