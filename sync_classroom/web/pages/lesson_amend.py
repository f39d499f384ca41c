"""Changing one published lesson at short notice: forms that work without any script.

A whole term is edited on the timetable page; here a lesson of today gets a substitute, another
time, a room more, or takes place after all. Cancelling stands on the lesson's page beside these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ...coordinator.views import LessonView
from ...domain.edits import (
    AddSeat,
    Command,
    MoveLesson,
    Place,
    RestoreLesson,
    RestoreSeat,
    Substitute,
)
from ...domain.ids import ClassId, ClassroomId, SeatId, TeacherId
from ...domain.problems import ProblemError
from ...domain.roster import SchoolRole
from ...domain.series import SeriesSeat
from .forms import Form, parse_clock, parse_count, parse_day
from .frame import Frame

MOST_EXPECTED: Final = 200
_LAST_PERIOD: Final = 20
# What the domain calls a field, and what it is called in each form.
_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "substitute": {"teacher": "teacher", "reason": "substitute_reason"},
    "move": {
        "place.date": "date", "date": "date", "place.period": "period", "place.classroom": "room",
        "classroom": "room", "place.starts_at": "starts", "starts_at": "starts",
        "place.ends_at": "ends", "ends_at": "ends", "reason": "move_reason",
    },
    "add_seat": {
        "seats.1.classroom": "seat_room", "seat.classroom": "seat_room",
        "seats.1.class": "seat_class", "seat.class": "seat_class",
        "seats.1.expected": "seat_expected", "seat.expected": "seat_expected",
    },
    "restore": {},
    "restore_seat": {"seat": "seat_back"},
}  # fmt: skip

Options = list[tuple[str | None, list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Amendments:
    """What the forms offer; None: there is nothing to offer, or nobody who may."""

    teachers: Options
    rooms: Options
    periods: Options
    seat_rooms: Options
    seat_classes: Options
    seats_back: Options
    restorable: bool
    opened: str


def amendments(frame: Frame, view: LessonView, form: Form) -> Amendments | None:
    """The forms of a lesson that has not begun; `form` is the one that was sent, if one was."""
    lesson, roster = view.occurrence, view.roster
    if frame.now >= lesson.starts_at:
        return None
    whole = next((c for c in lesson.changes if c.seat is None), None)
    taken = {s.seat.classroom for s in view.seats}
    calendar = frame.services.calendar.current()
    bells = calendar.day(lesson.host.school, lesson.date).bell_set
    here = lesson.host.school
    remote = [s for s in roster.schools.values() if s.role is SchoolRole.REMOTE]
    return Amendments(
        teachers=[
            (None, [(t.id, t.name) for t in roster.teachers.values()
                    if t.school == here and t.id != lesson.host.teacher])
        ],
        rooms=[(None, [(c.id, c.name) for c in roster.classrooms.values() if c.school == here])],
        periods=[
            (None, [(str(p.no), f"{p.no} · {p.start:%H:%M}–{p.end:%H:%M}")
                    for p in (bells.periods if bells is not None else ())])
        ],
        seat_rooms=[
            (s.name, [(c.id, c.name) for c in roster.classrooms.values()
                      if c.school == s.id and c.id not in taken])
            for s in remote
        ],
        seat_classes=[
            (s.name, [(c.id, c.name) for c in roster.classes.values() if c.school == s.id])
            for s in remote
        ],
        seats_back=[
            (None, [(s.seat.id, f"{s.school.name} · {s.classroom.name}")
                    for s in view.seats if whole is None and s.withdrawn])
        ],
        restorable=whole is not None,
        opened=form.text("do"),
    )  # fmt: skip


def read_command(frame: Frame, form: Form, view: LessonView) -> Command | None:
    """What the form asks for; None, with the form saying what is wrong, if it cannot be read."""
    read = _READERS.get(form.text("do"))
    if read is None:
        form.wrong("form", frame.t("请重新打开本页，再选一种调整。"))
        return None
    command = read(frame, form, view)
    return command if form.ok else None


def blame(form: Form, problem: ProblemError, sentence: str) -> None:
    """Put what the domain says next to the field it is about."""
    names = _FIELDS.get(form.text("do"), {})
    form.wrong(names.get(problem.field or "", "form"), sentence)


def _substitute(frame: Frame, form: Form, view: LessonView) -> Command:
    if not form.text("teacher"):
        form.wrong("teacher", frame.t("请选择代课教师。"))
    return Substitute(
        view.occurrence.id, TeacherId(form.text("teacher")), _reason(frame, form, "substitute")
    )


def _move(frame: Frame, form: Form, view: LessonView) -> Command | None:
    day = parse_day(form.text("date"))
    if day is None:
        form.wrong(
            "date",
            frame.t("「%(value)s」不是日期；请写成 2026-11-23 的样子。", value=form.text("date")),
        )
        return None
    reason = _reason(frame, form, "move")
    room = form.text("room")
    classroom = ClassroomId(room) if room else None
    if form.text("starts") or form.text("ends"):
        starts, ends = parse_clock(form.text("starts")), parse_clock(form.text("ends"))
        for name, value in (("starts", starts), ("ends", ends)):
            if value is None:
                form.wrong(name, frame.t("请填写时刻，或选一个节次。"))
        if starts is None or ends is None:
            return None
        zone = frame.services.zone
        place = Place(
            day,
            starts_at=datetime.combine(day, starts, zone),
            ends_at=datetime.combine(day, ends, zone),
            classroom=classroom,
        )
        return MoveLesson(view.occurrence.id, place, reason)
    period = parse_count(form.text("period"), least=1, most=_LAST_PERIOD)
    if period is None:
        form.wrong("period", frame.t("请填写时刻，或选一个节次。"))
        return None
    return MoveLesson(view.occurrence.id, Place(day, period, classroom=classroom), reason)


def _add_seat(frame: Frame, form: Form, view: LessonView) -> Command | None:
    if not form.text("seat_room"):
        form.wrong("seat_room", frame.t("请选择要增加的听课教室。"))
    head = form.text("seat_expected")
    expected = parse_count(head, least=0, most=MOST_EXPECTED) if head else None
    if head and expected is None:
        form.wrong("seat_expected", frame.t("应到人数是 0 到 %(n)s 的整数。", n=MOST_EXPECTED))
    school_class = form.text("seat_class")
    seat = SeriesSeat(
        ClassroomId(form.text("seat_room")),
        ClassId(school_class) if school_class else None,
        expected,
    )
    return AddSeat(view.occurrence.id, seat)


def _restore(frame: Frame, form: Form, view: LessonView) -> Command:
    del frame, form
    return RestoreLesson(view.occurrence.id)


def _restore_seat(frame: Frame, form: Form, view: LessonView) -> Command:
    if not form.text("seat_back"):
        form.wrong("seat_back", frame.t("请选择要恢复的听课教室。"))
    return RestoreSeat(view.occurrence.id, SeatId(form.text("seat_back")))


def _reason(frame: Frame, form: Form, act: str) -> str:
    reason = form.text(f"{act}_reason")
    if not reason:
        form.wrong(f"{act}_reason", frame.t("请写明原因，例如「停电」；它会出现在报告里。"))
    return reason


_READERS: Final[Mapping[str, Callable[[Frame, Form, LessonView], Command | None]]] = {
    "substitute": _substitute,
    "move": _move,
    "add_seat": _add_seat,
    "restore": _restore,
    "restore_seat": _restore_seat,
}
