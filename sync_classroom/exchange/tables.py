"""Rows of texts: what is left of any file once its format is behind us."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from .refusals import refusal

MAX_ROWS: Final = 5000
MAX_COLUMNS: Final = 100
MAX_CELL: Final = 2000
MAX_SHEETS: Final = 20


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet. `rows` are texts without spaces around them; `first_line` is the number of the
    first row in the file, counted from 1."""

    name: str
    rows: tuple[tuple[str, ...], ...]
    first_line: int = 1


def table(name: str, rows: Iterable[Sequence[object]], first_line: int = 1) -> Table:
    """A table of cells as a reader gave them; ProblemError beyond the bounds above."""
    kept: list[tuple[str, ...]] = []
    for n, row in enumerate(rows):
        if n >= MAX_ROWS:
            raise refusal("file_too_many_rows")
        texts = tuple(cell_text(cell) for cell in row)
        while texts and not texts[-1]:
            texts = texts[:-1]
        if len(texts) > MAX_COLUMNS:
            raise refusal("file_too_many_columns")
        kept.append(texts)
    return Table(name, tuple(kept), first_line)


def cell_text(cell: object) -> str:
    """A cell as text: whole numbers without `.0`, dates and times in ISO, full-width as ASCII."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, float):
        # What was typed as 3 is 3.0 in every spreadsheet; NaN and infinity are nothing typed.
        return str(int(cell)) if cell.is_integer() else f"{cell:g}"
    if isinstance(cell, datetime):
        if (cell.hour, cell.minute, cell.second) == (0, 0, 0):
            return cell.date().isoformat()
        return cell.strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, time):
        return cell.strftime("%H:%M")
    if isinstance(cell, timedelta):
        minutes = round(cell.total_seconds() / 60)
        return f"{minutes // 60:02}:{minutes % 60:02}" if 0 <= minutes < 24 * 60 else ""
    text = str(cell)
    if len(text) > MAX_CELL:
        raise refusal("file_cell_too_long", text[:80])
    return plain(text)


def plain(text: str) -> str:
    """Compatibility forms (full-width digits, brackets) as ASCII, control characters as spaces."""
    folded = unicodedata.normalize("NFKC", text)
    kept = "".join(
        " " if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n" else c for c in folded
    )
    return "\n".join(" ".join(line.split()) for line in kept.split("\n")).strip()
