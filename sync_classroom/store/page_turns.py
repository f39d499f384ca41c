"""Which page of a document the rooms of a lesson saw from when to when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Integer, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.documents import ShownPage
from ..domain.ids import OccurrenceId
from ..domain.intervals import second_of
from ..domain.page_track import PageTurn
from .columns import Instant
from .document_tables import lesson_documents, page_turns
from .queries import Insert, Queries, rows


class PageTurnQueries(Queries):
    """`PageTurnStore` of the coordinator's ports."""

    async def page_turns_of(self, lesson: OccurrenceId) -> Sequence[PageTurn]:
        """Which page of a lesson's documents was shown when, in order."""
        t = page_turns.c
        statement = select(page_turns).where(t.occurrence == lesson).order_by(t.from_at)
        async with self._database.read() as connection:
            return [
                PageTurn(ShownPage(row.document, row.page), row.from_at, row.to_at)
                for row in await rows(connection, statement)
            ]


async def turn_page(
    connection: AsyncConnection,
    into: Insert,
    lesson: OccurrenceId,
    shown: ShownPage | None,
    at: datetime,
) -> None:
    """Another page is shown since `at`, or none; `into` inserts into `page_turns`."""
    t = page_turns.c
    seen = (t.occurrence == lesson, t.to_at.is_(None))
    await connection.execute(update(page_turns).where(*seen).values(to_at=at))
    if shown is None:
        return
    # Of a document that was taken back in this moment nothing is kept.
    given = select(
        literal(lesson),
        literal(second_of(at), BigInteger),
        lesson_documents.c.id,
        literal(shown.page, Integer),
        literal(at, Instant),
    ).where(lesson_documents.c.id == shown.document)
    row = into.from_select(["occurrence", "second", "document", "page", "from_at"], given)
    new = {name: row.excluded[name] for name in ("document", "page", "from_at", "to_at")}
    await connection.execute(
        row.on_conflict_do_update(index_elements=["occurrence", "second"], set_=new)
    )
