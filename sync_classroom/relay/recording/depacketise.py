"""From RTP payloads to pictures and sounds: H.264 (RFC 6184), VP8 (RFC 7741), Opus (RFC 7587).

A picture that lacks a packet is dropped, and all that build on it until the next keyframe: a file
in which the picture stands still is better than one in which it is smeared. Nothing is decoded.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass
from typing import Final

from ..codecs import vp8_descriptor_length
from ..rtp import Packet
from ..session import Codec
from .sps import picture_size

MAX_PICTURE_BYTES: Final = 4 * 1024 * 1024
"""A keyframe of 1080p has 300 kB; more than this is not a picture but a sender gone wrong."""
_MAX_PPS: Final = 8
"""Parameter sets kept beside one SPS; encoders of conferences use one."""

_SLICE, _IDR, _SPS, _PPS, _DELIMITER = 1, 5, 7, 8, 9
_STAP_A, _FU_A = 24, 28
# Parameter sets go into the file's header; delimiters, ends and filling say nothing in a file.
_LEFT_OUT: Final = frozenset({_SPS, _PPS, _DELIMITER, 10, 11, 12})


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """What a file says of its pictures once; another one needs another file.

    `sps` and `pps` are empty for VP8.
    """

    codec: str
    width: int
    height: int
    sps: bytes = b""
    pps: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """One coded picture as files hold it: H.264 units behind their lengths, VP8 frames as sent.

    `config` is set on keyframes only.
    """

    timestamp: int
    data: bytes
    config: VideoConfig | None

    @property
    def keyframe(self) -> bool:
        """Whether decoding may begin here."""
        return self.config is not None


class Depacketiser:
    """Common to both codecs: puts packets of one timestamp together, drops what is incomplete.

    `dropped` counts pictures left out; `waiting` says that nothing can be used until a keyframe.
    """

    def __init__(self) -> None:
        self.waiting = True
        self.dropped = 0
        self._timestamp: int | None = None
        self._damaged = False
        self._size = 0

    def feed(self, packet: Packet, missing: int) -> list[Picture]:
        """Take the next packet, before which `missing` are lost; the pictures it completes."""
        done: list[Picture] = []
        if missing:
            # Perhaps a whole picture that the next ones build on.
            self._damaged = self.waiting = True
        if self._timestamp is not None and packet.timestamp != self._timestamp:
            self._finish(done)
        if self._timestamp is None:
            self._timestamp = packet.timestamp
            # The start of a picture can be told only of those that say so.
            self._damaged = missing > 0 and not self._begins(packet.payload)
        self._size += len(packet.payload)
        if self._size > MAX_PICTURE_BYTES:
            self._damaged = True
        elif packet.payload:  # else padding: it used up a number
            try:
                self._take(packet.payload)
            except ValueError:
                self._damaged = True
        if packet.marker:
            self._finish(done)
        return done

    def lose(self) -> None:
        """What comes next does not follow on what was there."""
        self._clear()
        self._timestamp, self._size, self._damaged = None, 0, False
        self.waiting = True

    def _finish(self, done: list[Picture]) -> None:
        assert self._timestamp is not None
        picture = None if self._damaged else self._build(self._timestamp)
        if picture is not None and (picture.keyframe or not self.waiting):
            self.waiting = False
            done.append(picture)
        elif self._damaged or picture is not None:
            self.waiting = True
            self.dropped += 1
        self._clear()
        self._timestamp, self._size, self._damaged = None, 0, False

    def _begins(self, payload: bytes) -> bool:
        raise NotImplementedError

    def _take(self, payload: bytes) -> None:
        raise NotImplementedError

    def _build(self, timestamp: int) -> Picture | None:
        raise NotImplementedError

    def _clear(self) -> None:
        raise NotImplementedError


class H264Depacketiser(Depacketiser):
    """Single units, STAP-A and FU-A (packetization-mode 1)."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self._units: list[bytes] = []
        self._fragment: bytearray | None = None
        self._sps = b""
        self._pps: list[bytes] = []
        self._config: VideoConfig | None = None
        for text in codec.parameters.get("sprop-parameter-sets", "").split(","):
            try:
                self._unit(base64.b64decode(text, validate=True))
            except (ValueError, binascii.Error):
                continue  # the stream's own come first anyway
        self._units.clear()

    def _begins(self, payload: bytes) -> bool:
        first = payload[0] & 0x1F if payload else 0
        if first == _STAP_A and len(payload) > 3:
            first = payload[3] & 0x1F
        return first in (_SPS, _DELIMITER)

    def _take(self, payload: bytes) -> None:
        kind = payload[0] & 0x1F
        if kind == _FU_A:
            self._take_fragment(payload)
            return
        if self._fragment is not None:
            raise ValueError("a fragmented unit has no end")
        if kind == _STAP_A:
            position = 1
            while position < len(payload):
                size = int.from_bytes(payload[position : position + 2], "big")
                position += 2
                if not size or position + size > len(payload):
                    raise ValueError("an aggregated unit is cut off")
                self._unit(payload[position : position + size])
                position += size
        elif 1 <= kind < _STAP_A:
            self._unit(payload)
        else:
            raise ValueError(f"packet type {kind} is not of packetization-mode 1")

    def _take_fragment(self, payload: bytes) -> None:
        if len(payload) < 3:
            raise ValueError("an empty fragment")
        start, end = payload[1] & 0x80, payload[1] & 0x40
        if bool(start) == (self._fragment is not None):
            raise ValueError("a fragment out of place")
        if self._fragment is None:
            self._fragment = bytearray([payload[0] & 0xE0 | payload[1] & 0x1F])
        self._fragment += payload[2:]
        if end:
            unit, self._fragment = bytes(self._fragment), None
            self._unit(unit)

    def _unit(self, unit: bytes) -> None:
        if not unit:
            raise ValueError("an empty unit")
        kind = unit[0] & 0x1F
        if kind == _SPS and unit != self._sps:
            picture_size(unit)  # ValueError now rather than a file nobody can play
            self._sps, self._pps, self._config = unit, [], None
        elif kind == _PPS and unit not in self._pps and len(self._pps) < _MAX_PPS:
            self._pps.append(unit)
            self._config = None
        self._units.append(unit)

    def _build(self, timestamp: int) -> Picture | None:
        if self._fragment is not None:
            self._damaged = True
            return None
        kept = [unit for unit in self._units if unit[0] & 0x1F not in _LEFT_OUT]
        kinds = {unit[0] & 0x1F for unit in kept}
        if not kinds & {_SLICE, 2, _IDR}:
            return None  # parameter sets by themselves
        config = self._known_config() if _IDR in kinds else None
        data = b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)
        return Picture(timestamp, data, config)

    def _known_config(self) -> VideoConfig | None:
        """None while the parameter sets are not known: nobody could decode it either."""
        if self._config is None and self._sps and self._pps:
            width, height = picture_size(self._sps)
            self._config = VideoConfig("H264", width, height, self._sps, tuple(self._pps))
        return self._config

    def _clear(self) -> None:
        self._units, self._fragment = [], None


