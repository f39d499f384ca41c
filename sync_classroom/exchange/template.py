"""The empty timetable file people fill in: headings, lists to choose from, and how to do it."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import xlsxwriter

from ..domain.roster import Roster
from .headers import COLUMNS, NEEDED
from .tables import MAX_ROWS

# Columns of the template, in order; the others are known too, but few need them.
_SHOWN: Final = (
    "name", "term", "subject", "title", "teacher", "room", "class", "weekday", "period", "span",
    "weeks", "seats", "seat_classes", "expected", "assistants", "periods", "date", "start", "end",
)  # fmt: skip
_WIDTHS: Final = {"seats": 44, "seat_classes": 28, "assistants": 24, "teacher": 24, "room": 28,
                  "title": 20, "class": 24, "term": 16}  # fmt: skip
_WEEKDAYS: Final = {
    "zh": [f"周{c}" for c in "一二三四五六日"],
    "en": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
}
_WEEKS: Final = {"zh": ["全", "单", "双"], "en": ["all", "odd", "even"]}
_NAMES: Final = {"zh": ("课表", "填写说明", "名册"), "en": ("Timetable", "How to", "Roster")}
_HELP: Final = Path(__file__).parent / "template_help.json"


def template_workbook(roster: Roster, *, language: str) -> bytes:
    """An XLSX with headings, choices from the roster, and a sheet that says how."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        main, how, lists = (book.add_worksheet(name) for name in _NAMES[language])
        ranges = _lists(book, lists, roster, language)
        _main(book, main, ranges, language)
        _how(book, how, language)
    return out.getvalue()


def template_csv(*, language: str) -> bytes:
    """The headings as CSV in UTF-8 with its mark, which Excel and WPS need to know it by."""
    out = io.StringIO()
    csv.writer(out).writerow(_headings(language))
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _headings(language: str) -> list[str]:
    index = 0 if language == "zh" else 1
    return [str(COLUMNS[field][index]) for field in _SHOWN]


def _main(book: Any, sheet: Any, ranges: dict[str, str], language: str) -> None:
    needed = book.add_format({"bold": True, "bg_color": "#dfece9", "border": 1})
    other = book.add_format({"bold": True, "bg_color": "#f1f3f1", "border": 1})
    # Text, or 3-4 becomes the fourth of March.
    text = book.add_format({"num_format": 49})
    for n, (field, heading) in enumerate(zip(_SHOWN, _headings(language), strict=True)):
        must = field in (*NEEDED, "seats")
        sheet.set_column(n, n, _WIDTHS.get(field, 11), text)
        sheet.write_string(0, n, f"{heading} *" if must else heading, needed if must else other)
        if field in ranges:
            # What is not in the list may be written all the same: ids, other spellings.
            sheet.data_validation(
                1, n, MAX_ROWS, n,
                {"validate": "list", "source": ranges[field], "error_type": "information"},
            )  # fmt: skip
    sheet.freeze_panes(1, 0)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _how(book: Any, sheet: Any, language: str) -> None:
    bold = book.add_format({"bold": True, "valign": "top", "text_wrap": True})
    wrap = book.add_format({"text_wrap": True, "valign": "top"})
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 90)
    for n, (what, how) in enumerate(json.loads(_HELP.read_text("utf-8"))[language]):
        sheet.write_string(n, 0, what, bold)
        sheet.write_string(n, 1, how, wrap)


def _lists(book: Any, sheet: Any, roster: Roster, language: str) -> dict[str, str]:
    """Write the roster's names; where each field's choices stand."""
    schools = {s.id: s.name for s in roster.schools.values()}
    lists: dict[str, Sequence[str]] = {
        "term": [t.name for t in roster.terms.values()],
        "teacher": _labels([(t.id, t.name, schools[t.school]) for t in roster.teachers.values()]),
        "room": _labels([(c.id, c.name, schools[c.school]) for c in roster.classrooms.values()]),
        "class": _labels([(c.id, c.name, schools[c.school]) for c in roster.classes.values()]),
        "weekday": _WEEKDAYS[language],
        "weeks": _WEEKS[language],
    }
    bold = book.add_format({"bold": True})
    ranges = {}
    name = _NAMES[language][2]
    for n, (field, values) in enumerate(lists.items()):
        sheet.set_column(n, n, 34)
        sheet.write_string(0, n, str(COLUMNS[field][0 if language == "zh" else 1]), bold)
        for line, value in enumerate(values, 1):
            sheet.write_string(line, n, value)
        if values:
            letter = chr(ord("A") + n)
            ranges[field] = f"='{name}'!${letter}$2:${letter}${len(values) + 1}"
    return ranges


def _labels(things: Sequence[tuple[str, str, str]]) -> list[str]:
    """School and name, which the reader finds again; the id where even those are not alone."""
    whole = Counter(f"{school} {name}" for _, name, school in things)
    return [
        f"{school} {name}" if whole[f"{school} {name}"] == 1 else ident
        for ident, name, school in things
    ]
