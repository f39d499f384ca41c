"""A room calls with the state of its terminal, once; who answers is told to the room."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.help_calls import MAX_CALLS
from sync_classroom.domain.ids import ActId
from tests.support.web import Site, expect, site

pytestmark = pytest.mark.asyncio
ROOM = "far-1-r1"
CHECK = {
    "camera": {"state": "ok", "detail": ""},
    "microphone": {"state": "failed", "detail": "没有找到麦克风"},
    "speaker": {"state": "unknown", "detail": ""},
    "path": {"kind": "udp", "rtt_ms": 18, "loss": 0.02, "ways": {"tcp": "failed"}},
    "clock_offset_ms": 12,
}
LINE = {"state": "weak", "kbps": 310, "loss": 0.08, "path": "tcp"}


def help_(ident: str, **changes: Any) -> dict[str, Any]:
    errors = [{"ago_s": 75, "text": "摄像头断开了"}]
    return {
        "type": "help",
        "id": ident,
        "lesson": None,
        "text": "听不到",
        "errors": errors,
        **changes,
    }


async def answered(served: Site, socket: Any, message: dict[str, Any]) -> str:
    """`ack`, or the code of the refusal."""
    await socket.send_json(message)
    while True:
        told = await socket.receive_json()
        if told.get("id") == message["id"] and told["type"] in ("ack", "error"):
            return str(told.get("code", "ack"))


async def test_a_call_carries_the_terminals_state_and_its_answer_comes_back(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as served:
        terminal, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            await socket.send_json({"type": "selfcheck", **CHECK})
            await socket.send_json({"type": "line", "lesson": "o-1", "frames": 9, **LINE})
            assert await answered(served, socket, help_("1", lesson="o-1")) == "ack"
            (call,) = await served.services.help_desk.waiting()
            assert (call.classroom, call.terminal, call.lesson) == (ROOM, terminal, "o-1")
            assert (call.text, call.at) == ("听不到", served.clock())
            assert call.state == {
                "version": "test",
                "label": "test",
                "selfcheck": CHECK,
                "line": LINE,
                "errors": [{"ago_s": 75, "text": "摄像头断开了"}],
            }
            served.clock.turn(seconds=60)
            operator = served.users[Role.OPERATOR]
            assert await served.services.help_desk.answer(call.id, operator)
            told = await expect(socket, "help", by=operator.name)
            assert told["answered_at"] is not None
            assert not await served.services.help_desk.answer(call.id, served.users[Role.ADMIN])
            assert await served.services.help_desk.waiting() == []
        # A page that is loaded again knows who is on the way.
        async with served.connect() as socket:
            await served.hello(socket, token)
            assert await expect(socket, "help") == told


async def test_a_repeated_call_is_one_and_a_second_waits_for_the_first(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            for _ in range(2):
                assert await answered(served, socket, help_("1")) == "ack"
            assert await answered(served, socket, help_("2")) == "help_waiting"
            desk = served.services.help_desk
            assert len(await desk.latest(before=None)) == 1
            # The next day it is of no use to anybody, and the room may call again.
            served.clock.turn(seconds=12 * 3600)
            assert await desk.waiting() == []
            assert await answered(served, socket, help_("2")) == "ack"


async def test_calls_of_a_room_are_bounded(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            desk = served.services.help_desk
            for n in range(MAX_CALLS):
                assert await answered(served, socket, help_(f"{n}")) == "ack"
                served.clock.turn(seconds=1)
                (call,) = await desk.waiting()
                await desk.answer(call.id, served.users[Role.OPERATOR])
            assert await answered(served, socket, help_("more")) == "too_many_help_calls"
            served.clock.now += timedelta(hours=12)
            assert await answered(served, socket, help_("more")) == "ack"


async def test_an_answer_to_no_call_says_so(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        with pytest.raises(Exception, match="no such call"):
            await served.services.help_desk.answer(ActId("x"), served.users[Role.OPERATOR])
