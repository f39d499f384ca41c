"""The size of the picture in an H.264 sequence parameter set (ITU-T H.264, 7.3.2.1.1)."""

from __future__ import annotations

from typing import Final

#: Profiles that carry chroma format and bit depth (7.3.2.1.1).
_HIGH: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_MAX_SIDE: Final = 16384
_MAX_CYCLE: Final = 255  # 7.4.2.1.1: num_ref_frames_in_pic_order_cnt_cycle


class _Bits:
    """A reader of the bit string of a NAL unit, its emulation prevention bytes taken out."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def take(self, count: int) -> int:
        """`count` bits as a number."""
        if count > self._left:
            raise ValueError("the parameter set ends too early")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def unsigned(self) -> int:
        """ue(v): Exp-Golomb (9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 31:
                raise ValueError("a number in the parameter set is too long")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        """se(v)."""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)


def picture_size(sps: bytes) -> tuple[int, int]:
    """Width and height in pixels after cropping; ValueError for what is not a parameter set."""
    if len(sps) < 5 or sps[0] & 0x1F != 7:
        raise ValueError("not a sequence parameter set")
    bits = _Bits(sps[1:].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.take(8)
    bits.take(16)  # constraints and level
    bits.unsigned()  # id
    chroma = 1
    if profile in _HIGH:
        chroma = _chroma(bits)
    bits.unsigned()  # log2_max_frame_num_minus4
    _order_count(bits)
    bits.unsigned()  # max_num_ref_frames
    bits.take(1)  # gaps_in_frame_num_value_allowed
    width = 16 * (bits.unsigned() + 1)
    map_units = bits.unsigned() + 1
    frames_only = bits.take(1)
    height = 16 * map_units * (2 - frames_only)
    if not frames_only:
        bits.take(1)
    bits.take(1)  # direct_8x8_inference
    if bits.take(1):
        across = 1 if chroma in (0, 3) else 2
        down = (1 if chroma != 1 else 2) * (2 - frames_only)
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
        width -= across * (left + right)
        height -= down * (top + bottom)
    if not (0 < width <= _MAX_SIDE and 0 < height <= _MAX_SIDE):
        raise ValueError(f"a picture of {width}×{height} cannot be")
    return width, height


def _chroma(bits: _Bits) -> int:
    chroma = bits.unsigned()
    if chroma == 3:
        bits.take(1)
    bits.unsigned()
    bits.unsigned()
    bits.take(1)
    if bits.take(1):  # scaling matrices (7.3.2.1.1.1)
        for place in range(12 if chroma == 3 else 8):
            if bits.take(1):
                last = following = 8
                for _ in range(16 if place < 6 else 64):
                    if following:
                        following = (last + bits.signed()) % 256
                    last = following or last
    return chroma


def _order_count(bits: _Bits) -> None:
    kind = bits.unsigned()
    if kind == 0:
        bits.unsigned()
    elif kind == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        cycle = bits.unsigned()
        if cycle > _MAX_CYCLE:
            raise ValueError("the parameter set's picture order is out of range")
        for _ in range(cycle):
            bits.signed()
