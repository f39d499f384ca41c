"""Fragmented MP4 of H.264 and Opus (ISO/IEC 14496-12, -15; Opus in ISOBMFF 0.8.1), as bytes.

A header, then fragments that each stand on their own: whatever was written of a file, up to its
last whole fragment, plays. libavformat's writer is not used here because PyAV cannot give it the
parameter sets of a stream that it does not encode, and because it holds packets of one stream back
until another one has some, which a killed process would lose.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .depacketise import OPUS_RATE, VideoConfig

VIDEO_RATE: Final = 90000
VIDEO_ID: Final = 1
AUDIO_ID: Final = 2
_MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# sample_depends_on and sample_is_non_sync_sample (14496-12 8.8.3.1)
_KEY, _DEPENDS = 0x02000000, 0x01010000
_UNDEFINED_LANGUAGE: Final = 0x55C4  # "und"


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture or sound; `duration` in ticks of its track."""

    data: bytes
    duration: int
    key: bool = True


@dataclass(frozen=True, slots=True)
class Run:
    """Samples of one track that follow each other; `start` in ticks from the file's start."""

    start: int
    samples: Sequence[Sample]


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *parts)


# ---------------------------------------------------------------------------- header


def header(video: VideoConfig | None, *, audio: bool) -> bytes:
    """What stands before the first fragment. At least one track is needed."""
    tracks, defaults = [], []
    if video is not None:
        tracks.append(_video_track(video))
        defaults.append(_full(b"trex", 0, 0, struct.pack(">5I", VIDEO_ID, 1, 0, 0, 0)))
    if audio:
        tracks.append(_audio_track())
        defaults.append(_full(b"trex", 0, 0, struct.pack(">5I", AUDIO_ID, 1, 0, 0, 0)))
    movie = _full(
        b"mvhd", 0, 0, struct.pack(">4IIH10x", 0, 0, 1000, 0, 0x10000, 0x100), _MATRIX,
        bytes(24), struct.pack(">I", AUDIO_ID + 1),
    )  # fmt: skip
    kinds = b"isom" + struct.pack(">I", 0x200) + b"isomiso6mp41"
    return _box(b"ftyp", kinds) + _box(b"moov", movie, *tracks, _box(b"mvex", *defaults))


def _track(number: int, size: tuple[int, int], volume: int, *media: bytes) -> bytes:
    head = _full(
        b"tkhd", 0, 3, struct.pack(">5I8xHHHH", 0, 0, number, 0, 0, 0, 0, volume, 0), _MATRIX,
        struct.pack(">II", size[0] << 16, size[1] << 16),
    )  # fmt: skip
    return _box(b"trak", head, _box(b"mdia", *media))


def _media(rate: int, handler: bytes, name: bytes, kind_header: bytes, entry: bytes) -> list[bytes]:
    empty = struct.pack(">I", 0)
    table = _box(
        b"stbl",
        _full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
        _full(b"stts", 0, 0, empty),
        _full(b"stsc", 0, 0, empty),
        _full(b"stsz", 0, 0, empty, empty),
        _full(b"stco", 0, 0, empty),
    )
    reference = _full(b"dref", 0, 0, struct.pack(">I", 1), _full(b"url ", 0, 1))
    return [
        _full(b"mdhd", 0, 0, struct.pack(">4IHH", 0, 0, rate, 0, _UNDEFINED_LANGUAGE, 0)),
        _full(b"hdlr", 0, 0, bytes(4), handler, bytes(12), name + b"\0"),
        _box(b"minf", kind_header, _box(b"dinf", reference), table),
    ]


def _video_track(video: VideoConfig) -> bytes:
    entry = _box(
        b"avc1",
        struct.pack(">6xH16xHH", 1, video.width, video.height),
        struct.pack(">IIIH", 0x480000, 0x480000, 0, 1),
        bytes(32),
        struct.pack(">Hh", 24, -1),
        _box(b"avcC", decoder_configuration(video)),
    )
    kind = _full(b"vmhd", 0, 1, bytes(8))
    media = _media(VIDEO_RATE, b"vide", b"video", kind, entry)
    return _track(VIDEO_ID, (video.width, video.height), 0, *media)


def decoder_configuration(video: VideoConfig) -> bytes:
    """AVCDecoderConfigurationRecord (14496-15 5.3.3.1)."""
    record = bytes([1]) + video.sps[1:4] + bytes([0xFF, 0xE0 | 1])
    record += struct.pack(">H", len(video.sps)) + video.sps + bytes([len(video.pps)])
    for unit in video.pps:
        record += struct.pack(">H", len(unit)) + unit
    if video.sps[1] in (100, 110, 122, 144):
        record += b"\xfd\xf8\xf8\x00"  # 4:2:0, eight bits: all that WebRTC negotiates
    return record


def _audio_track() -> bytes:
    # Nothing is skipped at the start: the encoder's delay lies before what was recorded.
    specific = _box(b"dOps", struct.pack(">BBHIhB", 0, 2, 0, OPUS_RATE, 0, 0))
    entry = _box(b"Opus", struct.pack(">6xH8xHHHHI", 1, 2, 16, 0, 0, OPUS_RATE << 16), specific)
    kind = _full(b"smhd", 0, 0, bytes(4))
    return _track(AUDIO_ID, (0, 0), 0x100, *_media(OPUS_RATE, b"soun", b"sound", kind, entry))


# ---------------------------------------------------------------------------- fragments


def fragment(number: int, video: Run | None, audio: Run | None) -> bytes:
    """Movie fragment `number` (from 1) with its media data."""
    runs = [(VIDEO_ID, video), (AUDIO_ID, audio)]
    present = [(track, run) for track, run in runs if run is not None and run.samples]
    # Offsets count from the fragment's first byte, and its length does not depend on them.
    size = len(_moof(number, present, 0))
    head = _moof(number, present, size + 8)
    data = [sample.data for _, run in present for sample in run.samples]
    return head + _box(b"mdat", *data)


def _moof(number: int, runs: Sequence[tuple[int, Run]], offset: int) -> bytes:
    tracks = []
    for track, run in runs:
        # default-base-is-moof
        head = _full(b"tfhd", 0, 0x020000, struct.pack(">I", track))
        time = _full(b"tfdt", 1, 0, struct.pack(">Q", run.start))
        samples = b"".join(
            struct.pack(">III", s.duration, len(s.data), _KEY if s.key else _DEPENDS)
            for s in run.samples
        )
        # data-offset, and per sample duration, size and flags
        table = _full(b"trun", 0, 0x701, struct.pack(">Ii", len(run.samples), offset), samples)
        tracks.append(_box(b"traf", head, time, table))
        offset += sum(len(s.data) for s in run.samples)
    return _box(b"moof", _full(b"mfhd", 0, 0, struct.pack(">I", number)), *tracks)
