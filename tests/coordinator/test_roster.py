"""The roster in memory follows the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.roster import RosterService
from sync_classroom.domain.ids import TeacherId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database
from tests.support.coordination import roster
from tests.support.databases import file_store
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

TEACHER = TeacherId("host-1-t1")


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await file_store(tmp_path, "r.db")
    yield opened
    await opened.close()


def renamed(name: str):  # type: ignore[no-untyped-def]
    known = roster()
    teacher = replace(known.teachers[TEACHER], name=name)
    return replace(known, teachers={**known.teachers, TEACHER: teacher})


async def test_current_before_load_is_a_defect(store: Database) -> None:
    with pytest.raises(RuntimeError):
        RosterService(store, LocalBus()).current()


async def test_apply_stores_and_shows_at_once(store: Database) -> None:
    service = RosterService(store, LocalBus())
    await service.load()
    assert service.current().teachers == {}
    change = await service.apply(roster())
    assert change.added["teachers"] == 4
    assert service.current().teachers[TEACHER].name == "host-1老师1"


async def test_change_on_another_coordinator_is_seen(store: Database) -> None:
    bus = LocalBus()
    here, there = RosterService(store, bus), RosterService(store, bus)
    await here.load()
    task = asyncio.create_task(here.run())
    await here.listening()
    await there.apply(renamed("新名字"))
    await until(
        lambda: (
            TEACHER in here.current().teachers and here.current().teachers[TEACHER].name == "新名字"
        )
    )
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_roster_loaded_without_a_bus_is_seen_by_reading_again(store: Database) -> None:
    service = RosterService(store, LocalBus(), reread_s=0.05)
    await service.load()
    task = asyncio.create_task(service.run())
    await store.apply_roster(renamed("命令行"))
    await until(lambda: TEACHER in service.current().teachers)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_store_that_says_why_it_is_away_is_logged_in_a_line(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = RosterService(store, LocalBus(), reread_s=0.02)

    async def away() -> None:
        raise ProblemError("database_unavailable", "数据库不可用。", "The database is away.")

    monkeypatch.setattr(store, "load_roster", away)
    with capture_logs() as logs:
        task = asyncio.create_task(service.run())
        await until(lambda: len(logs) >= 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert logs[0] == {
        "event": "roster.reload_failed",
        "log_level": "error",
        "code": "database_unavailable",
        "problem": "The database is away.",
    }


async def test_store_that_is_away_leaves_the_old_roster(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = RosterService(store, LocalBus(), reread_s=0.02)
    await service.apply(roster())
    tries = []

    async def broken() -> None:
        tries.append(1)
        raise OSError("gone")

    monkeypatch.setattr(store, "load_roster", broken)
    task = asyncio.create_task(service.run())
    await until(lambda: len(tries) >= 3)
    assert service.current().teachers[TEACHER].name == "host-1老师1"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
