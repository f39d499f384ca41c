"""The roster, read only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import look, look_in_english, office

pytestmark = pytest.mark.asyncio


async def test_the_sections_show_what_is_in_the_roster(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/roster")
        assert "10 所学校 · 60 间教室 · 60 个班级 · 60 位教师" in page.text
        assert "主讲校" in page.text
        assert "/roster?show=classrooms&school=remote-1" in page.links()
        page = await look(served, "/roster?show=classrooms&school=remote-1", role=Role.REVIEWER)
        assert "remote-1-r6" in page.text
        assert "remote-2-r1" not in page.text
        assert "使用中" in page.text
        page = await look(served, "/roster?show=bells&school=host-1")
        assert "08:10–08:50" in page.text
        page = await look(served, "/roster?show=terms", role=Role.OPERATOR)
        assert "2026年8月31日" in page.text
        page = await look(served, "/roster?show=classes&school=remote-1")
        assert "1(1)班" in page.text
        page = await look(served, "/roster?show=teachers&school=host-1")
        assert "host-1-t6" in page.text


async def test_in_english_a_school_has_left_and_rooms_are_many(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look_in_english(served, "/roster")
        assert "Joined Left Classrooms Classes Teachers" in page.text


async def test_in_english_tabs_are_many_and_columns_one(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look_in_english(served, "/roster?show=teachers")
        assert "Schools Classrooms Classes Teachers Bell times Terms" in page.text
        assert "Teacher Id" in page.text
        page = await look(served, "/roster?show=classes")
        assert "Class Id Grade" in page.text


async def test_dates_are_written_as_the_page_speaks_with_their_year(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for path in ("/roster", "/roster?show=classrooms", "/roster?show=terms"):
            assert not re.search(r"\d{4}-\d\d-\d\d", (await look(served, path)).text), path
        page = await look_in_english(served, "/roster?show=terms")
        assert "31 Aug 2026" in page.text


async def test_filters_keep_the_section_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/roster?show=classes&school=remote-1")
        assert "/roster?show=teachers&school=remote-1" in page.links()
        assert page.all("input", name="show")[0]["value"] == "classes"
        await look(served, "/roster?show=rubbish&school=rubbish")


async def test_an_empty_roster_says_how_to_fill_it(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        assert "sync-classroom init" in (await look(served, "/roster?show=terms")).text
