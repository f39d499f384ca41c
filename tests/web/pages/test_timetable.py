"""The timetable page: the grid of a week, all rooms, the term's rules; who sees what."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.edits import CancelLesson, MoveLesson, Place, Substitute
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.subject_colours import PALETTE
from tests.support.databases import file_store
from tests.support.pages import delivered, look, office
from tests.support.timetable_pages import FRIDAY, edit, lesson_of, open_day, timetable
from tests.support.web import site

pytestmark = pytest.mark.asyncio
STATIC = Path(__file__).parents[3] / "sync_classroom" / "web" / "static" / "timetable"
ROOM = "/timetable?week=13&by=classroom&id=a-r1"


async def test_a_week_has_periods_with_times_days_with_reasons_and_lessons(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, ROOM)
        assert "1 08:10 08:50" in page.text
        assert "周一 11/23 今天" in page.text
        assert "周四 11/26 运动会" in page.text
        assert "周六 11/28 补 补第 13 周周四的课" in page.text
        assert "周日" not in page.text
        english = page.all("button", data_lesson="english-20261123")
        assert [b["aria-label"] for b in english] == [
            "英语 · 课；09:00–09:40；host-1；host host-r1；听课：a a-r1；待开"
        ]
        # Of Saturday there is nothing but its make-up Thursday, which has no rule.
        assert 'data-lesson="maths-20261124"' in page.html


async def test_a_lesson_that_straddles_two_periods_says_its_own_times(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, ROOM)
        assert "10:10–10:50" in page.text
        assert "数学 续" in page.text
        host = await look(served, "/timetable?week=13&by=host&id=host")
        assert "续" not in host.text


async def test_moved_substituted_and_cancelled_lessons_carry_chips_with_the_original(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        await edit(
            served,
            MoveLesson(OccurrenceId("english-20261123"), Place(FRIDAY, period=4)),
            Substitute(OccurrenceId("maths-20261124"), TeacherId("host-t2"), "病假"),
            CancelLesson(OccurrenceId("odd-20261125"), "停电"),
        )
        page = await look(served, ROOM)
        assert "调至 11月27日 周五 11:00" in page.text
        assert "原 11月23日 周一 09:00" in page.text
        assert "代课，原 host-1" in page.text
        assert page.text.count("停课") >= 1
        assert "改动 4" in page.text


async def test_states_are_told_of_days_that_have_come(tmp_path: Path) -> None:
    async with timetable(tmp_path, clock="12:00", day="2026-11-24") as served:
        await served.store.save_run(LessonRun(OccurrenceId("english-20261123"), LessonState.ENDED))
        await served.store.save_run(LessonRun(OccurrenceId("maths-20261124"), LessonState.MISSED))
        page = await look(served, ROOM)
        assert "已完成" in page.text
        assert re.search(r"\b缺\b", page.text)
        assert "待开" not in re.sub(r'"[^"]*"', "", page.text)


async def test_the_overview_has_a_line_for_every_room_and_names_each_lesson_once(
    tmp_path: Path,
) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, "/timetable?week=13")
        assert [r["data-room"] for r in page.all("tr") if r.get("data-room")] == [
            "host-r1", "a-r1", "a-r2", "b-r1",
        ]  # fmt: skip
        marks = page.all("button", data_lesson="english-20261123")
        assert len(marks) == 3
        assert page.ids.count("d-english-20261123") == 1
        assert "补" in page.text


async def test_the_rules_of_the_term_share_cells_by_odd_and_even_weeks(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, "/timetable?show=pattern&by=classroom&id=a-r1")
        assert [d["data-series"] for d in page.all("div") if d.get("data-series")] == [
            "odd", "even", "english", "maths",
        ]  # fmt: skip
        assert "单" in page.text
        assert "双" in page.text
        assert "11/23" not in page.text.replace("第 13 周 · 11/23", "")


async def test_a_clash_is_marked_in_its_cell_with_what_is_taken(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, open_day())
        page = await look(served, ROOM)
        assert "教室 host host-r1 09:00–09:40 已有：语文，host-1" in page.html
        assert "教室 host host-r1 09:00–09:40 已有：英语，host-1" in page.html
        faulty = [b for b in page.all("button") if "f-block" in str(b.get("class"))]
        assert len(faulty) == 2


@pytest.mark.parametrize("role", [Role.TEACHER, Role.REVIEWER, Role.OPERATOR])
async def test_readers_see_what_is_published_and_nothing_of_the_draft(
    tmp_path: Path, role: Role
) -> None:
    async with timetable(tmp_path) as served:
        await edit(served, open_day())
        for shown in ("", "&show=draft", "&show=published"):
            page = await look(served, ROOM + shown, role=role)
            assert "观摩课" not in page.html
            assert "未安排" not in page.text
            assert not any("data-publish" in b for b in page.all("button"))
            assert "/lessons/english-20261123" in page.links()
        pattern = await look(served, ROOM + "&show=pattern", role=role)
        assert "data-waiting" not in pattern.html
        assert "草稿" not in pattern.text


async def test_a_teacher_begins_with_the_own_timetable(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        user = served.users[Role.TEACHER]
        await served.store.update_user(user.id, lambda u: replace(u, teacher=TeacherId("host-t1")))
        page = await look(served, "/timetable?week=13", role=Role.TEACHER)
        assert "host-1 · host" in page.text
        assert "/lessons/english-20261123" in page.links()


async def test_the_picker_lists_every_view_and_keeps_the_week(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        links = (await look(served, "/timetable?week=12&show=published")).links()
        for by, ident in [
            ("class", "a-c1"), ("teacher", "host-t1"), ("classroom", "b-r1"), ("school", "b"),
            ("host", "host"), ("rooms", ""),
        ]:  # fmt: skip
            wanted = f"week=12&show=published&by={by}" + (f"&id={ident}" if ident else "")
            assert f"/timetable?{wanted}" in links
        assert "/timetable?week=11&show=published" in links
        assert "/timetable?week=13&show=published" in links


@pytest.mark.parametrize(
    "query",
    ["?week=0", "?week=99", "?week=x", "?term=gone", "?by=class&id=gone", "?by=planet&id=a",
     "?show=everything", "?by=classroom", "?week=1", "?week=21"],
)  # fmt: skip
async def test_whatever_an_address_says_a_timetable_is_shown(tmp_path: Path, query: str) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, "/timetable" + query)
        assert page.all("table", role="grid") != []


@pytest.mark.parametrize("query", ["", "&by=classroom&id=a-r1", "&by=host&id=host"])
async def test_the_very_grid_can_be_had_as_a_workbook(tmp_path: Path, query: str) -> None:
    async with timetable(tmp_path) as served:
        for shown in ("draft", "published", "pattern"):
            page = await look(served, f"/timetable?week=13&show={shown}{query}")
            href = next(h for h in page.links() if h.startswith("/timetable/export.xlsx"))
            assert f"show={shown}" in href
            answer = await served.ask("GET", href, role=Role.ADMIN)
            assert answer.status == 200
            assert "spreadsheetml" in answer.headers["Content-Type"]


async def test_the_part_that_changes_comes_alone(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        page = await look(served, ROOM + "&part=work")
        assert page.all("html") == []
        assert {"tt-status", "tt-grid", "tt-lists"} <= set(page.ids)


async def test_a_roster_without_terms_or_bells_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    store = await file_store(tmp_path / "one", "pages.db")
    try:
        await store.apply_roster(Roster())
        async with site(tmp_path / "one", store=store) as served:
            assert "还没有学期" in (await look(served, "/timetable")).text
    finally:
        await store.close()
    async with office(tmp_path / "two") as served:
        page = await look(served, "/timetable?by=school&id=remote-1&show=published")
        assert "08:10" in page.text


async def test_english_is_whole(tmp_path: Path) -> None:
    async with timetable(tmp_path) as served:
        user = served.users[Role.ADMIN]
        await served.store.update_user(user.id, lambda u: replace(u, language="en"))
        await edit(served, open_day())
        for path in (ROOM, "/timetable?week=13", "/timetable?show=pattern"):
            page = await look(served, path)
            for name in ("英语", "数学", "音乐", "美术", "语文", "观摩课", "课", "运动会", "中文",
                         "三(1)班", "甲", "第一学期", *"英数音美语"):  # fmt: skip
                page.text = page.text.replace(name, "")
            assert re.findall(r"[\u4e00-\u9fff]+", page.text) == []


async def test_the_style_sheet_has_the_subjects_colours_of_the_domain() -> None:
    css = (STATIC / "timetable.css").read_text("utf-8")
    found = re.findall(r"\.subj-(\d+) \{ --fill: (#\w+); --side: (#\w+); \}", css)
    assert found == [(str(c.no), c.fill, c.edge) for c in PALETTE]


async def test_evidence_says_of_each_view_what_a_lesson_was(tmp_path: Path) -> None:
    async with timetable(tmp_path, clock="12:00") as served:
        lesson = await lesson_of(served, "english", "2026-11-23")
        first, second = lesson.seats
        spans = {first.id: [(0, 2400)], second.id: [(0, 600)]}
        await served.store.append_facts(
            delivered(lesson, spans, [(0, 2400)]), received_at=lesson.ends_at
        )
        await served.store.save_run(LessonRun(lesson.id, LessonState.ENDED))
        found = {}
        for by, ident in [("classroom", "a-r1"), ("classroom", "b-r1"), ("host", "host")]:
            query = f"week=13&show=published&by={by}&id={ident}"
            for role in (Role.ADMIN, Role.REVIEWER):
                answer = await served.ask("GET", f"/timetable/states?{query}", role=role)
                told = await answer.json()
                assert list(told) == ["english-20261123"]
                found[ident] = told["english-20261123"]["state"], told["english-20261123"]["word"]
        assert found == {
            "a-r1": ("held", "已完成"), "b-r1": ("partial", "部分"), "host": ("partial", "部分"),
        }  # fmt: skip
        rooms = await served.ask("GET", "/timetable/states?week=13&by=rooms", role=Role.ADMIN)
        assert await rooms.json() == {}
