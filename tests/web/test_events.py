"""Server-sent events for the office's pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.web.events import (
    EVENTS,
    MAX_STREAMS,
    MAX_WAITING,
    RESYNC,
    EventFan,
    _Stream,
    event_of,
    written,
)
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import Site, site

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def stream(served: Site, role: Role) -> AsyncIterator[aiohttp.ClientResponse]:
    cookie = {"Cookie": f"__Host-session={served.cookies[role]}"}
    async with served.client.get(served.url + "/api/events", headers=cookie) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert await block(response) == "retry: 3000"
        yield response


async def block(response: aiohttp.ClientResponse) -> str:
    """The next event as text; "" when the stream ended."""
    async with asyncio.timeout(PATIENCE_S):
        try:
            return (await response.content.readuntil(b"\n\n")).decode().strip()
        except asyncio.IncompleteReadError:
            return ""


async def test_what_changes_is_said_to_every_page(tmp_path: Path) -> None:
    async with (
        site(tmp_path) as served,
        stream(served, Role.ADMIN) as admin,
        stream(served, Role.REVIEWER) as reviewer,
    ):
        await served.bus.publish("lesson", {"type": "changed", "occurrence": "o-1"})
        for response in (admin, reviewer):
            assert await block(response) == 'event: lesson\ndata: {"lesson": "o-1"}'
        await served.bus.publish("plan", {"type": "changed"})
        assert await block(admin) == "event: plan\ndata: {}"
        _, token = await served.device("far-1-r1")
        async with served.connect() as socket:
            await served.hello(socket, token)
            assert await block(admin) == 'event: terminal\ndata: {"classroom": "far-1-r1"}'
        await served.bus.publish("plan", {"type": "resync"})
        async with asyncio.timeout(PATIENCE_S):
            while await block(admin) != "event: resync\ndata: {}":
                pass


async def test_an_event_cannot_be_written_into_by_its_value() -> None:
    event = event_of("lesson", {"type": "changed", "occurrence": "x\n\nevent: evil"})
    assert event is not None
    assert written(event).count(b"\n") == 3


async def test_what_is_no_news_is_not_said() -> None:
    assert event_of("presence", {"type": "here", "hub": "a", "rooms": {}}) is None
    assert event_of("presence", {}) is None
    assert event_of("presence", {"type": "resync"}) == RESYNC


async def test_a_page_that_does_not_read_is_told_to_load_again() -> None:
    waiting = _Stream()
    for n in range(MAX_WAITING + 5):
        waiting.put(("lesson", (("lesson", f"o-{n}"),)))
    waiting.put(("plan", ()))
    assert await waiting.take() == [RESYNC]
    for _ in range(1000):
        waiting.put(("plan", ()))
    assert await waiting.take() == [("plan", ())]


async def test_streams_are_bounded(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        fan: EventFan = served.app[EVENTS]
        taken = [fan.open() for _ in range(MAX_STREAMS)]
        refused = await served.ask("GET", "/api/events", role=Role.ADMIN)
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "60"
        fan.close(taken[0])
        async with stream(served, Role.ADMIN):
            assert len(fan) == MAX_STREAMS

        async def noticed() -> bool:
            """The line was cut; the server notices when it speaks, at the second word at last."""
            await served.bus.publish("plan", {"type": "changed"})
            return len(fan) == MAX_STREAMS - 1

        await until(noticed)


async def test_a_browser_that_leaves_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(tmp_path) as served:
        fan: EventFan = served.app[EVENTS]
        async with stream(served, Role.ADMIN):
            await until(lambda: len(fan) == 1)

        async def noticed() -> None:
            while len(fan):
                await served.bus.publish("plan", {"type": "changed"})
                await asyncio.sleep(0)

        async with asyncio.timeout(PATIENCE_S):
            await noticed()
    assert [r.message for r in caplog.records if r.levelname == "ERROR"] == []


async def test_whoever_is_disabled_hears_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.web.events.HEARTBEAT_S", 0.05)
    async with site(tmp_path) as served, stream(served, Role.REVIEWER) as reviewer:
        assert await block(reviewer) == ": still here"
        await served.services.accounts.disable(served.users[Role.REVIEWER].id)
        async with asyncio.timeout(PATIENCE_S):
            while await block(reviewer):
                pass
        await until(lambda: len(served.app[EVENTS]) == 0)


async def test_drafts_and_receipts_are_told_apart_from_the_plan() -> None:
    changed = {"type": "changed", "term": "autumn", "revision": 7}
    assert event_of("draft", changed) == ("draft", (("term", "autumn"),))
    assert event_of("notices", {"type": "receipt"}) == ("receipt", ())
    assert event_of("draft", {"type": "resync"}) == RESYNC
