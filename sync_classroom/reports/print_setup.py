"""How a sheet of many columns prints: as many pages wide as it takes to be read."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from xlsxwriter.worksheet import Worksheet

_A4: Final = 9
_MARGIN_IN: Final = 0.4
#: Between the margins of A4 landscape, in the pixels that columns are measured in (96 an inch).
PAGE_PX: Final = round((297 / 25.4 - 2 * _MARGIN_IN) * 96)
#: 10 points become 7, which is the smallest print that people read off a table.
LEGIBLE: Final = 0.7


def on_a4(sheet: Worksheet) -> None:
    """A4 landscape, one page wide and as many long as it takes."""
    sheet.set_paper(_A4)
    sheet.set_landscape()
    sheet.set_margins(left=_MARGIN_IN, right=_MARGIN_IN, top=0.6, bottom=0.6)
    sheet.fit_to_pages(1, 0)


def pages_wide(widths: Sequence[float], leads: int) -> int:
    """Pages beside each other on which these columns print no smaller than LEGIBLE.

    `widths` are in characters; the first `leads` of them are on every page.
    """
    pixels = [7 * width + 5 for width in widths]
    own, repeated = sum(pixels[leads:]), sum(pixels[:leads])
    left = PAGE_PX - LEGIBLE * repeated
    if left <= 0:
        raise ValueError(f"{leads} repeated columns are {repeated} pixels wide")
    return max(1, ceil(LEGIBLE * own / left))


def set_columns(sheet: Worksheet, widths: Sequence[float], leads: int) -> None:
    """Give a sheet its columns; printed, the first `leads` stand on every page."""
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    sheet.fit_to_pages(pages_wide(widths, leads), 0)
    if leads:
        sheet.repeat_columns(0, leads - 1)
