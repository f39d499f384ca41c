"""Differences in words: old and new, grouped by what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.edits import (
    AddLesson,
    AddSeat,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeries,
    MoveLesson,
    Place,
    Substitute,
)
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TeacherId
from sync_classroom.domain.series import SeriesSeat
from tests.support.pages import look
from tests.support.timetable_pages import FRIDAY, draft, edit, open_day, timetable
from tests.support.week import rule

pytestmark = pytest.mark.asyncio
ENGLISH, MATHS = OccurrenceId("english-20261130"), OccurrenceId("maths-20261124")


async def test_each_difference_is_told_with_old_and_new(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(
            served,
            MoveLesson(ENGLISH, Place(FRIDAY, period=4)),
            Substitute(MATHS, TeacherId("host-t2"), "病假"),
            ChangeLesson(MATHS, title="期中复习"),
            CancelLesson(OccurrenceId("odd-20261125"), "停电检修"),
            AddSeat(OccurrenceId("english-20261207"), SeriesSeat(ClassroomId("a-r2"))),
            open_day(),
        )
        text = (await look(served, "/timetable/publish?term=t")).text
        assert "调课 1" in text
        assert "时间 11月30日 周一 09:00–09:40 → 11月27日 周五 11:00–11:40" in text
        assert "内容有改动 1" in text
        assert "教师 host-1 → host-2" in text
        assert "课题 课 → 期中复习" in text
        assert "停课 1" in text
        assert "原因：停电检修" in text
        assert "听课教室有改动 1" in text
        assert "增加听课教室 a a-r2" in text
        assert "新课次 1" in text


async def test_the_lessons_of_a_new_rule_are_counted_with_it(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, AddSeries(rule("science", 5, 1, subject="科学")))
        text = (await look(served, "/timetable/publish?term=t")).text
        assert "新课程 2" in text  # with the one that waits for its place
        assert "周五 第 1 节 · 9 节课" in text
        assert "新课次" not in text


async def test_a_rule_that_moves_ends_and_goes_on_elsewhere(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        series = (await draft(served)).copy.series
        english = series[next(i for i in series if i == "english")]
        await edit(served, ChangeSeries(replace(english, weekday=5, period=4)))
        text = (await look(served, "/timetable/publish?term=t")).text
        assert "英语 · 课 host-1 · host 周五 第 4 节" in text
        assert "课程有改动 1 英语 · 课 host-1 · host 9 节课 到 — → 11月22日 周日" in text


async def test_a_lesson_of_its_own_is_new_by_itself(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        place = Place(FRIDAY, period=5, classroom=ClassroomId("host-r1"))
        seats = (SeriesSeat(ClassroomId("b-r1")),)
        await edit(served, AddLesson("讲座", "科学", TeacherId("host-t2"), place, seats))
        text = (await look(served, "/timetable/publish?term=t")).text
        assert "科学 · 讲座 host-2 · host 11月27日 周五 13:40–14:20" in text
