"""When a frame of a recording host is sent on: smoothed, and sound and picture on one clock. Pure.

A live source's frames come when the network brings them; they leave `LATENCY_S` later than the
earliest of them would need. RTP sender reports tie what was sent to when, so this is also what
keeps voice and lips together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LATENCY_S: Final = 0.12
"""Frames wait this long, so that one that is late by less does not stutter: an RTSP host's jitter
on a school's network is some 20 to 60 ms, and encoding a voice to Opus takes 20 ms of it."""
SLACK_S: Final = 0.4
"""More than this unused for a whole window means that the source runs fast or came in a burst:
the wait is brought back to `LATENCY_S`."""
WINDOW_S: Final = 10.0
FIRST_WINDOW_S: Final = 1.0
"""A server sends what it kept since the last keyframe, and FFmpeg what it read to know the stream,
all at once: that is no reason to be seconds late for the whole lesson."""
MAX_JUMP_S: Final = 5.0
"""Time stamps that jump further are another stream: it is opened anew."""


@dataclass(slots=True)
class Playout:
    """One source's clock. `live` sources set the pace; a file is paced by us alone."""

    live: bool
    late: int = 0
    _anchor: float | None = None
    _slack: float = 0.0
    _window_ends: float = 0.0
    _windows: int = 0
    _latest: float = 0.0

    def due(self, at_s: float, now: float) -> float:
        """When to send a frame of media time `at_s` that is here `now`, both in seconds.

        Raises ValueError when media time jumps.
        """
        if self._anchor is None:
            self._restart(at_s, now)
        assert self._anchor is not None
        if abs(at_s - self._latest) > MAX_JUMP_S:
            raise ValueError(f"media time jumps from {self._latest:.3f} to {at_s:.3f} s")
        self._latest = max(self._latest, at_s)
        due = self._anchor + at_s
        slack = due - now
        if slack < 0:
            self.late += 1
            self._anchor -= slack
            return now
        if self.live:
            self._watch(slack, now)
        return due

    def _restart(self, at_s: float, now: float) -> None:
        self._anchor = now + LATENCY_S - at_s
        self._latest = at_s
        self._slack, self._window_ends, self._windows = float("inf"), now + FIRST_WINDOW_S, 1

    def _watch(self, slack: float, now: float) -> None:
        self._slack = min(self._slack, slack)
        if now < self._window_ends:
            return
        if self._slack > SLACK_S and self._anchor is not None:
            self._anchor -= self._slack - LATENCY_S
        # The first window holds the burst's first frame, which waits for nobody: look once more.
        self._windows += 1
        length = FIRST_WINDOW_S if self._windows == 2 else WINDOW_S
        self._slack, self._window_ends = float("inf"), now + length
