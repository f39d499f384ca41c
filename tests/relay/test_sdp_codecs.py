"""Which codecs are taken, in which order."""

from __future__ import annotations

import pytest

from sync_classroom.relay.sdp_codecs import (
    MAX_PARAMETERS,
    fmtp_pairs,
    is_constrained_baseline,
    negotiate,
)
from sync_classroom.relay.session import Codec, Direction

MAPS = {
    "96": "VP8/90000",
    "97": "rtx/90000",
    "102": "H264/90000",
    "104": "H264/90000",
    "108": "H264/90000",
    "109": "rtx/90000",
    "111": "opus/48000/2",
    "112": "opus/48000",
    "0": "PCMU/8000",
    "45": "AV1/90000",
    "46": "H264/abc",
}
PARAMETERS = {
    "97": "apt=96",
    "102": "packetization-mode=1;profile-level-id=64001f",
    "104": "packetization-mode=0;profile-level-id=42e01f",
    "108": "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "109": "apt=108",
}
NACKS = dict.fromkeys(("96", "102", "108"), ("nack", "nack pli", "transport-cc"))


def chosen(kind: str, direction: Direction, formats: str, **more: object) -> list[Codec]:
    arguments = {"maps": MAPS, "parameters": PARAMETERS, "feedback": NACKS} | more
    return list(negotiate(kind, direction, formats.split(), **arguments))  # type: ignore[arg-type]


def test_a_subscriber_keeps_every_codec_best_first() -> None:
    got = chosen("video", Direction.SUBSCRIBE, "96 97 102 104 108 109 45 46")
    assert [(c.name, c.payload_type, c.rtx_payload_type) for c in got] == [
        ("H264", 108, 109),
        ("H264", 102, None),
        ("VP8", 96, 97),
    ]
    assert got[0].feedback == {"nack", "nack pli"}


def test_a_publisher_is_left_one_h264_and_vp8() -> None:
    got = chosen("video", Direction.PUBLISH, "102 96 97 108 109")
    assert [(c.name, c.payload_type) for c in got] == [("H264", 108), ("VP8", 96)]


def test_another_profile_serves_when_there_is_no_baseline() -> None:
    got = chosen("video", Direction.PUBLISH, "102 104")
    assert [(c.name, c.payload_type) for c in got] == [("H264", 102)]


def test_opus_is_stereo_48000_by_its_mapping() -> None:
    got = chosen("audio", Direction.PUBLISH, "112 0 111")
    assert [(c.name, c.payload_type, c.channels) for c in got] == [("opus", 111, 2)]


def test_a_codec_of_the_other_kind_is_not_taken() -> None:
    assert chosen("audio", Direction.PUBLISH, "96 108") == []
    assert chosen("video", Direction.PUBLISH, "111") == []


@pytest.mark.parametrize(
    ("number", "usable"), [(63, True), (64, False), (80, False), (95, False), (96, True)]
)
def test_numbers_that_would_be_taken_for_rtcp_are_not_used(number: int, usable: bool) -> None:
    """RFC 5761 4: also for retransmissions, which leaves the codec without them."""
    maps = {str(number): "VP8/90000", "120": "VP8/90000"}
    got = chosen("video", Direction.SUBSCRIBE, f"{number} 120", maps=maps)
    assert [codec.payload_type for codec in got] == ([number, 120] if usable else [120])
    maps = {"108": "H264/90000", str(number): "rtx/90000"}
    parameters = PARAMETERS | {str(number): "apt=108"}
    (codec,) = chosen(
        "video", Direction.SUBSCRIBE, f"108 {number}", maps=maps, parameters=parameters
    )
    assert codec.rtx_payload_type == (number if usable else None)


def test_retransmission_needs_nack() -> None:
    (got,) = chosen("video", Direction.SUBSCRIBE, "108 109", feedback={"108": ("nack pli",)})
    assert got.rtx_payload_type is None


def test_feedback_for_every_payload_type_counts() -> None:
    (got,) = chosen("video", Direction.SUBSCRIBE, "108 109", feedback={"*": ("nack", "ccm fir")})
    assert got.feedback == {"nack", "ccm fir"}
    assert got.rtx_payload_type == 109


@pytest.mark.parametrize("profile", ["", "xyz", "42e0", "42e01f00"])
def test_a_profile_that_is_none_is_no_codec(profile: str) -> None:
    parameters = {"108": f"packetization-mode=1;profile-level-id={profile}"}
    assert chosen("video", Direction.PUBLISH, "108", parameters=parameters) == []


def test_an_absent_profile_is_baseline() -> None:
    (got,) = chosen("video", Direction.PUBLISH, "108", parameters={"108": "packetization-mode=1"})
    assert got.payload_type == 108


@pytest.mark.parametrize(
    ("profile", "constrained"),
    [
        ("42e01f", True),
        ("42c028", True),
        ("42401f", True),
        ("42001f", False),
        ("4d001f", False),
        ("4d801f", True),
        ("58c01f", True),
        ("58801f", False),
        ("64001f", False),
        ("640c1f", False),
    ],
)
def test_constrained_baseline_is_told_from_other_profiles(profile: str, constrained: bool) -> None:
    assert is_constrained_baseline(profile) is constrained


def test_fmtp_values_are_pairs_and_bounded() -> None:
    assert fmtp_pairs(" A=1; b ;; c = 2=3 ") == {"a": "1", "b": "", "c": "2=3"}
    assert len(fmtp_pairs(";".join(f"k{i}=1" for i in range(500)))) == MAX_PARAMETERS
