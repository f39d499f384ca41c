from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from sync_classroom.relay.cache import VIDEO_RING
from sync_classroom.relay.feed import Batch, Feed
from sync_classroom.relay.forwarding import (
    BLOCKED_PAUSE_S,
    CONGESTED_PAUSE_S,
    REPLAY_FRAME_TICKS,
    REPLAY_INTERVAL_S,
    REPLAY_PACKETS,
    Slot,
    SlotState,
)
from sync_classroom.relay.rtp import Packet, Vp8Place
from sync_classroom.relay.session import Codec

VP8 = Codec("VP8", 96, 90000, rtx_payload_type=97)
H264 = Codec("H264", 98, 90000, None, {"packetization-mode": "1"})
OPUS = Codec("opus", 111, 48000, 2)
FIRST_SEQ, FIRST_TS = 500, 0xFFFFFF00


def video_slot(*codecs: Codec) -> Slot:
    return Slot(
        "video",
        codecs or (Codec("VP8", 120, 90000, rtx_payload_type=121),),
        ssrc=1,
        rtx_ssrc=2,
        first_sequence=FIRST_SEQ,
        first_timestamp=FIRST_TS,
    )


def audio_slot() -> Slot:
    return Slot("audio", (OPUS,), ssrc=3, rtx_ssrc=None, first_sequence=9, first_timestamp=1000)


def packet(
    seq: int,
    timestamp: int,
    *,
    key: bool = False,
    mark: bool = True,
    at: float = 0.0,
    vp8: Vp8Place | None = None,
) -> Packet:
    return Packet(seq, timestamp, mark, b"payload", arrival_s=at, keyframe=key, vp8=vp8)


def push(feed: Feed, now: float, *packets: Packet) -> dict[Slot, Sequence[Packet]]:
    for one in packets:
        feed.add(one)
    batch = feed.take_batch()
    assert batch is not None
    return {slot: slot.take(batch, now) for slot in feed.slots}


def out(slot: Slot, packets: Sequence[Packet]) -> list[tuple[int, int]]:
    """(extended sequence, timestamp) as they would be sent."""
    return [
        (p.seq + slot.seq_shift - 0x10000, (p.timestamp + slot.ts_shift) & 0xFFFFFFFF)
        for p in packets
    ]


def test_video_starts_at_a_keyframe_under_the_slots_own_numbers() -> None:
    feed, slot = Feed("video", VP8), video_slot()
    slot.route(feed, 0.0)
    assert slot.state is SlotState.WAITING
    assert feed.wants_keyframe
    assert push(feed, 0.0, packet(10, 100), packet(11, 100))[slot] == ()
    taken = push(feed, 0.1, packet(12, 200), packet(13, 300, key=True), packet(14, 400))[slot]
    assert out(slot, taken) == [(FIRST_SEQ, FIRST_TS), (FIRST_SEQ + 1, FIRST_TS + 100)]
    assert (slot.state, slot.payload_type, slot.rtx_payload_type) == (SlotState.LIVE, 120, 121)
    assert not feed.wants_keyframe
    assert slot.dropped == 0
    following = push(feed, 0.2, packet(15, 500), packet(16, 600))[slot]
    assert out(slot, following) == [
        (FIRST_SEQ + 2, FIRST_TS + 200),
        (FIRST_SEQ + 3, (FIRST_TS + 300) & 0xFFFFFFFF),
    ]
    assert slot.account.sent == 4


def test_an_idle_slot_sends_nothing_when_the_codec_was_not_negotiated() -> None:
    feed, slot = Feed("video", H264), video_slot(VP8)
    slot.route(feed, 0.0)
    assert (slot.state, slot.mismatched) == (SlotState.IDLE, 1)
    assert push(feed, 0.0, packet(1, 1, key=True))[slot] == ()
    assert not feed.wants_keyframe


def test_audio_starts_at_once_and_survives_reordering() -> None:
    feed, slot = Feed("audio", OPUS), audio_slot()
    slot.route(feed, 0.0)
    taken = push(feed, 0.0, packet(10, 960), packet(12, 2880), packet(11, 1920))[slot]
    assert out(slot, taken) == [(9, 1000), (11, 2920), (10, 1960)]
    assert slot.account.sent == 3
    assert out(slot, push(feed, 0.1, packet(13, 3840))[slot]) == [(12, 3880)]


