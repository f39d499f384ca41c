"""A UDP line that can be made narrow in the direction to one peer: a queue in user space."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

BUFFER_S = 0.3
"""What a school's router keeps before it drops."""


class NarrowLine(asyncio.DatagramProtocol):
    """Stands between one peer and a relay: the peer is told `port` instead of the relay's.

    `down_bps` limits what goes to the peer, None is no limit; `queued_s`, `dropped` say how it is.
    """

    def __init__(self) -> None:
        self.down_bps: float | None = None
        self.dropped = 0
        self.port = 0
        self._loop = asyncio.get_running_loop()
        self._free_s = 0.0
        self._peer: tuple[str, int] | None = None
        self._here: asyncio.DatagramTransport | None = None
        self._there: asyncio.DatagramTransport | None = None

    @property
    def queued_s(self) -> float:
        """How long a datagram sent now waits."""
        return max(0.0, self._free_s - self._loop.time())

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """From the peer, at once to the relay."""
        self._peer = addr
        if self._there is not None:
            self._there.sendto(data)

    def returned(self, data: bytes) -> None:
        """From the relay: to the peer when the line has carried it."""
        if self.down_bps is None and not self.queued_s:
            self._deliver(data)
        elif self.queued_s > BUFFER_S:
            self.dropped += 1
        else:
            took_s = 0.0 if self.down_bps is None else len(data) * 8 / self.down_bps
            self._free_s = max(self._free_s, self._loop.time()) + took_s
            self._loop.call_at(self._free_s, self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if self._here is not None and self._peer is not None:
            self._here.sendto(data, self._peer)

    async def open(self, relay_port: int) -> None:
        """Listen, and speak to the relay from a port of its own."""
        line = self

        class Return(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                del addr
                line.returned(data)

        self._here, _ = await self._loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = self._here.get_extra_info("sockname")[1]
        self._there, _ = await self._loop.create_datagram_endpoint(
            Return, remote_addr=("127.0.0.1", relay_port)
        )

    def close(self) -> None:
        """Both sockets."""
        for transport in (self._here, self._there):
            if transport is not None:
                transport.close()


@asynccontextmanager
async def narrow_line(relay_port: int) -> AsyncIterator[NarrowLine]:
    """A line to the relay's media port; as wide as loopback until it is told otherwise."""
    line = NarrowLine()
    await line.open(relay_port)
    try:
        yield line
    finally:
        line.close()
