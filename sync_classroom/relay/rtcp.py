"""RTCP (RFC 3550, 4585, 5104, draft-alvestrand-rmcat-remb): what the relay reads and writes.

Pure. Compound packets are read as far as they are understood: an unknown type is skipped, a
malformed one makes the whole compound a ValueError.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
_NACK, _PLI, _FIR, _REMB = 1, 1, 4, 15
_CNAME = 1
_WORD = struct.Struct(">I")
_HEADER = struct.Struct(">BBH")
_BLOCK = struct.Struct(">IIIIII")
_SENDER = struct.Struct(">QIII")
_SENDER_REPORT = struct.Struct(">BBHIQIII")
MAX_NACKED = 1024
"""Sequence numbers taken from one NACK packet; a datagram can name 5,000 times 17."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of `ssrc` (RFC 3550 6.4.1). `lsr`, `dlsr` in 1/65536 s."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    lsr: int
    dlsr: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """When `rtp_timestamp` was, on the sender's clock (64-bit NTP)."""

    ssrc: int
    ntp: int
    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(slots=True)
class Feedback:
    """Everything one compound packet said that we act upon."""

    senders: list[SenderReport] = field(default_factory=list)
    reports: list[ReportBlock] = field(default_factory=list)
    nacks: list[tuple[int, list[int]]] = field(default_factory=list)
    """(media SSRC, 16-bit sequence numbers)."""
    keyframes: list[int] = field(default_factory=list)
    """Media SSRCs of picture loss indications and full intra requests."""
    remb_bps: int | None = None
    byes: list[int] = field(default_factory=list)


def is_rtcp(second_byte: int) -> bool:
    """Whether a packet on a multiplexed port is RTCP (RFC 5761 4)."""
    return 192 <= second_byte <= 223


def parse(data: bytes | memoryview) -> Feedback:
    """Read a compound packet; raises ValueError for anything malformed."""
    feedback = Feedback()
    position, size = 0, len(data)
    while position < size:
        if position + 4 > size:
            raise ValueError("shorter than an RTCP header")
        first, kind, words = _HEADER.unpack_from(data, position)
        end = position + 4 + 4 * words
        if first >> 6 != 2 or end > size:
            raise ValueError("not RTCP, or truncated")
        body = bytes(data[position + 4 : end])
        if first & 0x20:
            if not body or not 0 < body[-1] <= len(body):
                raise ValueError("RTCP padding is longer than the packet")
            body = body[: -body[-1]]
        _read(feedback, kind, first & 0x1F, body)
        position = end
    return feedback


def _read(feedback: Feedback, kind: int, count: int, body: bytes) -> None:
    if kind == SR:
        if len(body) < 24 + 24 * count:
            raise ValueError("truncated sender report")
        feedback.senders.append(SenderReport(_word(body, 0), *_SENDER.unpack_from(body, 4)))
        _read_blocks(feedback, body, 24, count)
    elif kind == RR:
        if len(body) < 4 + 24 * count:
            raise ValueError("truncated receiver report")
        _read_blocks(feedback, body, 4, count)
    elif kind == BYE:
        if len(body) < 4 * count:
            raise ValueError("truncated goodbye")
        feedback.byes.extend(_word(body, 4 * place) for place in range(count))
    elif kind in (RTPFB, PSFB):
        if len(body) < 8:
            raise ValueError("truncated feedback")
        if kind == RTPFB and count == _NACK:
            feedback.nacks.append((_word(body, 4), _nacked(body)))
        elif kind == PSFB and count == _PLI:
            feedback.keyframes.append(_word(body, 4))
        elif kind == PSFB and count == _FIR:
            # RFC 5104 4.3.1.1: the media SSRC is in the entries of 8 bytes.
            feedback.keyframes.extend(_word(body, at) for at in range(8, len(body) - 7, 8))
        elif kind == PSFB and count == _REMB and body[8:12] == b"REMB":
            feedback.remb_bps = _remb(body)


def _word(body: bytes, position: int) -> int:
    return int.from_bytes(body[position : position + 4], "big")


