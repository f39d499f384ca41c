from __future__ import annotations

import pytest

from sync_classroom.relay import codecs
from sync_classroom.relay.rtp import Vp8Place
from sync_classroom.relay.session import Codec


@pytest.mark.parametrize(
    ("payload", "keyframe"),
    [
        ("67420000", True),  # SPS
        ("65880000", True),  # IDR slice
        ("41880000", False),
        ("68ce0000", False),  # PPS alone
        ("7c8588", True),  # FU-A, first fragment of an IDR slice
        ("7c0588", False),  # a later fragment
        ("7c8188", False),
        ("780003674200000268ce", True),  # STAP-A with an SPS
        ("78000268ce000241aa", False),
        ("7800ff41", False),
        ("7c", False),
        ("78", False),
        ("", False),
    ],
)
def test_h264_keyframes(payload: str, keyframe: bool) -> None:
    assert codecs.is_keyframe_part("H264", bytes.fromhex(payload)) is keyframe


@pytest.mark.parametrize(
    ("payload", "keyframe"),
    [
        ("1000", True),
        ("1001", False),
        ("0000", False),  # not the start of a partition
        ("1100", False),  # start of the second partition
        ("90800500", True),  # short picture id
        ("9080850500", True),  # long picture id
        ("90c005aa00", True),
        ("90e0850511aa01", False),
        ("90e0850511aa00", True),
        ("90", False),
        ("9080", False),
        ("", False),
    ],
)
def test_vp8_keyframes(payload: str, keyframe: bool) -> None:
    assert codecs.is_keyframe_part("VP8", bytes.fromhex(payload)) is keyframe


def test_opus_has_no_keyframes() -> None:
    assert not codecs.is_keyframe_part("opus", b"\x67")


def test_vp8_numbers_are_found_and_rewritten_in_their_width() -> None:
    payload = bytes.fromhex("90c0fffe0700aa")
    place = codecs.vp8_place(payload)
    assert place == Vp8Place(2, 0x7FFE, True, 4, 7)
    assert codecs.rewrite_vp8(payload, place, 3, 250).hex() == "90c080010100aa"
    short = bytes.fromhex("90807e00")
    place = codecs.vp8_place(short)
    assert place == Vp8Place(2, 0x7E, False, None, 0)
    assert codecs.rewrite_vp8(short, place, 3, 9).hex() == "90800100"


@pytest.mark.parametrize("text", ["", "10", "100000", "900000", "9080", "908080", "90c005"])
def test_vp8_numbers_absent_or_cut(text: str) -> None:
    assert codecs.vp8_place(bytes.fromhex(text)) is None


def h264(number: int, profile: str, mode: str = "1") -> Codec:
    return Codec(
        "H264", number, 90000, None, {"profile-level-id": profile, "packetization-mode": mode}
    )


def test_match_prefers_the_source_profile_and_needs_its_packetization_mode() -> None:
    source = h264(96, "42e01f")
    baseline, high, other = h264(102, "42001f"), h264(112, "640c1f"), h264(114, "42e01f", "0")
    vp8 = Codec("VP8", 100, 90000)
    assert codecs.match(source, [vp8, other, high, baseline]) is baseline
    assert codecs.match(source, [vp8, high]) is high
    assert codecs.match(source, [vp8, other]) is None
    assert codecs.match(vp8, [other, vp8]) is vp8
    assert codecs.match(Codec("opus", 111, 48000, 2), [Codec("opus", 96, 48000, 2)]) == Codec(
        "opus", 96, 48000, 2
    )
