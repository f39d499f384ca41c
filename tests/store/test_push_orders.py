"""Orders come back as they went in; each is stored, sent and cancelled once, whoever tries."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    PushId,
    ResourceId,
    SchoolId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.library import Deletion, Details, Version
from sync_classroom.domain.make_up import Switch
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.push_copies import Copy, CopyState, Failure
from sync_classroom.domain.push_orders import Cancellation, PushOrder
from sync_classroom.domain.targeting import Rule
from sync_classroom.domain.timetable import Push, PushTarget
from sync_classroom.store.database import Database
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
RESOURCE = ResourceId("r-1")
TARGETS = (
    PushTarget(
        TargetId("t1"), SchoolId("remote-1"), ClassroomId("remote-1-r1"), ClassId("remote-1-c1")
    ),
    PushTarget(TargetId("t2"), SchoolId("remote-2"), teacher=TeacherId("remote-2-t1")),
)
ORDER = PushOrder(
    PushId("p-1"), RESOURCE, 1, Rule(frozenset({SchoolId("remote-1")}), frozenset({3})), TARGETS,
    "缺课补推", "wang", at("12:00"), at("18:00"), at("22:00"), automatic=True,
)  # fmt: skip
GONE = Cancellation(at("13:00"), "li", "发错了")


def push(order: PushOrder, clock: str = "18:00") -> Push:
    return Push(order.id, order.resource, "英语", order.reason, at(clock), 3, order.targets)


@pytest_asyncio.fixture(autouse=True)
async def resource(store: Database) -> None:
    await store.apply_roster(programme())
    version = Version(0, "a.pdf", "a.pdf", "application/pdf", 1, "00", at("11:00"), "wang")
    await store.add_version(RESOURCE, Details("练习"), version, key="r")


async def test_an_order_comes_back_and_a_key_gives_one(store: Database) -> None:
    tries = [store.add_order(replace(ORDER, id=PushId(f"p-{n}")), key="k") for n in range(4)]
    made = await asyncio.gather(*tries)
    assert len({m.id for m in made}) == 1
    assert await store.orders(limit=9) == [made[0]]
    assert await store.order_by_key("k") == await store.push_order(made[0].id) == made[0]
    assert replace(made[0], id=ORDER.id) == ORDER
    assert await store.push_order(PushId("nobody")) is None
    assert await store.orders(limit=9, resource=ResourceId("other")) == []


async def test_an_order_is_sent_once_and_then_is_a_push(store: Database) -> None:
    await store.add_order(ORDER, key="k")
    assert await store.due_orders(at("17:59"), limit=9) == []
    assert [o.id for o in await store.due_orders(at("18:00"), limit=9)] == ["p-1"]
    assert await store.due_orders(at("22:00"), limit=9) == []  # expired before it was sent
    sent = await asyncio.gather(*(store.send_order(push(ORDER)) for _ in range(4)))
    assert sorted(sent) == [False, False, False, True]
    assert await store.pushes_between(at("00:00"), at("23:00")) == [push(ORDER)]
    assert await store.due_orders(at("18:00"), limit=9) == []
    [found] = await store.orders(limit=9)
    assert found.sent_at == at("18:00")


async def test_what_was_cancelled_is_never_sent(store: Database) -> None:
    await store.add_order(ORDER, key="k")
    assert await store.cancel_order(ORDER.id, GONE)
    assert not await store.cancel_order(ORDER.id, replace(GONE, reason="又"))
    assert not await store.send_order(push(ORDER))
    assert await store.due_orders(at("18:00"), limit=9) == []
    assert await store.pushes_between(at("00:00"), at("23:00")) == []
    [found] = await store.orders(limit=9)
    assert found.cancelled == GONE


async def test_a_resource_stays_while_an_order_rests_on_it(store: Database) -> None:
    await store.add_order(ORDER, key="k")
    with pytest.raises(ProblemError, match="p-1") as refused:
        await store.delete_resource(RESOURCE, Deletion(at("13:00"), "wang", "重复"))
    assert refused.value.code == "resource_in_use"
    assert await store.delete_resource(RESOURCE, Deletion(at("22:00"), "wang", "重复"))
    with pytest.raises(KeyError):
        await store.add_order(replace(ORDER, id=PushId("p-2")), key="k2")


async def test_a_room_finds_what_was_sent_to_it_and_is_not_over(store: Database) -> None:
    room, now = ClassroomId("remote-1-r1"), at("20:00")
    assert await store.orders_for(room, now, limit=9) == []
    await store.add_order(ORDER, key="a")
    assert await store.orders_for(room, now, limit=9) == []  # not sent yet
    assert await store.send_order(push(ORDER))
    later = replace(ORDER, id=PushId("p-2"), expires_at=None)
    await store.add_order(later, key="b")
    assert await store.send_order(push(later, "19:00"))
    found = await store.orders_for(room, now, limit=9)
    assert [o.id for o in found] == ["p-2", "p-1"]
    assert [o.id for o in await store.orders_for(room, now, limit=1)] == ["p-2"]
    assert await store.orders_for(ClassroomId("remote-2-r1"), now, limit=9) == []
    assert [o.id for o in await store.orders_for(room, at("22:00"), limit=9)] == ["p-2"]
    assert await store.cancel_order(later.id, GONE)
    assert [o.id for o in await store.orders_for(room, now, limit=9)] == ["p-1"]
    by_id = await store.orders_by_id([later.id, ORDER.id, PushId("p-none")])
    assert {o.id for o in by_id} == {"p-1", "p-2"}


async def test_of_a_copy_the_latest_word_stays(store: Database) -> None:
    await store.add_order(ORDER, key="a")
    assert await store.send_order(push(ORDER))
    early = Copy(ORDER.id, TargetId("t1"), CopyState.FETCHING, 10, None, 0, at("18:05"))
    late = Copy(ORDER.id, TargetId("t1"), CopyState.EVICTED, 0, Failure.DISK, 90, at("18:10"))
    await store.put_copies([early])
    assert await store.copies_of(ORDER.id) == [early]
    await store.put_copies([late])
    await store.put_copies([early])
    await store.put_copies([])
    assert await store.copies_of(ORDER.id) == [late]


async def test_the_latest_switch_of_the_automatic_rule_counts(store: Database) -> None:
    assert await store.push_switch() is None
    off = Switch(False, at("12:00"), "li", "考试周")
    await store.add_push_switch(off)
    assert await store.push_switch() == off
    on = Switch(True, at("12:00"), "li", "考完了")
    await store.add_push_switch(on)
    assert await store.push_switch() == on
