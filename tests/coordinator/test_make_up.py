"""Recordings of missed lessons are pushed by themselves: once, to whom it concerns."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sync_classroom.coordinator import make_up
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.library import LibraryOptions
from sync_classroom.coordinator.make_up import MakeUpService
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.library import Limits
from sync_classroom.domain.problems import ProblemError
from tests.support.coordination import ZONE
from tests.support.library import recorded
from tests.support.pages import office
from tests.support.plans import at
from tests.support.waiting import until
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


def another(served: Site, lease: LeaseKeeper | None = None) -> MakeUpService:
    """The rule in another coordinator."""
    services = served.services
    return MakeUpService(
        served.store, services.pushes, services.library, lease or LeaseKeeper(served.store, "two"),
        clock=served.clock, zone=ZONE,
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
