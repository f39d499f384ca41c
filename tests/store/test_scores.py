"""Scores in the store: one of each person, all of a lesson by one rubric."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.rubric import Item, Scores
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
