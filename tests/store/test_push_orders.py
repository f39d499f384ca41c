"""Orders come back as they went in; each is stored, sent and cancelled once, whoever tries."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import PushProgress, PushStep
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    FactId,
    PushId,
    ResourceId,
    SchoolId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.library import Deletion, Details, Version
from sync_classroom.domain.make_up import Switch
from sync_classroom.domain.modes import push_reach
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.push_copies import Copy, CopyState, Failure
from sync_classroom.domain.push_orders import Cancellation, PushOrder, Reminder, Withdrawal
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


async def test_of_reminders_at_once_one_counts_and_the_next_comes_an_hour_later(
    store: Database,
) -> None:
    await store.add_order(ORDER, key="a")
    first, second = Reminder(at("18:30"), "wang"), Reminder(at("19:29"), "li")
    done = await asyncio.gather(*(store.add_reminder(ORDER.id, first) for _ in range(3)))
    assert sorted(done, key=lambda r: r is not None) == [None, first, first]
    assert await store.add_reminder(ORDER.id, second) == first
    third = replace(second, at=at("19:30"))
    assert await store.add_reminder(ORDER.id, third) is None
    assert await store.reminders_of([ORDER.id, PushId("p-none")]) == {ORDER.id: [third, first]}
    assert await store.reminders_of([]) == {}


async def test_a_resource_is_unused_while_no_order_of_it_is_open(store: Database) -> None:
    [made] = await store.resources_by_id([RESOURCE])
    later = made.at + timedelta(seconds=1)

    async def unused(clock: str, *, by: str = made.by, before: datetime = later) -> list[str]:
        found = await store.unused_resources(by, before=before, now=at(clock), limit=5)
        return list(found)

    assert await unused("12:00") == [RESOURCE]
    assert await unused("12:00", by="nobody") == []
    assert await unused("12:00", before=made.at) == []
    await store.add_order(ORDER, key="a")
    assert await unused("21:59") == []
    assert await unused("22:00") == [RESOURCE]
    await store.add_order(replace(ORDER, id=PushId("p-2"), expires_at=None), key="b")
    assert await unused("22:00") == []
    assert await store.cancel_order(PushId("p-2"), GONE)
    assert await unused("22:00") == [RESOURCE]
    assert await store.delete_resource(RESOURCE, Deletion(at("22:00"), "li", "不用了"))
    assert await unused("22:00") == []


async def test_a_target_is_withdrawn_once_and_the_order_says_so(store: Database) -> None:
    await store.add_order(ORDER, key="a")
    assert await store.send_order(push(ORDER))
    first, second = (
        Withdrawal(TargetId(t), at("19:00"), "make-up", "后来的记录") for t in ("t1", "t2")
    )
    assert await store.withdraw_targets(ORDER.id, []) == 0
    assert await store.withdraw_targets(ORDER.id, [first]) == 1
    later = replace(first, at=at("20:00"), reason="又")
    tries = [store.withdraw_targets(ORDER.id, [later, second]) for _ in range(3)]
    assert sorted(await asyncio.gather(*tries)) == [0, 0, 1]
    [found] = await store.orders(limit=9)
    assert found.withdrawn == (first, second)


async def test_a_withdrawn_target_is_owed_only_where_something_arrived(store: Database) -> None:
    await store.add_order(ORDER, key="a")
    assert await store.send_order(push(ORDER))
    day = at("00:00"), at("23:00")
    assert await store.push_reach(*day) == {"remote-1": (1, 0, 0, 0), "remote-2": (1, 0, 0, 0)}
    gone = [Withdrawal(t.id, at("19:00"), "make-up", "后来的记录") for t in TARGETS]
    assert await store.withdraw_targets(ORDER.id, gone) == 2
    fact = PushProgress(FactId("f"), PushStep.DELIVERED, ORDER.id, TargetId("t2"), at("19:30"))
    await store.append_facts([fact], received_at=at("20:00"))
    [sent] = await store.pushes_between(*day)
    assert sent.targets == tuple(replace(t, withdrawn_at=at("19:00")) for t in TARGETS)
    reach = await store.push_reach(*day)
    assert reach == {"remote-1": (0, 0, 0, 0), "remote-2": (1, 1, 0, 0)}
    assert reach == push_reach([sent], Evidence.of([fact]))


async def test_orders_of_the_server_s_own_are_found_while_they_are_open(store: Database) -> None:
    await store.add_order(ORDER, key="a")
    await store.add_order(replace(ORDER, id=PushId("p-2"), automatic=False), key="b")
    since, now = at("12:00"), at("20:00")
    assert await store.automatic_orders(since, now, limit=9) == []  # not sent
    for ident in ("p-1", "p-2"):
        assert await store.send_order(push(replace(ORDER, id=PushId(ident))))
    assert [o.id for o in await store.automatic_orders(since, now, limit=9)] == ["p-1"]
    assert await store.automatic_orders(at("12:01"), now, limit=9) == []
    assert await store.automatic_orders(since, at("22:00"), limit=9) == []
    assert await store.cancel_order(ORDER.id, GONE)
    assert await store.automatic_orders(since, now, limit=9) == []
