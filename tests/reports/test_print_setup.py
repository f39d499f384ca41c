"""Columns print on as many pages as it takes to read them, with what they belong to on each."""

from __future__ import annotations

import io
import zipfile

import pytest
import xlsxwriter

from sync_classroom.reports.print_setup import LEGIBLE, PAGE_PX, pages_wide, set_columns


def test_what_fits_one_page_stays_on_it_and_more_goes_beside() -> None:
    one = 0.9999 * PAGE_PX / LEGIBLE / 10  # pixels of each of ten columns that just fit
    width = (one - 5) / 7
    assert pages_wide([width] * 10, 0) == 1
    assert pages_wide([width] * 11, 0) == 2
    assert pages_wide([], 0) == 1
    # Repeated columns take their room on each page.
    assert pages_wide([width] * 10, 5) == 1
    assert pages_wide([width] * 15, 5) == 2
    assert pages_wide([width] * 20, 5) == 3
    with pytest.raises(ValueError, match="repeated"):
        pages_wide([width] * 12, 11)


def test_a_sheet_says_so_in_its_page_set_up() -> None:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    set_columns(book.add_worksheet("a"), [6, 16, *[10] * 26], 2)
    set_columns(book.add_worksheet("b"), [18] * 4, 0)
    book.close()
    with zipfile.ZipFile(out) as packed:
        wide, narrow = (packed.read(f"xl/worksheets/sheet{n}.xml").decode() for n in (1, 2))
        titles = packed.read("xl/workbook.xml").decode()
    assert 'fitToWidth="2" fitToHeight="0"' in wide
    assert 'fitToHeight="0"' in narrow
    assert "fitToWidth" not in narrow  # one
    assert "a!$A:$B" in titles
    assert "b!" not in titles