def test_a_packet_lost_on_the_way_to_us_leaves_a_hole_until_it_comes() -> None:
    feed, slot = Feed("audio", OPUS), audio_slot()
    slot.route(feed, 0.0)
    push(feed, 0.0, packet(10, 0), packet(13, 0))
    assert slot.account.sent == 2
    assert out(slot, push(feed, 0.1, packet(12, 0))[slot])[0][0] == 11
    assert slot.account.sent == 3
    assert out(slot, push(feed, 0.1, packet(14, 0))[slot])[0][0] == 13


def test_switching_keeps_numbers_and_time_running() -> None:
    first, second, slot = Feed("video", VP8), Feed("video", VP8), video_slot()
    slot.route(first, 0.0)
    push(first, 0.0, packet(70000, 5_000_000, key=True))
    slot.route(second, 0.5)
    assert push(second, 0.5, packet(300, 42))[slot] == ()
    taken = push(second, 1.0, packet(301, 3042, key=True))[slot]
    # One second of 90,000 ticks has passed since the last packet out.
    assert out(slot, taken) == [(FIRST_SEQ + 1, (FIRST_TS + 90000) & 0xFFFFFFFF)]
    # A late packet from before the switch of this feed is not sent; one of the old feed neither.
    assert push(second, 1.0, packet(299, 0))[slot] == []
    assert slot not in push(first, 1.0, packet(70001, 5_003_000))
    assert slot.dropped == 1


def test_vp8_numbers_run_on_over_a_switch() -> None:
    first, second, slot = Feed("video", VP8), Feed("video", VP8), video_slot()
    slot.route(first, 0.0)
    push(first, 0.0, packet(1, 0, key=True, vp8=Vp8Place(2, 0x7FFF, True, 4, 255)))
    assert (slot.picture_shift, slot.tl0_shift) == (0, 0)
    slot.route(second, 0.0)
    push(second, 0.1, packet(9, 0, key=True, vp8=Vp8Place(2, 100, True, 4, 7)))
    assert (100 + slot.picture_shift) & 0x7FFF == 0
    assert (7 + slot.tl0_shift) & 0xFF == 0


def test_a_joiner_is_given_the_cached_keyframe_paced_and_then_lives() -> None:
    feed = Feed("video", VP8)
    frames = [packet(100, 0, key=True)] + [
        packet(100 + n, n * 3000, at=n / 30) for n in range(1, 25)
    ]
    push(feed, 0.8, *frames)
    slot = video_slot()
    slot.route(feed, 0.8)
    assert slot.state is SlotState.REPLAYING
    assert push(feed, 0.81, packet(125, 75000))[slot] == ()
    sent: list[tuple[int, int]] = []
    now, rounds = 0.81, 0
    while slot.state is SlotState.REPLAYING:
        chunk = slot.replay(now)
        assert len(chunk) <= REPLAY_PACKETS
        sent += out(slot, chunk)
        now, rounds = now + REPLAY_INTERVAL_S, rounds + 1
    assert rounds == 3
    assert [seq for seq, _ in sent] == list(range(FIRST_SEQ, FIRST_SEQ + 26))
    times = [(stamp - FIRST_TS) & 0xFFFFFFFF for _, stamp in sent]
    # 25 cached frames a millisecond apart; the one that came meanwhile at its own distance.
    assert times == [n * REPLAY_FRAME_TICKS for n in range(25)] + [24 * REPLAY_FRAME_TICKS + 3000]
    after = out(slot, push(feed, 0.9, packet(126, 78000))[slot])
    assert after == [(FIRST_SEQ + 26, (FIRST_TS + 24 * REPLAY_FRAME_TICKS + 6000) & 0xFFFFFFFF)]
    assert slot.account.sent == 27


def test_a_replayed_packet_is_sent_again_as_it_went_and_no_copy_of_it_is_kept() -> None:
    feed = Feed("video", VP8)
    frames = [packet(100, 0, key=True)] + [
        packet(100 + n + (n > 6), n * 3000, at=n / 30) for n in range(1, 20)
    ]
    push(feed, 0.7, *frames)  # number 107 is missing
    slot = video_slot()
    slot.route(feed, 0.7)
    sent = dict(out(slot, slot.replay(0.7)) + out(slot, slot.replay(0.71)))
    assert slot.state is SlotState.LIVE
    assert all(one is None or one in frames for one in slot.ring.slots)
    # The missing one comes after all: it belongs to the past, between its neighbours.
    late = packet(107, 6 * 3000, at=0.75)
    ((number, stamp),) = out(slot, push(feed, 0.75, late)[slot])
    assert (number, stamp) == (FIRST_SEQ + 7, sent[FIRST_SEQ + 6])
    sent[number] = stamp
    assert len(sent) == 21
    for number, stamp in sent.items():
        again = slot.resend(number & 0xFFFF, 2.0, 0.1)
        assert again is not None
        assert out(slot, [again]) == [(number, stamp)]
    probe = slot.recent(20)
    assert probe is not None
    assert out(slot, [probe]) == [(FIRST_SEQ, sent[FIRST_SEQ])]


