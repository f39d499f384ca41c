"""A real server with many virtual classrooms in this process, and what its relay spends on them.

async with virtual_school(tmp_path, 48, recording) as virtual:
    await virtual.ring()
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import islice, product
from pathlib import Path

from sync_classroom.simulator.recording import Recording
from sync_classroom.simulator.swarm import Administrator, Mix, Swarm, make_terminals, open_http
from sync_classroom.simulator.terminal import VirtualTerminal

from .processes import HOST, PASSWORD, Server
from .relays import counter
from .waiting import until


class Virtual:
    """Rooms that wait for their lesson, and the teacher who rings the bell by publishing."""

    def __init__(self, server: Server, rooms: list[VirtualTerminal], host: VirtualTerminal) -> None:
        self.rooms = rooms
        self.rang_at = 0.0
        self._host = host
        self._teaching: asyncio.Task[None] | None = None
        self._relay = server.relay_pid()
        self._control = server.folder / "data" / "relay" / "control.sock"

    async def ring(self) -> None:
        """The teacher begins; `rang_at` (monotonic) is when the host's session is up."""
        self._teaching = asyncio.create_task(self._host.run(), name="host")
        await until(lambda: self._host.tally.state == "publishing")
        self.rang_at = time.monotonic()

    async def hush(self) -> None:
        """The teacher's line goes: nothing is published any more."""
        assert self._teaching is not None
        self._teaching.cancel()
        await asyncio.wait({self._teaching})

    async def spent(self) -> tuple[float, int]:
        """Processor seconds of the relay so far, and packets it has forwarded."""
        stat = await asyncio.to_thread(Path(f"/proc/{self._relay}/stat").read_text)
        fields = stat.rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])  # utime, stime: fields 14 and 15 of proc(5)
        return ticks / os.sysconf("SC_CLK_TCK"), await counter(self._control, "forwarded_packets")

    async def arrived(self) -> int:
        """Wait until what was forwarded is received, at most 5 s; how many were forwarded."""
        deadline = time.monotonic() + 5
        while True:
            forwarded = await counter(self._control, "forwarded_packets")
            received = sum(room.figures().packets for room in self.rooms)
            if received == forwarded or time.monotonic() > deadline:
                return forwarded
            await asyncio.sleep(0.05)


@asynccontextmanager
async def virtual_school(folder: Path, count: int, recording: Recording) -> AsyncIterator[Virtual]:
    """Taicang's server with a lesson that starts now for `count` of its rooms, all enrolled."""
    server = Server(folder)
    rooms = [f"remote-{school}-r{room}" for room, school in product(range(1, 7), range(1, 9))]
    try:
        await asyncio.to_thread(server.start_with_lesson, rooms[:count])
        async with open_http(server.url) as http:
            admin = await Administrator.sign_in(http, server.url, "admin", PASSWORD)
            tokens = {room: await admin.enrol(room, "virtual") for room in islice(rooms, count)}
            terminals = make_terminals(
                http, server.url, tokens, recording=None, thumbnail=None, mix=Mix(), seed=1
            )
            token = await admin.enrol(HOST, "virtual")
            host = VirtualTerminal(http, server.url, token, name="host", recording=recording)
            swarm = Swarm(terminals)
            running = asyncio.create_task(swarm.run(), name="swarm")
            try:
                yield Virtual(server, terminals, host)
                assert swarm.failures == {}
            finally:
                running.cancel()
                await asyncio.wait({running})
    finally:
        await asyncio.to_thread(server.stop)
