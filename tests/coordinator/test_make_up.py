"""Recordings of missed lessons are pushed by themselves: once, to whom it concerns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from sync_classroom.coordinator import make_up
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.library import LibraryOptions
from sync_classroom.coordinator.make_up import MakeUpService
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import FactId
from sync_classroom.domain.library import Limits
from sync_classroom.domain.make_up import WITHDRAWN
from sync_classroom.domain.problems import ProblemError
from tests.support.coordination import ZONE
from tests.support.library import added, recorded
from tests.support.pages import delivered, english, office
from tests.support.plans import at
from tests.support.pushes import bearer, inbox_of, say
from tests.support.waiting import until
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


def another(
    served: Site,
    lease: LeaseKeeper | None = None,
    heard_at: Callable[[], datetime | None] | None = None,
) -> MakeUpService:
    """The rule in another coordinator."""
    services = served.services
    return MakeUpService(
        served.store, services.pushes, services.library, lease or LeaseKeeper(served.store, "two"),
        heard_at or served.clock, clock=served.clock, zone=ZONE,
    )  # fmt: skip


async def test_seats_that_missed_a_lesson_get_its_recording_once(tmp_path: Path) -> None:
    async with office(tmp_path, clock="08:55", recordings=tmp_path / "recordings") as served:
        rule = served.services.make_up
        assert await rule.sweep() == 0  # no recording yet
        await recorded(served)
        assert await rule.sweep() == 0  # ended at 08:51, its evidence may be under way
        served.clock.now = at("08:56")
        assert await rule.sweep() == 1
        [order] = await served.services.pushes.orders()
        # One seat was partly received, one missed; the third was held.
        assert [t.classroom for t in order.targets] == ["remote-1-r2", "remote-2-r1"]
        assert order.automatic
        assert (order.sent_at, order.expires_at) == (at("08:56"), at("08:56", "2026-12-23"))
        [resource] = await served.store.resources(limit=5)
        assert (order.resource, resource.details.lesson) == (resource.id, "english")
        assert resource.latest.duration_s == pytest.approx(4.0, abs=0.1)
        for again in (rule, another(served)):
            assert await again.sweep() == 0
        assert len(await served.store.pushes_between(at("00:00"), at("23:00"))) == 1


async def test_two_coordinators_at_once_push_once(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        await asyncio.gather(served.services.make_up.sweep(), another(served).sweep())
        assert len(await served.services.pushes.orders()) == 1
        assert len(await served.store.resources(limit=5)) == 1


async def test_a_cancelled_push_is_not_given_again(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        assert await served.services.make_up.sweep() == 1
        [order] = await served.services.pushes.orders()
        admin = served.users[Role.ADMIN]
        await served.services.pushes.cancel(order.id, "这节课不用补", user=admin)
        await served.services.library.delete(order.resource, "不用了", user=admin)
        assert await another(served).sweep() == 0
        assert len(await served.services.pushes.orders()) == 1


async def test_switched_off_nothing_is_pushed_and_on_again_only_later_lessons(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        rule, admin = served.services.make_up, served.users[Role.ADMIN]
        with pytest.raises(ProblemError, match="Say why"):
            await rule.turn(False, " ", user=admin)
        for role in (Role.TEACHER, Role.REVIEWER):
            with pytest.raises(ProblemError, match="administrators"):
                await rule.turn(False, "考试", user=served.users[role])
        await rule.turn(False, "考试周", user=admin)
        assert await rule.sweep() == 0
        await rule.turn(True, "考完了", user=admin)
        assert await rule.sweep() == 0
        switch = await rule.switch()
        assert switch is not None
        await rule.turn(True, "又一次", user=admin)  # it is on already
        assert await rule.switch() == switch


async def test_a_lesson_that_cannot_be_made_up_is_tried_again(tmp_path: Path) -> None:
    full = LibraryOptions(Limits(10, 0, 0))
    async with office(tmp_path, recordings=tmp_path / "recordings", library=full) as served:
        await recorded(served)
        failed = make_up.FAILED.labels("file_too_large")
        before = failed._value.get()
        for _ in range(2):
            assert await served.services.make_up.sweep() == 0
        assert failed._value.get() == before + 2
        assert await served.services.pushes.orders() == []


async def test_the_task_of_whoever_leads_does_it(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        lease = LeaseKeeper(served.store, "one")
        rule = another(served, lease)
        await rule.ring(frozenset())
        assert await served.services.pushes.orders() == []  # nobody leads yet
        tasks = [asyncio.create_task(lease.run()), asyncio.create_task(rule.run())]
        try:

            async def sent() -> bool:
                return len(await served.services.pushes.orders()) == 1

            await until(sent, within_s=60)
            assert rule.alarms.at(make_up.ALARM) == at("10:01")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_recording_whose_push_is_over_takes_no_room_any_more(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        library = served.services.library
        assert await served.services.make_up.sweep() == 1
        [order] = await served.services.pushes.orders()
        own = await added(served)  # what people brought in stays, pushed or not

        async def retire() -> int:
            return await library.retire(
                make_up.BY, make_up.OVER, age=make_up.LOOK_BACK, limit=make_up.RETIRED_AT_ONCE
            )

        served.clock.now = at("09:59", "2026-12-23")
        assert await retire() == 0
        files = tmp_path / "library" / "files"
        assert len(list(files.iterdir())) == 2
        served.clock.now = at("10:00", "2026-12-23")
        assert await retire() == 1
        assert len(list(files.iterdir())) == 1
        [left] = await served.store.resources(limit=5)
        assert left.id == own
        [gone] = await served.store.resources_by_id([order.resource])
        assert gone.deleted is not None
        assert "到期" in gone.deleted.reason
        assert await retire() == 0


async def test_nothing_is_pushed_before_the_relay_was_asked_or_for_an_hour_at_most(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, clock="09:00", recordings=tmp_path / "recordings") as served:
        await recorded(served)
        lease, asked = LeaseKeeper(served.store, "one"), [None, at("08:51"), at("08:52")]
        rule = another(served, lease, lambda: asked[0])
        assert await lease.renew()
        for _ in range(2):
            await rule.ring(frozenset())
            assert await served.services.pushes.orders() == []
            assert rule.alarms.at(make_up.ALARM) == at("09:00") + make_up.SOON
            asked.pop(0)
        await rule.ring(frozenset())
        assert len(await served.services.pushes.orders()) == 1
        assert rule.alarms.at(make_up.ALARM) == at("09:01")


async def test_a_relay_that_is_never_heard_of_costs_no_more_than_the_hour(tmp_path: Path) -> None:
    async with office(tmp_path, clock="09:40", recordings=tmp_path / "recordings") as served:
        await recorded(served)
        rule = another(served, heard_at=lambda: None)
        assert await rule.sweep() == 0
        served.clock.now = at("09:41")
        assert await rule.sweep() == 1


async def received(served: Site, seat: str) -> None:
    """What was late: the seat received all of the lesson."""
    facts = delivered(english(), {seat: [(0, 2400)]}, [])
    late = [replace(f, id=FactId(f"late-{f.id}")) for f in facts]
    await served.store.append_facts(late, received_at=served.clock())
    await served.services.coverage.settle()


async def test_evidence_that_comes_late_withdraws_a_push_from_the_rooms_that_were_held(
    tmp_path: Path,
) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        rule, pushes = served.services.make_up, served.services.pushes
        assert await rule.sweep() == 1
        assert await rule.withdraw() == 0
        here = await bearer(served, "remote-1-r2")
        assert len((await inbox_of(served, here))["pushes"]) == 1
        await received(served, "english-s1")
        served.clock.now = at("11:00")
        assert await rule.withdraw() == 1
        assert await another(served).withdraw() == 0
        [order] = await pushes.orders()
        assert [(w.target, w.at, w.by) for w in order.withdrawn] == [("t1", at("11:00"), "make-up")]
        assert order.withdrawn[0].reason == WITHDRAWN
        assert order.cancelled is None
        assert (await inbox_of(served, here))["pushes"] == []
        assert len((await inbox_of(served, await bearer(served, "remote-2-r1")))["pushes"]) == 1
        assert pushes.waiting(order, {}) == ["t2"]
        # The file is no more to be had there, and what happens with it later is no fact.
        path = f"/api/terminal/pushes/{order.id}/t1/file"
        assert (await served.ask("GET", path, headers=here)).status == 409
        ms = int(served.clock().timestamp() * 1000)
        served.clock.now = at("11:01")
        told = await say(served, here, order, ms, state="kept", bytes=1, opened=ms + 1)
        assert told == {"stored": 0, "refused": []}
        await received(served, "english-s2")
        assert await rule.withdraw() == 1
        [order] = await pushes.orders()
        assert order.cancelled is not None
        assert (order.cancelled.by, order.cancelled.reason) == ("make-up", WITHDRAWN)
        assert await rule.withdraw() == 0


async def test_a_room_that_has_opened_its_push_keeps_it(tmp_path: Path) -> None:
    async with office(tmp_path, recordings=tmp_path / "recordings") as served:
        await recorded(served)
        rule = served.services.make_up
        assert await rule.sweep() == 1
        [order] = await served.services.pushes.orders()
        here = await bearer(served, "remote-1-r2")
        ms = int(served.clock().timestamp() * 1000)
        await say(served, here, order, ms, state="kept", bytes=1, opened=ms)
        await received(served, "english-s1")
        assert await rule.withdraw() == 0
        assert len((await inbox_of(served, here))["pushes"]) == 1