def test_a_replay_is_forgotten_once_nothing_of_it_can_be_sent_again() -> None:
    feed = Feed("video", VP8)
    push(feed, 0.1, packet(0, 0, key=True), *(packet(n, n * 3000) for n in range(1, 5)))
    slot = video_slot()
    slot.route(feed, 0.1)
    slot.replay(0.1)
    for number in range(5, 5 + VIDEO_RING):
        slot.forget_replay()
        assert slot._replay_times
        push(feed, 0.2, packet(number, number * 3000))
    slot.forget_replay()
    assert slot._replay_times == {}
    again = slot.resend((FIRST_SEQ + 5) & 0xFFFF, 2.0, 0.1)
    assert again is feed.cache.packets[5] if feed.cache is not None else None


def test_a_new_keyframe_in_the_middle_of_a_replay_is_jumped_to() -> None:
    feed = Feed("video", VP8)
    push(feed, 0.0, packet(0, 0, key=True), *(packet(n, n * 3000) for n in range(1, 30)))
    slot = video_slot()
    slot.route(feed, 0.1)
    assert len(slot.replay(0.1)) == REPLAY_PACKETS
    push(feed, 0.2, packet(30, 90000, key=True), packet(31, 93000))
    chunk = slot.replay(0.2)
    assert [p.seq for p in chunk] == [30, 31]
    assert [seq for seq, _ in out(slot, chunk)] == [
        FIRST_SEQ + REPLAY_PACKETS,
        FIRST_SEQ + REPLAY_PACKETS + 1,
    ]
    assert slot.state is SlotState.LIVE
    assert slot.account.sent == REPLAY_PACKETS + 2


def test_a_cache_let_go_in_the_middle_of_a_replay_means_waiting() -> None:
    feed = Feed("video", VP8)
    push(feed, 0.0, packet(0, 0, key=True), *(packet(n, n * 3000) for n in range(1, 30)))
    slot = video_slot()
    slot.route(feed, 0.1)
    slot.replay(0.1)
    push(feed, 9.0, packet(30, 90000, at=9.0))
    assert slot.replay(9.0) == ()
    assert slot.state is SlotState.WAITING
    assert feed.wants_keyframe


def test_would_block_stops_video_until_a_keyframe_and_keeps_audio() -> None:
    feed, slot = Feed("video", VP8), video_slot()
    slot.route(feed, 0.0)
    push(feed, 0.0, packet(1, 0, key=True), packet(2, 3000), packet(3, 6000))
    assert slot.blocked(FIRST_SEQ + 1) is False
    assert slot.blocked(FIRST_SEQ + 2) is False
    assert (slot.state, slot.account.sent, slot.dropped) == (SlotState.PAUSED, 1, 2)
    assert push(feed, 1.0, packet(4, 9000, key=True))[slot] == ()
    assert push(feed, 1.0 + BLOCKED_PAUSE_S, packet(5, 12000))[slot] == ()
    assert feed.wants_keyframe
    taken = push(feed, 2.5, packet(6, 15000, key=True))[slot]
    assert out(slot, taken)[0][0] == FIRST_SEQ + 3
    assert slot.resend(FIRST_SEQ + 1, 3.0, 0.02) is None
    assert (slot.dropped, slot.account.sent) == (3, 2)
    audio = audio_slot()
    audio.route(Feed("audio", OPUS), 0.0)
    assert audio.blocked(9) is True
    assert audio.state is SlotState.WAITING


def test_congestion_stops_video_at_the_end_of_the_frame() -> None:
    feed, slot = Feed("video", VP8), video_slot()
    slot.route(feed, 0.0)
    push(feed, 0.0, packet(1, 0, key=True))
    slot.congest()
    taken = push(
        feed, 0.1, packet(2, 3000, mark=False), packet(3, 3000), packet(4, 6000, mark=False)
    )[slot]
    assert [p.seq for p in taken] == [2, 3]
    assert (slot.state, slot.dropped) == (SlotState.PAUSED, 1)
    assert push(feed, 1.0, packet(5, 6000, key=True))[slot] == ()
    taken = push(feed, 0.2 + CONGESTED_PAUSE_S, packet(6, 9000, key=True))[slot]
    assert out(slot, taken)[0][0] == FIRST_SEQ + 3
    assert slot.dropped == 2
    assert slot.account.sent == 4


