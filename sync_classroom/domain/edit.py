"""What a command makes of a draft: what it found, what it leaves, or why it cannot be.

Clashes are no reason to refuse: a draft may hold them while it is worked on, publishing may not.
Everything else that keeps a lesson from being booked keeps it out of a draft too.
"""

from __future__ import annotations

from collections.abc import Iterable

from .edit_lessons import (
    add_lesson,
    cancel_lesson,
    change_lesson,
    move_lesson,
    restore_lesson,
    substitute,
    swap_lessons,
)
from .edit_overtaken import drop_overtaken
from .edit_seats import add_seat, change_seat, drop_seat, restore_seat
from .edit_series import add_series, change_series, follow_calendar, remove_series
from .edit_sheet import Decision, EditDesk, Sheet
from .edits import (
    AddLesson,
    AddSeat,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeat,
    ChangeSeries,
    Command,
    DropOvertaken,
    DropSeat,
    FollowCalendar,
    MoveLesson,
    RemoveSeries,
    RestoreLesson,
    RestoreSeat,
    Substitute,
    SwapLessons,
)
from .working_copy import WorkingCopy

__all__ = ["Decision", "EditDesk", "decide", "decide_all"]


def decide(command: Command, copy: WorkingCopy, desk: EditDesk) -> Decision:
    """The step a command stands for; `copy` is not changed. Empty if all is as asked already.

    Raises ProblemError naming field, value and remedy: what is asked for cannot be booked so, is
    not there any more, or concerns a lesson that has begun.
    """
    return decide_all((command,), copy, desk)


def decide_all(commands: Iterable[Command], copy: WorkingCopy, desk: EditDesk) -> Decision:
    """One step for several commands, each upon what those before it left; all of them or none.

    Raises as `decide`.
    """
    sheet = Sheet(copy, desk)
    for command in commands:
        _write(command, sheet)
    return sheet.decision()


def _write(command: Command, sheet: Sheet) -> None:
    match command:
        case AddSeries() | ChangeSeries() | RemoveSeries() | FollowCalendar():
            _write_series(command, sheet)
        case AddSeat() | ChangeSeat() | DropSeat() | RestoreSeat():
            _write_seat(command, sheet)
        case AddLesson():
            add_lesson(command, sheet)
        case MoveLesson():
            move_lesson(command, sheet)
        case SwapLessons():
            swap_lessons(command, sheet)
        case CancelLesson():
            cancel_lesson(command, sheet)
        case RestoreLesson():
            restore_lesson(command, sheet)
        case Substitute():
            substitute(command, sheet)
        case ChangeLesson():
            change_lesson(command, sheet)
        case DropOvertaken():
            drop_overtaken(sheet)


def _write_series(
    command: AddSeries | ChangeSeries | RemoveSeries | FollowCalendar, sheet: Sheet
) -> None:
    match command:
        case AddSeries():
            add_series(command, sheet)
        case ChangeSeries():
            change_series(command, sheet)
        case RemoveSeries():
            remove_series(command, sheet)
        case FollowCalendar():
            follow_calendar(command, sheet)


def _write_seat(command: AddSeat | ChangeSeat | DropSeat | RestoreSeat, sheet: Sheet) -> None:
    match command:
        case AddSeat():
            add_seat(command, sheet)
        case ChangeSeat():
            change_seat(command, sheet)
        case DropSeat():
            drop_seat(command, sheet)
        case RestoreSeat():
            restore_seat(command, sheet)
