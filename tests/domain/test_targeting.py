"""Whom a rule finds: any answer of a question, all questions, each target once."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.evidence import SeatKey
from sync_classroom.domain.ids import OccurrenceId, SeatId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.targeting import MAX_TARGETS, Rule, check_targets, rule_of, targets_of
from sync_classroom.domain.timetable import PushTarget
from tests.support.plans import lesson
from tests.support.rosters import REMOTE_ROOMS, REMOTES, programme

ROSTER = programme()
DAY = date(2026, 11, 23)
LESSONS = (
    lesson("a", seats=[("remote-1-r1", "remote-1-c1"), ("remote-2-r1", "remote-2-c2")]),
    lesson("b", seats=[("remote-1-r1", "remote-1-c1"), "remote-3-r1"], subject="数学"),
)
STATES: dict[SeatKey, SeatState] = {
    (OccurrenceId("a"), SeatId("a-s0")): SeatState.HELD,
    (OccurrenceId("a"), SeatId("a-s1")): SeatState.PARTIAL,
    (OccurrenceId("b"), SeatId("b-s0")): SeatState.MISSED,
    (OccurrenceId("b"), SeatId("b-s1")): SeatState.UNKNOWN,
}


def rule(lesson: str | None = None, **chosen: Any) -> Rule:
    wanted = {name: frozenset(values) for name, values in chosen.items()}
    return Rule(**wanted, lesson=None if lesson is None else OccurrenceId(lesson))


def found(asked: Rule) -> list[PushTarget]:
    return list(targets_of(asked, ROSTER, LESSONS, on=DAY, states=STATES))


def rooms(asked: Rule) -> list[tuple[str | None, str | None]]:
    return [(t.classroom, t.school_class) for t in found(asked)]


def test_a_school_is_all_its_classrooms_and_a_host_school_none() -> None:
    assert rooms(rule(schools={"remote-1"})) == [(f"remote-1-r{n}", None) for n in range(1, 7)]
    assert rooms(rule(schools={"host-1"})) == []
    assert rooms(rule(classrooms={"remote-2-r3", "nobody"})) == [("remote-2-r3", None)]


def test_seats_say_which_class_and_subject_a_room_has() -> None:
    assert rooms(rule(subjects={"英语"})) == [
        ("remote-1-r1", "remote-1-c1"), ("remote-2-r1", "remote-2-c2"),
    ]  # fmt: skip
    # Twice in the timetable, once in the list.
    assert rooms(rule(subjects={"英语", "数学"}, schools={"remote-1"})) == [
        ("remote-1-r1", "remote-1-c1")
    ]
    grade = ROSTER.classes["remote-2-c2"].grade  # type: ignore[index]
    assert ("remote-2-r1", "remote-2-c2") in rooms(rule(grades={grade}))
    assert rooms(rule(classes={"remote-1-c1"}, subjects={"科学"})) == []


def test_seats_that_missed_or_partly_received_a_lesson_and_no_others() -> None:
    assert rooms(rule("a")) == [("remote-2-r1", "remote-2-c2")]
    assert rooms(rule("b")) == [("remote-1-r1", "remote-1-c1")]
    assert rooms(rule("a", schools={"remote-1"})) == []
    assert rooms(rule("nobody")) == []


def test_teachers_are_targets_themselves_beside_the_rooms() -> None:
    both = found(rule(classrooms={"remote-1-r1"}, teachers={"remote-2-t1", "nobody"}))
    assert [(t.id, t.school, t.classroom, t.teacher) for t in both] == [
        ("t1", "remote-1", "remote-1-r1", None), ("t2", "remote-2", None, "remote-2-t1"),
    ]  # fmt: skip
    assert rooms(rule(teachers={"remote-2-t1"})) == [(None, None)]


def test_a_room_out_of_commission_is_passed_over() -> None:
    early = targets_of(rule(schools={"remote-1"}), ROSTER, (), on=date(2000, 1, 1), states={})
    assert early == ()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (rule(), "还没有选"),
        (rule("a", schools={"remote-1"}), "没有未开"),
        (rule(grades={12}), "去掉一个条件"),
    ],
)
def test_a_push_to_nobody_is_refused_with_the_remedy(asked: Rule, sentence: str) -> None:
    with pytest.raises(ProblemError) as refused:
        check_targets(asked, found(asked))
    assert refused.value.code == "push_nobody"
    assert sentence in refused.value.zh


def test_more_targets_than_the_programme_has_are_refused() -> None:
    many = found(rule(schools=set(REMOTES))) * 30
    assert len(many) > MAX_TARGETS
    with pytest.raises(ProblemError) as refused:
        check_targets(rule(), many)
    assert (refused.value.code, refused.value.value) == ("push_everybody", len(many))


RULES = st.builds(
    rule,
    st.sampled_from([None, "a", "b"]),
    schools=st.sets(st.sampled_from([*REMOTES, "host-1"]), max_size=3),
    grades=st.sets(st.integers(1, 6), max_size=2),
    subjects=st.sets(st.sampled_from(["英语", "数学"]), max_size=2),
    classrooms=st.sets(st.sampled_from(REMOTE_ROOMS[:10]), max_size=4),
    teachers=st.sets(st.sampled_from(["remote-1-t1", "remote-2-t1"]), max_size=2),
)


@given(RULES)
def test_every_rule_is_stored_and_read_and_finds_each_target_once(asked: Rule) -> None:
    assert rule_of(asked.to_dict()) == asked
    targets = found(asked)
    assert len({t.id for t in targets}) == len(targets)
    assert len({(t.classroom, t.school_class, t.teacher) for t in targets}) == len(targets)
    assert {t.school for t in targets if t.teacher is None} <= (asked.schools or set(REMOTES))


@given(RULES, st.sets(st.sampled_from(REMOTES), min_size=1, max_size=3))
def test_another_question_never_finds_more_rooms(asked: Rule, schools: set[str]) -> None:
    if not asked.asks_rooms or asked.schools:
        return
    narrowed = rule_of(asked.to_dict() | {"schools": sorted(schools)})
    assert set(rooms(narrowed)) <= set(rooms(asked))