def test_a_nack_is_answered_from_the_present_run_only_and_not_too_often() -> None:
    feed, slot = Feed("video", VP8), video_slot()
    slot.route(feed, 0.0)
    taken = push(feed, 0.0, packet(1, 0, key=True), packet(2, 3000))[slot]
    again = slot.resend(FIRST_SEQ + 1, 1.0, 0.1)
    assert again is taken[1]
    assert slot.resend(FIRST_SEQ + 1, 1.05, 0.1) is None
    assert slot.resend(FIRST_SEQ + 2, 1.0, 0.1) is None
    slot.route(Feed("video", VP8), 2.0)
    push(slot.feed, 2.0, packet(70, 0, key=True))  # type: ignore[arg-type]
    assert slot.resend(FIRST_SEQ + 1, 3.0, 0.1) is None
    assert slot.resent == 1


def test_a_source_that_begins_anew_is_begun_anew() -> None:
    feed, slot = Feed("video", VP8), video_slot()
    slot.route(feed, 0.0)
    push(feed, 0.0, packet(1, 0, key=True))
    feed.restart(0.1)
    assert slot.state is SlotState.WAITING
    assert push(feed, 0.2, packet(65536, 77))[slot] == ()
    taken = push(feed, 1.0, packet(65537, 99, key=True))[slot]
    assert out(slot, taken) == [(FIRST_SEQ + 1, (FIRST_TS + 90000) & 0xFFFFFFFF)]


def test_routing_away_and_back() -> None:
    feed, slot = Feed("audio", OPUS), audio_slot()
    slot.route(feed, 0.0)
    push(feed, 0.0, packet(5, 960))
    slot.route(None, 0.1)
    assert (slot.state, dict(feed.slots)) == (SlotState.IDLE, {})
    slot.route(feed, 0.2)
    assert out(slot, push(feed, 1.0, packet(50, 9600))[slot]) == [(10, 1000 + 48000)]


def test_batches_know_whether_they_are_contiguous() -> None:
    assert Batch.of([packet(5, 0), packet(6, 0)]).contiguous
    assert not Batch.of([packet(5, 0), packet(7, 0)]).contiguous
    assert not Batch.of([packet(5, 0), packet(7, 0), packet(6, 0), packet(8, 0)]).contiguous


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_numbers_go_out_once_and_in_one_line(seed: int) -> None:
    """Random loss, reordering, keyframes, switches, pauses: no number is ever used twice."""
    randomness = random.Random(seed)
    feeds = [Feed("video", VP8), Feed("video", VP8)]
    position = [0x1FFF0, 65536]
    slot = video_slot()
    used: set[int] = set()
    highest = FIRST_SEQ - 1
    now = 0.0
    for _ in range(3000):
        now += 0.01
        choice = randomness.random()
        if choice < 0.01:
            slot.route(randomness.choice([*feeds, None]), now)
        elif choice < 0.02:
            slot.congest()
        elif choice < 0.03 and used:
            slot.blocked(highest & 0xFFFF)
        number = randomness.randrange(2)
        feed = feeds[number]
        packets = []
        for _ in range(randomness.randrange(1, 6)):
            position[number] += 1
            if randomness.random() > 0.05:
                key = randomness.random() < 0.05
                packets.append(packet(position[number], position[number] * 3000, key=key, at=now))
        if randomness.random() < 0.1:
            randomness.shuffle(packets)
        taken: list[Packet] = []
        if packets:
            taken += push(feed, now, *packets).get(slot, ())
        if slot.state is SlotState.REPLAYING:
            taken += slot.replay(now)
        for sequence, _ in out(slot, taken):
            assert sequence not in used
            used.add(sequence)
            highest = max(highest, sequence)
    assert slot.account.next - 0x10000 == highest + 1
    assert len(used) > 500


