"""Every night what has been kept long enough goes, in the coordinator that leads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator import retention as module
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.retention import SCHEDULE, RetentionService
from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import UserId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.retention import Kind, Retention
from sync_classroom.store.database import Database, open_store
from tests.support.coordination import ZONE, TurnedClock
from tests.support.old_rows import fill
from tests.support.plans import at
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

NOW = at("12:00")
RULES = Retention(
    terminal_days=100,
    notice_days=100,
    access_log_days=100,
    feed_days=100,
    report_days=100,
    document_days=100,
)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    opened = await open_store(database_url, data_dir=None)
    yield opened
    await opened.close()


class Reports:
    """Old reports of this coordinator."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []
        self.swept: list[int] = []

    async def __call__(self, before: datetime) -> int:
        self.asked.append(before)
        return 3

    async def sweep(self) -> None:
        """Pictures of documents go before reports do."""
        self.swept.append(len(self.asked))


def service(
    store: Database, rules: Retention = RULES, clock: TurnedClock | None = None, **options: Any
) -> tuple[RetentionService, LeaseKeeper, Reports]:
    lease, reports = LeaseKeeper(store, "one"), Reports()
    made = RetentionService(
        store, lease, rules, reports=reports, sweep=reports.sweep,
        clock=clock or TurnedClock(NOW), zone=ZONE,
        pause_s=0.0, **options,
    )  # fmt: skip
    return made, lease, reports


async def test_everything_due_goes_in_one_run_that_is_written_down(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    await fill(store, NOW, 10, 200, 400)
    keeper, _, reports = service(store)
    run = await keeper.delete_due("console")
    assert run.deleted == {
        Kind.TERMINAL_SAMPLES: 24,
        Kind.DEVICES: 4,
        Kind.HELP_CALLS: 2,
        Kind.NOTICES: 2,
        Kind.ACCESS_LOG: 2,
        Kind.FEEDS: 4,
        Kind.DOCUMENTS: 2,
        Kind.REPORTS: 3,
    }
    cut = NOW - timedelta(days=100)
    assert set(run.before.values()) == {cut}
    assert reports.asked == [cut]
    # Pictures go after the documents that named them, and in no other run.
    assert reports.swept == [0]
    assert (run.by, run.failure, await keeper.runs(9)) == ("console", None, [run])
    due = {s.kind: s.due for s in await keeper.stock()}
    # The reports stay rows, without files; that is their service's matter.
    assert due.pop(Kind.REPORTS) == 2
    assert set(due.values()) == {0}
    again = await keeper.delete_due("console")
    assert again.deleted == {Kind.REPORTS: 3}


async def test_what_is_kept_for_ever_stays(store: Database) -> None:
    await fill(store, NOW, 4000)
    keeper, _, reports = service(store, Retention(0, 0, 0, 0, 0, 0, 0))
    before = await keeper.stock()
    run = await keeper.delete_due("console")
    assert (run.total, reports.asked, keeper.cuts()) == (0, [], {})
    assert await keeper.runs(9) == []
    assert await keeper.last_run() == run
    assert await keeper.stock() == before
    assert sum(s.total for s in before) > 12


async def test_a_run_that_fails_says_so_and_the_next_goes_on(store: Database) -> None:
    await fill(store, NOW, 200)
    keeper, _, _ = service(store)
    honest = store.delete_some

    async def breaks(kind: Kind, before: datetime, limit: int) -> int:
        if kind is Kind.NOTICES:
            raise ProblemError("database_locked", "忙", "busy")
        return await honest(kind, before, limit)

    store.delete_some = breaks  # type: ignore[method-assign]
    run = await keeper.delete_due("console")
    assert run.failure == "database_locked"
    assert run.deleted == {Kind.TERMINAL_SAMPLES: 12, Kind.DEVICES: 2, Kind.HELP_CALLS: 1}
    store.delete_some = honest  # type: ignore[method-assign]
    assert (await keeper.delete_due("console")).failure is None
    assert [r.failure for r in await keeper.runs(9)] == [None, "database_locked"]


async def test_a_coordinator_that_leads_no_more_stops(store: Database) -> None:
    await fill(store, NOW, 200)
    keeper, _, reports = service(store)
    run = await keeper.delete_due(SCHEDULE, going=lambda: False)
    assert (run.total, reports.asked) == (0, [])


async def test_the_leader_deletes_at_once_what_a_night_missed_and_then_every_night(
    store: Database,
) -> None:
    await fill(store, NOW, 200)
    clock = TurnedClock(NOW)
    keeper, lease, _ = service(store, clock=clock)
    running = asyncio.create_task(keeper.run())
    try:
        await asyncio.sleep(0)
        assert await keeper.last_run() is None
        await lease.renew()
        first = await until(keeper.last_run)
        assert (first.by, first.deleted[Kind.ACCESS_LOG]) == (SCHEDULE, 1)
        # Again at two o'clock: the alarm is set for the night that comes.
        night = datetime(2026, 11, 24, 2, 0, tzinfo=ZONE)
        await until(lambda: keeper.alarms.at(module.ALARM) == night)
        # A leader that comes to lead again in between has nothing to make up for.
        clock.turn(hours=2)
        await keeper.ring(frozenset())
        assert await keeper.last_run() == first
        clock.turn(hours=12)
        await lease.renew()
        await keeper.ring(frozenset({module.ALARM}))
        second = await keeper.last_run()
        assert second is not None
        assert (second.by, second.began_at) == (SCHEDULE, clock())
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_who_does_not_lead_deletes_nothing(store: Database) -> None:
    await fill(store, NOW, 200)
    keeper, _, _ = service(store)
    keeper.alarms.start()
    try:
        await keeper.ring(frozenset({module.ALARM}))
        assert keeper.alarms.at(module.ALARM) is not None
    finally:
        keeper.alarms.stop()
    assert await keeper.last_run() is None


async def test_a_person_deletes_for_as_long_as_a_page_is_waited_for_and_not_twice_at_once(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(store, NOW, 200)
    keeper, _, _ = service(store)
    user = User(UserId("u"), "li", "李", Role.ADMIN, "")
    with monkeypatch.context() as patch:
        patch.setattr(module, "NOW_S", -1.0)  # over before it began
        run, whole = await keeper.delete_now(user)
    assert (run.by, run.total, whole) == ("li", 0, False)
    found = await asyncio.gather(
        *(keeper.delete_now(user) for _ in range(2)), return_exceptions=True
    )
    [refused] = [f for f in found if isinstance(f, ProblemError)]
    assert refused.code == "retention_running"
    [(run, whole)] = [f for f in found if isinstance(f, tuple)]
    assert whole
    assert run.deleted[Kind.TERMINAL_SAMPLES]
    assert (await keeper.delete_now(user))[0].deleted == {Kind.REPORTS: 3}
