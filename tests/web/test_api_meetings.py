"""The meeting's API: teachers by their account, guests by their pass, everybody else refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import ParticipantMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, TeacherId
from sync_classroom.domain.timetable import Mode
from tests.support.pages import office
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio
PAGE = {"client": "page-0001"}


async def planned(served: Site) -> None:
    session = lesson("s-1", "10:05", "10:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])
    await book(served.store, session, key="s-1", gap_s=0)
    user = served.users[Role.TEACHER].id
    await served.services.accounts.update_user(user, teacher=TeacherId("remote-1-t1"))


async def post(
    served: Site, what: str, role: Role | None = Role.TEACHER, **body: Any
) -> tuple[int, dict[str, Any]]:
    answer = await served.ask("POST", f"/api/research/s-1/{what}", role=role, json=PAGE | body)
    text = body_of(answer)
    return answer.status, json.loads(text) if text else {}


async def test_a_teacher_comes_in_takes_a_place_shares_and_leaves(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        status, meeting = await post(served, "join")
        assert (status, meeting["me"], meeting["leads"]) == (200, "t:remote-1-t1", False)
        assert meeting["grants"]["publish"] == []
        assert meeting["room"] == "s-1"
        status, meeting = await post(served, "send")
        assert meeting["places"][0] == "t:remote-1-t1"
        assert len(meeting["grants"]["publish"]) == 2
        assert (await post(served, "share", on=True))[1]["screen"] == "t:remote-1-t1"
        assert (await post(served, "share", on=False))[1]["screen"] is None
        status, meeting = await post(served, "here")
        assert (meeting["grants"], meeting["people"][0]["name"]) == (None, "1老师")
        assert (await post(served, "listen"))[1]["places"][0] is None
        assert (await post(served, "finish"))[0] == 403
        assert (await post(served, "leave"))[0] == 204
        status, problem = await post(served, "here")
        assert (status, problem["code"]) == (409, "meeting_left")


async def test_nobody_comes_in_uninvited_or_with_a_name_that_is_none(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        assert (await post(served, "join", role=None))[0] == 401
        for role in (Role.ADMIN, Role.REVIEWER, Role.OPERATOR):
            status, problem = await post(served, "join", role=role)
            assert (status, problem["code"]) == (403, "not_invited")
        for client in ("", "short", "x" * 65, "bad client name"):
            assert (await post(served, "join", client=client))[0] == 422


async def test_the_leader_alone_has_it_recorded_and_everybody_is_told(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await planned(served)
        assert (await post(served, "join"))[1]["recording"] == "off"
        status, problem = await post(served, "record", on=True)
        assert (status, problem["code"]) == (403, "leader_only")
        assert (await post(served, "leave"))[0] == 204
        user = served.users[Role.TEACHER].id
        await served.services.accounts.update_user(user, teacher=TeacherId("host-1-t1"))
        assert (await post(served, "record", on=True))[1]["code"] == "meeting_left"
        await post(served, "join")
        assert (await post(served, "record", on=True))[1]["recording"] == "starting"
        assert (await post(served, "here"))[1]["recording"] == "starting"
        assert (await post(served, "record", on=False))[1]["recording"] == "off"
        assert (await post(served, "record"))[0] == 422
    async with office(tmp_path / "off") as served:
        await planned(served)
        assert (await post(served, "join"))[1]["recording"] is None


async def test_attendance_is_what_the_facts_say_to_whoever_is_signed_in(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        who = TeacherId("remote-1-t1")
        fact = ParticipantMedia(
            FactId("f-1"), OccurrenceId("s-1"), who, at("10:04:55"), at("10:05:05"), 9, 9
        )
        await served.store.append_facts([fact], received_at=at("10:06"))
        path = "/api/research/s-1/attendance"
        answer = await served.ask("GET", path, role=Role.REVIEWER)
        # What was before the planned time is not counted.
        assert json.loads(body_of(answer)) == {"attendance": {"remote-1-t1": 5}}
        assert (await served.ask("GET", path)).status == 401
        unknown = await served.ask("GET", "/api/research/s-9/attendance", role=Role.ADMIN)
        assert unknown.status == 404
