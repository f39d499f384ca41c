"""Scores of lessons in research sessions: one of each person, all of a lesson by one rubric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete, select

from ..domain.ids import OccurrenceId
from ..domain.rubric import Item, Rubric, Scores
from .queries import Queries, rows
from .score_tables import research_rubrics, research_scores

# A constant of our own: whoever scores holds it.
SCORES_LOCK: Final = 0x5C_1A55_0034
# Rubrics kept: who changed it lately; scores have their own.
MAX_VERSIONS: Final = 100


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
        items = _items(scores.items)
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
            if known and _parsed(known[0]) != scores.items:
                return False
            await connection.execute(statement)
        return True

    async def rubric(self) -> Rubric | None:
        """The rubric in force; None while nobody has changed it."""
        t = research_rubrics.c
        statement = select(research_rubrics).order_by(t.version.desc()).limit(1)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        if not found:
            return None
        return Rubric(_parsed(found[0]), found[0].version, found[0].by, found[0].at)

    async def save_rubric(self, rubric: Rubric) -> bool:
        """Store it as the version after `rubric.version`; False if another writer was first."""
        t = research_rubrics.c
        number = rubric.version + 1
        values = {"version": number, "items": _items(rubric.items)}
        values |= {"at": rubric.at, "by": rubric.by}
        statement = self._insert(research_rubrics).values(**values)
        statement = statement.on_conflict_do_nothing(index_elements=["version"])
        async with self._database.write() as connection:
            if (await connection.execute(statement)).rowcount != 1:
                return False
            await connection.execute(
                delete(research_rubrics).where(t.version <= number - MAX_VERSIONS)
            )
        return True


def _items(items: Sequence[Item]) -> list[list[object]]:
    return [[i.name, i.weight, i.most, i.english] for i in items]


def _parsed(row: Any) -> tuple[Item, ...]:
    return tuple(Item(*item) for item in row._mapping["items"])


def _scores(row: Any) -> Scores:
    return Scores(
        row.session, row.lesson, row.by, row.name, _parsed(row), tuple(row.points), row.remark,
        row.at,
    )  # fmt: skip
