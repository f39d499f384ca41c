from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from sync_classroom.relay import rtcp
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.feed import Feed
from sync_classroom.relay.feedback import SIMULCAST_SHARE
from sync_classroom.relay.publisher import MAX_SSRCS, REPORT_S, Publisher
from sync_classroom.relay.rtp import extension_block, parse
from sync_classroom.relay.sdp import AUDIO_LEVEL, MID, REPAIRED_RID, RID
from sync_classroom.relay.sdp_simulcast import Layer
from sync_classroom.relay.session import Codec, Direction, MediaLine, Offer

H264 = Codec("H264", 102, 90000, None, {"packetization-mode": "1"}, frozenset({"nack"}), 103)
VP8 = Codec("VP8", 96, 90000, None, {}, frozenset({"nack"}), 97)
OPUS = Codec("opus", 111, 48000, 2)
AUDIO = MediaLine(0, "a", "audio", True, 0, (OPUS,), {MID: 4, AUDIO_LEVEL: 1})
VIDEO = MediaLine(1, "v", "video", True, 0, (H264, VP8), {MID: 4})
LAYERED = MediaLine(
    1,
    "v",
    "video",
    True,
    0,
    (H264, VP8),
    {MID: 4, RID: 10, REPAIRED_RID: 11},
    layers=(Layer("h"), Layer("m"), Layer("l")),
)
KEY, DELTA = b"\x67\x42\x00\x1f", b"\x41\x9a\x00"


def publisher(*lines: MediaLine) -> Publisher:
    offer = Offer(Direction.PUBLISH, lines or (AUDIO, VIDEO), "u", "p", ())
    return Publisher(offer, ssrc=77, ceiling_kbps=2500, counters=Counters(), now=0.0)


def feed_of(made: Publisher, kind: str) -> Feed:
    source = made.source(kind)
    assert source is not None
    (feed,) = source.feeds
    return feed


def rtp(
    kind: int,
    seq: int,
    ssrc: int,
    body: bytes,
    *,
    stamp: int = 0,
    mid: bytes | None = None,
    level: int | None = None,
    rid: bytes | None = None,
    repaired: bytes | None = None,
) -> memoryview:
    elements = [(4, mid)] if mid is not None else []
    elements += [(10, rid)] if rid is not None else []
    elements += [(11, repaired)] if repaired is not None else []
    if level is not None:
        elements.append((1, bytes([level])))
    block = extension_block(elements)
    header = struct.pack(">BBHII", 0x90 if block else 0x80, kind, seq, stamp, ssrc)
    return memoryview(header + block + body)


def sent(made: Publisher, now: float) -> list[rtcp.Feedback]:
    packets: list[bytes] = []
    made.advance(now, packets.append)
    return [rtcp.parse(packet) for packet in packets]


def test_streams_are_mapped_by_mid_and_stay_mapped_without_it() -> None:
    made = publisher()
    video = made.receive(rtp(102, 5, 1001, KEY, mid=b"v"), 0.0)
    audio = made.receive(rtp(111, 9, 1000, b"sound", mid=b"a", level=0x87), 0.0)
    assert video is feed_of(made, "video")
    assert audio is feed_of(made, "audio")
    assert audio is not None
    assert audio.pending[0].audio_level == 0x87
    assert made.receive(rtp(102, 6, 1001, DELTA), 0.1) is video
    assert (made.packets, made._counters.rtp_unmapped) == (3, 0)


def test_streams_are_mapped_by_payload_type_when_there_is_no_mid() -> None:
    made = publisher()
    assert made.receive(rtp(111, 9, 1000, b"sound"), 0.0) is feed_of(made, "audio")
    assert made.receive(rtp(96, 9, 1001, b"\x10\x00\x00"), 0.0) is feed_of(made, "video")


def test_announced_streams_need_neither() -> None:
    made = publisher(AUDIO, replace(VIDEO, ssrc=1001, rtx_ssrc=1002))
    made.receive(rtp(102, 5, 1001, KEY), 0.0)
    made.receive(rtp(102, 7, 1001, DELTA, stamp=3000), 0.0)
    made.receive(rtp(103, 900, 1002, b"\x00\x06" + DELTA, stamp=3000), 0.1)
    feed = feed_of(made, "video")
    assert [p.seq - 0x10000 for p in feed.pending] == [5, 7, 6]
    assert feed.pending[2].payload == DELTA


@pytest.mark.parametrize(("kind", "mid"), [(111, b"v"), (102, b"a"), (50, None), (102, b"nobody")])
def test_what_fits_no_line_is_counted_and_leaves_no_trace(kind: int, mid: bytes | None) -> None:
    made = publisher()
    assert made.receive(rtp(kind, 1, 5, b"x", mid=mid), 0.0) is None
    assert (made._counters.rtp_unmapped, made.packets, made._by_ssrc) == (1, 0, {})


