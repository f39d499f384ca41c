"""What a relay must know inside a payload: where keyframes begin, and VP8's running numbers.

H.264 by RFC 6184, VP8 by RFC 7741. Nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Sequence

from .rtp import Vp8Place
from .session import Codec

NAL_IDR, NAL_SPS, STAP_A, FU_A = 5, 7, 24, 28
_TYPE = 0x1F
_KEY_NALS = frozenset({NAL_IDR, NAL_SPS})


def is_keyframe_part(codec: str, payload: bytes) -> bool:
    """Whether this packet shows that its frame is a keyframe.

    H.264: it has an SPS or starts an IDR slice; VP8: it starts a frame that is not inter-coded.
    A damaged payload shows nothing.
    """
    if codec == "H264":
        return _h264(payload)
    return codec == "VP8" and _vp8(payload)


def stands_alone(codec: str, payload: bytes) -> bool:
    """Whether a keyframe that is seen to begin here needs no packet before it.

    An IDR slice of H.264 may follow its parameter sets in packets of their own.
    """
    return codec != "H264" or NAL_SPS in _nal_types(payload)


def _h264(payload: bytes) -> bool:
    # Asked of every packet, and most are the middle of a slice.
    kind = payload[0] & _TYPE if payload else 0
    if kind in (FU_A, STAP_A):
        return not _KEY_NALS.isdisjoint(_nal_types(payload))
    return kind in _KEY_NALS


def _nal_types(payload: bytes) -> list[int]:
    """Types of the NAL units that start in this packet; none if it is damaged."""
    if not payload:
        return []
    kind = payload[0] & _TYPE
    if kind == FU_A:
        return [payload[1] & _TYPE] if len(payload) > 1 and payload[1] & 0x80 else []
    if kind != STAP_A:
        return [kind]
    types, position = [], 1
    while position + 2 < len(payload):
        types.append(payload[position + 2] & _TYPE)
        position += 2 + int.from_bytes(payload[position : position + 2], "big")
    return types


def _vp8(payload: bytes) -> bool:
    # S bit and partition 0: the frame's first bytes follow; their lowest bit is clear in keyframes.
    if not payload or payload[0] & 0x17 != 0x10:
        return False
    start = vp8_descriptor_length(payload)
    return start is not None and start < len(payload) and payload[start] & 0x01 == 0


def vp8_descriptor_length(payload: bytes) -> int | None:
    """Where the frame's bytes begin behind RFC 7741's descriptor; None if that is cut short."""
    if not payload:
        return None
    position = 1
    if payload[0] & 0x80:
        if len(payload) < 2:
            return None
        flags, position = payload[1], 2
        if flags & 0x80:
            if position >= len(payload):
                return None
            position += 2 if payload[position] & 0x80 else 1
        position += bool(flags & 0x40) + bool(flags & 0x30)
    return position


def vp8_place(payload: bytes) -> Vp8Place | None:
    """Where picture id and TL0PICIDX stand; None if neither is there or the payload is cut."""
    if len(payload) < 3 or not payload[0] & 0x80:
        return None
    flags, position = payload[1], 2
    picture_id_at, picture_id, long_id = None, 0, False
    if flags & 0x80:
        picture_id_at, long_id = position, payload[position] & 0x80 != 0
        picture_id = payload[position] & 0x7F
        if long_id:
            if position + 1 >= len(payload):
                return None
            picture_id = picture_id << 8 | payload[position + 1]
        position += 2 if long_id else 1
    tl0_at, tl0 = None, 0
    if flags & 0x40:
        if position >= len(payload):
            return None
        tl0_at, tl0 = position, payload[position]
    if picture_id_at is None and tl0_at is None:
        return None
    return Vp8Place(picture_id_at, picture_id, long_id, tl0_at, tl0)


def rewrite_vp8(payload: bytes, place: Vp8Place, picture_shift: int, tl0_shift: int) -> bytes:
    """The payload with its running numbers shifted, each in the width it came in."""
    changed = bytearray(payload)
    if place.picture_id_at is not None:
        if place.long_picture_id:
            value = (place.picture_id + picture_shift) & 0x7FFF | 0x8000
            changed[place.picture_id_at : place.picture_id_at + 2] = value.to_bytes(2, "big")
        else:
            changed[place.picture_id_at] = (place.picture_id + picture_shift) & 0x7F
    if place.tl0_at is not None:
        changed[place.tl0_at] = (place.tl0 + tl0_shift) & 0xFF
    return bytes(changed)


def match(source: Codec, negotiated: Sequence[Codec]) -> Codec | None:
    """The subscriber's codec that takes the source's packets as they are, or None.

    For H.264 the same profile is preferred (its first byte, `profile_idc`), then any with the same
    packetization mode: browsers decode every profile they name and more.
    """
    fitting = [
        codec
        for codec in negotiated
        if codec.name.lower() == source.name.lower()
        and codec.clock_rate == source.clock_rate
        and _mode(codec) == _mode(source)
    ]
    profile = _profile(source)
    return next((codec for codec in fitting if _profile(codec) == profile), None) or next(
        iter(fitting), None
    )


def _mode(codec: Codec) -> str:
    return codec.parameters.get("packetization-mode", "0") if codec.name == "H264" else ""


def _profile(codec: Codec) -> str:
    return codec.parameters.get("profile-level-id", "42")[:2].lower()
