"""The layers of one picture, and how a line's bits are shared out among a receiver's pictures.

Pure: time is an argument, nothing is sent. A `Source` is one picture or voice with its feeds, one
for every simulcast layer; `share` decides which layer every video slot may have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from .feed import Feed

# ------------------------------------------------------------------ policy, written down
#
# Sound is never taken away. Of the pictures the courseware comes first, because letters that are
# not sharp teach nothing; then those shown large, in the order of their slots (the teacher's camera
# is the first); thumbnails last. Everybody is given the lowest layer before anybody is given more.

SILENT_S: Final = 0.75
"""A layer that is this far behind another of its source has been dropped by the sender: all of them
show the same instants, and upstream loss or a slow keyframe delays one by a third of this."""
BACK_S: Final = 1.0
"""One that comes back is taken again when it has stayed for so long: an encoder short of bits sends
a frame now and then, and nobody wants to change with each of them."""
WANTED_S: Final = 3.0
"""But one that comes within so long after somebody new began to look was begun for them: a room
that is called on sends its large picture then, and is not waited for."""
CHECK_S: Final = 0.25
"""How often that is looked at while the others arrive."""
RATE_WINDOW_S: Final = 2.0
RATE_BUCKET_S: Final = 0.25
"""A layer's bit rate is that of two seconds: in less every keyframe would look like a change."""
MAX_SIZE_REQUESTS: Final = 8
"""A layer whose size no keyframe has told is asked for one for two seconds, then taken as it is."""
UP_MARGIN: Final = 1.1
"""More than measured is wanted before a layer is taken up: encoders breathe by a tenth."""
STAY_SHARE: Final = 0.85
"""A layer once taken is kept while the line is thought to carry this much of it; less would make it
come and go with every keyframe. When the line is known to be full, it is 1."""
SETTLED_S: Final = 1.0
"""A layer that began later than this ago has not shown what it takes: it is taken for
`NOMINAL_BPS_PER_PIXEL`, unless it takes more already."""
NOMINAL_BPS_PER_PIXEL: Final = 2.7
"""2.5 Mbit/s for 1280x720, 156 kbit/s for 320x180, as terminals encode."""
NOMINAL_BPS: Final = 150_000
"""Where no size is known either."""


class Meter:
    """Bit rate over the last `RATE_WINDOW_S`."""

    __slots__ = ("_buckets", "_first_s", "_place", "_sum")

    def __init__(self) -> None:
        self._buckets = [0] * round(RATE_WINDOW_S / RATE_BUCKET_S)
        self._place: int | None = None
        self._first_s = 0.0
        self._sum = 0

    def add(self, size: int, now: float) -> None:
        """So many bytes came now."""
        place = self._move(now)
        self._buckets[place % len(self._buckets)] += size
        self._sum += size

    @property
    def since_s(self) -> float:
        """When the run of arrivals began that it measures."""
        return self._first_s

    def bps(self, now: float) -> int:
        """Bits a second; of what came so far if that is less than the window."""
        if self._place is None:
            return 0
        self._move(now)
        span = min(max(now - self._first_s, RATE_BUCKET_S), RATE_WINDOW_S)
        return int(self._sum * 8 / span)

    def _move(self, now: float) -> int:
        """Empty the buckets that time has passed since the last call; which one is now's."""
        place = int(now / RATE_BUCKET_S)
        if place == self._place:
            return place
        if self._place is None or place - self._place >= 4 * len(self._buckets):
            self._buckets = [0] * len(self._buckets)
            self._sum, self._first_s = 0, now
        else:
            for passed in range(self._place + 1, min(place, self._place + len(self._buckets)) + 1):
                self._sum -= self._buckets[passed % len(self._buckets)]
                self._buckets[passed % len(self._buckets)] = 0
        self._place = place
        return place


def cost_bps(feed: Feed, now: float) -> int:
    """What a layer takes, as far as it can be known."""
    measured = feed.meter.bps(now)
    if measured and now - feed.meter.since_s >= SETTLED_S:
        return measured
    return max(measured, int(feed.pixels * NOMINAL_BPS_PER_PIXEL) or NOMINAL_BPS)


@dataclass(frozen=True, slots=True)
class Wish:
    """How a video slot is shown: at so many pixels of height (None: as large as there is); `sharp`
    if it must not suffer for others."""

    height: int | None = None
    sharp: bool = False

    def rank(self, place: int) -> tuple[int, int]:
        """Its turn when bits are shared out; the smaller, the earlier."""
        return (0 if self.sharp else 1 if self.height is None else 2), place


