"""Annotations reach the rooms of their lesson, those who come late, and rooms of other servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sync_classroom.coordinator.ink import POINTS_BURST, POINTS_PER_S
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.ink import MAX_BATCH
from sync_classroom.domain.lesson import LessonRun, LessonState
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.web import Site, expect, site

pytestmark = pytest.mark.asyncio
HOST, ROOM, OTHER = "host-1-r1", "far-1-r1", "far-1-r2"
ONE = OccurrenceId("o-1")


async def begun(served: Site, state: LessonState = LessonState.LIVE) -> None:
    planned = lesson("o-1", "08:00", "08:40", seats=(ROOM, OTHER))
    await book(served.store, planned, key="k", gap_s=0)
    at = served.clock()
    await served.store.save_run(LessonRun(ONE, state, opened_at=at, live_at=at))


async def enter(served: Site, room: str) -> aiohttp.ClientWebSocketResponse:
    _, token = await served.device(room)
    socket: aiohttp.ClientWebSocketResponse = await served.connect()
    await served.hello(socket, token)
    return socket


async def greeted(*sockets: aiohttp.ClientWebSocketResponse) -> None:
    """Wait until these know what is drawn already: all later strokes then come one by one."""
    for socket in sockets:
        await socket.send_json({"type": "time", "sent": 0})
        await expect(socket, "time")


def ink(*strokes: tuple[int, int], first: int = 0) -> dict[str, Any]:
    """Strokes of so many points each."""
    return {
        "type": "ink",
        "lesson": "o-1",
        "strokes": [
            {"id": ident, "colour": "red", "points": [[first + n, 7] for n in range(count)]}
            for ident, count in strokes
        ],
    }


def sizes(message: Mapping[str, Any]) -> list[tuple[int, int]]:
    return [(s["id"], len(s["points"])) for s in message["strokes"]]


async def test_what_the_host_draws_reaches_its_rooms_and_who_comes_late(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        host, room = await enter(served, HOST), await enter(served, ROOM)
        await greeted(room)
        await host.send_json(ink((1, 2)))
        await host.send_json(ink((1, 3), (2, 1), first=2))
        await host.send_json({"type": "point", "lesson": "o-1", "at": [10, 20]})
        told = await expect(room, "ink")
        assert (told["whole"], sizes(told)) == (False, [(1, 2)])
        assert sizes(await expect(room, "ink")) == [(1, 3), (2, 1)]
        assert (await expect(room, "point"))["at"] == [10, 20]
        late = await enter(served, OTHER)
        whole = await expect(late, "ink")
        assert (whole["whole"], sizes(whole)) == (True, [(1, 5), (2, 1)])
        assert whole["strokes"][0]["points"] == [[n, 7] for n in range(5)]
        await host.send_json({"type": "wipe", "lesson": "o-1", "stroke": 1})
        for socket in (room, late):
            assert (await expect(socket, "wipe"))["stroke"] == 1
            await socket.close()
        await host.close()


async def test_rooms_do_not_draw_nor_does_the_host_outside_its_lesson(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served, LessonState.ENDED)
        host, room = await enter(served, HOST), await enter(served, ROOM)
        for socket, message, code in (
            (room, ink((1, 1)), "host_only"),
            (room, {"type": "wipe", "lesson": "o-1", "stroke": None}, "host_only"),
            (host, ink((1, 1)), "lesson_not_running"),
            (host, {**ink((1, 1)), "lesson": "o-9"}, "unknown_lesson"),
        ):
            await socket.send_json(message)
            assert (await expect(socket, "error"))["code"] == code
        assert await served.services.ink.greet(ONE) is None
        for socket in (host, room):
            await socket.close()


async def test_a_flood_of_points_is_refused_and_what_came_before_stays(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        await begun(served)
        host, room = await enter(served, HOST), await enter(served, ROOM)
        await greeted(room)
        most = int(POINTS_BURST) // MAX_BATCH
        for number in range(most):
            await host.send_json(ink((number, MAX_BATCH)))
        await host.send_json(ink((77, 1)))
        assert (await expect(host, "error"))["code"] == "ink_too_much"
        served.seconds.now += 11 / POINTS_PER_S
        await host.send_json(ink((78, 10)))
        for number in range(most):
            assert sizes(await expect(room, "ink")) == [(number, MAX_BATCH)]
        assert sizes(await expect(room, "ink")) == [(78, 10)]
        for socket in (host, room):
            await socket.close()


async def test_a_room_at_another_server_sees_it_and_asks_for_what_was_before(
    tmp_path: Path,
) -> None:
    bus = LocalBus()
    async with site(tmp_path, bus=bus) as here:
        await begun(here)
        host = await enter(here, HOST)
        await host.send_json(ink((1, 4)))
        room = await enter(here, ROOM)
        await expect(room, "ink")
        async with site(tmp_path, bus=bus, store=here.store, people=False) as there:
            late = await enter(there, OTHER)
            whole = await expect(late, "ink", whole=True)
            assert sizes(whole) == [(1, 4)]
            await host.send_json(ink((2, 1)))
            assert sizes(await expect(late, "ink")) == [(2, 1)]
            await late.close()
        for socket in (host, room):
            await socket.close()
