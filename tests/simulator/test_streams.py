"""Receiver statistics of a virtual terminal, with exact numbers."""

from __future__ import annotations

import random
import struct

from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSenderInfo, RtcpSrPacket

from sync_classroom.simulator.streams import NACK_TRIES, Received, ReceiverReports


def _packet(sequence: int, timestamp: int = 0, ssrc: int = 7, payload_type: int = 96) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp, ssrc) + b"x" * 88


def test_everything_received_in_order_over_the_wrap() -> None:
    reports = ReceiverReports(1, {96: 90000})
    for sequence in range(65000, 65000 + 2000):
        reports.rtp(_packet(sequence), 0.0)
    stream = reports.streams[7]
    assert (stream.packets, stream.expected, stream.lost, stream.duplicates) == (2000, 2000, 0, 0)
    assert reports.bytes == 2000 * 100


def test_seeded_loss_duplication_and_reorder_are_counted_exactly() -> None:
    rng = random.Random(4)
    order = list(range(100, 5100))
    dropped = {s for s in order[1:-1] if rng.random() < 0.05}
    sent = [s for s in order if s not in dropped]
    for i in range(0, len(sent) - 2, 7):  # swap neighbours
        sent[i + 1], sent[i + 2] = sent[i + 2], sent[i + 1]
    doubled = sent[50:60]
    reports = ReceiverReports(1, {96: 90000})
    for sequence in sent[:60] + doubled + sent[60:]:
        reports.rtp(_packet(sequence), 0.0)
    assert reports.packets == len(sent)
    assert reports.lost == len(dropped)
    assert reports.duplicates == 10


def test_report_block_says_fraction_since_the_last_report() -> None:
    reports = ReceiverReports(1, {96: 90000})
    for sequence in range(100):
        reports.rtp(_packet(sequence), 0.0)
    reports.report(1.0)
    for sequence in range(100, 200):
        if sequence % 4:
            reports.rtp(_packet(sequence), 0.0)
    reports.rtp(_packet(200), 0.0)
    (raw,) = reports.report(2.0)
    (report,) = RtcpPacket.parse(raw)
    assert isinstance(report, RtcpRrPacket)
    (block,) = report.reports
    assert block.packets_lost == 25
    assert block.fraction_lost == 25 * 256 // 101
    assert block.highest_sequence == 200


def test_sender_report_gives_the_round_trip_fields() -> None:
    reports = ReceiverReports(1, {96: 90000})
    reports.rtp(_packet(1), 0.0)
    info = RtcpSenderInfo(
        ntp_timestamp=0x1122334455667788, rtp_timestamp=0, packet_count=1, octet_count=88
    )
    reports.rtcp(bytes(RtcpSrPacket(ssrc=7, sender_info=info)), 10.0)
    (raw,) = reports.report(10.5)
    block = RtcpPacket.parse(raw)[0].reports[0]  # type: ignore[union-attr]
    assert block.lsr == 0x33445566
    assert block.dlsr == 32768


def test_nack_names_the_missing_and_gives_up() -> None:
    reports = ReceiverReports(1, {96: 90000})
    for sequence in (1, 2, 5, 6, 7, 8):
        reports.rtp(_packet(sequence), 0.0)
    (raw,) = reports.nacks()
    (nack,) = RtcpPacket.parse(raw)
    assert isinstance(nack, RtcpRtpfbPacket)
    assert sorted(nack.lost) == [3, 4]
    reports.rtp(_packet(3), 0.0)
    asked = [RtcpPacket.parse(raw)[0].lost for _ in range(NACK_TRIES) for raw in reports.nacks()]  # type: ignore[union-attr]
    assert asked == [[4]] * (NACK_TRIES - 1)
    assert reports.lost == 1


def test_source_switch_is_not_jitter() -> None:
    stream = Received(7, 90000)
    for i in range(50):
        stream.add(i, i * 3000, 100, i / 30)
    assert stream.jitter < 1
    stream.add(50, 3_000_000_000, 100, 50 / 30)
    assert stream.jitter < 1


def test_unknown_payload_types_and_short_packets_are_ignored_and_counted() -> None:
    reports = ReceiverReports(1, {96: 90000})
    assert reports.rtp(b"\x80\x60", 0.0) is None
    assert reports.rtp(_packet(1, payload_type=99), 0.0) is None
    reports.rtcp(b"\x80\xc8\x00", 0.0)
    assert (reports.ignored, reports.packets) == (3, 0)
