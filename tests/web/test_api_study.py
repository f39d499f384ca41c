"""Lesson study over the API: the leader leads, everybody comments, those inside get the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TeacherId
from sync_classroom.domain.timetable import Mode
from tests.support.pages import look, office
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.web import Site, body_of
from tests.web.pages.test_recording import FILE, VIDEO, octets, recorded

pytestmark = pytest.mark.asyncio
LEADER = {"client": "page-0001"}
AT = f"/research/s-1/study/english/{FILE.name}"
WATCH = {"act": "watch", "lesson": "english", "file": FILE.name}


async def met(served: Site) -> None:
    """The teacher leads a session that an administrator is invited to, and both are in it."""
    await recorded(served)
    session = lesson("s-1", "10:05", "10:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])
    await book(served.store, session, key="s-1", gap_s=0)
    for role, teacher in ((Role.TEACHER, "host-1-t1"), (Role.ADMIN, "remote-1-t1")):
        user = served.users[role].id
        await served.services.accounts.update_user(user, teacher=TeacherId(teacher))
        assert (await post(served, "join", role))[0] == 200


async def post(
    served: Site, what: str, role: Role = Role.TEACHER, **body: Any
) -> tuple[int, dict[str, Any]]:
    answer = await served.ask("POST", f"/api/research/s-1/{what}", role=role, json=LEADER | body)
    return answer.status, json.loads(body_of(answer) or b"{}")


async def get(served: Site, what: str, role: Role = Role.TEACHER) -> tuple[int, dict[str, Any]]:
    answer = await served.ask("GET", f"/api/research/s-1/{what}", role=role)
    return answer.status, json.loads(body_of(answer))


async def test_the_leader_leads_and_who_comes_late_lands_in_step(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        assert (await post(served, "here"))[1]["study"] is None
        _, files = await get(served, "study/recordings")
        assert [(f["lesson"], f["file"]) for f in files["files"]][:1] == [("english", FILE.name)]
        assert (await get(served, "study/recordings", Role.ADMIN))[0] == 403
        status, meeting = await post(served, "study", **WATCH)
        assert status == 200
        assert meeting["study"]["watched"]["end_ms"] == 2_397_500
        assert (meeting["study"]["playing"], meeting["study"]["position_ms"]) == (False, 2_000)
        await post(served, "study", act="jump", to_ms=600_000)
        await post(served, "study", act="play")
        served.clock.turn(seconds=12)
        late = (await post(served, "here", Role.ADMIN))[1]["study"]
        assert (late["playing"], late["position_ms"]) == (True, 612_000)
        await post(served, "study", act="pace", rate=200)
        served.clock.turn(seconds=3)
        assert (await post(served, "study", act="pause"))[1]["study"]["position_ms"] == 618_000
        served.clock.turn(seconds=10)
        assert (await post(served, "here", Role.ADMIN))[1]["study"]["position_ms"] == 618_000
        closed = (await post(served, "study", act="close"))[1]["study"]
        assert closed["watched"] is None
        assert (await post(served, "study", act="play"))[1]["code"] == "nothing_watched"


async def test_bad_acts_name_what_is_wrong(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        status, problem = await post(served, "study", Role.ADMIN, **WATCH)
        assert (status, problem["code"]) == (403, "leader_chooses")
        for body, code in (
            (WATCH | {"file": "manifest.json"}, "recording_not_offered"),
            (WATCH | {"lesson": "maths"}, "recording_not_offered"),
            (WATCH | {"lesson": "s-1"}, "recording_not_offered"),
            ({"act": "watch", "lesson": "english"}, "invalid_input"),
            ({"act": "dance"}, "invalid_input"),
            (WATCH | {"client": "another-page"}, "meeting_left"),
        ):
            assert (await post(served, "study", **body))[1]["code"] == code, body
        await post(served, "study", **WATCH)
        assert (await post(served, "study", act="jump"))[1]["field"] == "to_ms"
        assert (await post(served, "study", act="jump", to_ms=9_000_000))[1]["code"] == (
            "mark_outside"
        )
        assert (await post(served, "study", act="pace", rate=7))[1]["code"] == "rate_unknown"


async def test_comments_at_a_mark_are_kept_once_and_stand_in_the_minutes(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        said = {"mark_ms": 65_000, "text": "导入<很>自然", "key": "key-00001"}
        assert (await post(served, "comments", **said))[1]["code"] == "nothing_watched"
        await post(served, "study", **WATCH)
        await post(served, "comments", Role.ADMIN, **said)
        await post(served, "comments", Role.ADMIN, **said)
        early = said | {"mark_ms": 5_000, "text": "板书", "key": "key-00002"}
        _, found = await post(served, "comments", **early)
        assert [(c["mark_ms"], c["text"]) for c in found["comments"]] == [
            (5_000, "板书"), (65_000, "导入<很>自然"),
        ]  # fmt: skip
        assert (await post(served, "here"))[1]["study"]["comments"] == 2
        for wrong, code in (({"mark_ms": 1}, "mark_outside"), ({"text": " "}, "comment_invalid")):
            body = said | {"key": "key-00003"} | wrong
            assert (await post(served, "comments", **body))[1]["code"] == code
        page = await look(served, "/research/s-1/minutes", role=Role.REVIEWER)
        assert "01:05" in page.text
        assert "导入<很>自然" in page.text
        file = await served.ask("GET", "/research/s-1/minutes.md", role=Role.REVIEWER)
        text = body_of(file).decode()
        assert "## 看课评论：" in text
        assert "- 00:05 1老师：板书\n- 01:05 1老师：导入\\<很\\>自然\n" in text


async def test_only_those_in_the_meeting_get_the_file_that_is_watched_and_it_is_logged(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await met(served)
        assert (await served.ask("GET", AT, role=Role.TEACHER)).status == 404
        await post(served, "study", **WATCH)
        whole = await served.ask("GET", AT, role=Role.ADMIN)
        assert (whole.status, await octets(whole)) == (200, VIDEO)
        part = await served.ask("GET", AT, role=Role.ADMIN, headers={"Range": "bytes=10-19"})
        assert (part.status, await octets(part)) == (206, VIDEO[10:20])
        for role, status in ((Role.REVIEWER, 403), (None, 401)):
            assert (await served.ask("GET", AT, role=role)).status == status
        for other in ("english/manifest.json", f"maths/{FILE.name}", "english/..%2fother.mp4"):
            found = await served.ask("GET", f"/research/s-1/study/{other}", role=Role.ADMIN)
            assert found.status == 404
        await post(served, "leave", Role.ADMIN)
        assert (await served.ask("GET", AT, role=Role.ADMIN)).status == 403
        log = await served.store.accesses(what="study.read", limit=9)
        assert [(e.actor, e.target) for e in log] == [("admin", f"english/{FILE.name}")]
        page = await look(served, "/access-log")
        assert "看课：播放录像" in page.text
