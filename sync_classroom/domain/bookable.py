"""What must be true of a lesson before it is planned, asked the same of one lesson and of a rule.

Every refusal names the field, its value and the remedy. What is checked here needs only the roster
and the time; whether rooms and people are free is for `conflicts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from .ids import ClassId, ClassroomId, TeacherId
from .problems import ProblemError, ProblemKind
from .roster import Classroom, Roster, School, SchoolRole
from .series import SeriesSeat
from .timetable import Host, Mode

MAX_TEXT: Final = 100
MAX_REASON: Final = 200
# A double lesson is 90 minutes, an open day a morning; longer is a slip of the date.
MAX_DURATION: Final = timedelta(hours=4)
# A teacher who starts "now" has typed for some minutes; what is older is a slip or a back-dating.
LATEST_START: Final = timedelta(minutes=5)
MAX_PERIODS: Final = 10
MAX_GRADE: Final = 12
MAX_EXPECTED: Final = 200
# Twice the programme's classrooms; a room of the relay holds as many receivers.
MAX_SEATS: Final = 100

_ROOM_ZH: Final = {SchoolRole.HOST: "主讲教室", SchoolRole.REMOTE: "听讲教室"}


def text_of(name: str, zh_name: str, value: str) -> str:
    """The text without blanks around it: one line, not empty, `MAX_TEXT` characters at most."""
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


def reason_of(value: str, *, needed: bool = True) -> str:
    """Why something is changed, without blanks around it; `MAX_REASON` characters at most."""
    reason = value.strip()
    if (needed and not reason) or len(reason) > MAX_REASON:
        raise ProblemError(
            "reason_missing",
            f"请写明原因（最多 {MAX_REASON} 字），它会告知听课学校并写入记录。",
            f"Give a reason of {MAX_REASON} characters at most; schools are told and it is kept.",
            field="reason",
            value=value[: MAX_REASON + 1],
        )
    return reason


def check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Aware, the end after the start, not too long, and not over or begun long ago."""
    for name, at in (("starts_at", starts_at), ("ends_at", ends_at)):
        if at.tzinfo is None:
            raise ProblemError(
                "time_without_zone",
                "时间须带时区，例如 2026-11-23T09:00:00+08:00。",
                "The time needs an offset, such as 2026-11-23T09:00:00+08:00.",
                field=name,
                value=at.isoformat(),
            )
    if ends_at <= starts_at:
        raise ProblemError(
            "ends_before_start",
            "下课时间须晚于上课时间。",
            "The lesson must end after it starts.",
            field="ends_at",
            value=ends_at.isoformat(),
        )
    check_duration(starts_at, ends_at)
    if starts_at < now - LATEST_START or ends_at <= now:
        raise ProblemError(
            "lesson_in_past",
            "上课时间已经过去。请选择以后的时间；现在就上课，请把开始时间设为现在。",
            "The lesson would begin in the past. Choose a later time; to teach now, start it now.",
            field="starts_at",
            value=starts_at.isoformat(),
        )


def check_duration(starts_at: datetime, ends_at: datetime) -> None:
    """Not longer than `MAX_DURATION`."""
    if ends_at - starts_at > MAX_DURATION:
        raise ProblemError(
            "lesson_too_long",
            "一次课最长 4 小时，请分成几次安排。",
            "A lesson takes 4 hours at most; plan it as several.",
            field="ends_at",
            value=ends_at.isoformat(),
        )


def check_figures(periods: int, grade: int | None) -> None:
    """How many 课时 it counts for, and its grade if known."""
    within("periods", "课时数", periods, 1, MAX_PERIODS)
    if grade is not None:
        within("grade", "年级", grade, 1, MAX_GRADE)


def check_seat_count(seats: int, mode: Mode) -> None:
    """A live lesson has at least one seat, none has more than `MAX_SEATS`."""
    if seats > MAX_SEATS:
        raise ProblemError(
            "too_many_seats",
            f"一次课最多 {MAX_SEATS} 个听讲席。",
            f"A lesson has {MAX_SEATS} seats at most.",
            field="seats",
            value=seats,
        )
    if mode is Mode.LIVE and not seats:
        raise ProblemError(
            "no_seats",
            "请至少选择一个听讲教室。",
            "Choose at least one remote classroom.",
            field="seats",
            value=0,
        )


