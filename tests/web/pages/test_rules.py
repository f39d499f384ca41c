"""The rules page: versions, what a change does, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.web.pages.rules import FIELDS, written
from tests.support.pages import look, office, read, send

pytestmark = pytest.mark.asyncio

VALUES = {
    "delivered_ratio": "80",
    "held": "80",
    "partial": "10",
    "host_absent": "10",
    "weekly_norm": "1",
    "research_min_s": "1200",
    "research_min_schools": "2",
    "valid_from": "2026-11-23",
    "reason": "市局文件",
    "key": "k1",
}


async def test_the_rules_are_shown_with_meaning_and_a_form_of_their_values(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/settings/rules", role=Role.REVIEWER)
        for field in FIELDS:
            (box,) = page.all("input", name=field.name)
            assert box["value"] == VALUES[field.name]
        assert page.all("input", name="valid_from")[0]["value"] == "2026-11-23"
        assert "已发布的报告不变" in page.text
        assert "1 执行中 一开始 随程序而来" in page.text
        await look(served, "/settings/rules", role=Role.OPERATOR, status=403)


async def test_a_change_is_a_new_version_with_reason_and_counts_everything_again(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        form = {**VALUES, "held": "25", "weekly_norm": "2"}
        answer = await send(served, "/settings/rules", form, role=Role.REVIEWER)
        assert (answer.status, answer.headers["Location"]) == (303, "/settings/rules?done=rules")
        await send(served, "/settings/rules", form, role=Role.REVIEWER)  # the same form again
        versions = await served.services.coverage.rules_versions()
        assert [(v.number, v.rules.held, v.by, v.reason) for v in versions] == [
            (1, 0.8, "", ""),
            (2, 0.25, "reviewer", "市局文件"),
        ]
        await served.services.coverage.settle()
        page = await look(served, "/settings/rules")
        assert (
            "2 执行中 2026年11月23日 已开 80 % → 25 % 每周课时标准 1 个课时 → 2 个课时" in page.text
        )
        assert "1 已被取代" in page.text
        coverage = await look(served, "/coverage?from=2026-11-23&to=2026-11-23")
        assert "40.0 % (2/5)" in coverage.text
        assert "规则 taicang 第 2 版" in coverage.text


async def test_a_change_to_come_waits_for_its_day(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await send(served, "/settings/rules", {**VALUES, "held": "90", "valid_from": "2027-02-01"})
        page = await look(served, "/settings/rules")
        assert "2 待生效 2027年2月1日" in page.text
        assert "1 执行中" in page.text


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"held": "101"}, "要填 1 到 100 之间的数。"),
        ({"held": "8o"}, "要填 1 到 100 之间的数。"),
        ({"held": ""}, "要填 1 到 100 之间的数。"),
        ({"weekly_norm": "-1"}, "要填 1 到 100 之间的数。"),
        ({"held": "90", "reason": " "}, "请写明理由"),
        ({"held": "90", "valid_from": "soon"}, "日期要写成"),
        ({"held": "90", "valid_from": "2026-11-22"}, "早于 2026-11-23"),
        ({}, "没有改动任何规则"),
        ({"partial": "95"}, "不能高于「已开」"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_sentence(
    tmp_path: Path, changes: dict[str, str], sentence: str
) -> None:
    async with office(tmp_path, empty=True) as served:
        answer = await send(served, "/settings/rules", {**VALUES, **changes})
        page = await read(answer, answer.status)
        assert 400 <= answer.status < 500
        assert sentence in page.text
        assert len(await served.services.coverage.rules_versions()) == 1
        if "held" in changes:
            assert page.all("input", name="held")[0]["value"] == changes["held"]


async def test_a_ratio_is_written_as_it_was_typed(tmp_path: Path) -> None:
    held = next(f for f in FIELDS if f.name == "held")
    assert written(held, 0.805) == "80.5"
    async with office(tmp_path, empty=True) as served:
        await send(served, "/settings/rules", {**VALUES, "held": "80.5", "partial": "7"})
        rules = (await served.services.coverage.rules_versions())[-1].rules
        assert (rules.held, rules.partial) == (0.805, 0.07)
