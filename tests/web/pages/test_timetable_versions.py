"""The record of versions and changes, and the receipts of a version."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edits import CancelLesson, MoveLesson, Place, Substitute
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.notices import Audience
from sync_classroom.web.pages import timetable_versions
from tests.support.pages import look, office
from tests.support.plans import at
from tests.support.timetable_pages import FRIDAY, edit, publish, timetable
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


async def published(served: Site) -> int:
    await edit(
        served,
        MoveLesson(OccurrenceId("english-20261123"), Place(FRIDAY, period=4), "教师外出"),
        Substitute(OccurrenceId("maths-20261124"), TeacherId("host-t2"), "病假"),
    )
    return await publish(served, "期中调整")


async def test_versions_and_changes_at_short_notice_stand_in_one_record(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        assert await published(served) == 2
        served.clock.turn(minutes=5)
        command = CancelLesson(OccurrenceId("odd-20261125"), "停电检修")
        await served.services.timetable.amend(command, actor="admin", key="a")
        page = await look(served, "/timetable/versions?term=t")
        text = page.text
        assert text.index("停电检修") < text.index("期中调整") < text.index("开学课表")
        assert "整节取消 11月25日 周三 08:10 音乐，host-1 临时调整" in text
        assert "11月23日 07:05 admin 甲" in text
        assert "调课 1" in text
        assert "新课程 4" in text
        assert {"/timetable/versions/1", "/timetable/versions/2", "/lessons/odd-20261125"} <= set(
            page.links()
        )


async def test_a_version_shows_what_it_changed_and_who_has_seen_it(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        number = await published(served)
        receipts = await served.services.timetable.notices(number)
        room = next(r for r in receipts if r.notice.addressee == "b-r1")
        for mark in ("told", "shown"):
            await served.store.mark_notices(
                [room.id], mark, audience=Audience.CLASSROOM, addressee="b-r1", at=at("07:30")
            )
        page = await look(served, f"/timetable/versions/{number}")
        assert "第 2 版" in page.text
        assert "期中调整" in page.text
        assert "时间 11月23日 周一 09:00–09:40 → 11月27日 周五 11:00–11:40" in page.text
        assert "已送达 1/3 已显示 1/3 已读 0/3" in page.text
        assert "11月23日 07:30 11月23日 07:30 —" in page.text
        # Whoever has not seen it comes first.
        assert page.text.index("a a-r1") < page.text.rindex("b b-r1")
        assert "教师看到了吗" in page.text


async def test_readers_see_versions_but_no_receipts(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        for role in (Role.TEACHER, Role.REVIEWER):
            page = await look(served, "/timetable/versions/1", role=role)
            assert "开学课表" in page.text
            assert "教室终端收到了吗" not in page.text
        operator = await look(served, "/timetable/versions/1", role=Role.OPERATOR)
        assert "教室终端收到了吗" in operator.text


async def test_many_changes_of_one_kind_are_read_page_by_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timetable_versions, "FIRST_LINES", 2)
    monkeypatch.setattr(timetable_versions, "PAGE_LINES", 3)
    async with timetable(tmp_path) as served:
        first = await look(served, "/timetable/versions/1")
        assert "新课程 4" in first.text
        assert first.text.count("节课") == 2
        assert "看全部 4 处" in first.text
        (rest,) = [link for link in first.links() if "kind=" in link]
        assert rest == "/timetable/versions/1?kind=series_new"
        one = await look(served, rest)
        assert one.text.count("节课") == 3
        assert "1 / 2" in one.text
        assert "教室终端收到了吗" not in one.text
        assert "/timetable/versions/1" in one.links()
        (later,) = [link for link in one.links() if "page=2" in link]
        two = await look(served, later)
        assert two.text.count("节课") == 1
        # Rubbish in the address is the page itself; a page too far is the last one.
        for query in ("kind=planet", "kind=cancelled"):
            assert "看全部 4 处" in (await look(served, f"/timetable/versions/1?{query}")).text


@pytest.mark.parametrize("number", ["0", "2", "99999999999999", "x", "-1"])
async def test_a_version_that_is_not_there_is_told_as_missing(tmp_path: Path, number: str) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, f"/timetable/versions/{number}", status=404)
        assert "没有找到" in page.text


async def test_a_term_without_versions_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/timetable/versions")
        # Lessons were planned one by one, without a draft: they stand in the record all the same.
        assert "排定" in page.text
