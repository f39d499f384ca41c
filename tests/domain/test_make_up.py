"""When a lesson is due to be made up, and what of its recording is pushed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    PushId,
    ResourceId,
    SchoolId,
    SeatId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.library import MAX_TITLE, check_details
from sync_classroom.domain.make_up import (
    BY,
    LOOK_BACK,
    PATIENCE,
    REASON,
    SETTLE,
    WRITTEN,
    Switch,
    details_of,
    file_of,
    held_after_all,
    is_due,
    is_heard,
    is_on,
)
from sync_classroom.domain.push_orders import PushOrder
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from sync_classroom.domain.rollup import SeatResult
from sync_classroom.domain.targeting import Rule
from sync_classroom.domain.timetable import Mode, PushTarget
from tests.support.plans import at, lesson

LESSON = lesson(
    "english", "08:10", "08:50", room="host-1-r1", school="host-1", teacher="host-1-t1",
    seats=["remote-1-r1"], subject="英语",
)  # fmt: skip
ENDED = at("08:51")
RUN = LessonRun(OccurrenceId("english"), LessonState.ENDED, ended_at=ENDED)


def recorded(source: str, duration_s: float, name: str = "a.mp4") -> RecordedFile:
    return RecordedFile(name, source, "mp4", 0.0, duration_s, 1, None, 320, 240)


def saved(*files: RecordedFile, state: RecordingState = RecordingState.SAVED) -> Recording:
    return Recording(OccurrenceId("english"), state, "english", files=files)


def test_a_lesson_is_due_from_when_its_evidence_is_in_for_a_day() -> None:
    for now, due in (
        (ENDED + SETTLE - timedelta(seconds=1), False),
        (ENDED + SETTLE, True),
        (ENDED + LOOK_BACK, True),
        (ENDED + LOOK_BACK + timedelta(seconds=1), False),
    ):
        assert is_due(LESSON, RUN, None, now) is due


@pytest.mark.parametrize("state", [s for s in LessonState if s is not LessonState.ENDED])
def test_a_lesson_that_has_not_ended_or_never_was_is_not_due(state: LessonState) -> None:
    assert not is_due(LESSON, replace(RUN, state=state), None, at("10:00"))


def test_no_run_and_other_modes_are_not_due() -> None:
    assert not is_due(LESSON, None, None, at("10:00"))
    assert not is_due(replace(LESSON, mode=Mode.RESEARCH), RUN, None, at("10:00"))


def test_the_rule_is_on_unless_switched_off_and_does_not_reach_back_over_that() -> None:
    now = at("10:00")
    off = Switch(False, at("07:00"), "li", "考试")
    assert (is_on(None), is_on(off)) == (True, False)
    assert not is_due(LESSON, RUN, off, now)
    assert is_due(LESSON, RUN, replace(off, on=True), now)
    assert not is_due(LESSON, RUN, replace(off, on=True, at=at("09:00")), now)


def test_the_camera_is_pushed_and_courseware_where_there_is_none() -> None:
    short, long = recorded("camera", 60.0), recorded("camera", 2400.0, "b.mp4")
    screen, seat = recorded("screen", 2500.0), recorded("seat:s1", 9000.0)
    assert file_of(saved(seat, screen, short, long)) is long
    assert file_of(saved(seat, screen, recorded("camera", 0.0))) is screen
    assert file_of(saved(seat)) is None
    assert file_of(None) is None
    for state in RecordingState:
        if state is not RecordingState.SAVED:
            assert file_of(saved(long, state=state)) is None


def test_classrooms_read_what_lesson_it_was_however_long_its_title() -> None:
    zone = ZoneInfo("Asia/Shanghai")
    details = details_of(replace(LESSON, title="Unit 6"), zone)
    assert details.title == "英语 Unit 6（11-23 08:10 课堂录像）"
    assert (details.subject, details.lesson, details.teacher) == ("英语", "english", "host-1-t1")
    long = details_of(replace(LESSON, title="长" * 300), zone)
    assert len(long.title) == MAX_TITLE
    assert long.title.endswith("（11-23 08:10 课堂录像）")
    assert check_details(long) == long


def test_evidence_is_in_when_relays_were_asked_late_enough_or_waited_for_long_enough() -> None:
    now = ENDED + SETTLE
    assert not is_heard(RUN, None, now)
    assert not is_heard(RUN, ENDED + WRITTEN - timedelta(seconds=1), now)
    assert is_heard(RUN, ENDED + WRITTEN, now)
    assert not is_heard(RUN, None, ENDED + PATIENCE - timedelta(seconds=1))
    assert is_heard(RUN, None, ENDED + PATIENCE)
    assert not is_heard(replace(RUN, ended_at=None), now, now)


def seat(
    room: str, state: SeatState, of: str | None = None, lesson_id: str = "english"
) -> SeatResult:
    return SeatResult(
        OccurrenceId(lesson_id), SeatId(f"{room}-{of}"), LESSON.date, SchoolId("remote-1"),
        ClassroomId(room), None if of is None else ClassId(of), "英语", SchoolId("host-1"),
        TeacherId("host-1-t1"), 1, state, None, 0, 0, 2400, 2400, None, None, False,
    )  # fmt: skip


def test_rooms_are_held_after_all_when_every_seat_of_theirs_is() -> None:
    rooms = (("r1", None), ("r2", "c1"), ("r3", None), ("r4", None))
    targets = [
        PushTarget(TargetId(f"t-{r}"), SchoolId("remote-1"), ClassroomId(r), c and ClassId(c))
        for r, c in rooms
    ]
    targets.append(PushTarget(TargetId("t-all"), SchoolId("remote-1")))
    order = PushOrder(
        PushId("p"), ResourceId("r"), 1, Rule(lesson=OccurrenceId("english")), tuple(targets),
        REASON, BY, ENDED, ENDED, automatic=True,
    )  # fmt: skip
    held, missed = SeatState.HELD, SeatState.MISSED
    assert held_after_all(order, []) == ()
    seats = [
        seat("r1", held), seat("r1", missed, lesson_id="other"),
        seat("r2", held, "c1"), seat("r2", missed, "c2"),
        seat("r3", held), seat("r3", SeatState.PARTIAL), seat("r4", SeatState.UNKNOWN),
    ]  # fmt: skip
    assert held_after_all(order, seats) == ("t-r1", "t-r2")
