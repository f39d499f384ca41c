"""Simulcast in SDP: the layers a publisher offers, and the lines that accept them.

RFC 8853 (`a=simulcast`), RFC 8851 (`a=rid`). A layer we cannot take is left out of the answer,
which tells the sender not to send it; the rest of the line stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

#: Chromium sends at most three; one more costs an SSRC pair and a keyframe cache, no more.
MAX_LAYERS: Final = 4
#: A RID travels in a one-byte header extension element (RFC 8852) of at most 16 bytes.
MAX_RID_BYTES: Final = 16
#: RFC 8851 5; a restriction we do not know might be one we break, so its layer is not taken (6.3).
_RESTRICTIONS: Final = frozenset(
    {"pt", "max-width", "max-height", "max-fps", "max-fs", "max-br", "max-pps", "max-bpp", "depend"}
)

# RFC 8851 10: a rid-id is of letters, digits, hyphens and underscores.
_RID = re.compile(r"([A-Za-z0-9_-]{1,64}) (send|recv)(?: (.{1,512}))?")


@dataclass(frozen=True, slots=True)
class Layer:
    """One accepted simulcast stream: its RID and its restrictions as the answer repeats them."""

    rid: str
    restrictions: str = ""


def offered_layers(
    rids: Sequence[str], simulcast: Sequence[str], payload_types: Collection[int]
) -> tuple[Layer, ...]:
    """The layers of an m-line's `a=rid` and `a=simulcast` values that can be taken, in their order.

    `payload_types` are those of the codecs that were negotiated. Of alternatives (RFC 8853 5.1) the
    first is meant; a stream that starts paused (`~`) is taken, too. One layer alone is a layer
    still: its packets carry a RID. Values that are not understood take nothing.
    """
    known = dict(filter(None, (_rid(text, payload_types) for text in rids)))
    layers: dict[str, Layer] = {}
    for rid in _send_list(simulcast):
        if rid in known and rid not in layers and len(layers) < MAX_LAYERS:
            layers[rid] = Layer(rid, known[rid])
    return tuple(layers.values())


def answer_lines(layers: Sequence[Layer]) -> list[str]:
    """The attributes that accept these layers, in the offer's order (RFC 8853 5.3.2)."""
    if not layers:
        return []
    lines = [f"a=rid:{layer.rid} recv {layer.restrictions}".rstrip() for layer in layers]
    return [*lines, "a=simulcast:recv " + ";".join(layer.rid for layer in layers)]


def _rid(text: str, payload_types: Collection[int]) -> tuple[str, str] | None:
    match = _RID.fullmatch(text.strip())
    if match is None or match[2] != "send" or len(match[1]) > MAX_RID_BYTES:
        return None
    restrictions = _pairs(match[3] or "")
    if set(restrictions) - _RESTRICTIONS or "depend" in restrictions:
        return None  # a layer that depends on another one cannot be forwarded by itself
    if "pt" in restrictions:
        ours = [pt for pt in restrictions["pt"].split(",") if pt.isdecimal() and len(pt) < 4]
        ours = [pt for pt in ours if int(pt) in payload_types]
        if not ours:
            return None
        restrictions["pt"] = ",".join(ours)
    return match[1], ";".join(f"{name}={value}" for name, value in restrictions.items())


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, _, value = part.partition("=")
        pairs[name] = value
    return pairs


def _send_list(values: Sequence[str]) -> list[str]:
    """The first alternative of every stream in `send …` of `a=simulcast:send h;m;l recv …`."""
    words = values[0].split() if values else []
    directions: Mapping[str, str] = dict(zip(words[::2], words[1::2], strict=False))
    streams = directions.get("send", "").split(";")
    return [stream.split(",")[0].removeprefix("~") for stream in streams]
