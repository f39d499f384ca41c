"""How large a picture is, read from the first packet of its keyframe. Nothing is decoded.

VP8 by RFC 6386 9.1, H.264 by ITU-T H.264 7.3.2.1.1 (sequence parameter set).
"""

from __future__ import annotations

from typing import Final

from .codecs import NAL_SPS, STAP_A, vp8_descriptor_length

Size = tuple[int, int]
"""Width and height in pixels."""

MAX_SPS_BYTES: Final = 256
"""One with scaling lists has some dozens."""
MAX_SIDE: Final = 16384
"""Larger than any level of H.264 allows: what says so is damaged."""
_START_CODE: Final = b"\x9d\x01\x2a"
_PARTLY_CROPPED: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}  # Table 6-1
_HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


def picture_size(codec: str, payload: bytes) -> Size | None:
    """Size of the picture whose keyframe starts with this packet; None where it does not say."""
    try:
        size = _vp8(payload) if codec == "VP8" else _h264(payload) if codec == "H264" else None
    except IndexError:
        return None  # cut short
    return size if size is not None and all(0 < side <= MAX_SIDE for side in size) else None


def _vp8(payload: bytes) -> Size | None:
    start = vp8_descriptor_length(payload)
    if start is None or payload[start + 3 : start + 6] != _START_CODE:
        return None
    width = payload[start + 6] | payload[start + 7] << 8
    height = payload[start + 8] | payload[start + 9] << 8
    return width & 0x3FFF, height & 0x3FFF  # the upper two bits ask for upscaling


def _h264(payload: bytes) -> Size | None:
    kind = payload[0] & 0x1F
    if kind == NAL_SPS:
        return _sps(payload[1:MAX_SPS_BYTES])
    position = 1
    while kind == STAP_A and position + 2 < len(payload):
        length = int.from_bytes(payload[position : position + 2], "big")
        position += 2
        if payload[position] & 0x1F == NAL_SPS:
            return _sps(payload[position + 1 : position + min(length, MAX_SPS_BYTES)])
        position += length
    return None


class _Bits:
    """Bits of an RBSP, most significant first; reading past the end is an IndexError."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - (self._at & 7)) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """ue(v): Exp-Golomb, 9.1."""
        zeros = 0
        while self.bits(1) == 0:
            zeros += 1
            if zeros > 31:
                raise IndexError("no Exp-Golomb code is that long")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        """se(v), 9.1.1."""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def _sps(nal: bytes) -> Size:
    # 7.4.1.1: an emulation prevention byte follows two zeros and is not part of the data.
    read = _Bits(nal.replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = read.bits(8)
    read.bits(16)  # constraint flags, level
    read.unsigned()
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = read.unsigned()
        _skip_high(read, chroma)
    read.unsigned()
    order = read.unsigned()
    if order == 0:
        read.unsigned()
    elif order == 1:
        read.bits(1)
        read.signed()
        read.signed()
        for _ in range(min(read.unsigned(), 255)):
            read.signed()
    read.unsigned()
    read.bits(1)
    width = 16 * (read.unsigned() + 1)
    map_units = read.unsigned() + 1
    frames_only = read.bits(1)
    height = 16 * map_units * (2 - frames_only)
    if not frames_only:
        read.bits(1)
    read.bits(1)
    if read.bits(1):
        across, down = _PARTLY_CROPPED.get(chroma, (1, 1))
        width -= across * (read.unsigned() + read.unsigned())
        height -= down * (2 - frames_only) * (read.unsigned() + read.unsigned())
    return width, height


def _skip_high(read: _Bits, chroma: int) -> None:
    """What only the high profiles have before the frame number: depths and scaling lists."""
    if chroma == 3:
        read.bits(1)
    read.unsigned()
    read.unsigned()
    read.bits(1)
    if not read.bits(1):
        return
    for place in range(8 if chroma != 3 else 12):
        if read.bits(1):
            last = following = 8
            for _ in range(16 if place < 6 else 64):
                if following:
                    following = (last + read.signed()) & 0xFF
                last = following or last
