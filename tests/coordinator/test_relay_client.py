"""The control client against a real relay, and against what is no relay."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest

from sync_classroom.coordinator.ports import Layout, RelayControl, RelayDownError, RoomSpec
from sync_classroom.coordinator.relay_client import RelayClient, RelayPulse, RelayRefusedError
from sync_classroom.relay.settings import Listen
from sync_classroom.relay.whip import SDP
from tests.support.relays import RunningRelay, relay
from tests.support.sdp_offers import PUBLISH

pytestmark = pytest.mark.asyncio

SECRET = "a-secret-of-good-length"


async def publish(running: RunningRelay, peer: str, source: str) -> None:
    token = running.token("publish", "lesson-1", peer, source=source)
    async with running.http.post(
        f"{running.url}/whip/lesson-1",
        data=PUBLISH,
        headers={"Content-Type": SDP, "Authorization": f"Bearer {token}"},
    ) as response:
        assert response.status == 201


@pytest.mark.parametrize("tcp", [False, True])
async def test_every_method_does_its_work(tmp_path: Path, tcp: bool) -> None:
    more = {"control": Listen("127.0.0.1", 0), "control_secret": SECRET} if tcp else {}
    async with relay(tmp_path, **more) as running:
        control: RelayControl = running.control
        await control.put_room(RoomSpec("lesson-1", {"*": Layout(), "host": Layout((), (None,))}))
        await publish(running, "host", "camera")
        await publish(running, "seat-1", "seat")
        assert await running.control.pulse() == RelayPulse(running.info.boot, False)
        status = await control.status()
        assert (status.relay, status.boot, status.draining) == (
            "relay-1",
            running.info.boot,
            False,
        )
        assert status.rooms == ("lesson-1",)
        assert [(p.peer, p.source) for p in status.peers] == [
            ("host", "camera"),
            ("seat-1", "seat:seat-1"),
        ]
        assert (await control.status("lesson-2")).peers == ()
        await control.kick("lesson-1", "seat-1")
        assert [p.peer for p in (await control.status("lesson-1")).peers] == ["host"]
        await control.delete_room("lesson-1")
        await control.delete_room("lesson-1")
        assert (await control.status()).rooms == ()
        page = await control.journal(None, 10)
        assert (page.records[0]["kind"], page.more) == ("boot", False)
        assert (await control.journal(page.cursor, 10)).records == ()
        await control.confirm_journal(page.cursor)
        await running.control.put_keys(running.minter.public_keys())
        await running.control.drain()
        identity = await running.control.identity()
        assert (identity.pid, identity.draining) == (running.info.pid, True)
        assert await running.control.pulse() == RelayPulse(running.info.boot, True)
        await running.control.cancel_drain()
        assert await running.control.pulse() == RelayPulse(running.info.boot, False)


async def test_a_refusal_is_the_callers_fault(tmp_path: Path) -> None:
    async with relay(tmp_path) as running:
        control = running.control
        calls: list[Callable[[], Awaitable[None]]] = [
            lambda: control.confirm_journal("rubbish"),
            lambda: control.put_room(RoomSpec("a b")),
            lambda: control.put_room(RoomSpec("../status")),
            lambda: control.delete_room("x/peers/host"),
            lambda: control.kick("x", "../y"),
            lambda: control.put_keys([{"kty": "oct"}]),
        ]
        for call in calls:
            with pytest.raises(RelayRefusedError) as caught:
                await call()
            assert (caught.value.status, caught.value.code) == (400, "request_invalid")


async def test_a_wrong_secret_is_a_relay_that_is_down(tmp_path: Path) -> None:
    more = {"control": Listen("127.0.0.1", 0), "control_secret": SECRET}
    async with relay(tmp_path, **more) as running:
        port = int(str(running.info.control).rsplit(":", 1)[1])
        client = RelayClient(("127.0.0.1", port), "wrong")
        with pytest.raises(RelayDownError, match="control_secret"):
            await client.status()
        await client.close()


async def test_a_relay_that_is_not_there_is_down_and_comes_back(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    for client in (RelayClient(tmp_path / "control.sock"), RelayClient(("127.0.0.1", port))):
        for call in (client.status(), client.journal(None, 1), client.delete_room("x")):
            with pytest.raises(RelayDownError):
                await call
        await client.close()
    client = RelayClient(tmp_path / "control.sock")
    with pytest.raises(RelayDownError):
        await client.status()
    for _ in range(2):
        async with relay(tmp_path) as running:
            assert (await client.status()).boot == running.info.boot
        with pytest.raises(RelayDownError):
            await client.status()
    await client.close()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answering(answer: bytes | None) -> AsyncIterator[RelayClient]:
    """A client of a server that answers every request with these bytes, or never."""
    done = asyncio.Event()
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await done.wait()
            else:
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass  # the client changed its mind
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.create_task(handle(reader, writer)))

    served = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = served.sockets[0].getsockname()[1]
    client = RelayClient(("127.0.0.1", port), timeout_s=0.3)
    try:
        yield client
    finally:
        done.set()
        await client.close()
        served.close()
        await served.wait_closed()
        await asyncio.gather(*handlers)


def http(body: bytes, status: int = 200) -> bytes:
    return (
        f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"rubbish\r\n\r\n",
        http(b""),
        http(b"not json"),
        http(b"[]"),
        http(b"{}"),
        http(b'{"relay":"r","boot":"b","draining":false,"rooms":[],"peers":[{}]}'),
        http(b'{"relay":"r","boot":"b","draining":false,"rooms":5,"peers":5}'),
        http(b'{"code":"internal","en":"x"}', 500),
        http(b"<html>", 502),
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
    ],
)
async def test_what_answers_like_no_relay_is_down(answer: bytes | None) -> None:
    async with answering(answer) as client:
        with pytest.raises(RelayDownError):
            await client.status()
        with pytest.raises(RelayDownError):
            await client.journal(None, 10)


async def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync_classroom.coordinator.relay_client.MAX_ANSWER_BYTES", 1000)
    async with answering(http(b" " * 5000 + b"{}")) as client:
        with pytest.raises(RelayDownError, match="too long"):
            await client.status()


async def test_cancelling_is_not_swallowed() -> None:
    async with answering(None) as client:
        task = asyncio.create_task(client.status())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
