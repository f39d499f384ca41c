"""Evidence kept between two looks is what the facts say, and each fact is read once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.folded import FoldedFacts
from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import Fact, HostMedia, JournalGap, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.store.database import Database
from tests.support.databases import file_store
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
ONE, TWO = OccurrenceId("o-1"), OccurrenceId("o-2")
RULES = {1: DEFAULT, 2: replace(DEFAULT, delivered_ratio=0.5)}


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await file_store(tmp_path)
    yield opened
    await opened.close()


class Counting:
    """A store that says how many facts were read."""

    def __init__(self, store: Database) -> None:
        self.store, self.read = store, 0

    async def facts_since(
        self, seen: Mapping[OccurrenceId, int]
    ) -> Mapping[OccurrenceId, tuple[int, Sequence[Fact]]]:
        found = await self.store.facts_since(seen)
        self.read += sum(len(facts) for _, facts in found.values())
        return found


def sample(of: OccurrenceId, minute: int, acked: int = 100) -> list[Fact]:
    spans = at(f"09:{minute:02}"), at(f"09:{minute + 1:02}")
    ident = f"r:{of[-1]}:{2 * minute}", f"r:{of[-1]}:{2 * minute + 1}"
    return [
        HostMedia(FactId(ident[0]), of, *spans, 100, 100),
        SeatMedia(FactId(ident[1]), of, SeatId("s"), *spans, 100, acked, 100),
    ]


def said(evidence: Evidence, of: OccurrenceId) -> tuple[object, object]:
    return evidence.host[of].spans(), evidence.seats[of, SeatId("s")].delivered.spans()


async def append(store: Database, *facts: Fact) -> None:
    await store.append_facts(facts, received_at=at("12:00"))


async def test_a_live_lesson_is_read_on_from_where_it_was_left(store: Database) -> None:
    counting = Counting(store)
    folded = FoldedFacts(counting)
    every: list[Fact] = []
    for minute in range(5):
        new = sample(ONE, minute, acked=70 if minute == 3 else 100)
        every += new
        await append(store, *new, *new)
        found = await folded.of([ONE], RULES)
        for number, rules in RULES.items():
            assert said(found[number], ONE) == said(Evidence.of(every, rules), ONE)
    assert said(found[1], ONE) != said(found[2], ONE)
    assert counting.read == len(every)


async def test_lessons_come_and_go_and_what_is_added_beside_them_is_not_kept(
    store: Database,
) -> None:
    folded = FoldedFacts(store)
    await append(store, *sample(ONE, 1))
    first = await folded.of([ONE], RULES)
    first[1].add(JournalGap(FactId("g"), "relay-1", at("09:00"), at("09:10")))
    await append(store, *sample(TWO, 2), *sample(ONE, 3))
    both = await folded.of([TWO, ONE], RULES)
    assert both[1].gaps.spans() == ()
    assert said(both[1], ONE) == said(Evidence.of(sample(ONE, 1) + sample(ONE, 3)), ONE)
    assert said(both[1], TWO) == said(Evidence.of(sample(TWO, 2)), TWO)
    assert (await folded.of([TWO], RULES))[1].host.keys() == {TWO}
    assert (await folded.of([], RULES))[1].host == {}


async def test_a_lesson_that_was_forgotten_or_has_new_rules_is_read_from_its_start(
    store: Database,
) -> None:
    counting = Counting(store)
    folded = FoldedFacts(counting, kept=1)
    await append(store, *sample(ONE, 1), *sample(TWO, 1))
    await folded.of([ONE], {1: DEFAULT})
    await folded.of([ONE], {1: DEFAULT})
    assert counting.read == 2
    await folded.of([TWO], {1: DEFAULT})
    await folded.of([ONE], {1: DEFAULT})
    assert counting.read == 6
    found = await folded.of([ONE], RULES)
    assert counting.read == 8
    assert said(found[2], ONE) == said(Evidence.of(sample(ONE, 1)), ONE)


async def test_facts_that_could_not_be_read_are_read_again(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    folded = FoldedFacts(store)
    await append(store, *sample(ONE, 1))
    await folded.of([ONE], RULES)
    await append(store, *sample(ONE, 2))
    with monkeypatch.context() as broken:
        broken.setattr(Evidence, "take", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await folded.of([ONE], RULES)
    found = await folded.of([ONE], RULES)
    assert said(found[1], ONE) == said(Evidence.of(sample(ONE, 1) + sample(ONE, 2)), ONE)
