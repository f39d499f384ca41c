"""Packets of one source in the order of their numbers, waiting for late ones only so long. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..rtp import Packet

WAIT_S: Final = 0.2
"""A retransmission takes a round trip and a little; what has not come after that has been given up
by most senders, and a recording that waited longer would lose more when the process is killed."""
MAX_WAITING: Final = 2048
"""Six seconds of a 2.5 Mbit/s source: more never waits `WAIT_S`, unless a clock stood still."""


class Reorder:
    """`push` packets as they arrive, `pop` them in order. `late` counts what came too late."""

    __slots__ = ("_next", "_oldest_s", "_waiting", "late")

    def __init__(self) -> None:
        self._waiting: dict[int, Packet] = {}
        self._next: int | None = None
        self._oldest_s: float | None = None
        self.late = 0

    def push(self, packet: Packet) -> None:
        """Take one packet of any order; `seq` is extended and never comes twice."""
        if self._next is None:
            self._next = packet.seq
        if packet.seq < self._next:
            self.late += 1
            return
        self._waiting[packet.seq] = packet

    def pop(self, now: float) -> Iterator[tuple[Packet, int]]:
        """What can be had now: each packet with how many are missing before it."""
        waiting = self._waiting
        while waiting:
            assert self._next is not None
            missing = 0
            if self._next not in waiting:
                if now < self._gives_up_s and len(waiting) <= MAX_WAITING:
                    return
                first = min(waiting)
                missing, self._next = first - self._next, first
            packet = waiting.pop(self._next)
            self._next += 1
            self._oldest_s = None  # another gap, another wait
            yield packet, missing

    def flush(self) -> Iterator[tuple[Packet, int]]:
        """Everything that is left, without waiting: nothing more will come."""
        return self.pop(float("inf"))

    @property
    def _gives_up_s(self) -> float:
        """When the gap at the head is given up: `WAIT_S` after the first packet behind it came."""
        if self._oldest_s is None:
            self._oldest_s = min(packet.arrival_s for packet in self._waiting.values())
        return self._oldest_s + WAIT_S
