"""What stands beside the grid of a draft."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.edits import AddLesson, CancelLesson, Place
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TeacherId
from sync_classroom.domain.series import SeriesSeat
from tests.support.pages import Page, look
from tests.support.timetable_pages import FRIDAY, draft, edit, open_day, timetable
from tests.support.week import TERM

pytestmark = pytest.mark.asyncio
ROOM = "/timetable?week=13&by=classroom&id=a-r1"


def _button(page: Page, mark: str) -> dict[str, str | None]:
    return next(b for b in page.all("button") if mark in b)


async def test_rules_without_a_place_wait_with_the_rooms_they_need(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, ROOM)
        waiting = [b for b in page.all("button") if "data-waiting" in b]
        assert [(b["data-waiting"], b["data-rooms"]) for b in waiting] == [("art", "host-r1 a-r1")]
        assert "未安排 1" in page.text
        assert "1 间听课教室" in page.text


async def test_two_lessons_at_one_time_are_one_clash_whatever_they_share(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, open_day())
        page = await look(served, ROOM)
        # Teacher, studio and room: three things, one problem of two lessons.
        assert "冲突 1 处，解决后才能发布" in page.text
        assert "还有 1 项相同" in page.text
        links = [a for a in page.all("a") if "data-goto" in a]
        assert {a["data-goto"] for a in links} >= {"english-20261123"}
        assert "id=a-r1" in str(links[0]["href"]) or "id=host-r1" in str(links[0]["href"])
        assert f"#lesson-{links[0]['data-goto']}" in str(links[0]["href"])


async def test_a_clash_of_another_week_links_to_that_week(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        day = FRIDAY.replace(month=12, day=7)
        await edit(served, open_day(2, day))
        page = await look(served, ROOM)
        links = [str(a["href"]) for a in page.all("a") if "data-goto" in a]
        assert all("week=15" in href for href in links[:2])


async def test_warnings_are_counted_by_rule(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, ROOM)
        # `maths` straddles two periods of school a, in each of its weeks.
        assert "占用受援校课间或午休 21" in page.text
        assert "另有 9 处" in page.text
        seats = (SeriesSeat(ClassroomId("a-r1")),)
        off = Place(FRIDAY.replace(day=26), period=1, classroom=ClassroomId("host-r1"))
        await edit(served, AddLesson("课", "科学", TeacherId("host-t1"), off, seats))
        assert "受援校当天不上课 1" in (await look(served, ROOM)).text


async def test_only_who_edited_may_undo(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, CancelLesson(OccurrenceId("english-20261123"), "停电"), by="li")
        page = await look(served, ROOM)
        undo = _button(page, "data-undo")
        # The step before it is `admin`'s own, and nobody has touched that since.
        assert "aria-disabled" not in undo
        redo = _button(page, "data-redo")
        assert redo["aria-disabled"] == "true"


async def test_a_draft_like_the_published_plan_has_nothing_to_publish(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        seen = (await draft(served)).revision
        await served.services.timetable.discard(TERM.id, seen=seen, actor="admin", key="d")
        page = await look(served, ROOM)
        assert "与已发布的一致" in page.text
        assert _button(page, "data-publish")["aria-disabled"] == "true"
        assert "所有课程都已有位置" in page.text
