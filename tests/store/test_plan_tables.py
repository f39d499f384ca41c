"""What was published and what happened stay as they were written, whoever asks."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database
from tests.support.drafts import TERM, rule
from tests.support.plan_changes import book
from tests.support.plan_changes import first_version as first
from tests.support.plans import lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("table", ["versions", "occurrence_history"])
@pytest.mark.parametrize("what", ["UPDATE {} SET \"by\" = 'x'", "DELETE FROM {}"])
async def test_versions_and_history_refuse_to_be_changed(
    store: Database, table: str, what: str
) -> None:
    await store.apply_roster(programme())
    await book(store, lesson("o-1"), key="k", gap_s=0)
    await store.change_plan(await first(store, TERM.id, rule()), gap_s=0)
    with pytest.raises((ProblemError, DBAPIError)):
        async with store._database.write() as connection:
            await connection.execute(text(what.format(table)))
    async with store._database.read() as connection:
        count = await connection.scalar(text(f"SELECT count(*) FROM {table}"))
        changed = await connection.scalar(text(f"SELECT count(*) FROM {table} WHERE \"by\" = 'x'"))
    assert (count, changed) == ({"versions": 1, "occurrence_history": 1}[table], 0)
