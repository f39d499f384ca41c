"""The week as a workbook: the grid people know, one sheet for each class, teacher, room or school.

Rows are 节次 with clock times and pauses, columns weekdays, colours the subjects' own. A cell that
several lessons share is split, one above the other, as 单周 and 双周 always were. A4 landscape.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from ..domain.grid import Column, Entry, EntryState, Grid, Mark, MarkKind, Piece, Row, RowKind
from ..domain.grid_pattern import halves
from ..domain.ids import ClassroomId
from ..domain.roster import Roster
from ..domain.series import WeekKind, WeekRule
from ..domain.subject_colours import colour_of
from ..domain.writing import brief_day

MAX_SHEETS: Final = 200  # all teachers of a programme; beyond it a file is no help to anybody
# More lessons of one school at one time than these are written into one cell.
_MAX_SPLIT: Final = 8
_A4: Final = 9
_PERIOD_WIDTH, _TIME_WIDTH, _WIDTH = 7, 12, 96
_LINE_PT: Final = 13.5
_LEAST_PT: Final = 30.0
_PAUSE_PT: Final = 16.0
_MAX_PT: Final = 400.0
_GONE: Final = (EntryState.CANCELLED, EntryState.AWAY)
_BAD_IN_NAME: Final = re.compile(r"[\[\]:*?/\\']")

_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "zh": {
        "period": "节次", "time": "时间", "break": "大课间", "lunch": "午休", "outside": "其他时间",
        "odd": "单周", "even": "双周", "weeks": "第 {} 周", "cancelled": "停课", "away": "调走",
        "live": "直播中", "held": "已完成", "partial": "部分", "missed": "缺", "moved": "调",
        "substitute": "代", "make_up": "补", "continued": "（续）", "none": "不上课",
        "empty": "本周没有课",
        "from": "原 {}", "for": "原 {}", "follows": "按周{}", "to": "→", "list": "、",
        "more": "等 {} 间",
        "legend": "颜色：科目；调＝调课 代＝代课 补＝补课", "week": "周",
    },
    "en": {
        "period": "Period", "time": "Time", "break": "Break", "lunch": "Lunch",
        "outside": "Other times", "odd": "odd weeks", "even": "even weeks", "weeks": "weeks {}",
        "cancelled": "cancelled", "away": "moved away", "live": "live", "held": "held",
        "partial": "partly held", "missed": "missed", "moved": "moved", "substitute": "substitute",
        "make_up": "make-up", "continued": "(continued)", "none": "no lessons",
        "empty": "No lessons this week", "from": "from {}", "for": "for {}", "follows": "as {}",
        "to": "→", "list": ", ", "more": "and {} rooms in all",
        "legend": "Colours are subjects", "week": "",
    },
}  # fmt: skip
_DAYS: Final = {
    "zh": "一二三四五六日",
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}


@dataclass(frozen=True, slots=True)
class GridSheet:
    """One sheet: `name` on its tab, `title` and `subtitle` above the grid."""

    name: str
    title: str
    subtitle: str
    grid: Grid


def grid_workbook(
    sheets: Sequence[GridSheet], roster: Roster, *, language: str, foot: str, made_at: datetime
) -> bytes:
    """An XLSX of these sheets, at most `MAX_SHEETS`; `foot` is on every printed page.

    The same grids at the same `made_at` give the same bytes.
    """
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"created": made_at.replace(tzinfo=None), "title": sheets[0].title})
        writer = _Writer(book, roster, language)
        taken: set[str] = set()
        for sheet in sheets[:MAX_SHEETS]:
            page = book.add_worksheet(_free_name(sheet.name, taken))
            writer.sheet(page, sheet, foot)
    return out.getvalue()


def _free_name(name: str, taken: set[str]) -> str:
    """A tab's name: at most 31 characters, none of those Excel refuses, none twice."""
    bare = _BAD_IN_NAME.sub(" ", name).strip()[:31] or "-"
    free, number = bare, 1
    while free.lower() in taken or free.lower() == "history":
        number += 1
        tail = f" {number}"
        free = bare[: 31 - len(tail)] + tail
    taken.add(free.lower())
    return free


