from __future__ import annotations

from sync_classroom.relay.counters import Counters
from sync_classroom.relay.downlink import START_BPS, Downlink, Verdict
from sync_classroom.relay.feed import Batch, Feed
from sync_classroom.relay.feedback import KeyframeRequests
from sync_classroom.relay.forwarding import Slot, SlotState
from sync_classroom.relay.layers import Source, Wish
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from sync_classroom.relay.steering import (
    AHEAD_S,
    AHEAD_SPREAD_S,
    CALLED_BPS,
    DOWN_WAIT_S,
    UP_WAIT_S,
    Steering,
    plan,
)

VP8 = Codec("VP8", 96, 90000, None, {}, frozenset({"nack"}), 97)
OPUS = Codec("opus", 111, 48000, 2)
SIZES = {"l": (320, 180), "m": (640, 360), "h": (1280, 720)}  # nominally 0.16, 0.62, 2.5 Mbit/s
BYTES = {"l": 1500, "m": 6000, "h": 30_000}  # a frame; ten a second make 0.12, 0.48, 2.4 Mbit/s


class Stage:
    """A subscriber of one voice and some pictures, and what their publisher sends."""

    def __init__(self, pictures: int = 1) -> None:
        self.now = 100.0
        self.counters = Counters()
        self.downlink = Downlink(self.now, pads=True)
        self.slots = [slot("video", VP8, number + 1) for number in range(pictures)]
        self.voice = slot("audio", OPUS, 99)
        self.steering = Steering(self.slots, [self.voice], self.downlink, self.counters)
        self.seq = 0

    def source(self, *rids: str) -> Source:
        feeds = []
        for rid in rids:
            feed = Feed("video", VP8, rid)
            feed.requests = KeyframeRequests()
            feeds.append(feed)
        made = Source(feeds)
        for feed in feeds:
            feed.source = made
            self.frame(feed, key=True)
        return made

    def frame(self, feed: Feed, *, key: bool = False) -> int:
        """One packet of a feed, as the endpoint deals with it; to how many slots it went."""
        self.seq += 1
        size = BYTES[feed.rid or ""]
        feed.add(Packet(self.seq, 0, True, bytes(size), arrival_s=self.now, keyframe=key))
        if key and feed.rid:
            feed.size = SIZES[feed.rid]
        batch = feed.take_batch()
        assert isinstance(batch, Batch)
        assert feed.source is not None
        if feed.source.heard(feed, self.now):
            for listener in list(feed.source.listeners):
                listener.choose(self.now)
        feed.admit(batch)
        return sum(bool(slot.take(batch, self.now)) for slot in list(feed.slots))

    def all(self, source: Source) -> None:
        for feed in source.feeds:
            self.frame(feed)

    def live(self, place: int = 0) -> Slot:
        """A slot whose replay has come to its end."""
        slot = self.slots[place]
        while slot.state is SlotState.REPLAYING:
            slot.replay(self.now)
        return slot


def slot(kind: str, codec: Codec, ssrc: int) -> Slot:
    return Slot(
        kind, (codec,), ssrc=ssrc, rtx_ssrc=1000 + ssrc, first_sequence=1, first_timestamp=0
    )


def shown(made: Slot) -> str | None:
    return made.feed.rid if made.feed is not None else None


def test_a_slot_begins_with_what_fits_an_unknown_line() -> None:
    stage = Stage()
    source = stage.source("l", "m", "h")
    assert stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    assert shown(stage.slots[0]) == "m"
    assert stage.downlink.wanted_bps is not None
    assert stage.downlink.wanted_bps > START_BPS
    assert not stage.steering.show(0, source, Wish())


def test_a_step_up_waits_for_its_keyframe_while_the_old_layer_goes_on() -> None:
    stage = Stage()
    source = stage.source("l", "m", "h")
    stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    slot = stage.live()
    stage.downlink.estimate_bps = 5_000_000
    stage.steering.choose(stage.now)
    low, middle, high = source.feeds
    assert slot.aimed is high
    assert high.requests is not None
    assert high.requests.pending
    assert stage.frame(high) == 0
    assert stage.frame(middle) == 1
    assert stage.frame(high, key=True) == 1
    assert stage.frame(middle) == 0
    assert (shown(slot), slot.aimed, low.joining, high.joining) == ("h", None, {}, {})


