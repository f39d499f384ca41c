"""Whole pictures from packets: every packing, every loss, and hostile bytes."""

from __future__ import annotations

import base64
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay.recording.depacketise import (
    MAX_PICTURE_BYTES,
    OPUS_SILENCE,
    Depacketiser,
    H264Depacketiser,
    Picture,
    VideoConfig,
    Vp8Depacketiser,
    depacketiser,
    opus_ticks,
)
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec
from tests.support.recordings import H264, VP8, Source, encoded, units


def stream(codec: Codec, count: int = 10, **more: int) -> list[list[Packet]]:
    """Packets of some real pictures, by picture."""
    source = Source(codec)
    pictures = encoded(codec.name, count=count, **more)
    return [
        source.picture(picture, number / 25, 0.0, number) for number, picture in enumerate(pictures)
    ]


def fed(reader: Depacketiser, packets: list[Packet]) -> list[Picture]:
    """Feed in order; missing packets are those whose numbers are not there."""
    found, last = [], packets[0].seq - 1
    for packet in packets:
        found += reader.feed(packet, packet.seq - last - 1)
        last = packet.seq
    return found


def avcc(picture: bytes) -> bytes:
    """The picture as MP4 has it, made another way."""
    kept = [unit for unit in units(picture) if unit[0] & 0x1F not in (7, 8, 9)]
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)


def test_h264_pictures_come_whole() -> None:
    sent = encoded("H264", 640, 360, 10, 5)
    reader = depacketiser(H264)
    packets = [p for picture in stream(H264, width=640, height=360, every=5) for p in picture]
    assert any(p.payload[0] & 0x1F == 28 for p in packets)  # fragmented ones are among them
    found = fed(reader, packets)
    assert [picture.data for picture in found] == [avcc(picture) for picture in sent]
    assert [number for number, picture in enumerate(found) if picture.keyframe] == [0, 5]
    config = found[0].config
    assert config is not None
    assert (config.codec, config.width, config.height) == ("H264", 640, 360)
    assert found[5].config == config
    assert reader.dropped == 0


def test_vp8_pictures_come_whole() -> None:
    reader = depacketiser(VP8)
    found = fed(reader, [p for picture in stream(VP8, every=5) for p in picture])
    assert [picture.data for picture in found] == list(encoded("VP8", count=10, every=5))
    assert [number for number, picture in enumerate(found) if picture.keyframe] == [0, 5]
    assert found[0].config == VideoConfig("VP8", 320, 240)


