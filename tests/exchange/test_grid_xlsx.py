"""The workbook shows what the grid says, split where it is shared, and prints on A4 landscape."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from dataclasses import replace

import pytest

from sync_classroom.domain.grid import EntryState, Grid, week_grid
from sync_classroom.domain.grid_pattern import pattern_grid
from sync_classroom.domain.grid_views import View, ViewKind
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.series import Series, WeekKind, WeekRule
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.exchange.grid_xlsx import MAX_SHEETS, GridSheet, grid_workbook
from sync_classroom.exchange.workbooks import read_workbook
from tests.support.plans import at, lesson
from tests.support.week import MONDAY, plan, programme, rule

HOST = View(ViewKind.HOST, "host")
MADE = at("08:00")


def _lesson(ident: str, start: str, end: str, **values: object) -> Occurrence:
    made = lesson(
        ident, start, end, school="host", room="host-r1", teacher="host-t1",
        **({"seats": ["a-r1", "b-r1"], "day": "2026-11-24"} | values),  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(made, title="Unit 6")


def _week(*lessons: Occurrence, **states: EntryState) -> Grid:
    known = plan(programme(), lessons, states={OccurrenceId(k): v for k, v in states.items()})
    return week_grid(HOST, MONDAY, lessons, known, today=MONDAY)


def _pattern(*rules: Series) -> Grid:
    known = plan(programme(), rules=rules)
    return pattern_grid(HOST, MONDAY, rules, known)


def _file(*grids: Grid, name: str = "四小", language: str = "zh") -> bytes:
    sheets = [GridSheet(name, "四小 课表", "第一学期 第13周", g) for g in grids]
    return grid_workbook(
        sheets, programme(), language=language, foot="第 3 版 & 日期", made_at=MADE
    )


def _rows(data: bytes) -> list[tuple[str, ...]]:
    return [r for r in read_workbook(data)[0].rows if r]


def _xml(data: bytes, part: str = "xl/worksheets/sheet1.xml") -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(part).decode()


def test_sheet_has_title_periods_pauses_and_weekdays() -> None:
    rows = _rows(_file(_week(_lesson("o", "09:00", "09:40"))))
    assert rows[0][0] == "四小 课表"
    assert rows[1][0] == "第一学期 第13周"
    assert rows[2] == (
        "节次",
        "时间",
        "周一 11/23",
        "周二 11/24",
        "周三 11/25",
        "周四 11/26",
        "周五 11/27",
    )
    assert [r[:2] for r in rows[3:11]] == [
        ("1", "08:10–08:50"), ("2", "09:00–09:40"), ("", "09:40–10:10"), ("3", "10:10–10:50"),
        ("4", "11:00–11:40"), ("", "11:40–13:40"), ("5", "13:40–14:20"), ("6", "14:30–15:10"),
    ]  # fmt: skip
    assert rows[4][3] == "英语 Unit 6\nhost-1 → a a-r1、b b-r1"
    assert rows[5][2] == "大课间"
    assert rows[8][2] == "午休"
    assert rows[-1][2] == "英语"


def test_english_sheet_has_no_chinese_of_ours() -> None:
    grid = _week(replace(_lesson("o", "09:00", "09:40"), subject="English"))
    text = "".join("".join(r) for r in _rows(_file(grid, language="en"))[2:])
    assert not re.search(r"[\u4e00-\u9fff]", text)
    assert "BreakBreak" in text


def test_odd_and_even_weeks_split_their_cell() -> None:
    odd, even = (WeekRule(kind) for kind in (WeekKind.ODD, WeekKind.EVEN))
    rows = _rows(
        _file(_pattern(rule("a", weeks=odd), rule("b", weeks=even, subject="数学"), rule("c", 2)))
    )
    assert rows[3][2] == "英语 课\nhost-1 → a a-r1\n单周"
    assert rows[4][2] == "数学 课\nhost-1 → a a-r1\n双周"
    # The whole lesson beside them, the number and the time go over both halves.
    assert rows[3][:2] == rows[4][:2] == ("1", "08:10–08:50")
    assert rows[3][3] == rows[4][3] == "英语 课\nhost-1 → a a-r1"


def test_odd_weeks_alone_leave_the_other_half_free() -> None:
    rows = _rows(_file(_pattern(rule("a", weeks=WeekRule(WeekKind.ODD)))))
    assert rows[3][2].endswith("单周")
    assert rows[4][2:] == ()


def test_double_lesson_goes_on_in_its_next_period() -> None:
    rows = _rows(_file(_pattern(rule("a", span=2))))
    assert rows[3][2].startswith("英语 课")
    assert rows[4][2] == "英语(续)"


def test_changes_and_states_are_said_in_words() -> None:
    change = Change(ChangeKind.CANCELLED, at("07:00"), "a", "停电")
    gone = _lesson("o", "09:00", "09:40", changes=[change])
    assert _rows(_file(_week(gone)))[4][3].endswith("\n停课")
    live = _lesson("o", "09:00", "09:40")
    assert _rows(_file(_week(live, o=EntryState.LIVE)))[4][3].endswith("\n直播中")
    odd = _lesson("o", "09:05", "09:45")
    assert "\n09:05–09:45" in _rows(_file(_week(odd)))[4][3]


def test_colours_are_the_subjects_own() -> None:
    styles = _xml(_file(_week(_lesson("o", "09:00", "09:40"))), "xl/styles.xml")
    assert "FFE3F2E6" in styles


def test_prints_on_a4_landscape_one_page_wide_with_its_heading() -> None:
    data = _file(_week(_lesson("o", "09:00", "09:40")))
    sheet = _xml(data)
    assert re.search(
        r'<pageSetup paperSize="9"[^>]*fitToHeight="0"[^>]*orientation="landscape"', sheet
    )
    assert '<pageSetUpPr fitToPage="1"/>' in sheet
    assert "&amp;L&amp;8第 3 版 &amp;&amp; 日期" in sheet
    book = _xml(data, "xl/workbook.xml")
    assert "_xlnm.Print_Titles" in book
    assert "$1:$3" in book


def test_empty_week_says_so() -> None:
    assert _rows(_file(_week()))[-1][0] == "本周没有课"


@pytest.mark.parametrize("name", ["a/b:c*d?e[f]", "长" * 60, "", "'", "History"])
def test_tab_names_are_what_excel_takes_and_differ(name: str) -> None:
    tables = read_workbook(_file(_week(), _week(), name=name))
    names = [t.name for t in tables]
    assert len({n.lower() for n in names}) == 2
    assert all(0 < len(n) <= 31 and not set(n) & set("[]:*?/\\") for n in names)
    assert "history" not in [n.lower() for n in names]


def test_cells_that_look_like_formulas_are_text() -> None:
    grid = _week(replace(_lesson("o", "09:00", "09:40"), subject='=HYPERLINK("x")', title=""))
    data = _file(grid)
    assert "<f>" not in _xml(data)
    assert _rows(data)[4][3].startswith("=HYPERLINK")


def test_same_grid_is_the_same_bytes() -> None:
    def parts(data: bytes) -> Iterable[bytes]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [archive.read(n) for n in archive.namelist()]

    grid = _week(_lesson("o", "09:00", "09:40"))
    assert parts(_file(grid)) == parts(_file(grid))


def test_file_has_no_more_sheets_than_its_bound() -> None:
    sheets = [GridSheet(f"{n}", "t", "s", _week()) for n in range(MAX_SHEETS + 1)]
    data = grid_workbook(sheets, programme(), language="zh", foot="", made_at=MADE)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [n for n in archive.namelist() if n.startswith("xl/worksheets/sheet")]
    assert len(names) == MAX_SHEETS
