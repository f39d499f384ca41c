"""Picture sizes from parameter sets of a real encoder, at sizes that need cropping and not."""

from __future__ import annotations

from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay.recording.sps import picture_size
from tests.support.recordings import encoded, units


def sps(width: int, height: int, profile: str) -> bytes:
    encoder = av.VideoCodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"profile": profile, "preset": "ultrafast"}
    encoder.flags |= av.codec.context.Flags.global_header
    encoder.open()
    record = encoder.extradata
    assert record is not None
    (found,) = [unit for unit in units(bytes(record)) if unit[0] & 0x1F == 7]
    return found


@pytest.mark.parametrize("profile", ["baseline", "main", "high"])
@pytest.mark.parametrize("size", [(320, 240), (640, 360), (1280, 720), (1920, 1080), (854, 480)])
def test_sizes_are_those_of_the_encoder(size: tuple[int, int], profile: str) -> None:
    assert picture_size(sps(*size, profile)) == size


def test_a_conference_encoders_constrained_baseline() -> None:
    assert picture_size(bytes.fromhex("6742c01f8c8d40501ed00f08846a")) == (640, 480)


@pytest.mark.parametrize(
    "data", [b"", b"\x67", b"\x68\x42\xc0\x1f\xff", b"\x67\x42\xc0\x1f\x00\x00"]
)
def test_what_is_no_parameter_set_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        picture_size(data)


@given(st.binary(max_size=64))
def test_hostile_bytes_are_a_size_or_a_value_error(data: bytes) -> None:
    try:
        width, height = picture_size(b"\x67" + data)
    except ValueError:
        return
    assert 0 < width <= 16384
    assert 0 < height <= 16384


def test_the_helper_encodes_what_it_says() -> None:
    first = units(encoded("H264")[0])
    assert picture_size(next(unit for unit in first if unit[0] & 0x1F == 7)) == (320, 240)
