"""The workbook as a spreadsheet opens it: values equal to the audit's, rates as formulas."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from sync_classroom.domain.definitions import DEFINITIONS
from sync_classroom.reports.words import word
from sync_classroom.reports.workbook import COLUMNS, make_workbook
from tests.support.reports import CHAIN, HASHES, content
from tests.support.spreadsheet import Workbook

HEAD = 2
GROUPS = ("school", "classroom", "subject", "week", "teacher", "host_school")


def sheet(book: bytes, key: str, language: str = "zh") -> list[list[Any]]:
    opened = CalamineWorkbook.from_filelike(io.BytesIO(book))
    return opened.get_sheet_by_name(word(key, language)).to_python(skip_empty_area=False)


def shown(value: Any) -> Any:
    if not isinstance(value, dict):
        return float(value)
    return value["numerator"] / value["denominator"] if value["denominator"] else "—"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_group_has_the_values_of_the_audit(language: str) -> None:
    made = content(language)
    book = make_workbook(made)
    measures = [c for c in COLUMNS if not c.startswith("[")]
    at = [n - len(COLUMNS) for n, c in enumerate(COLUMNS) if not c.startswith("[")]
    for group in GROUPS:
        rows = sheet(book, group, language)[HEAD + 1 :]
        expected = [*made["tables"][group], made["figures"]["totals"]]
        assert len(rows) == len(expected)
        for row, figures in zip(rows, expected, strict=True):
            found = [row[n] for n in at]
            assert found == pytest.approx([shown(figures[c]) for c in measures])


def test_summary_has_every_measure_and_the_hashes() -> None:
    made = content()
    rows = sheet(make_workbook(made), "summary")
    values = {row[1]: row for row in rows if row[1] in DEFINITIONS}
    assert set(values) == set(DEFINITIONS)
    for code, value in made["figures"]["totals"].items():
        assert values[code][2] == pytest.approx(shown(value)), code
        if isinstance(value, dict):
            assert values[code][3:5] == [value["numerator"], value["denominator"]]
    cells = [cell for row in rows for cell in row]
    assert {CHAIN, *HASHES.values()} <= set(cells)


def test_seats_causes_and_weeks_are_there() -> None:
    made = content()
    book = make_workbook(made)
    assert len(sheet(book, "raw")) == HEAD + 1 + len(made["seats"])
    causes = sheet(book, "causes")[HEAD + 1 :]
    assert [row[2] for row in causes] == list(made["figures"]["causes"].values())
    heat = sheet(book, "heat")[HEAD + 1 :]
    cells = {(w, s): (held, due) for w, s, held, due in made["week_school"]}
    for row in heat:
        for n, value in enumerate(row[2:], start=1):
            held, due = cells.get((int(row[0]), n), (0, 0))
            assert value == (pytest.approx(held / due) if due else "—")
    assert len(sheet(book, "adjustments")) == HEAD + 1 + len(made["adjustments"])


def test_every_formula_gives_the_value_beside_it_from_the_seats_alone() -> None:
    book = Workbook(make_workbook(content()))
    assert len(book.formulas) > 500
    assert list(book.differences()) == []
    changed = Workbook(make_workbook(content()))
    held = next(at for at, v in changed.cached.items() if at[0] == word("raw", "zh") and v == 1.0)
    changed.cached[held] = 0.0
    assert list(changed.differences()) != []


def test_rates_are_formulas_over_the_seats_and_sheets_print_on_a4_with_the_hash() -> None:
    with zipfile.ZipFile(io.BytesIO(make_workbook(content()))) as packed:
        names = [n for n in packed.namelist() if n.startswith("xl/worksheets/sheet")]
        schools = packed.read("xl/worksheets/sheet2.xml").decode()
        sheets = [packed.read(n).decode() for n in names]
        titles = packed.read("xl/workbook.xml").decode()
        assert sum(n.startswith("xl/charts/chart") for n in packed.namelist()) == 3
    raw = word("raw", "zh")
    assert re.search(rf"<f>SUMIFS\('{raw}'!\$", schools)
    assert re.search(r"<f>IF\([A-Z]+\d+=0,&quot;—&quot;|<f>IF\([A-Z]+\d+=0,\"—\"", schools)
    for xml in sheets:
        assert 'paperSize="9"' in xml
        assert "b2b2b2b2b2b2b2b2" in xml
        assert "<pane " in xml or "topLeftCell" in xml
    # A group's thirty columns are read on two pages, each with whose figures they are.
    assert 'orientation="landscape"' in schools
    assert 'fitToWidth="2" fitToHeight="0"' in schools
    assert f"{word('school', 'zh')}!$A:$C,{word('school', 'zh')}!$1:$3" in titles


def test_names_are_text_whatever_they_look_like() -> None:
    made = content(hostile=True)
    book = make_workbook(made)
    names = [row[1] for row in sheet(book, "school")[HEAD + 1 : -1]]
    assert '=cmd|"/c calc"!A1' in names or any(n.startswith("#panic") for n in names)
    with zipfile.ZipFile(io.BytesIO(book)) as packed:
        sheets = [
            packed.read(n).decode() for n in packed.namelist() if n.startswith("xl/worksheets/")
        ]
    assert not any("cmd|" in f for xml in sheets for f in re.findall(r"<f>(.*?)</f>", xml))
    # Names that are patterns to a spreadsheet take nothing from the other groups.
    for row, figures in zip(
        sheet(book, "subject")[HEAD + 1 :], made["tables"]["subject"], strict=False
    ):
        assert row[-len(COLUMNS)] == figures["due_periods"]
