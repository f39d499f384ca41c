"""What a row of texts means: an `ImportRow`, or the problems of its cells, each with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeVar

from ..domain.calendar import week_number
from ..domain.ids import ClassId, ClassroomId, SchoolId, TeacherId, TermId
from ..domain.import_rows import (
    CellProblem,
    DatedPlace,
    FileKind,
    ImportRow,
    ReadFile,
    SheetRow,
    Unmatched,
    WeeklyPlace,
)
from ..domain.roster import Roster, SchoolRole, Term
from ..domain.series import SeriesSeat, WeekRule
from ..domain.timetable import Host
from . import cells
from .headers import COLUMNS, find_heading, no_heading, records
from .names import NameBook
from .reading import Content
from .refusals import refusal

MAX_SEATS: Final = 100
MAX_EXPECTED: Final = 1000
MAX_COUNTED: Final = 12
MAX_TITLE: Final = 100
_KIND_WORDS: Final = {
    "school": ("学校", "school"),
    "classroom": ("教室", "classroom"),
    "teacher": ("教师", "teacher"),
    "class": ("班级", "class"),
    "term": ("学期", "term"),
}
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Setting:
    """What stands in no cell: the term of rows that name none, and answers for unknown names."""

    roster: Roster
    term: TermId | None = None
    chosen: Mapping[tuple[str, str], str] = field(default_factory=dict)


def interpret(content: Content, setting: Setting) -> ReadFile:
    """Every row of a file; ProblemError if the file has no header or no rows."""
    reader = _Reader(setting, strict=content.kind is FileKind.SHEET)
    if content.kind is not FileKind.SHEET:
        rows = [reader.read("", n, dict(r)) for n, r in enumerate(content.records, 1)]
        return reader.file(content.kind, rows, {}, ())
    found = [(t, h) for t in content.tables if (h := find_heading(t)) is not None]
    if not found:
        raise no_heading(len(content.tables))
    rows, headers, passed = [], dict[str, str](), dict[str, None]()
    for table, heading in found:
        headers |= heading.texts
        passed |= dict.fromkeys(heading.passed_over)
        rows += [reader.read(table.name, line, row) for line, row in records(table, heading)]
    if not rows:
        raise refusal("file_no_rows")
    return reader.file(content.kind, rows, headers, tuple(passed))


class _Row:
    """One row being read: what was understood so far, and what is wrong with it."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        self.problems: list[CellProblem] = []

    def text(self, name: str) -> str:
        return self.texts.get(name, "")

    def wrong(self, name: str | None, code: str, zh: str, en: str, *, grave: bool = True) -> None:
        self.problems.append(CellProblem(name, code, zh, en, grave))

    def value(self, name: str, read: Callable[[str], V], zh: str, en: str) -> V | None:
        """A cell's value, or None for an empty or a wrong one; `zh`, `en` say what it should be."""
        text = self.text(name)
        if not text:
            return None
        try:
            return read(text)
        except (ValueError, KeyError):
            shown = text[:40]
            self.wrong(
                name,
                "cell_unreadable",
                f"“{shown}”看不懂，应为{zh}。",
                f"“{shown}” is not understood; write {en}.",
            )
            return None

    @property
    def grave(self) -> bool:
        return any(p.grave for p in self.problems)


