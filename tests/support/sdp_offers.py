"""Offers as text, with every part in a test's hand."""

from __future__ import annotations

FINGERPRINT = "sha-256 " + ":".join(f"{byte:02X}" for byte in range(32))
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
