"""Research sessions: which there are, their agenda and materials, and who teaches what subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select

from ..domain.ids import OccurrenceId, TeacherId
from ..domain.research import Material, Papers
from ..domain.timetable import Mode, Occurrence
from .plan_rows import load_occurrences
from .queries import Queries, in_chunks, rows
from .research_tables import research_papers
from .tables import occurrences, seats


class ResearchQueries(Queries):
    """`ResearchStore` of the coordinator's ports."""

    async def sessions_on(self, first: date, last: date) -> Sequence[Occurrence]:
        """Research sessions whose date lies in `[first, last]`, withdrawn too, by start then id."""
        where = occurrences.c.date.between(first, last) & (
            occurrences.c.mode == Mode.RESEARCH.value
        )
        async with self._database.read() as connection:
            return await load_occurrences(connection, where)

    async def subject_teachers(self, first: date, last: date) -> frozenset[tuple[str, TeacherId]]:
        """(subject, teacher) of whoever gives or assists a lesson dated in `[first, last]`."""
        lessons = occurrences.c.date.between(first, last) & (occurrences.c.mode == Mode.LIVE.value)
        given = select(occurrences.c.subject, occurrences.c.host_teacher.label("teacher"))
        assisted = (
            select(occurrences.c.subject, seats.c.assistant.label("teacher"))
            .join_from(seats, occurrences)
            .where(seats.c.assistant.is_not(None))
        )
        async with self._database.read() as connection:
            found = [
                *await rows(connection, given.where(lessons).distinct()),
                *await rows(connection, assisted.where(lessons).distinct()),
            ]
        return frozenset((row.subject, TeacherId(row.teacher)) for row in found)

    async def papers_of(self, sessions: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Papers]:
        """The latest papers of these sessions; nothing of those that have none."""
        found: dict[OccurrenceId, Papers] = {}
        t = research_papers.c
        async with self._database.read() as connection:
            for chunk in in_chunks(list(sessions)):
                latest = (
                    select(t.session, func.max(t.revision).label("revision"))
                    .where(t.session.in_(chunk))
                    .group_by(t.session)
                    .subquery()
                )
                statement = select(research_papers).join(
                    latest,
                    (t.session == latest.c.session) & (t.revision == latest.c.revision),
                )
                found |= {r.session: _papers(r) for r in await rows(connection, statement)}
        return found

    async def papers_history(self, session: OccurrenceId, limit: int) -> Sequence[Papers]:
        """The latest `limit` papers of one session, oldest first."""
        t = research_papers.c
        statement = (
            select(research_papers)
            .where(t.session == session)
            .order_by(t.revision.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            return [_papers(row) for row in reversed(await rows(connection, statement))]

    async def papers_written(self, session: OccurrenceId, key: str) -> bool:
        """Whether papers of this session were stored with this key."""
        t = research_papers.c
        statement = select(t.revision).where(t.session == session, t.key == key)
        async with self._database.read() as connection:
            return bool(await rows(connection, statement))

    async def save_papers(self, papers: Papers, *, key: str) -> bool:
        """Store papers as the next revision, once for a `key`.

        False, and nothing is stored, if `papers.revision` is not the one after the latest. Raises
        IntegrityError for a session that is not there.
        """
        t = research_papers.c
        async with self._database.write() as connection:
            known = select(t.revision).where(t.session == papers.session, t.key == key)
            if await rows(connection, known):
                return True
            values = {
                "session": papers.session,
                "revision": papers.revision,
                "key": key,
                "at": papers.at,
                "by": papers.by,
                "agenda": papers.agenda,
                "materials": [[m.title, m.url] for m in papers.materials],
            }
            latest = await connection.scalar(
                select(func.coalesce(func.max(t.revision), 0)).where(t.session == papers.session)
            )
            if papers.revision != (latest or 0) + 1:
                return False
            stored = await connection.execute(
                self._insert(research_papers)
                .values(**values)
                .on_conflict_do_nothing(index_elements=["session", "revision"])
            )
            return stored.rowcount == 1


def _papers(row: Any) -> Papers:
    return Papers(
        session=row.session,
        revision=row.revision,
        agenda=row.agenda,
        materials=tuple(Material(title, url) for title, url in row.materials),
        at=row.at,
        by=row.by,
    )
