"""Watching over HTTP: for administrators and bureau, with the page's own name, and written down."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.web import Site, plan, site

pytestmark = pytest.mark.asyncio
BODY = {"page": "1a2b3c4d"}


async def live(served: Site) -> str:
    planned: dict[str, Any] = await (await plan(served)).json()
    at = served.clock()
    run = LessonRun(OccurrenceId(planned["id"]), LessonState.LIVE, opened_at=at, live_at=at)
    await served.store.save_run(run)
    served.clock.now = at + timedelta(seconds=1)
    return f"/api/wall/{planned['id']}"


async def test_administrators_and_bureau_may_watch_and_nobody_else(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        path = await live(served)
        for role in (Role.TEACHER, Role.OPERATOR, None):
            answer = await served.ask("POST", path, role=role, json=BODY)
            assert answer.status in (401, 403), role
        _, token = await served.device("far-1-r1")
        device = {"Authorization": f"Bearer {token}"}
        assert (await served.ask("POST", path, headers=device, json=BODY)).status == 401
        assert await served.store.accesses(limit=9) == []
        for role in (Role.REVIEWER, Role.ADMIN):
            answer = await served.ask("POST", path, role=role, json={**BODY, "look": True})
            (stream,) = (await answer.json())["streams"]
            assert stream["sources"] == ["camera", "screen", "called"]
            assert stream["publish"] == []
        logged = await served.store.accesses(limit=9)
        people = [served.users[role].login for role in (Role.ADMIN, Role.REVIEWER)]
        assert [(e.actor, e.what) for e in logged] == [(who, "wall.look") for who in people]


@pytest.mark.parametrize(
    "body", [{}, {"page": "x"}, {"page": "1A2B3C4D"}, {**BODY, "look": 1}, {**BODY, "peer": "host"}]
)
async def test_a_body_that_does_not_fit_is_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    async with site(tmp_path) as served:
        path = await live(served)
        assert (await served.ask("POST", path, role=Role.ADMIN, json=body)).status == 422
        assert await served.store.accesses(limit=9) == []


async def test_an_unknown_lesson_is_404(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        answer = await served.ask("POST", "/api/wall/nothing", role=Role.ADMIN, json=BODY)
        assert (answer.status, (await answer.json())["code"]) == (404, "unknown_lesson")
