"""A timetable file as it was understood: every row with its cells, its meaning and its problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum

from .ids import TermId
from .series import SeriesSeat, WeekRule
from .timetable import Host


class FileKind(StrEnum):
    """What a file was written by: our own template (XLSX or CSV), aSc Timetables, or FET."""

    SHEET = "sheet"
    ASC = "asc"
    FET = "fet"


@dataclass(frozen=True, slots=True)
class CellProblem:
    """What is wrong with one cell, or with a row as a whole if `field` is None.

    A row with a `grave` problem cannot be taken; any other problem is only to be known.
    """

    field: str | None
    code: str
    zh: str
    en: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class WeeklyPlace:
    """A weekly rule's place; `weekday` and `period` are both None for one without a place yet."""

    weekday: int | None
    period: int | None
    span: int = 1
    weeks: WeekRule = field(default_factory=WeekRule)


@dataclass(frozen=True, slots=True)
class DatedPlace:
    """One lesson's place: a date with a period of the host, or with civil clock times."""

    date: date
    period: int | None = None
    span: int = 1
    start: time | None = None
    end: time | None = None


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row that can be taken. `name` is the row's own number (编号) if it has one."""

    term: TermId
    title: str
    subject: str
    host: Host
    seats: tuple[SeriesSeat, ...]
    place: WeeklyPlace | DatedPlace
    periods: int = 1
    grade: int | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One line of a file. `cells` are its texts by field; `row` is None if a problem is grave."""

    sheet: str
    line: int
    cells: Mapping[str, str]
    row: ImportRow | None
    problems: tuple[CellProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A name of the file that means nothing in the roster, and what it may have meant.

    `kind` is `classroom`, `teacher`, `class`, `school` or `term`; `candidates` are ids.
    """

    kind: str
    name: str
    lines: tuple[int, ...]
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A whole file. `headers` are the columns found by field, `passed_over` those nobody knows."""

    kind: FileKind
    rows: tuple[SheetRow, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()
    skipped: tuple[str, ...] = ()
