"""SQLite's async driver with one trip to its thread for a statement, not one for each step of it.

aiosqlite goes to the connection's thread to make a cursor, to execute, to fetch and to close. On a
busy machine each trip waits for its turn twice, and a page of figures made four hundred of them.
Every private name of aiosqlite that is used is in this file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final

from aiosqlite import Connection

# Rows fetched with the statement itself; almost no answer has more.
ROWS_AT_ONCE: Final = 1000


def connect(database: str, **options: Any) -> Connection:
    """A connection, once awaited; `options` are those of `sqlite3.connect`."""
    connection = OneTripConnection(
        lambda: sqlite3.connect(database, **options), iter_chunk_size=ROWS_AT_ONCE
    )
    # The process may end without waiting for it, as SQLAlchemy has it for the plain driver.
    connection._thread.daemon = True
    return connection


class OneTripConnection(Connection):
    """A connection whose cursors are made where they execute."""

    # The base class has a coroutine that is a context manager, too; SQLAlchemy enters it.
    def cursor(self) -> OneTripCursor:  # type: ignore[override]
        """A cursor that has nothing in the database yet."""
        return OneTripCursor(self)


class OneTripCursor:
    """What SQLAlchemy uses of a cursor. `execute` brings the first rows with it.

    A statement whose rows are all fetched is closed already. Errors are those of `sqlite3`.
    """

    arraysize = 1

    def __init__(self, connection: OneTripConnection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._rows: Sequence[Any] = ()
        self._done = True
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> OneTripCursor:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> OneTripCursor:
        """Execute one statement."""
        await self._there(self._executed, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> OneTripCursor:
        """Execute a statement for each set of values."""
        await self._there(self._executed_many, sql, parameters)
        return self

    async def fetchone(self) -> Any:
        """The next row, or None."""
        found = await self.fetchmany(1)
        return found[0] if found else None

    async def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """At most so many of the next rows."""
        size = size or self.arraysize
        if not self._rows and not self._done:
            await self._there(self._fetch, max(size, ROWS_AT_ONCE))
        found, self._rows = self._rows[:size], self._rows[size:]
        return found

    async def fetchall(self) -> Sequence[Any]:
        """All the rows that are left."""
        found, self._rows = self._rows, ()
        if not self._done:
            await self._there(self._fetch, None)
            found, self._rows = [*found, *self._rows], ()
        return found

    async def close(self) -> None:
        """Forget the statement and its rows."""
        self._rows = ()
        if not self._done:
            await self._there(self._end)

    async def _there(self, step: Callable[..., None], *values: Any) -> None:
        await self._connection._execute(step, *values)  # type: ignore[no-untyped-call]

    # What runs in the connection's thread.

    def _executed(self, sql: str, parameters: Sequence[Any]) -> None:
        cursor = self._connection._conn.execute(sql, parameters)
        self._take(cursor)
        if cursor.description is None:
            self._end()
        else:
            self._fetch(ROWS_AT_ONCE)

    def _executed_many(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        self._take(self._connection._conn.executemany(sql, parameters))
        self._end()

    def _take(self, cursor: sqlite3.Cursor) -> None:
        self._cursor, self._done, self._rows = cursor, False, ()
        self.description, self.lastrowid = cursor.description, cursor.lastrowid
        self.rowcount = cursor.rowcount

    def _fetch(self, size: int | None) -> None:
        assert self._cursor is not None, "there is a statement while it is not done"
        if size is None:
            self._rows = self._cursor.fetchall()
        else:
            self._rows = self._cursor.fetchmany(size)
        # `UPDATE … RETURNING` knows its count when its rows are fetched.
        self.rowcount = self._cursor.rowcount
        if size is None or len(self._rows) < size:
            self._end()

    def _end(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
        self._cursor, self._done = None, True
