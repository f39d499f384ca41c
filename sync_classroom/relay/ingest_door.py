"""The RTMP port hosts push to: `python -m sync_classroom.relay.ingest_door`, a process of its own.

Strangers may connect to it, so it is neither the relay nor a reader of streams: it knows keys,
speaks RTMP, and hands FLV on to the ingest process of a key over a Unix socket.

Standard input: a JSON line `{"host", "port"}`, then `{"keys": {key: socket path}}` whenever they
change; its end ends the process. Standard output: `{"port": N}` or `{"problem": text}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Final

from .ingest_pipe import say
from .ingest_rtmp import FLV_HEADER, Publish, RtmpServer, Tag, Unpublish

MAX_CONNECTIONS: Final = 64
"""Strangers included; hosts are some dozens at most."""
GREETING_S: Final = 10.0
"""From a connection to a known stream key."""
SILENT_S: Final = 15.0
"""A host that sends nothing for so long has gone without a word."""
MAX_BEHIND: Final = 8 * 1024 * 1024
"""Bytes a reader may be behind: half a minute; then it is let go and comes again."""
READ: Final = 65536
"""Bytes read at once: a keyframe of a recording host in one or two turns."""


class Channel:
    """One stream key: its publisher, its readers, and what a new reader needs first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.publisher: asyncio.StreamWriter | None = None
        self.server: asyncio.Server | None = None
        self._headers: dict[int, bytes] = {}
        self._waiting: set[asyncio.StreamWriter] = set()
        self._reading: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        """Listen for the ingest process."""
        self.path.unlink(missing_ok=True)
        self.server = await asyncio.start_unix_server(self._read, str(self.path))

    def close(self) -> None:
        """The key is no longer used."""
        if self.server is not None:
            self.server.close()
        if self.publisher is not None:
            self.publisher.close()
        self.end()
        self.path.unlink(missing_ok=True)

    def begin(self, writer: asyncio.StreamWriter) -> None:
        """A publisher; the one before, if any, has been replaced."""
        if self.publisher is not None:
            self.publisher.close()
        self.end()
        self.publisher = writer

    def end(self) -> None:
        """The stream is over: its readers are told by the end of theirs."""
        self.publisher = None
        self._headers.clear()
        for reader in self._reading:
            reader.close()
        self._reading.clear()

    def take(self, tag: Tag) -> None:
        """A tag of the publisher; a reader begins with the headers, at a keyframe."""
        if tag.header:
            self._headers[tag.kind] = tag.data
        if tag.key:
            for reader in self._waiting:
                reader.write(FLV_HEADER + b"".join(self._headers.values()))
                self._reading.add(reader)
            self._waiting.clear()
        for reader in list(self._reading):
            if reader.is_closing() or reader.transport.get_write_buffer_size() > MAX_BEHIND:
                self._reading.discard(reader)
                reader.close()
            else:
                reader.write(tag.data)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._waiting.add(writer)
        try:
            await reader.read()  # it says nothing; its end is its going away
        finally:
            self._waiting.discard(writer)
            self._reading.discard(writer)
            writer.close()


class Door:
    """All keys and connections."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._connections = 0

    async def keys(self, wanted: dict[str, str]) -> None:
        """Serve exactly these keys."""
        for key in [k for k in self._channels if k not in wanted]:
            self._channels.pop(key).close()
        for key, path in wanted.items():
            if key not in self._channels:
                channel = Channel(Path(path))
                await channel.open()
                self._channels[key] = channel

    def close(self) -> None:
        """Close every channel."""
        for channel in self._channels.values():
            channel.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from outside, to its end."""
        self._connections += 1
        channel: Channel | None = None
        try:
            if self._connections <= MAX_CONNECTIONS:
                channel = await self._greet(rtmp := RtmpServer(), reader, writer)
                if channel is not None:
                    await _pump(rtmp, channel, reader, writer)
        except (ValueError, OSError, TimeoutError):
            pass  # not RTMP, gone, or silent: its connection ends, and nothing else
        finally:
            self._connections -= 1
            if channel is not None and channel.publisher is writer:
                channel.end()
            writer.close()

    async def _greet(
        self, rtmp: RtmpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Channel | None:
        async with asyncio.timeout(GREETING_S):
            while data := await reader.read(READ):
                channel: Channel | None = None
                asked = False
                for event in rtmp.receive(data):
                    if isinstance(event, Publish):
                        asked = True
                        channel = self._channels.get(event.key)
                        if channel is None:
                            rtmp.refuse()
                        else:
                            rtmp.accept()
                writer.write(rtmp.outgoing())
                await writer.drain()
                if asked:
                    if channel is not None:
                        channel.begin(writer)
                    return channel
        return None


async def _pump(
    rtmp: RtmpServer,
    channel: Channel,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    data = b""  # first what came behind the request to publish
    while channel.publisher is writer:
        for event in rtmp.receive(data):
            if isinstance(event, Tag):
                channel.take(event)
            elif isinstance(event, Unpublish):
                return
        if out := rtmp.outgoing():
            writer.write(out)
        async with asyncio.timeout(SILENT_S):
            data = await reader.read(READ)
        if not data:
            return


async def run() -> None:
    """Serve until standard input ends."""
    lines = asyncio.StreamReader(limit=1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin.buffer
    )
    told = json.loads(await lines.readline())
    door = Door()
    try:
        server = await asyncio.start_server(door.serve, told["host"], told["port"])
    except OSError as error:
        say(problem=error.strerror or str(error))
        return
    say(port=server.sockets[0].getsockname()[1])
    try:
        while line := await lines.readline():
            await door.keys(json.loads(line)["keys"])
    finally:
        server.close()
        door.close()


if __name__ == "__main__":
    os.umask(0o077)  # the sockets are this user's alone
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run())
