"""SDP answers written (RFC 8829, 9143), for a peer that is always the answerer.

Every line of the offer has its line in the answer; those that were not accepted have port 0.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from .feedback import SIMULCAST_SHARE
from .sdp_simulcast import answer_lines
from .session import Codec, Direction, LocalStream, LocalTransport, MediaLine, Offer

_HOST_PRIORITY = 126  # RFC 8445 5.1.2.2: the type preference recommended for host candidates

#: RFC 9725 4.3.3: an answer and the fragments after it say the same. Trickled candidates are taken.
_ICE = ("a=ice-lite", "a=ice-options:trickle ice2")


def stream_ids(offer: Offer, prefix: str) -> dict[str, str]:
    """The MediaStream id of every accepted line, by mid: lines of one source share one.

    Browsers synchronise sound and picture that share an id. Audio 0 goes with video 0; further
    audio lines go with the *last* video lines in order, so that in the layouts of
    docs/terminal-protocol.md the called-on classroom's voice (audio 1 of 2) finds its picture
    (video 2 of 3), past the courseware.
    """
    videos = sum(line.accepted and line.kind == "video" for line in offer.lines)
    audios = sum(line.accepted and line.kind == "audio" for line in offer.lines)
    shift = max(0, videos - audios)
    ids: dict[str, str] = {}
    for line in offer.lines:
        if not line.accepted:
            continue
        place = line.slot
        if line.kind == "audio" and place > 0:
            place += shift
        ids[line.mid] = f"{prefix}-{place}"
    return ids


def build_answer(
    offer: Offer,
    transport: LocalTransport,
    streams: Mapping[str, LocalStream],
    *,
    start_bitrate_kbps: int,
    max_bitrate_kbps: int,
) -> str:
    """The SDP answer: ICE-lite, DTLS-passive, BUNDLE, one line for every line of the offer.

    `streams` says by mid what a subscriber is sent. The bit rates are told to publishers'
    video encoders, which would otherwise take half a minute to reach a good picture.
    """
    accepted = [line for line in offer.lines if line.accepted]
    out = ["v=0", f"o=- {secrets.randbits(62)} 1 IN IP4 0.0.0.0", "s=-", "t=0 0", *_ICE]
    if offer.bundle:
        out.append("a=group:BUNDLE " + " ".join(line.mid for line in accepted))
    if streams:
        out.append("a=msid-semantic: WMS *")
    for line in offer.lines:
        if not line.accepted:
            out += _rejected(line)
            continue
        hints: list[str] = []
        if offer.direction is Direction.PUBLISH and line.kind == "video":
            share = SIMULCAST_SHARE if line.layers else 1.0
            hints.append(f"x-google-start-bitrate={round(start_bitrate_kbps * share)}")
            hints.append(f"x-google-max-bitrate={round(max_bitrate_kbps * share)}")
        out += _accepted(line, offer.direction, transport, hints)
        if line.mid in streams:
            out += _sent_stream(streams[line.mid], line)
        if line is accepted[0]:
            out += _candidates(transport)
    return "\r\n".join(out) + "\r\n"


def build_fragment(transport: LocalTransport, mid: str) -> str:
    """The answer to an ICE restart (RFC 9725 4.3.2): our new credentials and candidates."""
    out = [
        *_ICE,
        f"a=ice-ufrag:{transport.ice_ufrag}",
        f"a=ice-pwd:{transport.ice_pwd}",
        "m=audio 9 UDP/TLS/RTP/SAVPF 0",
        f"a=mid:{mid}",
        *_candidates(transport),
    ]
    return "\r\n".join(out) + "\r\n"


def _rejected(line: MediaLine) -> list[str]:
    return [
        f"m={line.kind} 0 {line.protocol} {' '.join(line.formats)}",
        "c=IN IP4 0.0.0.0",
        "a=inactive",
        f"a=mid:{line.mid}",
    ]


def _accepted(
    line: MediaLine, direction: Direction, transport: LocalTransport, hints: Sequence[str]
) -> list[str]:
    types: list[int] = []
    for codec in line.codecs:
        types.append(codec.payload_type)
        if codec.rtx_payload_type is not None:
            types.append(codec.rtx_payload_type)
    name, digest = transport.fingerprint
    out = [
        f"m={line.kind} 9 {line.protocol} {' '.join(map(str, types))}",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        f"a=ice-ufrag:{transport.ice_ufrag}",
        f"a=ice-pwd:{transport.ice_pwd}",
        f"a=fingerprint:{name} {digest}",
        "a=setup:passive",
        f"a=mid:{line.mid}",
        *(f"a=extmap:{number} {uri}" for uri, number in line.extensions.items()),
        "a=recvonly" if direction is Direction.PUBLISH else "a=sendonly",
        "a=rtcp-mux",
    ]
    if line.reduced_size_rtcp:
        out.append("a=rtcp-rsize")
    for codec in line.codecs:
        out += _codec(codec, hints)
    return out + answer_lines(line.layers)


def _codec(codec: Codec, hints: Sequence[str]) -> list[str]:
    number = codec.payload_type
    channels = "" if codec.channels is None else f"/{codec.channels}"
    pairs = [f"{key}={value}" if value else key for key, value in codec.parameters.items()]
    pairs = [pair for pair in pairs if not pair.startswith("x-google-")] + list(hints)
    out = [f"a=rtpmap:{number} {codec.name}/{codec.clock_rate}{channels}"]
    out += [f"a=rtcp-fb:{number} {value}" for value in sorted(codec.feedback)]
    if pairs:
        out.append(f"a=fmtp:{number} {';'.join(pairs)}")
    if codec.rtx_payload_type is not None:
        out.append(f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate}")
        out.append(f"a=fmtp:{codec.rtx_payload_type} apt={number}")
    return out


def _sent_stream(stream: LocalStream, line: MediaLine) -> list[str]:
    """RFC 8830 msid and RFC 5576 source attributes of what we send."""
    track = f"{line.kind}-{line.slot}"
    out = [f"a=msid:{stream.stream_id} {track}"]
    ssrcs = [stream.ssrc]
    if stream.rtx_ssrc is not None:
        out.append(f"a=ssrc-group:FID {stream.ssrc} {stream.rtx_ssrc}")
        ssrcs.append(stream.rtx_ssrc)
    for ssrc in ssrcs:
        out.append(f"a=ssrc:{ssrc} cname:{stream.cname}")
        out.append(f"a=ssrc:{ssrc} msid:{stream.stream_id} {track}")
    return out


def _candidates(transport: LocalTransport) -> list[str]:
    """Host candidates (RFC 8839 5.1), the first preferred; component 1 only, as RTCP is muxed."""
    out = []
    for place, (address, port) in enumerate(transport.candidates):
        priority = (_HOST_PRIORITY << 24) | ((65535 - place) << 8) | 255
        out.append(f"a=candidate:{place + 1} 1 udp {priority} {address} {port} typ host")
    out.append("a=end-of-candidates")
    return out
