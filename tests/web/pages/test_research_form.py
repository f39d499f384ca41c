"""Planning and changing a research session by form, with and without script."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from tests.support.pages import look, office, read, send
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
GOOD = [
    ("title", "单元教学"), ("subject", "数学"), ("teacher", "host-1-t1"),
    ("classroom", "host-1-r1"), ("date", "2026-11-23"), ("starts", "16:00"), ("ends", "16:50"),
    ("invited", "remote-1-t1"), ("invited", "remote-2-t1"), ("agenda", "说课"),
    ("materials", "稿 https://a/b"), ("key", "once"),
]  # fmt: skip


def changed(**fields: str) -> list[tuple[str, str]]:
    return [(k, v) for k, v in GOOD if k not in fields] + [(k, v) for k, v in fields.items() if v]


async def be(served: Site, teacher: str) -> None:
    user = served.users[Role.TEACHER].id
    await served.services.accounts.update_user(user, teacher=TeacherId(teacher))


async def test_a_session_is_planned_once_and_shown(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        first = await send(served, "/research/new", GOOD)
        again = await send(served, "/research/new", GOOD)
        assert first.status == again.status == 303
        assert first.headers["Location"] == again.headers["Location"]
        page = await look(served, first.headers["Location"])
        for words in ("单元教学", "教研已安排", "说课", "学校 remote-1"):
            assert words in page.text
        assert page.all("a", href="https://a/b")[0]["rel"] == "noopener noreferrer"


async def test_a_subject_group_invites_its_people_without_script(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        fields = [*changed(invited=""), ("groups", "host-2/数学")]
        answer = await send(served, "/research/new", fields)
        session = answer.headers["Location"].partition("?")[0].rpartition("/")[2]
        made = await served.store.get_occurrence(OccurrenceId(session))
        assert made is not None
        assert made.participants == ("host-2-t1",)


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"title": ""}, "title", "请填写主题"),
        ({"subject": ""}, "subject", "请填写学科"),
        ({"teacher": "nobody"}, "teacher", "请选择主持人"),
        ({"classroom": "moon"}, "classroom", "请选择会场教室"),
        ({"date": "23.11."}, "date", "23.11."),
        ({"starts": "4pm"}, "starts", "4pm"),
        ({"ends": "15:00"}, "ends", "晚于 16:00"),
        ({"invited": ""}, "invited", "至少邀请一位"),
        ({"materials": "稿 ftp://a"}, "materials", "ftp://a"),
        ({"agenda": "字" * 1999 + "。\n" * 20}, None, ""),
        ({"teacher": "host-2-t1"}, "teacher", "host-1"),
        ({"date": "2026-11-20"}, "starts", "已经过去"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(
    tmp_path: Path, fields: dict[str, str], name: str | None, words: str
) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/research/new", changed(**fields))
        if name is None:  # cut to what a field holds: nothing is wrong with it
            assert answer.status == 303
            return
        page = await read(answer, 422)
        assert f"{name}-error" in page.ids
        assert words in page.text
        if "invited" not in fields:
            assert "checked" in page.all("input", value="remote-2-t1")[0]
        if "materials" not in fields:
            assert "稿 https://a/b" in page.text
        assert await served.services.research.sessions(*_days()) == []


def _days() -> tuple[date, date]:
    return date(2026, 11, 1), date(2026, 12, 31)


async def test_clashes_are_shown_before_saving_and_by_saving(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        fields = [*changed(starts="14:10", ends="15:00"), ("invited", "host-2-t1")]
        for path in (fields, [*fields, ("check", "1")]):
            page = await read(await send(served, "/research/new", path), 409)
            assert "invited-host-2-t1-error" in page.ids
            assert "invited-remote-1-t1-error" not in page.ids
            assert "14:00–14:40 已有课：数学（1老师）" in page.text
            assert "1 位受邀教师" in page.text
        page = await read(await send(served, "/research/new", [*GOOD, ("check", "1")]))
        assert "这个时间没有冲突" in page.text
        assert await served.services.research.sessions(*_days()) == []


async def test_the_leaders_own_lesson_and_the_rooms_are_said_at_their_fields(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        fields = changed(teacher="host-2-t1", classroom="host-2-r1", starts="14:10", ends="15:00")
        page = await read(await send(served, "/research/new", fields), 409)
        assert {"teacher-error", "classroom-error"} <= set(page.ids)


async def test_a_session_is_changed_moved_and_by_the_second_not_overwritten(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/research/new", GOOD)
        path = answer.headers["Location"].partition("?")[0]
        form = await look(served, f"{path}/edit")
        assert "checked" in form.all("input", value="remote-2-t1")[0]
        seen = str(form.all("input", name="seen")[0]["value"])
        later = [*changed(starts="17:00", ends="17:40", key="two"), ("seen", seen)]
        assert (await send(served, f"{path}/edit", later)).status == 303
        page = await look(served, path)
        assert "17:00–17:40" in page.text
        assert "已修改" not in page.text
        stale = [*changed(title="另一个", key="three"), ("seen", seen)]
        page = await read(await send(served, f"{path}/edit", stale), 409)
        assert "有人刚刚改了" in page.text


async def test_a_teacher_plans_what_they_lead_and_nobody_elses(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await served.ask("GET", "/research/new", role=Role.TEACHER)
        assert answer.status == 422
        assert "对应教师" in await answer.text()
        await be(served, "host-2-t2")
        page = await look(served, "/research/new", role=Role.TEACHER)
        assert page.all("select", name="teacher") == []
        fields = changed(classroom="host-2-r2")
        answer = await send(served, "/research/new", fields, role=Role.TEACHER)
        path = answer.headers["Location"].partition("?")[0]
        made = await served.store.get_occurrence(OccurrenceId(path.rpartition("/")[2]))
        assert made is not None
        assert made.host.teacher == "host-2-t2"
        await be(served, "host-1-t1")
        answer = await served.ask("GET", f"{path}/edit", role=Role.TEACHER)
        assert answer.status == 403


async def test_of_a_begun_session_agenda_and_materials_alone_change(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        answer = await send(served, "/research/new", GOOD)
        path = answer.headers["Location"].partition("?")[0]
        served.clock.turn(hours=6, minutes=10)
        form = await look(served, f"{path}/edit")
        assert form.all("input", name="title") == []
        seen = str(form.all("input", name="seen")[0]["value"])
        fields = {"agenda": "评课", "materials": "", "seen": seen, "key": "p"}
        assert (await send(served, f"{path}/edit", fields)).status == 303
        assert "评课" in (await look(served, path)).text
