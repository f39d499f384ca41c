"""What is read of the kept sums; that they are right is tests/coordinator/test_rollups.py."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.ids import ClassroomId, SchoolId, TeacherId
from sync_classroom.domain.judging import Judged
from sync_classroom.domain.modes import Meeting
from sync_classroom.domain.rollup import Tally
from sync_classroom.store.database import Database
from tests.store.test_rollups import DAY, ONE, TWO, judged, planned

pytestmark = pytest.mark.asyncio


async def test_nothing_kept_is_nothing_held(store: Database) -> None:
    found = await store.rolled(DAY, DAY)
    assert (found.rules, found.groups.total, found.meetings) == (1, Tally(), ())
    assert found.groups.by_week == {}


async def test_seats_are_found_by_school_room_state_and_place(store: Database) -> None:
    await planned(store)
    seen = [number for number, _ in await store.stale_lessons(100)]
    await store.store_results(seen, await judged(store, ONE, TWO))
    every = await store.seat_results(DAY, DAY, limit=10)
    assert [r.seat for r in every] == ["o-1-s0", "o-1-s1", "o-2-s0"]
    last = (every[0].date, every[0].occurrence, every[0].seat)
    assert await store.seat_results(DAY, DAY, after=last, limit=1) == every[1:2]
    room = await store.seat_results(DAY, DAY, classroom=ClassroomId("far-1-r2"), limit=10)
    assert room == every[1:2]
    assert await store.seat_results(DAY, DAY, school=SchoolId("far-9"), limit=10) == []
    held = await store.seat_results(DAY, DAY, states=[SeatState.HELD], limit=10)
    missed = await store.seat_results(DAY, DAY, states=[SeatState.MISSED], limit=10)
    assert (held, missed) == ([], every)
    assert await store.seat_results(DAY + timedelta(days=1), DAY, limit=10) == []


async def test_the_weeks_of_a_place_add_up_to_it_before_and_after_they_are_summed(
    store: Database,
) -> None:
    await planned(store)
    seen = [number for number, _ in await store.stale_lessons(100)]
    await store.store_results(seen, await judged(store, ONE, TWO))
    first, last = DAY - timedelta(days=10), DAY + timedelta(days=10)
    spans = await store.spans_to_roll([1], DAY)
    assert len(spans) == 2
    for span in (None, *spans):
        if span is not None:
            await store.roll_span(*span)
        groups = (await store.rolled(first, last)).groups
        assert groups.by_week["2026-W48"].due_periods == 3
        for school, sums in groups.by_school.items():
            weeks = await store.weeks_of_place(first, last, school=school)
            assert weeks == {"2026-W48": replace(sums, pupils_reached=0)}
        for room, sums in groups.by_classroom.items():
            weeks = await store.weeks_of_place(first, last, classroom=room)
            assert weeks == {"2026-W48": replace(sums, pupils_reached=0)}
        assert len(groups.by_classroom) == 2
    assert await store.weeks_of_place(first, last, classroom=ClassroomId("far-9")) == {}
    assert await store.weeks_of_place(last, last, school=SchoolId("far-1")) == {}


async def test_meetings_are_found_by_their_day(store: Database) -> None:
    await planned(store)
    seen = [number for number, _ in await store.stale_lessons(100)]
    met = Meeting(ONE.id, DAY, {TeacherId("t"): ((10, 20), (30, 50))})
    await store.store_results(seen, Judged(frozenset({ONE.id}), {1: ()}, (met,)))
    assert await store.meetings_on(DAY, DAY) == (met,)
    assert await store.meetings_on(DAY + timedelta(days=1), DAY + timedelta(days=9)) == ()
