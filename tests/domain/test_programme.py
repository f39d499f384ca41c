from __future__ import annotations

from datetime import date

import pytest

from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.programme import Programme
from sync_classroom.domain.roster_file import parse_roster

ROSTER = parse_roster(
    {
        "target_classrooms": 2,
        "schools": [
            {"id": "h", "name": "h", "role": "host", "joined_on": "2020-09-01"},
            {
                "id": "r",
                "name": "r",
                "role": "remote",
                "joined_on": "2026-09-09",
                "left_on": "2026-10-01",
            },
        ],
        "classrooms": [
            {"id": "h-1", "school": "h", "name": "h", "commissioned_on": "2020-09-01"},
            {
                "id": "r-1",
                "school": "r",
                "name": "r",
                "commissioned_on": "2026-09-07",
                "retired_on": "2026-09-12",
            },
        ],
        "classes": [
            {"id": "r-c", "school": "r", "grade": 3, "name": "r", "enrolment": 40},
            {"id": "h-c", "school": "h", "grade": 3, "name": "h", "enrolment": 40},
        ],
        "terms": [
            {
                "id": "t",
                "name": "t",
                "week1_monday": "2026-08-31",
                "first_day": "2026-09-01",
                "last_day": "2027-01-22",
            }
        ],
    }
)


def inside(first: str, last: str) -> Programme:
    return Programme(ROSTER, date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    ("first", "last", "member"),
    [
        ("2026-09-01", "2026-09-08", False),
        ("2026-09-01", "2026-09-09", True),
        ("2026-09-30", "2026-12-01", True),
        ("2026-10-01", "2026-12-01", False),
    ],
)
def test_a_school_is_a_member_until_the_first_day_no_longer_in(
    first: str, last: str, member: bool
) -> None:
    assert list(inside(first, last).schools) == (["r"] if member else [])


@pytest.mark.parametrize(
    ("first", "last", "met", "commissioned"),
    [
        ("2026-09-01", "2026-09-06", False, 0),
        ("2026-09-01", "2026-09-07", True, 1),
        ("2026-09-11", "2026-09-11", True, 1),
        ("2026-09-11", "2026-09-12", True, 0),
        ("2026-09-12", "2026-09-20", False, 0),
    ],
)
def test_rooms_met_in_the_period_and_rooms_on_its_last_day(
    first: str, last: str, met: bool, commissioned: int
) -> None:
    programme = inside(first, last)
    assert list(programme.classrooms) == (["r-1"] if met else [])
    assert programme.commissioned() == commissioned


def test_teaching_weeks_are_those_in_which_a_member_teaches() -> None:
    programme = inside("2026-09-01", "2026-12-31")
    weeks = programme.teaching_weeks(programme.schools["r"])  # type: ignore[index]
    assert weeks == {"2026-W37", "2026-W38", "2026-W39", "2026-W40"}
    weekend = inside("2026-09-12", "2026-09-13")
    assert weekend.teaching_weeks(weekend.schools["r"]) == set()  # type: ignore[index]


def test_only_the_remote_side_is_counted() -> None:
    programme = inside("2026-09-01", "2026-12-31")
    assert programme.classes == {"r-c": "r"}
    assert programme.school_of(ClassroomId("h-1")) == "h"
    assert not programme.remote(programme.school_of(ClassroomId("h-1")))


def test_a_period_without_dates_has_no_members() -> None:
    programme = Programme(ROSTER, None, None)
    assert (programme.schools, programme.classrooms, programme.commissioned()) == ({}, {}, 0)
    assert not programme.has(date(2026, 9, 9))
    assert programme.teaching_weeks(ROSTER.schools["r"]) == set()  # type: ignore[index]
