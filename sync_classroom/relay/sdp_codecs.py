"""Which of the offered codecs the relay forwards, in which order, with what feedback.

Opus 48000/2; H.264 with packetization-mode 1, constrained baseline first because every browser
decodes it; VP8. RFC 4588 retransmission goes with its codec. Everything else is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .session import Codec, Direction

#: What an answer may repeat of the offered feedback. transport-cc is left out on purpose: without
#: it browsers fall back to REMB, which the relay speaks.
FEEDBACK = frozenset({"nack", "nack pli", "ccm fir", "goog-remb"})
#: Per m-line; Chromium 156 offers 34 payload types for video.
MAX_FORMATS = 96
#: With RTP and RTCP on one port the second byte tells them apart, and these payload types with the
#: marker bit set would be RTCP's packet types 192 to 223 (RFC 5761 4).
RTCP_NUMBERS = range(64, 96)
#: One codec's fmtp pairs; browsers write at most five.
MAX_PARAMETERS = 24

# RFC 6184 Table 5: pairs of (profile_idc, constraint flags) that mean constrained baseline, as
# (profile, mask, value) over the constraint byte.
_CONSTRAINED_BASELINE = ((0x42, 0x4F, 0x40), (0x4D, 0x8F, 0x80), (0x58, 0xCF, 0xC0))
_DEFAULT_PROFILE = "42000a"  # RFC 6184 8.1: Baseline, level 1, when profile-level-id is absent
_PROFILE = re.compile(r"[0-9A-Fa-f]{6}")


def fmtp_pairs(text: str) -> dict[str, str]:
    """The `key=value` pairs of an `a=fmtp` value; lone words map to an empty string."""
    pairs: dict[str, str] = {}
    for part in text.split(";")[:MAX_PARAMETERS]:
        name, _, value = part.strip().partition("=")
        if name:
            pairs[name.strip().lower()] = value.strip()
    return pairs


def is_constrained_baseline(profile_level_id: str) -> bool:
    """Whether a `profile-level-id` (three bytes in hexadecimal) means constrained baseline."""
    profile, flags = int(profile_level_id[:2], 16), int(profile_level_id[2:4], 16)
    return any(
        profile == idc and flags & mask == value for idc, mask, value in _CONSTRAINED_BASELINE
    )


def _preference(codec: Codec) -> int | None:
    """Smaller is better; None is a codec we do not forward."""
    match codec.name, codec.clock_rate, codec.channels:
        case "opus", 48000, 2:
            return 0
        case "H264", 90000, _:
            profile = codec.parameters.get("profile-level-id", _DEFAULT_PROFILE)
            if codec.parameters.get("packetization-mode", "0") != "1":
                return None
            if not _PROFILE.fullmatch(profile):
                return None
            return 0 if is_constrained_baseline(profile) else 1
        case "VP8", 90000, _:
            return 2
    return None


_NAMES = {"opus": ("audio", "opus"), "h264": ("video", "H264"), "vp8": ("video", "VP8")}


def negotiate(
    kind: str,
    direction: Direction,
    formats: Sequence[str],
    maps: Mapping[str, str],
    parameters: Mapping[str, str],
    feedback: Mapping[str, Sequence[str]],
) -> tuple[Codec, ...]:
    """The codecs of one m-line, best first; empty if there is none for us.

    `maps`, `parameters`, `feedback` are the `a=rtpmap`, `a=fmtp`, `a=rtcp-fb` values by payload
    type (feedback also by `*`). A publisher is left one H.264 profile, the best it offers, and
    VP8; a subscriber keeps every one, for the publisher decides what comes.
    """
    found: list[tuple[int, int, Codec]] = []
    retransmissions: dict[str, int] = {}
    for place, text in enumerate(formats[:MAX_FORMATS]):
        if int(text) in RTCP_NUMBERS:
            continue
        name, clock_rate, channels = _rtpmap(maps.get(text, ""))
        pairs = fmtp_pairs(parameters.get(text, ""))
        if name == "rtx" and clock_rate == 90000 and "apt" in pairs:
            retransmissions.setdefault(pairs["apt"], int(text))
            continue
        wanted, proper = _NAMES.get(name, ("", ""))
        if wanted != kind:
            continue
        codec = Codec(
            proper,
            int(text),
            clock_rate,
            channels,
            pairs,
            FEEDBACK & {*feedback.get(text, ()), *feedback.get("*", ())},
        )
        preference = _preference(codec)
        if preference is not None:
            found.append((preference, place, codec))
    ordered = [codec for _, _, codec in sorted(found, key=lambda entry: entry[:2])]
    if direction is Direction.PUBLISH:
        first: dict[str, Codec] = {}
        for codec in ordered:
            first.setdefault(codec.name, codec)
        ordered = list(first.values())
    return tuple(_with_rtx(codec, retransmissions) for codec in ordered)


def _with_rtx(codec: Codec, retransmissions: Mapping[str, int]) -> Codec:
    payload_type = retransmissions.get(str(codec.payload_type))
    if payload_type is None or "nack" not in codec.feedback:
        return codec  # RFC 4588 9: retransmission is asked for by generic NACK
    return Codec(
        codec.name,
        codec.payload_type,
        codec.clock_rate,
        codec.channels,
        codec.parameters,
        codec.feedback,
        payload_type,
    )


def _rtpmap(value: str) -> tuple[str, int, int | None]:
    """`opus/48000/2` as ("opus", 48000, 2); ("", 0, None) for what is not an rtpmap."""
    parts = value.split("/")
    numbers = [int(part) for part in parts[1:] if part.isdecimal() and len(part) < 8]
    if len(parts) not in (2, 3) or len(numbers) != len(parts) - 1:
        return "", 0, None
    channels = numbers[1] if len(numbers) == 2 else None
    return parts[0].lower(), numbers[0], channels
