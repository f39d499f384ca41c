"""What is asked of a publisher: keyframes, seldom enough; and a bitrate, by what arrives.

Pure: time is an argument, deadlines are returned.
"""

from __future__ import annotations

from typing import Final

PLI_INTERVAL_S: Final = 0.5
"""Between two requests for a keyframe of one track: an encoder that made one per request of 48
subscribers would send nothing else."""
PLI_MAX_INTERVAL_S: Final = 4.0
"""A request is repeated while somebody still waits, ever more slowly: a file that is being played
has keyframes when it has them."""
REMB_START_LOSS: Final = 26
"""Of 256: 10 %. Below, loss is noise to a sender's own control; above, we say less (RFC 8698's
neighbours and Chromium's loss-based control draw the line at the same place)."""
REMB_DECREASE: Final = 0.85
REMB_INCREASE: Final = 1.08
"""Per second, as Google's congestion control does without delay signals."""
MIN_BPS: Final = 100_000
"""Less is not a picture; the sender pauses by itself then."""

SIMULCAST_SHARE: Final = 1.3
"""What a publisher of layers is allowed over one of a single picture: half the width and height
costs a quarter of the bits, a quarter of them a sixteenth. Senders fill their layers from the
smallest up, so with less the largest picture, which most people see, would be the one to suffer."""


class KeyframeRequests:
    """PLI for one track: asked for by many, sent upstream by one, at most every half second."""

    __slots__ = ("_interval_s", "_sent_s", "pending")

    def __init__(self) -> None:
        self.pending = False
        self._sent_s: float | None = None
        self._interval_s = PLI_INTERVAL_S

    def ask(self) -> None:
        """Somebody needs a keyframe."""
        self.pending = True

    def arrived(self) -> None:
        """A keyframe came."""
        self.pending = False
        self._interval_s = PLI_INTERVAL_S

    @property
    def at(self) -> float | None:
        """When `due` will be true; None while nobody asks."""
        if not self.pending:
            return None
        return 0.0 if self._sent_s is None else self._sent_s + self._interval_s

    def due(self, now: float, *, waiting: bool) -> bool:
        """Whether to send one now; it is then taken as sent.

        `waiting` says that somebody cannot show anything until it comes: then it will be repeated.
        """
        at = self.at
        if at is None or now < at:
            return False
        repeated = self._sent_s is not None and now - self._sent_s < 2 * self._interval_s
        self._interval_s = (
            min(PLI_MAX_INTERVAL_S, self._interval_s * 2) if repeated else PLI_INTERVAL_S
        )
        self._sent_s = now
        self.pending = waiting
        return True


class BitrateAdvice:
    """The REMB for one publisher: the ceiling, unless much is lost on the way to us."""

    __slots__ = ("_ceiling_bps", "bps")

    def __init__(self, ceiling_kbps: int) -> None:
        self._ceiling_bps = float(ceiling_kbps * 1000)
        self.bps = self._ceiling_bps

    def second(self, fraction_lost: int, arrived_bps: float) -> int:
        """The advice for the next second, from the last one's loss (of 256) and arrivals."""
        if fraction_lost > REMB_START_LOSS and arrived_bps > 0:
            self.bps = max(MIN_BPS, REMB_DECREASE * min(self.bps, arrived_bps))
        else:
            self.bps = min(self._ceiling_bps, self.bps * REMB_INCREASE)
        return int(self.bps)
