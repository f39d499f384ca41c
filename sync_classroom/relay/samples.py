"""Cutting what a session moved into samples, so that sent and acknowledged speak of the same.

Pure. A subscriber's sample ends at a receiver report: at its deadline the figures *as of the last
report* are written. If none came at all, everything sent is written off as not acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Totals:
    """Running totals of one session. `lost` is a publisher's; a subscriber's is sent - acked."""

    packets: int = 0
    acked: int = 0
    bytes: int = 0
    lost: int = 0
    nacks: int = 0
    plis: int = 0
    dropped: int = 0

    def since(self, earlier: Totals) -> Totals:
        """The difference, figure by figure."""
        return Totals(
            self.packets - earlier.packets,
            self.acked - earlier.acked,
            self.bytes - earlier.bytes,
            self.lost - earlier.lost,
            self.nacks - earlier.nacks,
            self.plis - earlier.plis,
            self.dropped - earlier.dropped,
        )

    def __bool__(self) -> bool:
        return self != NOTHING


NOTHING: Final = Totals()


@dataclass(frozen=True, slots=True)
class Cut:
    """One sample in monotonic seconds."""

    from_s: float
    to_s: float
    moved: Totals


class Sampler:
    """Where one session's samples begin and end."""

    __slots__ = ("_base", "_from_s", "_pending", "_pending_s", "_sample_s")

    def __init__(self, sample_s: float, now: float) -> None:
        self._sample_s = sample_s
        self._from_s = now
        self._base = Totals()
        self._pending: Totals | None = None
        self._pending_s = now

    @property
    def deadline_s(self) -> float:
        """When the next sample must be cut."""
        return self._from_s + self._sample_s

    def restart(self, now: float) -> None:
        """The first sample begins now."""
        self._from_s = self._pending_s = now

    def report(self, totals: Totals, now: float) -> None:
        """A receiver report came: these totals are a place to cut."""
        self._pending, self._pending_s = totals, now

    @property
    def reported_s(self) -> float | None:
        """When the last report came since the last cut; None if none did."""
        return None if self._pending is None else self._pending_s

    def cut(self) -> Cut | None:
        """The sample up to the last report since the last cut; None if there was none."""
        if self._pending is None:
            return None
        cut = Cut(self._from_s, self._pending_s, self._pending.since(self._base))
        self._base, self._from_s, self._pending = self._pending, self._pending_s, None
        return cut

    def close(self, totals: Totals, now: float) -> Cut:
        """The sample up to now, whatever was reported; begins the next one."""
        self.report(totals, now)
        cut = self.cut()
        assert cut is not None  # reported on the line above
        return cut
