from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay.rtp import (
    Packet,
    SequenceExtender,
    abs_send_time,
    extension_block,
    nearest,
    parse,
)


def test_plain_header() -> None:
    data = bytes.fromhex("80e0fffe0000000a0000000b") + b"payload"
    header = parse(data)
    assert (header.payload_type, header.marker, header.sequence) == (96, True, 65534)
    assert (header.timestamp, header.ssrc) == (10, 11)
    assert data[header.payload_at : header.payload_end] == b"payload"
    assert header.extensions == {}


def test_one_byte_extensions_with_contributing_sources_and_padding() -> None:
    block = extension_block([(3, b"abc"), (1, b"0"), (14, b"\x85")])
    assert len(block) % 4 == 0
    data = bytes.fromhex("b2600001000000020000000301020304aabbccdd") + block + b"xy\0\0\3"
    header = parse(data)
    assert header.extensions == {3: b"abc", 1: b"0", 14: b"\x85"}
    assert data[header.payload_at : header.payload_end] == b"xy"


def test_two_byte_extensions() -> None:
    data = (
        bytes.fromhex("906000010000000200000003")
        + bytes.fromhex("10000002 0502aabb 00010100".replace(" ", ""))
        + b"p"
    )
    assert parse(data).extensions == {5: b"\xaa\xbb", 1: b"\x00"}


def test_reserved_id_ends_one_byte_extensions() -> None:
    data = bytes.fromhex("906000010000000200000003bede0002" + "10aaf0bb" + "20cc0000")
    assert parse(data).extensions == {1: b"\xaa"}


def test_padding_only_packet_has_an_empty_payload() -> None:
    header = parse(bytes.fromhex("a06000010000000200000003") + b"\0" * 254 + b"\xff")
    assert header.payload_at == header.payload_end


@pytest.mark.parametrize(
    "text",
    [
        "80600001000000020000",
        "406000010000000200000003",
        "a0600001000000020000000300",  # padding of 0
        "a06000010000000200000003ff",  # padding longer than the packet
        "836000010000000200000003aabbccdd",  # three contributing sources promised
        "906000010000000200000003bede",
        "906000010000000200000003bede0005aabb",
        "906000010000000200000003bede00011faabbcc",  # element of 16 bytes in 3
    ],
)
def test_malformed_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(bytes.fromhex(text))


@given(st.binary(max_size=120))
def test_any_bytes_parse_or_raise_value_error(data: bytes) -> None:
    try:
        header = parse(data)
    except ValueError:
        return
    assert 12 <= header.payload_at <= header.payload_end <= len(data)


def test_extension_block_is_empty_for_nothing() -> None:
    assert extension_block([]) == b""


def test_sequence_numbers_never_wrap() -> None:
    extender = SequenceExtender()
    assert extender.extend(65534) == 131070
    assert [extender.extend(n) for n in (65535, 0, 1, 65533, 3, 2)] == [
        131071,
        131072,
        131073,
        131069,
        131075,
        131074,
    ]
    assert extender.highest == 131075


def test_packets_before_the_first_stay_positive() -> None:
    extender = SequenceExtender()
    extender.extend(0)
    assert extender.extend(65535) == 65535


@given(st.integers(65536, 1 << 40), st.integers(-32768, 32767))
def test_nearest_finds_any_number_within_half_the_range(around: int, delta: int) -> None:
    assert nearest((around + delta) & 0xFFFF, around) == around + delta or delta == -32768


def test_abs_send_time_is_six_bits_of_seconds_and_eighteen_of_fraction() -> None:
    assert abs_send_time(1.0) == 1 << 18
    assert abs_send_time(64.5) == 1 << 17


def test_a_packet_at_another_timestamp_is_otherwise_the_same() -> None:
    packet = Packet(7, 100, True, b"p", arrival_s=1.0, audio_level=0x85, keyframe=True)
    other = packet.at(90)
    assert (other.timestamp, packet.timestamp) == (90, 100)
    for name in set(Packet.__slots__) - {"timestamp"}:
        assert getattr(other, name) == getattr(packet, name)