@dataclass(frozen=True, slots=True)
class LayerState:
    """One layer as `GET /status` shows it; nulls where it has no RID or no keyframe told a size."""

    rid: str | None
    width: int | None
    height: int | None
    kbps: int

    @classmethod
    def of(cls, feed: Feed, now: float) -> LayerState:
        """What is known of a feed."""
        width, height = feed.size or (None, None)
        return cls(feed.rid, width, height, feed.meter.bps(now) // 1000)

    @property
    def picture(self) -> str | None:
        """`1280x720`, for the journal."""
        return None if self.width is None else f"{self.width}x{self.height}"


class Listener(Protocol):
    """Who has to know when a source's layers come or go."""

    def choose(self, now: float) -> None:
        """Look again at which layers to take."""
        ...


class Source:
    """One voice or picture of a publisher: its feeds, in the order they were offered."""

    __slots__ = (
        "_alive",
        "_back_s",
        "_checked_s",
        "_heard_s",
        "_requests",
        "_resumed_s",
        "_wanted_s",
        "feeds",
        "ladder",
        "listeners",
    )

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self.feeds = tuple(feeds)
        self.listeners: dict[Listener, None] = {}
        self.ladder: tuple[Feed, ...] = self.feeds[:1]
        """The layers that arrive now, the smallest picture first; never empty."""
        self._alive: frozenset[Feed] = frozenset()
        self._back_s: dict[Feed, float] = {}
        self._checked_s = self._heard_s = self._resumed_s = self._wanted_s = float("-inf")
        self._requests = dict.fromkeys(self.feeds, MAX_SIZE_REQUESTS)

    def wanted(self, now: float) -> None:
        """Somebody new is to see it large: what comes now, or has just come, was begun for them."""
        self._wanted_s = now
        hesitating = [feed for feed in self._alive if now < self._back_s[feed]]
        if hesitating:
            self._back_s |= dict.fromkeys(hesitating, now)
            self.ladder = self._look(now)

    def heard(self, feed: Feed, now: float) -> bool:
        """Something new has come on a feed; whether `ladder` is another one than before."""
        if len(self.feeds) == 1:
            return False
        if now - self._heard_s > SILENT_S:
            self._resumed_s = now  # all were silent: none of them was dropped
        self._heard_s = now
        settled = feed in self.ladder or (
            feed in self._alive and (feed.size is None or now < self._back_s[feed])
        )
        if settled and now < self._checked_s + CHECK_S:
            return False
        self._checked_s = now
        ladder = self._look(now)
        changed = ladder != self.ladder
        self.ladder = ladder
        return changed

    def _look(self, now: float) -> tuple[Feed, ...]:
        """The layers to count on."""
        resuming = now - self._resumed_s <= SILENT_S
        alive = [
            feed
            for feed in self.feeds
            if feed.heard_s is not None
            and (now - feed.heard_s <= SILENT_S or (resuming and feed in self._alive))
        ]
        for feed in alive:
            if feed not in self._alive:
                # At first at once: everybody waits for a picture.
                again = feed in self._back_s and now - self._wanted_s > WANTED_S
                self._back_s[feed] = now + BACK_S if again else now
        self._alive = frozenset(alive)
        steady = [feed for feed in alive if now >= self._back_s[feed]] or alive
        for feed in steady:
            if feed.size is None and self._requests[feed] and feed.requests is not None:
                self._requests[feed] -= 1
                feed.requests.ask()
        known = [f for f in steady if f.size is not None or not self._requests[f]] or steady
        return tuple(
            sorted(known, key=lambda f: f.pixels or f.meter.bps(now) / NOMINAL_BPS_PER_PIXEL)
        )

    def rungs(self, wish: Wish) -> tuple[Feed, ...]:
        """The layers worth sending: up to the first that is as high as the wish."""
        if wish.height is None:
            return self.ladder
        for place, feed in enumerate(self.ladder):
            if feed.size is not None and feed.size[1] >= wish.height:
                return self.ladder[: place + 1]
        return self.ladder


@dataclass(frozen=True, slots=True)
class Demand:
    """One video slot: bits a second of its layers from the lowest up, and the one it has now."""

    rungs: tuple[int, ...]
    rank: tuple[int, int]
    current: int | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """Which rung every demand may have, None where not even the lowest fits. `wanted_bps` is what
    the next step up would take in all, None when everybody has what there is."""

    rungs: tuple[int | None, ...]
    wanted_bps: int | None


def share(budget_bps: float, demands: Sequence[Demand], *, stay: float = STAY_SHARE) -> Shares:
    """Share out what a line carries: by rank the lowest rung to all, then by rank the most to each.

    `stay` is how much of a rung once taken must fit for it to be kept.
    """
    order = sorted(range(len(demands)), key=lambda place: demands[place].rank)
    chosen: list[int | None] = [None] * len(demands)
    left = budget_bps
    for place in order:
        demand = demands[place]
        factor = 1.0 if demand.current is None else min(stay, 1.0)
        if demand.rungs[0] * factor <= left:
            chosen[place] = 0
            left -= demand.rungs[0]
    for place in order:
        demand = demands[place]
        if chosen[place] is None:
            continue
        for rung in range(len(demand.rungs) - 1, 0, -1):
            extra = demand.rungs[rung] - demand.rungs[0]
            kept = demand.current is not None and rung <= demand.current
            if extra * (stay if kept else UP_MARGIN) <= left:
                chosen[place] = rung
                left -= extra
                break
    spent = sum(demand.rungs[rung or 0] for demand, rung in zip(demands, chosen, strict=True))
    if None in chosen:
        return Shares(tuple(chosen), int(spent * UP_MARGIN))
    for place in order:
        taken, rungs = chosen[place] or 0, demands[place].rungs
        if taken + 1 < len(rungs):
            step = UP_MARGIN * max(0, rungs[taken + 1] - rungs[0])
            return Shares(tuple(chosen), int(spent - (rungs[taken] - rungs[0]) + step))
    return Shares(tuple(chosen), None)
