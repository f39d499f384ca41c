"""One coordinator leads; one that dies or loses its database stops leading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.domain.accounts import Lease
from sync_classroom.store.database import Database, open_store
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    opened = await open_store(database_url, data_dir=None)
    yield opened
    await opened.close()


async def test_a_single_coordinator_leads_at_once(store: Database) -> None:
    keeper = LeaseKeeper(store, "one")
    assert not keeper.leading
    assert await keeper.renew()
    assert keeper.leading
    assert keeper.reigns == 1


async def test_renewing_is_one_reign(store: Database) -> None:
    keeper = LeaseKeeper(store, "one")
    for _ in range(3):
        await keeper.renew()
    assert keeper.reigns == 1


async def test_of_two_coordinators_one_leads(store: Database) -> None:
    one, two = LeaseKeeper(store, "one"), LeaseKeeper(store, "two")
    assert await one.renew()
    assert not await two.renew()
    assert (one.leading, two.leading) == (True, False)


async def test_clean_stop_hands_over_at_once(store: Database) -> None:
    one, two = LeaseKeeper(store, "one"), LeaseKeeper(store, "two")
    task = asyncio.create_task(one.run())
    await asyncio.wait_for(one.reign_after(0), PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not one.leading
    assert await two.renew()
    assert two.epoch > one.epoch


async def test_a_leader_that_was_followed_does_not_take_the_others_epoch_for_its_own(
    store: Database,
) -> None:
    one, two = LeaseKeeper(store, "one", for_s=0.0), LeaseKeeper(store, "two")
    await one.renew()
    assert await two.renew()
    assert not await one.renew()
    assert (one.epoch, two.epoch) == (1, 2)


async def test_a_leader_that_the_store_refused_stops_until_it_has_the_lease_again(
    store: Database,
) -> None:
    keeper = LeaseKeeper(store, "one")
    await keeper.renew()
    keeper.lost()
    assert not keeper.leading
    assert await keeper.renew()
    assert keeper.reigns == 2


async def test_killed_leader_is_followed_when_its_lease_runs_out(store: Database) -> None:
    now = [1000.0]
    one = LeaseKeeper(store, "one", for_s=0.5, monotonic=lambda: now[0])
    two = LeaseKeeper(store, "two", renew_s=0.05)
    await one.renew()
    task = asyncio.create_task(two.run())
    await asyncio.wait_for(two.reign_after(0), PATIENCE_S)
    # The dead leader's own clock stood still; it finds out when it asks again.
    assert not await one.renew()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Failing:
    """A lease store that can be made to fail."""

    def __init__(self) -> None:
        self.broken = False
        self.holder = "one"

    async def hold_lease(self, holder: str, *, for_s: float) -> Lease:
        if self.broken:
            raise OSError("database is gone")
        from datetime import UTC, datetime

        return Lease(self.holder, 7, datetime.now(UTC))

    async def release_lease(self, holder: str) -> None:
        if self.broken:
            raise OSError("database is gone")


async def test_leader_without_a_database_stops_leading_before_the_lease_ends() -> None:
    now = [0.0]
    store = Failing()
    keeper = LeaseKeeper(store, "one", for_s=15, monotonic=lambda: now[0])
    await keeper.renew()
    store.broken = True
    now[0] = 10
    assert await keeper.renew()  # two renewals may fail
    now[0] = 14.1
    assert not await keeper.renew()
    store.broken = False
    assert await keeper.renew()
    assert keeper.reigns == 2  # everything must be looked at again


async def test_lease_that_went_to_another_is_given_up_at_once() -> None:
    store = Failing()
    keeper = LeaseKeeper(store, "one")
    await keeper.renew()
    store.holder = "two"
    assert not await keeper.renew()
    assert not keeper.leading


async def test_stopping_without_a_database_does_not_hang_or_raise() -> None:
    store = Failing()
    keeper = LeaseKeeper(store, "one")
    task = asyncio.create_task(keeper.run())
    await asyncio.wait_for(keeper.reign_after(0), PATIENCE_S)
    store.broken = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
