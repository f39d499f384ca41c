"""Clocks of media: the relay's NTP time, a publisher's, and RTP ticks (RFC 3550 6.4.1).

Everything runs on monotonic seconds; NTP time is those plus a constant, so a stepped wall clock
changes nothing. A publisher's audio and video share one offset to our clock, which keeps its own
lip-sync exactly as it reported it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_NTP_EPOCH: Final = 2208988800  # 1900 to 1970, seconds
_MASK32: Final = 0xFFFFFFFF
RESET_S: Final = 1.0
"""A publisher whose clock seems to move by more than this against ours has stepped it."""
MAX_RTT_S: Final = 60.0
"""A round trip that took longer is a receiver's wrong clock, not a line."""
STEP_S: Final = 0.25
"""Wall clock against monotonic: less is slewing or scheduling, more is a step."""


class RelayClock:
    """The relay's own NTP time; `epoch_s` is POSIX time at monotonic 0, taken once."""

    __slots__ = ("epoch_s",)

    def __init__(self, epoch_s: float) -> None:
        self.epoch_s = epoch_s

    def ntp(self, now: float) -> int:
        """64-bit NTP time."""
        return int((now + self.epoch_s + _NTP_EPOCH) * 0x100000000) & 0xFFFFFFFFFFFFFFFF

    def round_trip_s(self, lsr: int, dlsr: int, now: float) -> float | None:
        """Round-trip time by a report block's LSR and DLSR; None without one or if absurd."""
        if lsr == 0:
            return None
        ticks = ((self.ntp(now) >> 16) - lsr - dlsr) & _MASK32
        if ticks >= 0x80000000:
            ticks = 0  # the receiver's delay was rounded up
        seconds = ticks / 65536
        return seconds if seconds < MAX_RTT_S else None


class WallClock:
    """Aware UTC instants for monotonic ones: contiguous, and right again after a step."""

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        self._offset: float | None = None

    def at(self, instant: float, *, now: float, wall_s: float) -> datetime:
        """The UTC instant of `instant`, when it is `now` and POSIX time `wall_s`."""
        offset = wall_s - now
        if self._offset is None or abs(offset - self._offset) > STEP_S:
            self._offset = offset
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant + self._offset)


class SourceClock:
    """One publisher's NTP clock against ours; shared by its tracks."""

    __slots__ = ("offset_s",)

    def __init__(self) -> None:
        self.offset_s: float | None = None

    def hear(self, ntp: int, now: float) -> float:
        """A sender report of the publisher arrived; the report's instant on its own clock."""
        theirs = ntp / 0x100000000
        offset = now - theirs
        if self.offset_s is None or abs(offset - self.offset_s) > RESET_S:
            self.offset_s = offset
        return theirs


class TrackClock:
    """RTP ticks of one track against our monotonic clock."""

    __slots__ = ("_at_s", "_ticks", "clock_rate", "reported", "source")

    def __init__(self, source: SourceClock, clock_rate: int) -> None:
        self.source = source
        self.clock_rate = clock_rate
        self.reported = False
        self._at_s: float | None = None
        self._ticks = 0

    def sender_report(self, ntp: int, ticks: int, now: float) -> None:
        """The publisher says which instant a timestamp was."""
        self._at_s, self._ticks = self.source.hear(ntp, now), ticks
        self.reported = True

    def packet(self, ticks: int, now: float) -> None:
        """A packet arrived; used only until the first report."""
        if not self.reported:
            self._at_s, self._ticks = now, ticks

    def restart(self) -> None:
        """Timestamps begin anew."""
        self.reported, self._at_s = False, None

    @property
    def anchor(self) -> tuple[float, int] | None:
        """An instant on our clock and its timestamp; None before anything arrived."""
        if self._at_s is None:
            return None
        offset_s = self.source.offset_s if self.reported else None
        return self._at_s + (offset_s or 0.0), self._ticks

    def ticks_at(self, now: float) -> int | None:
        """The timestamp of what happens at the publisher now; None before anything arrived."""
        if self._at_s is None:
            return None
        here = now
        if self.reported and self.source.offset_s is not None:
            here = now - self.source.offset_s
        return (self._ticks + round((here - self._at_s) * self.clock_rate)) & _MASK32
