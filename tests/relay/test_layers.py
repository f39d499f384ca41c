from __future__ import annotations

import pytest

from sync_classroom.relay.feed import Feed
from sync_classroom.relay.feedback import KeyframeRequests
from sync_classroom.relay.layers import (
    BACK_S,
    CHECK_S,
    MAX_SIZE_REQUESTS,
    SILENT_S,
    Demand,
    LayerState,
    Meter,
    Source,
    Wish,
    cost_bps,
    share,
)
from sync_classroom.relay.session import Codec

VP8 = Codec("VP8", 96, 90000)
SIZES = {"h": (1280, 720), "m": (640, 360), "l": (320, 180)}
K = 1000
LARGE = Wish()
CAMERA = (150 * K, 600 * K, 2500 * K)


def source(*rids: str) -> Source:
    feeds = []
    for rid in rids:
        feed = Feed("video", VP8, rid)
        feed.size = SIZES[rid]
        feed.requests = KeyframeRequests()
        feeds.append(feed)
    return Source(feeds)


def hear(made: Source, rid: str, now: float) -> bool:
    feed = next(feed for feed in made.feeds if feed.rid == rid)
    feed.heard_s = now
    feed.meter.add(1000, now)
    return made.heard(feed, now)


def rids(feeds: tuple[Feed, ...]) -> str:
    return "".join(feed.rid or "-" for feed in feeds)


# ---------------------------------------------------------------------------- rate


def test_a_meter_shows_the_last_two_seconds() -> None:
    meter = Meter()
    assert meter.bps(100.0) == 0
    for tick in range(100):
        meter.add(1250, 100.0 + tick * 0.1)  # 100 kbit/s
    assert meter.bps(109.9) == pytest.approx(100_000, rel=0.05)
    for tick in range(40):
        meter.add(125, 110.0 + tick * 0.1)
    assert meter.bps(113.9) == pytest.approx(10_000, rel=0.05)
    assert meter.bps(117.0) == 0


def test_a_meter_that_just_began_measures_what_there_is() -> None:
    meter = Meter()
    meter.add(12_500, 50.0)
    meter.add(12_500, 50.4)
    assert meter.bps(50.5) == pytest.approx(400_000, rel=0.01)


def test_a_layer_not_measured_yet_is_taken_for_what_its_size_usually_takes() -> None:
    feed = Feed("video", VP8, "h")
    assert cost_bps(feed, 10.0) == 150_000
    feed.size = (1280, 720)
    assert cost_bps(feed, 10.0) == 2_488_320
    feed.meter.add(25_000, 10.0)
    assert cost_bps(feed, 10.5) == 2_488_320
    feed.meter.add(25_000, 11.5)
    assert cost_bps(feed, 11.9) == 210_526


# ---------------------------------------------------------------------------- ladder


def test_layers_are_ordered_by_their_size_however_they_were_offered() -> None:
    made = source("h", "l", "m")
    assert not hear(made, "h", 1.0)
    assert hear(made, "l", 1.0)
    assert hear(made, "m", 1.0)
    assert rids(made.ladder) == "lmh"
    assert not hear(made, "h", 1.03)


def test_a_layer_that_falls_silent_is_left_out_and_comes_back() -> None:
    made = source("l", "m", "h")
    for rid in "lmh":
        hear(made, rid, 10.0)
    changed = [now for now in (10.3, 10.6, 10.7) if hear(made, "l", now) | hear(made, "m", now)]
    assert changed == []
    assert hear(made, "l", 10.0 + SILENT_S + CHECK_S)
    assert rids(made.ladder) == "lm"
    seen = set()
    for step in range(20):
        now = 10.0 + SILENT_S + CHECK_S + 0.1 * (step + 1)
        for rid in "lmh" if step < 18 else "lm":
            if hear(made, rid, now):
                seen.add((round(now - 11.1, 2), rids(made.ladder)))
    # Not with its first frame, but when it has stayed.
    assert seen == {(BACK_S, "lmh")}


def test_a_layer_that_comes_when_somebody_new_looks_was_begun_for_them() -> None:
    """A room that is called on again: nobody waits for its large picture to stay."""
    made = source("l", "h")
    for rid in ("l", "h"):
        hear(made, rid, 10.0)
    for tick in range(1, 20):
        hear(made, "l", 10.0 + tick * 0.1)
    assert rids(made.ladder) == "l"
    made.wanted(12.0)
    assert hear(made, "h", 12.1)
    assert rids(made.ladder) == "lh"
    # It goes, and comes back long after anybody new has looked: an encoder that hesitates.
    for tick in range(20, 60):
        hear(made, "l", 10.0 + tick * 0.1)
    assert rids(made.ladder) == "l"
    hear(made, "h", 16.0)
    assert rids(made.ladder) == "l"
    # Whoever begins to look now wants it, whatever it hesitated for.
    made.wanted(16.1)
    assert rids(made.ladder) == "lh"


