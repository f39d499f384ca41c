from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.exchange.tables import MAX_CELL, MAX_COLUMNS, MAX_ROWS, cell_text, plain, table


def _stamp(minutes: int) -> datetime:
    """A date with a clock time as a spreadsheet has it: in no zone."""
    return datetime.fromisoformat("2026-03-04") + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        (3.0, "3"),
        (3, "3"),
        (2.5, "2.5"),
        (float("nan"), "nan"),
        (True, "1"),
        (date(2026, 3, 4), "2026-03-04"),
        (_stamp(0), "2026-03-04"),
        (_stamp(490), "2026-03-04 08:10"),
        (time(8, 10), "08:10"),
        (timedelta(hours=8, minutes=10), "08:10"),
        (timedelta(days=2), ""),
        ("　三（２）班　", "三(2)班"),
        ("a\u200b\x07b", "a b"),
        ("一\n 二 ", "一\n二"),
    ],
)
def test_cell_reads_as_a_person_would(cell: object, text: str) -> None:
    assert cell_text(cell) == text


def test_lone_surrogates_do_not_travel() -> None:
    assert plain("a\ud800b").encode() == b"a b"


def test_empty_cells_at_the_end_of_a_row_are_nothing() -> None:
    assert table("x", [["a", "", None], [None]]).rows == (("a",), ())


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["x"]] * (MAX_ROWS + 1), "file_too_many_rows"),
        ([["x"] * (MAX_COLUMNS + 1)], "file_too_many_columns"),
        ([["x" * (MAX_CELL + 1)]], "file_cell_too_long"),
    ],
)
def test_table_beyond_a_bound_is_refused(rows: list[list[object]], code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        table("x", rows)
    assert caught.value.code == code


def test_table_at_the_bounds_is_taken() -> None:
    rows = [["x" * MAX_CELL] + ["y"] * (MAX_COLUMNS - 1)] * MAX_ROWS
    assert len(table("x", rows).rows) == MAX_ROWS
