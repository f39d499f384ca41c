"""`/ws/terminal` as a terminal and as an attacker meet it."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId, TermId, TerminalId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.roster import Term
from sync_classroom.web.terminal_socket import (
    RATE_BURST,
    RATE_PER_S,
    RUBBISH_MAX,
    RUBBISH_S,
    Intake,
)
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.pushes import pushed
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import Site, closed, expect, site

pytestmark = pytest.mark.asyncio
ROOM = "far-1-r1"
RUBBISH = [
    "",
    "hello",
    "[]",
    "{}",
    '{"type": "shutdown"}',
    '{"type": "time"}',
    '{"type": "time", "sent": "now"}',
    '{"type": "hand", "id": "1", "lesson": "o"}',
    "[" * 5000,
    '{"type": "hello", "token": "t", "version": "1", "boot": "b"}',
]


async def planned(served: Site, state: LessonState = LessonState.LIVE) -> OccurrenceId:
    """A lesson of host-1-r1 for far-1-r1 and far-1-r2, in the given state."""
    occurrence = lesson("o-1", "08:00", "08:40", seats=("far-1-r1", "far-1-r2"))
    await book(served.store, occurrence, key="k", gap_s=0)
    run = LessonRun(occurrence.id, state=state, opened_at=served.clock(), live_at=served.clock())
    assert await served.store.save_run(run) is not None
    return occurrence.id


async def test_welcome_says_who_where_and_what_today(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        await planned(served)
        terminal, token = await served.device(ROOM)
        async with served.connect() as socket:
            welcome = await served.hello(socket, token)
            (entry,) = welcome.pop("plan")
            check = welcome.pop("check")
            assert welcome == {
                "type": "welcome",
                "now": int(served.clock().timestamp() * 1000),
                "server": "1.2.3",
                "boot": "boot-of-test",
                "terminal": terminal,
                "classroom": {"id": ROOM, "name": "1号教室"},
                "school": {"id": "far-1", "name": "受援校一", "role": "remote"},
                "zone": "Asia/Shanghai",
                "term": None,
            }
            assert (entry["id"], entry["role"], entry["state"]) == ("o-1", "remote", "live")
            assert entry["grants"]["url"] == "https://relay.example"
            assert check["url"] == "https://relay.example"
            # A lesson that is live already is shown without being asked for.
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    state = await expect(socket, "lesson", id="o-1")
                    if [s["id"] for s in state["seats"] if s["online"]] == ["o-1-s0"]:
                        break


async def test_welcome_names_the_term_that_weeks_are_counted_from(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        today = served.clock().date()
        week1 = today - timedelta(days=today.weekday() + 84)
        terms = {
            TermId("past"): Term(TermId("past"), "春", week1, week1, week1 + timedelta(days=1)),
            TermId("now"): Term(TermId("now"), "秋", week1, week1, today),
        }
        await served.services.roster.apply(replace(served.services.roster.current(), terms=terms))
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            welcome = await served.hello(socket, token)
            assert welcome["term"] == {"name": "秋", "week1_monday": week1.isoformat()}


async def test_time_is_echoed_with_the_servers_clock(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            await socket.send_json({"type": "time", "sent": 12345})
            now = int(served.clock().timestamp() * 1000)
            assert await expect(socket, "time") == {"type": "time", "sent": 12345, "now": now}


async def test_a_token_nobody_holds_closes_with_4401(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        async with served.connect() as socket:
            await socket.send_json({"type": "hello", "token": "x", "version": "1", "boot": "b"})
            assert await closed(socket) == (4401, [])
        assert served.services.hub.here() == frozenset()


@pytest.mark.parametrize("first", [*RUBBISH[:9], '{"type": "time", "sent": 1}'])
async def test_a_first_message_that_is_no_hello_closes_with_1008(
    tmp_path: Path, first: str
) -> None:
    async with site(tmp_path, people=False) as served, served.connect() as socket:
        await socket.send_str(first)
        assert await closed(socket) == (1008, [])


async def test_silence_instead_of_hello_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_classroom.web.terminal_socket.HELLO_S", 0.05)
    async with site(tmp_path, people=False) as served, served.connect() as socket:
        assert await closed(socket) == (1008, [])


async def test_guessing_tokens_is_slowed_down(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        codes = []
        for _ in range(61):
            async with served.connect() as socket:
                await socket.send_json(
                    {"type": "hello", "token": "guess", "version": "1", "boot": "b"}
                )
                codes.append((await closed(socket))[0])
        assert codes == [4401] * 60 + [1013]


async def test_a_second_connection_takes_over_the_first(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as first, served.connect() as second:
            await served.hello(first, token)
            await served.hello(second, token)
            code, messages = await closed(first)
            assert code == 4409
            assert messages[-1] == {"type": "bye", "reason": "replaced"}
            await second.send_json({"type": "time", "sent": 1})
            await expect(second, "time")
            assert served.services.hub.here() == {ROOM}


async def test_a_revoked_device_is_closed_with_4401(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        terminal, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            await served.services.enrolment.revoke(TerminalId(terminal))
            code, messages = await closed(socket)
            assert code == 4401
            assert messages[-1] == {"type": "bye", "reason": "revoked"}
        await until(lambda: served.services.hub.here() == frozenset())


async def test_enrolling_the_room_again_sends_the_old_device_away(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            await served.device(ROOM)
            assert (await closed(socket))[0] == 4401


async def test_the_eleventh_rubbish_in_a_minute_closes(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            for text in RUBBISH:
                await socket.send_str(text)
                error = await expect(socket, "error")
                assert (error["id"], error["code"]) == (None, "bad_message")
                assert error["zh"]
                assert error["en"]
            await socket.send_bytes(b"\x00\x01")
            code, messages = await closed(socket)
            assert code == 1008
            assert [m["code"] for m in messages] == ["bad_message"]


async def test_a_flood_is_closed_and_the_others_notice_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        _, other = await served.device("far-1-r2")
        async with served.connect() as calm, served.connect() as flood:
            await served.hello(calm, other)
            await served.hello(flood, token)

            async def pour() -> None:
                while not flood.closed:
                    await flood.send_str('{"type": "time", "sent": 1}')
                    await asyncio.sleep(0)

            began = asyncio.get_running_loop().time()
            pouring = asyncio.create_task(pour())
            code, messages = await closed(flood)
            pouring.cancel()
            await asyncio.gather(pouring, return_exceptions=True)
            assert code == 1008
            assert [m["code"] for m in messages if m["type"] == "error"] == ["too_many"] * 11
            # What was within the rate was answered.
            lasted_s = asyncio.get_running_loop().time() - began
            answered = sum(m["type"] == "time" for m in messages)
            assert RATE_BURST <= answered <= RATE_BURST + RATE_PER_S * lasted_s
            await calm.send_json({"type": "time", "sent": 2})
            await expect(calm, "time", sent=2)


async def test_a_message_over_16_kib_closes_with_1009(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            await socket.send_str(json.dumps({"type": "time", "sent": "x" * 16384}))
            assert (await closed(socket))[0] == 1009


@pytest.mark.parametrize(
    ("headers", "welcome"),
    [
        ({}, True),
        ({"Origin": "OWN"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
    ],
    ids=str,
)
async def test_another_sites_page_cannot_connect(
    tmp_path: Path, headers: dict[str, str], welcome: bool
) -> None:
    async with site(tmp_path, people=False) as served:
        sent = {k: served.url if v == "OWN" else v for k, v in headers.items()}
        if welcome:
            async with served.connect(headers=sent):
                return
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            async with served.connect(headers=sent):
                pass
        assert caught.value.status == 403


async def test_a_command_is_done_once_over_two_connections(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        lesson_id = await planned(served)
        _, token = await served.device(ROOM)
        raise_hand = {"type": "hand", "id": "h1", "lesson": lesson_id, "raised": True}
        async with served.connect() as socket:
            await served.hello(socket, token)
            await socket.send_json(raise_hand)
            assert await expect(socket, "ack") == {"type": "ack", "id": "h1"}
            await socket.send_json(raise_hand | {"id": "h2", "raised": False})
            await expect(socket, "ack", id="h2")
        async with served.connect() as again:
            await served.hello(again, token)
            await again.send_json(raise_hand)
            assert await expect(again, "ack") == {"type": "ack", "id": "h1"}
        floor = await served.services.floor.get(lesson_id)
        assert floor.hands == (), "the repeat did not raise the hand again"


async def test_a_room_hears_of_its_pushes_as_they_come_are_reminded_of_and_go(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as served:
        pushes, admin = served.services.pushes, served.users[Role.ADMIN]
        _, token = await served.device(ROOM)
        async with served.connect() as socket:
            await served.hello(socket, token)
            order = await pushed(served, ROOM, "far-2-r1")
            assert await expect(socket, "pushes") == {"type": "pushes"}
            await pushes.remind(order.id, user=admin)
            await expect(socket, "pushes")
            await pushes.cancel(order.id, "撤", user=admin)
            await expect(socket, "pushes")
            await pushed(served, "far-2-r1", key="other")
            later = await pushed(served, ROOM, key="later", send_at=at("09:00"))
            # Nothing of other rooms' or too soon: the next that is said is an answer.
            await socket.send_json({"type": "time", "sent": 1})
            assert (await socket.receive_json(timeout=PATIENCE_S))["type"] == "time"
            served.clock.now = at("09:00")
            assert await pushes.send_due() == 1
            await expect(socket, "pushes")
            assert (await pushes.one(later.id)).sent_at == at("09:00")


async def test_what_a_terminal_may_not_do_is_refused_with_its_id(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        lesson_id = await planned(served)
        _, token = await served.device(ROOM)
        _, stranger = await served.device("far-2-r1")
        end = {"type": "end", "id": "e1", "lesson": lesson_id}
        for who, code in ((token, "host_only"), (stranger, "unknown_lesson")):
            async with served.connect() as socket:
                await served.hello(socket, who)
                await socket.send_json(end)
                error = await expect(socket, "error")
                assert (error["id"], error["code"]) == ("e1", code)
        run = await served.store.get_run(lesson_id)
        assert run is not None
        assert run.state is LessonState.LIVE


async def test_line_and_selfcheck_are_kept(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        ok = {"state": "ok", "detail": ""}
        check = {
            "camera": ok,
            "microphone": ok,
            "speaker": ok,
            "path": {
                "kind": "udp",
                "rtt_ms": 18,
                "loss": 0,
                "ways": {"udp": "ok", "tcp": "failed"},
            },
            "clock_offset_ms": None,
        }
        async with served.connect() as socket:
            await served.hello(socket, token)
            line = {"type": "line", "lesson": "o-1", "state": "weak", "kbps": 800, "loss": None}
            await socket.send_json(line | {"frames": 100, "path": "turn-tls"})
            await socket.send_json({"type": "selfcheck", **check})
            await socket.send_json({"type": "time", "sent": 1})
            await expect(socket, "time")
            report = served.services.hub.line_of(served.services.hub.here().__iter__().__next__())
            assert report is not None
            assert (report.state, report.path) == ("weak", "turn-tls")
            await served.services.hub.write_reports()
            (terminal,) = await served.store.terminals()
            assert terminal.selfcheck == check


async def test_a_connection_cut_without_goodbye_is_forgotten(tmp_path: Path) -> None:
    async with site(tmp_path, people=False) as served:
        _, token = await served.device(ROOM)
        socket = await served.connect()
        await served.hello(socket, token)
        assert served.services.hub.here() == {ROOM}
        raw: Any = socket._response.connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
        # Reset, as a router that loses its table does.
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        socket._response.connection.transport.abort()  # type: ignore[union-attr]
        await until(lambda: served.services.hub.here() == frozenset())
        await socket.close()


async def test_the_rate_is_a_bucket() -> None:
    intake = Intake(0.0)
    burst = int(RATE_BURST)
    assert [intake.allow(0.0) for _ in range(burst + 1)] == [True] * burst + [False]
    assert intake.allow(1 / RATE_PER_S)
    assert not intake.allow(1 / RATE_PER_S)
    assert [intake.allow(100.0) for _ in range(burst + 1)] == [True] * burst + [False]


async def test_rubbish_is_forgiven_after_a_minute() -> None:
    intake = Intake(0.0)
    assert [intake.rubbish(0.0) for _ in range(RUBBISH_MAX)] == [False] * RUBBISH_MAX
    assert not intake.rubbish(RUBBISH_S + 0.1)
    assert [intake.rubbish(RUBBISH_S + 0.2) for _ in range(RUBBISH_MAX)][-1]
