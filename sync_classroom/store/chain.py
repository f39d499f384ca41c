"""The facts' chain in the store: grown with every append, read for reports and to be verified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.chain import FIRST_HEAD, ChainLink, chained
from ..domain.facts import Fact
from .queries import Queries, rows
from .rollup_tables import fact_chain

# Any constant of our own: facts take their places in the chain one append after the other.
CHAIN_LOCK: Final = 0x5C_1A55_0011


class ChainQueries(Queries):
    """`ChainStore` of the coordinator's ports."""

    async def chain(
        self, first: date | None = None, last: date | None = None
    ) -> Sequence[ChainLink]:
        """The chain's days (UTC), in order; by default all there are."""
        return [link for link, _, _ in await self.chain_places(first, last)]

    async def chain_places(
        self, first: date | None = None, last: date | None = None
    ) -> Sequence[tuple[ChainLink, int, int]]:
        """The chain's days, each with the numbers of its first and last fact."""
        statement = select(fact_chain).order_by(fact_chain.c.day)
        if first is not None:
            statement = statement.where(fact_chain.c.day >= first)
        if last is not None:
            statement = statement.where(fact_chain.c.day <= last)
        async with self._database.read() as connection:
            return [
                (
                    ChainLink(row.day, row.count, row.begins, row.head),
                    row.first_seq,
                    row.last_seq,
                )
                for row in await rows(connection, statement)
            ]


async def extend(
    connection: AsyncConnection,
    new: Sequence[Fact],
    first_seq: int,
    last_seq: int,
    received_at: datetime,
) -> None:
    """Chain facts that were just stored, in their order; the caller holds `CHAIN_LOCK`."""
    day = received_at.astimezone(UTC).date()
    latest = select(fact_chain).order_by(fact_chain.c.day.desc()).limit(1)
    found = await rows(connection, latest)
    begins = found[0].head if found else FIRST_HEAD
    head = chained(begins, new)
    # A clock that was put back does not reopen a day that is over.
    if found and found[0].day >= day:
        await connection.execute(
            update(fact_chain)
            .where(fact_chain.c.day == found[0].day)
            .values(head=head, last_seq=last_seq, count=found[0].count + len(new))
        )
        return
    await connection.execute(
        insert(fact_chain).values(
            day=day, first_seq=first_seq, last_seq=last_seq, count=len(new), begins=begins,
            head=head,
        )
    )  # fmt: skip