class _Writer:
    def __init__(self, book: Any, roster: Roster, language: str) -> None:
        self._book = book
        self._roster = roster
        self._language = language
        self._words = _WORDS[language]
        self._formats: dict[tuple[tuple[str, Any], ...], Format] = {}

    def sheet(self, page: Worksheet, sheet: GridSheet, foot: str) -> None:
        """Title, heading, rows, legend, and how it prints."""
        grid = sheet.grid
        columns = len(grid.columns)
        last = max(columns + 1, 2)
        width = _WIDTH // max(columns, 5)
        page.set_column(0, 0, _PERIOD_WIDTH)
        page.set_column(1, 1, _TIME_WIDTH)
        page.set_column(2, last, width)
        title = self._format(bold=True, font_size=16, align="center", border=0)
        page.merge_range(0, 0, 0, last, "", title)
        page.write_string(0, 0, sheet.title, title)
        sub = self._format(align="center", font_color="#4a5866", border=0)
        page.merge_range(1, 0, 1, last, "", sub)
        page.write_string(1, 0, sheet.subtitle, sub)
        page.set_row(0, 26)
        head = self._format(bold=True, align="center", bg_color="#eef1ee")
        page.write_string(2, 0, self._words["period"], head)
        page.write_string(2, 1, self._words["time"], head)
        for n, column in enumerate(grid.columns):
            page.write_string(2, n + 2, self._day(column), head)
        page.set_row(2, 30)
        at = 3
        for n, row in enumerate(grid.rows):
            at = self._row(page, at, n, row, grid, width)
        at = self._legend(page, at, grid, last)
        self._print(page, at, last, foot)

    def _print(self, page: Worksheet, rows: int, last: int, foot: str) -> None:
        page.set_landscape()
        page.set_paper(_A4)
        page.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
        page.fit_to_pages(1, 0)
        page.repeat_rows(0, 2)
        page.center_horizontally()
        page.print_area(0, 0, max(rows - 1, 3), last)
        page.freeze_panes(3, 2)
        page.hide_gridlines(2)
        # In a footer & begins a code.
        page.set_footer(f"&L&8{foot.replace('&', '&&')}&R&8&P / &N")

    def _day(self, column: Column) -> str:
        name = (
            f"{'周' if self._language == 'zh' else ''}{_DAYS[self._language][column.weekday - 1]}"
        )
        if column.date is None:
            return name
        text = f"{name} {brief_day(column.date, self._language)}"
        return text if column.teaching else f"{text}\n{self._words['none']}"

    # ------------------------------------------------------------------ rows

    def _row(self, page: Worksheet, at: int, n: int, row: Row, grid: Grid, width: int) -> int:
        """Write one row of the grid; the next free line of the sheet."""
        cells = [self._slots(grid.at(n, c)) for c in range(len(grid.columns))]
        pause = row.kind in (RowKind.BREAK, RowKind.LUNCH)
        if pause and not any(cells):
            return self._pause(page, at, row, len(grid.columns))
        lines = max((len(c) for c in cells), default=1) or 1
        texts = [[self._text(e) if e else "" for e in c] for c in cells]
        label = self._format(bold=True, align="center")
        name = str(row.no) if row.kind is RowKind.PERIOD else self._words[row.kind.value]
        _put(page, at, 0, lines, name, label)
        _put(page, at, 1, lines, _clock(row), self._format(align="center", font_color="#4a5866"))
        for c, slots in enumerate(cells):
            off = not grid.columns[c].teaching
            for i, (first, count) in enumerate(_spread(len(slots), lines)):
                entry = slots[i] if slots else None
                text = texts[c][i] if slots else ""
                style = self._cell(entry, off=off)
                _put(page, at + first, c + 2, count, text, style)
                if entry is not None and entry.state in _GONE:
                    self._strike(page, at + first, c + 2, text, style)
        for line in range(lines):
            height = max(
                (_height(texts[c][i], width) / count
                 for c, slots in enumerate(cells) if slots
                 for i, (first, count) in enumerate(_spread(len(slots), lines))
                 if first <= line < first + count),
                default=0.0,
            )  # fmt: skip
            page.set_row(
                at + line, min(max(height, _LEAST_PT / lines if lines > 1 else _LEAST_PT), _MAX_PT)
            )
        return at + lines

    def _strike(self, page: Worksheet, row: int, column: int, text: str, style: Format) -> None:
        """What does not take place is struck out; the word that says so is not."""
        head, line, word = text.rpartition("\n")
        if head:
            struck = self._format(font_strikeout=True, font_color="#63707d")
            plain = self._format(bold=True, font_color="#4a5866")
            page.write_rich_string(row, column, struck, head, plain, line + word, style)

    def _pause(self, page: Worksheet, at: int, row: Row, columns: int) -> int:
        style = self._format(align="center", font_color="#63707d", bg_color="#f6f7f5", font_size=9)
        page.write_string(at, 0, "", style)
        page.write_string(at, 1, _clock(row), style)
        if columns > 1:
            page.merge_range(at, 2, at, columns + 1, "", style)
        page.write_string(at, 2, self._words[row.kind.value], style)
        page.set_row(at, _PAUSE_PT)
        return at + 1

    def _legend(self, page: Worksheet, at: int, grid: Grid, last: int) -> int:
        subjects = sorted({e.subject for cell in grid.cells.values() for e in cell})
        plain = self._format(border=0, font_color="#4a5866", font_size=9, text_wrap=False)
        if not subjects:
            page.write_string(at + 1, 0, self._words["empty"], plain)
            return at + 2
        page.write_string(at + 1, 0, self._words["legend"], plain)
        at += 2
        for n, subject in enumerate(subjects[: 4 * last]):
            line, column = at + n // (last - 1), 2 + n % (last - 1)
            fill = colour_of(subject).fill
            page.write_string(line, column, subject, self._format(bg_color=fill, font_size=9))
        return at + (min(len(subjects), 4 * last) - 1) // (last - 1) + 1

    # ------------------------------------------------------------------ cells

    def _slots(self, entries: Sequence[Entry]) -> list[Entry | None]:
        """What shares a cell from top to bottom; None is the half of a week without a lesson."""
        split = halves(entries)
        found: list[Entry | None] = list(split.every)
        if split.split:
            found += split.odd or (None,)
            found += split.even or (None,)
        return found[:_MAX_SPLIT]

    def _text(self, entry: Entry) -> str:
        words = self._words
        notes = [*self._notes(entry)]
        if entry.weeks is not None and entry.weeks.kind is not WeekKind.ALL:
            notes.insert(0, self._weeks(entry.weeks))
        head = entry.subject
        if entry.title not in ("", entry.subject):
            head += f" {entry.title}"
        if entry.piece in (Piece.MIDDLE, Piece.LAST):
            return f"{entry.subject}{words['continued']}"
        lines = [head]
        teacher = self._roster.teachers.get(entry.host.teacher)
        every = entry.state in _GONE
        rooms = [self._room(a.classroom) for a in entry.audience if every or not a.withdrawn]
        shown = words["list"].join(rooms[:2])
        if len(rooms) > 2:
            shown += words["more"].format(len(rooms))
        who = teacher.name if teacher is not None else entry.host.teacher
        lines.append(f"{who} {words['to']} {shown}" if shown else who)
        if not entry.aligned:
            lines.append(f"{entry.start:%H:%M}–{entry.end:%H:%M}")
        if notes:
            lines.append(" · ".join(notes))
        return "\n".join(lines)

    def _notes(self, entry: Entry) -> Iterable[str]:
        if entry.state is not EntryState.WAITING:
            yield self._words[entry.state.value]
        for mark in entry.marks:
            if mark.kind is not MarkKind.AWAY:
                yield self._mark(mark)

    def _mark(self, mark: Mark) -> str:
        words = self._words
        name = words[mark.kind.value]
        if mark.teacher is not None:
            known = self._roster.teachers.get(mark.teacher)
            return f"{name} {words['for'].format(known.name if known else mark.teacher)}"
        if mark.day is not None:
            return f"{name} {words['from'].format(brief_day(mark.day, self._language))}"
        if mark.weekday is not None:
            return f"{name} {words['follows'].format(_DAYS[self._language][mark.weekday - 1])}"
        return name

    def _weeks(self, rule: WeekRule) -> str:
        if rule.kind is WeekKind.LISTED:
            return self._words["weeks"].format(self._words["list"].join(map(str, rule.weeks)))
        return self._words["odd" if rule.kind is WeekKind.ODD else "even"]

    def _room(self, ident: str) -> str:
        room = self._roster.classrooms.get(ClassroomId(ident))
        return ident if room is None else f"{self._roster.schools[room.school].name} {room.name}"

    def _cell(self, entry: Entry | None, *, off: bool) -> Format:
        if entry is None:
            return self._format(bg_color="#f6f7f5") if off else self._format()
        colour = colour_of(entry.subject)
        gone = entry.state in _GONE
        return self._format(
            bg_color="#f2f3f2" if gone else colour.fill,
            font_color="#63707d" if gone else "#16202a",
        )

    def _format(self, **values: Any) -> Format:
        values = {"border": 1, "border_color": "#c9cfcb", "text_wrap": True, "valign": "vcenter",
                  "font_size": 10, "font_name": "Microsoft YaHei"} | values  # fmt: skip
        key = tuple(sorted(values.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(values)
        return self._formats[key]


def _put(page: Worksheet, row: int, column: int, count: int, text: str, style: Format) -> None:
    """Text over `count` lines of one column."""
    if count > 1:
        page.merge_range(row, column, row + count - 1, column, "", style)
    page.write_string(row, column, text, style)


def _spread(slots: int, lines: int) -> list[tuple[int, int]]:
    """First line and number of lines of each of `slots` parts of a cell `lines` high."""
    if slots <= 1:
        return [(0, lines)]
    firsts = [n * lines // slots for n in range(slots)] + [lines]
    return [(a, b - a) for a, b in pairwise(firsts)]


def _clock(row: Row) -> str:
    if row.start is None or row.end is None:
        return ""
    return f"{row.start:%H:%M}–{row.end:%H:%M}"


def _height(text: str, width: int) -> float:
    """Points a text takes in a column of `width` characters; Chinese ones are two wide."""
    lines = 0
    for line in text.split("\n"):
        cells = sum(2 if ord(c) > 0x2E7F else 1 for c in line)
        lines += max(1, -(-cells // max(width - 1, 1)))
    return lines * _LINE_PT + 3
