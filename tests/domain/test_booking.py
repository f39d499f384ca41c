"""What a lesson must be before it is planned: each fault named with field, value and remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from sync_classroom.domain.bookable import MAX_SEATS
from sync_classroom.domain.booking import NewLesson, plan_lesson
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SeatId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import Term
from sync_classroom.domain.timetable import Host, Mode, Occurrence, Seat
from tests.support.coordination import ZONE, roster
from tests.support.plans import at

NOW = at("08:00")
ROSTER = roster()
GOOD = NewLesson(
    title=" Unit 6 ",
    subject="英语",
    teacher=TeacherId("host-1-t1"),
    classroom=ClassroomId("host-1-r1"),
    starts_at=at("09:00"),
    ends_at=at("09:40"),
    grade=3,
    school_class=ClassId("host-1-c1"),
    seats=[
        (ClassroomId("far-1-r1"), ClassId("far-1-c1"), 42),
        (ClassroomId("far-2-r3"), None, None),
    ],
)


def plan(new: NewLesson, now: datetime = NOW) -> Occurrence:
    return plan_lesson(
        new, ROSTER, now=now, zone=ZONE, occurrence_id=lambda d: OccurrenceId(f"o-{d:%Y%m%d}-x")
    )


def test_good_lesson_becomes_an_occurrence_with_numbered_seats() -> None:
    assert plan(GOOD) == Occurrence(
        id=OccurrenceId("o-20261123-x"),
        mode=Mode.LIVE,
        title="Unit 6",
        subject="英语",
        date=date(2026, 11, 23),
        starts_at=at("09:00"),
        ends_at=at("09:40"),
        periods=1,
        host=Host(
            ROSTER.classrooms[ClassroomId("host-1-r1")].school,
            ClassroomId("host-1-r1"),
            TeacherId("host-1-t1"),
            ClassId("host-1-c1"),
        ),
        seats=(
            Seat(SeatId("o-20261123-x-s01"), ClassroomId("far-1-r1"), ClassId("far-1-c1"), 42),
            Seat(SeatId("o-20261123-x-s02"), ClassroomId("far-2-r3")),
        ),
        grade=3,
    )


def test_date_is_the_programmes_civil_date_not_utc() -> None:
    late = replace(GOOD, starts_at=at("00:30", "2026-11-24"), ends_at=at("01:00", "2026-11-24"))
    assert plan(late).date == date(2026, 11, 24)  # 16:30 of the 23rd in UTC


def test_term_is_the_one_the_date_lies_in() -> None:
    term = Term(TermId("t"), "秋", date(2026, 8, 31), date(2026, 9, 1), date(2026, 11, 23))
    known = replace(ROSTER, terms={term.id: term})
    planned = plan_lesson(
        GOOD, known, now=NOW, zone=ZONE, occurrence_id=lambda _: OccurrenceId("o")
    )
    assert planned.term == "t"
    assert plan(GOOD).term is None


@pytest.mark.parametrize(
    ("changed", "code", "field", "value"),
    [
        ({"title": "  "}, "title_invalid", "title", "  "),
        ({"title": "x" * 101}, "title_invalid", "title", "x" * 101),
        ({"subject": "a\nb"}, "subject_invalid", "subject", "a\nb"),
        (
            {"ends_at": at("09:00")},
            "ends_before_start",
            "ends_at",
            "2026-11-23T09:00:00+08:00",
        ),
        (
            {"ends_at": at("13:00:01")},
            "lesson_too_long",
            "ends_at",
            "2026-11-23T13:00:01+08:00",
        ),
        (
            {"starts_at": at("09:00").replace(tzinfo=None)},
            "time_without_zone",
            "starts_at",
            "2026-11-23T09:00:00",
        ),
        ({"periods": 0}, "periods_invalid", "periods", 0),
        ({"periods": 11}, "periods_invalid", "periods", 11),
        ({"grade": 13}, "grade_invalid", "grade", 13),
        ({"seats": []}, "no_seats", "seats", 0),
        ({"teacher": "nobody"}, "unknown_id", "teacher", "nobody"),
        ({"teacher": "host-2-t1"}, "teacher_of_other_school", "teacher", "host-2-t1"),
        ({"classroom": "nowhere"}, "unknown_id", "classroom", "nowhere"),
        ({"classroom": "far-1-r1"}, "classroom_of_wrong_school", "classroom", "far-1-r1"),
        ({"school_class": "none"}, "unknown_id", "school_class", "none"),
        ({"school_class": "far-1-c1"}, "class_of_other_school", "school_class", "far-1-c1"),
    ],
)
def test_each_fault_of_the_lesson_is_named(
    changed: dict[str, object], code: str, field: str, value: object
) -> None:
    with pytest.raises(ProblemError) as caught:
        plan(replace(GOOD, **changed))  # type: ignore[arg-type]
    problem = caught.value
    assert (problem.code, problem.field, problem.value) == (code, field, value)
    assert problem.zh
    assert problem.en


@pytest.mark.parametrize(
    ("seat", "code", "field"),
    [
        (("nowhere", None, None), "unknown_id", "seats.2.classroom"),
        (("host-2-r1", None, None), "classroom_of_wrong_school", "seats.2.classroom"),
        (("far-1-r1", None, None), "seat_twice", "seats.2.classroom"),
        (("far-1-old", None, None), "classroom_not_in_use", "seats.2.classroom"),
        (("far-1-r2", "far-2-c1", None), "class_of_other_school", "seats.2.class"),
        (("far-1-r2", "none", None), "unknown_id", "seats.2.class"),
        (("far-1-r2", None, 201), "expected_invalid", "seats.2.expected"),
        (("far-1-r2", None, -1), "expected_invalid", "seats.2.expected"),
    ],
)
def test_each_fault_of_a_seat_is_named_with_its_number(
    seat: tuple[str, str | None, int | None], code: str, field: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        plan(replace(GOOD, seats=[GOOD.seats[0], seat]))  # type: ignore[list-item]
    assert (caught.value.code, caught.value.field) == (code, field)


def test_school_that_left_gives_and_takes_no_more_lessons() -> None:
    with pytest.raises(ProblemError) as caught:
        plan(replace(GOOD, starts_at=at("09:00", "2027-07-01"), ends_at=at("09:40", "2027-07-01")))
    assert (caught.value.code, caught.value.field) == (
        "school_not_in_programme",
        "seats.2.classroom",
    )


def test_too_many_seats_are_refused_before_they_are_looked_at() -> None:
    with pytest.raises(ProblemError) as caught:
        plan(replace(GOOD, seats=[GOOD.seats[0]] * (MAX_SEATS + 1)))
    assert (caught.value.code, caught.value.value) == ("too_many_seats", MAX_SEATS + 1)


def test_plan_in_the_past_is_refused_but_a_lesson_of_five_minutes_ago_is_ad_hoc() -> None:
    assert plan(GOOD, now=at("09:05"))
    with pytest.raises(ProblemError) as caught:
        plan(GOOD, now=at("09:05") + timedelta(seconds=1))
    assert (caught.value.code, caught.value.field) == ("lesson_in_past", "starts_at")


def test_lesson_that_would_be_over_is_refused_however_short() -> None:
    short = replace(GOOD, ends_at=at("09:02"))
    with pytest.raises(ProblemError) as caught:
        plan(short, now=at("09:02"))
    assert caught.value.code == "lesson_in_past"


def test_research_meeting_needs_no_seats() -> None:
    assert plan(replace(GOOD, mode=Mode.RESEARCH, seats=[])).seats == ()
