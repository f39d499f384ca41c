"""A bad network between real sockets: loss, delay, jitter, reordering, duplicates, a slow line.

    async with impaired(relay_port, up=Impairment(loss=0.05), down=Impairment(delay_s=0.03)) as net:
        ...  # peers send to 127.0.0.1:net.port instead

Each direction draws from its own seeded generator, so a run's decisions for the n-th packet are the
same every time; when packets come is up to the peers. netem is not everywhere, and needs root.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

WAVE_S: Final = 0.2
"""How often a jitter without reordering changes its course: a queue somewhere fills and empties."""
QUEUE_S: Final = 0.3
"""What a slow line's buffer holds before it drops: that of a home router."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What happens to packets of one direction.

    `loss` and `duplicate` are shares of packets, independent of each other. One takes `delay_s`
    and up to `jitter_s` more: with `reorder` each packet by itself, each delay as likely, so that
    they overtake each other; else as in a queue, whose length swings between levels as likely.
    `rate_bps` is the line's speed.
    """

    loss: float = 0.0
    delay_s: float = 0.0
    jitter_s: float = 0.0
    reorder: bool = False
    duplicate: float = 0.0
    rate_bps: float | None = None


@dataclass(slots=True)
class Way:
    """One direction: its rules, and what became of the packets. `rules` may be exchanged."""

    rules: Impairment
    random: random.Random
    packets: int = 0
    lost: int = 0
    duplicated: int = 0
    overflowed: int = 0
    _leaves_s: float = 0.0
    _line_free_s: float = 0.0
    _wave: tuple[int, float, float] = (-1, 0.0, 0.0)

    def departures(self, size: int, now: float) -> list[float]:
        """When a packet of `size` bytes that arrives now leaves: never, once or twice."""
        rules = self.rules
        self.packets += 1
        # Every draw is made for every packet, so that one rule does not shift another's decisions.
        lose, double, slow = self.random.random(), self.random.random(), self.random.random()
        if lose < rules.loss:
            self.lost += 1
            return []
        at = now
        if rules.rate_bps is not None:
            start = max(now, self._line_free_s)
            if start - now > QUEUE_S:
                self.overflowed += 1
                return []
            at = self._line_free_s = start + size * 8 / rules.rate_bps
        if rules.reorder:
            at += rules.delay_s + slow * rules.jitter_s
        else:
            at += rules.delay_s + self._swing(now) * rules.jitter_s
            at = self._leaves_s = max(at, self._leaves_s)
        if double < rules.duplicate:
            self.duplicated += 1
            return [at, at]
        return [at]

    def _swing(self, now: float) -> float:
        """Where the queue stands now, 0 to 1: on the way from one random level to the next."""
        number = int(now / WAVE_S)
        before, start, end = self._wave
        if number != before:
            self._wave = number, end if number == before + 1 else start, self.random.random()
            _, start, end = self._wave
        return start + (end - start) * (now / WAVE_S - number)


class _Client(asyncio.DatagramProtocol):
    """The relay's side of one peer: a socket of its own, whose port the relay sees."""

    def __init__(self, network: Network, address: Any) -> None:
        self._network, self._address = network, address

    def datagram_received(self, data: bytes, _: Any) -> None:
        self._network.down_again(data, self._address)

    def error_received(self, exc: Exception) -> None:
        """The relay is gone for now; a network does not know."""


@dataclass(slots=True, eq=False)
class Network(asyncio.DatagramProtocol):
    """Forwards datagrams between peers and 127.0.0.1:`target`, badly. Use `impaired`."""

    target: int
    up: Way
    down: Way
    port: int = 0
    rebinds: int = 0
    _front: Any = None
    _sockets: dict[Any, asyncio.DatagramTransport] = field(default_factory=dict)
    _opening: dict[Any, list[bytes]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def connection_made(self, transport: Any) -> None:
        self._front = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        loop = asyncio.get_running_loop()
        for at in self.up.departures(len(data), loop.time()):
            loop.call_at(at, self._out, data, addr)

    def error_received(self, exc: Exception) -> None:
        """A peer that has gone: the relay will notice by itself."""

    def _out(self, data: bytes, address: Any) -> None:
        found = self._sockets.get(address)
        if found is not None and not found.is_closing():
            found.sendto(data)
        elif address in self._opening:
            self._opening[address].append(data)
        elif not self._front.is_closing():
            self._opening[address] = [data]
            task = asyncio.create_task(self._open(address), name="network socket")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, address: Any) -> None:
        made, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Client(self, address), remote_addr=("127.0.0.1", self.target)
        )
        self._sockets[address] = made
        for data in self._opening.pop(address):
            made.sendto(data)

    def down_again(self, data: bytes, address: Any) -> None:
        loop = asyncio.get_running_loop()
        for at in self.down.departures(len(data), loop.time()):
            loop.call_at(at, self._back, data, address)

    def _back(self, data: bytes, address: Any) -> None:
        if not self._front.is_closing():
            self._front.sendto(data, address)

    def rebind(self) -> None:
        """What a NAT does that has forgotten: every peer gets another port, and none is told."""
        self.rebinds += 1
        for found in self._sockets.values():
            found.abort()
        self._sockets.clear()

    async def close(self) -> None:
        self._front.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.rebind()


@asynccontextmanager
async def impaired(
    target: int,
    *,
    up: Impairment | None = None,
    down: Impairment | None = None,
    seed: int = 1,
) -> AsyncIterator[Network]:
    """A network to the local UDP port `target`; `up` is towards it. None: no impairment."""
    network = Network(
        target,
        Way(up or Impairment(), random.Random(f"{seed} up")),
        Way(down or Impairment(), random.Random(f"{seed} down")),
    )
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: network, local_addr=("127.0.0.1", 0)
    )
    network.port = transport.get_extra_info("sockname")[1]
    try:
        yield network
    finally:
        await network.close()
