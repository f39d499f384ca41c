"""WebM of VP8 and Opus (RFC 8794, RFC 9559), as bytes: a header, then clusters.

The segment's length is left unknown, as for a live stream, so that whatever was written of a file
plays up to its last whole cluster.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .depacketise import OPUS_RATE, VideoConfig

VIDEO_ID: Final = 1
AUDIO_ID: Final = 2
MAX_CLUSTER_MS: Final = 30000
"""A block's time is 16 bits, signed, from its cluster's."""
_UNKNOWN: Final = b"\x01\xff\xff\xff\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Block:
    """One picture or sound; `at_ms` from the file's start."""

    track: int
    at_ms: int
    data: bytes
    key: bool = True


def _element(identifier: int, body: bytes) -> bytes:
    # Lengths always in eight bytes: RFC 8794 4.4 allows it, and nothing here is small enough to
    # matter but headers.
    size = struct.pack(">Q", len(body) | 1 << 56)
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + size + body


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def header(video: VideoConfig | None, *, audio: bool) -> bytes:
    """EBML header, and the beginning of the one segment with its tracks."""
    ebml = _element(
        0x1A45DFA3,
        _number(0x4286, 1) + _number(0x42F7, 1) + _number(0x42F2, 4) + _number(0x42F3, 8)
        + _element(0x4282, b"webm") + _number(0x4287, 4) + _number(0x4285, 2),
    )  # fmt: skip
    program = b"sync-classroom"
    information = _number(0x2AD7B1, 1_000_000) + _element(0x4D80, program)
    tracks = b""
    if video is not None:
        size = _number(0xB0, video.width) + _number(0xBA, video.height)
        tracks += _element(
            0xAE,
            _number(0xD7, VIDEO_ID) + _number(0x73C5, VIDEO_ID) + _number(0x83, 1)
            + _number(0x9C, 0) + _element(0x86, b"V_VP8") + _element(0xE0, size),
        )  # fmt: skip
    if audio:
        sound = _element(0xB5, struct.pack(">d", OPUS_RATE)) + _number(0x9F, 2)
        opus_head = b"OpusHead" + struct.pack("<BBHIhB", 1, 2, 0, OPUS_RATE, 0, 0)
        tracks += _element(
            0xAE,
            _number(0xD7, AUDIO_ID) + _number(0x73C5, AUDIO_ID) + _number(0x83, 2)
            + _number(0x9C, 0) + _element(0x86, b"A_OPUS") + _element(0x63A2, opus_head)
            + _element(0xE1, sound),
        )  # fmt: skip
    segment = b"\x18\x53\x80\x67" + _UNKNOWN
    information = _element(0x1549A966, information + _element(0x5741, program))
    return ebml + segment + information + _element(0x1654AE6B, tracks)


def cluster(blocks: Iterable[Block]) -> bytes:
    """One cluster of at least one block, put in order of time."""
    ordered = sorted(blocks, key=lambda block: block.at_ms)
    start = ordered[0].at_ms
    body = _number(0xE7, start)
    for block in ordered:
        if block.at_ms - start > MAX_CLUSTER_MS:
            raise ValueError("a cluster is too long")
        place = struct.pack(">Bh", 0x80 | block.track, block.at_ms - start)
        body += _element(0xA3, place + bytes([0x80 if block.key else 0]) + block.data)
    return _element(0x1F43B675, body)
