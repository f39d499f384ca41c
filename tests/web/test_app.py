"""The application as a whole: health, and tasks that are started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sync_classroom.web.app import _keep
from tests.support.waiting import until
from tests.support.web import site

pytestmark = pytest.mark.asyncio


async def test_health_and_readiness(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        health = await served.ask("GET", "/healthz")
        assert await health.json() == {"ok": True, "version": "1.2.3", "boot": "boot-of-test"}
        assert await (await served.ask("GET", "/readyz")).json() == {"ok": True}


async def test_fixed_addresses_come_before_variable_ones(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        names = [
            r.name
            for r in served.app.router.routes()
            if r.resource is not None and r.resource.canonical.startswith("/lessons/")
        ]
        fixed, variable = names.index("lesson-new"), names.index("lesson")
        assert fixed < variable


async def test_its_tasks_end_with_it(tmp_path: Path) -> None:
    async with site(tmp_path, people=False):
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert {"web-events", "web-terminal-feed"} <= names
    left = {task.get_name() for task in asyncio.all_tasks()}
    assert not {n for n in left if n.startswith(("web-", "feed-", "events-", "hub"))}


async def test_a_task_that_failed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_classroom.web.app._AGAIN_S", 0.0)
    starts = 0

    async def fail() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("the bus went away")
        await asyncio.Event().wait()

    task = asyncio.create_task(_keep(fail))
    await until(lambda: starts == 3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
