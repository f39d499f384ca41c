"""Preview, answers and commit as an administrator meets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import TermId
from sync_classroom.exchange.headers import find_heading
from sync_classroom.exchange.reading import read as read_file
from tests.support.browser import open_page, page_problems
from tests.support.pages import Page, look, office, read, send
from tests.support.timetable_files import ASC, ENGLISH, HEADINGS, MATHS, workbook
from tests.support.web import Site, body_of

pytestmark = pytest.mark.asyncio
TERM = TermId("2026-autumn")
CLASHING = ("科学", "", "host-1-t2", "host-1-r2", "", "1", "1", "", "", "remote-1-r1", "", "")
WRONG = ("美术", "", "谁", "host-1-r3", "", "八", "1", "", "", "remote-4-r1", "", "")


async def _upload(served: Site, *rows: tuple[str, ...], data: bytes | None = None) -> str:
    upload = await served.services.imports.take(
        data or workbook([HEADINGS, *rows]), name="课表 <b>.xlsx", term=TERM,
        user=served.users[Role.ADMIN].id,
    )  # fmt: skip
    return f"/timetable/import/{upload.token}"


def _values(page: Page, **changes: str) -> dict[str, str]:
    """The commit form as the page has it."""
    fields = {str(a["name"]): str(a["value"]) for a in page.all("input", type="hidden")}
    return {k: fields[k] for k in ("key", "seen")} | {"do": "commit"} | changes


async def test_start_offers_terms_and_templates(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/timetable/import")
        assert [o["value"] for o in page.all("option")] == ["2026-autumn"]
        for kind in ("xlsx", "csv"):
            path = f"/timetable/import/template.{kind}"
            assert path in page.links()
            answer = await served.ask("GET", path, role=Role.ADMIN)
            assert answer.headers["Content-Disposition"] == (
                f'attachment; filename="timetable-template.{kind}"'
            )
            assert find_heading(read_file(body_of(answer)).tables[0]) is not None
        assert (
            await served.ask("GET", "/timetable/import/template.exe", role=Role.ADMIN)
        ).status == 404


async def test_start_without_terms_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path, empty=True) as served:
        assert "还没有学期" in (await look(served, "/timetable/import")).text


async def test_every_row_is_shown_with_its_problems_by_cell(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, await _upload(served, ENGLISH, CLASHING, WRONG, ENGLISH))
        assert "课表 <b>.xlsx" in page.text
        assert "新增 2 · 重复 1 · 不导入 1" in page.text
        assert len(page.all("tbody", **{"class": "row"})) == 4
        assert len(page.all("td", **{"class": "bad-missed"})) == 2
        assert "名册里没有教师“谁”" in page.text
        assert "“八”看不懂，应为周一到周日。" in page.text
        assert page.text.count("教室 学校 remote-1 1号直播教室 同时有：") == 2
        assert "与第 2 行相同，只导入一次。" in page.text


async def test_rows_can_be_filtered_and_turned(tmp_path: Path) -> None:
    many = [
        (*MATHS[:5], day, str(n % 2 + 1), "", str(week), MATHS[9], "", "")
        for day in "一二三四五" for n in range(2) for week in range(14, 22)
    ]  # fmt: skip
    async with office(tmp_path) as served:
        path = await _upload(served, *many, *many[:40], WRONG)
        first = await look(served, path)
        assert len(first.all("tbody", **{"class": "row"})) == 100
        second = await look(served, path + "?page=2")
        assert len(second.all("tbody", **{"class": "row"})) == 21
        wrong = await look(served, path + "?only=problems&page=1")
        assert len(wrong.all("tbody", **{"class": "row"})) == 41
        none = await look(served, path + "?only=same")
        assert "没有这样的行" in none.text
        for rubbish in ("?page=99", "?page=x", "?only=x", "?only=%22%3E"):
            await look(served, path + rubbish)


async def test_commit_takes_the_rows_and_again_nothing(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _upload(served, ENGLISH, MATHS, WRONG)
        fields = _values(await look(served, path))
        answer = await send(served, path, fields)
        assert answer.headers["Location"] == "/timetable?show=draft&term=2026-autumn&done=imported"
        draft = await served.services.timetable.draft(TERM)
        assert {s.subject for s in draft.copy.series.values()} == {"英语", "数学"}
        # The same form sent twice does it once.
        await send(served, path, fields)
        assert len((await served.services.timetable.draft(TERM)).steps) == 1
        page = await look(served, await _upload(served, ENGLISH, MATHS))
        assert "这份文件不会改动任何内容：每一行都与草稿一致。" in page.text
        assert page.all("input", name="seen") == []


async def test_commit_can_leave_out_what_clashes_and_remove_what_vanished(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        friday = (*ENGLISH[:5], "五", *ENGLISH[6:])
        path = await _upload(served, friday)
        await send(served, path, _values(await look(served, path)))
        path = await _upload(
            served, ENGLISH, CLASHING, (*MATHS[:2], "host-1-t5", "host-1-r5", *MATHS[4:])
        )
        page = await look(served, path)
        # The rule of Friday was recognised as the one that is on Monday now.
        assert "修改 1" in page.text
        await send(served, path, _values(page, without="clashes"))
        draft = await served.services.timetable.draft(TERM)
        assert sorted(s.subject for s in draft.copy.series.values()) == ["数学", "英语"]
        path = await _upload(served, friday)
        page = await look(served, path)
        (box,) = page.all("input", name="remove")
        await send(served, path, _values(page, remove=str(box["value"])))
        draft = await served.services.timetable.draft(TERM)
        assert [s.subject for s in draft.copy.series.values()] == ["英语"]


async def test_names_are_matched_once_for_the_whole_file(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _upload(served, data=ASC.replace("host-1-r1", "多媒体一").encode())
        page = await look(served, path)
        assert "多媒体一" in page.text
        assert len(page.all("tbody", **{"class": "row"})) == 0
        names = [
            str(a["value"]) for a in page.all("input") if re.match(r"name-\d", str(a.get("name")))
        ]
        number = names.index("多媒体一")
        answer = await send(
            served, path,
            {"do": "answers", f"name-{number}": "多媒体一", f"kind-{number}": "classroom",
             f"as-{number}": "学校 host-1 1号直播教室 (host-1-r1)"},
        )  # fmt: skip
        assert answer.headers["Location"] == path
        page = await look(served, path)
        assert len(page.all("tbody", **{"class": "row"})) == 3
        assert "2 节课不是共享的课" not in page.text


async def test_upload_that_is_gone_or_anothers_says_so(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/timetable/import/nobody-knows", status=404)
        assert "请重新上传" in page.text
        answer = await send(served, "/timetable/import/nobody-knows", {"do": "commit"})
        assert answer.status == 404


async def test_draft_that_others_changed_meanwhile_is_said_on_the_page(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        path = await _upload(served, ENGLISH)
        fields = _values(await look(served, path))
        page = await read(await send(served, path, fields | {"seen": "77"}), 422)
        assert page.all("div", role="alert")
        assert len((await served.services.timetable.draft(TERM)).steps) == 0


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("size", [(1366, 768), (1920, 1080)])
async def test_file_is_chosen_looked_over_and_taken_by_keyboard(
    browser: Browser, tmp_path: Path, size: tuple[int, int]
) -> None:
    pdf, sheet = tmp_path / "课表.pdf", tmp_path / "课表.xlsx"
    pdf.write_bytes(b"%PDF-1.7")
    sheet.write_bytes(workbook([HEADINGS, MATHS, ENGLISH, CLASHING, WRONG]))
    async with office(tmp_path) as served:
        page = await open_page(browser, size=size)
        host = served.url.replace("http://", "https://")
        cookie = {"name": "__Host-session", "value": served.cookies[Role.ADMIN], "url": host}
        await page.context.add_cookies([{**cookie, "secure": True}])  # type: ignore[list-item]
        await page.goto(served.url + "/timetable/import")
        await page.press("[data-send]", "Enter")
        await expect(page.locator("[data-error]")).to_have_text("请先选择文件。")
        await page.set_input_files("#file", pdf)
        await expect(page.locator("#file-name")).to_have_text("课表.pdf")
        await page.press("[data-send]", "Enter")
        refusal = "这是 PDF。请上传原来的表格，或把课表填入模板（.xlsx）。"
        await expect(page.locator("[data-error]")).to_have_text(refusal)
        await page.set_input_files("#file", sheet)
        await page.press("[data-send]", "Enter")
        await page.wait_for_url("**/timetable/import/*")
        assert await page.evaluate("document.documentElement.scrollWidth") <= size[0]
        focused = "document.activeElement.id"
        await page.keyboard.press("n")
        assert await page.evaluate(focused) == "row-2"
        await page.keyboard.press("n")
        assert await page.evaluate(focused) == "row-3"
        await page.keyboard.press("Shift+N")
        assert await page.evaluate(focused) == "row-2"
        await page.keyboard.press("ArrowUp")
        assert await page.evaluate(focused) == "row-1"
        await page.keyboard.press("End")
        assert await page.evaluate(focused) == "row-4"
        await page.check("input[name=without]")
        await page.focus("form:has([name=seen]) button")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/timetable?show=draft**")
        draft = await served.services.timetable.draft(TERM)
        assert [s.subject for s in draft.copy.series.values()] == ["数学"]
        wrong = [p for p in page_problems(page) if "422" not in p and "404" not in p]
        assert wrong == []
        await page.context.close()
