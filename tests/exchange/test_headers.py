from __future__ import annotations

import pytest

from sync_classroom.exchange.headers import COLUMNS, find_heading, key, no_heading, records
from sync_classroom.exchange.tables import Table


def _table(*rows: tuple[str, ...]) -> Table:
    return Table("s", rows)


def test_heading_is_found_below_titles_in_any_order() -> None:
    table = _table(
        ("课表",), (), ("主讲教室", "备注", "学科*", "任课教师（姓名）"), ("r", "b", "s", "t")
    )
    heading = find_heading(table)
    assert heading is not None
    assert (heading.row, dict(heading.columns)) == (
        2,
        {"room": (0,), "subject": (2,), "teacher": (3,)},
    )
    assert heading.passed_over == ("备注",)
    assert records(table, heading) == [(4, {"room": "r", "subject": "s", "teacher": "t"})]


def test_english_headings_are_the_same_columns() -> None:
    heading = find_heading(_table(tuple(en for _, en, _ in COLUMNS.values())))
    assert heading is not None
    assert list(heading.columns) == list(COLUMNS)


def test_chinese_headings_of_the_template_are_all_known() -> None:
    heading = find_heading(_table(tuple(zh for zh, _, _ in COLUMNS.values())))
    assert heading is not None
    assert list(heading.columns) == list(COLUMNS)


def test_no_word_stands_for_two_columns() -> None:
    words = [key(w) for zh, en, more in COLUMNS.values() for w in {zh, en.lower(), *more}]
    assert sorted(w for w in set(words) if words.count(w) > 1) == []


def test_several_columns_of_one_field_are_one_list() -> None:
    table = _table(
        ("科目", "教师", "主讲教室", "听课教室1", "听课教室", "听课教室"),
        ("a", "b", "c", "x", "d", "e"),
    )
    heading = find_heading(table)
    assert heading is not None
    assert records(table, heading)[0][1]["seats"] == "x、d、e"


def test_empty_rows_and_repeated_headings_are_no_lessons() -> None:
    head = ("科目", "教师", "教室")
    table = _table(head, (), ("a", "b", "c"), head, ("", ""), ("d", "e", "f"))
    heading = find_heading(table)
    assert heading is not None
    assert [line for line, _ in records(table, heading)] == [3, 6]


@pytest.mark.parametrize("row", [("科目", "教师"), (), ("a",) * 50])
def test_table_without_what_is_needed_has_no_heading(row: tuple[str, ...]) -> None:
    assert find_heading(_table(row)) is None


def test_heading_too_far_down_is_not_looked_for() -> None:
    assert find_heading(_table(*[()] * 20, ("科目", "教师", "教室"))) is None


def test_no_heading_is_told_from_no_sheet() -> None:
    assert (no_heading(1).code, no_heading(0).code) == ("file_no_header", "file_empty")
