"""Steps laid over a plan, taken back, and told apart by who touched what."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync_classroom.domain.edits import CancelLesson, ChangeLesson, ChangeSeries, MoveLesson, Place
from sync_classroom.domain.ids import OccurrenceId, SeriesId
from sync_classroom.domain.working_copy import (
    Conflict,
    Images,
    Step,
    Turn,
    WorkingCopy,
    moved_to,
    overtaken,
    redo_of,
    undo_of,
)
from tests.support.drafts import NOW, published, rule
from tests.support.plans import at, lesson

A, B, C = (OccurrenceId(i) for i in "abc")
ENG = SeriesId("eng")
LESSONS = {i: lesson(i) for i in (A, B)}


def step(
    seq: int,
    by: str = "li",
    *,
    before: Images | None = None,
    after: Images | None = None,
    undone: bool = False,
    touches: str = "a",
) -> Step:
    default = Images(dict.fromkeys(map(OccurrenceId, touches)))
    return Step(
        seq, f"k{seq}", by, NOW, "change_lesson", before or default, after or default, undone
    )


def changed(seq: int, ident: OccurrenceId, title: str, was: str = "课") -> Step:
    return step(
        seq,
        before=Images({ident: replace(LESSONS[ident], title=was)}),
        after=Images({ident: replace(LESSONS[ident], title=title)}),
    )


def test_step_makes_changes_and_takes_away() -> None:
    copy = WorkingCopy(Images(LESSONS, {ENG: rule()}))
    taken = step(
        1,
        before=Images({A: LESSONS[A], B: LESSONS[B], C: None}, {ENG: rule()}),
        after=Images({A: replace(LESSONS[A], title="x"), B: None, C: lesson("c")}, {ENG: None}),
    )
    assert copy.apply(taken) == ()
    assert copy.occurrences == {A: replace(LESSONS[A], title="x"), C: lesson("c")}
    assert copy.series == {}
    assert copy.images([A, B], [ENG]) == Images(
        {A: replace(LESSONS[A], title="x"), B: None}, {ENG: None}
    )
    assert copy.revert(taken) == ()
    assert copy.occurrences == LESSONS
    assert copy.series == {ENG: rule()}


def test_what_a_step_finds_otherwise_is_left_and_reported() -> None:
    copy = WorkingCopy(Images(LESSONS))
    taken = step(
        7,
        before=Images({A: replace(LESSONS[A], title="y"), B: LESSONS[B]}, {ENG: rule()}),
        after=Images({A: replace(LESSONS[A], title="x"), B: None}, {ENG: None}),
    )
    assert copy.apply(taken) == (Conflict(7, occurrence=A), Conflict(7, series=ENG))
    assert copy.occurrences == {A: LESSONS[A]}
    # Taken back likewise: only what the step did.
    assert copy.revert(taken) == (Conflict(7, occurrence=A),)
    assert copy.occurrences == LESSONS


def test_undone_step_has_no_effect() -> None:
    copy = WorkingCopy(Images(LESSONS))
    assert copy.apply(replace(changed(1, A, "x", "another"), undone=True)) == ()
    assert copy.occurrences == LESSONS


def test_lessons_of_a_series_follow_every_step() -> None:
    draft = published(rule())
    before = [o.id for o in draft.copy.of_series(ENG)]
    assert before[:2] == ["eng-20260907", "eng-20260914"]
    moved = draft.do(MoveLesson(OccurrenceId("eng-20260921"), Place(date(2026, 9, 22), period=2)))
    assert [o.id for o in draft.copy.of_series(ENG)][2:5] == [
        "eng-20260921",
        "o-20260922-n1",
        "eng-20260928",
    ]
    origin = draft.lesson("eng-20260921")
    assert moved_to(origin) == "o-20260922-n1"
    draft.copy.revert(moved)
    assert [o.id for o in draft.copy.of_series(ENG)] == before
    draft.do(ChangeSeries(rule(title="x")))
    assert [o.id for o in draft.copy.of_series(ENG)] == before[:2]
    assert draft.copy.of_series(SeriesId("none")) == ()


def test_a_fork_and_what_it_came_from_change_each_for_itself() -> None:
    draft = published(rule())
    fork, again = draft.copy.fork(), draft.copy.fork()
    before = (dict(fork.occurrences), dict(fork.series), fork.of_series(ENG))
    moved = draft.do(MoveLesson(OccurrenceId("eng-20260921"), Place(date(2026, 9, 22), period=2)))
    draft.do(ChangeSeries(rule(title="x")))
    assert (dict(fork.occurrences), dict(fork.series), fork.of_series(ENG)) == before
    assert fork.apply(moved) == ()
    assert "o-20260922-n1" in {o.id for o in fork.of_series(ENG)}
    assert (dict(again.occurrences), dict(again.series), again.of_series(ENG)) == before
    assert fork.base is draft.copy.base


def test_published_is_what_the_base_has() -> None:
    draft = published(rule())
    ident = OccurrenceId("eng-20260921")
    known = draft.lesson(ident)
    draft.do(ChangeLesson(ident, title="x"))
    assert draft.copy.published(ident) == known
    assert draft.copy.published(OccurrenceId("none")) is None


def test_one_takes_back_ones_own_last_step() -> None:
    steps = [step(1), step(2, "wang", touches="b"), step(3, undone=True)]
    assert undo_of(steps, "li") == Turn(steps[0])
    assert undo_of(steps, "wang") == Turn(steps[1])
    assert undo_of(steps, "zhao") is None
    assert undo_of([], "li") is None


def test_step_that_others_built_upon_is_not_taken_back() -> None:
    steps = [step(1, touches="ab"), step(2, "wang", touches="bc"), step(3, "zhao", touches="c")]
    assert undo_of(steps, "li") == Turn(steps[0], (steps[1],))
    taken_back = [steps[0], replace(steps[1], undone=True), steps[2]]
    assert undo_of(taken_back, "li") == Turn(steps[0])
    series = step(1, after=Images({}, {ENG: None}))
    other = step(2, "wang", after=Images({}, {ENG: rule()}))
    assert undo_of([series, other], "li") == Turn(series, (other,))


def test_redo_takes_what_was_undone_in_its_order() -> None:
    first, second, third = step(1), step(2), step(3)
    assert redo_of([first, second, third], "li") is None
    undone = [first, replace(second, undone=True), replace(third, undone=True)]
    assert redo_of(undone, "li") == Turn(undone[1])
    again = [first, second, undone[2]]
    assert redo_of(again, "li") == Turn(undone[2])


def test_new_step_ends_redoing_and_others_steps_stand_in_its_way() -> None:
    undone = step(1, undone=True)
    assert redo_of([undone, step(2)], "li") is None
    other = step(2, "wang")
    assert redo_of([undone, other], "li") == Turn(undone, (other,))
    assert redo_of([undone, step(2, "wang", touches="b")], "li") == Turn(undone)


def test_changes_that_came_too_late_are_named() -> None:
    draft = published(rule())
    draft.do(CancelLesson(OccurrenceId("eng-20260921"), "病假"))
    draft.do(MoveLesson(OccurrenceId("eng-20260928"), Place(date(2026, 9, 22), period=1)))
    assert overtaken(draft.copy, NOW) == ()
    assert overtaken(draft.copy, at("08:10", "2026-09-21")) == ("eng-20260921",)
    assert overtaken(draft.copy, at("08:10", "2026-09-22")) == ("eng-20260921", "o-20260922-n1")