def test_a_step_up_whose_keyframe_does_not_come_is_given_up() -> None:
    stage = Stage()
    source = stage.source("l", "m", "h")
    stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    slot = stage.live()
    stage.downlink.estimate_bps = 5_000_000
    stage.steering.choose(stage.now)
    for _ in range(int(UP_WAIT_S / 0.1) + 1):
        stage.now += 0.1
        stage.all(source)
    stage.steering.choose(stage.now)
    assert slot.aimed is None
    assert shown(slot) == "m"


def test_a_step_down_waits_only_so_long() -> None:
    stage = Stage()
    source = stage.source("l", "m", "h")
    stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    slot = stage.live()
    stage.downlink.estimate_bps = 300_000
    stage.steering.choose(stage.now)
    assert (shown(slot), slot.aimed) == ("m", source.feeds[0])
    while stage.now < 100.0 + DOWN_WAIT_S:
        stage.now += 0.1
        stage.all(source)
        stage.steering.choose(stage.now)
    assert (shown(slot), slot.state) == ("l", SlotState.WAITING)
    assert stage.counters.layer_switches == 1


def test_a_drowning_line_is_left_at_once_and_not_given_a_cached_burst() -> None:
    stage = Stage()
    source = stage.source("l", "m", "h")
    stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    slot = stage.live()
    stage.downlink.estimate_bps = 300_000
    stage.steering._choose(stage.now, Verdict.DROWNING)
    low = source.feeds[0]
    assert low.cache is not None
    assert low.cache.fresh(stage.now)
    assert (shown(slot), slot.state) == ("l", SlotState.WAITING)
    assert low.wants_keyframe
    assert stage.frame(low, key=True) == 1


def test_a_picture_stops_only_when_its_lowest_layer_does_not_fit() -> None:
    stage = Stage(2)
    source = stage.source("l", "m", "h")
    for place in (0, 1):
        stage.steering.show(place, source, Wish(height=180))
    stage.steering.choose(stage.now)
    first, second = stage.live(0), stage.live(1)
    stage.downlink.estimate_bps = 250_000
    stage.steering._choose(stage.now, Verdict.OVER)
    assert first.sending
    assert second.sending
    # Chance does that too, on a line that carries almost everything in the long run.
    stage.downlink.acknowledged(1000, 960, stage.now - 4.0)
    stage.downlink.acknowledged(1150, 1100, stage.now)
    stage.steering._choose(stage.now, Verdict.DROWNING)
    stage.frame(source.feeds[0])
    assert second.state is SlotState.LIVE
    stage.downlink.acknowledged(1300, 1200, stage.now + 0.5)
    stage.steering._choose(stage.now, Verdict.DROWNING)
    stage.frame(source.feeds[0])
    assert first.state is SlotState.LIVE
    assert second.state is SlotState.PAUSED
    assert stage.counters.pictures_stopped == 1
    # What is stopped stays so until its time has come, whatever is decided meanwhile.
    stage.steering.choose(stage.now)
    assert second.state is SlotState.PAUSED


def test_a_layer_that_was_dropped_is_left_at_once() -> None:
    stage = Stage()
    source = stage.source("l", "m")
    stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    slot = stage.live()
    assert shown(slot) == "m"
    for _ in range(6):
        stage.now += 0.25
        stage.frame(source.feeds[0])
    assert shown(slot) == "l"
    assert slot.state is SlotState.REPLAYING  # its last keyframe is fresh


def test_another_source_is_shown_from_its_own_beginning() -> None:
    stage = Stage()
    first, second = stage.source("l", "m"), stage.source("l", "m")
    stage.steering.show(0, first, Wish())
    stage.steering.choose(stage.now)
    stage.live()
    stage.steering.show(0, second, Wish())
    stage.steering.choose(stage.now)
    slot = stage.slots[0]
    assert slot.feed in second.feeds
    assert slot.state is SlotState.REPLAYING
    assert (list(first.listeners), list(second.listeners)) == ([], [stage.steering])
    stage.steering.leave(stage.now)
    assert (slot.feed, slot.state, list(second.listeners)) == (None, SlotState.IDLE, [])


def test_a_source_in_two_slots_is_listened_to_until_the_last_is_gone() -> None:
    stage = Stage(2)
    source = stage.source("l")
    stage.steering.show(0, source, Wish())
    stage.steering.show(1, source, Wish())
    stage.steering.show(0, None, Wish())
    assert list(source.listeners) == [stage.steering]
    stage.steering.show(1, None, Wish())
    assert list(source.listeners) == []


