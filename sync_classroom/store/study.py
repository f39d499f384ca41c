"""Lesson study: what a session watches, by version, and comments at moments of the lesson."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import func, insert, select, update

from ..domain.ids import OccurrenceId
from ..domain.study import Comment, Study, Watched
from .queries import Queries, rows
from .study_tables import research_comments, research_lessons, research_studies

# A constant of our own: whoever numbers a comment holds it.
COMMENTS_LOCK: Final = 0x5C_1A55_0033


class StudyQueries(Queries):
    """`StudyStore` of the coordinator's ports."""

    async def study_of(self, session: OccurrenceId) -> Study | None:
        """What a session watches; None while nothing was ever chosen."""
        statement = select(research_studies).where(research_studies.c.session == session)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _study(found[0]) if found else None

    async def save_study(self, study: Study) -> Study | None:
        """Store it if the stored version equals `study.version` (0: none is stored yet).

        Returns it with the next version, None if another writer was first.
        """
        seen, t = study.watched, research_studies.c
        values = {
            "version": study.version + 1,
            "lesson": seen.lesson if seen else None,
            "file": seen.file if seen else None,
            "start_ms": seen.start_ms if seen else 0,
            "end_ms": seen.end_ms if seen else 0,
            "playing": study.playing,
            "position_ms": study.position_ms,
            "rate": study.rate,
            "at": study.at,
        }
        if study.version:
            statement: Any = (
                update(research_studies)
                .where(t.session == study.session, t.version == study.version)
                .values(**values)
            )
        else:
            statement = (
                self._insert(research_studies)
                .values(session=study.session, **values)
                .on_conflict_do_nothing(index_elements=["session"])
            )
        async with self._database.write() as connection:
            if (await connection.execute(statement)).rowcount != 1:
                return None
            if seen is not None:
                watched = self._insert(research_lessons).values(
                    session=study.session, lesson=seen.lesson, at=study.at
                )
                await connection.execute(
                    watched.on_conflict_do_nothing(index_elements=["session", "lesson"])
                )
        return replace(study, version=study.version + 1)

    async def lessons_watched(self, session: OccurrenceId) -> Sequence[OccurrenceId]:
        """Every lesson that a session watched, as they were first watched."""
        t = research_lessons.c
        statement = select(t.lesson).where(t.session == session).order_by(t.at, t.lesson)
        async with self._database.read() as connection:
            return [row.lesson for row in await rows(connection, statement)]

    async def comments_of(self, session: OccurrenceId) -> Sequence[Comment]:
        """Every comment of a session, as they came."""
        t = research_comments.c
        statement = select(research_comments).where(t.session == session).order_by(t.number)
        async with self._database.read() as connection:
            return [_comment(row) for row in await rows(connection, statement)]

    async def count_comments(self, session: OccurrenceId) -> int:
        """How many comments a session has."""
        t = research_comments.c
        statement = select(func.count()).where(t.session == session)
        async with self._database.read() as connection:
            return int(await connection.scalar(statement) or 0)

    async def add_comment(self, comment: Comment, *, key: str, most: int) -> Comment | None:
        """Store a comment as the next one, once for a `key`; None if there are `most`."""
        t = research_comments.c
        mine = t.session == comment.session
        async with self._database.write() as connection:
            await self._alone(connection, COMMENTS_LOCK)
            if done := await rows(connection, select(research_comments).where(mine, t.key == key)):
                return _comment(done[0])
            last = await connection.scalar(select(func.max(t.number)).where(mine)) or 0
            if last >= most:
                return None
            made = replace(comment, number=last + 1)
            row = {name: getattr(made, name) for name in Comment.__slots__}
            await connection.execute(insert(research_comments).values(key=key, **row))
        return made


def _study(row: Any) -> Study:
    watched = None
    if row.lesson is not None:
        watched = Watched(row.lesson, row.file, row.start_ms, row.end_ms)
    return Study(row.session, watched, row.playing, row.position_ms, row.rate, row.at, row.version)


def _comment(row: Any) -> Comment:
    return Comment(
        row.session, row.number, row.lesson, row.mark_ms, row.text, row.at, row.by, row.name
    )
