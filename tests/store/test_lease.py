"""One holder at a time, by the database's clock; the epoch counts changes of hands."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import text

from sync_classroom.store.database import Database, open_store

pytestmark = pytest.mark.asyncio


async def expire(store: Database) -> None:
    """Let the lease run out, as time would."""
    async with store._database.write() as connection:
        await connection.execute(text("UPDATE leases SET expires_at = expires_at - 3600000000"))


async def test_the_first_to_ask_holds_it_for_the_time_asked(store: Database) -> None:
    before = datetime.now(UTC)
    lease = await store.hold_lease("a", for_s=30.5)
    after = datetime.now(UTC)
    assert (lease.holder, lease.epoch) == ("a", 1)
    # SQLite's clock is exact to the millisecond.
    slack = timedelta(milliseconds=1)
    length = timedelta(seconds=30.5)
    assert before + length - slack <= lease.expires_at <= after + length + slack


async def test_another_is_told_who_holds_it_and_takes_nothing(store: Database) -> None:
    held = await store.hold_lease("a", for_s=30)
    assert await store.hold_lease("b", for_s=3000) == held


async def test_renewing_moves_the_end_and_keeps_the_epoch(store: Database) -> None:
    first = await store.hold_lease("a", for_s=30)
    renewed = await store.hold_lease("a", for_s=60)
    assert (renewed.holder, renewed.epoch) == ("a", 1)
    assert renewed.expires_at >= first.expires_at + timedelta(seconds=30)
    shorter = await store.hold_lease("a", for_s=1)
    assert shorter.expires_at < first.expires_at


async def test_an_expired_lease_goes_to_the_next_with_a_new_epoch(store: Database) -> None:
    await store.hold_lease("a", for_s=30)
    await expire(store)
    taken = await store.hold_lease("b", for_s=30)
    assert (taken.holder, taken.epoch) == ("b", 2)
    assert await store.hold_lease("a", for_s=30) == taken


async def test_an_expired_lease_that_nobody_took_is_still_the_same_reign(store: Database) -> None:
    await store.hold_lease("a", for_s=30)
    await expire(store)
    again = await store.hold_lease("a", for_s=30)
    assert (again.holder, again.epoch) == ("a", 1)


async def test_a_released_lease_is_free_at_once(store: Database) -> None:
    await store.hold_lease("a", for_s=30)
    await store.release_lease("b")
    assert (await store.hold_lease("b", for_s=30)).holder == "a"
    await store.release_lease("a")
    taken = await store.hold_lease("b", for_s=30)
    assert (taken.holder, taken.epoch) == ("b", 2)


async def test_releasing_what_was_never_held_does_nothing(store: Database) -> None:
    await store.release_lease("a")
    assert (await store.hold_lease("b", for_s=30)).epoch == 1


async def test_holders_racing_for_a_free_lease_agree_on_one(
    store: Database, database_url: str
) -> None:
    rivals = [await open_store(database_url, data_dir=None) for _ in range(8)]
    for epoch in (1, 2, 3):
        leases = await asyncio.gather(
            *(r.hold_lease(f"{epoch}-{n}", for_s=30) for n, r in enumerate(rivals))
        )
        assert len(set(leases)) == 1
        assert leases[0].epoch == epoch
        await expire(store)
    for rival in rivals:
        await rival.close()


async def test_a_coordinator_s_own_clock_does_not_matter(store: Database) -> None:
    held = await store.hold_lease("a", for_s=30)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=1), tick=True):
        assert await store.hold_lease("b", for_s=30) == held
