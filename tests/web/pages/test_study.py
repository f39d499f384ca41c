"""The recording that a meeting watches, for a guest too; who may not have it: test_api_study."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import office, send
from tests.support.web import body_of
from tests.web.pages.test_recording import VIDEO, octets
from tests.web.test_api_study import AT, WATCH, met, post

pytestmark = pytest.mark.asyncio


async def test_a_guest_in_the_meeting_gets_the_file_by_the_pass_and_is_logged(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        await post(served, "study", **WATCH)
        made = await send(served, "/research/s-1/guests", {"guest": "教研员"}, role=Role.TEACHER)
        link = body_of(made).decode().partition("/research/guest/")[2].partition("<")[0]
        came = await send(served, f"/research/guest/{link}", {"name": "顾"}, role=None)
        cookie = {"Cookie": came.headers["Set-Cookie"].partition(";")[0]}
        assert (await served.ask("GET", AT, headers=cookie)).status == 403
        join = await served.ask(
            "POST", "/api/research/s-1/join", json={"client": "page-0009"}, headers=cookie
        )
        assert join.status == 200
        found = await served.ask("GET", AT, headers=cookie)
        assert (found.status, await octets(found)) == (200, VIDEO)
        (entry,) = await served.store.accesses(what="study.read", limit=9)
        assert entry.actor.startswith("guest:")
