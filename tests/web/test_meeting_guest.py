"""A guest's pass: kept by the browser, good for one session, and no account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.web.meeting_guest import COOKIE_SECURE
from tests.support.pages import office
from tests.support.web import Site, body_of
from tests.web.test_api_meetings import PAGE, planned

pytestmark = pytest.mark.asyncio


async def join(served: Site, token: str) -> tuple[int, dict[str, object]]:
    answer = await served.ask(
        "POST", "/api/research/s-1/join", json=PAGE, headers={"Cookie": f"{COOKIE_SECURE}={token}"}
    )
    return answer.status, json.loads(body_of(answer))


async def test_the_pass_lets_a_guest_in_and_nothing_else_does(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        meetings = served.services.meetings
        session = await served.services.research.session(OccurrenceId("s-1"))
        token = await meetings.invite_guest(session, "教研员", actor="li")
        _, own = await meetings.redeem(token, "顾老师")
        status, meeting = await join(served, own)
        assert status == 200
        assert str(meeting["me"]).startswith("guest:")
        for wrong in (token, own[:-1], "x" * 500):
            assert (await join(served, wrong))[0] == 401
        answer = await served.ask(
            "GET", "/research/s-1", headers={"Cookie": f"{COOKIE_SECURE}={own}"}
        )
        assert answer.status == 303  # to the door: the session's page is for accounts


async def test_an_invited_account_goes_before_none(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        answer = await served.ask("POST", "/api/research/s-1/join", json=PAGE, role=Role.TEACHER)
        assert json.loads(body_of(answer))["me"] == "t:remote-1-t1"
