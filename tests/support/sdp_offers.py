"""Offers as text, with every part in a test's hand; and the answers to them."""

from __future__ import annotations

import re

from sync_classroom.relay.sdp_answer import build_answer, stream_ids
from sync_classroom.relay.session import Direction, LocalStream, LocalTransport, Offer

FINGERPRINT = "sha-256 " + ":".join(f"{byte:02X}" for byte in range(32))
TRANSPORT = LocalTransport(
    "relayufrag",
    "relaypasswordrelaypassword",
    ("sha-256", ":".join(["AB"] * 32)),
    (("192.0.2.7", 7700), ("2001:db8::7", 7700)),
    (("192.0.2.7", 7700),),
)
PWD = "abcdefghijklmnopqrstuvwx"
AUDIO = (
    "a=rtpmap:111 opus/48000/2",
    "a=fmtp:111 minptime=10;useinbandfec=1",
)
H264 = (
    "a=rtpmap:108 H264/90000",
    "a=rtcp-fb:108 nack",
    "a=rtcp-fb:108 nack pli",
    "a=rtcp-fb:108 goog-remb",
    "a=rtcp-fb:108 transport-cc",
    "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
    "a=rtpmap:109 rtx/90000",
    "a=fmtp:109 apt=108",
)


def media(
    kind: str,
    mid: str,
    *extra: str,
    port: int = 9,
    protocol: str = "UDP/TLS/RTP/SAVPF",
    formats: str | None = None,
    direction: str = "sendonly",
    codecs: tuple[str, ...] | None = None,
    transport: bool = True,
    mux: bool = True,
) -> str:
    """One m-line with its attributes."""
    formats = formats or ("111" if kind == "audio" else "108 109")
    lines = [
        f"m={kind} {port} {protocol} {formats}",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        f"a={direction}",
    ]
    if transport:
        lines += ["a=ice-ufrag:abcd", f"a=ice-pwd:{PWD}", f"a=fingerprint:{FINGERPRINT}"]
        lines.append("a=setup:actpass")
    if mux:
        lines += ["a=rtcp-mux", "a=rtcp-rsize"]
    lines += [*(codecs if codecs is not None else AUDIO if kind == "audio" else H264), *extra]
    return "\r\n".join(lines) + "\r\n"


def offer(*sections: str, bundle: str | None = "0 1", session: tuple[str, ...] = ()) -> str:
    """A whole offer of these sections."""
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if bundle is not None:
        lines.append(f"a=group:BUNDLE {bundle}")
    return "\r\n".join([*lines, *session]) + "\r\n" + "".join(sections)


PUBLISH = offer(media("audio", "0"), media("video", "1"))
SUBSCRIBE = offer(
    media("audio", "0", direction="recvonly"), media("video", "1", direction="recvonly")
)


def streams_for(parsed: Offer) -> dict[str, LocalStream]:
    """What a relay might send on every accepted line."""
    ids = stream_ids(parsed, "room")
    return {
        line.mid: LocalStream(
            1000 + line.index,
            2000 + line.index if line.kind == "video" else None,
            "cn",
            ids[line.mid],
        )
        for line in parsed.lines
        if line.accepted
    }


def answer(parsed: Offer) -> str:
    """The answer of a relay at `TRANSPORT`."""
    streams = streams_for(parsed) if parsed.direction is Direction.SUBSCRIBE else {}
    return build_answer(parsed, TRANSPORT, streams, start_bitrate_kbps=1500, max_bitrate_kbps=2500)


def section(text: str, mid: str) -> list[str]:
    """The lines of one m-line of an answer."""
    for part in re.split(r"\r\n(?=m=)", text)[1:]:
        lines = part.rstrip("\r\n").split("\r\n")
        if f"a=mid:{mid}" in lines:
            return lines
    raise AssertionError(f"no section {mid}")
