"""Evidence is appended once, never changed, and comes back exactly."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from sync_classroom.domain.facts import (
    Adjustment,
    Fact,
    Headcount,
    HostMedia,
    Interaction,
    InteractionKind,
    JournalGap,
    ParticipantMedia,
    PushProgress,
    PushStep,
    SeatMedia,
    TerminalJournal,
)
from sync_classroom.domain.ids import (
    ClassroomId,
    FactId,
    OccurrenceId,
    PushId,
    SeatId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store import facts as facts_module
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

ONE, TWO = OccurrenceId("o-1"), OccurrenceId("o-2")
SEAT = SeatId("o-1-s0")
NOW = at("12:00")


def fact_id(text_: str) -> FactId:
    return FactId(text_)


ABOUT_ONE: tuple[Fact, ...] = (
    HostMedia(fact_id("f-1"), ONE, at("09:00"), at("09:00:10"), 3400, 4_000_000_000_000),
    SeatMedia(fact_id("f-2"), ONE, SEAT, at("09:00:01"), at("09:00:10.000001"), 3400, 3399, 9),
    ParticipantMedia(fact_id("f-3"), ONE, TeacherId("t-1"), at("09:00:02"), at("09:00:12"), 1, 2),
    Headcount(fact_id("f-4"), ONE, SEAT, at("09:00:03"), 41, "term-1"),
    *(
        Interaction(fact_id(f"f-5-{kind.value}"), ONE, SEAT, at("09:00:04"), kind)
        for kind in sorted(InteractionKind)
    ),
    TerminalJournal(fact_id("f-7"), ONE, SEAT, at("09:04:30"), at("09:05"), 3, "ab" * 32),
    Adjustment(fact_id("f-6"), ONE, SEAT, at("09:05"), at("09:10"), at("17:00"), "u-1", "录像为证"),
)
ELSEWHERE: tuple[Fact, ...] = (
    JournalGap(fact_id("g-1"), "relay-1", at("10:00"), at("10:01")),
    *(
        PushProgress(fact_id(f"p-{step.value}"), step, PushId("p-1"), TargetId("t-1"), at("11:00"))
        for step in PushStep
    ),
)


async def test_every_kind_of_fact_comes_back_as_it_went_in(store: Database) -> None:
    assert await store.append_facts(ABOUT_ONE, received_at=NOW) == len(ABOUT_ONE)
    assert tuple(await store.facts_of([ONE])) == ABOUT_ONE
    assert await store.append_facts(ELSEWHERE, received_at=NOW) == len(ELSEWHERE)
    gap, *_ = ELSEWHERE
    assert await store.gaps_between(at("00:00"), at("23:00")) == [gap]
    async with store._database.read() as connection:
        kinds = await connection.execute(
            text("SELECT kind FROM facts WHERE push = 'p-1' AND target = 't-1' ORDER BY seq")
        )
        assert list(kinds.scalars()) == ["push_delivered", "push_opened", "push_completed"]


async def test_a_repeated_id_is_ignored_within_and_between_calls(store: Database) -> None:
    first = HostMedia(fact_id("f-1"), ONE, at("09:00"), at("09:00:10"), 1, 1)
    other = replace(first, id=fact_id("f-2"))
    changed = replace(first, packets=999)
    assert await store.append_facts([first, changed], received_at=NOW) == 1
    assert await store.append_facts([changed, other], received_at=NOW) == 1
    assert await store.facts_of([ONE]) == [first, other]


async def test_simultaneous_batches_with_common_facts_store_each_once(store: Database) -> None:
    batches = [
        [
            HostMedia(fact_id(f"f-{n}"), ONE, at("09:00"), at("09:00:10"), n, 1)
            for n in range(start, start + 100)
        ]
        for start in range(0, 500, 50)
    ]
    counts = await asyncio.gather(*(store.append_facts(b, received_at=NOW) for b in batches))
    assert sum(counts) == 550
    assert {f.id for f in await store.facts_of([ONE])} == {f"f-{n}" for n in range(550)}


async def test_the_cursor_moves_with_the_facts(store: Database) -> None:
    assert await store.journal_cursor("relay-1") is None
    await store.append_facts(ABOUT_ONE[:1], received_at=NOW, cursor=("relay-1", "b1:7"))
    await store.append_facts(ABOUT_ONE[1:2], received_at=NOW, cursor=("relay-2", "b9:1"))
    assert await store.journal_cursor("relay-1") == "b1:7"
    await store.append_facts([], received_at=NOW, cursor=("relay-1", "b1:8"))
    assert await store.journal_cursor("relay-1") == "b1:8"
    assert await store.journal_cursor("relay-2") == "b9:1"
    assert await store.append_facts([], received_at=NOW) == 0


async def test_a_batch_that_fails_leaves_neither_facts_nor_cursor(store: Database) -> None:
    good = HostMedia(fact_id("f-1"), ONE, at("09:00"), at("09:00:10"), 1, 1)
    naive = replace(good, id=fact_id("f-2"), from_at=good.from_at.replace(tzinfo=None))
    with pytest.raises(ValueError, match="has no time zone"):
        await store.append_facts([good, naive], received_at=NOW, cursor=("relay-1", "b1:7"))
    huge = replace(good, id=fact_id("f-3"), packets=2**63)
    with pytest.raises(ProblemError) as caught:
        await store.append_facts([good, huge], received_at=NOW, cursor=("relay-1", "b1:7"))
    assert caught.value.code == "database_value"
    assert await store.facts_of([ONE]) == []
    assert await store.journal_cursor("relay-1") is None


async def test_more_facts_than_one_transaction_takes_are_all_stored_and_the_cursor_last(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts_module, "FACTS_PER_TRANSACTION", 10)
    many = [
        HostMedia(fact_id(f"f-{n:02}"), ONE, at("09:00"), at("09:00:10"), n, 1) for n in range(25)
    ]
    assert await store.append_facts(many, received_at=NOW, cursor=("relay-1", "x")) == 25
    assert await store.facts_of([ONE]) == many
    assert await store.journal_cursor("relay-1") == "x"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE facts SET packets = 0",
        "UPDATE facts SET id = 'f-9' WHERE id = 'f-1'",
        "DELETE FROM facts",
    ],
)
async def test_a_stored_fact_cannot_be_changed_or_deleted(store: Database, statement: str) -> None:
    await store.append_facts(ABOUT_ONE, received_at=NOW)
    with pytest.raises(IntegrityError, match="append-only: a correction is another fact"):
        async with store._database.write() as connection:
            await connection.execute(text(statement))
    assert tuple(await store.facts_of([ONE])) == ABOUT_ONE


async def test_a_stored_fact_cannot_be_replaced_or_truncated(store: Database) -> None:
    await store.append_facts(ABOUT_ONE, received_at=NOW)
    statement = (
        "INSERT OR REPLACE INTO facts (id, kind, from_at, received_at)"
        " VALUES ('f-1', 'host_media', 0, 0)"
        if store._database.place.sqlite
        else "TRUNCATE facts"
    )
    with pytest.raises(IntegrityError, match="append-only"):
        async with store._database.write() as connection:
            await connection.execute(text(statement))
    assert tuple(await store.facts_of([ONE])) == ABOUT_ONE


async def test_facts_of_reads_only_what_was_asked_by_occurrence_then_time(
    store: Database,
) -> None:
    late = HostMedia(fact_id("a"), ONE, at("09:10"), at("09:10:10"), 1, 1)
    early = HostMedia(fact_id("b"), ONE, at("09:00"), at("09:00:10"), 1, 1)
    other = HostMedia(fact_id("c"), TWO, at("08:00"), at("08:00:10"), 1, 1)
    foreign = HostMedia(fact_id("d"), OccurrenceId("o-3"), at("08:00"), at("08:00:10"), 1, 1)
    await store.append_facts([late, other, foreign, early], received_at=NOW)
    assert await store.facts_of([TWO, ONE, ONE]) == [early, late, other]
    assert await store.facts_of([]) == []


async def test_gaps_touch_the_half_open_window(store: Database) -> None:
    gaps = [
        JournalGap(
            fact_id(f"g-{n}"), "relay-1", at("10:00") + n * step, at("10:00") + (n + 1) * step
        )
        for n, step in ((0, timedelta(minutes=1)), (1, timedelta(minutes=1)))
    ]
    await store.append_facts([*reversed(gaps), *ABOUT_ONE], received_at=NOW)
    assert await store.gaps_between(at("09:00"), at("10:00")) == []
    assert await store.gaps_between(at("09:00"), at("10:00:01")) == gaps[:1]
    assert await store.gaps_between(at("10:01"), at("10:02")) == gaps[1:]
    assert await store.gaps_between(at("10:00:59"), at("10:01:01")) == gaps
    assert await store.gaps_between(at("10:02"), at("11:00")) == []


async def test_host_media_since_ends_after_the_instant(store: Database) -> None:
    media = [
        HostMedia(
            fact_id(f"f-{n}"),
            ONE,
            at("09:00") + timedelta(seconds=10 * n),
            at("09:00") + timedelta(seconds=10 * n + 10),
            1,
            1,
        )
        for n in range(3)
    ]
    elsewhere = replace(media[2], id=fact_id("x"), occurrence=TWO)
    await store.append_facts([elsewhere, *media, *ABOUT_ONE[1:]], received_at=NOW)
    assert await store.host_media_since(ONE, at("09:00:10")) == media[1:]
    assert await store.host_media_since(ONE, at("09:00:09.999999")) == media
    assert await store.host_media_since(ONE, at("09:00:30")) == []


async def test_a_fact_of_a_kind_this_version_does_not_know_is_an_error(store: Database) -> None:
    async with store._database.write() as connection:
        await connection.execute(
            text(
                "INSERT INTO facts (id, kind, occurrence, from_at, received_at)"
                " VALUES ('f-1', 'hologram', 'o-1', 0, 0)"
            )
        )
    with pytest.raises(ValueError, match="'f-1' is of unknown kind 'hologram'"):
        await store.facts_of([ONE])


async def test_times_called_on_are_of_lessons_that_began_in_the_window(store: Database) -> None:
    await store.apply_roster(programme())
    room, other = ClassroomId("remote-1-r1"), ClassroomId("remote-1-r2")
    facts_: list[Fact] = []
    for hour, name in ((8, "o-0"), (9, "o-1"), (11, "o-2")):
        wanted = lesson(name, f"{hour:02}:00", f"{hour:02}:40", seats=[room])
        await book(store, wanted, key=name, gap_s=0)
        asked = (InteractionKind.CALLED_ON, InteractionKind.CALLED_ON, InteractionKind.ANSWERED)
        facts_ += [
            Interaction(fact_id(f"{name}-{n}"), wanted.id, wanted.seats[0].id, NOW, what)
            for n, what in enumerate(asked)
        ]
    await store.append_facts(facts_, received_at=NOW)
    called_on = store.times_called_on
    assert await called_on([room, other], at("08:00"), at("11:00")) == {room: 4}
    assert await called_on([room], at("08:00:01"), at("11:00:01")) == {room: 4}
    assert await called_on([other], at("08:00"), at("12:00")) == {}
    assert await called_on([], at("08:00"), at("12:00")) == {}