def watching(stage: Stage) -> Source:
    """The teacher is seen in the first slot for a while, as large as the line carries it."""
    camera = stage.source("l", "m", "h")
    stage.downlink.estimate_bps = 3_000_000
    stage.steering.show(0, camera, Wish())
    stage.steering.choose(stage.now)
    stage.live()
    for _ in range(round((AHEAD_S + AHEAD_SPREAD_S) / 0.1)):
        stage.now += 0.1
        stage.all(camera)
    stage.steering.choose(stage.now)
    assert shown(stage.slots[0]) == "h"
    return camera


def test_room_for_one_who_may_be_called_on_is_found_out_beforehand() -> None:
    stage = Stage(2)
    camera = stage.source("l", "m", "h")
    stage.downlink.estimate_bps = 3_000_000
    stage.steering.show(0, camera, Wish())
    stage.steering.choose(stage.now)
    assert stage.downlink.wanted_bps is None  # at the bell everybody joins
    stage = Stage(2)
    watching(stage)
    wanted = stage.downlink.wanted_bps
    assert wanted is not None
    assert wanted > 3_000_000 + CALLED_BPS / 2
    stage.downlink.estimate_bps = wanted
    stage.steering.choose(stage.now)
    assert stage.downlink.wanted_bps is None


def test_nothing_is_tried_beforehand_without_an_empty_slot_or_hope() -> None:
    stage = Stage()
    watching(stage)
    assert stage.downlink.wanted_bps is None
    stage = Stage(2)
    stage.steering.show(1, None, Wish(180))  # one more of a wall, which is never large
    watching(stage)
    assert stage.downlink.wanted_bps is None
    stage = Stage(2)
    stage.downlink = Downlink(stage.now, pads=False)
    stage.steering.downlink = stage.downlink
    watching(stage)
    assert stage.downlink.wanted_bps is None


def test_a_room_that_is_called_on_is_seen_whole_from_its_first_large_picture() -> None:
    """It was called on before: neither the layer's return nor its rate is waited for."""
    stage = Stage(2)
    camera = watching(stage)
    wanted = stage.downlink.wanted_bps
    assert wanted is not None
    stage.downlink.estimate_bps = wanted
    seat = stage.source("l", "h")
    low, large = seat.feeds
    for _ in range(30):
        stage.now += 0.1
        stage.all(camera)
        stage.frame(low)
    assert seat.ladder == (low,)
    stage.steering.show(1, seat, Wish())
    stage.steering.choose(stage.now)
    assert shown(stage.slots[1]) == "l"
    stage.live(1)
    stage.now += 0.05
    assert stage.frame(large, key=True) == 1
    assert (shown(stage.slots[0]), shown(stage.slots[1])) == ("h", "h")


def test_every_voice_is_kept_free() -> None:
    stage = Stage()
    assert stage.steering.audio_bps(stage.now) == 0
    voice = Feed("audio", OPUS)
    stage.voice.route(voice, stage.now)
    assert stage.steering.audio_bps(stage.now) == 50_000
    voice.meter.add(100_000, stage.now)
    stage.now += 1.0
    assert stage.steering.audio_bps(stage.now) == 800_000


def test_plan_gives_the_lowest_layer_where_nothing_fits() -> None:
    stage = Stage()
    source = stage.source("l", "m")
    feeds, shares = plan([(source, Wish(), 0, None)], 1000, stage.now)
    assert (feeds[0].rid, shares.rungs) == ("l", (None,))


def test_a_probe_sends_the_latest_packets_of_a_picture_and_as_many_as_are_due() -> None:
    stage = Stage()
    source = stage.source("l", "m", "h")
    stage.steering.show(0, source, Wish())
    stage.steering.choose(stage.now)
    slot = stage.live()
    asked: list[tuple[Slot, int]] = []

    def send(of: Slot, back: int, now: float) -> int:
        assert now == stage.now
        asked.append((of, back))
        return 1000

    stage.steering.probe(stage.now, send)
    assert asked == []
    total = 0
    for _ in range(25):
        stage.now += 0.1
        total += 6_000
        stage.all(source)
        stage.downlink.acknowledged(total, total, stage.now)
        stage.steering.judge(total, stage.now)
    before = len(asked)
    stage.now += 0.02
    stage.steering.probe(stage.now, send)
    assert {of for of, _ in asked} == {slot}
    assert [back for _, back in asked[before:]] == list(range(len(asked) - before))
