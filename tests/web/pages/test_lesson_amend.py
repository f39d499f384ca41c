"""Changes at short notice by forms: done at once, refused next to the field, for administrators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.timetable import Occurrence
from tests.support.pages import look, office, read, send
from tests.support.plans import at
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
AMEND = "/lessons/maths/amend"


async def maths(served: Site, ident: str = "maths") -> Occurrence:
    found = await served.store.get_occurrence(OccurrenceId(ident))
    assert found is not None
    return found


async def amend(served: Site, **fields: str) -> Any:
    return await send(served, AMEND, {"key": f"k-{fields.get('do')}", **fields})


async def test_a_substitute_is_set(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/lessons/maths")
        # Teachers of the host school, without the one who gives it now.
        assert page.all("option", value="host-2-t2")
        assert not page.all("option", value="host-2-t1")
        assert not page.all("option", value="host-1-t2")
        answer = await amend(served, do="substitute", teacher="host-2-t2", substitute_reason="病假")
        assert answer.status == 303
        assert answer.headers["Location"] == "/lessons/maths?done=lesson-amended"
        assert (await maths(served)).host.teacher == "host-2-t2"


@pytest.mark.parametrize(
    ("times", "starts_at"),
    [
        ({"period": "2"}, "09:00"),
        ({"starts": "16:00", "ends": "16:40"}, "16:00"),
        ({"period": "1", "starts": "16:00", "ends": "16:40"}, "16:00"),
    ],
)
async def test_a_lesson_is_moved_by_period_or_by_the_clock(
    tmp_path: Path, times: Mapping[str, str], starts_at: str
) -> None:
    async with office(tmp_path) as served:
        answer = await amend(
            served, do="move", date="2026-11-24", room="host-2-r3", move_reason="考试", **times
        )
        assert answer.status == 303
        where = answer.headers["Location"].partition("?")[0].rpartition("/")[2]
        moved = await maths(served, where)
        assert (moved.moved_from, moved.host.classroom) == ("maths", "host-2-r3")
        assert moved.starts_at == at(starts_at, "2026-11-24")
        assert (await maths(served)).withdrawn


async def test_a_room_is_added_withdrawn_and_restored(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await amend(served, do="add_seat", seat_room="remote-4-r1",
                             seat_class="remote-4-c1", seat_expected="40")  # fmt: skip
        assert answer.status == 303
        [_, _, added] = (await maths(served)).seats
        assert (added.classroom, added.school_class, added.expected) == (
            "remote-4-r1", "remote-4-c1", 40,
        )  # fmt: skip
        assert "恢复教室" not in (await look(served, "/lessons/maths")).text
        cancel = {"key": "c", "seat": "maths-s0", "reason": "维修", "excused": "yes"}
        assert (await send(served, "/lessons/maths/cancel", cancel)).status == 303
        assert "恢复教室" in (await look(served, "/lessons/maths")).text
        assert (await amend(served, do="restore_seat", seat_back="maths-s0")).status == 303
        assert (await maths(served)).changes == ()


async def test_a_cancelled_lesson_is_restored_and_offers_nothing_else(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        cancel = {"key": "c", "reason": "停电", "excused": "yes"}
        assert (await send(served, "/lessons/maths/cancel", cancel)).status == 303
        page = await look(served, "/lessons/maths")
        assert "恢复这节课" in page.text
        assert "换教师（代课）" not in page.text
        assert (await amend(served, do="restore")).status == 303
        assert (await maths(served)).changes == ()


@pytest.mark.parametrize(
    ("fields", "status", "field", "words"),
    [
        ({"do": "substitute", "substitute_reason": "病假"}, 422, "teacher", "请选择代课教师"),
        ({"do": "substitute", "teacher": "host-2-t2"}, 422, "substitute_reason", "请写明原因"),
        ({"do": "substitute", "teacher": "host-1-t1", "substitute_reason": "x"}, 409, "teacher",
         "不是学校 host-2的教师"),
        ({"do": "move", "date": "明天", "move_reason": "x"}, 422, "date", "不是日期"),
        ({"do": "move", "date": "2026-11-24", "period": "1"}, 422, "move_reason", "请写明原因"),
        ({"do": "move", "date": "2026-11-24", "move_reason": "x"}, 422, "period", "选一个节次"),
        ({"do": "move", "date": "2026-11-24", "period": "9", "move_reason": "x"}, 409, "period",
         "没有第 9 节"),
        ({"do": "move", "date": "2026-11-24", "starts": "25:00", "ends": "9", "move_reason": "x"},
         422, "starts", "请填写时刻"),
        ({"do": "move", "date": "2026-11-20", "period": "1", "move_reason": "x"}, 409, "starts",
         "已经过去"),
        ({"do": "add_seat"}, 422, "seat_room", "请选择要增加的听课教室"),
        ({"do": "add_seat", "seat_room": "remote-1-r1"}, 409, "seat_room", "选了两次"),
        ({"do": "add_seat", "seat_room": "host-1-r1"}, 409, "seat_room", "不是受援校"),
        ({"do": "add_seat", "seat_room": "remote-4-r1", "seat_expected": "many"}, 422,
         "seat_expected", "0 到 200"),
        ({"do": "add_seat", "seat_room": "remote-4-r1", "seat_class": "remote-5-c1"}, 409,
         "seat_class", "不是学校 remote-4的班级"),
        ({"do": "restore_seat"}, 422, "seat_back", "请选择要恢复的听课教室"),
    ],
)  # fmt: skip
async def test_what_is_wrong_stands_next_to_its_field(
    tmp_path: Path, fields: dict[str, str], status: int, field: str, words: str
) -> None:
    async with office(tmp_path) as served:
        before = await maths(served)
        answer = await amend(served, **fields)
        page = await read(answer, status)
        if field != "seat_back":  # offered only where a room was cancelled
            assert words in page.text
            assert page.all("p", id=f"{field}-error")
            assert [d["class"] for d in page.all("details") if "open" in d] == ["act"]
        assert await maths(served) == before


async def test_a_clash_is_told_in_the_page_s_message(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await amend(served, do="move", date="2026-11-24", period="2", move_reason="x")
        where = answer.headers["Location"].partition("?")[0]
        fields = {"key": "n", "do": "move", "date": "2026-11-24", "period": "2",
                  "move_reason": "x"}  # fmt: skip
        answer = await send(served, f"{where}/amend", fields | {"starts": "09:10", "ends": "09:50"})
        assert answer.status == 303  # a lesson is not in its own way
        refused = await send(served, "/lessons/english/amend", fields | {"key": "e"})
        assert refused.status == 409  # it has been held


async def test_rubbish_unknown_lessons_and_other_roles_are_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for do in ("", "fly"):
            answer = await amend(served, do=do)
            assert "请重新打开本页" in (await read(answer, 422)).text
        answer = await send(served, "/lessons/o-9/amend", {"do": "restore"})
        assert answer.status == 404
        for role in (Role.TEACHER, Role.OPERATOR, Role.REVIEWER):
            assert (await send(served, AMEND, {"do": "restore"}, role=role)).status == 403
        assert "临时调整" not in (await look(served, "/lessons/maths", role=Role.TEACHER)).text
        # What has begun is offered no change.
        assert "临时调整" not in (await look(served, "/lessons/english")).text
