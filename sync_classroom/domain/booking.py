"""A lesson as somebody asks for it, and everything that must be true before it is planned.

What is checked here needs only the roster and the time; whether rooms and people are free is
checked against the plan by `conflicts`, in one transaction with storing it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from .ids import ClassId, ClassroomId, OccurrenceId, SeatId, TeacherId, TermId
from .problems import ProblemError, ProblemKind
from .roster import Classroom, Roster, School, SchoolRole
from .timetable import Host, Mode, Occurrence, Seat

MAX_TEXT: Final = 100
# A double lesson is 90 minutes, an open day a morning; longer is a slip of the date.
MAX_DURATION: Final = timedelta(hours=4)
# A teacher who starts "now" has typed for some minutes; what is older is a slip or a back-dating.
LATEST_START: Final = timedelta(minutes=5)
MAX_PERIODS: Final = 10
MAX_GRADE: Final = 12
MAX_EXPECTED: Final = 200
# Twice the programme's classrooms; a room of the relay holds as many receivers.
MAX_SEATS: Final = 100

SeatRequest = tuple[ClassroomId, ClassId | None, int | None]
"""Classroom, its class if known, and the expected head count if known."""


@dataclass(frozen=True, slots=True)
class NewLesson:
    """What a person asks for. `starts_at` and `ends_at` are aware."""

    title: str
    subject: str
    teacher: TeacherId
    classroom: ClassroomId
    starts_at: datetime
    ends_at: datetime
    periods: int = 1
    grade: int | None = None
    school_class: ClassId | None = None
    seats: Sequence[SeatRequest] = ()
    mode: Mode = Mode.LIVE


def seat_id(occurrence: OccurrenceId, number: int) -> SeatId:
    """The id of a lesson's seat, numbered from 1 in the order they were asked for."""
    return SeatId(f"{occurrence}-s{number:02d}")


def plan_lesson(
    new: NewLesson,
    roster: Roster,
    *,
    now: datetime,
    zone: tzinfo,
    occurrence_id: Callable[[date], OccurrenceId],
) -> Occurrence:
    """The occurrence that was asked for; `occurrence_id` names it, given its civil date.

    Raises ProblemError with the field, its value and the remedy for the first thing that is wrong.
    """
    new = replace(
        new, title=_text("title", "标题", new.title), subject=_text("subject", "学科", new.subject)
    )
    _check_times(new, now)
    _check_figures(new)
    day = new.starts_at.astimezone(zone).date()
    host = _host(new, roster, day)
    asked = _seats(new, roster, day)
    occurrence = occurrence_id(day)
    return Occurrence(
        id=occurrence,
        mode=new.mode,
        title=new.title,
        subject=new.subject,
        date=day,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        periods=new.periods,
        host=host,
        seats=tuple(
            Seat(seat_id(occurrence, number), classroom, school_class, expected)
            for number, (classroom, school_class, expected) in enumerate(asked, 1)
        ),
        grade=new.grade,
        term=_term(roster, day),
    )


def _text(name: str, zh_name: str, value: str) -> str:
    text = value.strip()
    if not text or len(text) > MAX_TEXT or any(ord(c) < 32 for c in text):
        raise ProblemError(
            f"{name}_invalid",
            f"{zh_name}须为 1 到 {MAX_TEXT} 个字，且不含换行。",
            f"The {name} must be 1 to {MAX_TEXT} characters on one line.",
            field=name,
            value=value[: MAX_TEXT + 1],
        )
    return text


def _check_times(new: NewLesson, now: datetime) -> None:
    for name, at in (("starts_at", new.starts_at), ("ends_at", new.ends_at)):
        if at.tzinfo is None:
            raise ProblemError(
                "time_without_zone",
                "时间须带时区，例如 2026-11-23T09:00:00+08:00。",
                "The time needs an offset, such as 2026-11-23T09:00:00+08:00.",
                field=name,
                value=at.isoformat(),
            )
    if new.ends_at <= new.starts_at:
        raise ProblemError(
            "ends_before_start",
            "下课时间须晚于上课时间。",
            "The lesson must end after it starts.",
            field="ends_at",
            value=new.ends_at.isoformat(),
        )
    if new.ends_at - new.starts_at > MAX_DURATION:
        raise ProblemError(
            "lesson_too_long",
            "一次课最长 4 小时，请分成几次安排。",
            "A lesson takes 4 hours at most; plan it as several.",
            field="ends_at",
            value=new.ends_at.isoformat(),
        )
    if new.starts_at < now - LATEST_START or new.ends_at <= now:
        raise ProblemError(
            "lesson_in_past",
            "上课时间已经过去。请选择以后的时间；现在就上课，请把开始时间设为现在。",
            "The lesson would begin in the past. Choose a later time; to teach now, start it now.",
            field="starts_at",
            value=new.starts_at.isoformat(),
        )


