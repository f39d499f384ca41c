"""The editor: what it shows of a lesson, of a rule, and of something new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.edits import CancelLesson, ChangeSeat, DropSeat, MoveLesson, Place
from sync_classroom.domain.ids import ClassId, OccurrenceId, TeacherId
from tests.support.pages import Page, look, office
from tests.support.timetable_pages import FRIDAY, edit, lesson_of, open_day, timetable
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


async def shown(served: Site, query: str) -> Page:
    return await look(served, f"/timetable/editor?term=t&week=13&{query}")


def thing(page: Page) -> dict[str, Any]:
    """What the script is told the editor was opened for."""
    begin = page.html.index("data-thing>") + len("data-thing>")
    found: dict[str, Any] = json.loads(page.html[begin : page.html.index("</script>", begin)])
    return found


async def test_a_lesson_is_shown_with_its_particulars_and_its_rule(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await shown(served, "lesson=english-20261130")
        assert "11月30日 周一 第14周 09:00–09:40" in page.text
        assert page.all("input", name="date")[0]["value"] == "2026-11-30"
        chosen = [o.get("value") for o in page.all("option") if "selected" in o]
        assert {"host-t1", "host-r1", "2"} <= set(chosen)
        assert [li["data-room"] for li in page.all("li") if "data-room" in li] == ["a-r1", "b-r1"]
        assert thing(page)["lesson"] == "english-20261130"
        assert thing(page)["series"]["weekday"] == 1
        assert thing(page)["since"] == "2026-11-23"
        assert "/lessons/english-20261130" in page.links()


async def test_a_rule_is_edited_as_a_whole(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await shown(served, "series=art")
        assert "未安排" in page.text
        assert page.all("input", name="scope")[0]["value"] == "all"
        assert page.all("input", name="date") == []
        assert thing(page)["lesson"] is None
        assert thing(page)["series"]["id"] == "art"


async def test_faults_come_with_a_way_out(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, open_day())
        page = await shown(served, "lesson=english-20261123")
        assert "教室 host host-r1 09:00–09:40 已有：语文，host-1" in page.text
        assert page.all("button", data_free="english-20261123") != []


async def test_a_lesson_that_has_begun_offers_nothing(tmp_path: Path) -> None:
    async with timetable(tmp_path, clock="09:10") as served:
        page = await shown(served, "lesson=english-20261123")
        assert "这节课已经开始或上完" in page.text
        assert page.all("form") == []


async def test_a_cancelled_lesson_offers_to_restore_it(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        lesson = OccurrenceId("english-20261130")
        await edit(served, CancelLesson(lesson, "停电"))
        page = await shown(served, f"lesson={lesson}")
        assert "已停课：停电" in page.text
        assert page.all("button", data_do="restore_lesson") != []
        await edit(
            served, MoveLesson(OccurrenceId("maths-20261124"), Place(FRIDAY, period=1), "出差")
        )
        assert "已调走：出差" in (await shown(served, "lesson=maths-20261124")).text


async def test_a_withdrawn_seat_can_be_taken_back(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        seat = (await lesson_of(served, "english", "2026-11-30")).seats[1]
        await edit(served, DropSeat(OccurrenceId("english-20261130"), seat.id, "停电"))
        page = await shown(served, "lesson=english-20261130")
        gone = [li for li in page.all("li") if li.get("class") == "gone"]
        assert [li["data-seat"] for li in gone] == [seat.id]
        assert any("data-back-seat" in b for b in page.all("button"))


async def test_seats_say_class_pupils_and_assistant_and_what_there_is_to_choose(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        lesson = await lesson_of(served, "english", "2026-11-30")
        change = ChangeSeat(lesson.id, lesson.seats[0].id, ClassId("a-c1"), 38, TeacherId("a-t1"))
        await edit(served, change)
        page = await shown(served, f"lesson={lesson.id}")
        assert "a a-r1 三(1)班 · 应到 38 · 助教 a-1" in page.text
        (line,) = [li for li in page.all("li") if li.get("data-room") == "a-r1"]
        assert [line[f"data-{n}"] for n in ("school", "class", "expected", "assistant")] == [
            "a", "a-c1", "38", "a-t1",
        ]  # fmt: skip
        assert thing(page)["assistants"]["a"] == [["a-t1", "a-1"], ["a-t2", "a-2"]]
        assert set(thing(page)["assistants"]) == {"a", "b"}


async def test_only_a_published_rule_is_changed_from_a_day_on(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        (since,) = (await shown(served, "series=maths")).all("input", name="since")
        assert (since["min"], since["max"]) == ("2026-11-23", "2027-01-22")
        assert (await shown(served, "series=art")).all("input", name="since") == []


async def test_something_new_begins_with_what_the_cell_says(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await shown(served, "new=lesson&date=2026-11-27&period=4&by=teacher&id=host-t2")
        assert page.all("input", name="date")[0]["value"] == "2026-11-27"
        chosen = [o.get("value") for o in page.all("option") if "selected" in o]
        assert "host-t2" in chosen
        assert "<option selected>4</option>" in page.html
        assert page.all("input", name="kind", value="lesson")[0].get("checked", "no") != "no"
        series = await shown(served, "new=series&weekday=3&period=1")
        assert thing(series)["term"] == "t"
        assert thing(series)["series"] != thing(page)["series"]


async def test_rubbish_about_something_new_is_survived(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await shown(served, "new=planet&date=rubbish&period=-1&weekday=9&by=class&id=gone")


async def test_without_any_term_the_editor_says_so(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        page = await look(served, "/timetable/editor?new=lesson", status=404)
        assert "还没有学期" in page.text