class Vp8Depacketiser(Depacketiser):
    """Frames of VP8, whatever their temporal layer."""

    def __init__(self) -> None:
        super().__init__()
        self._frame = bytearray()

    def _begins(self, payload: bytes) -> bool:
        return bool(payload) and payload[0] & 0x17 == 0x10

    def _take(self, payload: bytes) -> None:
        start = vp8_descriptor_length(payload)
        if start is None or start >= len(payload):
            raise ValueError("a VP8 packet without content")
        if not self._frame and not self._begins(payload):
            raise ValueError("a VP8 frame without its start")
        self._frame += payload[start:]

    def _build(self, timestamp: int) -> Picture | None:
        data = bytes(self._frame)
        if not data:
            return None
        if data[0] & 0x01:  # RFC 6386 9.1: inter-coded
            return Picture(timestamp, data, None)
        if len(data) < 10 or data[3:6] != b"\x9d\x01\x2a":
            self._damaged = True
            return None
        width, height = struct.unpack("<HH", data[6:10])
        return Picture(timestamp, data, VideoConfig("VP8", width & 0x3FFF, height & 0x3FFF))

    def _clear(self) -> None:
        self._frame.clear()


def depacketiser(codec: Codec) -> Depacketiser:
    """The one for a negotiated codec."""
    return H264Depacketiser(codec) if codec.name == "H264" else Vp8Depacketiser()


# ---------------------------------------------------------------------------- Opus

OPUS_RATE: Final = 48000
OPUS_FRAME: Final = 960
OPUS_SILENCE: Final = b"\xf8\xff\xfe"
"""20 ms of digital silence, fullband CELT: what encoders send for it."""
_MAX_OPUS_TICKS: Final = 5760  # RFC 6716 3.4: 120 ms


def opus_ticks(payload: bytes) -> int:
    """How long an Opus packet lasts, in 1/48000 s (RFC 6716 3.1, 3.2); ValueError if malformed."""
    if not payload:
        raise ValueError("an empty Opus packet")
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    frames = (1, 2, 2, 0)[code]
    if code == 3:
        if len(payload) < 2:
            raise ValueError("an Opus packet is cut off")
        frames = payload[1] & 0x3F
    ticks = frame * frames
    if not 0 < ticks <= _MAX_OPUS_TICKS:
        raise ValueError(f"an Opus packet of {ticks} ticks")
    return ticks
