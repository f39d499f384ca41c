"""Two periods beside each other, as a reader gets them."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.definitions import DEFINITIONS
from sync_classroom.web.pages.coverage_compare import GROUPS
from tests.support.pages import Page, look, office

pytestmark = pytest.mark.asyncio

MONDAY = "from=2026-11-23&to=2026-11-23"
TUESDAY = "from=2026-11-24&to=2026-11-24"


def row(page: Page, title: str) -> str:
    """The text of the table row under this heading, without the formula at its end."""
    head = re.compile(rf'<th scope="row">(<a [^>]*>)?{re.escape(title)}<')
    found = [r for r in re.findall(r"<tr.*?</tr>", page.html, re.S) if head.search(r)]
    cells, _, _ = found[-1].partition('<td class="formula">')
    return Page(f"<table>{cells}</table>").text


async def test_every_measure_has_its_place() -> None:
    assert sorted(code for _, codes in GROUPS for code in codes) == sorted(DEFINITIONS)


async def test_both_periods_stand_beside_each_other_with_the_change(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        back = "&compare=own&compare_from=2026-11-23&compare_to=2026-11-24"
        page = await look(served, f"/coverage/compare?{MONDAY}{back}", role=Role.REVIEWER)
        assert row(page, "主讲时长") == "主讲时长 40 分 00 秒 40 分 00 秒 +0 秒"
        page = await look(served, f"/coverage/compare?{TUESDAY}", role=Role.REVIEWER)
        assert row(page, "应开听讲席") == "应开听讲席 0 5 -5"
        assert row(page, "开课率") == "开课率 — (0/0) 20.0 % (1/5) —"
        assert row(page, "学校覆盖率") == "学校覆盖率 0.0 % (0/8) 12.5 % (1/8) -12.5 个百分点"
        assert "实开课时 ÷ 应开课时" in page.text
        assert row(page, "听课时长") == "听课时长 0 秒 50 分 00 秒 -50 分 00 秒"
        assert row(page, "学校 remote-1").startswith(
            "学校 remote-1 — (0/0) 33.3 % (1/3) — 0 3 -3 0 1 -1"
        )
        assert row(page, "合计").startswith("合计 — (0/0) 20.0 % (1/5) — 0 5 -5 0 1 -1")
        assert page.faults == []


async def test_weeks_stand_beside_each_other_by_their_number(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        days = "from=2026-11-16&to=2026-11-29&compare=own"
        page = await look(
            served, f"/coverage/compare?{days}&compare_from=2026-11-23&compare_to=2026-11-29"
        )
        assert "逐周对照" in page.text
        assert row(page, "1") == "1 — 20.0 % (1/5) 2026-W48 —"
        assert row(page, "2") == "2 20.0 % (1/5) 2026-W48 — —"
        page = await look(served, f"/coverage/compare?{MONDAY}")
        assert "逐周对照" not in page.text


async def test_what_makes_the_periods_unlike_is_said_first(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, f"/coverage/compare?{TUESDAY}")
        assert "2026年11月24日 没有应开的课，率无从比较。" in page.text
        assert "对照期还有 2 课时没上完，暂按未开计。" in page.text
        await served.services.coverage.set_rules(
            {"held": 0.9}, reason="试行", valid_from=date(2026, 11, 23), actor="a", key="k"
        )
        await served.services.coverage.settle()
        old = "&compare=own&compare_from=2026-11-20&compare_to=2026-11-22"
        page = await look(served, f"/coverage/compare?{MONDAY}{old}")
        assert "2026年11月22日 施行的是第 1 版规则" in page.text
        assert "两段都按第 2 版计算" in page.text
        assert "两段长短不同：本期 1 天，对照期 3 天" in page.text


async def test_the_address_says_it_all_and_the_form_keeps_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        back = "&compare=own&compare_from=2026-11-02&compare_to=2026-11-06"
        page = await look(served, f"/coverage/compare?{MONDAY}{back}")
        assert page.all("input", name="compare_from")[0]["value"] == "2026-11-02"
        assert page.all("option", value="own")[0].get("selected", "no") is None
        assert not page.all("option", value="none")
        assert f"/coverage/schools/remote-1?{MONDAY}{back}" in page.links()
        assert page.all("button", type="button")
        wrong = await look(served, f"/coverage/compare?{MONDAY}&compare=own&compare_from=9")
        assert "对照期的起止日期要写成" in wrong.text
        nothing = await look(served, f"/coverage/compare?{MONDAY}&compare=none")
        assert "上期 2026年11月22日" in nothing.text
        for role in (Role.TEACHER, Role.OPERATOR):
            await look(served, "/coverage/compare", role=role, status=403)


async def test_who_compared_what_is_remembered(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await look(served, f"/coverage/compare?{TUESDAY}", role=Role.REVIEWER)
        (entry,) = await served.services.coverage.accesses(what="coverage.page")
        assert entry.target == "2026-11-24…2026-11-24 ~ 2026-11-23…2026-11-23"


async def test_without_a_programme_it_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        page = await look(served, "/coverage/compare?from=2019-01-07&to=2019-01-11")
        assert "没有应开的课" in page.text
        assert page.faults == []
