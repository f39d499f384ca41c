"""A lesson's page tells what happened to it, with names, links and whoever did it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.edits import (
    AddSeat,
    CancelLesson,
    ChangeLesson,
    ChangeSeat,
    DropSeat,
    MoveLesson,
    Place,
    RestoreLesson,
    Substitute,
)
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SeatId, SeriesId, TeacherId
from sync_classroom.domain.series import SeriesSeat
from sync_classroom.domain.timetable import Change, ChangeKind, Slot
from tests.support.pages import Page, look, office
from tests.support.plan_changes import changing
from tests.support.plans import at
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
MATHS = OccurrenceId("maths")


async def amend(served: Site, *commands: object) -> OccurrenceId:
    ident = MATHS
    for n, command in enumerate(commands):
        made = await served.services.timetable.amend(
            command, actor="li", key=f"a{n}"  # type: ignore[arg-type]
        )  # fmt: skip
        ident = made.id
    return ident


def told(page: Page) -> str:
    """The text of the history alone."""
    return page.text.partition("变更记录")[2].partition("录像")[0].partition("原始样本")[0]


async def test_everything_that_happened_is_told_in_order(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await amend(
            served,
            Substitute(MATHS, TeacherId("host-2-t2"), "病假"),
            ChangeLesson(MATHS, title="分数", reason="换教材"),
            AddSeat(MATHS, SeriesSeat(ClassroomId("remote-4-r1"))),
            DropSeat(MATHS, SeatId("maths-s0"), "维修"),
            ChangeSeat(MATHS, SeatId("maths-s1"), expected=30),
            CancelLesson(MATHS, "停电", excused=False),
            RestoreLesson(MATHS),
        )
        text = told(await look(served, "/lessons/maths"))
        wanted = (
            "排定", "代课 1老师 → 2老师", "病假 li", "修改 课题 课 → 分数", "换教材 li",
            "增加听课教室 学校 remote-4 1号直播教室", "取消一间教室 学校 remote-1 1号直播教室",
            "有因 维修 li", "听课教室有改动 学校 remote-3 1号直播教室 应到 — → 30",
            "整节取消 无因 停电 li", "恢复上课",
        )  # fmt: skip
        places = [text.find(words) for words in wanted]
        assert -1 not in places, [w for w, p in zip(wanted, places, strict=True) if p < 0]
        assert places == sorted(places)


async def test_a_move_links_both_ends(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        place = Place(at("14:00").date(), starts_at=at("15:00"), ends_at=at("15:40"))
        moved = await amend(served, MoveLesson(MATHS, place, "考试"))
        origin = await look(served, "/lessons/maths")
        assert "调课 到另一课次" in told(origin)
        assert f"/lessons/{moved}" in origin.links()
        target = await look(served, f"/lessons/{moved}")
        assert "由其他时间调来 到另一课次" in told(target)
        assert "/lessons/maths" in target.links()


async def test_changed_places_and_rules_are_told_by_name(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        old = await served.store.get_occurrence(MATHS)
        assert old is not None
        host = replace(old.host, classroom=ClassroomId("host-2-r2"))
        new = replace(old, host=host, ends_at=at("14:50"), grade=4,
                      participants=(TeacherId("remote-1-t1"),))  # fmt: skip
        await served.store.change_plan(changing(old, new, key="x"), gap_s=0)
        ruled = replace(new, slot=Slot(SeriesId("eng"), new.date))
        await served.store.change_plan(changing(new, ruled, key="y"), gap_s=0)
        text = told(await look(served, "/lessons/maths"))
        for words in (
            "年级 — → 4", "下课 11月23日 14:40 → 11月23日 14:50",
            "教室 学校 host-2 1号直播教室 → 学校 host-2 2号直播教室", "参加教师 → 1老师",
            "归入另一条课程安排",
        ):  # fmt: skip
            assert words in " ".join(text.split()), words


async def test_changes_from_before_histories_were_kept_are_told_too(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        gone = Change(ChangeKind.CANCELLED, at("07:00"), "wang", "停电", excused=True)
        old = await served.store.get_occurrence(MATHS)
        assert old is not None
        before = replace(old, changes=(gone,))
        async with served.store._database.write() as connection:
            from sqlalchemy import insert, text

            from sync_classroom.store.plan_rows import change_row
            from sync_classroom.store.tables import changes

            await connection.execute(text("DROP TRIGGER occurrence_history_no_delete"))
            await connection.execute(text("DELETE FROM occurrence_history"))
            await connection.execute(
                insert(changes).values(occurrence="maths", key="old", **change_row(gone))
            )
        assert await served.store.get_occurrence(MATHS) == before
        assert "整节取消 有因 停电 wang" in told(await look(served, "/lessons/maths"))
