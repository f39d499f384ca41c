"""Which column is what: by its heading, in Chinese or English, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .refusals import refusal
from .tables import Table, plain

# field: (heading of our template in Chinese, in English, other words for it)
COLUMNS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "name": ("编号", "No", ("序号", "课程编号", "id", "number", "ref")),
    "term": ("学期", "Term", ("学年学期", "semester")),
    "subject": ("科目", "Subject", ("学科", "课程", "课程名称", "学科名称", "course")),
    "title": ("课题", "Title", ("标题", "内容", "课名", "topic", "lesson title")),
    "host_school": ("主讲学校", "Host school", ("主讲校", "学校", "school")),
    "teacher": (
        "主讲教师", "Teacher", ("教师", "任课教师", "老师", "授课教师", "主讲老师", "host teacher"),
    ),
    "room": (
        "主讲教室", "Host classroom",
        ("教室", "上课教室", "授课教室", "host room", "classroom", "room"),
    ),
    "class": ("主讲班级", "Host class", ("班级", "授课班级", "上课班级", "class")),
    "grade": ("年级", "Grade", ("年级数", "year")),
    "weekday": ("星期", "Weekday", ("周几", "星期几", "day", "day of week")),
    "period": ("节次", "Period", ("节", "第几节", "课节", "上课节次", "periods no", "hour")),
    "span": ("连堂", "Span", ("连上节数", "连排", "节数", "duration", "length")),
    "weeks": ("单双周", "Weeks", ("周次", "上课周", "周", "周数", "week", "week pattern")),
    "date": ("日期", "Date", ("上课日期",)),
    "start": ("开始时间", "Start", ("开始", "上课时间", "from", "start time", "starts")),
    "end": ("结束时间", "End", ("结束", "下课时间", "to", "end time", "ends")),
    "seats": (
        "听课教室", "Remote classrooms",
        ("受援教室", "接收教室", "远程教室", "听讲教室", "remote rooms", "remote classroom"),
    ),
    "seat_classes": (
        "听课班级", "Remote classes", ("受援班级", "接收班级", "远程班级", "remote class"),
    ),
    "expected": ("应到", "Expected", ("应到人数", "人数", "head count", "pupils")),
    "assistants": ("助教", "Assistants", ("助教教师", "辅助教师", "助教老师", "assistant")),
    "periods": ("课时", "Counts for", ("课时数", "计课时", "lesson hours")),
}  # fmt: skip
NEEDED: Final = ("subject", "teacher", "room")
# A heading may stand below a title, a line about the term and an empty row or two.
SEARCHED_ROWS: Final = 20
_BY_WORD: Final[dict[str, str]] = {}


def key(text: str) -> str:
    """A heading without what people add to it: case, spaces, stars, brackets and their content."""
    bare = plain(text).lower().partition("(")[0]
    return "".join(c for c in bare if c.isalnum())


for _field, (_zh, _en, _more) in COLUMNS.items():
    for _word in (_zh, _en, _field, *_more):
        _BY_WORD.setdefault(key(_word.replace("_", " ")), _field)


@dataclass(frozen=True, slots=True)
class Heading:
    """Where the header row is and what its columns are; `columns` maps a field to its columns."""

    row: int
    columns: Mapping[str, tuple[int, ...]]
    texts: Mapping[str, str]
    passed_over: tuple[str, ...]


def find_heading(table: Table) -> Heading | None:
    """The row that names the most columns, of those that name all that is needed; else None."""
    best: Heading | None = None
    for n, row in enumerate(table.rows[:SEARCHED_ROWS]):
        heading = _heading(n, row)
        if all(f in heading.columns for f in NEEDED) and (
            best is None or len(heading.columns) > len(best.columns)
        ):
            best = heading
    return best


def _heading(n: int, row: tuple[str, ...]) -> Heading:
    columns: dict[str, tuple[int, ...]] = {}
    texts: dict[str, str] = {}
    passed: list[str] = []
    for column, text in enumerate(row):
        word = key(text)
        field = _BY_WORD.get(word) or _BY_WORD.get(word.rstrip("0123456789"))
        if field is not None:
            columns[field] = (*columns.get(field, ()), column)
            texts.setdefault(field, text)
        elif text and text not in passed:
            passed.append(text)
    return Heading(n, columns, texts, tuple(passed))


def records(table: Table, heading: Heading) -> list[tuple[int, dict[str, str]]]:
    """The rows below a heading that hold anything, with their line numbers."""
    found = []
    for n, row in enumerate(table.rows[heading.row + 1 :], heading.row + 1):
        cells = {field: _joined(row, columns) for field, columns in heading.columns.items()}
        filled = {field: text for field, text in cells.items() if text}
        # A page break repeats the heading in the middle of many sheets.
        if filled and _heading(n, row).columns.keys() < set(NEEDED):
            found.append((table.first_line + n, filled))
    return found


def _joined(row: tuple[str, ...], columns: tuple[int, ...]) -> str:
    """A field that has several columns is one list; a merged heading repeats its value."""
    texts = [row[c] for c in columns if c < len(row) and row[c]]
    return "、".join(dict.fromkeys(texts))


def no_heading(tables: int) -> Exception:
    """The refusal of a spreadsheet in which no sheet has a heading."""
    return refusal("file_no_header" if tables else "file_empty")