def _check_figures(new: NewLesson) -> None:
    _within("periods", "课时数", new.periods, 1, MAX_PERIODS)
    if new.grade is not None:
        _within("grade", "年级", new.grade, 1, MAX_GRADE)
    if len(new.seats) > MAX_SEATS:
        raise ProblemError(
            "too_many_seats",
            f"一次课最多 {MAX_SEATS} 个听讲席。",
            f"A lesson has {MAX_SEATS} seats at most.",
            field="seats",
            value=len(new.seats),
        )
    if new.mode is Mode.LIVE and not new.seats:
        raise ProblemError(
            "no_seats",
            "请至少选择一个听讲教室。",
            "Choose at least one remote classroom.",
            field="seats",
            value=0,
        )


def _within(name: str, zh_name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        figure = name.rpartition(".")[2]
        raise ProblemError(
            f"{figure}_invalid",
            f"{zh_name}须在 {low} 到 {high} 之间。",
            f"{figure} must be between {low} and {high}.",
            field=name,
            value=value,
        )


def _host(new: NewLesson, roster: Roster, day: date) -> Host:
    classroom = _classroom(roster, new.classroom, day, "classroom")
    school = _school(roster, classroom, day, "classroom", SchoolRole.HOST)
    teacher = roster.teachers.get(new.teacher)
    if teacher is None:
        raise _unknown("teacher", "教师", new.teacher)
    if teacher.school != school.id:
        raise ProblemError(
            "teacher_of_other_school",
            f"{teacher.name}不是{school.name}的教师。请选择该校教师，或换主讲教室。",
            f"{teacher.name} does not teach at {school.name}. Choose one of its teachers, or"
            " another classroom.",
            field="teacher",
            value=new.teacher,
        )
    if new.school_class is not None:
        _check_class(roster, new.school_class, school, "school_class")
    return Host(school.id, classroom.id, teacher.id, new.school_class)


def _seats(new: NewLesson, roster: Roster, day: date) -> Sequence[SeatRequest]:
    seen: set[ClassroomId] = set()
    for number, (classroom_id, school_class, expected) in enumerate(new.seats, 1):
        name = f"seats.{number}"
        classroom = _classroom(roster, classroom_id, day, f"{name}.classroom")
        school = _school(roster, classroom, day, f"{name}.classroom", SchoolRole.REMOTE)
        if classroom_id in seen:
            raise ProblemError(
                "seat_twice",
                f"教室{classroom.name}（{school.name}）选了两次，请去掉一次。",
                f"Classroom {classroom.name} ({school.name}) is chosen twice; remove one.",
                field=f"{name}.classroom",
                value=classroom_id,
            )
        seen.add(classroom_id)
        if school_class is not None:
            _check_class(roster, school_class, school, f"{name}.class")
        if expected is not None:
            _within(f"{name}.expected", "应到人数", expected, 0, MAX_EXPECTED)
    return new.seats


def _classroom(roster: Roster, classroom: ClassroomId, day: date, name: str) -> Classroom:
    found = roster.classrooms.get(classroom)
    if found is None:
        raise _unknown(name, "教室", classroom)
    if day < found.commissioned_on or (found.retired_on is not None and day >= found.retired_on):
        raise ProblemError(
            "classroom_not_in_use",
            f"教室{found.name}在 {day} 未启用或已停用。请换教室或日期。",
            f"Classroom {found.name} is not in use on {day}. Choose another classroom or date.",
            field=name,
            value=classroom,
        )
    return found


def _school(roster: Roster, classroom: Classroom, day: date, name: str, role: SchoolRole) -> School:
    school = roster.schools[classroom.school]
    if school.role is not role:
        wanted = ("主讲校", "a host") if role is SchoolRole.HOST else ("受援校", "a remote")
        raise ProblemError(
            "classroom_of_wrong_school",
            f"{school.name}不是{wanted[0]}。请选择{wanted[0]}的教室。",
            f"{school.name} is not {wanted[1]} school. Choose a classroom of {wanted[1]} school.",
            field=name,
            value=classroom.id,
        )
    if day < school.joined_on or (school.left_on is not None and day >= school.left_on):
        raise ProblemError(
            "school_not_in_programme",
            f"{school.name}在 {day} 不在本项目中。请换学校或日期。",
            f"{school.name} is not in the programme on {day}. Choose another school or date.",
            field=name,
            value=classroom.id,
        )
    return school


def _check_class(roster: Roster, school_class: ClassId, school: School, name: str) -> None:
    found = roster.classes.get(school_class)
    if found is None:
        raise _unknown(name, "班级", school_class)
    if found.school != school.id:
        raise ProblemError(
            "class_of_other_school",
            f"{found.name}不是{school.name}的班级。请选择该校班级。",
            f"Class {found.name} is not of {school.name}. Choose one of its classes.",
            field=name,
            value=school_class,
        )


def _unknown(name: str, zh_name: str, value: str) -> ProblemError:
    return ProblemError(
        "unknown_id",
        f"没有编号为“{value[:100]}”的{zh_name}。请从名册中选择。",
        f"There is no {name.rpartition('.')[2].replace('_', ' ')} {value[:100]!r}."
        " Choose one from the roster.",
        kind=ProblemKind.INVALID,
        field=name,
        value=value[:100],
    )


def _term(roster: Roster, day: date) -> TermId | None:
    return next((t.id for t in roster.terms.values() if t.first_day <= day <= t.last_day), None)
