from __future__ import annotations

from sync_classroom.relay.feed import Batch, Feed
from sync_classroom.relay.forwarding import Slot, SlotState
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec

VP8 = Codec("VP8", 96, 90000)


def packet(seq: int, *, key: bool = False, at: float = 0.0, size: int = 100) -> Packet:
    return Packet(seq, seq * 3000, True, bytes(size), arrival_s=at, keyframe=key)


def slot() -> Slot:
    return Slot("video", (VP8,), ssrc=1, rtx_ssrc=None, first_sequence=1, first_timestamp=0)


def filled(rid: str, *packets: Packet) -> tuple[Feed, Batch]:
    feed = Feed("video", VP8, rid)
    for each in packets:
        feed.add(each)
    batch = feed.take_batch()
    assert batch is not None
    return feed, batch


def test_a_batch_knows_whether_its_numbers_have_no_hole() -> None:
    assert Batch.of([packet(5), packet(6), packet(7)]).contiguous
    assert not Batch.of([packet(5), packet(7), packet(6)]).contiguous
    assert not Batch.of([packet(5), packet(7)]).contiguous


def test_a_batch_is_measured_and_dated() -> None:
    feed, _ = filled("h", packet(5, at=3.0, size=988), packet(6, at=3.5, size=988))
    assert feed.heard_s == 3.5
    assert feed.meter.bps(4.5) == 2 * 1000 * 8
    assert feed.take_batch() is None


def test_slots_come_over_with_a_keyframe_and_not_before() -> None:
    old, _ = filled("h", packet(1, key=True))
    new, without = filled("l", packet(50))
    served = slot()
    served.route(old, 0.0)
    served.aim(new)
    assert new.wants_keyframe
    assert new.admit(without) == 0
    assert served.feed is old
    assert new.admit(Batch.of([packet(51), packet(52, key=True)])) == 1
    assert served.feed is new
    assert (old.slots, list(new.slots), new.joining) == ({}, [served], {})
    assert served.state is SlotState.WAITING


def test_nobody_who_is_paused_comes_over() -> None:
    old, _ = filled("h", packet(1, key=True))
    new, _ = filled("l", packet(50))
    served = slot()
    served.route(old, 0.0)
    served.aim(new)
    served._pause(5.0)
    assert not new.wants_keyframe
    assert new.admit(Batch.of([packet(52, key=True)])) == 0
    assert served.feed is old


def test_pixels_are_none_before_a_keyframe_told() -> None:
    feed = Feed("video", VP8)
    assert feed.pixels == 0
    feed.size = (640, 360)
    assert feed.pixels == 230_400


def test_sound_and_a_frame_with_its_end_are_whole() -> None:
    feed = Feed("video", VP8)
    assert feed.whole  # nothing is waited for
    feed.add(Packet(5, 0, False, b"x", arrival_s=0.0))
    assert not feed.whole
    feed.add(packet(6))
    assert feed.whole
    voice = Feed("audio", Codec("opus", 111, 48000, 2))
    voice.add(Packet(5, 0, False, b"x", arrival_s=0.0))
    assert voice.whole
