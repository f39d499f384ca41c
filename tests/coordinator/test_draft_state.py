"""A draft kept up step by step is the draft built anew, whatever came in which order."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.coordinator.draft_state import DraftState, DraftView
from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.draft_acts import ActKind, DraftAct
from sync_classroom.domain.edit import EditDesk, decide
from sync_classroom.domain.edit_files import name_of
from sync_classroom.domain.edits import (
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeries,
    Command,
    MoveLesson,
    Place,
)
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.plan_change import TermPlan
from sync_classroom.domain.plan_diff import diff
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.domain.warnings import check
from sync_classroom.domain.working_copy import Images, Step
from tests.support.drafts import TERM, ZONE, roster, rule, seat
from tests.support.offices import BEFORE_TERM
from tests.support.plans import at, lesson

ROSTER = roster()
FIRST = OccurrenceId("eng-20260907")


def plan(*lessons: Occurrence, position: int = 1, **freed: object) -> TermPlan:
    return TermPlan(position, {o.id: o for o in lessons}, {}, freed)  # type: ignore[arg-type]


def state(*lessons: Occurrence, steps: Sequence[Step] = (), known: Roster = ROSTER) -> DraftState:
    return DraftState(TERM, known, plan(*lessons), len(steps), steps, gap_s=0)


_ids = count(1)


def step_of(drafted: DraftState, command: Command, by: str = "li") -> Step:
    desk = EditDesk(ROSTER, drafted.calendar, ZONE, BEFORE_TERM, by,
                    lambda: f"n{next(_ids)}", TERM.id)  # fmt: skip
    decision = decide(command, drafted.copy, desk)
    return Step(drafted.next_seq(), f"k{next(_ids)}", by, BEFORE_TERM, name_of(command),
                decision.before, decision.after)  # fmt: skip


def take(drafted: DraftState, command: Command, by: str = "li") -> tuple[DraftState, Step]:
    step = step_of(drafted, command, by)
    return drafted.taken(step, drafted.revision + 1), step


def facts(view: DraftView) -> tuple[object, ...]:
    """Everything that must not depend on how a draft came about."""
    return (
        dict(view.copy.occurrences),
        dict(view.copy.series),
        view.steps,
        set(view.conflicts),
        view.diff,
        view.blocks,
        sorted(view.warnings, key=lambda w: (w.occurrence, w.rule, w.seat or "")),
    )


def anew(drafted: DraftState) -> tuple[object, ...]:
    base = drafted.view().base
    published = TermPlan(
        drafted.position,
        {i: o for i, o in base.occurrences.items() if o is not None},
        {i: s for i, s in base.series.items() if s is not None},
        {},
    )
    built = DraftState(drafted.term, drafted.roster, published, 0, drafted.steps, gap_s=0)
    return facts(built.view())


def contents(view: DraftView) -> tuple[object, ...]:
    """All that a reader finds in a view, asked anew: what index and copy hold and answer."""
    lessons = list(view.copy.occurrences.values())
    return (
        *facts(view),
        {i: view.copy.of_series(i) for i in view.copy.series},
        {o.id: o for o in view.index},
        view.index.clashes(),
        [view.index.clashes_of(o) for o in lessons],
    )


def whole(view: DraftView) -> bool:
    """Whether copy, index, clashes and diff of a view speak of one and the same plan."""
    lessons = view.copy.occurrences
    return (
        {o.id: o for o in view.index} == dict(lessons)
        and view.index.clashes() == view.blocks == clashes_in(lessons.values())
        and diff(view.base, view.copy) == view.diff
    )


RIVAL = lesson("o-1", "08:20", "09:00", day="2026-09-07", school="host-2", room="host-2-r1",
               teacher="host-2-t1", seats=["remote-1-r1"])  # fmt: skip


def test_warnings_of_the_draft_are_those_of_its_plan() -> None:
    drafted = state()
    crowded = replace(rule(), seats=(seat("remote-1-r1", 99), replace(seat("remote-2-r1"),
                                                                     assistant=None)))  # fmt: skip
    drafted, _ = take(drafted, AddSeries(crowded))
    expected = check(drafted.copy.occurrences.values(), ROSTER)
    assert len(expected) == 16
    assert sorted(drafted.view().warnings) == sorted(expected)
    assert len(drafted.warnings_of([FIRST])) == 2


def test_the_first_assistant_of_a_plan_makes_the_others_missed() -> None:
    lonely = lesson("o-1", day="2026-09-21", seats=["remote-3-r1"])
    drafted = state(lonely)
    assert drafted.view().warnings == ()
    drafted, _ = take(drafted, AddSeries(rule()))
    assert [(w.rule, w.occurrence) for w in drafted.view().warnings] == [("no_assistant", "o-1")]


def test_a_published_change_under_a_step_is_a_conflict_until_it_is_undone() -> None:
    published = lesson("o-1", day="2026-09-21", seats=["remote-1-r1"])
    drafted = state(published)
    drafted, step = take(drafted, ChangeLesson(published.id, title="Unit 7"))
    gone = replace(published, changes=(Change(ChangeKind.CANCELLED, BEFORE_TERM, "wang", "停电"),))
    drafted = drafted.rebased(plan(gone, position=2))
    view = drafted.view()
    assert [(c.step, c.occurrence) for c in view.conflicts] == [(1, published.id)]
    assert view.copy.occurrences[published.id] == gone
    assert view.diff == ()
    # What was changed back is as the step wanted it again.
    drafted = drafted.rebased(plan(published, position=3))
    assert drafted.view().conflicts == ()
    assert drafted.copy.occurrences[published.id].title == "Unit 7"
    drafted = drafted.rebased(plan(gone, position=4))
    drafted = drafted.turned(replace(step, undone=True), 2)
    assert (drafted.view().conflicts, drafted.copy.occurrences[published.id]) == ((), gone)


def test_undoing_a_step_in_conflict_does_not_undo_what_was_published() -> None:
    """Somebody published what the step wanted: taking the step back must leave that alone."""
    published = lesson("o-1", day="2026-09-21", seats=["remote-1-r1"])
    drafted = state(published)
    drafted, step = take(drafted, ChangeLesson(published.id, title="Unit 7"))
    drafted = drafted.rebased(plan(step.after.occurrences[published.id], position=2))  # type: ignore[arg-type]
    assert len(drafted.view().conflicts) == 1
    drafted = drafted.turned(replace(step, undone=True), 2)
    assert drafted.copy.occurrences[published.id].title == "Unit 7"
    assert drafted.view().diff == ()


def test_a_lesson_that_leaves_the_term_leaves_the_draft() -> None:
    published = lesson("o-1", day="2026-09-21")
    drafted = state(published)
    away = replace(published, date=TERM.last_day + timedelta(days=3),
                   starts_at=at("09:00", "2026-11-02"),
                   ends_at=at("09:40", "2026-11-02"))  # fmt: skip
    drafted = drafted.rebased(plan(away, position=2))
    assert dict(drafted.copy.occurrences) == {}
    assert len(drafted.index) == 0


def test_a_room_that_was_freed_early_is_free() -> None:
    held = lesson("o-1", day="2026-09-21", seats=["remote-1-r1"])
    drafted = state(held)
    rival = lesson("o-2", "09:30", "10:10", day="2026-09-21", school="host-2", room="host-2-r1",
                   teacher="host-2-t1", seats=["remote-1-r1"])  # fmt: skip
    drafted = drafted.rebased(plan(rival, position=2))
    assert len(drafted.view().blocks) == 1
    drafted = drafted.rebased(TermPlan(3, {}, {}, {held.id: at("09:20", "2026-09-21")}))
    assert drafted.view().blocks == ()


def test_what_is_published_is_only_what_differs() -> None:
    drafted = state()
    drafted, _ = take(drafted, AddSeries(rule()))
    drafted, _ = take(drafted, ChangeLesson(FIRST, title="Unit 7"))
    before, after = drafted.to_publish()
    assert before == Images(dict.fromkeys(after.occurrences), {rule().id: None})
    assert len(after.occurrences) == 8
    assert drafted.authors()[FIRST] == ("li", "")
    renamed = step_of(drafted, ChangeLesson(FIRST, title="Unit"))
    drafted = drafted.taken(renamed, 3)
    assert drafted.to_publish()[1].occurrences[FIRST] == drafted.copy.occurrences[FIRST]


def test_steps_are_numbered_on_and_found_by_number() -> None:
    drafted = state()
    assert drafted.next_seq() == 1
    drafted, step = take(drafted, AddSeries(rule()))
    assert drafted.next_seq() == 2
    assert drafted.marked(1, undone=True) == replace(step, undone=True)
    with pytest.raises(KeyError):
        drafted.marked(7, undone=True)


def test_blocks_of_some_lessons_are_told_once_each() -> None:
    rival = lesson("o-1", "08:20", "09:00", day="2026-09-07", school="host-2", room="host-2-r1",
                   teacher="host-2-t1", seats=["remote-1-r1"])  # fmt: skip
    drafted = state(rival)
    drafted, _ = take(drafted, AddSeries(rule()))
    ids = (FIRST, OccurrenceId("o-1"), OccurrenceId("gone"))
    assert [c.occurrences for c in drafted.blocks_of(ids)] == [(FIRST, "o-1")]


def test_a_view_stays_what_it_was_whatever_is_done_to_the_draft() -> None:
    start = state(RIVAL)
    drafted, step = take(start, AddSeries(rule()))
    view = drafted.view()
    before = contents(view)
    assert len(view.blocks) == 1
    moved = replace(RIVAL, starts_at=at("09:00", "2026-09-14"), ends_at=at("09:40", "2026-09-14"),
                    date=at("09:00", "2026-09-14").date())  # fmt: skip
    undone = replace(step, undone=True)
    act = DraftAct(9, ActKind.UNDO, step.seq, "li", BEFORE_TERM, frozenset(), frozenset())
    unbuilt = {i: replace(c, commissioned_on=TERM.last_day) for i, c in ROSTER.classrooms.items()}
    for later in (
        take(drafted, ChangeLesson(FIRST, title="Unit 7"))[0],
        take(drafted, CancelLesson(FIRST, "停电"))[0],
        drafted.turned(undone, 9),
        drafted.rebased(plan(moved, position=2)),
        drafted.rebased(TermPlan(2, {}, {}, {RIVAL.id: at("08:20", "2026-09-07")})),
        drafted.emptied(9),
        drafted.replayed([act], {}),
        drafted.restarted([undone], 9),
        drafted.with_roster(replace(ROSTER, classrooms=unbuilt)),
    ):
        assert facts(later.view()) != facts(view)
        assert contents(view) == before
    assert drafted.view() is view
    assert contents(start.view()) == contents(state(RIVAL).view())


def test_a_thread_that_reads_sees_one_state_whole_while_others_edit() -> None:
    """The page's threads read while acts follow each other: nothing is torn, nothing half there."""
    drafted, step = take(state(RIVAL), AddSeries(rule()))
    shared = [drafted]
    done = threading.Event()

    def read() -> int:
        read_ = 0
        while not done.is_set() or not read_:
            assert whole(shared[0].view())
            read_ += 1
        return read_

    with ThreadPoolExecutor(2) as readers:
        found = [readers.submit(read) for _ in range(2)]
        try:
            for number in range(60):
                drafted = drafted.turned(replace(step, undone=number % 2 == 0), number)
                drafted = drafted.rebased(plan(RIVAL, position=number))
                shared[0] = drafted
        finally:
            done.set()
    assert all(each.result() for each in found)


