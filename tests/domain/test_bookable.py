"""What one lesson and a whole rule are asked alike; lessons themselves are in `test_booking`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from sync_classroom.domain.bookable import (
    LATEST_START,
    MAX_DURATION,
    MAX_REASON,
    check_duration,
    check_seat,
    check_seat_count,
    check_seats,
    check_times,
    host_of,
    reason_of,
    seat_twice,
    unknown,
)
from sync_classroom.domain.ids import ClassroomId, TeacherId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.series import SeriesSeat
from sync_classroom.domain.timetable import Host, Mode
from tests.support.drafts import roster, rule, seat
from tests.support.plans import at

ROSTER = roster()
DAY = date(2026, 9, 21)
SEAT = seat("remote-1-r1", 40)


def test_reason_is_trimmed_and_may_be_left_out_where_none_is_needed() -> None:
    assert reason_of(" 病假\n") == "病假"
    assert reason_of("", needed=False) == ""
    assert reason_of("x" * MAX_REASON) == "x" * MAX_REASON
    for value, needed in ((" ", True), ("x" * (MAX_REASON + 1), False)):
        with pytest.raises(ProblemError) as caught:
            reason_of(value, needed=needed)
        assert (caught.value.code, caught.value.field) == ("reason_missing", "reason")


def test_lesson_of_the_longest_duration_is_allowed_and_a_second_more_is_not() -> None:
    begin = at("08:00")
    check_duration(begin, begin + MAX_DURATION)
    with pytest.raises(ProblemError) as caught:
        check_duration(begin, begin + MAX_DURATION + timedelta(seconds=1))
    assert caught.value.code == "lesson_too_long"


@pytest.mark.parametrize(
    ("starts_at", "now", "fine"),
    [
        (at("09:00"), at("09:00") + LATEST_START, True),
        (at("09:00"), at("09:00") + LATEST_START + timedelta(seconds=1), False),
    ],
)
def test_lesson_may_begin_now_and_a_little_before(
    starts_at: datetime, now: datetime, fine: bool
) -> None:
    if fine:
        check_times(starts_at, at("09:40"), now)
    else:
        with pytest.raises(ProblemError) as caught:
            check_times(starts_at, at("09:40"), now)
        assert (caught.value.code, caught.value.field) == ("lesson_in_past", "starts_at")


def test_seat_with_class_and_assistant_of_its_school_is_taken() -> None:
    check_seat(ROSTER, SEAT, DAY)
    check_seats(ROSTER, [SEAT, seat("remote-1-r2"), SeriesSeat(ClassroomId("remote-2-r1"))], DAY)


@pytest.mark.parametrize(
    ("assistant", "code"),
    [("remote-2-t1", "teacher_of_other_school"), ("none", "unknown_id")],
)
def test_assistant_is_a_teacher_of_the_remote_school(assistant: str, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        check_seats(ROSTER, [replace(SEAT, assistant=TeacherId(assistant))], DAY)
    problem = caught.value
    assert (problem.code, problem.field, problem.value) == (code, "seats.1.assistant", assistant)


def test_sentences_for_a_teacher_of_another_school_name_the_right_kind_of_room() -> None:
    with pytest.raises(ProblemError) as caught:
        check_seat(ROSTER, replace(SEAT, assistant=TeacherId("host-1-t1")), DAY)
    assert caught.value.zh == ("1老师不是学校 remote-1的教师。请选择该校教师，或换听讲教室。")
    with pytest.raises(ProblemError) as caught:
        host_of(ROSTER, ClassroomId("host-1-r1"), TeacherId("remote-1-t1"), None, DAY)
    assert caught.value.zh == "1老师不是学校 host-1的教师。请选择该校教师，或换主讲教室。"


def test_host_is_named_with_its_school() -> None:
    host = rule().host
    found = host_of(ROSTER, host.classroom, host.teacher, host.school_class, DAY)
    assert found == Host(host.school, host.classroom, host.teacher, host.school_class)


def test_only_live_lessons_need_seats() -> None:
    check_seat_count(0, Mode.RESEARCH)
    check_seat_count(100, Mode.LIVE)
    for seats, code in ((0, "no_seats"), (101, "too_many_seats")):
        with pytest.raises(ProblemError) as caught:
            check_seat_count(seats, Mode.LIVE)
        assert (caught.value.code, caught.value.value) == (code, seats)


def test_errors_name_field_and_value() -> None:
    twice = seat_twice(ROSTER, SEAT.classroom, "seat.classroom")
    assert (twice.field, twice.value) == ("seat.classroom", "remote-1-r1")
    missing = unknown("seats.1.classroom", "教室", "x" * 200)
    assert (missing.code, missing.kind) == ("unknown_id", ProblemKind.INVALID)
    assert missing.value == "x" * 100
