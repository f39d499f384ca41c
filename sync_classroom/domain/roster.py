"""Who gives and who receives: schools, classrooms, classes, teachers, terms and bell sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from enum import StrEnum

from .ids import BellSetId, ClassId, ClassroomId, SchoolId, TeacherId, TermId


class SchoolRole(StrEnum):
    """`host` 主讲校 gives lessons, `remote` 受援校 receives them."""

    HOST = "host"
    REMOTE = "remote"


@dataclass(frozen=True, slots=True)
class School:
    """A school of the programme. `left_on` is the first day it is no longer in."""

    id: SchoolId
    name: str
    role: SchoolRole
    joined_on: date
    left_on: date | None = None


@dataclass(frozen=True, slots=True)
class Classroom:
    """A room with a terminal. `retired_on` is the first day it is no longer in use."""

    id: ClassroomId
    school: SchoolId
    name: str
    commissioned_on: date
    retired_on: date | None = None
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class SchoolClass:
    """A class (班级). Only its size is known, never its pupils."""

    id: ClassId
    school: SchoolId
    grade: int
    name: str
    enrolment: int


@dataclass(frozen=True, slots=True)
class Teacher:
    """A teacher of one school."""

    id: TeacherId
    school: SchoolId
    name: str


@dataclass(frozen=True, slots=True)
class Term:
    """A term (学期). Weeks are counted from `week1_monday`; both day bounds are inclusive."""

    id: TermId
    name: str
    week1_monday: date
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Period:
    """One numbered period (节次) with civil clock times, `start` < `end`."""

    no: int
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class BellSet:
    """A school's clock times for its numbered periods (作息表).

    It holds from `valid_from` to `valid_to`, both inclusive, None as far as time goes. Of those
    that hold on a date, the one that began last is used (`Calendar.bell_set`).
    """

    id: BellSetId
    school: SchoolId
    periods: tuple[Period, ...]
    name: str = ""
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class DayException:
    """What one date is, where it differs from the default; `school` None means every school.

    `follows_weekday` is ISO (1 = Monday … 7 = Sunday); None on a Saturday or Sunday that teaches
    means unmapped. `reason` is what its writer says of it, perhaps nothing.
    """

    school: SchoolId | None
    date: date
    teaching: bool
    follows_weekday: int | None = None
    follows_week: int | None = None
    bell_set: BellSetId | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """The same words in Chinese and English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class NationalDay:
    """A day off for the whole country, or a weekend day worked instead (`teaching`, 调休).

    `replaces` is the day off that a make-up day stands in for, None if nobody has said.
    """

    on: date
    name: Wording
    teaching: bool = False
    replaces: date | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """The whole roster, keyed by id. Built by `parse_roster` or read from the store.

    `national` is not part of any roster file: whoever reads the roster adds it. In `plan.json` it
    has become `days` like any other.
    """

    timezone: str = "Asia/Shanghai"
    target_classrooms: int = 0
    schools: Mapping[SchoolId, School] = field(default_factory=dict)
    classrooms: Mapping[ClassroomId, Classroom] = field(default_factory=dict)
    classes: Mapping[ClassId, SchoolClass] = field(default_factory=dict)
    teachers: Mapping[TeacherId, Teacher] = field(default_factory=dict)
    terms: Mapping[TermId, Term] = field(default_factory=dict)
    bell_sets: Mapping[BellSetId, BellSet] = field(default_factory=dict)
    days: tuple[DayException, ...] = ()
    national: Mapping[date, NationalDay] = field(default_factory=dict)
