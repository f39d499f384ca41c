"""The roster as data from outside: `config/taicang.toml` and the roster part of `plan.json`.

Both have the same tables and fields; TOML brings dates as dates and leaves out what JSON calls
null. Every refusal names the table, the id, the field and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .fields import Fields, MalformedError, shown
from .ids import BellSetId, ClassId, ClassroomId, SchoolId, TeacherId, TermId
from .roster import (
    BellSet,
    Classroom,
    DayException,
    Period,
    Roster,
    School,
    SchoolClass,
    SchoolRole,
    Teacher,
    Term,
)

TABLES: Final = ("schools", "classrooms", "classes", "teachers", "terms", "days", "bell_sets")

_DEFAULT_ZONE: Final = "Asia/Shanghai"
_MONDAY: Final = 1
_LAST_GRADE: Final = 12
_LAST_WEEK: Final = 60


class _Identified(Protocol):
    @property
    def id(self) -> Any: ...


T = TypeVar("T", bound=_Identified)


def parse_roster(values: Mapping[str, Any], *, strict: bool = True) -> Roster:
    """Read a roster from parsed TOML or JSON.

    `strict` refuses tables and fields nobody knows, so that a misspelling is not lost; a plan from
    another version of the programme is read without it. Raises MalformedError (a ValueError).
    """
    root = Fields(values, "roster")
    if strict:
        root.only("timezone", "target_classrooms", *TABLES)
    reader = _Reader(strict)
    schools = reader.table(root, "schools", reader.school)
    known = set(schools)
    classrooms = reader.table(root, "classrooms", lambda f: reader.classroom(f, known))
    classes = reader.table(root, "classes", lambda f: reader.school_class(f, known))
    teachers = reader.table(root, "teachers", lambda f: reader.teacher(f, known))
    terms = reader.table(root, "terms", reader.term)
    _refuse_overlapping_terms(root, terms.values())
    bell_sets = reader.table(root, "bell_sets", lambda f: reader.bell_set(f, known))
    return Roster(
        timezone=_zone_name(root),
        target_classrooms=root.count_or_none("target_classrooms") or 0,
        schools=schools,
        classrooms=classrooms,
        classes=classes,
        teachers=teachers,
        terms=terms,
        bell_sets=bell_sets,
        days=reader.days(root, known, bell_sets),
    )


def reference(fields: Fields, field: str, known: Iterable[str], table: str) -> str:
    """The id in `field`, which must be one of `table`."""
    ident = fields.ident(field)
    if ident not in known:
        raise MalformedError(
            fields.where,
            field,
            f"为 {ident}，但 {table} 中没有；请改正编号或在 {table} 中补上",
            f"is {ident!r}, which is not among the {table}; correct it or add it there",
            value=ident,
        )
    return ident


def _zone_name(root: Fields) -> str:
    name = root.text("timezone", default=_DEFAULT_ZONE)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise root.wrong(
            "timezone", "时区名，如 Asia/Shanghai", "a time zone, such as Asia/Shanghai"
        ) from None
    return name


class _Reader:
    """Reads the records of one roster; a record at a time, references against what is known."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def table(self, root: Fields, name: str, parse: Callable[[Fields], T]) -> dict[Any, T]:
        """The records of a table by id, in the order of the file."""
        found: dict[Any, T] = {}
        for fields in root.records(name):
            thing = parse(fields)
            if thing.id in found:
                raise MalformedError(
                    fields.where,
                    "id",
                    "重复；请给其中一个换编号",
                    "appears twice; give one of them another id",
                    value=thing.id,
                )
            found[thing.id] = thing
        return found

    def _known(self, fields: Fields, *names: str) -> None:
        if self._strict:
            fields.only(*names)

    def school(self, fields: Fields) -> School:
        self._known(fields, "id", "name", "role", "joined_on", "left_on")
        joined_on, left_on = _lifetime(fields, "joined_on", "left_on")
        return School(
            SchoolId(fields.ident("id")),
            fields.text("name"),
            fields.choice("role", SchoolRole),
            joined_on,
            left_on,
        )

    def classroom(self, fields: Fields, schools: set[str]) -> Classroom:
        self._known(fields, "id", "school", "name", "commissioned_on", "retired_on", "capacity")
        commissioned_on, retired_on = _lifetime(fields, "commissioned_on", "retired_on")
        return Classroom(
            ClassroomId(fields.ident("id")),
            SchoolId(reference(fields, "school", schools, "schools")),
            fields.text("name"),
            commissioned_on,
            retired_on,
            fields.count_or_none("capacity"),
        )

    def school_class(self, fields: Fields, schools: set[str]) -> SchoolClass:
        self._known(fields, "id", "school", "grade", "name", "enrolment")
        return SchoolClass(
            ClassId(fields.ident("id")),
            SchoolId(reference(fields, "school", schools, "schools")),
            fields.count("grade", least=1, most=_LAST_GRADE),
            fields.text("name"),
            fields.count("enrolment"),
        )

    def teacher(self, fields: Fields, schools: set[str]) -> Teacher:
        self._known(fields, "id", "school", "name")
        return Teacher(
            TeacherId(fields.ident("id")),
            SchoolId(reference(fields, "school", schools, "schools")),
            fields.text("name"),
        )

    def term(self, fields: Fields) -> Term:
        self._known(fields, "id", "name", "week1_monday", "first_day", "last_day")
        week1_monday = fields.day("week1_monday")
        if week1_monday.isoweekday() != _MONDAY:
            raise fields.wrong("week1_monday", "第一周的星期一", "the Monday of the first week")
        first_day, last_day = fields.day("first_day"), fields.day("last_day")
        if first_day < week1_monday:
            raise fields.wrong(
                "first_day", "不早于 week1_monday 的日期", "on or after week1_monday"
            )
        if last_day < first_day:
            raise fields.wrong("last_day", "不早于 first_day 的日期", "on or after first_day")
        return Term(
            TermId(fields.ident("id")), fields.text("name"), week1_monday, first_day, last_day
        )

    def bell_set(self, fields: Fields, schools: set[str]) -> BellSet:
        self._known(fields, "id", "school", "periods", "name", "valid_from", "valid_to")
        school = SchoolId(reference(fields, "school", schools, "schools"))
        periods: list[Period] = []
        for each in fields.records("periods", named_by=None):
            self._known(each, "no", "start", "end")
            period = Period(each.count("no"), each.clock("start"), each.clock("end"))
            if period.end <= period.start:
                raise each.wrong("end", "晚于 start 的钟点", "later than start")
            for other in periods:
                if other.no == period.no:
                    raise each.wrong("no", "不重复的节次", "a number used once")
                if period.start < other.end and other.start < period.end:
                    raise each.wrong(
                        "start",
                        f"不与第 {other.no} 节（{other.start:%H:%M}–{other.end:%H:%M}）重叠",
                        f"outside period {other.no} ({other.start:%H:%M}–{other.end:%H:%M});"
                        " periods of one bell set must not overlap",
                    )
            periods.append(period)
        valid_from, valid_to = fields.day_or_none("valid_from"), fields.day_or_none("valid_to")
        if valid_from is not None and valid_to is not None and valid_to < valid_from:
            raise fields.wrong("valid_to", "不早于 valid_from 的日期", "on or after valid_from")
        return BellSet(
            BellSetId(fields.ident("id")),
            school,
            tuple(sorted(periods, key=lambda p: p.start)),
            fields.text("name", default=""),
            valid_from,
            valid_to,
        )

    def days(
        self, root: Fields, schools: set[str], bell_sets: Mapping[BellSetId, BellSet]
    ) -> tuple[DayException, ...]:
        days: dict[tuple[SchoolId | None, date], DayException] = {}
        for fields in root.records("days", named_by="date"):
            self._known(
                fields,
                "school",
                "date",
                "teaching",
                "follows_weekday",
                "follows_week",
                "bell_set",
                "reason",
            )
            day = self._day(fields, schools, bell_sets)
            if (day.school, day.date) in days:
                raise fields.wrong(
                    "date",
                    "每校每日只写一条的日期",
                    "written once for each school (or once for all of them)",
                )
            days[day.school, day.date] = day
        return tuple(days.values())

    def _day(
        self, fields: Fields, schools: set[str], bell_sets: Mapping[BellSetId, BellSet]
    ) -> DayException:
        school = None
        if fields.has("school"):
            school = SchoolId(reference(fields, "school", schools, "schools"))
        bell_set = None
        if fields.has("bell_set"):
            bell_set = BellSetId(reference(fields, "bell_set", bell_sets, "bell_sets"))
            if bell_sets[bell_set].school != school:
                raise fields.wrong(
                    "bell_set",
                    "同一学校的作息表（并写明 school）",
                    "a bell set of the school that the entry names",
                )
        return DayException(
            school,
            fields.day("date"),
            fields.flag("teaching"),
            fields.count_or_none("follows_weekday", least=1, most=7),
            fields.count_or_none("follows_week", least=1, most=_LAST_WEEK),
            bell_set,
            fields.text("reason", default=""),
        )


def _lifetime(fields: Fields, first: str, last: str) -> tuple[date, date | None]:
    began, ended = fields.day(first), fields.day_or_none(last)
    if ended is not None and ended < began:
        raise fields.wrong(last, f"不早于 {first} 的日期", f"on or after {first}")
    return began, ended


def _refuse_overlapping_terms(root: Fields, terms: Iterable[Term]) -> None:
    before: Term | None = None
    for term in sorted(terms, key=lambda t: t.first_day):
        if before is not None and term.first_day <= before.last_day:
            raise MalformedError(
                f"{root.where}, terms {shown(term.id)}",
                "first_day",
                f"为 {term.first_day}，但学期 {before.id} 到 {before.last_day} 才结束；请改其一",
                f"is {term.first_day}, but term {before.id!r} lasts until {before.last_day};"
                " change one of them",
                value=term.first_day,
            )
        before = term
