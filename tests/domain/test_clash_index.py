from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.clash_index import ClashIndex
from sync_classroom.domain.conflicts import clashes_in, clashes_of
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.naive_clashes import naive_clashes, small_plans
from tests.support.plans import at, lesson


def moved(occurrence: Occurrence, minutes: int) -> Occurrence:
    by = timedelta(minutes=minutes)
    return replace(occurrence, starts_at=occurrence.starts_at + by, ends_at=occurrence.ends_at + by)


def test_an_index_answers_as_the_whole_check_does() -> None:
    plan = [lesson(i, f"{h}:00", f"{h + 1}:30") for i, h in [("b", 10), ("a", 11), ("c", 12)]]
    index = ClashIndex(plan)
    assert index.clashes() == clashes_in(plan)
    assert [c.occurrences for c in index.clashes_of(plan[1])] == [
        ("b", "a"),
        ("b", "a"),
        ("a", "c"),
        ("a", "c"),
    ]


def test_moving_a_lesson_away_and_back_leaves_what_was() -> None:
    a, b = lesson("a", "09:00", "09:40"), lesson("b", "09:20", "10:00")
    index = ClashIndex([a, b])
    before = index.clashes()
    assert len(before) == 2
    assert index.put(moved(b, 20)) == ()
    assert index.clashes() == ()
    assert index.put(b) == before
    assert index.clashes() == before


def test_a_discarded_lesson_is_gone_and_another_may_be_unknown() -> None:
    a, b = lesson("a"), lesson("b")
    index = ClashIndex([a, b])
    index.discard(a.id)
    index.discard(OccurrenceId("never-there"))
    assert index.clashes() == ()
    assert (len(index), a.id in index, b.id in index) == (1, False, True)
    assert (index.get(a.id), index.get(b.id)) == (None, b)
    assert list(index) == [b]
    assert len(index.clashes_of(a)) == 2


def test_an_older_version_of_the_candidate_is_passed_over() -> None:
    a = lesson("a", "09:00", "09:40")
    index = ClashIndex([a])
    assert index.clashes_of(moved(a, 10)) == ()


def test_alternate_weeks_never_clash() -> None:
    odd, even = lesson("a", day="2026-11-23"), lesson("b", day="2026-11-30")
    assert ClashIndex([odd, even]).clashes() == ()


def test_a_withdrawn_lesson_blocks_nothing_and_restored_it_does() -> None:
    a, b = lesson("a"), lesson("b")
    gone = replace(a, changes=(Change(ChangeKind.CANCELLED, at("08:00"), "admin", ""),))
    index = ClashIndex([gone, b])
    assert index.clashes() == ()
    assert len(index.put(a)) == 2


def test_a_lesson_of_a_whole_term_clashes_with_a_short_one_in_the_middle() -> None:
    term = replace(lesson("a"), ends_at=at("09:40", "2027-01-20"))
    short = [lesson(f"s{n}", "10:00", "10:40", day=f"2026-12-{n:02}") for n in range(1, 32)]
    index = ClashIndex([*short, term])
    assert len(index.clashes_of(short[20])) == 2
    assert len(index.clashes()) == 62
    assert index.clashes() == clashes_in([term, *short])


@pytest.mark.parametrize(("gap_s", "found"), [(0, 0), (300, 0), (301, 2)])
def test_a_gap_is_kept_on_both_sides(gap_s: int, found: int) -> None:
    a, b = lesson("a", "09:00", "09:40"), lesson("b", "09:45", "10:25")
    index = ClashIndex(gap_s=gap_s)
    index.put(b)
    assert len(index.clashes_of(a)) == found
    index.put(a)
    assert len(index.clashes_of(b)) == len(index.clashes()) == found


def test_a_lesson_that_ended_early_frees_its_rooms() -> None:
    a, b = lesson("a", "09:00", "09:40"), lesson("b", "09:20", "10:00")
    freed = {}
    index = ClashIndex([a, b], freed=freed)
    assert len(index.clashes()) == 2
    freed[a.id] = at("09:20")
    assert index.put(a) == ()
    freed[a.id] = at("08:00")
    assert index.put(a) == ()
    assert index.clashes() == ()


@st.composite
def _edits(draw: st.DrawFn) -> tuple[list[Occurrence], list[tuple[str, int, int]]]:
    plan = draw(small_plans())
    edit = st.tuples(
        st.sampled_from(["move", "put", "discard"]),
        st.integers(0, max(0, len(plan) - 1)),
        st.integers(-60, 60),
    )
    return plan, draw(st.lists(edit, max_size=12)) if plan else []


@given(_edits(), st.sampled_from([0, 5]))
def test_after_any_edits_the_index_is_as_the_plan_counted_minute_by_minute(
    given_: tuple[list[Occurrence], list[tuple[str, int, int]]], gap: int
) -> None:
    plan, edits = given_
    index = ClashIndex(gap_s=gap * 60)
    now: dict[OccurrenceId, Occurrence] = {}
    for what, number, minutes in [*(("put", n, 0) for n in range(len(plan))), *edits]:
        lesson_ = plan[number]
        if what == "discard":
            now.pop(lesson_.id, None)
            index.discard(lesson_.id)
        else:
            changed = moved(lesson_, minutes) if what == "move" else lesson_
            now[lesson_.id] = changed
            assert index.clashes_of(changed) == clashes_of(changed, now.values(), gap_s=gap * 60)
            index.put(changed)
        assert index.clashes() == clashes_in(now.values(), gap_s=gap * 60)
    found = {(c.kind.value, c.resource, *c.occurrences) for c in index.clashes()}
    assert found == naive_clashes(list(now.values()), gap)
    for ident in list(now):
        index.discard(ident)
    assert (len(index), index.clashes()) == (0, ())
    assert all(index.clashes_of(o) == clashes_of(o, []) for o in plan)


@given(_edits(), st.sampled_from([0, 5]))
def test_a_fork_and_what_it_came_from_change_each_for_itself(
    made: tuple[list[Occurrence], list[tuple[str, int, int]]], gap: int
) -> None:
    plan, edits = made
    root = ClashIndex(plan, gap_s=gap * 60)
    standing = {o.id: o for o in plan}
    branches = [(root, standing), (root.fork(), dict(standing))]
    for number, (what, which, minutes) in enumerate(edits):
        index, lessons = branches[number % len(branches)]
        occurrence = plan[which]
        if what == "discard":
            index.discard(occurrence.id)
            lessons.pop(occurrence.id, None)
        else:
            changed = moved(occurrence, minutes if what == "move" else 0)
            index.put(changed)
            lessons[changed.id] = changed
        if number % 3 == 2:
            branches.append((index.fork(), dict(lessons)))
    for index, lessons in branches:
        alone = ClashIndex(lessons.values(), gap_s=gap * 60)
        assert {o.id: o for o in index} == lessons
        assert index.clashes() == alone.clashes() == clashes_in(lessons.values(), gap_s=gap * 60)
        for occurrence in plan:
            assert index.clashes_of(occurrence) == alone.clashes_of(occurrence)


def test_a_fork_reads_the_lessons_freed_it_is_given() -> None:
    a, b = lesson("a", "09:00", "09:40"), lesson("b", "09:20", "10:00")
    index = ClashIndex([a, b])
    fork = index.fork(freed={a.id: at("09:20")})
    assert fork.put(a) == ()
    assert (len(index.clashes()), fork.clashes()) == (2, ())
