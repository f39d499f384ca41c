"""Pushes as terminals see them."""

from __future__ import annotations

from typing import Any

from sync_classroom.coordinator.pushes import Wish
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import ClassroomId
from sync_classroom.domain.push_orders import PushOrder
from sync_classroom.domain.targeting import Rule
from tests.support.library import PDF, added
from tests.support.web import Site

ROOM = "remote-1-r1"


async def bearer(served: Site, classroom: str = ROOM) -> dict[str, str]:
    """The header of a newly enrolled terminal."""
    _, token = await served.device(classroom)
    return {"Authorization": f"Bearer {token}"}


async def pushed(
    served: Site, *rooms: str, key: str = "k", data: bytes = PDF, **wish: Any
) -> PushOrder:
    """A PDF pushed to classrooms."""
    resource = await added(served, data=data, key=key)
    rule = Rule(classrooms=frozenset(map(ClassroomId, rooms or (ROOM,))))
    return await served.services.pushes.order(
        Wish(resource, rule, "补推", **wish), user=served.users[Role.ADMIN], key=key
    )


async def inbox_of(served: Site, headers: dict[str, str]) -> dict[str, Any]:
    """What the terminal is told."""
    answer = await served.ask("GET", "/api/terminal/pushes", headers=headers)
    assert answer.status == 200, await answer.text()
    found: dict[str, Any] = await answer.json()
    return found


async def say(
    served: Site, headers: dict[str, str], order: PushOrder, sent_ms: int, **copy: Any
) -> dict[str, Any]:
    """Say something of the order's first target."""
    word = {"push": order.id, "target": "t1", "watched_s": 0, **copy}
    answer = await served.ask(
        "POST", "/api/terminal/pushes", headers=headers, json={"sent": sent_ms, "copies": [word]}
    )
    assert answer.status == 200, await answer.text()
    told: dict[str, Any] = await answer.json()
    return told
