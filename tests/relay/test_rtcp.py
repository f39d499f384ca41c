from __future__ import annotations

import contextlib

import pytest
from aiortc import rtp as reference
from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.relay import rtcp
from sync_classroom.relay.rtcp import ReportBlock, SenderReport

BLOCK = ReportBlock(0xAABBCCDD, 12, -3, 0x00010002, 77, 0x11223344, 655)


def test_receiver_report_reads_back_and_equals_another_implementation() -> None:
    data = rtcp.receiver_report(5, [BLOCK])
    assert rtcp.parse(data).reports == [BLOCK]
    (packet,) = reference.RtcpPacket.parse(data)
    assert isinstance(packet, reference.RtcpRrPacket)
    assert packet.reports[0].packets_lost == -3
    assert packet.reports[0].highest_sequence == 0x00010002
    assert packet.reports[0].fraction_lost == 12


def test_sender_report_and_description() -> None:
    report = SenderReport(9, 0x0123456789ABCDEF, 3000, 17, 4000)
    data = rtcp.sender_report(report) + rtcp.description([9], "session-1")
    assert rtcp.parse(data).senders == [report]
    sender, described = reference.RtcpPacket.parse(data)
    assert isinstance(sender, reference.RtcpSrPacket)
    assert sender.sender_info.ntp_timestamp == 0x0123456789ABCDEF
    assert isinstance(described, reference.RtcpSdesPacket)
    assert len(data) % 4 == 0
    assert described.chunks[0].items == [(1, b"session-1")]


@pytest.mark.parametrize("length", range(1, 9))
def test_description_chunks_are_padded_to_words(length: int) -> None:
    assert len(rtcp.description([1, 2, 3], "c" * length)) % 4 == 0


@pytest.mark.parametrize(
    "numbers",
    [[5], [5, 6, 21], [5, 22], [65530, 65535, 0, 9], [65535, 15, 16], [1, 18, 35, 52]],
)
def test_nack_reads_back(numbers: list[int]) -> None:
    data = rtcp.nack(1, 2, numbers)
    assert rtcp.parse(data).nacks == [(2, numbers)]
    (packet,) = reference.RtcpPacket.parse(data)
    assert isinstance(packet, reference.RtcpRtpfbPacket)
    assert [number & 0xFFFF for number in packet.lost] == numbers


def test_keyframe_requests_pli_and_fir() -> None:
    fir = bytes.fromhex("84ce000600000001000000000000000b050000000000000c06000000")
    assert rtcp.parse(rtcp.picture_loss(1, 10) + fir).keyframes == [10, 11, 12]


@pytest.mark.parametrize("bps", [0, 1, 100_000, 262143, 262144, 2_500_000, 30_000_000])
def test_remb_reads_back_within_its_precision(bps: int) -> None:
    data = rtcp.remb(1, bps, [7, 8])
    found = rtcp.parse(data).remb_bps
    assert found is not None
    assert 0 <= bps - found <= bps / 131072
    (packet,) = reference.RtcpPacket.parse(data)
    assert isinstance(packet, reference.RtcpPsfbPacket)
    assert reference.unpack_remb_fci(packet.fci) == (found, [7, 8])


def test_goodbye() -> None:
    assert rtcp.parse(rtcp.goodbye([3, 4])).byes == [3, 4]


def test_profile_extensions_behind_report_blocks_are_ignored() -> None:
    data = bytearray(rtcp.receiver_report(5, [BLOCK]) + b"\1\2\3\4")
    data[3] += 1
    assert rtcp.parse(bytes(data)).reports == [BLOCK]


def test_unknown_packets_are_skipped() -> None:
    extended = bytes.fromhex("80cf00020000000104000000")
    assert rtcp.parse(extended + rtcp.picture_loss(1, 10)).keyframes == [10]


def test_padding_is_cut_off() -> None:
    data = bytearray(rtcp.picture_loss(1, 10) + b"\0\0\0\4")
    data[0] |= 0x20
    data[3] += 1
    assert rtcp.parse(bytes(data)).keyframes == [10]


@pytest.mark.parametrize(
    "text",
    [
        "80",
        "80c90001",
        "c0c90000",
        "81c9000100000001",
        "80c8000100000001",
        "81cb0000",
        "81cd000100000001",
        "8fce0003000000010000000052454d42",
        "a0c9000100000009",
    ],
)
def test_malformed_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rtcp.parse(bytes.fromhex(text))


@given(st.binary(max_size=120), st.sampled_from([200, 201, 202, 203, 205, 206]), st.integers(0, 31))
def test_any_body_parses_or_raises_value_error(body: bytes, kind: int, count: int) -> None:
    body = body[: len(body) // 4 * 4]
    with contextlib.suppress(ValueError):
        rtcp.parse(bytes([0x80 | count, kind]) + (len(body) // 4).to_bytes(2, "big") + body)


def test_a_nack_names_a_bounded_number() -> None:
    body = b"\0\0\0\1\0\0\0\2" + b"\0\0\xff\xff" * 340
    data = b"\x81\xcd" + (len(body) // 4).to_bytes(2, "big") + body
    assert len(rtcp.parse(data).nacks[0][1]) <= rtcp.MAX_NACKED + 17


def test_rtcp_is_told_from_rtp_by_its_type() -> None:
    assert rtcp.is_rtcp(200)
    assert rtcp.is_rtcp(206)
    assert not rtcp.is_rtcp(0x80 | 111)
    assert not rtcp.is_rtcp(96)
