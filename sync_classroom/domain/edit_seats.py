"""Edits of single seats: add, change, drop, restore."""

from __future__ import annotations

from dataclasses import replace

from .bookable import check_seat, check_seat_count, reason_of, seat_twice
from .edit_sheet import Sheet, changed_seat, with_seat
from .edits import AddSeat, ChangeSeat, DropSeat, RestoreSeat
from .ids import SeatId
from .problems import ProblemError, ProblemKind
from .series import SeriesSeat
from .timetable import Occurrence, Seat


def add_seat(command: AddSeat, sheet: Sheet) -> None:
    """One more remote classroom. One that was withdrawn from this lesson is restored instead."""
    lesson = sheet.standing(command.lesson)
    check_seat(sheet.desk.roster, command.seat, lesson.date, "seat.")
    if any(s.classroom == command.seat.classroom for s in lesson.active_seats):
        raise seat_twice(sheet.desk.roster, command.seat.classroom, "seat.classroom")
    withdrawn = next((s for s in lesson.seats if s.classroom == command.seat.classroom), None)
    if withdrawn is not None:
        sheet.edited(changed_seat(lesson, withdrawn, command.seat))
        return
    added = with_seat(lesson, command.seat)
    check_seat_count(len(added.active_seats), added.mode)
    sheet.edited(added)


def change_seat(command: ChangeSeat, sheet: Sheet) -> None:
    """Class, expected head count and assistant of a seat that takes part."""
    lesson = sheet.standing(command.lesson)
    seat = _seat(lesson, command.seat, withdrawn=False)
    wanted = SeriesSeat(seat.classroom, command.school_class, command.expected, command.assistant)
    check_seat(sheet.desk.roster, wanted, lesson.date)
    _put(sheet, lesson, changed_seat(lesson, seat, wanted))


def drop_seat(command: DropSeat, sheet: Sheet) -> None:
    """One remote classroom less; the last one cannot go without the lesson."""
    lesson = sheet.standing(command.lesson)
    seat = _seat(lesson, command.seat, withdrawn=False)
    reason = reason_of(command.reason)
    dropped = sheet.without_seat(lesson, seat.id, reason, excused=command.excused)
    if not dropped.active_seats:
        raise ProblemError(
            "last_seat",
            "这是最后一个听讲席。请停课，或先添加别的听讲席。",
            "This is the last seat. Cancel the lesson, or add another seat first.",
            field="seat",
            value=seat.id,
        )
    sheet.edited(dropped)


def restore_seat(command: RestoreSeat, sheet: Sheet) -> None:
    """A withdrawn seat takes part after all."""
    lesson = sheet.standing(command.lesson)
    seat = _seat(lesson, command.seat, withdrawn=True)
    restored = replace(lesson, changes=tuple(c for c in lesson.changes if c.seat != seat.id))
    sheet.check(restored)
    check_seat_count(len(restored.active_seats), restored.mode)
    sheet.edited(restored)


def _put(sheet: Sheet, lesson: Occurrence, changed: Occurrence) -> None:
    if changed != lesson:
        sheet.edited(changed)


def _seat(lesson: Occurrence, ident: SeatId, *, withdrawn: bool) -> Seat:
    found = next((s for s in lesson.seats if s.id == ident), None)
    if found is None:
        raise ProblemError(
            "unknown_seat",
            f"课次 {lesson.id} 没有听讲席“{ident[:100]}”。请刷新课表。",
            f"Lesson {lesson.id} has no seat {ident[:100]!r}. Reload the timetable.",
            kind=ProblemKind.NOT_FOUND,
            field="seat",
            value=ident[:100],
        )
    if lesson.seat_withdrawn(ident) != withdrawn:
        raise ProblemError(
            "seat_stands" if withdrawn else "seat_withdrawn",
            f"听讲席 {ident} 没有退出，不需要恢复。"
            if withdrawn
            else f"听讲席 {ident} 已退出。请先恢复。",
            f"Seat {ident} has not been withdrawn; there is nothing to restore."
            if withdrawn
            else f"Seat {ident} has been withdrawn. Restore it first.",
            kind=ProblemKind.CONFLICT,
            field="seat",
            value=ident,
        )
    return found
