"""One school's and one classroom's figures, and the way down from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from tests.support.pages import look, office
from tests.web.pages.test_coverage import figure

pytestmark = pytest.mark.asyncio

DAY = "from=2026-11-23&to=2026-11-23"


async def test_a_school_has_its_own_headline_rooms_causes_and_seats(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"/coverage/schools/remote-1?{DAY}", role=Role.REVIEWER)
        assert figure(page, "held_rate").startswith("33.3 % (1/3)")
        assert figure(page, "classroom_coverage") == "16.7 % (1/6)"
        assert figure(page, "evidence_complete") == "100.0 % (3/3)"
        assert "其中 1 课时还没上完" in page.text
        assert "终端离线 1" in page.text
        assert "3 个听讲席" in page.text
        links = page.links()
        assert f"/coverage?{DAY}" in links
        assert f"/coverage/classrooms/remote-1-r2?{DAY}" in links
        assert "/lessons/english?samples=english-s0#samples" in links
        assert "学校 remote-3" not in page.text


async def test_a_classroom_leads_to_its_school_and_to_the_evidence(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"/coverage/classrooms/remote-1-r2?{DAY}")
        assert figure(page, "held_rate").startswith("0.0 % (0/1)")
        assert figure(page, "fidelity") == "25.0 % (600/2400)"
        assert "1 个听讲席" in page.text
        assert f"/coverage/schools/remote-1?{DAY}" in page.links()
        assert "/lessons/english?samples=english-s1#samples" in page.links()
        page = await look(served, f"/coverage/classrooms/remote-1-r2?{DAY}&state=held")
        assert "没有符合条件的听讲席" in page.text


async def test_weeks_of_a_place_are_its_own(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/coverage/schools/remote-1?from=2026-11-16&to=2026-11-29")
        assert "每周的数字" not in page.text  # lessons in one week only: no trend
        assert page.all("form", action="/coverage/schools/remote-1")


async def test_nothing_planned_says_so_and_unknown_places_are_named(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/coverage/schools/remote-1?from=2026-10-01&to=2026-10-02")
        assert "这段时间没有安排课次" in page.text
        for path, text in (
            ("/coverage/schools/nowhere", "没有编号为“nowhere”的学校"),
            ("/coverage/classrooms/nowhere", "没有编号为“nowhere”的教室"),
            ("/coverage/schools/host-1", "不属于受援方"),
        ):
            page = await look(served, path, status=404)
            assert text in page.text, path
        await look(served, "/coverage/schools/remote-1", role=Role.TEACHER, status=403)


async def test_who_looked_at_which_place_is_remembered(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await look(served, f"/coverage/schools/remote-1?{DAY}", role=Role.REVIEWER)
        (entry,) = await served.services.coverage.accesses(what="coverage.page")
        assert entry.target == "2026-11-23…2026-11-23 remote-1"