class _Reader:
    """Reads the rows of one file and remembers the names nobody knows."""

    def __init__(self, setting: Setting, *, strict: bool) -> None:
        self._setting = setting
        self._roster = setting.roster
        self._book = NameBook(setting.roster, setting.chosen)
        self._strict = strict
        self._unmatched: dict[tuple[str, str], tuple[list[int], tuple[str, ...]]] = {}
        self._skipped: list[str] = []
        self._line = 0

    def file(
        self,
        kind: FileKind,
        rows: Iterable[SheetRow | None],
        headers: Mapping[str, str],
        passed_over: tuple[str, ...],
    ) -> ReadFile:
        """The whole."""
        unmatched = tuple(
            Unmatched(k, name, tuple(lines), near)
            for (k, name), (lines, near) in self._unmatched.items()
        )
        kept = tuple(r for r in rows if r is not None)
        return ReadFile(kind, kept, headers, passed_over, unmatched, tuple(self._skipped))

    def read(self, sheet: str, line: int, texts: dict[str, str]) -> SheetRow | None:
        """One row; None for a lesson of another program that is not shared."""
        self._line = line
        row = _Row(texts)
        if not self._strict and not self._split_foreign(texts):
            self._skipped.append(f"{texts.get('subject', '')} {texts.get('teacher', '')}".strip())
            return None
        meaning = self._meaning(row)
        return SheetRow(sheet, line, texts, None if row.grave else meaning, tuple(row.problems))

    # ------------------------------------------------------------------ names

    def _split_foreign(self, texts: dict[str, str]) -> bool:
        """Sort a lesson's rooms and classes into the host's and the listeners'.

        False for a lesson without two rooms of the roster: an ordinary one of that school.
        """
        rooms = cells.split(texts.pop("rooms", ""))
        classes = cells.split(texts.pop("classes", ""))
        teacher = self._book.find("teacher", texts.get("teacher", "")).ident
        known = {}
        for name in rooms:
            schools = () if teacher is None else (self._book.school_of("teacher", teacher),)
            match = self._book.find("classroom", name, schools)
            if match.ident is None:
                self._miss("classroom", name, match.candidates or match.near)
            else:
                known[name] = self._book.school_of("classroom", match.ident)
        host = self._host_school(teacher, known.values())
        if len(known) < 2 or host is None:
            return False
        hosting = [n for n, school in known.items() if school == host]
        texts["room"] = hosting[0]
        texts["seats"] = "、".join(n for n in known if n != hosting[0])
        own: list[str] = []
        others: list[str] = []
        for name in classes:
            match = self._book.find("class", name, (host,))
            mine = match.ident is None or self._book.school_of("class", match.ident) == host
            (own if mine else others).append(name)
        texts["class"] = own[0] if len(own) == 1 else ""
        texts["seat_classes"] = "、".join(others)
        for name in [n for n, text in texts.items() if not text]:
            del texts[name]
        return True

    def _host_school(self, teacher: str | None, schools: Collection[str]) -> str | None:
        """Whose lesson it is: the teacher's school, if one of the rooms is there."""
        if teacher is not None:
            own = self._book.school_of("teacher", teacher)
            return own if own in schools else None
        known = self._roster.schools
        hosts = [s for s in schools if known[SchoolId(s)].role is SchoolRole.HOST]
        return next(iter([*hosts, *schools]), None)

    def _miss(self, kind: str, name: str, near: tuple[str, ...]) -> None:
        lines, _ = self._unmatched.setdefault((kind, name), ([], near))
        lines.append(self._line)

    def _name(
        self, row: _Row, column: str, kind: str, text: str, schools: Collection[str] = ()
    ) -> str | None:
        match = self._book.find(kind, text, schools)
        if match.ident is not None:
            return match.ident
        zh, en = _KIND_WORDS[kind]
        shown = text[:40]
        self._miss(kind, text, match.candidates or match.near)
        if match.candidates:
            names = "；".join(self._book.label(kind, i) for i in match.candidates[:5])
            row.wrong(
                column,
                "name_ambiguous",
                f"名册里有几个{zh}叫“{shown}”：{names}。请写编号，或在前面加上学校名。",
                f"Several have the name “{shown}”: {names}. Write the id, or the school before it.",
            )
        elif match.near:
            names = "；".join(self._book.label(kind, i) for i in match.near)
            row.wrong(
                column,
                "name_unknown",
                f"名册里没有{zh}“{shown}”。是不是：{names}？",
                f"There is no {en} “{shown}” in the roster. Did you mean {names}?",
            )
        else:
            row.wrong(
                column,
                "name_unknown",
                f"名册里没有{zh}“{shown}”。请改成名册里的名称或编号。",
                f"There is no {en} “{shown}” in the roster. Write a name or id of the roster.",
            )
        return None

    # ------------------------------------------------------------------ meaning

    def _meaning(self, row: _Row) -> ImportRow | None:
        term = self._term(row)
        host = self._host(row)
        for needed in ("subject", "teacher", "room"):
            if not row.text(needed):
                zh, en, _ = COLUMNS[needed]
                row.wrong(needed, "cell_missing", f"缺少{zh}，请填写。", f"{en} is missing.")
        seats = self._seats(row, host)
        place = self._place(row, term, host)
        subject, title = row.text("subject")[:MAX_TITLE], row.text("title")[:MAX_TITLE]
        periods = row.value(
            "periods", lambda t: cells.count(t, 1, MAX_COUNTED), "1 到 12 的整数", "1 to 12"
        )
        grade = row.value("grade", cells.grade, "1 到 12 或“三年级”", "1 to 12")
        if host is not None and host.school_class is not None and grade is None:
            grade = self._roster.classes[host.school_class].grade
        if term is None or host is None or place is None or row.grave:
            return None
        return ImportRow(
            term=term.id,
            title=title or subject,
            subject=subject,
            host=host,
            seats=seats,
            place=place,
            periods=periods or place.span,
            grade=grade,
            name=row.text("name")[:MAX_TITLE],
        )

    def _term(self, row: _Row) -> Term | None:
        if text := row.text("term"):
            ident = self._name(row, "term", "term", text)
            return None if ident is None else self._roster.terms[TermId(ident)]
        if self._setting.term is not None:
            return self._roster.terms[self._setting.term]
        row.wrong("term", "cell_missing", "缺少学期，请填写。", "Term is missing.")
        return None

    def _host(self, row: _Row) -> Host | None:
        schools: tuple[str, ...] = ()
        if text := row.text("host_school"):
            school = self._name(row, "host_school", "school", text)
            schools = () if school is None else (school,)
        teacher = room = None
        if text := row.text("room"):
            room = self._name(row, "room", "classroom", text, schools or self._teachers_school(row))
        if room is not None and not schools:
            schools = (self._book.school_of("classroom", room),)
        if text := row.text("teacher"):
            teacher = self._name(row, "teacher", "teacher", text, schools)
        class_ = None
        if text := row.text("class"):
            class_ = self._name(row, "class", "class", text, schools)
        if teacher is None or room is None:
            return None
        return Host(
            SchoolId(self._book.school_of("classroom", room)),
            ClassroomId(room),
            TeacherId(teacher),
            None if class_ is None else ClassId(class_),
        )

    def _teachers_school(self, row: _Row) -> tuple[str, ...]:
        teacher = self._book.find("teacher", row.text("teacher")).ident
        return () if teacher is None else (self._book.school_of("teacher", teacher),)

    def _seats(self, row: _Row, host: Host | None) -> tuple[SeriesSeat, ...]:
        rooms: list[str] = []
        names = cells.split(row.text("seats"))
        if len(names) > MAX_SEATS:
            row.wrong(
                "seats", "too_many_seats", f"听课教室多于 {MAX_SEATS} 间，请分成几行。",
                f"There are more than {MAX_SEATS} remote classrooms; use several rows.",
            )  # fmt: skip
            return ()
        for name in names:
            room = self._name(row, "seats", "classroom", name)
            if room is not None and (room in rooms or (host and room == host.classroom)):
                row.wrong(
                    "seats", "seat_twice", f"教室“{name[:40]}”出现了两次，请去掉一个。",
                    f"The classroom “{name[:40]}” stands there twice; remove one.",
                )  # fmt: skip
            elif room is not None:
                rooms.append(room)
        if not names:
            zh, en, _ = COLUMNS["seats"]
            row.wrong("seats", "cell_missing", f"缺少{zh}，请填写。", f"{en} is missing.")
        expected = self._expected(row, len(names))
        if len(rooms) < len(names):
            return ()
        schools = [self._book.school_of("classroom", r) for r in rooms]
        classes = self._each(row, "seat_classes", "class", schools)
        assistants = self._each(row, "assistants", "teacher", schools)
        return tuple(
            SeriesSeat(
                ClassroomId(room),
                None if class_ is None else ClassId(class_),
                count,
                None if assistant is None else TeacherId(assistant),
            )
            for room, class_, count, assistant in zip(
                rooms, classes, expected, assistants, strict=True
            )
        )

    def _each(self, row: _Row, column: str, kind: str, schools: list[str]) -> list[str | None]:
        """One class or assistant a seat: in the order of the classrooms, or else by school."""
        names = cells.split(row.text(column))
        nothing: list[str | None] = [None] * len(schools)
        if not names:
            return nothing
        if len(names) == len(schools):
            return [
                None if n in ("-", "无", "/") else self._name(row, column, kind, n, (school,))
                for n, school in zip(names, schools, strict=True)
            ]
        for name in names:
            ident = self._name(row, column, kind, name, schools)
            if ident is None:
                continue
            school = self._book.school_of(kind, ident)
            free = [n for n, s in enumerate(schools) if s == school and nothing[n] is None]
            if len(free) != 1:
                zh, en, _ = COLUMNS[column]
                row.wrong(
                    column, "not_one_each",
                    f"{zh}与听课教室对不上（{len(names)} 对 {len(schools)}）；请按教室的顺序一一"
                    "写出，没有的写“-”。",
                    f"{en} and remote classrooms do not match ({len(names)} and {len(schools)});"
                    " write one for each in their order, “-” for none.",
                )  # fmt: skip
                return [None] * len(schools)
            nothing[free[0]] = ident
        return nothing

    def _expected(self, row: _Row, seats: int) -> list[int | None]:
        def read(text: str) -> list[int | None]:
            counts = [cells.count(t, 0, MAX_EXPECTED) for t in cells.split(text)]
            if len(counts) not in (1, seats):
                raise ValueError(text)
            return list(counts) if len(counts) == seats else [counts[0]] * seats

        found = row.value(
            "expected", read, "一个人数，或与听课教室一样多的人数",
            "one head count, or as many as there are remote classrooms",
        )  # fmt: skip
        return found or [None] * seats

    # ------------------------------------------------------------------ place

    def _place(
        self, row: _Row, term: Term | None, host: Host | None
    ) -> WeeklyPlace | DatedPlace | None:
        run = row.value("period", cells.periods, "节次，如 3、3-4 或第3节", "a period, as 3 or 3-4")
        span = row.value("span", cells.span, "连上几节，如 2", "how many periods, as 2")
        period, length = run or (None, 1)
        if span is not None and length == 1:
            length = span
        if host is not None and period is not None:
            self._check_period(row, host, period, length)
        if row.text("date"):
            return self._dated(row, term, period, length)
        weekday = row.value("weekday", cells.weekday, "周一到周日", "Mon to Sun or 1 to 7")
        last = 1 if term is None else week_number(term, term.last_day)
        weeks = row.value(
            "weeks", lambda t: cells.weeks(t, last),
            f"全、单、双或周次，如 1-8,10（本学期共 {last} 周）",
            f"all, odd, even or weeks as 1-8,10 (the term has {last})",
        )  # fmt: skip
        if (weekday is None) is not (period is None) and not row.grave:
            field_ = "weekday" if weekday is None else "period"
            zh, en, _ = COLUMNS[field_]
            row.wrong(
                field_, "place_incomplete", f"缺少{zh}；星期和节次要么都填，要么都不填。",
                f"{en} is missing; give both weekday and period, or neither.",
            )  # fmt: skip
        if weekday is None and period is None and not row.grave:
            row.wrong(
                "weekday", "not_placed", "没有星期和节次，将进入“未安排”。",
                "Without weekday and period it will wait among the unplaced lessons.", grave=False,
            )  # fmt: skip
        return WeeklyPlace(weekday, period, length, weeks or WeekRule())

    def _dated(
        self, row: _Row, term: Term | None, period: int | None, length: int
    ) -> DatedPlace | None:
        on = row.value("date", cells.day, "日期，如 2026-11-23", "a date, as 2026-11-23")
        start = row.value("start", cells.clock, "时间，如 08:10", "a time, as 08:10")
        end = row.value("end", cells.clock, "时间，如 08:50", "a time, as 08:50")
        if on is None:
            return None
        if term is not None and not term.first_day <= on <= term.last_day:
            row.wrong(
                "date", "date_outside", f"日期 {on} 不在学期“{term.name}”内，请改正。",
                f"The date {on} is not within the term “{term.name}”.",
            )  # fmt: skip
        self._check_weekday(row, on)
        timed = start is not None and end is not None
        if timed and start is not None and end is not None and not start < end:
            row.wrong(
                "end",
                "end_before_start",
                "结束时间应晚于开始时间。",
                "The end is not after the start.",
            )
        if not timed and period is None and not row.grave:
            row.wrong(
                "period", "place_incomplete", "缺少节次；写节次，或写开始和结束时间。",
                "Period is missing; give it, or both start and end.",
            )  # fmt: skip
        if timed:
            return DatedPlace(on, None, length, start, end)
        return DatedPlace(on, period, length)

    def _check_weekday(self, row: _Row, on: date) -> None:
        if not row.text("weekday"):
            return
        weekday = row.value("weekday", cells.weekday, "周一到周日", "Mon to Sun or 1 to 7")
        if weekday is not None and weekday != on.isoweekday():
            row.wrong(
                "weekday", "weekday_differs", f"{on} 不是所写的星期，以日期为准。",
                f"{on} is another weekday; the date counts.", grave=False,
            )  # fmt: skip

    def _check_period(self, row: _Row, host: Host, period: int, length: int) -> None:
        numbers = {
            p.no
            for bells in self._roster.bell_sets.values()
            if bells.school == host.school
            for p in bells.periods
        }
        if numbers and not set(range(period, period + length)) <= numbers:
            name = self._roster.schools[host.school].name
            row.wrong(
                "period", "no_such_period",
                f"{name}的作息表只有第 {min(numbers)}–{max(numbers)} 节。",
                f"The bell set of {name} has periods {min(numbers)} to {max(numbers)} only.",
            )  # fmt: skip
