"""What is going on, as read and as stepped since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.going_on import GoingOn
from sync_classroom.domain.ids import ClassroomId, OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.timetable import Change, ChangeKind
from tests.support.coordination import Bench, bench
from tests.support.plan_changes import withdraw
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1"])
LIVE = LessonRun(ONE, LessonState.LIVE, at("08:50"), at("09:00"))


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        yield made


async def looked(table: Bench, now: datetime) -> GoingOn:
    made = GoingOn(table.store)
    await made.look(now, now + timedelta(minutes=25))
    return made


async def test_what_is_over_is_not_going_on(table: Bench) -> None:
    assert list((await looked(table, at("08:40"))).lessons) == ["o-1"]
    await table.store.save_run(replace(LIVE, state=LessonState.ENDED))
    found = await looked(table, at("08:40"))
    assert found.lessons == {}
    assert found.known([ONE]) is None


async def test_a_lesson_long_past_that_nobody_ended_is_still_going_on(table: Bench) -> None:
    await table.store.save_run(LIVE)
    found = await looked(table, at("09:00", "2026-12-23"))
    assert found.lessons == {ONE: LESSON}
    assert found.run_of(ONE) == replace(LIVE, version=1)


async def test_a_room_wanted_by_a_lesson_that_is_over_already_was_wanted_all_the_same(
    table: Bench,
) -> None:
    await table.store.save_run(LIVE)
    after = lesson("o-2", "09:42", "10:20", teacher="host-1-t2", seats=["far-1-r2"])
    await table.add(after)
    await table.store.save_run(LessonRun(after.id, LessonState.ENDED))
    found = await looked(table, at("09:50"))
    assert list(found.lessons) == ["o-1"]
    assert found.around.next(ClassroomId("host-1-r1"), after=LESSON.ends_at) == at("09:42")


async def test_the_plan_says_something_new_when_a_lesson_comes_or_changes_but_not_with_time(
    table: Bench,
) -> None:
    made = GoingOn(table.store)

    async def says_new(now: datetime) -> bool:
        return await made.look(now, now + timedelta(minutes=25))

    assert not await says_new(at("08:20"))  # nothing within reach
    assert not await says_new(at("08:40"))  # came within reach by the time alone
    await table.add(lesson("o-2", "08:30", "08:50", room="host-1-r2", teacher="host-1-t2"))
    assert await says_new(at("08:41"))
    assert not await says_new(at("08:42"))
    gone = Change(ChangeKind.CANCELLED, at("08:42"), "u", "停电")
    await withdraw(table.store, ONE, gone, key="k")
    assert await says_new(at("08:43"))
    assert not await says_new(at("08:44"))


async def test_a_step_stored_while_a_look_was_reading_is_not_taken_back(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = GoingOn(table.store)
    honest = table.store.occurrences_of

    async def late(wanted: Any) -> Any:
        made.stepped(replace(LIVE, version=1))  # the runs were read already
        return await honest(wanted)

    monkeypatch.setattr(table.store, "occurrences_of", late)
    await made.look(at("09:01"), at("09:26"))
    assert made.runs == {ONE: replace(LIVE, version=1)}


async def test_an_older_run_does_not_replace_a_newer_one(table: Bench) -> None:
    made = await looked(table, at("09:01"))
    assert not made.stepped(replace(LIVE, version=2))
    assert not made.stepped(replace(LIVE, version=1, extended_s=300))
    assert made.run_of(ONE) == replace(LIVE, version=2)
    assert not made.stepped(replace(LIVE, version=3, state=LessonState.ENDED))
    assert made.runs == {}


async def test_a_step_decided_before_the_end_does_not_bring_the_lesson_back(table: Bench) -> None:
    """A button ends the lesson while a bell, decided before, is still being stored."""
    await table.store.save_run(LIVE)
    made = await looked(table, at("09:01"))
    before = made.run_of(ONE)
    ended = replace(before, state=LessonState.ENDED)
    stored = await table.store.save_run(ended)
    assert stored is not None
    made.stepped(stored)
    assert not made.stepped(before)
    assert made.runs == {}
    # Nor when the plan was looked at in between.
    await made.look(at("09:02"), at("09:27"))
    assert not made.stepped(before)
    assert made.runs == {}


async def test_a_lesson_that_was_not_read_asks_for_a_look(table: Bench) -> None:
    made = await looked(table, at("06:00"))
    assert made.stepped(replace(LIVE, version=2))
    made.forget()
    assert made.runs == {}
