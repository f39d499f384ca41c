"""The driver's cursor against SQLite itself: rows, counts and errors as its own cursor has them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.store.sqlite_trips import ROWS_AT_ONCE, OneTripConnection, connect

pytestmark = pytest.mark.asyncio
MANY = 2 * ROWS_AT_ONCE + 7
NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {MANY})"


class Counted(OneTripConnection):
    """Counts its trips to the thread."""

    trips = 0

    async def _execute(self, fn, *args, **kwargs):  # type: ignore[no-untyped-def]
        self.trips += 1
        return await super()._execute(fn, *args, **kwargs)


@pytest_asyncio.fixture
async def connection(tmp_path: Path) -> AsyncIterator[Counted]:
    file = str(tmp_path / "a.db")
    made = Counted(lambda: sqlite3.connect(file, isolation_level=None), iter_chunk_size=64)
    async with made:
        yield made


async def test_a_statement_with_its_rows_is_one_trip(connection: Counted) -> None:
    async with connection.cursor() as cursor:
        assert connection.trips == 0
        await cursor.execute("SELECT 1 AS a, 2 AS b WHERE 3 = ?", (3,))
        assert [column[0] for column in cursor.description] == ["a", "b"]
        assert list(await cursor.fetchall()) == [(1, 2)]
        assert await cursor.fetchone() is None
    assert connection.trips == 1


async def test_more_rows_than_fit_in_one_trip_all_come_in_order(connection: Counted) -> None:
    wanted = [(n,) for n in range(1, MANY + 1)]
    cursor = connection.cursor()
    await cursor.execute(f"{NUMBERS} SELECT i FROM n")
    assert list(await cursor.fetchall()) == wanted
    await cursor.execute(f"{NUMBERS} SELECT i FROM n")
    found = [await cursor.fetchone()]
    while part := await cursor.fetchmany(999):
        found += part
    assert found == wanted


async def test_rows_left_behind_do_not_keep_a_table_locked(connection: Counted) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE t (i INTEGER)")
    await cursor.execute(f"INSERT INTO t {NUMBERS} SELECT i FROM n")
    await cursor.execute("SELECT i FROM t")
    assert len(await cursor.fetchmany(5)) == 5
    await cursor.close()
    await cursor.execute("DROP TABLE t")
    assert await cursor.fetchall() == ()


async def test_counts_and_row_numbers_are_those_of_the_statement(connection: Counted) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE t (i INTEGER PRIMARY KEY)")
    await cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,), (3,)])
    assert cursor.rowcount == 3
    await cursor.execute("UPDATE t SET i = i + 10 WHERE i > 1 RETURNING i")
    assert sorted(await cursor.fetchall()) == [(12,), (13,)]
    assert cursor.rowcount == 2
    await cursor.execute("INSERT INTO t VALUES (77)")
    assert (cursor.rowcount, cursor.lastrowid, cursor.description) == (1, 77, None)


async def test_an_error_is_sqlites_own_and_leaves_the_connection_usable(
    connection: Counted,
) -> None:
    cursor = connection.cursor()
    await cursor.execute("CREATE TABLE t (i INTEGER PRIMARY KEY)")
    await cursor.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.IntegrityError):
        await cursor.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await cursor.execute("SELECT * FROM nowhere")
    await cursor.execute("SELECT count(*) FROM t")
    assert await cursor.fetchone() == (1,)


async def test_a_connection_works_in_a_thread_of_its_own_that_ends_with_the_process(
    tmp_path: Path,
) -> None:
    made = connect(str(tmp_path / "b.db"), isolation_level=None)
    async with made:
        await made.create_function("thread", 0, threading.get_ident)
        cursor = made.cursor()
        await cursor.execute("SELECT thread()")
        [(own,)] = await cursor.fetchall()
        assert own != threading.get_ident()
        assert next(t for t in threading.enumerate() if t.ident == own).daemon
