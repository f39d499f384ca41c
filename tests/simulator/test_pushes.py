"""A virtual classroom's inbox against a real server, over a line that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import PushStep
from sync_classroom.domain.ids import PushId
from sync_classroom.simulator import pushes
from sync_classroom.simulator.pushes import VirtualInbox, run_inboxes
from sync_classroom.simulator.swarm import Administrator, open_http
from tests.support.library import PDF
from tests.support.pages import office
from tests.support.pushes import pushed
from tests.support.waiting import until
from tests.support.web import PASSWORD, Site

pytestmark = pytest.mark.asyncio
HALF = len(PDF) // 2


@asynccontextmanager
async def breaking(port: int, breaks: int) -> AsyncIterator[int]:
    """A way to `port` that is cut after half a file, so many times; its own port."""
    left = breaks

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int) -> None:
        while most > 0 and (data := await reader.read(4096)):
            most -= len(data)
            writer.write(data)
            await writer.drain()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        there = await asyncio.open_connection("127.0.0.1", port)
        most, left = (HALF if left > 0 else 1 << 40), left - 1
        back = asyncio.create_task(pump(reader, there[1], 1 << 40))
        try:
            await pump(there[0], writer, most)
        finally:
            back.cancel()
            await asyncio.gather(back, return_exceptions=True)
            for end in (writer, there[1]):
                end.close()
                with suppress(ConnectionError):
                    await end.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def steps(served: Site, push: str) -> list[str]:
    return sorted(f.step.name for f in await served.store.push_facts([PushId(push)]))  # type: ignore[union-attr]


async def test_a_push_comes_through_a_breaking_line_and_is_seen_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOOK_S", "RETRY_S", "NOT_OPENED", "NOT_FINISHED"):
        monkeypatch.setattr(pushes, name, 0)
    for name in ("OPENED_AFTER_S", "WATCHED_FOR_S"):
        monkeypatch.setattr(pushes, name, (0, 0))
    async with office(tmp_path) as served, aiohttp.ClientSession() as http:
        _, token = await served.device("remote-1-r1")
        order = await pushed(served)
        port = int(served.url.rpartition(":")[2])
        async with breaking(port, 2) as cut:
            inbox = VirtualInbox(http, f"http://127.0.0.1:{cut}", token, seed=1)
            running = asyncio.create_task(run_inboxes([inbox]))
            await until(lambda: inbox.tally.completed)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        tally = inbox.tally
        assert (tally.known, tally.delivered, tally.opened, tally.completed) == (1, 1, 1, 1)
        assert len(PDF) <= tally.bytes < 2 * len(PDF)
        assert tally.last_error != ("", "")
        assert await steps(served, order.id) == sorted(step.name for step in PushStep)


async def test_a_push_that_is_over_is_let_go(tmp_path: Path) -> None:
    async with office(tmp_path) as served, aiohttp.ClientSession() as http:
        _, token = await served.device("remote-1-r1")
        order = await pushed(served)
        inbox = VirtualInbox(http, served.url, token, seed=1)
        [item] = await inbox._inbox()
        await served.services.pushes.cancel(order.id, "发错了", user=served.users[Role.ADMIN])
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await inbox.fetch(item)
        assert refused.value.status == 409
        await inbox._receive(pushes._Kept(item))
        assert "409" in inbox.tally.last_error[1]
        assert (inbox.tally.delivered, await steps(served, order.id)) == (0, [])


async def test_an_administrator_adds_a_file_and_pushes_it(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        async with open_http(served.url) as http:
            admin = await Administrator.sign_in(
                http, served.url, served.users[Role.ADMIN].login, PASSWORD
            )
            file = tmp_path / "练习.pdf"
            file.write_bytes(PDF)
            resource = await admin.add_resource(file, "练习", "英语")
            push = await admin.push(resource, ["remote-1-r1", "remote-2-r1"], "预习")
        order = await served.services.pushes.one(push)
        assert (order.resource, order.reason, len(order.targets)) == (resource, "预习", 2)
