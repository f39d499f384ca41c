"""Marks, results and sums as rows; that they add up is tests/coordinator/test_rollups.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import HostMedia, JournalGap, PushProgress, PushStep
from sync_classroom.domain.ids import (
    ClassroomId,
    FactId,
    OccurrenceId,
    PushId,
    SchoolId,
    TargetId,
)
from sync_classroom.domain.judging import Judged, LessonAside, judge
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence, Plan
from sync_classroom.store.database import Database
from sync_classroom.store.rollups import kept_spans
from tests.support.coordination import roster
from tests.support.plan_changes import book, changing, mark_stale, withdraw
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio

ONE = lesson("o-1", "09:00", "09:40", seats=["far-1-r1", "far-1-r2"])
TWO = lesson(
    "o-2", "10:00", "10:40", school="host-2", room="host-2-r1", teacher="host-2-t1",
    seats=["far-1-r1"],
)  # fmt: skip
DAY = ONE.date
NOW = at("12:00")


async def planned(store: Database) -> None:
    await store.apply_roster(roster())
    await book(store, ONE, key="k1", gap_s=0)
    await book(store, TWO, key="k2", gap_s=0)


async def marks(store: Database) -> list[str]:
    return sorted({str(lesson_id) for _, lesson_id in await store.stale_lessons(100)})


async def done(store: Database) -> None:
    seen = await store.stale_lessons(1000)
    found = Judged(frozenset(o for _, o in seen), {1: ()}, ())
    assert await store.store_results([n for n, _ in seen], found)
    assert await store.stale_count() == 0


def media(of: str, ident: str = "h") -> HostMedia:
    return HostMedia(FactId(ident), OccurrenceId(of), at("09:00"), at("09:10"), 9, 9)


async def test_whatever_may_change_a_result_marks_its_lessons(store: Database) -> None:
    await planned(store)
    assert await marks(store) == ["o-1", "o-2"]
    await done(store)
    await store.append_facts([media("o-1"), media("unknown", "u")], received_at=NOW)
    assert await marks(store) == ["o-1", "unknown"]
    await done(store)
    await store.append_facts([media("o-1")], received_at=NOW)
    assert await marks(store) == []
    opened = PushProgress(FactId("p"), PushStep.OPENED, PushId("p"), TargetId("t"), NOW)
    gap = JournalGap(FactId("g"), "relay-1", at("10:39"), at("11:00"))
    await store.append_facts([opened, gap], received_at=NOW)
    assert await marks(store) == ["o-2"]
    await done(store)
    change = Change(ChangeKind.CANCELLED, NOW, "a", "停电")
    await withdraw(store, "o-1", change)
    assert await marks(store) == ["o-1"]


async def test_a_lesson_that_goes_elsewhere_marks_what_it_shared_a_room_with(
    store: Database,
) -> None:
    await planned(store)
    await done(store)
    later = timedelta(hours=5)
    moved = replace(ONE, starts_at=ONE.starts_at + later, ends_at=ONE.ends_at + later)
    await store.change_plan(changing(ONE, moved, key="k3"), gap_s=0)
    assert await marks(store) == ["o-1"]
    await done(store)
    # A lesson of the same hour in the same room; as the plan knew no better then.
    beside = replace(moved, starts_at=TWO.starts_at, ends_at=TWO.ends_at, changes=(
        Change(ChangeKind.CANCELLED, NOW, "a", "停电"),
    ))  # fmt: skip
    await store.change_plan(changing(moved, beside, key="k4"), gap_s=0)
    await done(store)
    away = replace(beside, starts_at=moved.starts_at, ends_at=moved.ends_at)
    await store.change_plan(changing(beside, away, key="k5"), gap_s=0)
    assert await marks(store) == ["o-1", "o-2"]


async def test_a_classroom_of_another_school_has_its_lessons_counted_again(
    store: Database,
) -> None:
    await planned(store)
    await done(store)
    known = roster()
    await store.apply_roster(known)
    assert await marks(store) == []
    room = replace(known.classrooms[ClassroomId("far-1-r2")], school=SchoolId("far-2"))
    await store.apply_roster(replace(known, classrooms={**known.classrooms, room.id: room}))
    assert await marks(store) == ["o-1"]
    assert await store.schools_of([room.id]) == {room.id: "far-2"}


async def test_lessons_that_share_a_room_come_along_down_the_chain(store: Database) -> None:
    await planned(store)
    assert [o.id for o in await store.sharing_rooms([ONE.id])] == ["o-1"]
    assert await store.sharing_rooms([OccurrenceId("unknown")]) == []
    assert await store.plan_dates() == (DAY, DAY)


async def judged(store: Database, *lessons: Occurrence) -> Judged:
    plan = Plan(occurrences={o.id: o for o in lessons})
    facts = await store.facts_of([o.id for o in lessons])
    evidence = {1: Evidence.of(facts)}
    return judge([], plan, evidence, lambda room: SchoolId(str(room)[:5]), {1: DEFAULT})


async def test_results_are_stored_only_by_whom_nobody_overtook(store: Database) -> None:
    await planned(store)
    seen = [number for number, _ in await store.stale_lessons(100)]
    found = await judged(store, ONE, TWO)
    assert await store.store_results(seen, found)
    assert not await store.store_results(seen, Judged(found.lessons, {1: ()}, ()))
    kept = await store.results_of([ONE.id, TWO.id])
    assert sorted(kept, key=lambda r: r.seat) == sorted(found.results[1], key=lambda r: r.seat)


async def test_a_lesson_set_aside_is_passed_over_for_a_while_and_keeps_one_mark(
    store: Database,
) -> None:
    await planned(store)
    await mark_stale(store, [ONE.id])
    await mark_stale(store, [ONE.id])
    own = [number for number, lesson_id in await store.stale_lessons(100) if lesson_id == ONE.id]
    assert len(own) == 3
    for error in ("ValueError: a", "ValueError: b"):
        await store.set_aside(ONE.id, own, at=NOW, error=error)
    assert await store.lessons_aside(9) == [LessonAside(ONE.id, NOW, "ValueError: b")]
    before, after = NOW - timedelta(seconds=1), NOW
    assert [o for _, o in await store.stale_lessons(100, tried=before)] == [TWO.id]
    tried_again = await store.stale_lessons(100, tried=after)
    assert sorted(tried_again) == sorted(await store.stale_lessons(100))
    assert [number for number, lesson_id in tried_again if lesson_id == ONE.id] == own[-1:]
    await store.store_results(own[-1:], await judged(store, ONE))
    assert await store.lessons_aside(9) == []


async def test_weeks_and_months_are_read_only_while_their_days_stand(store: Database) -> None:
    await planned(store)
    await done(store)
    await mark_stale(store, [ONE.id])
    [(number, _)] = await store.stale_lessons(10)
    await store.store_results([number], await judged(store, ONE))
    wanted = [(1, "week", date(2026, 11, 23)), (1, "month", date(2026, 11, 1))]
    assert await store.spans_to_roll([1], DAY) == wanted
    assert await store.spans_to_roll([2], DAY) == []
    for span in wanted:
        await store.roll_span(*span)
    assert await store.spans_to_roll([1], DAY) == []
    month = date(2026, 11, 1), date(2026, 11, 30)
    assert (await store.rolled(*month)).groups.total.due_periods == 2
    await mark_stale(store, [TWO.id])
    [(number, _)] = await store.stale_lessons(10)
    await store.store_results([number], await judged(store, TWO))
    assert await store.spans_to_roll([1], DAY) == wanted
    assert (await store.rolled(*month)).groups.total.due_periods == 3


async def test_a_half_of_a_school_year_is_summed_when_it_is_over(store: Database) -> None:
    await planned(store)
    seen = [number for number, _ in await store.stale_lessons(100)]
    await store.store_results(seen, await judged(store, ONE, TWO))
    year = date(2026, 9, 1), date(2027, 8, 31)
    by_days = await store.rolled(*year)
    half = (1, "half", date(2026, 9, 1))
    assert half not in await store.spans_to_roll([1], date(2027, 2, 28))
    wanted = await store.spans_to_roll([1], date(2027, 3, 1))
    assert wanted[-1] == half
    for span in wanted:
        await store.roll_span(*span)
    async with store._database.engine.connect() as connection:
        kept = await kept_spans(connection, 1, *year)
    assert kept["half"] == {date(2026, 9, 1)}
    assert await store.rolled(*year) == by_days
    await mark_stale(store, [ONE.id])
    [(number, _)] = await store.stale_lessons(10)
    await store.store_results([number], await judged(store, ONE))
    assert half in await store.spans_to_roll([1], date(2027, 3, 1))
    assert await store.rolled(*year) == by_days
