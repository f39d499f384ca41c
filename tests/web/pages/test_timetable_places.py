"""Where a lesson can go, and why not elsewhere, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.edits import MoveLesson, Place
from sync_classroom.domain.ids import ClassroomId, OccurrenceId
from tests.support.pages import look
from tests.support.timetable_pages import FRIDAY, draft, edit, open_day, timetable
from tests.support.web import Role, Site

pytestmark = pytest.mark.asyncio
WEEK = "term=t&week=13"


async def places(served: Site, query: str, week: int = 13) -> dict[str, Any]:
    path = f"/timetable/places?term=t&week={week}&{query}"
    response = await served.ask("GET", path, role=Role.ADMIN)
    assert response.status == 200
    answer: dict[str, Any] = await response.json()
    answer["by"] = {(p["date"], p["period"]): p for p in answer["places"]}
    return answer


async def test_every_period_of_the_week_is_judged_with_its_reason(tmp_path: Path) -> None:
    async with timetable(tmp_path, clock="08:30") as served:
        answer = await places(served, "lesson=english-20261123")
        by = answer["by"]
        assert len(by) == 7 * 6
        assert (by["2026-11-23", 1]["free"], by["2026-11-23", 1]["why"]) == (False, "已经过去")
        assert by["2026-11-23", 1]["hard"]
        assert by["2026-11-26", 1]["why"] == "主讲校当天不上课"
        taken = by["2026-11-24", 3]
        assert (taken["free"], taken["hard"]) == (False, False)
        assert "教师 host-1已有：数学，host-1" in taken["why"]
        assert "教室 a a-r1已有：数学，host-1" in taken["why"]
        free = by["2026-11-27", 2]
        assert (free["free"], free["start"], free["end"], free["weekday"]) == (
            True, "09:00", "09:40", 5,
        )  # fmt: skip
        # It would straddle two periods of school a, over the pause between them.
        assert by["2026-11-27", 3]["but"] == "占用a a-r1的课间或午休"
        assert answer["series"]["id"] == "english"


async def test_days_outside_the_term_and_rooms_out_of_use_are_said(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        service = served.services.roster
        room = service.current().classrooms[ClassroomId("a-r1")]
        rooms = {room.id: replace(room, retired_on=FRIDAY)}
        await service.apply(replace(service.current(), classrooms=rooms))
        by = (await places(served, "lesson=maths-20261124"))["by"]
        assert by["2026-11-27", 2]["why"] == "教室 a a-r1当天未启用或不在项目内"
        assert by["2026-11-27", 2]["hard"]
        by = (await places(served, "lesson=maths-20261124", week=21))["by"]
        assert by["2027-01-23", 2]["why"].startswith("不在本学期内；")


async def test_a_rule_is_not_in_its_own_way_and_knows_no_past(tmp_path: Path) -> None:
    async with timetable(tmp_path, clock="12:00", day="2026-11-27") as served:
        by = (await places(served, "series=english"))["by"]
        assert by["2026-11-23", 2]["free"]
        assert by["2026-11-23", 1]["free"]
        assert not by["2026-11-24", 3]["free"]


async def test_a_rule_is_judged_over_its_term_and_not_by_the_week_shown(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        # Thursday of this week is off; in all others nothing is in the way.
        by = (await places(served, "series=art"))["by"]
        assert by["2026-11-26", 1]["free"]
        # The lessons of Wednesday's first period alternate, so both weeks are taken.
        assert by["2026-11-25", 1]["why"].endswith("（往后共 9 天）")
        assert (by["2026-11-28", 1]["free"], by["2026-11-28", 1]["hard"]) == (False, True)
        assert by["2026-11-28", 1]["why"] == "本学期往后没有这样的上课日"
        await edit(served, open_day(1, FRIDAY))
        by = (await places(served, "series=art", week=15))["by"]
        assert by["2026-12-11", 1]["why"].startswith("11月27日")
        assert by["2026-12-11", 1]["why"].endswith("（往后共 1 天）")
        assert by["2026-12-11", 2]["free"]


async def test_a_rule_without_place_is_judged_too(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        answer = await places(served, "series=art")
        assert answer["by"]["2026-11-27", 1]["free"]
        assert not answer["by"]["2026-11-23", 2]["free"]
        assert (answer["series"]["weekday"], answer["series"]["period"]) == (None, None)


async def test_free_places_are_offered_nearest_first_and_are_free(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, open_day())
        page = await look(served, f"/timetable/free?{WEEK}&lesson=english-20261123")
        offered = [b for b in page.all("button") if "data-move" in b]
        assert len(offered) == 6
        first = offered[0]
        assert (first["data-date"], first["data-period"]) == ("2026-11-23", "1")
        assert "11月23日 周一 第 1 节 08:10–08:50 同一天" in page.text
        place = Place(FRIDAY.replace(day=23), period=1)
        await edit(served, MoveLesson(OccurrenceId("english-20261123"), place))
        assert (await draft(served)).blocks == ()


@pytest.mark.parametrize("path", ["places", "free", "editor"])
async def test_a_lesson_that_is_gone_is_told_as_gone(tmp_path: Path, path: str) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, f"/timetable/{path}?{WEEK}&lesson=gone", status=404)
        assert "草稿里已没有这节课" in page.text
        if path != "free":
            await look(served, f"/timetable/{path}?{WEEK}&series=gone", status=404)


@pytest.mark.parametrize("role", [Role.TEACHER, Role.REVIEWER, Role.OPERATOR])
async def test_only_administrators_ask_the_draft(tmp_path: Path, role: Role) -> None:
    async with timetable(tmp_path) as served:
        for path in ("places", "free", "editor", "publish", "coverage"):
            answer = await served.ask(
                "GET", f"/timetable/{path}?{WEEK}&lesson=english-20261123", role=role
            )
            assert answer.status == 403
