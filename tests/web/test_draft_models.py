"""What the draft's API answers, made of domain values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync_classroom.coordinator.drafts import EditAnswer
from sync_classroom.domain.bookings import ResourceKind
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.suggestions import Hindrance, Obstacle, RuleTarget
from sync_classroom.domain.working_copy import Images, Step
from sync_classroom.web.draft_models import (
    MAX_LISTED,
    MAX_OBSTACLES,
    Page,
    edit_out,
    part_of,
    rule_target_out,
    step_out,
)
from tests.support.plans import at, lesson

ONE = lesson("o-1")
STEP = Step(
    3, "k", "li", at("08:00"), "cancel_lesson",
    Images({ONE.id: ONE, OccurrenceId("o-2"): None}),
    Images({ONE.id: None, OccurrenceId("o-2"): replace(ONE, id=OccurrenceId("o-2"))}),
    reason="停电",
)  # fmt: skip


def test_an_edit_is_shown_as_it_left_things_an_undone_one_as_it_found_them() -> None:
    left = edit_out(EditAnswer(4, STEP))
    assert ([o["id"] for o in left.lessons], left.gone) == (["o-2"], ["o-1"])
    found = edit_out(EditAnswer(5, replace(STEP, undone=True)))
    assert ([o["id"] for o in found.lessons], found.gone) == (["o-1"], ["o-2"])
    nothing = edit_out(EditAnswer(5, None))
    assert (nothing.step, nothing.lessons, nothing.gone) == (None, [], [])


def test_a_step_lists_so_many_ids_and_no_more() -> None:
    shown = step_out(STEP)
    assert (shown.seq, shown.reason, shown.lessons) == (3, "停电", ["o-1", "o-2"])
    many = {OccurrenceId(f"o-{n:04}"): None for n in range(MAX_LISTED + 1)}
    assert len(step_out(replace(STEP, after=Images(many))).lessons) == MAX_LISTED


def test_pages_end_where_the_list_does() -> None:
    assert part_of(range(5), Page(offset=3, limit=5)) == range(3, 5)
    assert part_of(range(5), Page(offset=9)) == range(5, 5)


def test_a_rule_hindered_all_over_says_the_first_and_how_often() -> None:
    day = date(2026, 9, 7)
    taken = Obstacle(Hindrance.TAKEN, ResourceKind.CLASSROOM, "r-1", OccurrenceId("o-1"))
    target = RuleTarget(2, 3, 9, (day,), ((day, taken),) * (MAX_OBSTACLES + 1))
    out = rule_target_out(target)
    assert (out.weekday, out.period, out.lessons, out.free) == (2, 3, 9, False)
    assert (len(out.obstacles), out.obstacles_total) == (MAX_OBSTACLES, MAX_OBSTACLES + 1)
    assert out.obstacles[0].model_dump() == {
        "date": day, "why": "taken", "kind": "classroom", "resource": "r-1", "lesson": "o-1",
        "seat": None,
    }  # fmt: skip
