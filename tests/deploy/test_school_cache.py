"""deploy/nginx/school-cache.conf in a real nginx: what is pushed crosses a school's line once."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sync_classroom.coordinator.push_files import LineOptions
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.push_orders import PushOrder
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from tests.support.library import PDF
from tests.support.pages import office
from tests.support.plans import at
from tests.support.ports import free_port
from tests.support.pushes import bearer, inbox_of, pushed
from tests.support.school_cache import school_cache
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
SCHOOL = SchoolId("remote-1")
ROOMS = ("remote-1-r1", "remote-1-r2", "remote-1-r3")
#: Of several pieces of a cache, the last one not whole.
DATA = PDF * 14
NIGHT = parse_hours("17:00-07:30")


def lines(port: int, hours: str = "00:00-24:00") -> LineOptions:
    """A line with a cache at this port."""
    caches = {SCHOOL: f"http://127.0.0.1:{port}"}
    return LineOptions(Lines(Line((parse_hours(hours),), 0), caches=caches))


async def told(served: Site, room: str) -> dict[str, Any]:
    """The one push that a room's terminal is told of."""
    [push] = (await inbox_of(served, await bearer(served, room)))["pushes"]
    found: dict[str, Any] = push
    return found


async def carried(served: Site, order: PushOrder) -> tuple[int, int]:
    """Bytes that went to the school's cache, and to terminals."""
    await served.services.push_files.write_carried()
    return (await served.services.push_files.carried(order)).get(SCHOOL, (0, 0))


async def get(url: str, **headers: str) -> tuple[int, bytes]:
    async with aiohttp.request("GET", url, headers=headers) as answer:
        pages_may_read = answer.headers.getall("Access-Control-Allow-Origin", [])
        assert pages_may_read == (["*"] if "/api/push-files" in url else [])
        return answer.status, await answer.read()


async def test_what_three_terminals_fetch_together_the_server_sends_once(tmp_path: Path) -> None:
    port = free_port()
    async with office(tmp_path, lines=lines(port)) as served:
        order = await pushed(served, *ROOMS, data=DATA)
        urls = {(await told(served, room))["cached"] for room in ROOMS}
        [url] = urls  # one terminal like another
        async with school_cache(tmp_path / "cache", port, served.url):
            assert await asyncio.gather(*(get(url) for _ in ROOMS)) == [(200, DATA)] * 3
            assert await carried(served, order) == (len(DATA), 0)
            # After a break, at any place, also of another order of the same file.
            status, rest = await get(url, Range=f"bytes={len(DATA) - 1000}-")
            assert (status, rest) == (206, DATA[-1000:])
            assert await get(f"{url}-another") == (200, DATA)
            assert await carried(served, order) == (len(DATA), 0)


async def test_a_cache_keeps_nothing_that_the_server_does_not_give_and_all_that_it_gave(
    tmp_path: Path,
) -> None:
    port = free_port()
    async with office(tmp_path, lines=lines(port, "17:00-07:30")) as served:
        order = await pushed(served, ROOMS[0], data=DATA)
        url = (await told(served, ROOMS[0]))["cached"]
        async with school_cache(tmp_path / "cache", port, served.url):
            assert (await get(url))[0] == 503  # not in the middle of a lesson
            assert (await get(url.replace("/api/push-files/", "/api/push-files/x")))[0] == 404
            assert (await get(f"http://127.0.0.1:{port}/api/openapi.json"))[0] == 404
            served.clock.now = at("17:00")
            assert await get(url) == (200, DATA)
            served.clock.now = at("10:00", "2026-11-24")
            await served.services.pushes.cancel(order.id, "撤", user=served.users[Role.ADMIN])
            assert await get(url) == (200, DATA)


async def test_browsers_may_ask_it_for_a_part(tmp_path: Path) -> None:
    port = free_port()
    asked = {
        "Origin": "https://class.example", "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "range",
    }  # fmt: skip
    async with school_cache(tmp_path / "cache", port, "http://127.0.0.1:1") as url:
        path = f"{url}/api/push-files/a/{hashlib.sha256(DATA).hexdigest()}"
        async with aiohttp.request("OPTIONS", path, headers=asked) as answer:
            assert answer.status == 204
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
            assert answer.headers["Access-Control-Allow-Headers"] == "Range"
        assert (await get(path))[0] == 502  # and a terminal asks the server itself
