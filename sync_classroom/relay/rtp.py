"""RTP headers (RFC 3550) and their one-byte extensions (RFC 8285), normalised at the door.

Sequence numbers become integers that never wrap. Timestamps stay 32-bit ticks: they are only ever
shifted by a constant.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

HEADER_LENGTH = 12
MAX_PAYLOAD = 1900
"""Ethernet carries 1500 bytes; with what a subscriber's header and SRTP add this still fits into a
datagram's slot (`udp.SLOT`), so no fan-out has to ask."""
ONE_BYTE_PROFILE = 0xBEDE
_RESERVED_ID = 15  # RFC 8285 4.2: stop reading here
_HEADER = struct.Struct(">BBHII")
_EXTENSION = struct.Struct(">HH")
_TWO_BYTE_MASK, _TWO_BYTE_PROFILE = 0xFFF0, 0x1000


@dataclass(slots=True)
class Header:
    """A parsed packet header. The payload is `data[payload_at:payload_end]`, padding cut off."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload_at: int
    payload_end: int

    def heard(self, data: memoryview | bytes, level_id: int) -> Heard:
        """The packet `data`, whose audio level has this extension id (0: none)."""
        level = self.extensions.get(level_id) if level_id else None
        return (
            self.payload_type,
            0x80 if self.marker else 0,
            self.sequence,
            self.timestamp,
            level[0] if level else None,
            bytes(data[self.payload_at : self.payload_end]),
            len(data),
        )


Heard = tuple[int, int, int, int, int | None, bytes, int]
"""A packet as its receiver needs it: payload type, marker (0x80 or 0), sequence number, timestamp,
audio level, payload without padding, and the whole packet's length. A tuple, because there are
thousands a second and each lives for a moment only."""


class Packet:
    """One packet of a source as the fan-out needs it: everything but what differs by subscriber.

    `seq` is extended; `send_time` is the abs-send-time (24 bit, 6.18 s) it carries to everybody,
    fixed at arrival so that one sent again under its own number is the same bytes (AES-GCM forbids
    to protect two different packets under one number). `keyframe` marks the first packet of a
    keyframe. `vp8` is where picture id and TL0PICIDX stand in the payload, or None.
    """

    __slots__ = (
        "arrival_s",
        "audio_level",
        "keyframe",
        "marker",
        "payload",
        "send_time",
        "seq",
        "timestamp",
        "vp8",
    )

    def __init__(
        self,
        seq: int,
        timestamp: int,
        marker: int,
        payload: bytes,
        arrival_s: float,
        audio_level: int | None = None,
        keyframe: bool = False,
        vp8: Vp8Place | None = None,
    ) -> None:
        self.seq = seq
        self.timestamp = timestamp
        self.marker = 0x80 if marker else 0
        self.payload = payload
        self.arrival_s = arrival_s
        self.send_time = int(arrival_s * 262144) & 0xFFFFFF  # `abs_send_time`
        self.audio_level = audio_level
        self.keyframe = keyframe
        self.vp8 = vp8

    def at(self, timestamp: int) -> Packet:
        """The same packet at another timestamp, for a replay faster than real time."""
        # Field by field: a joiner's replay does this for every packet.
        other = Packet.__new__(Packet)
        other.timestamp = timestamp
        other.seq, other.marker, other.payload = self.seq, self.marker, self.payload
        other.arrival_s, other.send_time = self.arrival_s, self.send_time
        other.audio_level, other.keyframe, other.vp8 = self.audio_level, self.keyframe, self.vp8
        return other


class Vp8Place(NamedTuple):
    """Offsets into a VP8 payload and the values there (RFC 7741 4.2); None where absent."""

    picture_id_at: int | None
    picture_id: int
    long_picture_id: bool
    tl0_at: int | None
    tl0: int


def abs_send_time(now_s: float) -> int:
    """Monotonic seconds as 24 bits of 6.18 fixed point, wrapping every 64 s."""
    return int(now_s * 262144) & 0xFFFFFF


def parse(data: memoryview | bytes) -> Header:
    """Read a header; raises ValueError for anything malformed."""
    size = len(data)
    if size < HEADER_LENGTH:
        raise ValueError("shorter than an RTP header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        raise ValueError("not RTP version 2")
    position = HEADER_LENGTH + 4 * (first & 0x0F)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        if size < position + 4:
            raise ValueError("truncated extension header")
        profile, words = _EXTENSION.unpack_from(data, position)
        start, position = position + 4, position + 4 + 4 * words
        if size < position:
            raise ValueError("truncated extension")
        if profile == ONE_BYTE_PROFILE:
            extensions = _one_byte(bytes(data[start:position]))
        elif profile & _TWO_BYTE_MASK == _TWO_BYTE_PROFILE:
            extensions = _two_byte(bytes(data[start:position]))
    end = size
    if first & 0x20:
        end -= data[size - 1]
        if end == size or end < position:
            raise ValueError("padding is longer than the payload")
    if end < position:
        raise ValueError("truncated contributing sources")
    if end - position > MAX_PAYLOAD:
        raise ValueError("payload larger than any path carries")
    return Header(
        second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, extensions, position, end
    )


def _one_byte(block: bytes) -> dict[int, bytes]:
    elements: dict[int, bytes] = {}
    position = 0
    while position < len(block):
        first = block[position]
        position += 1
        if first == 0:
            continue
        number, length = first >> 4, (first & 0x0F) + 1
        if number == _RESERVED_ID:
            break
        if position + length > len(block):
            raise ValueError("truncated extension element")
        if number:
            elements[number] = block[position : position + length]
        position += length
    return elements


def _two_byte(block: bytes) -> dict[int, bytes]:
    elements: dict[int, bytes] = {}
    position = 0
    while position < len(block):
        number = block[position]
        position += 1
        if number == 0:
            continue
        if position >= len(block) or position + 1 + block[position] > len(block):
            raise ValueError("truncated extension element")
        length = block[position]
        elements[number] = block[position + 1 : position + 1 + length]
        position += 1 + length
    return elements


def extension_block(elements: Sequence[tuple[int, bytes]]) -> bytes:
    """The extension header and one-byte elements, padded to words; empty for none."""
    if not elements:
        return b""
    body = b"".join(bytes([number << 4 | len(value) - 1]) + value for number, value in elements)
    body += bytes(-len(body) % 4)
    return _EXTENSION.pack(ONE_BYTE_PROFILE, len(body) // 4) + body


def first_byte(extended: bool) -> int:
    """Version 2, no padding, no contributing sources."""
    return 0x90 if extended else 0x80


class SequenceExtender:
    """Turns 16-bit sequence numbers into integers that never wrap, around the highest so far."""

    __slots__ = ("highest",)

    def __init__(self) -> None:
        self.highest: int | None = None

    def extend(self, sequence: int) -> int:
        """The extension nearest to the highest seen, which it raises if this one is higher.

        Starts at 65536 + sequence, so that packets before the first stay positive.
        """
        if self.highest is None:
            self.highest = sequence + 0x10000
            return self.highest
        value = nearest(sequence, self.highest)
        self.highest = max(self.highest, value)
        return value


def nearest(sequence: int, around: int) -> int:
    """The integer nearest to `around` whose low 16 bits are `sequence` (ties: the higher)."""
    delta = (sequence - around) & 0xFFFF
    return around + (delta - 0x10000 if delta > 0x8000 else delta)
