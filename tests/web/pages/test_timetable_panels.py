"""Publishing read before it is done, and the coverage a draft would give."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.edits import (
    AddSeries,
    CancelLesson,
    DropOvertaken,
    MoveLesson,
    Place,
    RemoveSeries,
)
from sync_classroom.domain.ids import OccurrenceId, SeriesId
from tests.support.pages import Page, look
from tests.support.plans import at
from tests.support.timetable_pages import FRIDAY, edit, open_day, timetable
from tests.support.week import rule

pytestmark = pytest.mark.asyncio


def _button(page: Page) -> dict[str, str | None]:
    return next(b for b in page.all("button") if "data-publish-now" in b)


async def test_publishing_repeats_clashes_and_warnings_and_is_shut_while_there_are_clashes(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, "/timetable/publish?term=t")
        assert "提醒 21 处，可以带着发布" in page.text
        assert "disabled" not in _button(page)
        assert page.all("form")[0]["data-seen"] == "3"
        await edit(served, open_day())
        page = await look(served, "/timetable/publish?term=t")
        assert "还有 1 处冲突，解决后才能发布" in page.text
        assert "11月23日 周一 09:00 英语 host-1：教室 " in page.text
        assert "disabled" in _button(page)


async def test_what_came_too_late_is_listed_with_what_becomes_of_it(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        english, maths = OccurrenceId("english-20261123"), OccurrenceId("maths-20261124")
        await edit(
            served,
            open_day(1),
            MoveLesson(english, Place(FRIDAY, period=4), "教师外出"),
            CancelLesson(maths, "停电"),
        )
        before = await look(served, "/timetable/publish?term=t")
        assert "来不及发布" not in before.text
        served.clock.now = at("09:10")
        page = await look(served, "/timetable/publish?term=t")
        late = page.text[page.text.index("有 3 节课的时间已到") :]
        assert "11月23日 周一 08:10 语文 host-1：从草稿中去掉" in late
        assert "11月23日 周一 09:00 英语 host-1：作废草稿中的改动，按已发布的上课" in late
        assert "11月27日 周五 11:00 英语 host-1：从草稿中去掉" in late
        assert "disabled" in _button(page)
        await edit(served, DropOvertaken())
        page = await look(served, "/timetable/publish?term=t")
        assert "来不及发布" not in page.text
        assert "停课 1" in page.text
        assert "disabled" not in _button(page)


async def test_coverage_names_the_weeks_and_classes_that_go_short(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        # School b only has English, on Mondays: the term begins on a Tuesday.
        page = await look(served, "/timetable/coverage?term=t")
        assert "每周不足 1 课时的学校" in page.text
        assert "受援课时 82 " in page.text
        assert "b 第 1 周" in page.text
        await edit(served, RemoveSeries(SeriesId("english"), "停开"))
        page = await look(served, "/timetable/coverage?term=t")
        # From the week looked at on, school b has nothing.
        assert "b 第 1、13–21 周" in page.text
        assert "整学期没有课的班级" in page.text
        assert "a 三(1)班" in page.text


async def test_a_school_with_gaps_comes_first(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, RemoveSeries(SeriesId("english"), "停开"))
        text = (await look(served, "/timetable/coverage?term=t")).text
        assert text.index("b 第 1、13") < text.index("a 无")
        await edit(served, AddSeries(rule("more", 5, 5, seats=("b-r1",))))
        text = (await look(served, "/timetable/coverage?term=t")).text
        assert "13" not in text