def test_streams_per_line_are_bounded() -> None:
    made = publisher()
    for ssrc in range(100):
        made.receive(rtp(111, 1, ssrc, b"x"), 0.0)
    assert len(made._by_ssrc) == 2 * MAX_SSRCS
    assert made._counters.rtp_unmapped == 100 - 2 * MAX_SSRCS


def test_only_the_first_packet_of_a_keyframe_is_marked_and_only_in_order() -> None:
    made = publisher()
    feed = feed_of(made, "video")
    for seq, body, stamp in (
        (10, DELTA, 0),
        (12, KEY, 6000),
        (13, b"\x65\x88", 6000),
        (14, DELTA, 9000),
        (11, KEY, 3000),
        (15, KEY, 12000),
    ):
        made.receive(rtp(102, seq, 1, body, stamp=stamp), 0.0)
    assert [p.seq - 0x10000 for p in feed.pending if p.keyframe] == [12, 15]


def test_a_changed_codec_begins_the_feed_anew() -> None:
    made = publisher()
    feed = feed_of(made, "video")
    made.receive(rtp(102, 10, 1, KEY), 0.0)
    assert feed.codec is H264
    made.receive(rtp(96, 11, 1, b"\x10\x00\x00", stamp=3000), 0.1)
    assert feed.codec is VP8
    assert len(feed.pending) == 1
    assert feed.pending[0].keyframe


def test_a_new_ssrc_begins_the_feed_anew_and_old_gaps_are_lost() -> None:
    made = publisher()
    feed = feed_of(made, "video")
    made.receive(rtp(102, 10, 1, KEY, mid=b"v"), 0.0)
    made.receive(rtp(102, 12, 1, DELTA), 0.0)
    made.receive(rtp(102, 50000, 2, KEY, mid=b"v", stamp=5), 1.0)
    assert [p.seq - 0x10000 for p in feed.pending] == [50000]
    assert (made.totals.packets, made.totals.lost) == (3, 1)


def test_lost_video_is_asked_for_and_lost_audio_is_not() -> None:
    made = publisher()
    for seq in (10, 13, 14):
        made.receive(rtp(102, seq, 1, DELTA, mid=b"v", stamp=seq), 0.0)
        made.receive(rtp(111, seq, 2, b"x", mid=b"a"), 0.0)
    assert made.deadline_s == 0.0
    assert [f.nacks for f in sent(made, 0.0)] == [[(1, [11, 12])]]
    assert (made.nacks, made.totals.nacks) == (2, 2)


def test_empty_retransmissions_are_probes() -> None:
    made = publisher(AUDIO, replace(VIDEO, ssrc=1, rtx_ssrc=2))
    made.receive(rtp(102, 10, 1, KEY), 0.0)
    assert made.receive(rtp(103, 1, 2, b""), 0.0) is None
    assert made.packets == 1


def test_reports_every_second_with_remb_for_video() -> None:
    made = publisher()
    assert sent(made, REPORT_S) == []
    made.receive(rtp(102, 10, 1, KEY, mid=b"v"), 1.0)
    made.receive(rtp(102, 12, 1, DELTA), 1.0)
    made.feedback(
        rtcp.parse(rtcp.sender_report(rtcp.SenderReport(1, 0x1122334455667788, 0, 2, 99))), 1.5
    )
    assert made.deadline_s <= 2.0
    (report,) = [f for f in sent(made, 2.0) if f.reports]
    assert report.reports == [rtcp.ReportBlock(1, 85, 1, 12, 0, 0x33445566, 32768)]
    assert report.remb_bps == 2_500_000  # a third lost, but for one second: see test_feedback.py
    assert made.deadline_s > 2.0
    (second,) = [f for f in sent(made, 3.0) if f.reports]
    assert second.reports[0].fraction == 0


def test_a_wanted_keyframe_is_asked_for_at_most_every_half_second() -> None:
    made = publisher()
    made.receive(rtp(102, 10, 1, DELTA, mid=b"v"), 0.0)
    track = made.tracks[1]
    asked = 0
    for step in range(200):
        track.requests.ask()
        asked += sum(len(f.keyframes) for f in sent(made, step / 100))
    # At 0, 0.5 and 1.5 s: ever more slowly, as none came.
    assert asked == 3
    assert made.plis == made._counters.plis_out == 3
    for step in range(200, 300):
        made.receive(rtp(102, 100 + step, 1, KEY, stamp=step), step / 100)
        track.requests.ask()
        asked += sum(len(f.keyframes) for f in sent(made, step / 100))
    # One may follow another after half a second, when it was answered.
    assert asked == 5