def _read_blocks(feedback: Feedback, body: bytes, start: int, count: int) -> None:
    for place in range(count):
        ssrc, loss, highest, jitter, lsr, dlsr = _BLOCK.unpack_from(body, start + 24 * place)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 0x1000000
        feedback.reports.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, lsr, dlsr))


def _nacked(body: bytes) -> list[int]:
    numbers: list[int] = []
    for position in range(8, len(body) - 3, 4):
        first, mask = struct.unpack_from(">HH", body, position)
        numbers.append(first)
        numbers.extend((first + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(numbers) >= MAX_NACKED:
            break
    return numbers


def _remb(body: bytes) -> int:
    if len(body) < 16 or len(body) < 16 + 4 * body[12]:
        raise ValueError("truncated REMB")
    exponent = body[13] >> 2
    mantissa = (body[13] & 0x03) << 16 | body[14] << 8 | body[15]
    return mantissa << exponent


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _blocks(blocks: Sequence[ReportBlock]) -> bytes:
    return b"".join(
        _BLOCK.pack(
            block.ssrc,
            (block.fraction & 0xFF) << 24 | block.lost & 0xFFFFFF,
            block.highest,
            block.jitter & 0xFFFFFFFF,
            block.lsr,
            block.dlsr,
        )
        for block in blocks[:31]
    )


def receiver_report(ssrc: int, blocks: Sequence[ReportBlock]) -> bytes:
    """A receiver report with at most 31 blocks."""
    return _packet(RR, min(len(blocks), 31), _WORD.pack(ssrc) + _blocks(blocks))


def sender_report(report: SenderReport) -> bytes:
    """A sender report without report blocks: the relay receives nothing on these SSRCs."""
    return _SENDER_REPORT.pack(
        0x80,
        SR,
        _SENDER_REPORT.size // 4 - 1,
        report.ssrc,
        report.ntp,
        report.rtp_timestamp,
        report.packets & 0xFFFFFFFF,
        report.octets & 0xFFFFFFFF,
    )


def description(ssrcs: Sequence[int], cname: str) -> bytes:
    """SDES with the same CNAME for every SSRC (at most 31): one clock, so players may sync them."""
    item = bytes([_CNAME, len(cname)]) + cname.encode("ascii") + b"\0"
    body = b""
    for ssrc in ssrcs[:31]:
        chunk = _WORD.pack(ssrc) + item
        body += chunk + bytes(-len(chunk) % 4)
    return _packet(SDES, min(len(ssrcs), 31), body)


def goodbye(ssrcs: Sequence[int]) -> bytes:
    """BYE for at most 31 SSRCs."""
    return _packet(BYE, min(len(ssrcs), 31), b"".join(map(_WORD.pack, ssrcs[:31])))


def picture_loss(sender: int, media: int) -> bytes:
    """Picture loss indication (RFC 4585 6.3.1)."""
    return _packet(PSFB, _PLI, struct.pack(">II", sender, media))


def nack(sender: int, media: int, numbers: Sequence[int]) -> bytes:
    """Generic NACK (RFC 4585 6.2.1) for 16-bit numbers in ascending order around the wrap."""
    body = struct.pack(">II", sender, media)
    entries: list[list[int]] = []
    for number in numbers:
        distance = (number - entries[-1][0] - 1) & 0xFFFF if entries else 16
        if distance < 16:
            entries[-1][1] |= 1 << distance
        else:
            entries.append([number, 0])
    return _packet(RTPFB, _NACK, body + b"".join(struct.pack(">HH", *entry) for entry in entries))


def remb(sender: int, bps: int, ssrcs: Sequence[int]) -> bytes:
    """Receiver estimated maximum bitrate for the sum of `ssrcs`."""
    exponent = max(0, bps.bit_length() - 18)
    mantissa = bps >> exponent
    body = struct.pack(">II", sender, 0) + b"REMB"
    body += bytes([len(ssrcs), exponent << 2 | mantissa >> 16]) + (mantissa & 0xFFFF).to_bytes(
        2, "big"
    )
    return _packet(PSFB, _REMB, body + b"".join(map(_WORD.pack, ssrcs)))
