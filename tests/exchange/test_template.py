"""What is downloaded is what can be read again, headings and choices alike."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

import pytest

from sync_classroom.domain.ids import TeacherId
from sync_classroom.exchange.headers import COLUMNS, find_heading
from sync_classroom.exchange.names import NameBook
from sync_classroom.exchange.reading import read
from sync_classroom.exchange.template import template_csv, template_workbook
from tests.support.rosters import programme


@pytest.mark.parametrize("language", ["zh", "en"])
def test_headings_are_found_again(language: str) -> None:
    for data in (
        template_workbook(programme(), language=language),
        template_csv(language=language),
    ):
        table = read(data).tables[0]
        heading = find_heading(table)
        assert heading is not None
        assert heading.passed_over == ()
        assert set(heading.columns) == set(COLUMNS) - {"host_school", "grade"}


def test_every_choice_is_one_of_the_roster() -> None:
    roster = programme()
    twin = replace(roster.teachers[TeacherId("host-1-t1")], id=TeacherId("twin"))
    roster = replace(roster, teachers={**roster.teachers, twin.id: twin})
    lists = read(template_workbook(roster, language="zh")).tables[2].rows
    book = NameBook(roster)
    kinds = {"学期": "term", "主讲教师": "teacher", "主讲教室": "classroom", "主讲班级": "class"}
    for column, heading in enumerate(lists[0]):
        names = [row[column] for row in lists[1:] if column < len(row) and row[column]]
        if (kind := kinds.get(heading)) is None:
            continue
        assert [n for n in names if book.find(kind, n).ident is None] == []
        assert len(names) == len(set(names))
    assert {"twin", "host-1-t1"} <= {row[1] for row in lists[1:] if len(row) > 1}


def test_lists_are_offered_and_text_stays_text() -> None:
    with zipfile.ZipFile(io.BytesIO(template_workbook(programme(), language="zh"))) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml").decode()
        styles = archive.read("xl/styles.xml").decode()
    sources = re.findall(r"<formula1>([^<]+)</formula1>", sheet)
    assert len(sources) == 6
    assert all(s.startswith(("名册!$", "'名册'!$")) for s in sources)
    assert 'numFmtId="49"' in styles


def test_how_to_names_every_needed_column() -> None:
    how = read(template_workbook(programme(), language="en")).tables[1]
    text = " ".join(" ".join(row) for row in how.rows)
    for field in ("subject", "teacher", "room", "seats"):
        assert f"{COLUMNS[field][1]} *" in text


def test_empty_roster_has_a_template_too() -> None:
    empty = replace(programme(), terms={}, teachers={}, classrooms={}, classes={})
    assert find_heading(read(template_workbook(empty, language="zh")).tables[0]) is not None
