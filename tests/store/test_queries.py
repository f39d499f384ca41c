"""Lists of ids of any length become statements the drivers accept."""

from __future__ import annotations

import pytest
from sqlalchemy import event, func, insert, select

from sync_classroom.store.database import Database
from sync_classroom.store.queries import IDS_PER_STATEMENT, ROWS_AT_ONCE, in_chunks, insert_rows
from sync_classroom.store.tables import leases
from tests.support.plans import at


def test_chunks_are_full_except_the_last_and_keep_the_order() -> None:
    ids = [str(n) for n in range(2 * IDS_PER_STATEMENT + 1)]
    chunks = list(in_chunks(ids))
    assert [len(c) for c in chunks] == [IDS_PER_STATEMENT, IDS_PER_STATEMENT, 1]
    assert [i for c in chunks for i in c] == ids


def test_no_ids_are_no_statement() -> None:
    assert list(in_chunks([])) == []


@pytest.mark.asyncio
async def test_rows_go_in_pieces_that_let_others_run(store: Database) -> None:
    count = 2 * ROWS_AT_ONCE + 1
    known = [{"name": f"lease-{n}", "holder": "a", "epoch": n, "expires_at": at("07:00")}
             for n in range(count)]  # fmt: skip
    statements: list[str] = []
    event.listen(
        store._database.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cur, statement, *_: statements.append(statement),
    )
    async with store._database.write() as connection:
        await insert_rows(connection, insert(leases), known)
        await insert_rows(connection, insert(leases), [])
    assert len([s for s in statements if s.startswith("INSERT")]) == 3
    async with store._database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(leases)) == count
