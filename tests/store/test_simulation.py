"""The mark of simulated data: set once on an empty database, read by the server and from a file."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.store.database import Database, open_store
from sync_classroom.store.simulation import is_marked_file
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
UNTIL = date(2026, 11, 20)


async def test_an_empty_database_is_marked_for_good(store: Database) -> None:
    assert not await store.is_simulated()
    assert await store.mark_simulated(seed=3, until=UNTIL, at=at("08:00"))
    assert await store.mark_simulated(seed=4, until=UNTIL, at=at("09:00"))
    assert await store.is_simulated()
    await store.apply_roster(programme())
    assert not await store.mark_simulated(seed=5, until=UNTIL, at=at("09:00"))
    assert await store.is_simulated()


async def test_a_database_in_use_is_never_marked(store: Database) -> None:
    await store.apply_roster(programme())
    assert not await store.mark_simulated(seed=3, until=UNTIL, at=at("08:00"))
    assert not await store.is_simulated()


async def test_a_file_is_marked_only_if_it_says_so(tmp_path: Path) -> None:
    file = tmp_path / "test.db"
    assert not is_marked_file(file)
    assert not file.exists()
    store = await open_store("sqlite:///test.db", data_dir=tmp_path)
    assert not is_marked_file(file)
    await store.mark_simulated(seed=3, until=UNTIL, at=at("08:00"))
    assert is_marked_file(file)
    await store.close()
    assert is_marked_file(file)


async def test_something_else_is_no_database_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "odd name?#.db"
    file.write_text("simulation", "utf-8")
    assert not is_marked_file(file)
    assert file.read_text("utf-8") == "simulation"
