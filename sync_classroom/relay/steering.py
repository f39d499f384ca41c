"""Which layer each picture of one subscriber gets, and how it gets there. Pure.

Decisions are `layers.share`'s and the estimate `downlink`'s; here they are carried out on slots: a
slot that shows a picture goes over at a keyframe of the new layer, one that shows none goes at
once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from .counters import Counters
from .downlink import HEAVY_LOSS, Downlink, Verdict
from .feed import Feed
from .forwarding import Slot, SlotState
from .layers import (
    NOMINAL_BPS,
    NOMINAL_BPS_PER_PIXEL,
    STAY_SHARE,
    UP_MARGIN,
    Demand,
    Shares,
    Source,
    Wish,
    cost_bps,
    share,
)

UP_WAIT_S: Final = 5.0
"""A step up whose keyframe has not come by then is given up, and looked at again."""
DOWN_WAIT_S: Final = 1.5
"""A step down waits for a keyframe only so long: three requests of it, 0.5 s apart. Then the line
is worth more than the picture, which stands still until the keyframe is there."""
STOP_AFTER_S: Final = 3.0
"""The lowest layer is given so long to help before it is taken away, too: for two reports what was
lost before it tells against it."""
CHOOSE_S: Final = 1.0
"""Layers are chosen anew so often where nothing has happened: their rates change slowly, and a
relay has thousands of receivers."""
PROBE_PACKETS: Final = 24
"""Of the latest sent, in one tick of 20 ms: 10 Mbit/s, more than any probe goes to."""
CALLED_BPS: Final = int(1280 * 720 * NOMINAL_BPS_PER_PIXEL)
"""Where an empty slot for one stands ready it is found out beforehand whether the line carries one
more large picture: a room that is called on is to be seen at once, and a probe takes seconds."""
AHEAD_S: Final = 10.0
AHEAD_SPREAD_S: Final = 40.0
"""But not while everybody joins at the bell, nor by all of them at the same time: while a receiver
is probed for it, it costs twice what it does."""
AUDIO_BPS: Final = 50_000
"""Kept free for every voice, whether it speaks now or not."""


class View:
    """One video slot, what it shows, how it is shown, and since when it aims at another layer."""

    __slots__ = ("place", "since_s", "slot", "source", "wish")

    def __init__(self, slot: Slot, place: int) -> None:
        self.slot = slot
        self.place = place
        self.source: Source | None = None
        self.wish = Wish()
        self.since_s = 0.0


def plan(
    wanted: Sequence[tuple[Source, Wish, int, Feed | None]],
    budget_bps: float,
    now: float,
    *,
    stay: float = STAY_SHARE,
) -> tuple[list[Feed], Shares]:
    """The layer for each (source, wish, place, layer it has); the lowest where none fits."""
    ladders = [source.rungs(wish) for source, wish, _, _ in wanted]
    demands = [
        Demand(
            tuple(cost_bps(feed, now) for feed in ladder),
            wish.rank(place),
            ladder.index(current) if current in ladder else None,
        )
        for ladder, (_, wish, place, current) in zip(ladders, wanted, strict=True)
    ]
    shares = share(budget_bps, demands, stay=stay)
    feeds = [ladder[rung or 0] for ladder, rung in zip(ladders, shares.rungs, strict=True)]
    return feeds, shares


class Steering:
    """The views of one subscriber over its line."""

    def __init__(
        self, slots: Sequence[Slot], voices: Sequence[Slot], downlink: Downlink, counters: Counters
    ) -> None:
        self.views = [View(slot, place) for place, slot in enumerate(slots)]
        self._voices = tuple(voices)
        self.downlink = downlink
        self._counters = counters
        self._chosen_s = float("-inf")
        self._ahead_s: float | None = None

    def show(self, place: int, source: Source | None, wish: Wish) -> bool:
        """What a video slot is for from now on; whether that changes anything. Then `choose`."""
        view = self.views[place]
        if (source, wish) == (view.source, view.wish):
            return False
        before, view.source, view.wish = view.source, source, wish
        if before is not None and all(other.source is not before for other in self.views):
            del before.listeners[self]
        if source is not None:
            source.listeners[self] = None
        return True

    def leave(self, now: float) -> None:
        """The subscriber goes: nothing is shown or heard any more."""
        for view in self.views:
            self.show(view.place, None, Wish())
        self.choose(now)

    def audio_bps(self, now: float) -> int:
        """What its voices take."""
        return sum(
            max(AUDIO_BPS, slot.feed.meter.bps(now))
            for slot in self._voices
            if slot.feed is not None
        )

    def judge(self, sent_bytes: int, now: float) -> None:
        """Reports have come, or a second has passed: what do they mean for the layers?"""
        downlink = self.downlink
        verdict = downlink.judge(sent_bytes, now)
        wanted = downlink.wanted_bps
        if (
            verdict is not Verdict.CARRIED
            or now >= self._chosen_s + CHOOSE_S
            or (wanted is not None and downlink.estimate_bps >= wanted)
        ):
            self._choose(now, verdict)

    def choose(self, now: float) -> None:
        """Take the layers that fit the line as it is known."""
        self._choose(now, Verdict.CARRIED)

    def _choose(self, now: float, verdict: Verdict) -> None:
        self._chosen_s = now
        shown: list[tuple[View, Source]] = []
        for view in self.views:
            if view.source is None:
                view.slot.route(None, now)
            elif view.slot.feed not in view.source.feeds:
                view.slot.route(None, now)  # another source: nothing of the old one counts
                if view.wish.height is None:
                    view.source.wanted(now)
                shown.append((view, view.source))
            elif view.slot.state is not SlotState.PAUSED:
                shown.append((view, view.source))
        over, audio_bps = verdict is not Verdict.CARRIED, self.audio_bps(now)
        drowned = verdict is Verdict.DROWNING and self.downlink.lasting_loss >= HEAVY_LOSS
        feeds, shares = plan(
            [
                (source, view.wish, view.place, view.slot.aimed or view.slot.feed)
                for view, source in shown
            ],
            self.downlink.estimate_bps - audio_bps,
            now,
            stay=1.0 if over else STAY_SHARE,
        )
        for (view, _), feed, rung in zip(shown, feeds, shares.rungs, strict=True):
            settled = view.slot.feed is feed and now >= view.since_s + STOP_AFTER_S
            if rung is None and drowned and settled and view.slot.sending:
                view.slot.congest()
                self._counters.pictures_stopped += 1
            self._steer(view, feed, now, drowning=verdict is Verdict.DROWNING)
        wanted = shares.wanted_bps
        if wanted is None:
            wanted = self._ahead_bps(feeds, audio_bps, now)
        self.downlink.wanted_bps = None if wanted is None else wanted + audio_bps

    def _ahead_bps(self, feeds: Sequence[Feed], audio_bps: int, now: float) -> int | None:
        """What to try though nobody needs it yet, so that a room may be called on at any moment."""
        if all(v.source is not None or v.wish.height for v in self.views):
            return None  # no slot stands ready, as of most receivers
        spent_bps = sum([cost_bps(feed, now) for feed in feeds])
        if not spent_bps:
            return None
        if self._ahead_s is None:  # our SSRCs are random: they spread the attempts
            spread = self.views[0].slot.ssrc % 1000 / 1000 * AHEAD_SPREAD_S
            self._ahead_s = now + AHEAD_S + spread
        if now < self._ahead_s or not self.downlink.hopeful:
            return None
        need = spent_bps + UP_MARGIN * CALLED_BPS + NOMINAL_BPS
        carried = self.downlink.estimate_bps - audio_bps
        return None if carried >= need else int(UP_MARGIN * need)

    def _steer(self, view: View, feed: Feed, now: float, *, drowning: bool) -> None:
        slot, current = view.slot, view.slot.feed
        if feed is current:
            slot.aim(None)
        elif current is None or not slot.sending or self._silent(current):
            self._counters.layer_switches += slot.sending
            slot.route(feed, now)
        elif feed.pixels < current.pixels and (
            drowning or (slot.aimed is feed and now >= view.since_s + DOWN_WAIT_S)
        ):
            # Of a line this full nothing whole arrives: what is not sent lets the keyframe through.
            self._counters.layer_switches += 1
            slot.route(feed, now, replay=False)
            view.since_s = now
            self._ask(feed)
        elif slot.aimed is not feed:
            slot.aim(feed)
            view.since_s = now
            self._ask(feed)
        elif now >= view.since_s + UP_WAIT_S:
            slot.aim(None)

    @staticmethod
    def _ask(feed: Feed) -> None:
        if feed.requests is not None:
            feed.requests.ask()

    @staticmethod
    def _silent(feed: Feed) -> bool:
        """Whether the sender has dropped this layer."""
        return feed.source is None or feed not in feed.source.ladder

    # ------------------------------------------------------------------ probing

    def probe(self, now: float, send: Callable[[Slot, int, float], int]) -> None:
        """Send what a probe wants now; `send` sends a slot's packet of so far back once more and
        says how many bytes that were, 0 if it could not."""
        due = self.downlink.padding(now)
        if due <= 0:
            return
        slot = next(
            (v.slot for v in self.views if v.slot.sending and v.slot.rtx_payload_type), None
        )
        if slot is None:
            return
        for back in range(PROBE_PACKETS):
            size = send(slot, back, now)
            self.downlink.padded(size)
            due -= size
            if due <= 0 or not size:
                return
