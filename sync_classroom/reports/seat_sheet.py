"""The sheet of seats, from which the rest of the workbook is computed, and formulas over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from xlsxwriter.format import Format
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from ..domain.crediting import Cause, SeatState
from ..domain.definitions import CAUSES, STATES
from ..domain.report import SEAT_COLUMNS
from .print_setup import set_columns
from .words import pick, word

# Excel's limit is 32 767; a cell that long is no name.
MOST_TEXT: Final = 2000
_HEAD_ROW: Final = 2

#: Columns of the sheet: code → name. Beside those of `SEAT_COLUMNS`: names of what the numbers
#: mean, and `attendances`, the head count or else the expected number.
_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "date": ("日期", "Date"),
    "starts_at": ("开始", "Start"),
    "school": ("受援校", "Remote school"),
    "classroom": ("教室", "Classroom"),
    "class": ("班级", "Class"),
    "subject": ("学科", "Subject"),
    "title": ("课题", "Title"),
    "host_school": ("主讲校", "Host school"),
    "teacher": ("教师", "Teacher"),
    "state": ("状态", "State"),
    "cause": ("原因", "Cause"),
    "due": ("应开", "Due"),
    "held": ("已开", "Held"),
    "periods": ("课时", "Periods"),
    "window_s": ("计划秒", "Planned s"),
    "host_s": ("主讲秒", "Host s"),
    "credited_s": ("听课秒", "Credited s"),
    "adjusted_s": ("人工认定秒", "Adjusted s"),
    "expected": ("应到", "Expected"),
    "present": ("实到", "Present"),
    "attendances": ("人次", "Attendances"),
    "interacted": ("互动", "Interacted"),
    "occurrence": ("课次编号", "Lesson id"),
    "seat": ("席编号", "Seat id"),
    "school_no": ("校序", "School no."),
    "classroom_no": ("室序", "Classroom no."),
    "subject_no": ("科序", "Subject no."),
    "week_no": ("周序", "Week no."),
    "teacher_no": ("师序", "Teacher no."),
    "host_school_no": ("主讲校序", "Host school no."),
    "first_due": ("首席·应开", "First due"),
    "first_due_school": ("首席·应开·校", "First due, school"),
    "first_due_room": ("首席·应开·室", "First due, room"),
    "first_held": ("首席·已开", "First held"),
    "first_held_school": ("首席·已开·校", "First held, school"),
    "first_held_room": ("首席·已开·室", "First held, room"),
}
COLUMNS: Final = tuple(_NAMES)
_STATE_OF: Final[Mapping[str, SeatState]] = {
    f"{s.value}_seats": s for s in SeatState if s is not SeatState.HELD
}


def text(value: object) -> str:
    """A name as a cell may hold it: without lone surrogates, of bounded length."""
    return str(value).encode("utf-8", "replace").decode()[:MOST_TEXT]


def heading(code: str, language: str) -> str:
    """The head of a column."""
    return pick(_NAMES[code], language)


def named_seats(content: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The seats by the codes of `COLUMNS`, names and states in words."""
    language = content["language"]
    zone = ZoneInfo(content["zone"])
    names = {
        kind: {row["no"]: row["name"] for row in content["tables"][kind]}
        for kind in ("school", "classroom", "subject", "teacher", "host_school")
    }
    for values in content["seats"]:
        seat: dict[str, Any] = dict(zip(SEAT_COLUMNS, values, strict=True))
        for kind, of in names.items():
            seat[kind] = of[seat[f"{kind}_no"]]
        began = datetime.fromisoformat(seat["starts_at"]).astimezone(zone)
        seat["starts_at"] = f"{began:%H:%M:%S}"
        seat["state"] = STATES[SeatState(seat["state"])].name(language)
        if seat["cause"]:
            seat["cause"] = CAUSES[Cause(seat["cause"])].name(language)
        present, expected = seat["present"], seat["expected"]
        seat["attendances"] = present if present is not None else expected or 0
        yield seat


