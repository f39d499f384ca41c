"""Who looked at what is written down, and stays."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database
from tests.support.plans import at

pytestmark = pytest.mark.asyncio


async def test_entries_come_newest_first_and_by_person_and_kind(store: Database) -> None:
    await store.log_access("u-1", "coverage.page", "2026-09", at=at("09:00"))
    await store.log_access("u-2", "bundle.export", "term", at=at("09:01"))
    await store.log_access("u-1", "bundle.export", "month", at=at("09:02"))
    found = await store.accesses(limit=10)
    assert [(e.actor, e.target) for e in found] == [
        ("u-1", "month"),
        ("u-2", "term"),
        ("u-1", "2026-09"),
    ]
    assert found[0].at == at("09:02")
    assert [e.target for e in await store.accesses(actor="u-1", limit=10)] == ["month", "2026-09"]
    assert [e.target for e in await store.accesses(what="bundle.export", limit=1)] == ["month"]
    older = await store.accesses(before=found[0].seq, limit=10)
    assert older == found[1:]


@pytest.mark.parametrize("verb", ["UPDATE access_log SET actor = 'x'", "DELETE FROM access_log"])
async def test_nobody_changes_the_log(store: Database, verb: str) -> None:
    await store.log_access("u-1", "coverage.page", "2026-09", at=at("09:00"))
    with pytest.raises((IntegrityError, ProblemError)):
        async with store._database.write() as connection:
            await connection.execute(text(verb))
    assert len(await store.accesses(limit=10)) == 1
