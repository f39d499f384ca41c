"""Tables of coverage from known figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.coverage import compute
from sync_classroom.domain.ids import OccurrenceId, SchoolId
from sync_classroom.domain.rollup import result_of
from sync_classroom.domain.timetable import Plan
from sync_classroom.web.pages import coverage_tables as tables
from tests.support.pages import delivered, english
from tests.support.plans import lesson
from tests.support.rosters import programme

ENGLISH = english()
LATER = lesson("later", "14:00", "14:40", seats=["remote-1-r1"], subject="数学", periods=2)
PLAN = Plan(programme(), {OccurrenceId("english"): ENGLISH, OccurrenceId("later"): LATER})
FACTS = delivered(ENGLISH, {"english-s0": [(0, 2400)], "english-s1": [(0, 600)]}, [(0, 2400)])
COVERAGE = compute(PLAN, FACTS)
SCHOOLS = tuple(COVERAGE.by_school)
UNFINISHED = frozenset({OccurrenceId("later")})


def test_a_stacked_bar_is_exactly_full() -> None:
    slices = tables.stack(COVERAGE.totals)
    assert [(s.shape, s.seats, s.x, s.width) for s in slices] == [
        ("held", 1, "0.0000%", "25.0000%"),
        ("partial", 1, "25.0000%", "25.0000%"),
        ("missed", 2, "50.0000%", "50.0000%"),
    ]
    assert tables.stack(replace(COVERAGE.totals, due_seats=0, held_seats=0, partial_seats=0,
                                missed_seats=0)) == ()  # fmt: skip


def test_rows_add_up_to_their_total() -> None:
    rows = tables.school_rows(COVERAGE, PLAN.roster, SCHOOLS)
    assert len(rows) == 8
    assert sum(r.due for r in rows) == COVERAGE.totals.due_periods == 5
    assert sum(r.held for r in rows) == COVERAGE.totals.held_periods == 1
    assert sum(r.credited_s for r in rows) == COVERAGE.totals.credited_s == 3000
    rooms = [r for g in tables.room_groups(COVERAGE, PLAN.roster, None) for r in g.rows]
    assert len(rooms) == 48
    assert sum(r.due for r in rooms) == 5


def test_rooms_of_one_school_only() -> None:
    (group,) = tables.room_groups(COVERAGE, PLAN.roster, SchoolId("remote-2"))
    assert group.school == "学校 remote-2"
    assert [(r.id, r.due, r.shade) for r in group.rows][:2] == [
        ("remote-2-r1", 1, "0"),
        ("remote-2-r2", 0, "none"),
    ]


def test_subjects_are_in_order_of_weight() -> None:
    assert [(r.name, r.due) for r in tables.subject_rows(COVERAGE)] == [("英语", 3), ("数学", 2)]


def test_what_is_pending_is_neither_missed_nor_blamed_on_anybody() -> None:
    later = [
        result_of(s, PLAN.roster.classrooms[s.seat.classroom].school)
        for s in COVERAGE.pending(UNFINISHED)
    ]
    assert [(s.shape, s.seats, s.width) for s in tables.stack(COVERAGE.totals, later)] == [
        ("held", 1, "25.0000%"),
        ("partial", 1, "25.0000%"),
        ("missed", 1, "25.0000%"),
        ("waiting", 1, "25.0000%"),
    ]
    schools = tables.school_rows(COVERAGE, PLAN.roster, SCHOOLS, later)
    assert [s.shape for s in schools[0].stack] == ["held", "partial", "waiting"]
    assert [s.shape for s in schools[1].stack] == ["missed"]
    assert tables.cause_rows(COVERAGE.causes, later) == (
        ("terminal_offline", "终端离线", 2, "100.0000%"),
    )
    maths = tables.subject_rows(COVERAGE, later)[1]
    assert (maths.name, maths.due, maths.shade) == ("数学", 2, "wait")


def test_causes_are_shares_of_all_that_was_not_held() -> None:
    assert (
        tables.cause_rows(COVERAGE.causes)
        == (
            ("host_absent", "主讲缺席", 1, "33.3333%"),
            ("terminal_offline", "终端离线", 2, "66.6667%"),
        )[::-1]
    )


@pytest.mark.parametrize(
    ("held", "due", "shade"),
    [
        (0, 0, "none"),
        (0, 3, "0"),
        (1, 3, "1"),
        (1, 2, "2"),
        (4, 5, "3"),
        (19, 20, "4"),
        (1, 1, "4"),
    ],
)
def test_shades(held: int, due: int, shade: str) -> None:
    assert tables.shade_of(held, due) == shade


def test_nothing_over_yet_is_a_shade_of_its_own() -> None:
    assert tables.shade_of(0, 3, 3) == "wait"
    assert tables.shade_of(0, 3, 2) == "0"
    assert tables.shade_of(0, 0, 0) == "none"


def test_the_matrix_names_every_school() -> None:
    rows = tables.matrix_rows(COVERAGE, PLAN.roster, SCHOOLS)
    assert len(rows) == 8
    assert dict(rows[0][2])["live"] == 1
    assert COVERAGE.first == date(2026, 11, 23)


def test_who_gave_most_stands_first_and_by_name() -> None:
    (hosts, people) = tables.giver_groups(COVERAGE, PLAN.roster)
    assert (hosts[0], people[0]) == ("by_host_school", "by_teacher")
    assert [(r.id, r.host_periods, r.held_rate.exact) for r in hosts[2]] == [("host-1", 1, "1/5")]


def test_a_week_is_found_by_its_name() -> None:
    assert tables.monday_of_week("2026-W48") == date(2026, 11, 23)
    assert tables.monday_of_week("2020-W53") == date(2020, 12, 28)
