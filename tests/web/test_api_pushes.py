"""Push orders over HTTP: once for a key, nobody refused, progress counted by target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import PushProgress, PushStep
from sync_classroom.domain.ids import FactId, PushId, TargetId
from tests.support.library import added
from tests.support.pages import office
from tests.support.plans import at
from tests.support.web import Site

pytestmark = pytest.mark.asyncio


async def give(
    served: Site, *, key: str = "k", role: Role = Role.TEACHER, **body: Any
) -> aiohttp.ClientResponse:
    return await served.ask(
        "POST", "/api/pushes", role=role, json=body, headers={"Idempotency-Key": key}
    )


async def test_an_order_is_given_once_and_followed(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        wish = {"resource": await added(served), "reason": "预习", "schools": ["remote-3"]}
        answer = await give(served, **wish)
        assert answer.status == 201, await answer.text()
        order = await answer.json()
        assert (order["state"], order["targets"], order["delivered"]) == ("sent", 6, 0)
        assert (await (await give(served, **wish)).json())["id"] == order["id"]
        assert len(await served.services.pushes.orders()) == 1
        fact = PushProgress(
            FactId("f"), PushStep.OPENED, PushId(order["id"]), TargetId("t1"), at("11:00")
        )
        await served.store.append_facts([fact], received_at=at("11:00"))
        found = await served.ask("GET", f"/api/pushes/{order['id']}", role=Role.REVIEWER)
        assert (await found.json())["opened"] == 1


async def test_an_order_for_later_waits(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        wish = {"resource": await added(served), "reason": "x", "schools": ["remote-3"]}
        later = {"send_at": "2026-12-01T08:00:00+08:00", "expires_at": "2026-12-31T08:00:00+08:00"}
        order = await (await give(served, **wish, **later)).json()
        assert (order["state"], order["sent_at"]) == ("scheduled", None)


async def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        resource = await added(served)
        for body, status, text in (
            ({"resource": resource, "reason": "x"}, 422, ""),
            ({"resource": resource, "reason": " ", "schools": ["remote-1"]}, 422, "原因"),
            ({"resource": "nothing", "reason": "x", "schools": ["remote-1"]}, 422, "资源"),
            ({"resource": resource, "reason": "x", "grades": [99]}, 422, "grades"),
        ):
            answer = await give(served, key=str(len(text)) + str(status), **body)
            assert answer.status == status, await answer.text()
            assert text in await answer.text()
        assert await served.services.pushes.orders() == []
        missing = await served.ask("GET", "/api/pushes/p-nothing", role=Role.ADMIN)
        assert missing.status == 404
