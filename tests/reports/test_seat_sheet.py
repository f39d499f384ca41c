"""Seats by name, and the formulas that add them up."""

from __future__ import annotations

import io

import xlsxwriter

from sync_classroom.reports.seat_sheet import (
    COLUMNS,
    MOST_TEXT,
    SeatSheet,
    heading,
    named_seats,
    text,
)
from tests.support.reports import content


def test_seats_have_names_words_and_attendances() -> None:
    made = content("en")
    seats = list(named_seats(made))
    assert len(seats) == len(made["seats"])
    assert all(set(COLUMNS) <= set(s) for s in seats)
    schools = {s["name"] for s in made["tables"]["school"]}
    assert {s["school"] for s in seats} <= schools
    assert {s["state"] for s in seats} <= {
        "Held", "Partial", "Missed", "Unknown", "Cancelled, not excused", "Cancelled, excused",
        "Moved",
    }  # fmt: skip
    for seat in seats:
        counted = seat["present"] if seat["present"] is not None else seat["expected"] or 0
        assert seat["attendances"] == counted


def test_formulas_name_columns_and_conditions() -> None:
    book = xlsxwriter.Workbook(io.BytesIO())
    made = content("en")
    sheet = SeatSheet(
        book.add_worksheet("Seats"), made, head=book.add_format(), plain=book.add_format(),
        title=book.add_format(),
    )  # fmt: skip
    last = len(made["seats"]) + 3
    area = sheet.area("credited_s")
    assert area.startswith("'Seats'!$")
    assert area.endswith(f"${last}")
    assert sheet.sum_of("credited_s", [], "") == f"SUM({area})"
    assert sheet.sum_of("credited_s", [("school_no", "$A4")], "_school") == (
        f"SUMIFS({area},{sheet.area('school_no')},$A4)"
    )
    assert sheet.area("first_due_school") in sheet.sum_of("host_s", [], "_school")
    assert '"Partial"' in sheet.sum_of("partial_seats", [], "")
    book.close()


def test_cells_hold_text_of_bounded_length_without_surrogates() -> None:
    assert text("a\ud800") == "a?"
    assert len(text("长" * 9999)) == MOST_TEXT
    assert heading("present", "zh") == "实到"