def test_when_all_are_silent_nothing_is_left_out() -> None:
    made = source("l", "h")
    hear(made, "l", 10.0)
    hear(made, "h", 10.0)
    # A muted camera: a second later each sends again.
    hear(made, "h", 20.0)
    hear(made, "l", 20.0)
    hear(made, "h", 20.5)
    assert rids(made.ladder) == "lh"


def test_a_layer_whose_size_is_not_known_is_asked_for_a_keyframe_a_few_times_then_taken() -> None:
    made = source("l", "h")
    high = made.feeds[1]
    high.size = None
    ladders, asked = [], 0
    for step in range(2 * MAX_SIZE_REQUESTS):
        now = 10.0 + step * (CHECK_S + 0.01)
        hear(made, "h", now)
        hear(made, "h", now)
        hear(made, "l", now)
        assert high.requests is not None
        asked += high.requests.pending
        high.requests.pending = False
        ladders.append(rids(made.ladder))
    assert asked == MAX_SIZE_REQUESTS - 1  # the first was asked for when it was all there was
    assert ladders[1 : MAX_SIZE_REQUESTS - 3] == ["l"] * (MAX_SIZE_REQUESTS - 4)
    assert sorted(ladders[-1]) == ["h", "l"]


def test_one_feed_alone_is_always_its_ladder() -> None:
    made = source("h")
    assert not hear(made, "h", 1.0)
    assert not hear(made, "h", 100.0)
    assert rids(made.ladder) == "h"


def test_a_slot_is_sent_no_more_than_it_shows() -> None:
    made = source("l", "m", "h")
    for rid in "lmh":
        hear(made, rid, 1.0)
    assert rids(made.rungs(Wish())) == "lmh"
    assert rids(made.rungs(Wish(height=180))) == "l"
    assert rids(made.rungs(Wish(height=181))) == "lm"
    assert rids(made.rungs(Wish(height=1080))) == "lmh"
    state = LayerState.of(made.feeds[2], 1.0)
    assert (state.rid, state.picture) == ("h", "1280x720")
    assert LayerState.of(Feed("video", VP8), 1.0) == LayerState(None, None, None, 0)


# ---------------------------------------------------------------------------- shares


def demand(
    rungs: tuple[int, ...] = CAMERA, wish: Wish = LARGE, place: int = 0, now: int | None = None
) -> Demand:
    return Demand(rungs, wish.rank(place), now)


def test_a_line_that_carries_all_gives_all() -> None:
    assert share(3000 * K, [demand()]).rungs == (2,)
    assert share(3000 * K, [demand()]).wanted_bps is None


def test_a_layer_is_taken_with_a_margin_and_kept_with_less() -> None:
    assert share(2550 * K, [demand()]).rungs == (1,)
    assert share(2550 * K, [demand(now=2)]).rungs == (2,)
    assert share(2200 * K, [demand(now=2)]).rungs == (2,)
    assert share(2200 * K, [demand(now=2)], stay=1.0).rungs == (1,)


def test_what_the_next_step_takes_is_enough_for_it() -> None:
    for budget in (160 * K, 900 * K, 1400 * K):
        before = share(budget, [demand(), demand(place=1)])
        assert before.wanted_bps is not None
        after = share(before.wanted_bps, [demand(), demand(place=1)])
        taken = [sum(-1 if rung is None else rung for rung in s.rungs) for s in (before, after)]
        assert taken[0] < taken[1]


def test_everybody_is_given_the_lowest_before_anybody_is_given_more() -> None:
    thumbs = [demand(wish=Wish(height=180), rungs=CAMERA[:1], place=n) for n in range(1, 5)]
    shares = share(4 * 150 * K + 160 * K, [demand(), *thumbs])
    assert shares.rungs == (0, 0, 0, 0, 0)


def test_courseware_comes_first_then_the_camera_and_thumbnails_last() -> None:
    screen = demand(rungs=(800 * K,), wish=Wish(sharp=True), place=1)
    thumb = demand(rungs=CAMERA[:1], wish=Wish(height=180), place=2)
    camera = demand()
    assert share(3600 * K, [camera, screen, thumb]).rungs == (1, 0, 0)
    assert share(1100 * K, [camera, screen, thumb]).rungs == (0, 0, 0)
    assert share(1000 * K, [camera, screen, thumb]).rungs == (0, 0, None)
    assert share(900 * K, [camera, screen, thumb]).rungs == (None, 0, None)


def test_courseware_that_does_not_fit_at_all_leaves_the_line_to_the_camera() -> None:
    screen = demand(rungs=(800 * K,), wish=Wish(sharp=True), place=1)
    assert share(400 * K, [demand(), screen]).rungs == (0, None)


def test_nothing_to_show_wants_nothing() -> None:
    shares = share(1000 * K, [])
    assert (shares.rungs, shares.wanted_bps) == ((), None)