def test_silence_of_opus_is_a_gap_in_time_and_not_in_numbers() -> None:
    """DTX: no packets for half a second, a timestamp that jumps, the next number. FEC is inside."""
    slot, feed = audio_slot(), Feed("audio", OPUS)
    slot.route(feed, 0.0)
    sent: list[tuple[int, int]] = []
    bodies: list[bytes] = []
    for place, (number, stamp) in enumerate(
        [(100, 0), (101, 960), (102, 960 + 24_000), (103, 1920 + 24_000)]
    ):
        body = bytes(
            [0x78, place]
        )  # its redundancy for the packet before is the payload's business
        feed.add(Packet(number, stamp, place in (0, 2), body, arrival_s=stamp / 48_000))
        batch = feed.take_batch()
        assert batch is not None
        packets = slot.take(batch, stamp / 48_000)
        sent += out(slot, packets)
        bodies += [packet.payload for packet in packets]
        assert [p.marker for p in packets] == [0x80 if place in (0, 2) else 0]
    first, start = sent[0]
    assert sent == [
        (first, start),
        (first + 1, start + 960),
        (first + 2, start + 24_960),
        (first + 3, start + 25_920),
    ]
    assert bodies == [bytes([0x78, place]) for place in range(4)]
    assert (slot.account.sent, slot.dropped) == (4, 0)


# ---------------------------------------------------------------------------- layers


def layer(first: int, *, picture: int) -> tuple[Feed, Packet]:
    """A feed whose keyframe has just come, and that keyframe."""
    feed = Feed("video", VP8)
    place = Vp8Place(2, picture, True, None, 0)
    return feed, packet(first, 5_000_000 + first, key=True, vp8=place)


def test_going_over_to_another_layer_keeps_numbers_time_and_picture_ids_running() -> None:
    high, key = layer(1000, picture=700)
    low, other = layer(40, picture=9)
    slot = video_slot()
    slot.route(high, 0.0)
    (first,) = out(slot, push(high, 0.0, key)[slot])
    slot.aim(low)
    # The old layer goes on until the keyframe of the new one.
    place = Vp8Place(2, 701, True, None, 0)
    (second,) = out(slot, push(high, 0.04, packet(1001, key.timestamp + 3600, vp8=place))[slot])
    assert second == (first[0] + 1, (first[1] + 3600) & 0xFFFFFFFF)
    low.add(other)
    batch = low.take_batch()
    assert batch is not None
    assert low.admit(batch) == 1
    taken = slot.take(batch, 0.08)
    assert out(slot, taken) == [(first[0] + 2, second[1] + 3600)]
    assert (9 + slot.picture_shift) & 0x7FFF == 702
    assert [p.marker for p in taken] == [0x80]
    assert high.slots == {}


def test_routing_without_a_replay_waits_for_the_next_keyframe() -> None:
    first, second = Feed("video", VP8), Feed("video", VP8)
    slot = video_slot()
    slot.route(first, 0.0)
    push(first, 0.0, packet(1, 0, key=True))
    push(second, 0.0, packet(1, 0, key=True))
    slot.route(second, 0.1, replay=False)
    assert slot.state is SlotState.WAITING
    assert second.wants_keyframe
    assert push(second, 0.1, packet(2, 3000))[slot] == ()
    assert len(push(second, 0.2, packet(3, 6000, key=True))[slot]) == 1


def test_packets_sent_lately_can_be_sent_again_to_probe() -> None:
    slot, feed = video_slot(), Feed("video", VP8)
    slot.route(feed, 0.0)
    packets = [packet(1, 0, key=True), packet(2, 3000)]
    for one in push(feed, 0.0, *packets)[slot]:
        slot.ring.slots[(one.seq + slot.seq_shift) & slot.ring.mask] = one
    assert [slot.recent(back) for back in range(3)] == [packets[1], packets[0], None]
    assert slot.resent == 0


def test_a_tap_gets_every_packet_and_hears_of_restarts() -> None:
    heard: list[object] = []

    class Ear:
        def take(self, feed: Feed, packets: list[Packet]) -> None:
            heard.append((feed.kind, [packet.seq for packet in packets]))

        def restart(self, feed: Feed) -> None:
            heard.append(feed.kind)

    feed = Feed("audio", Codec("opus", 111, 48000, 2))
    feed.add(Packet(1, 0, False, b"x", arrival_s=0.0))
    feed.take_batch()
    feed.tap = Ear()
    for seq in (2, 3):
        feed.add(Packet(seq, 0, False, b"x", arrival_s=0.0))
    feed.take_batch()
    feed.restart(0.0)
    assert heard == [("audio", [2, 3]), "audio"]
