"""One step of one lesson: stored once, acted on, whatever else happens at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.life import Known, seats_gone
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import (
    EndPressed,
    ExtendPressed,
    HostMedia,
    LessonRun,
    LessonState,
)
from sync_classroom.domain.timetable import Change, ChangeKind
from sync_classroom.domain.wanted_rooms import WantedRooms
from tests.support.coordination import Bench, bench, heard
from tests.support.plan_changes import withdraw
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        yield made


async def test_unknown_lesson_is_no_step(table: Bench) -> None:
    assert await table.booth.life.advance(OccurrenceId("o-none")) is None


async def test_nothing_due_writes_nothing_and_says_when_to_come_back(table: Bench) -> None:
    step = await table.booth.life.advance(ONE)
    assert step is not None
    assert step.wake_at == at("08:50")
    assert await table.run_of("o-1") is None
    assert table.relay.rooms == {}


async def test_opening_makes_the_room_and_tells(table: Bench) -> None:
    table.clock.now = at("08:50")
    async with heard(table.bus, "lesson") as messages:
        step = await table.booth.life.advance(ONE)
        await until(lambda: messages)
    assert step is not None
    assert step.run.state is LessonState.OPEN
    assert step.run.version == 1
    assert await table.run_of("o-1") == step.run
    assert list(table.relay.rooms) == ["o-1"]
    assert messages == [{"type": "changed", "occurrence": "o-1", "what": "state"}]


async def test_room_closes_when_the_host_ends(table: Bench) -> None:
    table.clock.now = at("08:50")
    await table.booth.life.advance(ONE, HostMedia(True))
    table.clock.now = at("09:20")
    step = await table.booth.life.advance(ONE, EndPressed())
    assert step is not None
    assert step.run.state is LessonState.ENDED
    assert step.run.ended_at == at("09:20")
    assert table.relay.rooms == {}
    assert table.relay.deleted == ["o-1"]


async def test_relay_down_at_open_time_stores_the_step_and_leaves_the_room_for_later(
    table: Bench,
) -> None:
    table.clock.now = at("08:50")
    table.relay.down = True
    step = await table.booth.life.advance(ONE)
    assert step is not None
    assert await table.state_of("o-1") == "open"
    assert not table.booth.rooms.placed(ONE)


async def test_simultaneous_steps_store_one_transition(table: Bench, tmp_path: Path) -> None:
    table.clock.now = at("08:50")
    async with bench(
        tmp_path, store=table.store, bus=table.bus, relay=table.relay, clock=table.clock
    ) as other:
        steps = await asyncio.gather(
            *(b.booth.life.advance(ONE) for b in (table, other) for _ in range(5))
        )
    run = await table.run_of("o-1")
    assert run is not None
    assert run.version == 1
    assert all(s is not None and s.run == run for s in steps)


async def test_two_coordinators_pressing_extend_at_once_add_both_presses(
    table: Bench, tmp_path: Path
) -> None:
    table.clock.now = at("09:00")
    await table.booth.life.advance(ONE, HostMedia(True))
    async with bench(
        tmp_path, store=table.store, bus=table.bus, relay=table.relay, clock=table.clock
    ) as other:
        await asyncio.gather(
            table.booth.life.advance(ONE, ExtendPressed()),
            other.booth.life.advance(ONE, ExtendPressed()),
        )
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 600


async def test_next_booking_of_the_host_room_ends_the_lesson_in_time(table: Bench) -> None:
    await table.add(lesson("o-2", "09:42", "10:20", teacher="host-1-t2", seats=["far-1-r2"]))
    table.clock.now = at("09:00")
    step = await table.booth.life.advance(ONE, HostMedia(True))
    assert step is not None
    assert step.wake_at == at("09:42")
    table.clock.now = at("09:42")
    step = await table.booth.life.advance(ONE)
    assert step is not None
    assert (step.run.state, step.run.end_reason) == (LessonState.ENDED, "next_booking")


async def test_seat_with_a_next_lesson_is_gone_when_that_starts_and_alone(table: Bench) -> None:
    after = lesson(
        "o-2", "09:42", "10:20", room="host-1-r2", teacher="host-1-t2", seats=["far-2-r1"]
    )
    live = LessonRun(ONE, LessonState.LIVE, live_at=at("09:00"))
    around = (LESSON, after)
    rules = table.booth.life.rules
    assert seats_gone(live, LESSON, WantedRooms(around), rules, at("09:41:59")) == frozenset()
    assert seats_gone(live, LESSON, WantedRooms(around), rules, at("09:42")) == {LESSON.seats[1].id}
    assert seats_gone(live, LESSON, WantedRooms([LESSON]), rules, at("09:44")) == frozenset()
    over = LessonRun(ONE, LessonState.ENDED, live_at=at("09:00"), ended_at=at("09:42"))
    assert seats_gone(over, LESSON, WantedRooms(around), rules, at("09:43")) == frozenset()


async def test_many_lessons_are_stored_in_one_go_and_each_is_told(table: Bench) -> None:
    bell = [lesson(f"o-{n}", room=f"host-1-r{n}", teacher=f"host-1-t{n}") for n in (2,)]
    await table.add(*bell, lesson("o-3", "11:00", "11:40", seats=["far-1-r3"]))
    await table.lease.renew()
    table.clock.now = at("08:50")
    asked = {ONE: None, OccurrenceId("o-2"): HostMedia(True), OccurrenceId("o-3"): None}
    async with heard(table.bus, "lesson") as messages:
        steps = await table.booth.life.advance_all(
            {**asked, OccurrenceId("o-none"): None}, epoch=table.lease.epoch
        )
        await until(lambda: len(messages) == 2)
    assert {name: step.run.state for name, step in steps.items()} == {
        "o-1": LessonState.OPEN, "o-2": LessonState.LIVE, "o-3": LessonState.PLANNED
    }  # fmt: skip
    assert steps[OccurrenceId("o-3")].wake_at == at("10:50")
    assert await table.store.runs_of(asked) == {
        name: step.run for name, step in steps.items() if name != "o-3"
    }
    assert sorted(str(m["occurrence"]) for m in messages) == ["o-1", "o-2"]
    assert table.relay.rooms == {}  # rooms are the caller's


async def test_a_run_that_is_not_as_it_was_known_is_read_and_the_plan_with_it(
    table: Bench,
) -> None:
    await table.lease.renew()
    table.clock.now = at("08:51")
    gone = Change(ChangeKind.CANCELLED, table.clock(), "u", "停电")
    await withdraw(table.store, ONE, gone)
    assert (await table.booth.life.advance(ONE)) is not None
    old = Known({ONE: LESSON}, WantedRooms(), {})
    steps = await table.booth.life.advance_all({ONE: None}, epoch=table.lease.epoch, known=old)
    assert steps[ONE].run.state is LessonState.CANCELLED
    assert await table.state_of("o-1") == "cancelled"
