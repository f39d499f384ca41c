"""Scores in the store: one of each person, all of a lesson by one rubric."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.rubric import Item, Rubric, Scores
from sync_classroom.store import scores
from sync_classroom.store.database import Database
from tests.store.test_minutes import filled
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("s-1")
ITEMS = (Item("目标", 1, 10), Item("过程", 3, 5))
# Of the store any occurrence will do as the lesson.
LI = Scores(ONE, ONE, "t:li", "李", ITEMS, (10, 0), "好", at("16:10"))


async def test_a_person_scores_once_and_the_latest_stays(store: Database) -> None:
    await filled(store)
    later = replace(LI, points=(9, 5), at=at("16:12"))
    for each in (LI, replace(LI, by="t:wang", name="王", at=at("16:11")), later):
        assert await store.save_scores(each)
    found = await store.scores_of(ONE)
    assert [(s.by, s.points) for s in found] == [("t:wang", (10, 0)), ("t:li", (9, 5))]
    assert found[1] == later


async def test_all_score_by_one_rubric_whoever_is_first(store: Database) -> None:
    await filled(store)
    other = replace(LI, by="t:wang", items=(Item("目标", 1, 10),), points=(3,))
    stored = await asyncio.gather(store.save_scores(LI), store.save_scores(other))
    assert sorted(stored) == [False, True]
    assert len(await store.scores_of(ONE)) == 1
    # Who is alone may score anew by another.
    (alone,) = await store.scores_of(ONE)
    assert await store.save_scores(replace(alone, items=(Item("新", 2, 4),), points=(4,)))


async def test_the_rubric_is_the_last_version_and_whoever_is_second_is_refused(
    store: Database,
) -> None:
    assert await store.rubric() is None
    one, other = (
        Rubric((Item("目标", 1, 10, word),), 0, word, at("16:10")) for word in ("Aims", "Goals")
    )
    stored = await asyncio.gather(store.save_rubric(one), store.save_rubric(other))
    assert sorted(stored) == [False, True]
    first = one if stored[0] else other
    assert await store.rubric() == replace(first, version=1)
    assert await store.save_rubric(replace(other, version=1, items=ITEMS))
    assert await store.rubric() == replace(other, version=2, items=ITEMS)


async def test_no_more_rubrics_are_kept_than_anybody_looks_at(
    store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "MAX_VERSIONS", 2)
    for version in range(4):
        assert await store.save_rubric(Rubric(ITEMS, version, "li", at("16:10")))
    # Of what is gone nobody can make another: the last is there.
    assert not await store.save_rubric(Rubric(ITEMS, 3, "li", at("16:10")))
    found = await store.rubric()
    assert found is not None
    assert found.version == 4
