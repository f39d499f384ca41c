"""What terminals send late and twice, on the way to a second opinion that no figure rests on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.rollups import RollupKeeper
from sync_classroom.coordinator.terminal_journal import TerminalJournalService
from sync_classroom.coordinator.throttle import Throttle
from sync_classroom.domain.accounts import Terminal
from sync_classroom.domain.facts import HostMedia, SeatMedia
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import ClassroomId, FactId, SeatId, TerminalId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.second_opinion import Verdict
from sync_classroom.store.database import Database, open_store
from tests.support.coordination import ZONE, TurnedClock, roster
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.terminal_journals import message, row

pytestmark = pytest.mark.asyncio

LESSON = lesson("o-1", seats=["far-1-r1", "far-1-r2"])
SEAT = SeatId("o-1-s0")
DAY = LESSON.date
AFTER = at("12:00")


def terminal(room: str = "far-1-r1") -> Terminal:
    return Terminal(
        id=TerminalId(f"t-{room}"), classroom=ClassroomId(room), token_hash=b"x",
        enrolled_at=at("07:00"), label="",
    )  # fmt: skip


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    opened = await open_store(database_url, data_dir=None)
    await opened.apply_roster(roster())
    await book(opened, LESSON, key="k1", gap_s=0)
    yield opened
    await opened.close()


def service(store: Database, **options: Any) -> TerminalJournalService:
    return TerminalJournalService(
        store, LocalBus(), TurnedClock(AFTER), throttle=Throttle(), monotonic=lambda: 0.0, **options
    )


def rows(first_s: int, last_s: int, *, start: int = 1, **changes: Any) -> list[dict[str, Any]]:
    """Samples of these seconds of the lesson, numbered from `start`."""
    return [
        row(start + n, LESSON.starts_at + timedelta(seconds=s), **changes)
        for n, s in enumerate(range(first_s, last_s, 10))
    ]


async def received(store: Database, first_s: int = 0, last_s: int = 2400) -> None:
    """What the relay wrote of host and seat."""
    facts = []
    for s in range(first_s, last_s, 10):
        span = tuple(LESSON.starts_at + timedelta(seconds=x) for x in (s, s + 10))
        facts += [
            HostMedia(FactId(f"r:b:h{s}"), LESSON.id, *span, 100, 1),
            SeatMedia(FactId(f"r:b:s{s}"), LESSON.id, SEAT, *span, 100, 100, 1),
        ]
    await store.append_facts(facts, received_at=AFTER)


async def settled(store: Database) -> None:
    keeper = RollupKeeper(store, clock=lambda: AFTER, zone=ZONE, leading=lambda: True)
    await keeper.settle()


async def test_a_message_that_comes_twice_is_stored_once(store: Database) -> None:
    journals = service(store)
    sent = message(rows(0, 600), AFTER)
    taken = await journals.take(terminal(), sent)
    assert (taken.stored, taken.known, taken.refused) == (60, 0, ())
    taken = await journals.take(terminal(), sent)
    assert (taken.stored, taken.known, taken.refused) == (0, 60, ())
    # Some of them again with newer ones, as after an answer that was lost.
    taken = await journals.take(terminal(), message(rows(300, 900, start=31), AFTER))
    assert (taken.stored, taken.known) == (30, 30)
    assert len(await store.samples_of([LESSON.id])) == 90


async def test_a_bad_sample_costs_no_good_one(store: Database) -> None:
    sent = [
        *rows(0, 20),
        row(3, LESSON.starts_at, seat="o-1-s1"),
        "rubbish",
        row(4, LESSON.starts_at, lesson="o-9"),
        row(5, LESSON.starts_at, frames=None),
    ]
    taken = await service(store).take(terminal(), message(sent, AFTER, lost=7))
    assert taken.stored == 2
    assert [(e.n, e.code) for e in taken.refused] == [
        (3, "other_room"),
        (None, "malformed"),
        (4, "unknown_lesson"),
        (5, "malformed"),
    ]


async def test_too_much_is_refused_and_told(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.coordinator.terminal_journal.MAX_SEAT_SAMPLES", 5)
    journals = service(store)
    assert (await journals.take(terminal(), message(rows(0, 40), AFTER))).stored == 4
    taken = await journals.take(terminal(), message(rows(40, 70, start=5), AFTER))
    assert (taken.stored, [e.code for e in taken.refused]) == (1, ["too_many", "too_many"])
    with pytest.raises(MalformedError):
        await journals.take(terminal(), {"spool": "?"})
    for _ in range(17):
        await journals.take(terminal(), message(rows(0, 10), AFTER))
    with pytest.raises(ProblemError, match="Too many tries"):
        await journals.take(terminal(), message(rows(0, 10), AFTER))
    # Another room's terminal is not kept waiting by this one.
    assert (await journals.take(terminal("far-1-r2"), message(rows(0, 10), AFTER))).refused


async def test_a_late_journal_is_an_opinion_and_changes_no_figure(store: Database) -> None:
    await received(store)
    await settled(store)
    before = await store.rolled(DAY, DAY)
    results = await store.results_of([LESSON.id])
    journals = service(store)
    silent = {"moved": 0, "frames": 0, "sound": 0}
    await journals.take(terminal(), message(rows(0, 1200), AFTER))
    await journals.take(terminal(), message(rows(1200, 2400, start=121, **silent), AFTER))
    await settled(store)
    assert await store.rolled(DAY, DAY) == before
    assert await store.results_of([LESSON.id]) == results
    assert results[0].credited_s == 2400
    counts = await journals.counts(DAY, DAY)
    assert counts == {Verdict.AGREES: 0, Verdict.LESS: 1, Verdict.MORE: 0}
    [opinion] = await journals.opinions(DAY, DAY)
    assert (opinion.seat, opinion.relay_only_s, opinion.agreed_s) == (SEAT, 1200, 1200)
    assert await journals.verify(DAY, DAY) == ()


async def test_what_counts_as_delivered_is_what_the_rules_in_force_say(store: Database) -> None:
    """Half of the packets are acknowledged, which is too little until the bureau says otherwise."""
    facts = []
    for s in range(0, 2400, 10):
        span = tuple(LESSON.starts_at + timedelta(seconds=x) for x in (s, s + 10))
        facts += [
            HostMedia(FactId(f"r:b:h{s}"), LESSON.id, *span, 100, 1),
            SeatMedia(FactId(f"r:b:s{s}"), LESSON.id, SEAT, *span, 100, 50, 1),
        ]
    await store.append_facts(facts, received_at=AFTER)
    journals = service(store)
    await journals.take(terminal(), message(rows(0, 1200), AFTER))
    await settled(store)
    assert (await journals.counts(DAY, DAY))[Verdict.MORE] == 1
    await store.add_rules(
        {"delivered_ratio": 0.5}, valid_from=DAY, at=AFTER, by="chief", reason="r", key="k"
    )
    await settled(store)
    assert (await journals.counts(DAY, DAY))[Verdict.AGREES] == 1
    assert await journals.verify(DAY, DAY) == ()


async def test_a_sample_that_somebody_changed_is_found(store: Database) -> None:
    await received(store)
    journals = service(store)
    await journals.take(terminal(), message(rows(0, 1000), AFTER))
    await settled(store)
    assert await journals.verify(DAY, DAY) == ()
    [fact] = [f for f in await store.facts_of([LESSON.id]) if f.id.startswith("tj:")]
    samples = await store.samples_of([LESSON.id])

    async def altered(_: object) -> object:
        return [*samples[:-1], replace(samples[-1], moved_ms=0)]

    store.samples_of = altered  # type: ignore[method-assign, assignment]
    found = await journals.verify(DAY, DAY)
    assert [d.path for d in found] == [
        f"terminal_journals.{fact.id}",
        "second_opinions.o-1/o-1-s0",
    ]
