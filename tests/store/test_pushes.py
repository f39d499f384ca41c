"""Push orders come back as they were given, with the facts about them and no others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain.evidence import Evidence
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
from sync_classroom.domain.modes import push_reach
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


async def test_how_far_orders_got_is_what_their_facts_say(store: Database) -> None:
    await store.apply_roster(programme())
    late = replace(ORDER, id=PushId("p-3"), ordered_at=at("18:30"))
    await store.add_pushes([ORDER, OTHER, late], key="k")
    taken = [
        (ORDER, "t-2", PushStep.DELIVERED), (ORDER, "t-2", PushStep.OPENED),
        (ORDER, "t-2", PushStep.OPENED), (ORDER, "t-1", PushStep.DELIVERED),
        (ORDER, "t-9", PushStep.COMPLETED), (OTHER, "t-1", PushStep.COMPLETED),
        (late, "t-1", PushStep.COMPLETED),
    ]  # fmt: skip
    facts = [
        PushProgress(FactId(f"f{n}"), step, order.id, TargetId(target), at("19:00"))
        for n, (order, target, step) in enumerate(taken)
    ]
    await store.append_facts(facts, received_at=at("20:00"))
    for ends in (at("18:00"), at("19:00")):
        orders = await store.pushes_between(at("16:00"), ends)
        wanted = push_reach(orders, Evidence.of(facts))
        assert await store.push_reach(at("16:00"), ends) == wanted
    assert wanted == {"remote-1": (2, 1, 1, 0), "remote-2": (2, 1, 0, 1)}
    assert await store.push_reach(at("10:00"), at("11:00")) == {}
