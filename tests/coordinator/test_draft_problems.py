"""Refusals name who was first, at which hour on the wall, and what can be done."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sync_classroom.coordinator.draft_problems import (
    draft_changed,
    draft_overtaken,
    seen_unknown,
    turn_blocked,
    unknown_term,
)
from sync_classroom.domain.draft_acts import ActKind, DraftAct
from sync_classroom.domain.ids import OccurrenceId, SeriesId
from sync_classroom.domain.problems import ProblemKind
from sync_classroom.domain.working_copy import Images, Step
from tests.support.plans import at

ZONE = ZoneInfo("Asia/Shanghai")


def act(revision: int, by: str = "wang", kind: ActKind = ActKind.EDIT) -> DraftAct:
    return DraftAct(revision, kind, None, by, at("10:02"),
                    frozenset({OccurrenceId("a"), OccurrenceId("b")}),
                    frozenset({SeriesId("eng")}))  # fmt: skip


def test_a_changed_draft_names_the_last_three_and_lists_what_is_shared() -> None:
    acts = [act(n, by) for n, by in enumerate(("li", "wang", "zhao", "sun"), 1)]
    problem = draft_changed(acts, Images({OccurrenceId("a"): None}), ZONE)
    assert (problem.code, problem.kind, problem.field) == (
        "draft_changed", ProblemKind.CONFLICT, "seen",
    )  # fmt: skip
    assert "wang 10:02 修改、zhao 10:02 修改、sun 10:02 修改" in problem.zh
    assert "li 10:02" not in problem.zh
    assert "sun at 10:02 by an edit" in problem.en
    assert isinstance(problem.value, list)
    assert problem.value[0] == {
        "kind": "edit", "by": "li", "at": "2026-11-23T10:02:00+08:00", "revision": 1,
        "lessons": ["a"], "series": [],
    }  # fmt: skip


def test_a_draft_that_changed_too_long_ago_to_say_by_whom_still_says_so() -> None:
    problem = draft_changed([], None, ZONE)
    assert "较早" in problem.zh
    assert problem.value == []


def test_every_kind_of_act_has_its_words() -> None:
    for kind in ActKind:
        problem = draft_changed([act(1, kind=kind)], None, ZONE)
        assert "wang 10:02" in problem.zh


def test_lessons_whose_time_has_come_are_counted() -> None:
    problem = draft_overtaken([f"o-{n}" for n in range(30)])
    assert "o-0、o-1、o-2 等 30 节" in problem.zh
    assert isinstance(problem.value, list)
    assert len(problem.value) == 20
    assert "等" not in draft_overtaken(["o-1"]).zh


def test_values_are_cut_and_named() -> None:
    assert unknown_term("t" * 200).value == "t" * 96
    assert seen_unknown(7).value == 7
    step = Step(4, "k", "wang", at("10:00"), "move_lesson", Images(), Images())
    problem = turn_blocked([step, step], undone=False)
    assert (problem.value, "wang" in problem.en) == ([4, 4], True)
