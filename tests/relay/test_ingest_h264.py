"""H.264 from containers and cameras, made fit for a receiver that joins late."""

from __future__ import annotations

from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay.ingest_h264 import (
    MAX_SETS,
    Repacker,
    annex_b,
    prefixed,
    slice_type,
)
from tests.support.hosts import make

SPS, PPS = bytes.fromhex("6742c01eda02"), bytes.fromhex("68ce3c80")
# first_mb_in_slice 0 (1), then slice_type: 0 P (1), 1 B (010), 7 I (0001000).
IDR, P_SLICE, B_SLICE = b"\x65\x88\x80", b"\x41\xe0\x80", b"\x01\xa8\x80"
START = b"\0\0\0\1"


def joined(*units: bytes) -> bytes:
    return b"".join(START + unit for unit in units)


def test_units_are_found_behind_start_codes_of_both_lengths() -> None:
    assert list(annex_b(b"\0\0\1\x67a\0\0\0\1\x68b\0\0\1\x65c\0")) == [b"\x67a", b"\x68b", b"\x65c"]
    assert list(annex_b(b"no start code")) == []


def test_units_are_found_behind_lengths() -> None:
    assert list(prefixed(b"\0\2ab\0\0\0\1c", 2)) == [b"ab", b"c"]
    with pytest.raises(ValueError, match="5 bytes with 2 left"):
        list(prefixed(b"\0\5ab", 2))


def test_slice_types_are_read() -> None:
    assert [slice_type(unit) for unit in (IDR, P_SLICE, B_SLICE)] == [2, 0, 1]
    with pytest.raises(ValueError, match="no slice header"):
        slice_type(b"\x41\0\0\0\0\0\0\0\0")


def test_parameter_sets_go_before_every_keyframe() -> None:
    repacker = Repacker(joined(SPS, PPS))
    for _ in range(2):
        picture = repacker.take(joined(IDR))
        assert picture is not None
        assert picture.key
        assert picture.data == joined(SPS, PPS, IDR)
    delta = repacker.take(joined(P_SLICE))
    assert delta is not None
    assert (delta.key, delta.b, delta.data) == (False, False, joined(P_SLICE))


def test_newer_parameter_sets_take_the_place_of_older_ones() -> None:
    repacker = Repacker(joined(SPS, PPS))
    newer = bytes.fromhex("6742c01fda02")
    assert repacker.take(joined(newer)) is None
    picture = repacker.take(joined(IDR))
    assert picture is not None
    assert picture.data == joined(newer, PPS, IDR)


def test_parameter_sets_are_bounded() -> None:
    repacker = Repacker()
    for number in range(4 * MAX_SETS):
        repacker.take(joined(b"\x68" + (number + 1 << 7).to_bytes(4, "big")))
    assert len(repacker._sets) <= MAX_SETS


def test_bidirectional_slices_are_seen() -> None:
    picture = Repacker().take(joined(B_SLICE))
    assert picture is not None
    assert picture.b


def test_delimiters_and_messages_are_left_out() -> None:
    assert Repacker().take(joined(b"\x09\xf0", b"\x06\x05\x01\x80")) is None


def test_the_profile_is_known_once_there_is_a_parameter_set() -> None:
    assert Repacker().baseline is None
    assert Repacker(joined(SPS)).baseline is True
    assert Repacker(joined(bytes.fromhex("674d401fda02"))).baseline is False


@pytest.mark.parametrize("record", ["01", "0142c01effe1", "0142c01effe10020aabb"])
def test_a_damaged_record_is_refused(record: str) -> None:
    with pytest.raises(ValueError, match="AVC record"):
        Repacker(bytes.fromhex(record))


def test_a_record_without_parameter_sets_is_one() -> None:
    assert Repacker(bytes.fromhex("0142c01effe000")).baseline is None


@pytest.mark.parametrize("name", ["a.mp4", "a.flv", "a.ts", "a.mkv"])
def test_every_containers_form_decodes_after_repacking(tmp_path: Path, name: str) -> None:
    path = make(tmp_path / name, seconds=2, audio=None)
    decoder = av.CodecContext.create("h264", "r")
    pictures = keys = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        repacker = Repacker(stream.codec_context.extradata or b"")
        for packet in container.demux(stream):
            if packet.size and (picture := repacker.take(bytes(packet))) is not None:
                keys += picture.key
                pictures += len(decoder.decode(av.Packet(picture.data)))
    assert (pictures + len(decoder.decode(None)), keys) == (50, 2)


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_rubbish_is_a_picture_nothing_or_a_value_error(data: bytes, extradata: bytes) -> None:
    try:
        repacker = Repacker(extradata)
        repacker.take(data)
        repacker.take(joined(data))
    except ValueError:
        return
