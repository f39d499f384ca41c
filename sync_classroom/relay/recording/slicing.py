"""Finds a stretch of time in a file that is still being written: which of its bytes play alone.

Only files of our own `isobmff` and `webm` are read, and of them only the heads of fragments: a
lesson's file is looked through in some milliseconds. A fragment that is not whole yet is not there.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .depacketise import OPUS_RATE
from .isobmff import VIDEO_ID, VIDEO_RATE
from .webm import VIDEO_ID as WEBM_VIDEO_ID

MAX_HEADER: Final = 64 * 1024
"""A header of ours has some hundred bytes."""
MAX_MOOF: Final = 256 * 1024
"""A second's has some two thousand bytes."""
LONGEST_S: Final = 2.0
"""No fragment has more, of a second each: what is asked for after the last one is not there yet."""
_NOT_SYNC: Final = 0x00010000
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_TIMECODE, _SIMPLE_BLOCK = 0xE7, 0xA3


@dataclass(frozen=True, slots=True)
class Slice:
    """What to send: bytes `[0, header)`, then `[first, last)`; equal where nothing is there yet.

    `media_type` as a browser's source buffer takes it, with codecs.
    """

    media_type: str
    header: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Fragment:
    """`key_s` is when its first keyframe is shown, None without one; sound alone needs none."""

    offset: int
    end: int
    at_s: float
    key_s: float | None


def find(path: Path, from_s: float, to_s: float) -> Slice:
    """The fragments that play `[from_s, to_s)` of a file, from the last keyframe before it on.

    Raises OSError, or ValueError for a file that is not in fragments.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        webm = path.suffix == ".webm"
        size = os.fstat(descriptor).st_size
        length = _webm_header(descriptor) if webm else _mp4_header(descriptor)
        header = os.pread(descriptor, length, 0)
        walk = _clusters if webm else _fragments
        pictured = b"V_VP8" in header if webm else b"avcC" in header
        begin: _Fragment | None = None
        last, until_s = length, 0.0
        for one in walk(descriptor, length, size, pictured):
            if one.at_s >= to_s:
                break
            # Before a keyframe nothing can be decoded; after `from_s` nothing is left out.
            if one.key_s is not None and (begin is None or one.key_s <= from_s):
                begin = one
            if begin is not None:
                last = one.end
                until_s = one.at_s + LONGEST_S
        if begin is None or until_s <= from_s:
            return Slice(_media_type(header, webm), length, length, length)
        first = begin.offset
        return Slice(_media_type(header, webm), length, first, last)
    finally:
        os.close(descriptor)


def _media_type(header: bytes, webm: bool) -> str:
    if webm:
        return f'video/webm; codecs="vp8{",opus" if b"A_OPUS" in header else ""}"'
    codecs = []
    place = header.find(b"avcC")
    if place >= 0:
        codecs.append(f"avc1.{header[place + 5 : place + 8].hex().upper()}")
    if b"dOps" in header:
        codecs.append("opus")
    return f'{"video" if place >= 0 else "audio"}/mp4; codecs="{",".join(codecs)}"'


# ---------------------------------------------------------------------------- MP4


def _box(descriptor: int, offset: int) -> tuple[int, bytes]:
    head = os.pread(descriptor, 8, offset)
    if len(head) < 8:
        return 0, b""
    return int.from_bytes(head[:4], "big"), head[4:]


def _mp4_header(descriptor: int) -> int:
    size, kind = _box(descriptor, 0)
    if kind != b"ftyp":
        raise ValueError("not an MP4 file")
    offset = size
    size, kind = _box(descriptor, offset)
    length = offset + size
    if kind != b"moov" or length > MAX_HEADER or b"mvex" not in os.pread(descriptor, size, offset):
        raise ValueError("not an MP4 file in fragments")
    return length


def _fragments(descriptor: int, offset: int, size: int, pictured: bool) -> Iterator[_Fragment]:
    while True:
        length, kind = _box(descriptor, offset)
        data, follows = _box(descriptor, offset + length)
        end = offset + length + data
        if kind != b"moof" or follows != b"mdat" or length > MAX_MOOF or end > size:
            return
        at_s, key_s = _first_track(os.pread(descriptor, length, offset))
        yield _Fragment(offset, end, at_s, key_s if pictured else at_s)
        offset = end


def _first_track(moof: bytes) -> tuple[float, float | None]:
    """When a fragment's first track begins, and when its first keyframe is shown, if it has one.

    A keyframe is the first or second picture: the one before waits to know how long it lasts.
    """
    place = moof.index(b"tfhd")
    track = int.from_bytes(moof[place + 8 : place + 12], "big")
    place = moof.index(b"tfdt", place)
    (ticks,) = struct.unpack_from(">Q", moof, place + 8)
    if track != VIDEO_ID:
        return ticks / OPUS_RATE, None
    at_s = ticks / VIDEO_RATE
    # Behind version and flags: count, data offset, then duration, size and flags of each sample.
    place = moof.index(b"trun", place)
    (count,) = struct.unpack_from(">I", moof, place + 8)
    samples = moof[place + 16 : place + 16 + 12 * count]
    for duration, _, flags in struct.iter_unpack(">III", samples):
        if not flags & _NOT_SYNC:
            return at_s, ticks / VIDEO_RATE
        ticks += duration
    return at_s, None


# ---------------------------------------------------------------------------- WebM


def _element(descriptor: int, offset: int) -> tuple[int, int, int]:
    """An element's identifier, where its body begins, and the body's length (-1: unknown)."""
    head = os.pread(descriptor, 12, offset)
    if len(head) < 9:
        return 0, offset, 0
    wide = 9 - head[0].bit_length()
    if wide > 4:
        return 0, offset, 0
    body = offset + wide + 8  # our lengths are always eight bytes
    length = int.from_bytes(os.pread(descriptor, 8, offset + wide), "big") & ((1 << 56) - 1)
    return int.from_bytes(head[:wide], "big"), body, -1 if length == (1 << 56) - 1 else length


def _webm_header(descriptor: int) -> int:
    identifier, body, length = _element(descriptor, 0)
    if identifier != _EBML:
        raise ValueError("not a WebM file")
    identifier, offset, length = _element(descriptor, body + length)
    if identifier != _SEGMENT or length != -1:
        raise ValueError("not a WebM file in clusters")
    while offset < MAX_HEADER:
        identifier, body, length = _element(descriptor, offset)
        if identifier in (0, _CLUSTER):
            break
        offset = body + length
    return offset


def _clusters(descriptor: int, offset: int, size: int, pictured: bool) -> Iterator[_Fragment]:
    while True:
        identifier, body, length = _element(descriptor, offset)
        end = body + length
        if identifier != _CLUSTER or end > size:
            return
        at_ms, key = _cluster(descriptor, body, end)
        yield _Fragment(offset, end, at_ms / 1000, at_ms / 1000 if key or not pictured else None)
        offset = end


def _cluster(descriptor: int, offset: int, end: int) -> tuple[int, bool]:
    """A cluster's time, and whether its first picture is a keyframe."""
    at_ms = 0
    while offset < end:
        identifier, body, length = _element(descriptor, offset)
        if identifier == _TIMECODE:
            at_ms = int.from_bytes(os.pread(descriptor, length, body), "big")
        elif identifier == _SIMPLE_BLOCK:
            track, _, flags = struct.unpack(">BhB", os.pread(descriptor, 4, body))
            if track & 0x7F == WEBM_VIDEO_ID:
                return at_ms, bool(flags & 0x80)
        offset = body + length
    return at_ms, False
