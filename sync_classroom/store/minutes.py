"""Minutes of research sessions: paragraphs by number and revision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import func, insert, select

from ..domain.ids import OccurrenceId
from ..domain.minutes import Paragraph
from .minutes_tables import research_minutes
from .queries import Queries, rows

# A constant of our own: whoever writes a paragraph holds it.
MINUTES_LOCK: Final = 0x5C_1A55_0032


class MinutesQueries(Queries):
    """`MinutesStore` of the coordinator's ports."""

    async def minutes_of(self, session: OccurrenceId) -> Sequence[Paragraph]:
        """The latest revision of every paragraph, by number; those taken out too."""
        t = research_minutes.c
        latest = (
            select(t.number, func.max(t.revision).label("revision"))
            .where(t.session == session)
            .group_by(t.number)
            .subquery()
        )
        statement = (
            select(research_minutes)
            .join(latest, (t.number == latest.c.number) & (t.revision == latest.c.revision))
            .where(t.session == session)
            .order_by(t.number)
        )
        async with self._database.read() as connection:
            return [_paragraph(row) for row in await rows(connection, statement)]

    async def write_paragraph(self, wanted: Paragraph, *, key: str, most: int) -> Paragraph | None:
        """Store a paragraph, once for a `key`; how it is then.

        `number` 0 is a new one, after all others: None if there are `most`. Else `revision` is the
        one to follow the latest: if it does not, nothing is stored and the latest is answered.
        Raises KeyError for a paragraph that is not there.
        """
        t = research_minutes.c
        mine = t.session == wanted.session
        async with self._database.write() as connection:
            await self._alone(connection, MINUTES_LOCK)
            if done := await rows(connection, select(research_minutes).where(mine, t.key == key)):
                return _paragraph(done[0])
            if wanted.number == 0:
                last = await connection.scalar(select(func.max(t.number)).where(mine)) or 0
                if last >= most:
                    return None
                wanted = replace(wanted, number=last + 1, revision=1)
            else:
                newest = (
                    select(research_minutes)
                    .where(mine, t.number == wanted.number)
                    .order_by(t.revision.desc())
                    .limit(1)
                )
                known = await rows(connection, newest)
                if not known:
                    raise KeyError(wanted.number)
                if known[0].revision + 1 != wanted.revision:
                    return _paragraph(known[0])
            row = {name: getattr(wanted, name) for name in Paragraph.__slots__}
            await connection.execute(insert(research_minutes).values(key=key, **row))
        return wanted


def _paragraph(row: Any) -> Paragraph:
    return Paragraph(row.session, row.number, row.revision, row.text, row.at, row.by)
