"""SDP offers and fragments read (RFC 8866, 8829, 9143, 8840); answers are `sdp_answer`'s.

Parsing is bounded before anything is built, so that a hostile offer costs little. What an offer
asks and we do not do (data channels, unknown codecs, a publisher's second camera) is not `accepted`
here; an offer of which nothing is left is refused as a whole, and `whip` refuses a publisher of
whom a part would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .sdp_codecs import MAX_FORMATS, negotiate
from .sdp_simulcast import Layer, offered_layers
from .session import Codec, Direction, MediaLine, Offer

#: A host's offer of 14 lines by Chromium 156 is 75 kB.
MAX_OFFER_BYTES = 192 * 1024
#: 13 video slots, 2 audio slots and a data channel fit twice.
MAX_MEDIA_LINES = 32
#: The same offer has 2300 lines; reading this many takes 5 ms.
MAX_LINES = 8000
#: The longest real line is `m=video` with 34 payload types, 150 characters.
MAX_LINE_CHARACTERS = 2048
#: Trickled candidates and credentials of one session (RFC 8840).
MAX_FRAGMENT_BYTES = 16 * 1024
#: A media identifier travels in a one-byte header extension element of at most 16 bytes.
MAX_MID_BYTES = 16

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"

_EXTENSIONS = {
    ("audio", Direction.PUBLISH): frozenset({MID, ABS_SEND_TIME, AUDIO_LEVEL}),
    ("video", Direction.PUBLISH): frozenset({MID, ABS_SEND_TIME, RID, REPAIRED_RID}),
    ("audio", Direction.SUBSCRIBE): frozenset({MID, ABS_SEND_TIME, AUDIO_LEVEL}),
    ("video", Direction.SUBSCRIBE): frozenset({MID, ABS_SEND_TIME}),
}
_PROTOCOLS = frozenset({"UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"})
_DIRECTIONS = frozenset({"sendrecv", "sendonly", "recvonly", "inactive"})
_FITTING = {
    Direction.PUBLISH: frozenset({"sendrecv", "sendonly"}),
    Direction.SUBSCRIBE: frozenset({"sendrecv", "recvonly"}),
}
_HASH_BYTES = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
_MAX_SSRC = 0xFFFFFFFF
_HIGHEST_EXTENSION_ID = 14  # RFC 8285 4.2: 15 is reserved in one-byte headers

_MEDIA = re.compile(r"([A-Za-z]{1,32}) (\d{1,5})(?:/\d{1,3})? ([A-Za-z/]{1,64})((?: [^ ]{1,64})+)")
_TOKEN = re.compile(r"[!#-'*+\-.0-9A-Z^-~]+")  # RFC 8866 9: token
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839 5.4
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_EXTMAP = re.compile(r"(\d{1,5})(?:/[a-z]{1,8})? ([^ ]{1,256})(?: .*)?")


class SdpError(ValueError):
    """An offer or fragment that is not answered."""


class MalformedSdpError(SdpError):
    """Not SDP, or SDP that contradicts itself (HTTP 400)."""


class UnacceptableSdpError(SdpError):
    """Good SDP, but nothing in it that we can serve (HTTP 406)."""


@dataclass(slots=True)
class _Section:
    """The raw attributes of the session part or of one m-line."""

    kind: str = ""
    port: int = 0
    protocol: str = ""
    formats: tuple[str, ...] = ()
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def first(self, name: str) -> str | None:
        values = self.attributes.get(name)
        return values[0] if values else None

    def all(self, name: str) -> Sequence[str]:
        return self.attributes.get(name, ())


@dataclass(frozen=True, slots=True)
class Fragment:
    """A `application/trickle-ice-sdpfrag` body: credentials and how many candidates it named."""

    ice_ufrag: str | None
    ice_pwd: str | None
    candidates: int


def parse_offer(
    text: str, direction: Direction, *, kinds: Collection[str] = ("audio", "video")
) -> Offer:
    """Parse and negotiate an offer of a publisher or subscriber.

    `kinds` are the media kinds the peer may use; lines of another kind are not accepted. Raises
    `MalformedSdpError` or `UnacceptableSdpError`.
    """
    session, sections = _sections(text)
    group = _bundle_group(session, sections)
    lines: list[MediaLine] = []
    slots: dict[str, int] = {}
    for index, section in enumerate(sections):
        line = _media_line(index, session, section, direction)
        # RFC 9143 7.3: one transport for all; a line outside the group would need its own.
        fits = line.accepted and line.kind in kinds and _shares(line, group, slots)
        if direction is Direction.PUBLISH and line.kind in slots:
            fits = False  # a source is one voice and one picture
        slot = slots.get(line.kind, 0) if fits else -1
        if fits:
            slots[line.kind] = slot + 1
        lines.append(replace(line, accepted=fits, slot=slot))
    if not slots:
        raise UnacceptableSdpError(
            f"none of the {len(lines)} m-lines can be served: {_reasons(direction)}"
        )
    _check_shared_numbers(lines)
    ufrag, pwd, fingerprints, setup = _transport(session, sections, lines)
    return Offer(direction, tuple(lines), ufrag, pwd, fingerprints, setup, bundle=group is not None)


def parse_fragment(text: str) -> Fragment:
    """Parse a trickle-ICE fragment (RFC 8840 9); raises `MalformedSdpError`."""
    ufrag = pwd = None
    candidates = 0
    for kind, value in _lines(text, MAX_FRAGMENT_BYTES):
        name, _, rest = value.partition(":")
        if kind != "a":
            continue
        if name == "ice-ufrag":
            ufrag = rest
        elif name == "ice-pwd":
            pwd = rest
        elif name == "candidate":
            candidates += 1
    if (ufrag is None) != (pwd is None):
        raise MalformedSdpError("a fragment has ice-ufrag and ice-pwd, or neither")
    if ufrag is not None and pwd is not None:
        _check_credentials(ufrag, pwd)
    return Fragment(ufrag, pwd, candidates)


# ---------------------------------------------------------------------------- reading


def _lines(text: str, limit: int) -> list[tuple[str, str]]:
    if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
        raise MalformedSdpError(f"more than {limit} bytes of SDP")
    if "\0" in text:
        raise MalformedSdpError("a NUL in SDP")
    if text.count("\n") > MAX_LINES:
        raise MalformedSdpError(f"more than {MAX_LINES} lines of SDP")
    found = []
    for number, line in enumerate(text.replace("\r\n", "\n").rstrip("\n").split("\n"), 1):
        if len(line) > MAX_LINE_CHARACTERS:
            raise MalformedSdpError(f"line {number} has more than {MAX_LINE_CHARACTERS} characters")
        if len(line) < 2 or line[1] != "=" or "\r" in line:
            raise MalformedSdpError(f"line {number} is not <letter>=<value>")
        found.append((line[0], line[2:]))
    return found


def _sections(text: str) -> tuple[_Section, list[_Section]]:
    session = current = _Section()
    sections: list[_Section] = []
    lines = _lines(text, MAX_OFFER_BYTES)
    if lines[0] != ("v", "0"):
        raise MalformedSdpError("SDP starts with v=0")
    for kind, value in lines[1:]:
        if kind == "m":
            if len(sections) == MAX_MEDIA_LINES:
                raise MalformedSdpError(f"more than {MAX_MEDIA_LINES} m-lines")
            current = _media_section(value)
            sections.append(current)
        elif kind == "a":
            name, _, rest = value.partition(":")
            current.attributes.setdefault(name, []).append(rest)
    if not sections:
        raise MalformedSdpError("an offer has at least one m-line")
    return session, sections


def _media_section(value: str) -> _Section:
    match = _MEDIA.fullmatch(value)
    if match is None or int(match[2]) > 65535:
        raise MalformedSdpError(f"not an m-line: {value[:80]!r}")
    formats = tuple(match[4].split())
    if len(formats) > MAX_FORMATS or len(set(formats)) != len(formats):
        raise MalformedSdpError(f"an m-line names at most {MAX_FORMATS} formats, each once")
    if match[3].upper().endswith(("/SAVPF", "/SAVP")) and not all(map(_payload_type, formats)):
        raise MalformedSdpError(f"payload types are 0 to 127: {value[:80]!r}")
    return _Section(match[1].lower(), int(match[2]), match[3], formats)


def _payload_type(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 127


def _bundle_group(session: _Section, sections: Sequence[_Section]) -> frozenset[str] | None:
    """The mids of the BUNDLE group, or None; checks that mids are there once each."""
    mids = [section.first("mid") for section in sections]
    for mid in mids:
        if mid is None or len(mid) > MAX_MID_BYTES or not _TOKEN.fullmatch(mid):
            raise MalformedSdpError(f"every m-line needs an a=mid token, not {mid!r}")
    if len(set(mids)) != len(mids):
        raise MalformedSdpError("two m-lines share a mid")
    for group in session.all("group"):
        semantics, members = _group(group)
        if semantics.upper() == "BUNDLE":
            return frozenset(members)
    return None


def _group(text: str) -> tuple[str, Sequence[str]]:
    """Semantics and members of a group of lines (RFC 5888 5) or of sources (RFC 5576 4.2)."""
    semantics, *members = text.split() or [""]
    if not semantics:
        raise MalformedSdpError("a group of lines or sources has no semantics")
    return semantics, members


def _shares(line: MediaLine, group: frozenset[str] | None, slots: Mapping[str, int]) -> bool:
    return line.mid in group if group is not None else not slots


def _media_line(
    index: int, session: _Section, section: _Section, direction: Direction
) -> MediaLine:
    """One m-line by itself: `accepted` if nothing in it stands against it."""
    mid = section.first("mid") or ""
    # RFC 9143 6: port 0 in an offer is a disabled line, except beside bundle-only.
    enabled = section.port != 0 or "bundle-only" in section.attributes
    plain = MediaLine(
        index,
        mid,
        section.kind,
        False,
        -1,
        protocol=section.protocol,
        formats=section.formats,
        asked=enabled and _direction(session, section) in _FITTING[direction],
    )
    wanted = _EXTENSIONS.get((section.kind, direction))
    if wanted is None or section.protocol.upper() not in _PROTOCOLS:
        return plain
    if not plain.asked or "rtcp-mux" not in section.attributes:
        return plain  # RFC 8834 4.5: WebRTC peers multiplex; we have one port
    codecs = _codecs(section, direction)
    if not codecs:
        return plain
    extensions = _extensions(session, section, wanted)
    layers: tuple[Layer, ...] = ()
    ssrc = rtx_ssrc = None
    if direction is Direction.PUBLISH:
        if RID in extensions:  # without it the layers could not be told apart
            types = [codec.payload_type for codec in codecs]
            layers = offered_layers(section.all("rid"), section.all("simulcast"), types)
        if not layers:
            ssrc, rtx_ssrc = _ssrcs(section)
    return replace(
        plain,
        accepted=True,
        codecs=codecs,
        extensions=extensions,
        layers=layers,
        ssrc=ssrc,
        rtx_ssrc=rtx_ssrc,
        reduced_size_rtcp="rtcp-rsize" in section.attributes,
    )


def _direction(session: _Section, section: _Section) -> str:
    for part in (section, session):
        for name in part.attributes:
            if name in _DIRECTIONS:
                return name
    return "sendrecv"


def _codecs(section: _Section, direction: Direction) -> tuple[Codec, ...]:
    maps = dict(_keyed(section.all("rtpmap")))
    parameters = dict(_keyed(section.all("fmtp")))
    feedback: dict[str, list[str]] = {}
    for payload_type, value in _keyed(section.all("rtcp-fb")):
        feedback.setdefault(payload_type, []).append(value.strip())
    return negotiate(section.kind, direction, section.formats, maps, parameters, feedback)


def _keyed(values: Sequence[str]) -> list[tuple[str, str]]:
    return [(key, value) for key, _, value in (text.partition(" ") for text in values)]


def _extensions(session: _Section, section: _Section, wanted: Collection[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in (*section.all("extmap"), *session.all("extmap")):
        match = _EXTMAP.fullmatch(text)
        if match is None:
            raise MalformedSdpError(f"not an a=extmap: {text[:80]!r}")
        number, uri = int(match[1]), match[2]
        if uri in wanted and 1 <= number <= _HIGHEST_EXTENSION_ID:
            found.setdefault(uri, number)
    return found


def _ssrcs(section: _Section) -> tuple[int | None, int | None]:
    """The first media SSRC and its retransmission SSRC (RFC 5576 4.2 FID group)."""
    for text in section.all("ssrc-group"):
        semantics, members = _group(text)
        if semantics == "FID" and len(members) == 2:
            return _ssrc(members[0]), _ssrc(members[1])
    for text in section.all("ssrc"):
        return _ssrc(text.partition(" ")[0]), None
    return None, None


def _ssrc(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 10 or int(text) > _MAX_SSRC:
        raise MalformedSdpError(f"not an SSRC: {text[:20]!r}")
    return int(text)


def _check_shared_numbers(lines: Sequence[MediaLine]) -> None:
    """RFC 9143 9.1, 9.2: in one BUNDLE a payload type or extension id means one thing."""
    types: dict[int, tuple[str, str]] = {}
    extensions: dict[int, str] = {}
    for line in lines:
        if not line.accepted:
            continue
        for codec in line.codecs:
            meaning = (line.kind, codec.name)
            if types.setdefault(codec.payload_type, meaning) != meaning:
                raise MalformedSdpError(f"payload type {codec.payload_type} means two things")
        for uri, number in line.extensions.items():
            if extensions.setdefault(number, uri) != uri:
                raise MalformedSdpError(f"header extension id {number} means two things")


def _transport(
    session: _Section, sections: Sequence[_Section], lines: Sequence[MediaLine]
) -> tuple[str, str, tuple[tuple[str, str], ...], str]:
    """Credentials, fingerprints and setup of the transport all accepted lines share.

    Bundle-only lines have none of their own (RFC 9143 6), so the first line that has some, in the
    group or out of it, speaks for all; what stands in the session part is the default.
    """
    parts = [sections[line.index] for line in lines if line.accepted]
    parts += [section for section in sections if section not in parts]
    parts.append(session)
    if "ice-lite" in session.attributes:
        raise UnacceptableSdpError("both sides are ICE-lite: nobody would start checks")
    ufrag, pwd = _first(parts, "ice-ufrag"), _first(parts, "ice-pwd")
    if ufrag is None or pwd is None:
        raise MalformedSdpError("an offer needs a=ice-ufrag and a=ice-pwd")
    _check_credentials(ufrag, pwd)
    values = next((part.all("fingerprint") for part in parts if part.all("fingerprint")), ())
    if not values:
        raise MalformedSdpError("an offer needs a=fingerprint")
    fingerprints = tuple(pair for pair in map(_fingerprint, values) if pair is not None)
    if not fingerprints:
        raise UnacceptableSdpError(f"a=fingerprint must use one of {', '.join(_HASH_BYTES)}")
    setup = _first(parts, "setup") or "actpass"
    if setup not in {"actpass", "active"}:
        raise UnacceptableSdpError(f"a=setup:{setup[:20]}: the relay is the passive side of DTLS")
    return ufrag, pwd, fingerprints, setup


def _first(parts: Sequence[_Section], name: str) -> str | None:
    return next((value for part in parts if (value := part.first(name)) is not None), None)


def _check_credentials(ufrag: str, pwd: str) -> None:
    if not _UFRAG.fullmatch(ufrag) or not _PWD.fullmatch(pwd):
        raise MalformedSdpError("ice-ufrag has 4 to 256 ice-chars, ice-pwd 22 to 256")


def _fingerprint(value: str) -> tuple[str, str] | None:
    name, _, digest = value.partition(" ")
    size = _HASH_BYTES.get(name.lower())
    if size is None:
        return None
    digest = digest.strip().upper()
    if not re.fullmatch(rf"(?:[0-9A-F]{{2}}:){{{size - 1}}}[0-9A-F]{{2}}", digest):
        raise MalformedSdpError(f"not a {name[:20]} fingerprint")
    return name.lower(), digest


def _reasons(direction: Direction) -> str:
    way = "sendonly" if direction is Direction.PUBLISH else "recvonly"
    return (
        f"needed are audio or video, {way}, rtcp-mux, with Opus, H264 (packetization-mode 1) or VP8"
    )
