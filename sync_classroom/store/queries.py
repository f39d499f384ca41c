"""What the query modules share: the transactions they run in, and SQL the engines spell alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Table, UpdateBase, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.problems import ProblemError
from .engine import Transactions

# Ids in one IN list. Both drivers stop at 32 766 parameters; far below that, one statement still
# costs less than its round trip.
IDS_PER_STATEMENT: Final = 500

# Rows prepared at once: the event loop, which carries live lessons too, runs in between.
ROWS_AT_ONCE: Final = 500

# SQLite's `julianday` is exact to the millisecond, which is far below any lease's length.
_SQLITE_NOW_US: Final = "CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000"
_POSTGRES_NOW_US: Final = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"

Insert = sqlite.Insert | postgresql.Insert


class Queries:
    """Base of the parts of `Database`: each is a set of statements over the same transactions."""

    def __init__(self, database: Transactions) -> None:
        self._database = database

    def _insert(self, table: Table) -> Insert:
        """INSERT with the engine's ON CONFLICT."""
        if self._database.place.sqlite:
            return sqlite.insert(table)
        return postgresql.insert(table)

    def _now_us(self) -> str:
        """The database's clock as SQL, in microseconds since 1970."""
        return _SQLITE_NOW_US if self._database.place.sqlite else _POSTGRES_NOW_US

    async def _alone(self, connection: AsyncConnection, lock: int) -> None:
        """Wait for `lock`, a constant of the caller's, and hold it to the transaction's end.

        On SQLite a writing transaction is alone from its beginning.
        """
        if not self._database.place.sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})


def in_chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """`ids` in pieces that fit one statement."""
    for start in range(0, len(ids), IDS_PER_STATEMENT):
        yield ids[start : start + IDS_PER_STATEMENT]


async def insert_rows(
    connection: AsyncConnection, statement: UpdateBase, values: Sequence[Mapping[str, Any]]
) -> None:
    """Execute `statement` with every one of `values`, however many."""
    for start in range(0, len(values), ROWS_AT_ONCE):
        await connection.execute(statement, values[start : start + ROWS_AT_ONCE])


async def rows(connection: AsyncConnection, statement: Select[Any]) -> Sequence[Any]:
    """Every row; attributes are named like the columns."""
    found: Sequence[Any] = (await connection.execute(statement)).all()
    return found


async def missing_reference(
    connection: AsyncConnection, references: Sequence[tuple[str, Table, str | None]]
) -> ProblemError | None:
    """The first `(field, table, id)` whose id is not in the table, as a problem naming it.

    Asked only after a foreign key refused, because SQLite does not say which one did.
    """
    for field, table, wanted in references:
        if wanted is None:
            continue
        key: ColumnElement[str] = table.c.id
        if (await connection.execute(select(key).where(key == wanted))).first() is None:
            return ProblemError(
                "unknown_reference",
                f"{field}：没有编号为“{wanted}”的记录。请先在名册中添加，或改正编号。",
                f"{field}: there is no {wanted!r}; add it to the roster first or correct the id",
                field=field,
                value=wanted,
            )
    return None
