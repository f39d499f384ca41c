"""A weekly rule (课程安排) and the occurrences it stands for: one a date, with ids for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, tzinfo
from enum import StrEnum

from .calendar import Calendar
from .ids import ClassId, ClassroomId, SeriesId, TeacherId, TermId
from .timetable import Host, Occurrence


class WeekKind(StrEnum):
    """Which weeks of the term a rule holds in (全部 / 单周 / 双周 / 指定周)."""

    ALL = "all"
    ODD = "odd"
    EVEN = "even"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class WeekRule:
    """Weeks of the term, counted from 1; `weeks` only for `LISTED`, ascending, without repeats."""

    kind: WeekKind = WeekKind.ALL
    weeks: tuple[int, ...] = ()

    def includes(self, week: int) -> bool:
        """Whether the rule holds in this week of the term."""
        match self.kind:
            case WeekKind.ALL:
                return True
            case WeekKind.ODD:
                return week % 2 == 1
            case WeekKind.EVEN:
                return week % 2 == 0
            case WeekKind.LISTED:
                return week in self.weeks


@dataclass(frozen=True, slots=True)
class SeriesSeat:
    """One remote classroom of every lesson of a series."""

    classroom: ClassroomId
    school_class: ClassId | None = None
    expected: int | None = None
    assistant: TeacherId | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A weekly rule within one term.

    `weekday` (ISO, 1 = Monday) and `period` (节次 of the host school's bell set) are both None for
    a series that has no place yet (未安排); it stands for no occurrence. `span` consecutive periods
    make one lesson, which counts for `periods` 课时. `first` and `last` bound it within the term,
    both inclusive, None as far as the term goes; `excluded` are dates taken out before they were
    ever published (EXDATE).
    """

    id: SeriesId
    term: TermId
    title: str
    subject: str
    host: Host
    seats: tuple[SeriesSeat, ...]
    weekday: int | None = None
    period: int | None = None
    span: int = 1
    weeks: WeekRule = WeekRule()
    periods: int = 1
    grade: int | None = None
    first: date | None = None
    last: date | None = None
    excluded: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a series stands for: its occurrences by date, and the dates on which the host school's
    bell set has no such period (the lesson cannot be placed there and is shown as such)."""

    occurrences: tuple[Occurrence, ...]
    without_period: tuple[date, ...] = ()


def expand(series: Series, calendar: Calendar, zone: tzinfo) -> Expansion:
    """The occurrences of a series over its term, by date; ids are `occurrence_id(series, date)`."""
    raise NotImplementedError
