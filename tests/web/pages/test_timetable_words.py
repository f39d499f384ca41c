"""Words of the timetable that are made, not looked up."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.edits import AddSeries, MoveLesson, Place
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.series import WeekKind, WeekRule
from sync_classroom.web.pages.timetable_words import runs
from tests.support.pages import look
from tests.support.timetable_pages import FRIDAY, edit, timetable
from tests.support.week import rule


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [((), []), ((3,), ["3"]), ((1, 2, 3), ["1–3"]), ((1, 2, 5, 7, 8), ["1–2", "5", "7–8"])],
)
def test_neighbouring_weeks_are_joined(numbers: tuple[int, ...], wanted: list[str]) -> None:
    assert runs(numbers) == wanted


@pytest.mark.asyncio
async def test_listed_weeks_are_named_on_their_card(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        weeks = WeekRule(WeekKind.LISTED, (14, 15, 16, 20))
        await edit(served, AddSeries(rule("listed", 5, 5, subject="科学", weeks=weeks)))
        page = await look(served, "/timetable?show=pattern&by=host&id=host")
        assert "第 14–16、20 周" in page.text


@pytest.mark.asyncio
async def test_more_rooms_than_two_are_counted_and_named_in_full_to_who_asks(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        rooms = ("a-r1", "a-r2", "b-r1")
        await edit(served, AddSeries(rule("many", 5, 5, subject="科学", seats=rooms)))
        page = await look(served, "/timetable?week=13&by=host&id=host")
        assert "2 校 3 间教室" in page.text
        card = page.all("button", data_lesson="many-20261127")[0]
        assert "听课：a a-r1、a a-r2、b b-r1" in str(card["aria-label"])


@pytest.mark.asyncio
async def test_a_move_to_another_day_says_from_where_at_both_ends(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, MoveLesson(OccurrenceId("english-20261123"), Place(FRIDAY, period=1)))
        page = await look(served, "/timetable?week=13&by=classroom&id=b-r1")
        assert "调至 11月27日 周五 08:10" in page.text
        assert "原 11月23日 周一 09:00" in page.text
