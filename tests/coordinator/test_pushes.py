"""What the service does by itself; orders as people give them are in tests/web/pages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sync_classroom.coordinator import pushes
from sync_classroom.coordinator.pushes import Wish
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.targeting import Rule
from tests.support.library import added
from tests.support.pages import office
from tests.support.plans import at

pytestmark = pytest.mark.asyncio


async def test_the_task_sends_what_is_due(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "LOOK_S", 0.01)
    async with office(tmp_path) as served:
        resource = await added(served)
        service, user = served.services.pushes, served.users[Role.ADMIN]
        rule = Rule(schools=frozenset({SchoolId("remote-1")}))
        made = await service.order(
            Wish(resource, rule, "预习", send_at=at("18:00")), user=user, key="k"
        )
        assert made.sent_at is None
        served.clock.now = at("18:00")
        running = asyncio.create_task(service.run())
        try:
            async with asyncio.timeout(30):
                while (await service.one(made.id)).sent_at is None:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_many_who_give_the_same_order_give_one(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        service, user = served.services.pushes, served.users[Role.ADMIN]
        wish = Wish(resource, Rule(schools=frozenset({SchoolId("remote-1")})), "预习")
        made = await asyncio.gather(*(service.order(wish, user=user, key="k") for _ in range(5)))
        assert len({m.id for m in made}) == 1
        assert all(m.sent_at == at("10:00") for m in made)
        assert len(await served.store.pushes_between(at("00:00"), at("23:00"))) == 1


async def test_one_who_asks_again_is_answered_with_what_was_sent(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        service, user = served.services.pushes, served.users[Role.ADMIN]
        rule = Rule(schools=frozenset({SchoolId("remote-1")}))
        wish = Wish(await added(served), rule, "预习", send_at=at("18:00"))
        made = await service.order(wish, user=user, key="k")
        assert made.sent_at is None
        served.clock.now = at("18:00")
        again = await service.order(wish, user=user, key="k")
        assert (again.id, again.sent_at) == (made.id, at("18:00"))