_LESSONS = [OccurrenceId(f"eng-2026{d}") for d in ("0907", "0914", "0921")]
_COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from([AddSeries(rule()), AddSeries(rule("maths", 1, 1, n=2)),
                     ChangeSeries(replace(rule(), period=2)),
                     ChangeSeries(replace(rule(), title="Unit 9"))]),
    st.builds(CancelLesson, st.sampled_from(_LESSONS), st.just("停电")),
    st.builds(
        lambda i, p: MoveLesson(i, Place(at("00:00", f"{i[-8:-4]}-{i[-4:-2]}-{i[-2:]}").date(), p),
                                "考试"),
        st.sampled_from(_LESSONS), st.integers(1, 3),
    ),
    st.builds(ChangeLesson, st.sampled_from(_LESSONS), st.sampled_from(["Unit 2", "Unit 3"])),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(st.tuples(_COMMANDS, st.sampled_from(["edit", "undo", "publish", "substitute"]),
                          st.integers(0, 3)), max_size=12))  # fmt: skip
def test_kept_up_is_the_same_as_built_anew(
    acts: list[tuple[Command, str, int]],
) -> None:
    drafted = state()
    position = 1
    kept: list[tuple[DraftView, tuple[object, ...]]] = []
    for command, what, number in acts:
        position += 1
        if what == "undo" and drafted.steps:
            step = drafted.steps[number % len(drafted.steps)]
            later = [s for s in drafted.steps if s.seq > step.seq and not s.undone]
            if not any(s.after.shares(step.after) for s in later):
                turned = replace(step, undone=not step.undone)
                drafted = drafted.turned(turned, drafted.revision + 1)
        elif what == "publish":
            _, after = drafted.to_publish()
            drafted = drafted.emptied(drafted.revision + 1)
            base = drafted.view().base
            rules = {**base.series, **after.series}
            drafted = drafted.rebased(
                TermPlan(
                    position,
                    {i: o for i, o in after.occurrences.items() if o is not None},
                    {i: s for i, s in rules.items() if s is not None},
                    {},
                )
            )
        elif what == "substitute":
            known = [o for o in drafted.view().base.occurrences.values() if o is not None]
            if known:
                one = known[number % len(known)]
                host = replace(one.host, teacher=TeacherId(f"host-1-t{number + 3}"))
                base = drafted.view().base
                drafted = drafted.rebased(
                    TermPlan(
                        position, {one.id: replace(one, host=host)},
                        {i: s for i, s in base.series.items() if s is not None}, {},
                    )
                )  # fmt: skip
        else:
            try:
                drafted, _ = take(drafted, command)
            except ProblemError:
                continue
        assert facts(drafted.view()) == anew(drafted)
        kept.append((drafted.view(), contents(drafted.view())))
    assert all(contents(view) == before for view, before in kept)
