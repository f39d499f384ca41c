"""Values that the signalling side (SDP, WHIP, WHEP) and the packet side of the relay exchange."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .sdp_simulcast import Layer


class Direction(StrEnum):
    """Whether a session brings media to the relay or takes it away."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec of an m-line as negotiated; `name` is `H264`, `VP8` or `opus`.

    `parameters` are the remote's `a=fmtp` pairs; `feedback` its `a=rtcp-fb` values, such as
    `nack`, `nack pli`, `goog-remb`, `transport-cc`. `rtx_payload_type` is that of RFC 4588
    retransmission, if it was negotiated.
    """

    name: str
    payload_type: int
    clock_rate: int
    channels: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    feedback: frozenset[str] = frozenset()
    rtx_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One m-line of an offer after negotiation. `extensions` maps URI to the agreed id (1–14).

    `slot` counts the accepted lines of the same kind, from 0. `ssrc`, `rtx_ssrc` are what a
    publisher announced, if it did; `layers` are the simulcast streams it will send instead, known
    by their RIDs. A line that is not `accepted` is answered with port 0 and has slot -1; it is
    `asked` if the peer wants media on it all the same. `protocol`, `formats` and
    `reduced_size_rtcp` (RFC 5506) are echoed by the answer.
    """

    index: int
    mid: str
    kind: str
    accepted: bool
    slot: int
    codecs: tuple[Codec, ...] = ()
    extensions: Mapping[str, int] = field(default_factory=dict)
    ssrc: int | None = None
    rtx_ssrc: int | None = None
    protocol: str = "UDP/TLS/RTP/SAVPF"
    formats: tuple[str, ...] = ()
    reduced_size_rtcp: bool = False
    asked: bool = True
    layers: tuple[Layer, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A parsed and negotiated offer. `fingerprints` are (hash name in lower case, `AA:BB:…`).

    `bundle` says whether the offer has a BUNDLE group; without one only one line is accepted.
    """

    direction: Direction
    lines: tuple[MediaLine, ...]
    ice_ufrag: str
    ice_pwd: str
    fingerprints: tuple[tuple[str, str], ...]
    setup: str = "actpass"
    bundle: bool = True


@dataclass(frozen=True, slots=True)
class LocalTransport:
    """What an answer says about our side. `candidates` are (IP address, UDP port)."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint: tuple[str, str]
    candidates: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class LocalStream:
    """What we send on one m-line (subscribe sessions only)."""

    ssrc: int
    rtx_ssrc: int | None
    cname: str
    stream_id: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What one session moved in `[from_at, to_at)`, cut at a receiver report or at close.

    For `publish`: `packets`, `bytes` arrived and `lost` were found missing. For `subscribe`:
    `packets` were sent and `acked` of them are acknowledged by authenticated receiver reports.
    """

    room: str
    peer: str
    direction: Direction
    source: str | None
    from_at: datetime
    to_at: datetime
    packets: int
    acked: int
    bytes: int
    lost: int
    rtt_ms: float | None
    jitter_ms: float | None
    nacks: int
    plis: int
    dropped: int
    path: str
    layer: str | None = None
    """`1280x720`: the largest picture that arrived, or that was sent in video slot 0."""


class SessionRefusedError(Exception):
    """A session cannot be opened; `code` is stable, `retry_after_s` set when trying again helps."""

    def __init__(self, code: str, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s
