"""The RTMP port: real GStreamer and FFmpeg-shaped pushes in, FLV out, strangers out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sync_classroom.relay import ingest_door
from sync_classroom.relay.ingest_door import MAX_CONNECTIONS, Door
from sync_classroom.relay.ingest_rtmp import FLV_HEADER, HANDSHAKE
from tests.relay.test_ingest_rtmp import KEY, PUSH, message
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio

RECORD = message(9, b"\x17\0\0\0\0record", number=6)
FRAME = message(9, b"\x17\1\0\0\0key", number=6)
DELTA = message(9, b"\x27\1\0\0\0delta", number=6)


@asynccontextmanager
async def door(folder: Path) -> AsyncIterator[tuple[Door, int]]:
    found = Door()
    await found.keys({KEY: str(folder / "0")})
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    try:
        yield found, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        found.close()
        await until(lambda: found._connections == 0)


async def push(port: int, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await reader.readexactly(1 + 2 * HANDSHAKE)
    return reader, writer


async def test_a_reader_begins_with_the_headers_at_a_keyframe(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, port):
        host, writer = await push(port, PUSH + RECORD + FRAME)
        assert b"NetStream.Publish.Start" in await host.read(65536)
        reader, away = await asyncio.open_unix_connection(str(tmp_path / "0"))
        writer.write(DELTA)
        await asyncio.sleep(0)
        started = asyncio.create_task(reader.readexactly(len(FLV_HEADER)))
        while not started.done():
            writer.write(FRAME)
            await asyncio.sleep(0.01)
        assert await started == FLV_HEADER
        assert (await reader.readexactly(11))[0] == 9
        assert (await reader.readexactly(11))[:5] == b"\x17\0\0\0\0"
        writer.close()
        rest = await reader.read(-1)  # the end of the push is the end of the stream
        assert b"key" in rest
        assert b"delta" not in rest.partition(b"key")[0]
        away.close()
        await away.wait_closed()


async def test_an_unknown_key_is_told_and_put_out(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, port):
        stranger = PUSH.replace(KEY.encode(), b"x" * len(KEY))
        reader, writer = await push(port, stranger)
        assert b"NetStream.Publish.BadName" in await reader.read(-1)
        writer.close()


async def test_a_host_that_comes_again_replaces_its_dead_self(tmp_path: Path) -> None:
    async with door(tmp_path) as (_, port):
        old, old_writer = await push(port, PUSH)
        assert b"Publish.Start" in await old.read(65536)
        new, new_writer = await push(port, PUSH)
        assert b"Publish.Start" in await new.read(65536)
        assert await old.read(-1) == b""
        old_writer.close()
        new_writer.close()


async def test_what_is_no_rtmp_and_who_says_nothing_are_put_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_door, "GREETING_S", 0.1)
    async with door(tmp_path) as (_, port):
        for data in (b"GET / HTTP/1.1\r\n\r\n", b"\3", b""):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            async with asyncio.timeout(PATIENCE_S):
                assert await reader.read(-1) == b""
            writer.close()


async def test_connections_are_bounded(tmp_path: Path) -> None:
    async with door(tmp_path) as (found, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MAX_CONNECTIONS)]
        await until(lambda: found._connections == MAX_CONNECTIONS)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(PATIENCE_S):
            assert await reader.read(-1) == b""
        for _, other in (*held, (reader, writer)):
            other.close()
            await other.wait_closed()
        await until(lambda: found._connections == 0)


async def test_a_key_that_is_taken_away_ends_its_push_silent_as_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_door, "SILENT_S", 3600.0)
    async with door(tmp_path) as (found, port):
        host, writer = await push(port, PUSH)
        assert b"Publish.Start" in await host.read(65536)
        await found.keys({})
        async with asyncio.timeout(PATIENCE_S):
            assert await host.read(-1) == b""
        assert not (tmp_path / "0").exists()
        writer.close()
