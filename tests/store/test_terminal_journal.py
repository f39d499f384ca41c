"""A terminal's samples: once each, sealed among the facts in the same breath, never changed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain.chain import FIRST_HEAD, chained
from sync_classroom.domain.facts import TerminalJournal
from sync_classroom.domain.ids import OccurrenceId, SeatId
from sync_classroom.domain.terminal_journal import SealCheck, grouped, seal
from sync_classroom.store.database import Database
from tests.support.plans import at, lesson
from tests.support.terminal_journals import kept, noted_all_through, row

pytestmark = pytest.mark.asyncio

LESSON = lesson("o-1", seats=["far-1-r1"])
SEAT = SeatId("o-1-s0")
NOW = at("12:00")
SAMPLES = noted_all_through(LESSON, SEAT, classroom="far-1-r1")


async def seals(store: Database) -> list[TerminalJournal]:
    return [f for f in await store.facts_of([LESSON.id]) if isinstance(f, TerminalJournal)]


async def test_samples_come_back_as_they_went_in_under_one_seal(store: Database) -> None:
    assert await store.append_samples(SAMPLES, received_at=NOW) == 240
    [group] = grouped(SAMPLES)
    assert await store.samples_of([LESSON.id]) == group
    assert await store.sealed_samples([group[0].journal]) == group
    assert await store.count_samples(LESSON.id, SEAT) == 240
    assert await store.count_samples(LESSON.id, SeatId("other")) == 0
    assert await seals(store) == [seal(group)]
    [link] = await store.chain()
    assert (link.count, link.head) == (1, chained(FIRST_HEAD, [seal(group)]))
    # The lesson is to be compared again.
    assert {o for _, o in await store.stale_lessons(10)} == {LESSON.id}


async def test_the_same_again_and_what_overlaps_is_stored_once(store: Database) -> None:
    assert await store.append_samples(SAMPLES[:60], received_at=NOW) == 60
    assert await store.append_samples(SAMPLES[:60], received_at=NOW) == 0
    other = [replace(s, frames=1) for s in SAMPLES[40:100]]
    assert await store.append_samples([*other, *other], received_at=NOW) == 40
    found = await store.samples_of([LESSON.id])
    assert [s.frames for s in found] == [150] * 60 + [1] * 40
    check = SealCheck()
    for fact in await seals(store):
        check.seal(fact)
        check.check(fact.id, [s for s in found if s.journal == fact.id])
    assert (check.sealed, check.broken, check.absent) == (2, [], ())


async def test_simultaneous_messages_with_common_samples_store_each_once(store: Database) -> None:
    pieces = [SAMPLES[start : start + 80] for start in range(0, 160, 20)]
    counts = await asyncio.gather(*(store.append_samples(p, received_at=NOW) for p in pieces))
    assert sum(counts) == 220
    found = await store.samples_of([LESSON.id])
    assert len({s.id for s in found}) == 220
    facts = await seals(store)
    assert sum(f.samples for f in facts) == 220
    check = SealCheck()
    for fact in facts:
        check.seal(fact)
        check.check(fact.id, [s for s in found if s.journal == fact.id])
    assert check.broken == []


async def test_samples_of_several_lessons_are_read_by_lesson_then_time(store: Database) -> None:
    later = replace(
        LESSON, id=OccurrenceId("o-0"), starts_at=at("11:00"), ends_at=at("11:40"),
    )  # fmt: skip
    rows = [
        row(n, later.starts_at + timedelta(seconds=10 * (n - 903)), lesson="o-0")
        for n in range(900, 903)
    ]
    more = kept(later, rows, classroom="far-1-r1", received=NOW)
    await store.append_samples([*SAMPLES[:2], *more], received_at=NOW)
    found = await store.samples_of([LESSON.id, later.id])
    assert [s.occurrence for s in found] == ["o-0"] * 3 + ["o-1"] * 2
    assert [s.from_at for s in found[:3]] == sorted(s.from_at for s in more)
    assert await store.samples_of([]) == []
