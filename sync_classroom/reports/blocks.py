"""The pieces of a report's document: words, figures written out, headings, tables, charts.

The layout (`report.typ`) knows these kinds of blocks and nothing of coverage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from ..domain.definitions import DEFINITIONS, Unit
from ..domain.rules import Rules
from ..domain.writing import clock_length, date_range, percent
from .fonts import Typeface
from .words import word

# A name on paper wraps; one that would fill a page is cut, the XLSX has it whole.
MOST_NAME: Final = 60
MOST_TEXT: Final = 400

Cell = str | dict[str, str]
Block = dict[str, Any]

#: Rates of seconds, whose fractions are long.
_OF_TIMES: Final = frozenset({"fidelity", "host_rate", "adjusted_share"})


def _share(code: str) -> float:
    """How wide a measure's column is, in shares of the page."""
    if code in _OF_TIMES:
        return 0.85
    return {Unit.COUNT: 0.85, Unit.SECONDS: 1.0, Unit.RATIO: 1.6}[DEFINITIONS[code].unit]


class Writer:
    """The words, figures and blocks of one report, which `document` puts in order."""

    def __init__(
        self, content: Mapping[str, Any], typeface: Typeface, charts: Collection[str]
    ) -> None:
        self.content = content
        self.typeface = typeface
        self.charts = charts
        self.language: str = content["language"]
        self.figures: Mapping[str, Any] = content["figures"]
        self.tables: Mapping[str, Sequence[Mapping[str, Any]]] = content["tables"]
        self.rules = Rules(**self.figures["rules"])
        self.zone = ZoneInfo(content["zone"])

    # ------------------------------------------------------------------ words

    def w(self, key: str, *values: object) -> str:
        """A text of `words` in the language of the report."""
        return word(key, self.language, *values)

    def clean(self, text: object, most: int = MOST_TEXT) -> str:
        """Text of others as the fonts can write it, cut to a length."""
        return self.typeface.clean(str(text), most)

    def name(self, row: Mapping[str, Any]) -> str:
        """The name of a row."""
        return self.clean(row["name"], MOST_NAME)

    def instant(self, text: str) -> str:
        """`2026-11-30 09:40` in the programme's zone."""
        return datetime.fromisoformat(text).astimezone(self.zone).strftime("%Y-%m-%d %H:%M")

    def measure(self, code: str, value: Any, *, narrow: bool = False) -> Cell:
        """A figure as a cell: rates with their fraction, times as hours:minutes:seconds.

        In a narrow column a rate of times goes without its fraction, which the appendix has.
        """
        if isinstance(value, Mapping):
            n, d = value["numerator"], value["denominator"]
            of_times = code in _OF_TIMES
            write = clock_length if of_times else str
            fraction = "" if of_times and narrow else f"({write(n)}/{write(d)})"
            return {"v": percent(n, d), "s": fraction}
        if DEFINITIONS[code].unit is Unit.SECONDS:
            return clock_length(value)
        return str(value)

    def short(self, code: str) -> str:
        """A measure's name without what stands in brackets, for the head of a column."""
        name = DEFINITIONS[code].name(self.language)
        return name.partition("（")[0].partition(" (")[0]

    def period(self) -> str:
        """The period in words."""
        period = self.figures["period"]
        first, last = (date.fromisoformat(period[k]) for k in ("from", "to"))
        return date_range(first, last, self.language)

    # ------------------------------------------------------------------ blocks

    def heading(self, text: str, level: int = 1, *, on_new_page: bool = False) -> Block:
        """A heading; those of level 1 are in the list of contents."""
        return {"type": "heading", "level": level, "text": text, "break": on_new_page}

    def para(self, text: str, *, soft: bool = True) -> Block:
        """A paragraph; `soft` ones explain and stand back."""
        return {"type": "para", "text": text, "soft": soft}

    def table(
        self,
        columns: Sequence[tuple[str, bool, float | None]],
        rows: Sequence[Sequence[Cell]],
        *,
        total: bool = False,
        size: float = 8.5,
    ) -> Block:
        """A table; a column is `(title, of numbers, width in shares or None)`."""
        return {
            "type": "table",
            "columns": [{"title": t, "number": n, "width": w} for t, n, w in columns],
            "rows": [list(r) for r in rows],
            "total": total,
            "size": size,
        }

    def chart(self, name: str, alt: str) -> list[Block]:
        """A chart with what it shows in words, if there was anything to draw."""
        return [{"type": "chart", "name": name, "alt": alt}] if name in self.charts else []

    def groups(
        self,
        title: str,
        rows: Sequence[Mapping[str, Any]],
        codes: Sequence[str],
        *,
        named: Callable[[Mapping[str, Any]], str] | None = None,
        total: bool = True,
        name_share: float = 1.9,
    ) -> Block:
        """A table of groups with these measures, and the total of all below.

        `name_share` is how wide the names are, in shares of the page.
        """
        named = named or self.name
        cells: list[list[Cell]] = [
            [named(row), *(self.measure(c, row[c], narrow=True) for c in codes)] for row in rows
        ]
        if total:
            totals = self.figures["totals"]
            figures = (self.measure(c, totals[c], narrow=True) for c in codes)
            cells.append([self.w("total"), *figures])
        columns: list[tuple[str, bool, float | None]] = [(title, False, name_share)]
        columns += [(self.short(code), True, _share(code)) for code in codes]
        return self.table(columns, cells, total=total)
