"""Who looked at or took away what: rows are added and read, and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select

from ..domain.accounts import AccessEntry
from .queries import Queries, rows
from .rollup_tables import access_log


class AccessLogQueries(Queries):
    """`AccessLogStore` of the coordinator's ports."""

    async def log_access(self, actor: str, what: str, target: str, *, at: datetime) -> None:
        """Remember that somebody looked at or took away something."""
        async with self._database.write() as connection:
            await connection.execute(
                insert(access_log).values(at=at, actor=actor, what=what, target=target)
            )

    async def accesses(
        self,
        *,
        actor: str | None = None,
        what: str | None = None,
        before: int | None = None,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        limit: int,
    ) -> Sequence[AccessEntry]:
        """The latest entries, newest first: of one person, of one kind, before a number.

        Of `[from_at, to_at)`, aware.
        """
        statement = select(access_log).order_by(access_log.c.seq.desc()).limit(limit)
        if actor is not None:
            statement = statement.where(access_log.c.actor == actor)
        if what is not None:
            statement = statement.where(access_log.c.what == what)
        if before is not None:
            statement = statement.where(access_log.c.seq < before)
        if from_at is not None:
            statement = statement.where(access_log.c.at >= from_at)
        if to_at is not None:
            statement = statement.where(access_log.c.at < to_at)
        async with self._database.read() as connection:
            return [
                AccessEntry(row.seq, row.at, row.actor, row.what, row.target)
                for row in await rows(connection, statement)
            ]
