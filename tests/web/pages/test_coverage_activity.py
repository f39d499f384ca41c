"""The page of one school's help, line by line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.web.pages import coverage_activity
from tests.support.library import added
from tests.support.pages import look, office
from tests.support.simulated import simulated_site
from tests.web.pages.test_pushes import order

pytestmark = pytest.mark.asyncio

DAY = "from=2026-11-23&to=2026-11-23"
FIRST, LAST = date(2026, 9, 1), date(2026, 9, 20)
PATH = "/coverage/schools/remote-1/activity"


async def test_what_came_is_listed_with_how_much_arrived(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"{PATH}?{DAY}", role=Role.REVIEWER)
        assert "/lessons/english" in page.links()
        assert "还没结束" in page.text
        assert f"/coverage/schools/remote-1?{DAY}" in page.links()
        school = await look(served, f"/coverage/schools/remote-1?{DAY}")
        assert f"{PATH}?{DAY}" in school.links()
        (*_, entry) = await served.services.coverage.accesses(what="coverage.page")
        assert entry.target.endswith("remote-1")


async def test_all_three_modes_can_be_told_apart_and_paged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage_activity, "PER_PAGE", 5)
    async with simulated_site(tmp_path) as served:
        figures = await served.services.coverage.figures(FIRST, LAST)
        school = next(s for s, row in figures.mode_matrix.items() if all(row.values()))
        path = f"/coverage/schools/{school}/activity?from={FIRST}&to={LAST}"
        page = await look(served, path)
        assert any("page=2" in link for link in page.links())
        for mode in ("live", "research", "push"):
            page = await look(served, f"{path}&mode={mode}")
            shown = [a["data-mode"] for t, a in page.tags if t == "tr" and "data-mode" in a]
            assert set(shown) == {mode}
        last = await look(served, f"{path}&page=999999")
        assert any("page=" in link for link in last.links())


async def test_nothing_says_so_and_strangers_are_told(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        assert (
            "这段时间没有帮扶" in (await look(served, f"{PATH}?from=2026-10-01&to=2026-10-02")).text
        )
        page = await look(served, f"{PATH}?from=x&to=2026-10-02&mode=x&page=x")
        assert "起止日期要写成" in page.text
        page = await look(served, "/coverage/schools/nowhere/activity", status=404)
        assert "没有编号为“nowhere”的学校" in page.text
        await look(served, PATH, role=Role.TEACHER, status=403)


async def test_a_push_is_named_as_the_library_names_it_and_leads_to_its_order(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        address = await order(served, resource, schools="remote-1")
        page = await look(served, f"{PATH}?{DAY}&mode=push")
        assert address in page.links()
        assert "标题" in page.text
        assert resource not in page.text
