"""One school's stream of help, and that it counts what the mode matrix counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sync_classroom.domain.activity import Help, HelpMode, activity_of
from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import PushProgress, PushStep
from sync_classroom.domain.ids import (
    ClassroomId,
    FactId,
    PushId,
    SchoolId,
    SeatId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.intervals import second_of
from sync_classroom.domain.modes import Meeting
from sync_classroom.domain.rollup import SeatResult
from sync_classroom.domain.roster import Roster, Teacher
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import Mode, Plan, Push, PushTarget
from tests.support.plans import at, lesson

FAR, OTHER, NEAR = SchoolId("far-1"), SchoolId("far-2"), SchoolId("host-1")
TEACHERS = {
    TeacherId(t): Teacher(TeacherId(t), s, t)
    for t, s in [("host-1-t1", NEAR), ("a", FAR), ("b", FAR), ("c", FAR), ("d", OTHER)]
}
LESSON = lesson("live", "09:00", "09:40", seats=["far-1-r1", "far-1-r2", "far-1-r3"])
MEETING = lesson(
    "meet", "14:00", "15:00", mode=Mode.RESEARCH, subject="语文", participants=["a", "b"]
)
PUSH = Push(
    PushId("p"),
    "录像",
    "英语",
    "缺课",
    at("16:00"),
    targets=(
        PushTarget(TargetId("t1"), FAR),
        PushTarget(TargetId("t2"), FAR),
        PushTarget(TargetId("t3"), OTHER),
    ),
)
PLAN = Plan(
    Roster(teachers=TEACHERS),
    {LESSON.id: LESSON, MEETING.id: MEETING},
    {PUSH.id: PUSH},
)


def result(number: int, state: SeatState, credited_s: int) -> SeatResult:
    seat = LESSON.seats[number]
    return SeatResult(
        LESSON.id, seat.id, LESSON.date, FAR, seat.classroom, None, "英语", NEAR,
        TeacherId("host-1-t1"), 1, state, None, credited_s, 0, 2400, 2400, None, None, False,
    )  # fmt: skip


def present(seconds: dict[str, int]) -> Meeting:
    start = second_of(MEETING.starts_at)
    presence = {TeacherId(t): ((start, start + s),) for t, s in seconds.items()}
    return Meeting(MEETING.id, MEETING.date, presence)


def stream(*seats: SeatResult, meeting: Meeting, opened: tuple[str, ...] = ()) -> tuple[Help, ...]:
    facts = [
        PushProgress(FactId(f"f{t}"), PushStep.OPENED, PUSH.id, TargetId(t), at("17:00"))
        for t in opened
    ]
    return activity_of(FAR, PLAN, seats, [meeting], Evidence.of(facts), DEFAULT)


def test_the_latest_comes_first_with_what_was_meant_and_what_arrived() -> None:
    push, meeting, live = stream(
        result(0, SeatState.HELD, 2300),
        result(1, SeatState.MISSED, 100),
        result(2, SeatState.CANCELLED_EXCUSED, 0),
        meeting=present({"host-1-t1": 3600, "a": 3600, "c": 600, "d": 3600}),
        opened=("t1", "t3"),
    )
    assert (push.mode, push.ident, push.addressed, push.reached) == (HelpMode.PUSH, "p", 2, 1)
    assert (push.source, push.seconds, push.title) == (None, None, "录像")
    # Invited were a and b; c came uninvited, for too short; a alone attended.
    assert (meeting.mode, meeting.addressed, meeting.reached) == (HelpMode.RESEARCH, 3, 1)
    assert (meeting.seconds, meeting.source, meeting.subject) == (4200, NEAR, "语文")
    # A seat excused in time was not due, and a missed one got its hundred seconds all the same.
    assert (live.mode, live.addressed, live.reached, live.seconds) == (HelpMode.LIVE, 2, 1, 2400)
    assert (live.source, live.at) == (NEAR, LESSON.starts_at)


def test_a_push_withdrawn_before_it_arrived_was_called_off() -> None:
    gone = tuple(replace(t, withdrawn_at=at("16:30")) for t in PUSH.targets)
    plan = replace(PLAN, pushes={PUSH.id: replace(PUSH, targets=gone)})
    [push] = activity_of(FAR, plan, (), (), Evidence(DEFAULT), DEFAULT)
    assert (push.addressed, push.reached) == (0, 0)


def test_what_was_not_meant_for_the_school_is_not_in_its_stream() -> None:
    elsewhere = Meeting(MEETING.id, MEETING.date, {TeacherId("d"): ((0, 3600),)})
    plan = replace(
        PLAN,
        occurrences={MEETING.id: replace(MEETING, participants=(TeacherId("d"),))},
        pushes={PUSH.id: replace(PUSH, targets=PUSH.targets[2:])},
    )
    assert activity_of(FAR, plan, (), [elsewhere], Evidence(DEFAULT), DEFAULT) == ()


def test_what_is_not_in_the_plan_is_passed_over() -> None:
    stray = replace(result(0, SeatState.HELD, 2400), occurrence=MEETING.id, seat=SeatId("x"))
    stray = replace(stray, classroom=ClassroomId("far-1-r9"))
    found = activity_of(FAR, Plan(), [stray], [present({"a": 1})], Evidence(DEFAULT), DEFAULT)
    assert found == ()


def test_two_of_the_same_instant_keep_an_order() -> None:
    twin = replace(PUSH, id=PushId("q"))
    plan = replace(PLAN, pushes={twin.id: twin, PUSH.id: PUSH})
    found = activity_of(FAR, plan, (), (), Evidence(DEFAULT), DEFAULT)
    assert [h.ident for h in found] == ["q", "p"]
    assert found[0].at - found[1].at == timedelta()
