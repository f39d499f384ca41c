from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay import stun
from sync_classroom.relay.stun import Attribute, MessageType

# RFC 5769 2.1: sample request, password "VOkJxbRl1RmTxUk/WvJxBt", username "evtj:h6vY".
SAMPLE = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff"
    "80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")


def test_rfc5769_sample_request() -> None:
    message = stun.parse(SAMPLE)
    assert message.kind is MessageType.REQUEST
    assert message.transaction == TRANSACTION
    assert message.username == "evtj:h6vY"
    assert message.fingerprinted
    assert message.attributes[Attribute.PRIORITY] == bytes.fromhex("6e0001ff")
    assert message.integrity_is(PASSWORD)
    assert not message.integrity_is(PASSWORD + "x")
    assert message.unknown_required == ()


def test_rfc5769_ipv4_response() -> None:
    # RFC 5769 2.2 maps 192.0.2.1:32853; attributes other than the address differ there.
    message = stun.parse(stun.success(TRANSACTION, "192.0.2.1", 32853, PASSWORD))
    assert message.kind is MessageType.SUCCESS
    assert message.attributes[Attribute.XOR_MAPPED_ADDRESS] == bytes.fromhex("0001a147e112a643")
    assert message.integrity_is(PASSWORD)
    assert message.fingerprinted


def test_rfc5769_ipv6_response() -> None:
    message = stun.parse(
        stun.success(TRANSACTION, "2001:db8:1234:5678:11:2233:4455:6677", 32853, PASSWORD)
    )
    assert message.attributes[Attribute.XOR_MAPPED_ADDRESS] == bytes.fromhex(
        "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    )


def test_error_response_names_unknown_attributes() -> None:
    message = stun.parse(stun.error(TRANSACTION, 420, PASSWORD, (0x0015, 0x0016)))
    assert message.kind is MessageType.ERROR
    assert message.attributes[Attribute.ERROR_CODE] == b"\x00\x00\x04\x14Unknown Attribute"
    assert message.attributes[Attribute.UNKNOWN_ATTRIBUTES] == b"\x00\x15\x00\x16"


@pytest.mark.parametrize("bit", range(0, len(SAMPLE) * 8, 7))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    data = bytearray(SAMPLE)
    data[bit // 8] ^= 1 << (bit % 8)
    try:
        message = stun.parse(bytes(data))
    except ValueError:
        return
    assert not (message.integrity_is(PASSWORD) and message.fingerprinted)


def test_attributes_behind_integrity_are_ignored() -> None:
    signed = stun.build(MessageType.REQUEST, TRANSACTION, {Attribute.USERNAME: b"a:b"}, "pwd")
    body = signed[stun.HEADER_LENGTH : -8] + b"\x00\x25\x00\x00"  # USE-CANDIDATE, unprotected
    forged = signed[:2] + len(body).to_bytes(2, "big") + signed[4 : stun.HEADER_LENGTH] + body
    message = stun.parse(forged)
    assert message.integrity_is("pwd")
    assert Attribute.USE_CANDIDATE not in message.attributes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SAMPLE[:-1],
        SAMPLE + b"\x00",
        SAMPLE[:4] + b"\x00\x00\x00\x00" + SAMPLE[8:],
        b"\x00\x03" + SAMPLE[2:],
    ],
)
def test_malformed_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        stun.parse(data)


@given(st.binary(max_size=200))
def test_rubbish_behind_a_header_never_breaks(tail: bytes) -> None:
    tail += bytes(-len(tail) % 4)
    data = b"\x00\x01" + len(tail).to_bytes(2, "big") + SAMPLE[4:20] + tail
    assert stun.is_stun(data)
    with contextlib.suppress(ValueError):
        stun.parse(data)
