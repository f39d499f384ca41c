"""What is due goes and nothing else, on both engines, and not without a trace."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from sync_classroom.domain.chain import FIRST_HEAD, chained
from sync_classroom.domain.facts import TerminalJournal
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.retention import ROWS, Kind, RetentionRun, Stock
from sync_classroom.domain.terminal_journal import SealCheck
from sync_classroom.store.account_tables import feeds, terminals
from sync_classroom.store.database import Database
from sync_classroom.store.journal_tables import terminal_samples
from sync_classroom.store.retention_tables import retention_cuts
from sync_classroom.store.rollup_tables import access_log
from tests.support.old_rows import fill
from tests.support.plans import at

pytestmark = pytest.mark.asyncio

NOW = at("02:00")
CUT = NOW - timedelta(days=100)
AGES = (10, 90, 200, 400)
CUTS: Mapping[Kind, datetime] = dict.fromkeys(Kind, CUT)


async def stocks(store: Database, cuts: Mapping[Kind, datetime] = CUTS) -> dict[Kind, Stock]:
    return {s.kind: s for s in await store.stock(cuts, now=NOW)}


async def delete_all(store: Database, kind: Kind, limit: int = 5) -> int:
    await store.allow_cut(kind, CUT, at=NOW, by="test")
    total = 0
    while gone := await store.delete_some(kind, CUT, limit):
        total += gone
    return total


async def test_stock_is_counted_by_kind_and_age_with_what_is_due(store: Database) -> None:
    await fill(store, NOW, *AGES)
    found = await stocks(store)
    assert set(found) == set(Kind)
    assert found[Kind.ACCESS_LOG] == Stock(Kind.ACCESS_LOG, (1, 1, 1, 1), NOW - timedelta(400), 2)
    # Twelve samples each; the first of the oldest begins two minutes before it ended.
    samples = found[Kind.TERMINAL_SAMPLES]
    assert (samples.ages, samples.due) == ((12, 12, 12, 12), 24)
    # A feed that was ended, and one whose maker was closed; one that is in use is no stock at all.
    assert (found[Kind.FEEDS].ages, found[Kind.FEEDS].due) == ((2, 2, 2, 2), 4)
    assert (found[Kind.DEVICES].total, found[Kind.SELFCHECKS].total) == (8, 4)
    assert (found[Kind.NOTICES].due, found[Kind.REPORTS].due) == (2, 2)
    assert found[Kind.MEDIA] == Stock(Kind.MEDIA, (0, 0, 0, 0), None, 0)
    # What is kept for ever is never due.
    assert {s.due for s in (await stocks(store, {})).values()} == {0}


@pytest.mark.parametrize("kind", ROWS)
async def test_what_is_due_goes_some_at_a_time_and_nothing_else(
    store: Database, kind: Kind
) -> None:
    await fill(store, NOW, *AGES)
    before = await stocks(store)
    gone = await delete_all(store, kind, limit=1)
    assert gone == before[kind].due > 0
    after = await stocks(store)
    assert after[kind].due == 0
    assert after[kind].total == before[kind].total - gone
    others = {k for k in Kind if after[k] != before[k]}
    # A self-check goes with its device.
    assert others <= {kind, Kind.SELFCHECKS} if kind is Kind.DEVICES else others == {kind}


async def test_devices_and_feeds_in_use_stay_whatever_their_age(store: Database) -> None:
    await fill(store, NOW, *AGES)
    old = NOW - timedelta(days=900)
    async with store._database.write() as connection:
        await connection.execute(
            insert(terminals).values(
                id="t-use", classroom="far-2-r1", token_hash=b"use", enrolled_at=old, label="",
                page_version="", last_seen_at=old, selfcheck={"camera": {}}, selfcheck_at=old,
            )
        )  # fmt: skip
    for kind in (Kind.DEVICES, Kind.SELFCHECKS, Kind.FEEDS):
        await delete_all(store, kind)
    [device] = await store.terminals()
    assert (device.id, device.selfcheck, device.selfcheck_at) == ("t-use", None, None)
    assert {f.id for f, _ in await store.feeds()} >= {"h-0", "h-1", "h-2", "h-3"}
    async with store._database.read() as connection:
        left = (await connection.execute(select(func.count()).select_from(feeds))).scalar_one()
    assert left == 8


async def test_a_journal_goes_whole_or_not_at_all(store: Database) -> None:
    await fill(store, NOW, 200)
    samples = await store.samples_of([OccurrenceId("old-0")])
    # A cut through the middle of it leaves it for the next one.
    middle = samples[6].from_at
    await store.allow_cut(Kind.TERMINAL_SAMPLES, middle, at=NOW, by="test")
    assert await store.delete_some(Kind.TERMINAL_SAMPLES, middle, 100) == 0
    assert await store.samples_of([OccurrenceId("old-0")]) == samples
    assert await delete_all(store, Kind.TERMINAL_SAMPLES, limit=1) == 12


async def test_chain_and_seals_hold_after_the_samples_are_gone(store: Database) -> None:
    await fill(store, NOW, *AGES)
    await delete_all(store, Kind.TERMINAL_SAMPLES)
    head, seals = FIRST_HEAD, SealCheck()
    for link, first, last in await store.chain_places():
        async for some in store.arrived(first, last):
            head = chained(head, some)
            for fact in some:
                assert isinstance(fact, TerminalJournal)
                seals.seal(fact)
        assert head == link.head
    for n in range(4):
        samples = await store.samples_of([OccurrenceId(f"old-{n}")])
        if samples:
            seals.check(samples[0].journal, samples)
    assert (seals.sealed, seals.broken, len(seals.absent)) == (2, [], 2)
    assert await store.kept_facts() == 4


PROTECTED = {
    Kind.TERMINAL_SAMPLES: (terminal_samples, terminal_samples.c.frames),
    Kind.ACCESS_LOG: (access_log, access_log.c.target),
}


@pytest.mark.parametrize("kind", PROTECTED)
async def test_protected_rows_go_no_further_than_a_cut_that_is_written_down(
    store: Database, kind: Kind
) -> None:
    await fill(store, NOW, *AGES)
    table, column = PROTECTED[kind]
    total = (await stocks(store))[kind].total

    async def refused(statement: Any) -> None:
        with pytest.raises((IntegrityError, ProblemError)):
            async with store._database.write() as connection:
                await connection.execute(statement)
        assert (await stocks(store))[kind].total == total

    # Without a cut, by a cut of another kind, by one that does not reach so far.
    await refused(table.delete())
    other = next(k for k in PROTECTED if k is not kind)
    await store.allow_cut(other, CUT, at=NOW, by="test")
    await refused(table.delete())
    await store.allow_cut(kind, NOW - timedelta(days=300), at=NOW, by="test")
    with pytest.raises((IntegrityError, ProblemError)):
        await store.delete_some(kind, CUT, 1000)
    await refused(table.delete())
    await refused(update(table).values({column: 7}))
    if not store._database.place.sqlite:
        await refused(text(f"TRUNCATE {table.name}"))


async def test_cuts_are_not_recent_and_stay(store: Database) -> None:
    recent = NOW - timedelta(days=29)
    with pytest.raises(IntegrityError):
        await store.allow_cut(Kind.ACCESS_LOG, recent, at=NOW, by="test")
    await store.allow_cut(Kind.ACCESS_LOG, CUT, at=NOW, by="test")
    for statement in (retention_cuts.delete(), update(retention_cuts).values(by="nobody")):
        with pytest.raises((IntegrityError, ProblemError)):
            async with store._database.write() as connection:
                await connection.execute(statement)


async def test_facts_publications_and_runs_are_never_deleted_whatever_cut_there_is(
    store: Database,
) -> None:
    await fill(store, NOW, *AGES)
    await store.add_retention_run(RetentionRun(NOW, NOW, "test", {}, {}))
    tables = ("facts", "retention_runs", "retention_cuts")
    async with store._database.write() as connection:
        for table in tables:
            await connection.execute(
                insert(retention_cuts).values(kind=table, before=CUT, at=NOW, by="test")
            )
    for table in tables:
        with pytest.raises((IntegrityError, ProblemError)):
            async with store._database.write() as connection:
                await connection.execute(text(f"DELETE FROM {table}"))


async def test_media_and_reports_are_not_rows_to_delete(store: Database) -> None:
    for kind in (Kind.MEDIA, Kind.REPORTS):
        with pytest.raises(ValueError, match="is no rows"):
            await store.delete_some(kind, CUT, 1)


async def test_runs_come_back_newest_first(store: Database) -> None:
    idle = RetentionRun(NOW, NOW, "schedule", {}, {})
    busy = RetentionRun(
        NOW + timedelta(hours=1), NOW + timedelta(hours=2), "console",
        {Kind.NOTICES: 3, Kind.ACCESS_LOG: 0}, {Kind.NOTICES: CUT, Kind.ACCESS_LOG: CUT},
    )  # fmt: skip
    failed = RetentionRun(NOW, NOW, "schedule", {}, {}, "database_locked")
    for run in (busy, failed, idle):
        await store.add_retention_run(run)
    assert await store.retention_runs(limit=9) == [idle, failed, busy]
    assert await store.retention_runs(limit=9, deleting=True) == [failed, busy]
    assert await store.retention_runs(limit=1) == [idle]
