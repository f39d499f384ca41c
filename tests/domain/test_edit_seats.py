"""Edits of single seats: withdrawn if they were published, gone if they were not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.edits import (
    AddSeat,
    ChangeSeat,
    Command,
    DropSeat,
    MoveLesson,
    Place,
    RestoreSeat,
)
from sync_classroom.domain.ids import ClassId, ClassroomId, OccurrenceId, SeatId, TeacherId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.timetable import Change, ChangeKind, Seat
from tests.support.drafts import NOW, Draft, published, rule, seat

LESSON = OccurrenceId("eng-20260921")
FIRST, SECOND, THIRD = (SeatId(f"{LESSON}-s{n:02d}") for n in (1, 2, 3))
HELD = OccurrenceId("eng-20260914")


def draft_of_two() -> Draft:
    return published(rule(seats=(seat("remote-1-r1", 40), seat("remote-2-r2"))))


def refusal(draft: Draft, command: Command) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        draft.do(command)
    return caught.value


def rooms(draft: Draft) -> list[str]:
    return [s.classroom for s in draft.lesson(LESSON).active_seats]


def test_added_seat_has_the_next_number_and_makes_the_lesson_its_own() -> None:
    draft = draft_of_two()
    draft.do(AddSeat(LESSON, seat("remote-3-r3", 30)))
    lesson = draft.lesson(LESSON)
    assert lesson.seats[2] == Seat(
        THIRD, ClassroomId("remote-3-r3"), ClassId("remote-3-c3"), 30, TeacherId("remote-3-t3")
    )
    assert lesson.slot is not None
    assert lesson.slot.own


def test_published_seat_is_withdrawn_and_restored() -> None:
    draft = draft_of_two()
    draft.do(DropSeat(LESSON, FIRST, " 停电 ", excused=False))
    lesson = draft.lesson(LESSON)
    assert [s.id for s in lesson.seats] == [FIRST, SECOND]
    assert lesson.changes == (
        Change(ChangeKind.SEAT_CANCELLED, NOW, "li", "停电", excused=False, seat=FIRST),
    )
    assert refusal(draft, DropSeat(LESSON, FIRST, "x")).code == "seat_withdrawn"
    draft.do(RestoreSeat(LESSON, FIRST))
    assert draft.copy.occurrences == draft.base.occurrences
    assert refusal(draft, RestoreSeat(LESSON, FIRST)).code == "seat_stands"


def test_unpublished_seat_that_is_dropped_is_gone() -> None:
    draft = draft_of_two()
    draft.do(AddSeat(LESSON, seat("remote-3-r3")))
    draft.do(DropSeat(LESSON, THIRD, "录错"))
    assert draft.copy.occurrences == draft.base.occurrences


def test_room_that_was_withdrawn_takes_its_seat_again() -> None:
    draft = draft_of_two()
    draft.do(DropSeat(LESSON, FIRST, "停电"))
    draft.publish()
    draft.do(AddSeat(LESSON, seat("remote-1-r1", 38)))
    lesson = draft.lesson(LESSON)
    assert [(s.id, s.expected) for s in lesson.seats] == [(FIRST, 38), (SECOND, None)]
    assert lesson.changes == ()


def test_withdrawn_number_is_not_given_to_another_room() -> None:
    draft = draft_of_two()
    draft.do(DropSeat(LESSON, SECOND, "停电"))
    draft.do(AddSeat(LESSON, seat("remote-3-r3")))
    assert draft.lesson(LESSON).seats[2].id == THIRD


def test_particulars_of_a_seat_become_as_given() -> None:
    draft = draft_of_two()
    draft.do(ChangeSeat(LESSON, FIRST, ClassId("remote-1-c2"), 41, TeacherId("remote-1-t5")))
    assert draft.lesson(LESSON).seats[0] == Seat(
        FIRST, ClassroomId("remote-1-r1"), ClassId("remote-1-c2"), 41, TeacherId("remote-1-t5")
    )
    draft.do(ChangeSeat(LESSON, FIRST))
    assert draft.lesson(LESSON).seats[0] == Seat(FIRST, ClassroomId("remote-1-r1"))
    assert draft.do(ChangeSeat(LESSON, FIRST)).after.occurrences == {}


@pytest.mark.parametrize(
    ("command", "code", "field"),
    [
        (AddSeat(LESSON, seat("remote-1-r1")), "seat_twice", "seat.classroom"),
        (AddSeat(LESSON, seat("host-2-r1")), "classroom_of_wrong_school", "seat.classroom"),
        (
            AddSeat(LESSON, replace(seat("remote-3-r1"), school_class=ClassId("remote-1-c1"))),
            "class_of_other_school",
            "seat.class",
        ),
        (AddSeat(LESSON, seat("remote-3-r1", -1)), "expected_invalid", "seat.expected"),
        (
            AddSeat(LESSON, replace(seat("remote-3-r1"), assistant=TeacherId("host-1-t1"))),
            "teacher_of_other_school",
            "seat.assistant",
        ),
        (ChangeSeat(LESSON, FIRST, expected=201), "expected_invalid", "expected"),
        (ChangeSeat(LESSON, FIRST, assistant=TeacherId("none")), "unknown_id", "assistant"),
        (DropSeat(LESSON, FIRST, ""), "reason_missing", "reason"),
        (DropSeat(LESSON, SeatId("none"), "x"), "unknown_seat", "seat"),
        (RestoreSeat(LESSON, SeatId("none")), "unknown_seat", "seat"),
        (AddSeat(HELD, seat("remote-3-r1")), "lesson_begun", "lesson"),
        (ChangeSeat(HELD, SeatId(f"{HELD}-s01")), "lesson_begun", "lesson"),
        (DropSeat(HELD, SeatId(f"{HELD}-s01"), "x"), "lesson_begun", "lesson"),
        (RestoreSeat(HELD, SeatId(f"{HELD}-s01")), "lesson_begun", "lesson"),
    ],
)
def test_seat_that_could_not_be_booked_is_refused(command: Command, code: str, field: str) -> None:
    draft = draft_of_two()
    problem = refusal(draft, command)
    assert (problem.code, problem.field) == (code, field)
    assert draft.copy.occurrences == draft.base.occurrences


def test_last_seat_goes_only_with_the_lesson() -> None:
    draft = draft_of_two()
    draft.do(DropSeat(LESSON, FIRST, "停电"))
    problem = refusal(draft, DropSeat(LESSON, SECOND, "停电"))
    assert (problem.code, problem.field, problem.value) == ("last_seat", "seat", SECOND)
    assert rooms(draft) == ["remote-2-r2"]


def test_seat_is_restored_only_to_a_room_in_use() -> None:
    draft = draft_of_two()
    draft.do(DropSeat(LESSON, FIRST, "停电"))
    known = dict(draft.roster.classrooms)
    room = ClassroomId("remote-1-r1")
    known[room] = replace(known[room], retired_on=date(2026, 9, 20))
    draft.roster = replace(draft.roster, classrooms=known)
    problem = refusal(draft, RestoreSeat(LESSON, FIRST))
    assert (problem.code, problem.kind) == ("classroom_not_in_use", ProblemKind.INVALID)


def test_no_more_seats_than_a_lesson_may_have() -> None:
    draft = published(rule())
    known = dict(draft.roster.classrooms)
    extra = [ClassroomId(f"remote-1-x{n}") for n in range(100)]
    for room in extra:
        known[room] = replace(known[ClassroomId("remote-1-r1")], id=room)
    draft.roster = replace(draft.roster, classrooms=known)
    plain = replace(seat(), school_class=None)
    for room in extra[:99]:
        draft.do(AddSeat(LESSON, replace(plain, classroom=room)))
    problem = refusal(draft, AddSeat(LESSON, replace(plain, classroom=extra[99])))
    assert (problem.code, problem.value) == ("too_many_seats", 101)


def test_moved_lesson_takes_along_only_the_seats_that_take_part() -> None:
    draft = draft_of_two()
    draft.do(DropSeat(LESSON, FIRST, "停电"))
    draft.publish()
    draft.do(MoveLesson(LESSON, Place(date(2026, 9, 22), period=1)))
    moved = draft.ahead(LESSON)
    assert [(s.id, s.classroom) for s in moved.seats] == [(f"{moved.id}-s01", "remote-2-r2")]
