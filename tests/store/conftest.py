"""A store over each engine; the contract is that no test can tell which."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from sync_classroom.coordinator.ports import Store
from sync_classroom.store.database import Database, open_store


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    """An empty store; at the end of the test no connection of it may still be in use."""
    opened = await open_store(database_url, data_dir=None)
    _: Store = opened  # the port and its implementation, compared by mypy
    yield opened
    in_use = opened._database.engine.pool.checkedout()  # type: ignore[attr-defined]
    await opened.close()
    assert in_use == 0
