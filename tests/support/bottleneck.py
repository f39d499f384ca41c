"""A line that is too narrow, and a browser behind it, in virtual time (seeded).

`Bottleneck` is a drop-tail queue with loss; `BrowserEstimate` answers as Chromium does without
transport-cc: REMB falls to 0.85 of what arrives when a queue grows, and otherwise rises by 8 % a
second, never above 1.5 times what arrives.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

OVERUSE_S = 0.05
"""Queueing delay at which Chromium's detector has certainly noticed."""


@dataclass
class Bottleneck:
    """One direction of a line. `capacity_bps` None is as wide as one likes."""

    randomness: random.Random
    capacity_bps: float | None = None
    loss: float = 0.0
    delay_s: float = 0.02
    buffer_s: float = 0.3
    dropped: int = 0
    _free_s: float = 0.0

    def queue_s(self, now: float) -> float:
        """How long a packet sent now waits."""
        return max(0.0, self._free_s - now)

    def send(self, size: int, now: float) -> float | None:
        """When a packet of so many bytes arrives; None if it does not."""
        arrival = now + self.delay_s
        if self.capacity_bps is not None:
            if self.queue_s(now) > self.buffer_s:
                self.dropped += 1
                return None
            self._free_s = max(self._free_s, now) + size * 8 / self.capacity_bps
            arrival = self._free_s + self.delay_s
        if self.randomness.random() < self.loss:
            return None
        return arrival


@dataclass
class BrowserEstimate:
    """Feed arrivals in order; `remb` says what to send now, None for nothing."""

    bps: float | None = None
    _arrivals: deque[tuple[float, int]] = field(default_factory=deque)
    _bytes: int = 0
    _begun_s: float | None = None
    _raised_s: float = 0.0
    _fell_s: float = float("-inf")
    _sent_s: float = float("-inf")
    _fallen: bool = False

    def incoming_bps(self, now: float) -> float:
        """Over the last second, as Chromium counts it."""
        while self._arrivals and self._arrivals[0][0] < now - 1.0:
            self._bytes -= self._arrivals.popleft()[1]
        return self._bytes * 8.0

    def arrived(self, size: int, queued_s: float, now: float) -> None:
        """A packet that waited so long in queues."""
        self._arrivals.append((now, size))
        self._bytes += size
        if self._begun_s is None:
            self._begun_s = self._raised_s = now
        incoming = self.incoming_bps(now)
        if queued_s > OVERUSE_S and now - self._fell_s > 0.3:
            if self.bps is None or 0.85 * incoming < self.bps:
                self.bps, self._fallen = 0.85 * incoming, True
            self._fell_s = self._raised_s = now
        elif self.bps is None:
            if now - self._begun_s >= 5.0:
                self.bps = incoming
        elif queued_s <= OVERUSE_S:
            if self.bps < 1.5 * incoming + 10_000:
                self.bps *= 1.08 ** (now - self._raised_s)
            self._raised_s = now

    def remb(self, now: float) -> int | None:
        """Every second, and at once (0.2 s apart) when it fell."""
        if self.bps is None or now - self._sent_s < (0.2 if self._fallen else 1.0):
            return None
        self._sent_s, self._fallen = now, False
        return int(self.bps)
