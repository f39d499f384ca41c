"""When what has arrived goes out: a whole frame at once, a part of one after the window. Pure.

Packets of one frame that go out together cost the kernel little more than one of them, and they
arrive within a moment. So a feed that ends in the middle of a frame waits for the rest, but no
longer than the window; sound, and a frame whose last packet is here, have nothing to wait for.
While one waits, the socket is looked at now and then instead of at every packet: whoever else has
something for us waits as long as between two looks, and it is read together.
"""

from __future__ import annotations

from typing import Final

from .feed import Feed

LOOK_S: Final = 0.0005
"""Between two looks at the socket while a frame is incomplete: senders on a campus line hand over
a frame in a third of it, and it is a tenth of the latency we may add."""


class Window:
    """The feeds that have something new."""

    __slots__ = ("_length_s", "_look_s", "_until_s", "_waiting")

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._waiting: dict[Feed, None] = {}
        self._until_s = self._look_s = 0.0

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
        else:
            ready = [feed for feed in self._waiting if not self._length_s or feed.whole]
        for feed in ready:
            del self._waiting[feed]
        if not self._waiting:
            self._until_s = 0.0
        elif not self._until_s:
            self._until_s = now + self._length_s
        self._look_s = min(now + LOOK_S, self._until_s)
        ready.sort(key=_picture)
        return ready

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
