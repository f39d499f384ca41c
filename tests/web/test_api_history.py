"""A lesson's history, changes at short notice, and notices over HTTP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edit_files import series_to_dict
from sync_classroom.domain.ids import TeacherId
from tests.support.drafts import rule
from tests.support.timetable_site import DRAFT, PUBLISH, post, published, read, term_site
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
FIRST = "eng-20260907"


async def be_teacher(served: Site, teacher: str = "host-1-t1") -> None:
    """Make the signed-in teacher the one who gives the lessons."""
    user = served.users[Role.TEACHER]
    await served.store.update_user(user.id, lambda u: replace(u, teacher=TeacherId(teacher)))


async def test_a_substitute_is_in_the_lesson_and_its_history(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        command = {"do": "substitute", "teacher": "host-1-t2", "reason": "病假"}
        answer = await post(served, f"/api/lessons/{FIRST}/amend", {"command": command})
        assert answer.status == 200
        assert (await answer.json())["host"]["teacher"]["id"] == "host-1-t2"
        history = await read(served, f"/api/lessons/{FIRST}/history", role=Role.REVIEWER)
        assert [(e["kind"], e["by"], e["reason"], e["version"]) for e in history["entries"]] == [
            ("created", "admin", "", 1), ("substituted", "admin", "病假", None),
        ]  # fmt: skip
        assert history["entries"][1]["old"] == {"teacher": "host-1-t1"}


async def test_a_rule_tells_what_versions_did_to_it_and_what_it_goes_on_from(
    tmp_path: Path,
) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        moved = series_to_dict(rule()) | {"weekday": 2, "period": 3}
        seen = (await read(served, DRAFT))["revision"]
        await post(
            served, f"{DRAFT}/steps",
            {"seen": seen, "command": {"do": "change_series", "series": moved,
                                       "since": "2026-09-21", "reason": "教室装修"}},
        )  # fmt: skip
        await post(served, PUBLISH, {"seen": seen + 1, "note": "九月调整"})
        path = DRAFT.removesuffix("/draft") + "/series"
        history = await read(served, f"{path}/eng/history", role=Role.TEACHER)
        first, second = history["lineage"]
        assert (history["series"], first, second.partition(".")[0]) == ("eng", "eng", "eng")
        assert [
            (c["version"], c["series"], c["kind"], c["reason"]) for c in history["changes"]
        ] == [
            (2, second, "series_new", "教室装修"),
            (2, "eng", "series_changed", "教室装修"),
            (1, "eng", "series_new", ""),
        ]
        assert history["changes"][-1]["lessons"] == 8
        assert {c["note"] for c in history["changes"][:2]} == {"九月调整"}
        assert (await read(served, f"{path}/{second}/history"))["changes"] == history["changes"]
        gone = await served.ask("GET", f"{path}/planet/history", role=Role.ADMIN)
        assert (gone.status, (await gone.json())["code"]) == (404, "unknown_series")


async def test_a_moved_lesson_is_answered_where_it_is_now(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        move = {"do": "move_lesson", "lesson": FIRST, "reason": "考试",
                "place": {"date": "2026-09-07", "period": 3}}  # fmt: skip
        moved = await (await post(served, f"/api/lessons/{FIRST}/amend", {"command": move})).json()
        assert moved["id"] != FIRST
        assert moved["starts_at"] == "2026-09-07T02:00:00Z"
        first = await read(served, f"/api/lessons/{FIRST}")
        assert [(c["kind"], c["to"]) for c in first["changes"]] == [("moved", moved["id"])]


async def test_commands_for_another_lesson_or_none_are_refused(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        for command, status, code in (
            ({"do": "restore_lesson", "lesson": "eng-20260914"}, 422, "lesson_mismatch"),
            ({"do": "restore_lesson"}, 409, "lesson_stands"),
            ({"do": "follow_calendar"}, 422, "malformed_data"),
            ({"do": "nothing"}, 422, "malformed_data"),
        ):
            refused = await post(served, f"/api/lessons/{FIRST}/amend", {"command": command})
            assert (refused.status, (await refused.json())["code"]) == (status, code)
        refused = await post(
            served, "/api/lessons/o-9/amend", {"command": {"do": "restore_lesson"}}
        )
        assert (refused.status, (await refused.json())["code"]) == (404, "unknown_lesson")
        refused = await served.ask("GET", "/api/lessons/o-9/history", role=Role.ADMIN)
        assert refused.status == 404


async def test_receipts_of_a_version_are_for_the_office(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        told = await read(served, "/api/timetable/versions/1/receipts", role=Role.OPERATOR)
        assert [(n["audience"], n["addressee"], n["shown_at"]) for n in told["notices"]] == [
            ("classroom", "host-1-r1", None),
            ("classroom", "remote-1-r1", None),
            ("teacher", "host-1-t1", None),
            ("teacher", "remote-1-t1", None),
        ]
        for role in (Role.TEACHER, Role.REVIEWER):
            refused = await served.ask("GET", "/api/timetable/versions/1/receipts", role=role)
            assert refused.status == 403


async def test_teachers_see_and_dismiss_their_own_notices(tmp_path: Path) -> None:
    async with term_site(tmp_path) as served:
        await published(served)
        assert (await read(served, "/api/notices", role=Role.TEACHER)) == {"notices": []}
        await be_teacher(served)
        [mine] = (await read(served, "/api/notices", role=Role.TEACHER))["notices"]
        assert mine["items"][0]["en"] == (
            "Mon 7 Sep 08:10–08:50 英语 (1老师) is the first of 8 new lessons"
        )
        receipts = (await read(served, "/api/timetable/versions/1/receipts"))["notices"]
        assert [n["shown_at"] is not None for n in receipts] == [False, False, True, False]
        for number, status in ((mine["id"], 204), ("x", 404), (10**8, 404)):
            answer = await served.ask(
                "POST", f"/api/notices/{number}", role=Role.TEACHER, json={"state": "read"}
            )
            assert answer.status == status
        assert (await read(served, "/api/notices", role=Role.TEACHER)) == {"notices": []}
        # A room's notice is not a teacher's to read.
        room = receipts[0]["id"]
        refused = await served.ask(
            "POST", f"/api/notices/{room}", role=Role.TEACHER, json={"state": "read"}
        )
        assert (await refused.json())["code"] == "unknown_notice"
