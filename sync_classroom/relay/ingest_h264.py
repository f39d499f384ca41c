"""H.264 as recording hosts send it, made fit for WebRTC (RFC 6184, ITU-T H.264). Pure.

Nothing is decoded. A receiver may join at any keyframe, so parameter sets go before each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

SLICE, IDR, SPS, PPS = 1, 5, 7, 8
#: Of no use to a receiver: SEI, access unit delimiter, ends of sequence and stream, filler.
_DROPPED: Final = frozenset({6, 9, 10, 11, 12})
#: Two of each are common (two resolutions); more would be somebody's nonsense.
MAX_SETS: Final = 32
_START: Final = b"\0\0\0\1"
_BASELINE: Final = 66


@dataclass(frozen=True, slots=True)
class Picture:
    """One access unit in Annex B form. `b` tells that it holds a bidirectional slice."""

    data: bytes
    key: bool
    b: bool


def annex_b(data: bytes) -> Iterator[bytes]:
    """The NAL units between start codes (ITU-T H.264 B.1)."""
    at = data.find(b"\0\0\1")
    while at >= 0:
        begin = at + 3
        at = data.find(b"\0\0\1", begin)
        unit = data[begin:] if at < 0 else data[begin:at]
        if unit := unit.rstrip(b"\0"):
            yield unit


def prefixed(data: bytes, size: int) -> Iterator[bytes]:
    """The NAL units behind lengths of `size` bytes (ISO/IEC 14496-15); ValueError if cut."""
    at = 0
    while at < len(data):
        length = int.from_bytes(data[at : at + size], "big")
        at += size
        if at + length > len(data):
            raise ValueError(f"a NAL unit of {length} bytes with {len(data) - at} left")
        if length:
            yield data[at : at + length]
        at += length


def slice_type(unit: bytes) -> int:
    """`slice_type` of a slice (ITU-T H.264 7.3.3), 0 to 4: P, B, I, SP, SI; ValueError if cut."""
    bits = int.from_bytes(unit[1:9].ljust(8, b"\0"), "big")
    position, values = 0, []
    for _ in range(2):
        zeros = 0
        while position < 64 and not bits >> (63 - position) & 1:
            zeros += 1
            position += 1
        if position + zeros >= 64:
            raise ValueError("no slice header")
        values.append((bits >> (63 - position - zeros) & ((1 << (zeros + 1)) - 1)) - 1)
        position += zeros + 1
    return values[1] % 5


@dataclass(slots=True)
class Repacker:
    """Turns a stream's packets into pictures, whatever form they have.

    `extradata` is what the container says beside them: an AVC decoder configuration record, or
    parameter sets in Annex B form, or nothing.
    """

    extradata: bytes = b""
    _size: int = 0
    _sets: dict[tuple[int, bytes], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.extradata[:1] == b"\1":
            self._record(self.extradata)
        else:
            for unit in annex_b(self.extradata):
                self._keep(unit)

    @property
    def baseline(self) -> bool | None:
        """Whether the profile is Baseline; None before a sequence parameter set came."""
        profiles = [unit[1] for unit in self._sets.values() if unit[0] & 31 == SPS]
        return None if not profiles else all(profile == _BASELINE for profile in profiles)

    def take(self, data: bytes) -> Picture | None:
        """A picture, or None for a packet without one; ValueError for a damaged packet."""
        units = prefixed(data, self._size) if self._size else annex_b(data)
        out: list[bytes] = []
        key = b = False
        for unit in units:
            kind = unit[0] & 31
            if kind in (SPS, PPS):
                self._keep(unit)
                continue
            if kind in _DROPPED:
                continue
            key |= kind == IDR
            b |= kind == SLICE and slice_type(unit) == 1
            out.append(unit)
        if not out:
            return None
        if key:
            out = [*self._parameter_sets(), *out]
        return Picture(b"".join(_START + unit for unit in out), key, b)

    def _parameter_sets(self) -> list[bytes]:
        sets = self._sets.values()
        return [u for u in sets if u[0] & 31 == SPS] + [u for u in sets if u[0] & 31 == PPS]

    def _keep(self, unit: bytes) -> None:
        """A set replaces the one of its number, which stands first in both kinds of it."""
        kind = unit[0] & 31
        if kind not in (SPS, PPS) or len(unit) < 4:
            return
        at = 4 if kind == SPS else 1  # seq_parameter_set_id follows profile and level
        self._sets[kind, _first_number(unit[at : at + 4])] = unit
        while len(self._sets) > MAX_SETS:
            del self._sets[next(iter(self._sets))]

    def _record(self, record: bytes) -> None:
        """ISO/IEC 14496-15 5.2.4.1: AVCDecoderConfigurationRecord; ValueError if cut."""
        if len(record) < 7:
            raise ValueError("an AVC record of less than 7 bytes")
        self._size = (record[4] & 3) + 1
        at = 6
        for count in (record[5] & 31, None):
            if count is None:
                count, at = record[at] if at < len(record) else 0, at + 1
            for _ in range(count):
                length = int.from_bytes(record[at : at + 2], "big")
                at += 2
                if at + length > len(record):
                    raise ValueError("an AVC record that ends within a parameter set")
                self._keep(record[at : at + length])
                at += length


def _first_number(data: bytes) -> bytes:
    """The bits of the first exp-Golomb number, as a key."""
    bits = int.from_bytes(data.ljust(4, b"\0"), "big")
    zeros = 32 - bits.bit_length()
    length = min(32, 2 * zeros + 1)
    return (bits >> (32 - length)).to_bytes(4, "big") + bytes([length])
