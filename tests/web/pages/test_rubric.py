"""The rubric's page: items in order, in both languages, and what cannot be scored by is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.rubric import DEFAULT_RUBRIC, Item
from tests.support.pages import Page, look, look_in_english, office, read, send

pytestmark = pytest.mark.asyncio
AT = "/settings/rubric"


def row(n: int, place: str, name: str, weight: str, most: str, english: str = "") -> dict[str, str]:
    return {
        f"place-{n}": place, f"name-{n}": name, f"weight-{n}": weight, f"most-{n}": most,
        f"english-{n}": english,
    }  # fmt: skip


def typed(page: Page, name: str) -> str | None:
    (box,) = page.all("input", name=name)
    return box["value"]


async def test_items_are_added_taken_out_named_and_put_in_order(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, AT)
        assert "权重合计 100" in page.text
        names = [typed(page, f"name-{n}") for n in range(8)]
        assert names == [*(item.name for item in DEFAULT_RUBRIC), "", "", ""]
        assert typed(page, "english-2") == "Course and method"
        form = {"version": "0"} | row(0, "2", "教学目标", "30", "5", "Aims")
        form |= row(1, "", "", "20", "10")  # taken out
        form |= row(5, "", "课堂提问", "20", "20") | row(
            6, "1", " 德育  渗透 ", "50", "10", "Values"
        )
        answer = await send(served, AT, form)
        assert (answer.status, answer.headers["Location"]) == (303, f"{AT}?done=saved")
        rubric = await served.services.scoring.rubric()
        assert rubric.items == (
            Item("德育 渗透", 50, 10, "Values"), Item("教学目标", 30, 5, "Aims"),
            Item("课堂提问", 20, 20),
        )  # fmt: skip
        page = await look(served, AT)
        assert "第 1 版 · admin" in page.text
        assert [typed(page, f"place-{n}") for n in range(4)] == ["1", "2", "3", ""]
        await look_in_english(served, AT)


async def test_what_cannot_be_used_is_named_in_its_row_and_stays_typed(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        good = {"version": "0"} | row(0, "1", "教学目标", "30", "5")
        for wrong, sentence in (
            (row(1, "2", "提问", "0", "10"), "要填 1 到 100 的整数，不能是「0」"),
            (row(1, "2", "提问", "10", "许多"), "不能是「许多」"),
            (row(1, "first", "提问", "10", "10"), "不能是「first」"),
            (row(4, "2", "教学目标", "10", "10"), "「教学目标」已经有了"),
            (row(1, "2", "提" * 41, "10", "10"), "名称为 1 到 40 字"),
            (row(1, "2", "提问", "10", "10", "e" * 81), "「提问」的英文名称最多 80 个字符"),
        ):
            page = await read(await send(served, AT, good | wrong), 422)
            assert sentence in page.text
            (field,) = [name for name in wrong if name.startswith("name-")]
            assert typed(page, field) == wrong[field]
            assert page.all("input", aria_invalid="true")
        page = await read(await send(served, AT, {"version": "0"}), 422)
        assert "评课表要有 1 到 20 项" in page.text
        assert (await served.services.scoring.rubric()).version == 0


async def test_the_second_of_two_administrators_is_told(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        form = {"version": "0"} | row(0, "1", "教学目标", "30", "5")
        assert (await send(served, AT, form)).status == 303
        late = await read(await send(served, AT, form | row(1, "", "提问", "1", "1")), 409)
        assert "另一位管理员刚刚改过评课表" in late.text
        assert typed(late, "name-1") == "提问"


async def test_only_administrators_change_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        for role in (Role.TEACHER, Role.REVIEWER, Role.OPERATOR):
            await look(served, AT, role=role, status=403)
            assert (await send(served, AT, {}, role=role)).status == 403
        assert AT in (await look(served, "/research")).links()
        assert AT not in (await look(served, "/research", role=Role.TEACHER)).links()