def test_malformed_packets_raise_value_error() -> None:
    with pytest.raises(ValueError, match="version"):
        publisher().receive(memoryview(bytes(20)), 0.0)


# ---------------------------------------------------------------------------- simulcast


def by_rid(made: Publisher) -> dict[str | None, Feed]:
    source = made.source("video")
    assert source is not None
    return {feed.rid: feed for feed in source.feeds}


def test_layers_are_learnt_by_rid_and_stay_known_without_it() -> None:
    made = publisher(AUDIO, LAYERED)
    feeds = by_rid(made)
    for ssrc, rid in ((1, b"h"), (2, b"m"), (3, b"l")):
        assert made.receive(rtp(102, 5, ssrc, KEY, mid=b"v", rid=rid), 0.0) is feeds[rid.decode()]
        assert made.receive(rtp(102, 6, ssrc, DELTA, stamp=9), 0.1) is feeds[rid.decode()]
    assert [len(feed.pending) for feed in feeds.values()] == [2, 2, 2]
    assert made._counters.rtp_unmapped == 0


def test_a_packet_of_a_layered_line_without_a_known_rid_is_nobodys() -> None:
    made = publisher(AUDIO, LAYERED)
    assert made.receive(rtp(102, 5, 1, KEY, mid=b"v"), 0.0) is None
    assert made.receive(rtp(102, 5, 1, KEY, mid=b"v", rid=b"x"), 0.0) is None
    assert made.receive(rtp(102, 5, 1, KEY, mid=b"a", rid=b"h"), 0.0) is None
    assert (made._counters.rtp_unmapped, made._by_ssrc) == (3, {})


def test_a_rid_is_enough_where_there_is_no_mid() -> None:
    made = publisher(AUDIO, LAYERED)
    assert made.receive(rtp(96, 5, 1, b"\x10\x00\x00", rid=b"m"), 0.0) is by_rid(made)["m"]


def test_repaired_rids_map_retransmissions_to_their_layer() -> None:
    made = publisher(AUDIO, LAYERED)
    feeds = by_rid(made)
    for ssrc, rid in ((1, b"h"), (2, b"l")):
        made.receive(rtp(102, 5, ssrc, KEY, mid=b"v", rid=rid), 0.0)
        made.receive(rtp(102, 7, ssrc, DELTA, stamp=9), 0.0)
    # The same original number in both layers; once with the identifier, once without.
    again = b"\x00\x06" + DELTA
    assert made.receive(rtp(103, 1, 20, again, repaired=b"l", stamp=9), 0.1) is feeds["l"]
    assert made.receive(rtp(103, 1, 10, again, repaired=b"h", stamp=9), 0.1) is feeds["h"]
    assert made.receive(rtp(103, 2, 20, b"\x00\x08" + DELTA, stamp=12), 0.2) is feeds["l"]
    assert [p.seq - 0x10000 for p in feeds["l"].pending] == [5, 7, 6, 8]
    assert [p.seq - 0x10000 for p in feeds["h"].pending] == [5, 7, 6]


def test_a_layer_that_begins_with_another_ssrc_is_the_same_layer() -> None:
    made = publisher(AUDIO, LAYERED)
    feed = by_rid(made)["h"]
    made.receive(rtp(102, 5, 1, KEY, mid=b"v", rid=b"h"), 0.0)
    made.receive(rtp(102, 900, 9, KEY, mid=b"v", rid=b"h", stamp=5), 1.0)
    assert [p.seq - 0x10000 for p in feed.pending] == [900]


def test_every_layer_has_its_own_nacks_keyframe_requests_and_report() -> None:
    made = publisher(AUDIO, LAYERED)
    for ssrc, rid in ((1, b"h"), (2, b"m"), (3, b"l")):
        made.receive(rtp(102, 10, ssrc, KEY, mid=b"v", rid=rid), 0.0)
    made.receive(rtp(102, 13, 2, DELTA, stamp=9), 0.1)
    made.receive(rtp(102, 14, 2, DELTA, stamp=9), 0.1)
    by_rid(made)["l"].requests.ask()  # type: ignore[union-attr]
    told = sent(made, 0.1)
    assert [f.nacks for f in told if f.nacks] == [[(2, [11, 12])]]
    assert [f.keyframes for f in told if f.keyframes] == [[3]]
    by_rid(made)["l"].requests.ask()  # type: ignore[union-attr]
    by_rid(made)["h"].requests.ask()  # type: ignore[union-attr]
    assert [f.keyframes for f in sent(made, 0.3) if f.keyframes] == [[1]]
    assert [f.keyframes for f in sent(made, 0.6) if f.keyframes] == [[3]]
    (report,) = [f for f in sent(made, REPORT_S) if f.remb_bps]
    assert [block.ssrc for block in report.reports] == [1, 2, 3]


