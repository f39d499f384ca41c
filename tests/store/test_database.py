"""Opening and closing the store as a whole."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from sync_classroom.coordinator.ports import Store
from sync_classroom.store.database import Database, open_store
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


async def test_the_store_has_every_method_of_the_port(store: Database) -> None:
    names = {n for part in Store.__mro__ for n in vars(part) if not n.startswith("_")}
    assert names > {"load_roster", "occurrences_on", "hold_lease", "close"}
    assert {n for n in names if not callable(getattr(store, n, None))} == set()


async def test_a_relative_file_is_taken_from_the_data_folder(tmp_path: Path) -> None:
    store = await open_store("sqlite:///sub/store.db", data_dir=tmp_path)
    assert store.shown == str(tmp_path / "sub" / "store.db")
    assert (tmp_path / "sub" / "store.db").is_file()
    await store.close()


async def test_closing_leaves_no_thread_and_no_task(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    store = await open_store("sqlite:///store.db", data_dir=tmp_path)
    await asyncio.gather(*(store.users() for _ in range(5)))
    await store.close()
    left = {t for t in set(threading.enumerate()) - threads if not t.name.startswith("asyncio_")}
    for thread in left:
        thread.join(timeout=PATIENCE_S)  # a thread that was told to end takes its moment to be gone
    assert [t for t in left if t.is_alive()] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_was_written_is_there_after_reopening(database_url: str) -> None:
    store = await open_store(database_url, data_dir=None)
    held = await store.hold_lease("a", for_s=3000)
    await store.close()
    again = await open_store(database_url, data_dir=None)
    assert await again.hold_lease("b", for_s=30) == held
    await again.close()
