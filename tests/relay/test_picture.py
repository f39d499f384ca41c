from __future__ import annotations

import struct

import pytest

from sync_classroom.relay.picture import MAX_SIDE, picture_size

# A parameter set as x264 writes it: high profile, 1088 rows cropped, with emulation bytes.
X264_HIGH = bytes.fromhex("67640028acd940780227e5c05a808080a0000003002000000781e30632c0")


def vp8(width: int, height: int, descriptor: bytes = b"\x90\x80\x80\x01") -> bytes:
    return descriptor + b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", width, height) + b"rest"


def bits(*fields: tuple[int, int] | int) -> bytes:
    """Fields (value, width), or a number as Exp-Golomb, as an RBSP."""
    text = ""
    for item in fields:
        if isinstance(item, tuple):
            text += f"{item[0]:0{item[1]}b}"
        else:
            code = f"{item + 1:b}"
            text += "0" * (len(code) - 1) + code
    text += "1"
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def sps(width: int, height: int, *, crop: int = 0) -> bytes:
    """A baseline parameter set, by the table of 7.3.2.1.1."""
    return b"\x67" + bits(
        (66, 8), (0xC0, 8), (31, 8), 0, 0, 2, 1, (0, 1), width // 16 - 1, height // 16 - 1,
        (1, 1), (1, 1), *([(1, 1), 0, 0, 0, crop] if crop else [(0, 1)]), (0, 1),
    )  # fmt: skip


@pytest.mark.parametrize("descriptor", [b"\x10", b"\x90\x80\x80\x01", b"\x90\xe0\x80\x01\x05\x20"])
def test_vp8_keyframes_tell_their_size_behind_any_descriptor(descriptor: bytes) -> None:
    assert picture_size("VP8", vp8(1280, 720, descriptor)) == (1280, 720)


def test_vp8_upscaling_bits_are_not_part_of_the_size() -> None:
    assert picture_size("VP8", vp8(320 | 0x4000, 180 | 0x8000)) == (320, 180)


def test_h264_parameter_sets_tell_their_size_alone_and_in_an_aggregate() -> None:
    alone = sps(640, 368, crop=4)
    assert picture_size("H264", alone) == (640, 360)
    aggregate = b"\x78"
    for nal in (b"\x09\x10", alone, b"\x68\xce\x3c\x80", b"\x65\x88\x84"):
        aggregate += len(nal).to_bytes(2, "big") + nal
    assert picture_size("H264", aggregate) == (640, 360)


def test_high_profile_with_cropping_and_emulation_bytes_is_read() -> None:
    assert picture_size("H264", X264_HIGH) == (1920, 1080)


def test_scaling_lists_are_skipped() -> None:
    # A first list of sixteen deltas of 0, and seven that are not there.
    lists = [(1, 1), (1, 1), *([(1, 1)] * 16), *([(0, 1)] * 7)]
    data = b"\x67" + bits(
        (100, 8), (0, 8), (40, 8), 0, 1, 0, 0, (0, 1), *lists, 0, 0, 0, 1, (0, 1), 79, 44,
        (1, 1), (1, 1), (0, 1), (0, 1),
    )  # fmt: skip
    assert picture_size("H264", data) == (1280, 720)


@pytest.mark.parametrize("payload", [b"", b"\x65\x88", b"\x7c\x85\x88", b"\x78\x00", b"\x67\x42"])
def test_what_says_no_size_is_none(payload: bytes) -> None:
    assert picture_size("H264", payload) is None
    assert picture_size("VP8", payload) is None
    assert picture_size("opus", payload) is None


def test_every_cut_of_a_keyframe_is_none_or_its_size() -> None:
    for codec, whole in (("VP8", vp8(1280, 720)), ("H264", X264_HIGH), ("H264", sps(640, 368))):
        sizes = {picture_size(codec, whole[:end]) for end in range(len(whole) + 1)}
        assert len(sizes - {None}) <= 2, sizes


def test_absurd_sizes_are_none() -> None:
    assert picture_size("VP8", vp8(0, 720)) is None
    assert picture_size("H264", sps(MAX_SIDE + 16, 720)) is None
    assert picture_size("H264", b"\x67\x42\xc0\x1e" + b"\x00" * 40) is None
