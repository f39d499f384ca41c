"""When what has arrived goes out: a whole frame at once, a part of one after the window. Pure.

Packets of one frame that go out together cost the kernel little more than one of them, and they
arrive within a moment. So a feed that ends in the middle of a frame waits for the rest, but no
longer than the window; sound, and a frame whose last packet is here, have nothing to wait for.
While one waits, the socket is looked at once soon and then at the window's end, instead of at every
packet: whoever else has something for us waits as long, and it is read together. The window is
longer when we are busy: then it is cost that counts, and packets come in any case later.
"""

from __future__ import annotations

from typing import Final

from .feed import Feed

LOOK_S: Final = 0.0005
"""Until the first look at the socket while a frame is incomplete: senders on a campus line hand
over a frame in a third of it. Browsers take several windows for one, and each look costs as much
as sending twenty packets: after a window that ended in the middle of a frame there is none."""
BUSY_FACTOR: Final = 2.0
"""So much longer a window is in a relay that has no time left: 4 ms of the 5 we may add."""
IDLE_SHARE: Final = 0.25
BUSY_SHARE: Final = 0.75
"""Share of its time that the loop works, between which the window grows."""
SHARE_S: Final = 0.25
"""Over which that share is taken: a bell that rings is felt in the next quarter of a second."""


class Window:
    """The feeds that have something new. `length_s` is the window's, as long as we are idle."""

    __slots__ = (
        "_idle_s",
        "_length_s",
        "_look_s",
        "_since_s",
        "_slow",
        "_until_s",
        "_waiting",
        "_worked_s",
    )

    def __init__(self, length_s: float) -> None:
        self._idle_s = self._length_s = length_s
        self._waiting: dict[Feed, None] = {}
        self._until_s = self._look_s = 0.0
        self._slow = False  # the last window was too short for a frame
        self._since_s: float | None = None
        self._worked_s = 0.0

    def arrived(self, feed: Feed) -> None:
        """A feed has something new pending."""
        self._waiting[feed] = None

    def forget(self, feed: Feed) -> None:
        """The feed has ended."""
        self._waiting.pop(feed, None)

    def take(self, now: float) -> list[Feed]:
        """Whose pending packets go out now, sound first; the others wait on."""
        if not self._waiting:
            return []
        if self._until_s and now >= self._until_s:
            ready = list(self._waiting)
            self._slow = not all(feed.whole for feed in ready)
        else:
            ready = [feed for feed in self._waiting if not self._length_s or feed.whole]
        for feed in ready:
            del self._waiting[feed]
        if len(ready) > 1:
            ready.sort(key=_picture)
        if not self._waiting:
            self._until_s = 0.0
        elif not self._until_s:
            self._until_s = now + self._length_s
            self._look_s = self._until_s if self._slow else min(now + LOOK_S, self._until_s)
        elif now >= self._look_s:
            self._look_s = self._until_s
        return ready

    def worked(self, begin_s: float, end_s: float) -> None:
        """The loop was at work in this time, and idle since the last such time."""
        if self._since_s is None:
            self._since_s = begin_s
        self._worked_s += end_s - begin_s
        elapsed = end_s - self._since_s
        if elapsed >= SHARE_S:
            share = (self._worked_s / elapsed - IDLE_SHARE) / (BUSY_SHARE - IDLE_SHARE)
            grown = (BUSY_FACTOR - 1) * min(1.0, max(0.0, share))
            self._length_s = self._idle_s * (1 + grown)
            self._since_s, self._worked_s = end_s, 0.0

    @property
    def open(self) -> bool:
        """Whether somebody waits, so that the socket need not be watched until `deadline_s`."""
        return bool(self._waiting)

    @property
    def deadline_s(self) -> float | None:
        """When to look at the socket and `take` again; None while nobody waits."""
        return self._look_s if self._waiting else None


def _picture(feed: Feed) -> bool:
    return feed.kind != "audio"
