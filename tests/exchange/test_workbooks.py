from __future__ import annotations

import io
from datetime import date

import pytest
import xlsxwriter

from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.workbooks import read_workbook
from tests.support.timetable_files import ENGLISH, HEADINGS, MATHS, repacked, workbook

_SHEET = (
    b'<?xml version="1.0"?>%b<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml'
    b'/2006/main"><sheetData>%b</sheetData></worksheet>'
)


def _with_sheet(content: bytes, doctype: bytes = b"") -> bytes:
    sheet = _SHEET % (doctype, content)
    return repacked(workbook([HEADINGS]), xl__worksheets__sheet1_dot_xml=sheet)


def _cell(reference: bytes) -> bytes:
    return b'<row><c r="%b" t="inlineStr"><is><t>x</t></is></c></row>' % reference


def test_rows_keep_their_line_numbers_below_a_title() -> None:
    data = workbook([HEADINGS, ENGLISH], above=[[], ["2026 秋季课表"], []])
    (table,) = read_workbook(data)
    assert (table.name, table.first_line) == ("课表", 1)
    assert table.rows == ((), ("2026 秋季课表",), (), HEADINGS, ENGLISH)


def test_merged_cells_count_for_each_of_their_cells() -> None:
    data = workbook([["科目", "教师"], ["", 1], ["", 2]], merge=[(1, 0, 2, 0, "英语")])
    assert read_workbook(data)[0].rows == (("科目", "教师"), ("英语", "1"), ("英语", "2"))


def test_numbers_and_dates_become_what_was_typed() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        sheet.write_datetime(0, 0, date(2026, 3, 4), book.add_format({"num_format": "m/d"}))
        sheet.write_number(0, 1, 3.0)
        sheet.write_formula(0, 2, "=1+1", value=2)
        sheet.write_boolean(0, 3, True)
    assert read_workbook(out.getvalue())[0].rows == (("2026-03-04", "3", "2", "1"),)


def test_hidden_sheets_are_passed_over() -> None:
    assert [t.name for t in read_workbook(workbook([HEADINGS, MATHS], hidden=True))] == ["课表"]


@pytest.mark.parametrize(
    ("reference", "code"),
    [(b"A1048576", "file_too_many_rows"), (b"XFD1", "file_too_many_columns"),
     (b"XFD1048576", "file_too_many_rows"), (b"&#88;FD1048576", "file_too_many_rows"),
     (b"ZZZZZZ1", "file_damaged"), (b"A99999999999", "file_damaged"), (b"1", "file_damaged"),
     (b"", "file_damaged")],
)  # fmt: skip
def test_one_cell_at_the_far_corner_costs_no_memory(reference: bytes, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        read_workbook(_with_sheet(_cell(reference)))
    assert caught.value.code == code


def test_empty_cells_with_a_border_far_away_are_no_data() -> None:
    content = _cell(b"A1") + b'<row r="1048576"><c r="XFD1048576" s="0"/></row>'
    assert read_workbook(_with_sheet(content))[0].rows == (("x",),)


@pytest.mark.parametrize("row", [b"99999999999", b"x", b""])
def test_rows_with_a_number_that_is_none_are_refused(row: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        read_workbook(_with_sheet(b'<row r="%b"><c><v>1</v></c></row>' % row))
    assert caught.value.code == "file_damaged"


def test_part_in_an_encoding_nobody_knows_is_damaged() -> None:
    sheet = b'<?xml version="1.0" encoding="U"?><worksheet/>'
    with pytest.raises(ProblemError) as caught:
        read_workbook(repacked(workbook([HEADINGS]), xl__worksheets__sheet1_dot_xml=sheet))
    assert caught.value.code == "file_damaged"


def test_entities_in_a_sheet_are_refused() -> None:
    doctype = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    with pytest.raises(ProblemError) as caught:
        read_workbook(_with_sheet(b"<row><c><v>&b;</v></c></row>", doctype))
    assert caught.value.code == "file_entities"


@pytest.mark.parametrize(
    "part", ["xl__workbook_dot_xml", "xl__worksheets__sheet1_dot_xml", "xl__sharedStrings_dot_xml"]
)
@pytest.mark.parametrize("content", [b"", b"rubbish", b"<a><b></a>", b"<workbook/>"])
def test_damaged_parts_are_refused_or_empty(part: str, content: bytes) -> None:
    try:
        tables = read_workbook(repacked(workbook([HEADINGS, ENGLISH]), **{part: content}))
    except ProblemError as problem:
        code = problem.code
    else:
        code = ""
        assert content == b"<workbook/>"
        assert all("科目" not in row for t in tables for row in t.rows)
    assert code in ("", "file_damaged")
