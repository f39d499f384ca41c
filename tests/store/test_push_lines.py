"""A line's time is given out once, its secret is one, and what went over it adds up."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from sync_classroom.domain.ids import PushId, ResourceId, SchoolId, TargetId
from sync_classroom.domain.school_lines import Carried
from sync_classroom.domain.timetable import Push, PushTarget
from sync_classroom.store.database import Database, open_store
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
HERE, THERE = SchoolId("remote-1"), SchoolId("remote-2")


async def test_grants_of_a_line_come_one_after_the_other_and_other_lines_are_free(
    store: Database,
) -> None:
    await store.apply_roster(programme())
    assert await store.reserve_line(HERE, for_s=1000) == 0
    # Whatever time the test itself takes is gone from what is to be waited.
    assert 900 < await store.reserve_line(HERE, for_s=5000.5) <= 1000
    assert 5900 < await store.reserve_line(HERE, for_s=1) <= 6000.5
    assert await store.reserve_line(THERE, for_s=1) == 0


async def test_coordinators_that_ask_together_are_granted_different_times(
    store: Database, database_url: str
) -> None:
    await store.apply_roster(programme())
    rivals = [await open_store(database_url, data_dir=None) for _ in range(4)]
    try:
        waits = await asyncio.gather(*(r.reserve_line(HERE, for_s=1000) for r in rivals))
    finally:
        for rival in rivals:
            await rival.close()
    assert [-(-wait // 1000) for wait in sorted(waits)] == [0, 1, 2, 3]


async def test_time_that_nobody_used_is_not_saved_up(store: Database) -> None:
    await store.apply_roster(programme())
    await store.reserve_line(HERE, for_s=1000)
    async with store._database.write() as connection:
        await connection.execute(text("UPDATE push_lines SET free_at = free_at - 3600000000"))
    assert await store.reserve_line(HERE, for_s=1000) == 0
    assert 900 < await store.reserve_line(HERE, for_s=1) <= 1000


async def test_the_first_secret_stays_and_says_whose_it_is(store: Database) -> None:
    await store.apply_roster(programme())
    await store.reserve_line(HERE, for_s=1)
    made = await asyncio.gather(*(store.line_token(HERE, f"s{n}") for n in range(4)))
    assert len(set(made)) == 1
    assert await store.line_token(HERE, "later") == made[0]
    assert await store.line_token(THERE, "other") == "other"
    assert await store.school_of_line(made[0]) == HERE
    assert await store.school_of_line("other") == THERE
    assert await store.school_of_line("none") is None


async def test_what_went_over_lines_adds_up(store: Database) -> None:
    await store.apply_roster(programme())
    target = PushTarget(TargetId("t1"), HERE)
    push = Push(PushId("p-1"), ResourceId("r"), "英语", "补", at("10:00"), 3, (target,))
    await store.add_pushes([push], key="k")
    await store.add_carried([])
    await store.add_carried(
        [Carried(push.id, HERE, False, 2**33), Carried(push.id, THERE, True, 1)]
    )
    await store.add_carried([Carried(push.id, HERE, False, 5), Carried(push.id, HERE, True, 7)])
    assert await store.carried_of(push.id) == [
        Carried(push.id, HERE, False, 2**33 + 5),
        Carried(push.id, HERE, True, 7),
        Carried(push.id, THERE, True, 1),
    ]
    assert await store.carried_of(PushId("none")) == []
