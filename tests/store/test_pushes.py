"""Push orders come back as they were given, with the facts about them and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain.facts import PushProgress, PushStep
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    FactId,
    PushId,
    SchoolId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.timetable import Push, PushTarget
from sync_classroom.store.database import Database
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

ORDER = Push(
    PushId("p-1"),
    "Unit 6 录像",
    "英语",
    "缺课补推",
    at("16:30"),
    3,
    (
        PushTarget(
            TargetId("t-2"),
            SchoolId("remote-1"),
            ClassroomId("remote-1-r1"),
            ClassId("remote-1-c1"),
            TeacherId("remote-1-t1"),
        ),
        PushTarget(TargetId("t-1"), SchoolId("remote-2")),
    ),
)
OTHER = replace(ORDER, id=PushId("p-2"), ordered_at=at("17:30"), grade=None, targets=())


async def test_orders_come_back_by_instant_with_targets_in_their_order(store: Database) -> None:
    await store.apply_roster(programme())
    assert await store.add_pushes([OTHER, ORDER], key="k") == 2
    assert list(await store.pushes_between(at("16:30"), at("18:00"))) == [ORDER, OTHER]
    assert list(await store.pushes_between(at("16:00"), at("16:30"))) == []
    assert list(await store.pushes_between(at("16:31"), at("17:30"))) == []


async def test_the_same_key_stores_nothing_more(store: Database) -> None:
    await store.apply_roster(programme())
    assert await store.add_pushes([], key="k") == 0
    assert await store.add_pushes([ORDER], key="k") == 1
    assert await store.add_pushes([ORDER], key="k") == 0
    assert await store.add_pushes([OTHER], key="k2") == 1
    assert len(await store.pushes_between(at("00:00"), at("23:00"))) == 2


async def test_facts_of_an_order_are_by_time(store: Database) -> None:
    facts = [
        PushProgress(FactId(f"f{n}"), step, push, TargetId("t-1"), at("18:00") + timedelta(hours=n))
        for n, (step, push) in enumerate(
            [(PushStep.DELIVERED, ORDER.id), (PushStep.DELIVERED, OTHER.id),
             (PushStep.OPENED, ORDER.id)]
        )
    ]  # fmt: skip
    await store.append_facts(facts[::-1], received_at=at("20:00"))
    assert list(await store.push_facts([ORDER.id, ORDER.id])) == [facts[0], facts[2]]
    assert list(await store.push_facts([])) == []
