"""Edits of single lessons: add, move, swap, cancel, restore, substitute, change."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import Final

from .bookable import (
    check_figures,
    check_seats,
    host_of,
    reason_of,
    text_of,
    unknown,
    within,
)
from .booking import NewLesson, plan_lesson
from .calendar import Calendar
from .edit_sheet import EditDesk, Sheet, check_in_term, settled
from .edits import (
    AddLesson,
    CancelLesson,
    ChangeLesson,
    MoveLesson,
    Place,
    RestoreLesson,
    Substitute,
    SwapLessons,
)
from .ids import SchoolId
from .problems import ProblemError
from .series import lesson_window, seats_of
from .timetable import Occurrence

# Consecutive periods of one lesson; more of them is longer than a lesson may be.
MAX_SPAN: Final = 4


def add_lesson(command: AddLesson, sheet: Sheet) -> None:
    """A lesson outside any series; an id no lesson has had."""
    desk = sheet.desk
    if command.place.classroom is None:
        raise ProblemError(
            "classroom_needed",
            "请选择主讲教室。",
            "Choose the host classroom.",
            field="place.classroom",
        )
    room = desk.roster.classrooms.get(command.place.classroom)
    if room is None:
        raise unknown("place.classroom", "教室", command.place.classroom)
    starts_at, ends_at = window_of(command.place, room.school, command.span, desk)
    planned = plan_lesson(
        NewLesson(
            title=command.title,
            subject=command.subject,
            teacher=command.teacher,
            classroom=command.place.classroom,
            starts_at=starts_at,
            ends_at=ends_at,
            periods=command.periods,
            grade=command.grade,
            school_class=command.school_class,
            seats=[(s.classroom, s.school_class, s.expected) for s in command.seats],
        ),
        desk.roster,
        now=desk.now,
        zone=desk.zone,
        occurrence_id=sheet.lesson_id,
    )
    check_seats(desk.roster, command.seats, planned.date)
    check_in_term(desk, desk.term, planned.date, "place.date")
    sheet.put(replace(planned, seats=seats_of(planned.id, command.seats)))


def move_lesson(command: MoveLesson, sheet: Sheet) -> None:
    """One lesson elsewhere; a published one that moves in time leaves a linked one behind."""
    lesson = sheet.standing(command.lesson)
    span = span_of(lesson, sheet.desk.calendar, sheet.desk.zone)
    window = window_of(command.place, lesson.host.school, span, sheet.desk, _length(lesson))
    reason = reason_of(command.reason, needed=False)
    sheet.move(lesson, window, command.place.classroom, reason)


def swap_lessons(command: SwapLessons, sheet: Sheet) -> None:
    """Two lessons take each other's times, from the first minute to the last.

    They must count for the same periods: a double lesson in a single one's place would be another
    lesson, and is moved by itself.
    """
    first = sheet.standing(command.first, "first")
    second = sheet.standing(command.second, "second")
    if first.id == second.id:
        raise ProblemError(
            "swap_with_itself",
            "请选择两节不同的课互换。",
            "Choose two different lessons to swap.",
            field="second",
            value=second.id,
        )
    if first.periods != second.periods:
        raise ProblemError(
            "swap_unequal",
            f"两节课的课时数不同（{first.periods} 与 {second.periods}），不能互换。请分别调课。",
            f"The lessons count for different periods ({first.periods} and {second.periods}) and"
            " cannot be swapped. Move each by itself.",
            field="second",
            value=second.id,
        )
    reason = reason_of(command.reason, needed=False)
    sheet.move(first, (second.starts_at, second.ends_at), None, reason)
    sheet.move(second, (first.starts_at, first.ends_at), None, reason)


def cancel_lesson(command: CancelLesson, sheet: Sheet) -> None:
    """One lesson does not take place. What was never published goes, and its date with it."""
    lesson = sheet.standing(command.lesson)
    reason = reason_of(command.reason)
    sheet.cancel(lesson, reason, excused=command.excused, own=True)
    series = None if lesson.slot is None else sheet.find_series(lesson.slot.series)
    unpublished = sheet.copy.published(lesson.id) is None and lesson.moved_from is None
    if series is not None and lesson.slot is not None and unpublished:
        excluded = tuple(sorted({*series.excluded, lesson.slot.date}))
        sheet.put_series(series.id, replace(series, excluded=excluded))


def restore_lesson(command: RestoreLesson, sheet: Sheet) -> None:
    """A cancelled or moved lesson takes place after all, where it was first planned."""
    sheet.restore(sheet.known(command.lesson))


def substitute(command: Substitute, sheet: Sheet) -> None:
    """Another teacher of the host school gives one lesson.

    A teacher of the other host school cannot: whoever teaches in a room belongs to its school, as
    for every lesson that is booked. Such a lesson is planned anew, from that school.
    """
    lesson = sheet.standing(command.lesson)
    reason_of(command.reason)
    _put_changed(sheet, lesson, replace(lesson, host=replace(lesson.host, teacher=command.teacher)))


def change_lesson(command: ChangeLesson, sheet: Sheet) -> None:
    """Particulars of one lesson; what is None stays as it is."""
    lesson = sheet.standing(command.lesson)
    reason_of(command.reason, needed=False)
    changed = lesson
    if command.title is not None:
        changed = replace(changed, title=text_of("title", "标题", command.title))
    if command.subject is not None:
        changed = replace(changed, subject=text_of("subject", "学科", command.subject))
    if command.grade is not None:
        changed = replace(changed, grade=command.grade)
    if command.periods is not None:
        changed = replace(changed, periods=command.periods)
    if command.school_class is not None:
        host = replace(changed.host, school_class=command.school_class)
        changed = replace(changed, host=host)
    check_figures(changed.periods, changed.grade)
    _put_changed(sheet, lesson, changed)


def _put_changed(sheet: Sheet, lesson: Occurrence, changed: Occurrence) -> None:
    host = changed.host
    host_of(sheet.desk.roster, host.classroom, host.teacher, host.school_class, lesson.date)
    if changed != lesson:
        sheet.edited(changed)


def window_of(
    place: Place,
    school: SchoolId,
    span: int | None,
    desk: EditDesk,
    length: timedelta = timedelta(),
) -> tuple[datetime, datetime]:
    """When a lesson of this host school begins and ends at a place.

    `span` is how many periods it takes; None if it does not keep to periods: then it begins with
    the period and keeps its `length`.
    """
    _check_place(place)
    if place.starts_at is not None and place.ends_at is not None:
        starts_at, ends_at = settled(place.starts_at, desk.zone), settled(place.ends_at, desk.zone)
        if starts_at.date() != place.date:
            raise ProblemError(
                "date_mismatch",
                f"开始时间 {starts_at:%Y-%m-%d %H:%M} 不在所选日期 {place.date}。请改其一。",
                f"The start {starts_at:%Y-%m-%d %H:%M} is not on {place.date}. Change one of them.",
                field="place.starts_at",
                value=place.starts_at.isoformat(),
            )
        return starts_at, ends_at
    if span is not None:
        within("span", "连续节数", span, 1, MAX_SPAN)
    bell_set = desk.calendar.day(school, place.date).bell_set
    window = lesson_window(bell_set, place.period, span or 1, place.date, desk.zone)
    if window is None:
        last = (place.period or 0) + (span or 1) - 1
        name = desk.roster.schools[school].name
        raise ProblemError(
            "period_unknown",
            f"{name} {place.date} 的作息表没有第 {place.period}"
            + (f" 至 {last}" if last != place.period else "")
            + " 节。请换节次，或直接填写时间。",
            f"The bell set of {name} on {place.date} has no period {place.period}"
            + (f" to {last}" if last != place.period else "")
            + ". Choose another period, or give clock times.",
            field="place.period",
            value=place.period,
        )
    return window if span is not None else (window[0], window[0] + length)


def span_of(lesson: Occurrence, calendar: Calendar, zone: tzinfo) -> int | None:
    """How many consecutive periods of its host school's bell set a lesson takes; None if it does
    not begin and end with them."""
    bell_set = calendar.day(lesson.host.school, lesson.date).bell_set
    starts_at, ends_at = lesson.starts_at.astimezone(zone), lesson.ends_at.astimezone(zone)
    if bell_set is None or ends_at.date() != lesson.date:
        return None
    first = next((p.no for p in bell_set.periods if p.start == starts_at.time()), None)
    last = next((p.no for p in bell_set.periods if p.end == ends_at.time()), None)
    if first is None or last is None or last < first:
        return None
    return last - first + 1


def _check_place(place: Place) -> None:
    clock = place.starts_at is not None and place.ends_at is not None
    halves = (place.starts_at is None) != (place.ends_at is None)
    if halves or clock == (place.period is not None):
        raise ProblemError(
            "place_invalid",
            "请选择节次，或者填写开始和结束时间，二者取一。",
            "Choose a period, or give both start and end; one or the other.",
            field="place.period",
            value=place.period,
        )
    for name, at in (("starts_at", place.starts_at), ("ends_at", place.ends_at)):
        if at is not None and at.tzinfo is None:
            raise ProblemError(
                "time_without_zone",
                "时间须带时区，例如 2026-11-23T09:00:00+08:00。",
                "The time needs an offset, such as 2026-11-23T09:00:00+08:00.",
                field=f"place.{name}",
                value=at.isoformat(),
            )


def _length(lesson: Occurrence) -> timedelta:
    return lesson.ends_at - lesson.starts_at