@pytest.mark.parametrize("codec", [H264, VP8], ids=lambda c: c.name)
@pytest.mark.parametrize("place", [0, -1], ids=["first packet", "last packet"])
def test_a_lost_packet_costs_pictures_up_to_the_next_keyframe(codec: Codec, place: int) -> None:
    pictures = stream(codec, count=50, width=640, height=360)  # keyframes 0 and 25
    del pictures[10][place]
    reader = depacketiser(codec)
    found = fed(reader, [p for picture in pictures for p in picture])
    times = sorted({p.timestamp for picture in stream(codec, count=50) for p in picture})
    start = Source(codec).timestamp
    shown = [((picture.timestamp - start) & 0xFFFFFFFF) // 3600 for picture in found]
    assert len(times) == 50
    assert shown == [*range(10), *range(25, 50)]
    assert reader.dropped >= 14
    assert not reader.waiting


@pytest.mark.parametrize("codec", [H264, VP8], ids=lambda c: c.name)
def test_a_whole_lost_picture_is_noticed(codec: Codec) -> None:
    pictures = stream(codec, count=30)
    del pictures[7]
    found = fed(depacketiser(codec), [p for picture in pictures for p in picture])
    assert len(found) == 7 + 5


def test_a_keyframe_right_behind_a_gap_is_used() -> None:
    pictures = stream(H264, count=30)
    del pictures[24]
    found = fed(depacketiser(H264), [p for picture in pictures for p in picture])
    assert len(found) == 24 + 5


def test_nothing_is_shown_before_the_first_keyframe() -> None:
    pictures = stream(H264, count=30)[3:]
    reader = depacketiser(H264)
    assert fed(reader, [p for picture in pictures[:22] for p in picture]) == []
    assert reader.waiting
    assert reader.dropped == 22


def test_padding_packets_are_not_lost_pictures() -> None:
    pictures = stream(VP8, count=5)
    packets: list[Packet] = []
    for picture in pictures:
        packets += picture
        packets.append(Packet(0, picture[-1].timestamp, False, b"", arrival_s=0.0))
    for number, packet in enumerate(packets):
        packet.seq = number
    assert len(fed(depacketiser(VP8), packets)) == 5


def test_a_picture_ends_with_its_timestamp_where_the_marker_is_missing() -> None:
    packets = [p for picture in stream(H264, count=4) for p in picture]
    for packet in packets:
        packet.marker = 0
    assert len(fed(depacketiser(H264), packets)) == 3  # the last may go on


def test_parameter_sets_of_the_offer_serve_where_the_stream_has_none() -> None:
    pictures = encoded("H264", count=3)
    sets = [unit for unit in units(pictures[0]) if unit[0] & 0x1F in (7, 8)]
    text = ",".join(base64.b64encode(unit).decode() for unit in sets)
    codec = Codec("H264", 102, 90000, None, {"sprop-parameter-sets": text})
    bare = b"".join(b"\0\0\0\1" + u for u in units(pictures[0]) if u[0] & 0x1F not in (6, 7, 8))
    packets = Source(codec).picture(bare, 0.0, 0.0)
    (found,) = fed(depacketiser(codec), packets)
    assert found.config is not None
    assert (found.config.sps, found.config.pps) == (sets[0], (sets[1],))
    assert fed(depacketiser(H264), Source(H264).picture(bare, 0.0, 0.0)) == []


def test_another_size_is_another_config() -> None:
    reader = depacketiser(H264)
    source = Source(H264)
    packets = source.picture(encoded("H264", count=1)[0], 0.0, 0.0)
    packets += source.picture(encoded("H264", 640, 360, 1)[0], 0.04, 0.0)
    small, large = fed(reader, packets)
    assert small.config is not None
    assert large.config is not None
    assert (small.config.width, large.config.width) == (320, 640)


def test_a_picture_without_end_is_bounded() -> None:
    reader = depacketiser(VP8)
    payload = b"\x10" + bytes(60000)
    for number in range(MAX_PICTURE_BYTES // 60000 + 3):
        assert reader.feed(Packet(number, 1, False, payload, arrival_s=0.0), 0) == []
    assert reader.feed(Packet(99, 2, True, b"\x10\x01", arrival_s=0.0), 0) == []
    assert reader.dropped == 2


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans(), st.integers(0, 2))))
def test_hostile_payloads_never_raise(parts: list[tuple[bytes, bool, int]]) -> None:
    readers: list[Depacketiser] = [H264Depacketiser(H264), Vp8Depacketiser()]
    for reader in readers:
        for number, (payload, marker, missing) in enumerate(parts):
            packet = Packet(number, number // 2, marker, payload, arrival_s=0.0)
            for picture in reader.feed(packet, missing):
                assert picture.data


@pytest.mark.parametrize(
    ("payload", "ticks"),
    [
        (OPUS_SILENCE, 960),
        (b"\x78", 960),  # hybrid fullband 20 ms, nothing in it: discontinuous transmission
        (b"\x18", 2880),
        (b"\x79xx", 1920),
        (b"\x7b\x03", 2880),
        (b"\x80", 120),
        (b"\x00", 480),
    ],
)
def test_opus_packets_say_how_long_they_are(payload: bytes, ticks: int) -> None:
    assert opus_ticks(payload) == ticks


@pytest.mark.parametrize("payload", [b"", b"\x7b", b"\x7b\x00", b"\x1b\x3f"])
def test_malformed_opus_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="Opus"):
        opus_ticks(payload)
