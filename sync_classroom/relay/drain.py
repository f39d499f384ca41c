"""Emptying a relay without ending a lesson: no new rooms, running ones finish, then it may stop.

Pure: time is an argument. What waits is who is connected, not which rooms exist: a room in which
nobody is costs nobody anything when the next relay takes it over.
"""

from __future__ import annotations

from typing import Final

QUIET_S: Final = 5.0
"""A relay is empty once nobody has been connected for so long: a page that is loaded again or a
terminal that changes networks is back sooner, and its lesson is not over."""


class Drain:
    """Whether the relay is being emptied, since when, and whether it is empty."""

    __slots__ = ("_quiet_s", "since_s")

    def __init__(self) -> None:
        self.since_s: float | None = None
        self._quiet_s: float | None = None

    @property
    def active(self) -> bool:
        """Whether new rooms are refused."""
        return self.since_s is not None

    def begin(self, now: float) -> None:
        """Take no new rooms from now on; again changes nothing."""
        if self.since_s is None:
            self.since_s = now

    def cancel(self) -> None:
        """Take new rooms again."""
        self.since_s = self._quiet_s = None

    def advance(self, now: float, sessions: int) -> bool:
        """Whether it is empty now, with so many sessions; ask at least every second."""
        if self.since_s is None or sessions:
            self._quiet_s = None
            return False
        if self._quiet_s is None:
            self._quiet_s = now
        return now - self._quiet_s >= QUIET_S
