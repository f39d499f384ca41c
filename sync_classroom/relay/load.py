"""How busy this relay is, by what it measures of itself, and whom it still lets in then.

Pure: time and figures are arguments. A relay that takes one seat too many makes every lesson
stutter, so above a share of its capacity newcomers are sent away with `Retry-After`. Who comes
first is written in `Claim`: a lesson without its teacher is no lesson, one without a thumbnail is.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import Final

from .session import Direction

TICK_S: Final = 0.1
"""How often the loop's lag is looked at: ten wake-ups a second cost nothing and see every stall
that somebody could hear."""
SECOND_S: Final = 1.0
"""Ticks are taken together over this time: what one lesson's bell does to one tick is no load."""
SMOOTH_S: Final = 5.0
"""Time constant of the mean: 48 rooms that join at the bell are 0.2 s of work and must not count as
an overload; ten seconds at the limit must."""
LAG_FULL_S: Final = 0.05
"""A mean lag of the loop that counts as full: players hold 40 to 80 ms of sound, and beyond half of
that they begin to stretch it."""
EXTRA_MARGIN: Final = 0.1
"""Thumbnails, bystanders and self-checks are sent away this much of the capacity earlier than
seats: what they would take is kept for those who are to learn something."""
REOPEN_MARGIN: Final = 0.05
"""Once it refuses, a relay takes newcomers again only this far below the limit: at the limit itself
every second one would be let in and sent away in turn."""
RETURN_S: Final = 60.0
"""Who was here so short a time ago is present, not new: twice the time after which a silent peer is
closed, so that a room whose line failed for a while finds its place again."""
MAX_LEFT: Final = 4096
"""Peers remembered for `RETURN_S`; beyond, the one longest gone is forgotten and counts as new."""
BUSY_RETRY_S: Final = 5
"""When somebody sent away should ask again: the mean has moved by then."""


class Claim(Enum):
    """How good a claim to a place is, best first."""

    HOST = "host"
    """The lesson's own classroom, whatever it sends or watches: always let in."""
    PRESENT = "present"
    """Somebody who was here a moment ago: always let in, for the place is theirs."""
    SEAT = "seat"
    """A remote classroom that wants to receive the lesson; whoever meets, sending or listening."""
    EXTRA = "extra"
    """A seat's own picture (thumbnails), viewers of the wall, self-checks."""


def claim_of(peer: str, direction: Direction, *, present: bool) -> Claim:
    """The claim of a peer, by its name as tokens have it (docs/relay-interface.md)."""
    if peer == "host":
        return Claim.HOST
    if present:
        return Claim.PRESENT
    if peer.startswith(("t:", "guest:")):
        return Claim.SEAT
    if direction is Direction.PUBLISH or peer.startswith(("viewer:", "check:")):
        return Claim.EXTRA
    return Claim.SEAT


@dataclass(frozen=True, slots=True)
class Work:
    """Running totals of the relay: seconds the media loop has computed, datagrams lost on the way
    in (the kernel's buffer was full) and times the way out would block."""

    cpu_s: float = 0.0
    dropped: int = 0
    blocked: int = 0


class LoadMeter:
    """The relay's load, 0 to 1: the worst of processor share, lag of the loop, and lost datagrams.

    Feed `tick` every `TICK_S` and `second` every `SECOND_S`.
    """

    def __init__(self, now: float, work: Work) -> None:
        self._at, self._work = now, work
        self._lags: list[float] = []
        self.load = 0.0
        """Smoothed over `SMOOTH_S`."""
        self.lag_s = 0.0
        """Mean lag of the last second."""
        self.cpu_share = 0.0
        """Of one core, in the last second: the media loop is one thread and can use no more."""

    def tick(self, lag_s: float) -> None:
        """A timer of the loop fired this much later than it should have."""
        self._lags.append(max(0.0, lag_s))

    def second(self, now: float, work: Work) -> None:
        """Close a second: what was done since the last one, by `now`."""
        elapsed = now - self._at
        if elapsed <= 0:
            return
        self.cpu_share = min(1.0, max(0.0, (work.cpu_s - self._work.cpu_s) / elapsed))
        self.lag_s = sum(self._lags) / len(self._lags) if self._lags else 0.0
        lossy = work.dropped > self._work.dropped or work.blocked > self._work.blocked
        now_load = 1.0 if lossy else max(self.cpu_share, min(1.0, self.lag_s / LAG_FULL_S))
        self.load += (now_load - self.load) * (1 - math.exp(-elapsed / SMOOTH_S))
        self._at, self._work = now, work
        self._lags.clear()


Place = tuple[str, str, Direction, str | None]
"""Room, peer, direction, source: what a peer comes back to."""


class Gate:
    """Decides about newcomers by the meter's load; `max_load` 1 refuses nobody."""

    def __init__(self, max_load: float) -> None:
        self._limits = {Claim.SEAT: max_load, Claim.EXTRA: max_load - EXTRA_MARGIN}
        if max_load >= 1:
            self._limits.clear()
        self._closed: set[Claim] = set()
        self._left: OrderedDict[Place, float] = OrderedDict()
        self.load = 0.0

    def heed(self, load: float) -> None:
        """The load of the last seconds, as the meter has it."""
        self.load = load
        for claim, limit in self._limits.items():
            if load > limit:
                self._closed.add(claim)
            elif load < limit - REOPEN_MARGIN:
                self._closed.discard(claim)

    @property
    def busy(self) -> bool:
        """Whether new seats are being refused."""
        return Claim.SEAT in self._closed

    def left(self, place: Place, now: float) -> None:
        """Somebody's session has ended."""
        self._left.pop(place, None)
        self._left[place] = now
        if len(self._left) > MAX_LEFT:
            self._left.popitem(last=False)

    def admits(self, place: Place, now: float, *, present: bool) -> bool:
        """Whether to let somebody in; `present` if a session of theirs is to be replaced."""
        left = self._left.get(place)
        here = present or (left is not None and now - left <= RETURN_S)
        return claim_of(place[1], place[2], present=here) not in self._closed
