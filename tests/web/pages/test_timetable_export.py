"""The grid as a workbook: what is published, the draft, and the rules of the term."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edits import AddSeries
from sync_classroom.domain.grid_views import View, ViewKind
from sync_classroom.domain.ids import (
    ClassroomId,
    SchoolId,
    SeriesId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.series import Series, SeriesSeat
from sync_classroom.domain.timetable import Host
from sync_classroom.exchange.tables import Table
from sync_classroom.exchange.workbooks import read_workbook
from sync_classroom.web.pages.timetable_export import name_of_view
from tests.support.pages import office
from tests.support.rosters import programme
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio
PATH = "/timetable/export.xlsx"
RULE = Series(
    SeriesId("s-1"), TermId("2026-autumn"), "Unit 7", "科学",
    Host(SchoolId("host-1"), ClassroomId("host-1-r3"), TeacherId("host-1-t3")),
    (SeriesSeat(ClassroomId("remote-5-r1")),), 5, 1,
)  # fmt: skip


async def _sheets(served: Site, query: str, role: Role = Role.ADMIN) -> list[Table]:
    answer = await served.ask("GET", PATH + query, role=role)
    assert answer.status == 200, await answer.text()
    assert answer.content_type.endswith("spreadsheetml.sheet")
    assert answer.headers["Cache-Control"] == "no-store"
    return read_workbook(body_of(answer))


def _text(table: Table) -> str:
    return "\n".join(" ".join(row) for row in table.rows)


async def test_week_of_one_room_has_title_term_week_and_state(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        (sheet,) = await _sheets(served, "?by=classroom&id=remote-1-r1")
        assert sheet.name == "1号直播教室"
        assert sheet.rows[0][0] == "学校 remote-1 1号直播教室 课表"
        assert sheet.rows[1][0] == "第一学期 · 第 13 周 · 2026年11月23日–11月29日 · 未发布"
        assert "英语 课" in _text(sheet)
        other = (await _sheets(served, "?by=classroom&id=remote-1-r1&week=12"))[0]
        assert "英语" not in _text(other)


async def test_every_school_with_lessons_has_its_sheet(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        names = [t.name for t in await _sheets(served, "")]
        assert names == [
            f"学校 {s}" for s in ("host-1", "host-2", "remote-1", "remote-2", "remote-3")
        ]
        rooms = [t.name for t in await _sheets(served, "?by=classroom&school=remote-1")]
        assert rooms == ["学校 remote-1 1号直播教室", "学校 remote-1 2号直播教室"]


async def test_week_without_lessons_still_makes_a_file(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        (sheet,) = await _sheets(served, "?by=teacher&week=2")
        assert sheet.rows[-1][0] == "本周没有课"


async def test_draft_is_for_administrators(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await served.services.timetable.edit(
            RULE.term, AddSeries(RULE), seen=0, actor="li", key="k"
        )
        query = "?by=school&id=remote-5&show=draft"
        (mine,) = await _sheets(served, query)
        assert "科学 Unit 7" in _text(mine)
        assert mine.rows[1][0].endswith("· 草稿")
        (theirs,) = await _sheets(served, query, Role.TEACHER)
        assert "科学" not in _text(theirs)


async def test_rules_of_the_term_come_without_dates(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        timetable = served.services.timetable
        await timetable.edit(RULE.term, AddSeries(RULE), seen=0, actor="li", key="k")
        await timetable.publish(RULE.term, seen=1, note="开学", actor="li", key="p")
        (sheet,) = await _sheets(served, "?by=teacher&id=host-1-t3&show=pattern", Role.REVIEWER)
        assert sheet.rows[2][2] == "周一"
        assert "科学 Unit 7" in _text(sheet)
        assert "第 1 版" in sheet.rows[1][0]


@pytest.mark.parametrize(
    ("query", "status"),
    [("?by=classroom&id=nowhere", 404), ("?by=planet&id=x", 404), ("?term=x&week=y&by=z", 200)],
)
async def test_rubbish_in_the_address(tmp_path: Path, query: str, status: int) -> None:
    async with office(tmp_path) as served:
        assert (await served.ask("GET", PATH + query, role=Role.ADMIN)).status == status


async def test_programme_without_a_term_says_so(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        answer = await served.ask("GET", PATH, role=Role.ADMIN)
        assert answer.status == 404
        assert "还没有学期" in await answer.text()


async def test_names_say_the_school_too() -> None:
    roster = programme()
    assert name_of_view(View(ViewKind.CLASS, "remote-1-c1"), roster) == ("1(1)班", "学校 remote-1")
    assert name_of_view(View(ViewKind.HOST, "host-1"), roster) == ("学校 host-1", "")
