"""What a page of the timetable stands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.edits import AddSeat, DropSeat
from sync_classroom.domain.ids import ClassroomId, OccurrenceId
from sync_classroom.domain.series import SeriesSeat
from tests.support.pages import look
from tests.support.timetable_pages import edit, lesson_of, open_day, timetable

pytestmark = pytest.mark.asyncio
HOST = "/timetable?week=13&by=host&id=host"


async def test_the_draft_and_what_is_published_are_two_plans(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, open_day(4))
        assert "观摩课" in (await look(served, HOST)).html
        published = await look(served, HOST + "&show=published")
        assert "观摩课" not in published.html
        assert "english-20261123" in published.html


async def test_what_differs_from_the_published_plan_is_marked_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        seat = (await lesson_of(served, "english", "2026-11-23")).seats[1]
        await edit(served, DropSeat(OccurrenceId("english-20261123"), seat.id, "停电"))
        page = await look(served, HOST)
        marked = {
            b["data-lesson"] for b in page.all("button") if "changed" in str(b.get("class")).split()
        }
        assert marked == {"english-20261123"}


async def test_warnings_name_the_room_they_are_about(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        seat = SeriesSeat(ClassroomId("b-r1"))
        await edit(served, AddSeat(OccurrenceId("maths-20261124"), seat))
        page = await look(served, HOST)
        # School a's third period ends and its fourth begins within the host's third.
        maths = page.all("button", data_lesson="maths-20261124")[0]
        assert "占用a a-r1的课间或午休" in str(maths["aria-label"])
        # After school b's last period there is no break to overlap.
        assert "b b-r1的课间" not in str(maths["aria-label"])