class SeatSheet:
    """Writes the seats, and says how to add them up."""

    def __init__(
        self, sheet: Worksheet, content: Mapping[str, Any], *, head: Format, plain: Format,
        title: Format,
    ) -> None:  # fmt: skip
        self._sheet = sheet
        self._content = content
        self._language: str = content["language"]
        self._formats = head, plain, title
        self._last = _HEAD_ROW + max(1, len(content["seats"]))

    def write(self) -> None:
        """Heads, and one row a seat."""
        head, plain, title = self._formats
        sheet = self._sheet
        sheet.write_string(0, 0, word("raw_note", self._language), title)
        for column, code in enumerate(COLUMNS):
            sheet.write_string(_HEAD_ROW, column, heading(code, self._language), head)
        sheet.set_row(_HEAD_ROW, 32)
        set_columns(sheet, [11, 11, *[14] * 7, *[9] * (len(COLUMNS) - 9)], 4)
        sheet.freeze_panes(_HEAD_ROW + 1, 4)
        sheet.repeat_rows(0, _HEAD_ROW)
        for at, seat in enumerate(named_seats(self._content), start=_HEAD_ROW + 1):
            for column, code in enumerate(COLUMNS):
                value = seat[code]
                if value is None:
                    continue
                if isinstance(value, int):
                    sheet.write_number(at, column, value, plain)
                else:
                    sheet.write_string(at, column, text(value), plain)
        sheet.autofilter(_HEAD_ROW, 0, self._last, len(COLUMNS) - 1)

    def area(self, code: str) -> str:
        """Where a column's values stand, as a formula writes it."""
        column = xl_col_to_name(COLUMNS.index(code))
        name = word("raw", self._language)
        return f"'{name}'!${column}${_HEAD_ROW + 2}:${column}${self._last + 1}"

    def sum_of(self, code: str, where: Sequence[tuple[str, str]], flags: str) -> str:
        """The formula of a measure over the seats for which each column has the given value.

        `where` is (column, cell or constant); `flags` says which flags count lessons once there.
        """
        first_due, first_held = (f"first_due{flags}", "1"), (f"first_held{flags}", "1")
        due, held = ("due", "1"), ("held", "1")
        summed: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
            "due_periods": ("periods", (due,)),
            "held_periods": ("periods", (held,)),
            "credited_s": ("credited_s", ()),
            "[credited_due]": ("credited_s", (due,)),
            "[host_due]": ("host_s", (due,)),
            "[adjusted]": ("adjusted_s", ()),
            "host_s": ("host_s", (first_due,)),
            "[host_window]": ("window_s", (first_due,)),
            "host_periods": ("periods", (first_held,)),
            "pupil_attendances": ("attendances", (held,)),
        }
        if code in summed:
            column, besides = summed[code]
            return self._ifs(column, [*where, *besides])
        counted = {"due_seats": (due,), "held_seats": (held,),
                   "[interacted]": (held, ("interacted", "1"))}  # fmt: skip
        if code in counted:
            return self._ifs(None, [*where, *counted[code]])
        state = STATES[_STATE_OF[code]].name(self._language)
        return self._ifs(None, [*where, ("state", f'"{state}"')])

    def count_cause(self, cause: str, school: str | None) -> str:
        """How many seats have a cause, of one school (the cell with its number) or of all."""
        where = [("cause", f'"{cause}"')]
        return self._ifs(None, where if school is None else [("school_no", school), *where])

    def _ifs(self, summed: str | None, where: Sequence[tuple[str, str]]) -> str:
        """SUMIFS over a column, or COUNTIFS; a plain SUM without any condition."""
        conditions = ",".join(f"{self.area(column)},{value}" for column, value in where)
        if summed is None:
            return f"COUNTIFS({conditions})"
        if not where:
            return f"SUM({self.area(summed)})"
        return f"SUMIFS({self.area(summed)},{conditions})"
