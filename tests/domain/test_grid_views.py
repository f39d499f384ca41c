"""Whose business a lesson is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.domain.grid_views import (
    Audience,
    View,
    ViewKind,
    audience_of,
    parse_view,
    school_of,
)
from sync_classroom.domain.ids import ClassId, ClassroomId, TeacherId
from sync_classroom.domain.timetable import Mode
from tests.support.plans import lesson
from tests.support.week import programme, rule

ROSTER = programme()
A1, A2, B1 = (Audience(ClassroomId(r)) for r in ("a-r1", "a-r2", "b-r1"))
A1C = Audience(ClassroomId("a-r1"), ClassId("a-c1"))
GIVEN = lesson(
    "x", school="host", room="host-r1", teacher="host-t1", host_class="host-c1",
    seats=[("a-r1", "a-c1"), "a-r2", "b-r1"],
)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "ident", "seen"),
    [
        ("host", "host", (A1C, A2, B1)),
        ("school", "host", (A1C, A2, B1)),
        ("classroom", "host-r1", (A1C, A2, B1)),
        ("teacher", "host-t1", (A1C, A2, B1)),
        ("class", "host-c1", (A1C, A2, B1)),
        ("school", "a", (A1C, A2)),
        ("classroom", "a-r1", (A1C,)),
        ("class", "a-c1", (A1C,)),
        ("classroom", "b-r1", (B1,)),
        ("host", "a", None),
        ("teacher", "host-t2", None),
        ("teacher", "a-t1", None),
        ("class", "b-c1", None),
    ],
)
def test_who_gives_sees_every_seat_and_who_receives_its_own(
    kind: str, ident: str, seen: tuple[Audience, ...] | None
) -> None:
    assert audience_of(View(ViewKind(kind), ident), GIVEN, ROSTER) == seen


def test_an_assistant_sees_the_room_he_looks_after() -> None:
    seats = (replace(GIVEN.seats[0], assistant=TeacherId("a-t1")), *GIVEN.seats[1:])
    helped = replace(GIVEN, seats=seats)
    assert audience_of(View(ViewKind.TEACHER, "a-t1"), helped, ROSTER) == (A1C,)


def test_who_takes_part_in_research_sees_it_without_a_seat() -> None:
    meeting = lesson(
        "m", school="host", room="host-r1", mode=Mode.RESEARCH, participants=["a-t1"]
    )  # fmt: skip
    assert audience_of(View(ViewKind.TEACHER, "a-t1"), meeting, ROSTER) == ()
    assert audience_of(View(ViewKind.TEACHER, "a-t2"), meeting, ROSTER) is None


def test_a_rule_is_seen_like_its_lessons() -> None:
    series = rule("s", seats=("a-r1", "b-r1"))
    assert audience_of(View(ViewKind.HOST, "host"), series, ROSTER) == (A1, B1)
    assert audience_of(View(ViewKind.SCHOOL, "b"), series, ROSTER) == (B1,)


def test_a_view_is_parsed_only_if_there_is_such_a_thing() -> None:
    assert parse_view("class", "a-c1", ROSTER) == View(ViewKind.CLASS, "a-c1")
    assert parse_view("host", "host", ROSTER) == View(ViewKind.HOST, "host")
    for kind, ident in [("host", "a"), ("class", "a-r1"), ("planet", "a"), ("teacher", "")]:
        assert parse_view(kind, ident, ROSTER) is None


@pytest.mark.parametrize(
    ("kind", "ident"),
    [("class", "a-c1"), ("teacher", "a-t1"), ("classroom", "a-r1"), ("school", "a")],
)
def test_a_view_has_the_days_and_bells_of_its_school(kind: str, ident: str) -> None:
    assert school_of(View(ViewKind(kind), ident), ROSTER) == "a"