def test_a_publisher_of_layers_is_advised_enough_for_all_of_them() -> None:
    made = publisher(AUDIO, LAYERED)
    made.receive(rtp(102, 10, 1, KEY, mid=b"v", rid=b"h"), 0.0)
    (report,) = [f for f in sent(made, REPORT_S) if f.remb_bps]
    assert report.remb_bps == pytest.approx(2_500_000 * SIMULCAST_SHARE, rel=1e-4)


def test_loss_of_a_thumbnail_weighs_what_it_sends() -> None:
    made = publisher(AUDIO, LAYERED)
    body = DELTA + bytes(1000)
    for seq in range(100):
        made.receive(rtp(102, seq, 1, body, mid=b"v", rid=b"h", stamp=seq), 0.0)
    for seq in (0, 1, 3, 4):  # 20 % of a handful
        made.receive(rtp(102, seq, 2, DELTA, mid=b"v", rid=b"l", stamp=seq), 0.0)
    (report,) = [f for f in sent(made, REPORT_S) if f.remb_bps]
    assert report.remb_bps == pytest.approx(2_500_000 * SIMULCAST_SHARE, rel=1e-4)


def test_pictures_that_arrive_are_shown_the_largest_first() -> None:
    made = publisher(AUDIO, LAYERED)
    assert made.layers == ()
    for ssrc, rid, width, height in ((1, b"h", 640, 360), (2, b"l", 160, 90)):
        size = struct.pack("<HH", width, height)
        key = b"\x10\x10\x02\x00\x9d\x01\x2a" + size
        feed = made.receive(rtp(96, 10, ssrc, key, mid=b"v", rid=rid), 0.0)
        assert feed is not None
        feed.take_batch()
        assert feed.source is not None
        feed.source.heard(feed, 0.0)
    assert [layer and layer.picture for layer in made.layers] == ["640x360", "160x90"]


def test_nobody_begins_at_an_idr_whose_parameter_sets_may_be_missing() -> None:
    made = publisher()
    feed = feed_of(made, "video")
    idr = b"\x65\x88"
    made.receive(rtp(102, 10, 1, DELTA, mid=b"v"), 0.0)
    made.receive(rtp(102, 12, 1, idr, stamp=3000), 0.0)  # 11 was SPS and PPS
    made.receive(rtp(102, 13, 1, idr, stamp=3000), 0.0)
    made.receive(rtp(102, 14, 1, KEY, stamp=6000), 0.0)
    made.receive(rtp(102, 15, 1, idr, stamp=6000), 0.0)
    assert [p.seq - 0x10000 for p in feed.pending if p.keyframe] == [14]


def test_a_run_of_one_stream_is_taken_as_its_packets_would_be_one_by_one() -> None:
    one_by_one, at_once = publisher(), publisher()
    packets = [
        rtp(102, number & 0xFFFF, 1001, KEY if number == 65533 else DELTA, stamp=number * 10)
        for number in (65533, 65534, 65536, 65535, 65536, 65540, 65533)
    ] + [rtp(50, 9, 1001, b"of no codec"), rtp(96, 10, 1001, b"\x10\x00\x00")]
    for data in packets:
        one_by_one.receive(data, 1.0)
    feed = at_once.receive(packets[0], 1.0)
    assert feed is feed_of(at_once, "video")
    track = at_once.track(1001)
    assert track is not None
    run = [parse(data).heard(data, track.level_id) for data in packets[1:]]
    assert at_once.take(1001, run, 1.0) is feed
    pending = [
        [
            (p.seq, p.timestamp, p.marker, p.payload, p.keyframe)
            for p in feed_of(made, "video").pending
        ]
        for made in (one_by_one, at_once)
    ]
    assert pending[0] == pending[1]
    assert (one_by_one.totals, one_by_one.missing) == (at_once.totals, at_once.missing)
    assert one_by_one._counters == at_once._counters
    assert at_once._counters.rtp_duplicate == 2
    assert at_once.take(1001, run[:1], 1.0) is None  # nothing new


def test_nothing_is_known_of_an_ssrc_that_fits_no_line() -> None:
    made = publisher()
    made.receive(rtp(50, 1, 5, b"x"), 0.0)
    assert made.track(5) is None
