"""When a lesson is due to be made up, and what of its recording is pushed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.library import MAX_TITLE, check_details
from sync_classroom.domain.make_up import (
    LOOK_BACK,
    SETTLE,
    Switch,
    details_of,
    file_of,
    is_due,
    is_on,
)
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from sync_classroom.domain.timetable import Mode
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
