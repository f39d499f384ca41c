"""How loud a voice is just now, by the levels its packets carry (RFC 6464). Pure."""

from __future__ import annotations

from math import log10
from typing import Final

#: Of one sound's power so much goes into the mean: at 50 packets a second half a second counts.
SHARE: Final = 0.05
#: A voice without a packet for so long is off.
OFF_S: Final = 1.0
QUIETEST: Final = 127
"""RFC 6464 counts in -dBov: 0 is the loudest there can be, 127 digital silence."""
_POWER: Final = tuple(0.0 if n == QUIETEST else 10 ** (-n / 10) for n in range(QUIETEST + 1))


class Loudness:
    """The mean power of one voice's latest sounds."""

    __slots__ = ("_at", "_power")

    def __init__(self) -> None:
        self._power = 0.0
        self._at = float("-inf")

    def heard(self, level: int, now: float) -> None:
        """A packet whose extension has this byte: a flag for voice (which browsers set as they
        please, so it counts for nothing) and seven bits of level."""
        if now - self._at > OFF_S:
            self._power = 0.0
        self._power += (_POWER[level & QUIETEST] - self._power) * SHARE
        self._at = now

    def level(self, now: float) -> int | None:
        """-dBov, 0 (loud) to 127 (silent); None for a voice that is off or tells no levels."""
        if now - self._at > OFF_S:
            return None
        if self._power <= _POWER[QUIETEST - 1]:
            return QUIETEST
        return max(0, round(-10 * log10(self._power)))