def within(name: str, zh_name: str, value: int, low: int, high: int) -> None:
    """A figure of `[low, high]`."""
    if not low <= value <= high:
        figure = name.rpartition(".")[2]
        raise ProblemError(
            f"{figure}_invalid",
            f"{zh_name}须在 {low} 到 {high} 之间。",
            f"{figure} must be between {low} and {high}.",
            field=name,
            value=value,
        )


def host_of(
    roster: Roster,
    classroom: ClassroomId,
    teacher: TeacherId,
    school_class: ClassId | None,
    day: date,
) -> Host:
    """Who gives a lesson on `day`: a host school's classroom, with teacher and class of its own."""
    room = _classroom(roster, classroom, day, "classroom")
    school = _school(roster, room, day, "classroom", SchoolRole.HOST)
    check_teacher(roster, teacher, school, "teacher")
    if school_class is not None:
        _check_class(roster, school_class, school, "school_class")
    return Host(school.id, room.id, teacher, school_class)


def check_seats(roster: Roster, seats: Iterable[SeriesSeat], day: date) -> None:
    """Every seat a remote school's classroom in use on `day`, no classroom twice."""
    seen: set[ClassroomId] = set()
    for number, seat in enumerate(seats, 1):
        name = f"seats.{number}"
        check_seat(roster, seat, day, f"{name}.")
        if seat.classroom in seen:
            raise seat_twice(roster, seat.classroom, f"{name}.classroom")
        seen.add(seat.classroom)


def check_seat(roster: Roster, seat: SeriesSeat, day: date, prefix: str = "") -> None:
    """One seat: classroom, class and assistant of one remote school. `prefix` is its field's."""
    classroom = _classroom(roster, seat.classroom, day, f"{prefix}classroom")
    school = _school(roster, classroom, day, f"{prefix}classroom", SchoolRole.REMOTE)
    if seat.school_class is not None:
        _check_class(roster, seat.school_class, school, f"{prefix}class")
    if seat.expected is not None:
        within(f"{prefix}expected", "应到人数", seat.expected, 0, MAX_EXPECTED)
    if seat.assistant is not None:
        check_teacher(roster, seat.assistant, school, f"{prefix}assistant")


def seat_twice(roster: Roster, classroom: ClassroomId, name: str) -> ProblemError:
    """The error for a classroom that a lesson would have two seats in."""
    room = roster.classrooms[classroom]
    school = roster.schools[room.school]
    return ProblemError(
        "seat_twice",
        f"教室{room.name}（{school.name}）选了两次，请去掉一次。",
        f"Classroom {room.name} ({school.name}) is chosen twice; remove one.",
        field=name,
        value=classroom,
    )


def check_teacher(roster: Roster, teacher: TeacherId, school: School, name: str) -> None:
    """A teacher of this very school: whoever teaches or assists in a room belongs to its school."""
    found = roster.teachers.get(teacher)
    if found is None:
        raise unknown(name, "教师", teacher)
    if found.school != school.id:
        raise ProblemError(
            "teacher_of_other_school",
            f"{found.name}不是{school.name}的教师。请选择该校教师，或换{_ROOM_ZH[school.role]}。",
            f"{found.name} does not teach at {school.name}. Choose one of its teachers, or"
            " another classroom.",
            field=name,
            value=teacher,
        )


def _classroom(roster: Roster, classroom: ClassroomId, day: date, name: str) -> Classroom:
    found = roster.classrooms.get(classroom)
    if found is None:
        raise unknown(name, "教室", classroom)
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
        raise unknown(name, "班级", school_class)
    if found.school != school.id:
        raise ProblemError(
            "class_of_other_school",
            f"{found.name}不是{school.name}的班级。请选择该校班级。",
            f"Class {found.name} is not of {school.name}. Choose one of its classes.",
            field=name,
            value=school_class,
        )


def unknown(name: str, zh_name: str, value: str) -> ProblemError:
    """The error for an id that the roster does not have."""
    return ProblemError(
        "unknown_id",
        f"没有编号为“{value[:100]}”的{zh_name}。请从名册中选择。",
        f"There is no {name.rpartition('.')[2].replace('_', ' ')} {value[:100]!r}."
        " Choose one from the roster.",
        kind=ProblemKind.INVALID,
        field=name,
        value=value[:100],
    )
