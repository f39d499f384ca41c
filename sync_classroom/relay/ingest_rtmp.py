"""RTMP as a server that is published to (Adobe's specification 1.0, AMF0). Pure: bytes in and out.

Only what recording hosts, OBS, FFmpeg and GStreamer say when they push; media comes out as FLV.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final

HANDSHAKE: Final = 1536
MAX_MESSAGE: Final = 4 * 1024 * 1024
"""A keyframe of a 1080p host is some 300 kB; more than this is nonsense."""
MAX_CHUNK_STREAMS: Final = 32
"""Hosts use four to six; each may hold the beginning of a message."""
MAX_CHUNK: Final = 1024 * 1024
"""OBS sends 4096, FFmpeg 60000: more than a message's worth makes no sense."""
MAX_AMF_ITEMS: Final = 128
"""A `connect` has some 15 values, the metadata of OBS some 25."""
MAX_AMF_DEPTH: Final = 6
"""Real commands nest once; the reader calls itself for every level."""
WINDOW: Final = 2_500_000
"""Bytes after which a host wants an acknowledgement: what servers commonly ask (5.4.4)."""
OUR_CHUNK: Final = 4096
"""Our longest answer in one chunk."""
_SET_CHUNK, _ABORT, _ACK, _USER, _WINDOW_ACK, _BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO = 8, 9
_DATA, _COMMAND3, _COMMAND = 18, 17, 20
FLV_HEADER: Final = b"FLV\1\5\0\0\0\x09\0\0\0\0"
_PING, _PONG = 6, 7


@dataclass(frozen=True, slots=True)
class Publish:
    """Somebody wants to publish under this stream key: `accept` or `refuse`."""

    key: str


@dataclass(frozen=True, slots=True)
class Tag:
    """One FLV tag; `header` says that a decoder needs it before all others, `key` a keyframe."""

    data: bytes
    kind: int
    header: bool
    key: bool


@dataclass(frozen=True, slots=True)
class Unpublish:
    """The publisher says that it has ended."""


Event = Publish | Tag | Unpublish


@dataclass(slots=True)
class _Chunks:
    """One chunk stream's running header and the message it is in the middle of."""

    timestamp: int = 0
    delta: int = 0
    length: int = 0
    kind: int = 0
    extended: bool = False
    body: bytearray = field(default_factory=bytearray)


class RtmpServer:
    """One connection. `receive` what came, then send what `outgoing` gives.

    Raises ValueError for what is not RTMP; the connection is then to be closed.
    """

    def __init__(self) -> None:
        self._in = bytearray()
        self._out = bytearray()
        self._stage = 0
        self._chunk = 128
        self._streams: dict[int, _Chunks] = {}
        self._window = WINDOW
        self._received = self._acknowledged = 0
        self._publishing = False
        self._awaiting = False
        self._told_chunk = False

    def outgoing(self) -> bytes:
        """What to send now."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def receive(self, data: bytes) -> list[Event]:
        """Bytes that came. What follows a `Publish` waits until it is accepted or refused: ask
        again, without bytes."""
        self._in += data
        self._received += len(data)
        events: list[Event] = []
        while not self._awaiting and self._step(events):
            pass
        if self._received - self._acknowledged >= self._window // 2:
            self._acknowledged = self._received
            self._control(_ACK, struct.pack(">I", self._received & 0xFFFFFFFF))
        return events

    def accept(self) -> None:
        """The key is known: media may come."""
        self._publishing, self._awaiting = True, False
        self._status("status", "NetStream.Publish.Start", "ok")

    def refuse(self) -> None:
        """The key is unknown; send what is outgoing and close."""
        self._awaiting = False
        self._status("error", "NetStream.Publish.BadName", "unknown stream key")

    # ------------------------------------------------------------------ bytes to messages

    def _step(self, events: list[Event]) -> bool:
        if self._stage == 0:
            return self._hello()
        if self._stage == 1:
            if len(self._in) < HANDSHAKE:
                return False
            del self._in[:HANDSHAKE]  # C2, an echo of ours
            self._stage = 2
            return True
        return self._one_chunk(events)

    def _hello(self) -> bool:
        if self._in and self._in[0] != 3:
            raise ValueError(f"RTMP version {self._in[0]}")
        if len(self._in) < 1 + HANDSHAKE:
            return False
        theirs = bytes(self._in[1 : 1 + HANDSHAKE])
        del self._in[: 1 + HANDSHAKE]
        self._out += b"\3" + bytes(HANDSHAKE) + theirs
        self._stage = 1
        return True

    def _one_chunk(self, events: list[Event]) -> bool:
        """Read one chunk (5.3.1) if it is there as a whole."""
        data = self._in
        start = self._number()
        if start is None:
            return False
        form, number, at = start
        size = (11, 7, 3, 0)[form]
        if len(data) < at + size:
            return False
        chunks = self._streams.get(number) or self._new_stream(number, form)
        head = data[at : at + size]
        at += size
        stamp = int.from_bytes(head[:3], "big") if size else None
        extended = chunks.extended if stamp is None else stamp == 0xFFFFFF
        if extended:
            if len(data) < at + 4:
                return False
            stamp = int.from_bytes(data[at : at + 4], "big") if size else None
            at += 4
        length = int.from_bytes(head[3:6], "big") if size >= 7 else chunks.length
        if length > MAX_MESSAGE:
            raise ValueError(f"a message of {length} bytes")
        part = min(self._chunk, max(0, length - len(chunks.body)))
        if len(data) < at + part:
            return False
        chunks.extended = extended
        if size >= 7:
            chunks.length, chunks.kind = length, head[6]
        if not chunks.body:
            self._advance(chunks, form, stamp)
        chunks.body += data[at : at + part]
        del data[: at + part]
        if len(chunks.body) >= chunks.length:
            body, chunks.body = bytes(chunks.body), bytearray()
            self._message(chunks.kind, chunks.timestamp, body, events)
        return True

    def _number(self) -> tuple[int, int, int] | None:
        """Form, chunk stream and length of a basic header (5.3.1.1), if it is there."""
        data = self._in
        if not data:
            return None
        form, number = data[0] >> 6, data[0] & 63
        if number >= 2:
            return form, number, 1
        at = number + 2
        if len(data) < at:
            return None
        return form, int.from_bytes(data[1:at], "little") + 64, at

    def _new_stream(self, number: int, form: int) -> _Chunks:
        if form > 1:
            raise ValueError(f"chunk stream {number} begins in the middle")
        if len(self._streams) >= MAX_CHUNK_STREAMS:
            raise ValueError(f"more than {MAX_CHUNK_STREAMS} chunk streams")
        return self._streams.setdefault(number, _Chunks())

    @staticmethod
    def _advance(chunks: _Chunks, form: int, stamp: int | None) -> None:
        """A message begins: its time is absolute in form 0, else since the one before."""
        if form == 0 and stamp is not None:
            chunks.timestamp, chunks.delta = stamp, 0
            return
        if stamp is not None:
            chunks.delta = stamp
        chunks.timestamp = (chunks.timestamp + chunks.delta) & 0xFFFFFFFF

    # ------------------------------------------------------------------ messages

    def _message(self, kind: int, timestamp: int, body: bytes, events: list[Event]) -> None:
        if kind == _SET_CHUNK and len(body) >= 4:
            size = int.from_bytes(body[:4], "big") & 0x7FFFFFFF
            if not 1 <= size <= MAX_CHUNK:
                raise ValueError(f"chunks of {size} bytes")
            self._chunk = size
        elif kind == _ABORT and len(body) >= 4:
            found = self._streams.get(int.from_bytes(body[:4], "big"))
            if found is not None:
                found.body.clear()
        elif kind == _WINDOW_ACK and len(body) >= 4:
            self._window = max(1, int.from_bytes(body[:4], "big"))
        elif kind == _USER and body[:2] == _PING.to_bytes(2, "big"):
            self._control(_USER, _PONG.to_bytes(2, "big") + body[2:6])
        elif kind in (AUDIO, VIDEO) and self._publishing and len(body) > 1:
            events.append(_tag(kind, timestamp, body))
        elif kind in (_COMMAND, _COMMAND3):
            self._command(read_amf(body[1:] if kind == _COMMAND3 else body), events)

    def _command(self, values: list[Any], events: list[Event]) -> None:
        if len(values) < 2 or not isinstance(values[0], str):
            return
        name, number = values[0], values[1]
        if name == "connect":
            self._control(_WINDOW_ACK, struct.pack(">I", WINDOW))
            self._control(_BANDWIDTH, struct.pack(">IB", WINDOW, 2))
            self._control(_SET_CHUNK, struct.pack(">I", OUR_CHUNK))
            self._answer(
                number,
                {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0},
                {
                    "level": "status",
                    "code": "NetConnection.Connect.Success",
                    "description": "ok",
                    "objectEncoding": 0.0,
                },
            )
        elif name in ("releaseStream", "FCPublish"):
            self._answer(number, None, None)
        elif name == "createStream":
            self._answer(number, None, 1.0)
        elif name == "publish" and not self._publishing and not self._awaiting:
            key = values[3] if len(values) > 3 else ""
            self._awaiting = True
            events.append(Publish(str(key).partition("?")[0]))
        elif name in ("deleteStream", "FCUnpublish", "closeStream"):
            self._publishing = False
            events.append(Unpublish())

    # ------------------------------------------------------------------ out

    def _control(self, kind: int, body: bytes) -> None:
        self._send(2, kind, 0, body)

    def _answer(self, number: object, *values: object) -> None:
        self._send(3, _COMMAND, 0, write_amf("_result", number, *values))

    def _status(self, level: str, code: str, description: str) -> None:
        about = {"level": level, "code": code, "description": description}
        self._send(5, _COMMAND, 1, write_amf("onStatus", 0.0, None, about))

    def _send(self, chunk_stream: int, kind: int, stream: int, body: bytes) -> None:
        """One message, in parts of 128 bytes until the peer was told of longer ones (5.4.1)."""
        self._out += bytes([chunk_stream]) + bytes(3) + len(body).to_bytes(3, "big")
        self._out += bytes([kind]) + stream.to_bytes(4, "little")
        limit = OUR_CHUNK if self._told_chunk else 128
        for at in range(0, len(body), limit):
            if at:
                self._out += bytes([0xC0 | chunk_stream])
            self._out += body[at : at + limit]
        self._told_chunk = self._told_chunk or kind == _SET_CHUNK


def _tag(kind: int, timestamp: int, body: bytes) -> Tag:
    size = len(body).to_bytes(3, "big")
    stamp = (timestamp & 0xFFFFFF).to_bytes(3, "big") + bytes([timestamp >> 24 & 0xFF])
    data = bytes([kind]) + size + stamp + bytes(3) + body
    data += len(data).to_bytes(4, "big")
    if kind == VIDEO:
        # FLV 10.1 E.4.3: 7 is AVC; packet type 0 its record. High bit: enhanced RTMP.
        header = body[1] == 0 and body[0] & 0x0F == 7 and not body[0] & 0x80
        return Tag(data, kind, header, body[0] >> 4 & 7 == 1 and not header)
    return Tag(data, kind, body[0] >> 4 == 10 and body[1] == 0, False)


# ---------------------------------------------------------------------------- AMF0


def read_amf(data: bytes) -> list[Any]:
    """The values of an AMF0 message; ValueError if damaged, too deep or too many."""
    reader = _AmfReader(data)
    values = []
    while reader.left:
        values.append(reader.value(0))
    return values


class _AmfReader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._items = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def _take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise ValueError("AMF that ends in the middle")
        self._at += count
        return self._data[self._at - count : self._at]

    def _text(self, size: int) -> str:
        length = int.from_bytes(self._take(size), "big")
        return self._take(length).decode("utf-8", "replace")

    def value(self, depth: int) -> Any:
        self._items += 1
        if depth > MAX_AMF_DEPTH or self._items > MAX_AMF_ITEMS:
            raise ValueError("AMF with too much in it")
        kind = self._take(1)[0]
        if kind == 0:
            return struct.unpack(">d", self._take(8))[0]
        if kind == 1:
            return self._take(1) != b"\0"
        if kind in (2, 12):
            return self._text(2 if kind == 2 else 4)
        if kind in (5, 6):
            return None
        if kind in (3, 8):
            if kind == 8:
                self._take(4)
            return self._object(depth)
        if kind == 10:
            count = int.from_bytes(self._take(4), "big")
            if count > MAX_AMF_ITEMS:
                raise ValueError("AMF with too much in it")
            return [self.value(depth + 1) for _ in range(count)]
        if kind == 11:
            self._take(10)
            return None
        raise ValueError(f"AMF0 of type {kind}")

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while True:
            name = self._text(2)
            if self._data[self._at : self._at + 1] == b"\x09":
                self._at += 1
                return found
            found[name] = self.value(depth + 1)


def write_amf(*values: object) -> bytes:
    """Numbers, texts, None and flat objects in AMF0."""
    out = bytearray()
    for value in values:
        if value is None:
            out += b"\5"
        elif isinstance(value, str):
            out += b"\2" + _short(value)
        elif isinstance(value, dict):
            out += b"\3"
            for name, inner in value.items():
                out += _short(name) + write_amf(inner)
            out += b"\0\0\x09"
        else:
            out += b"\0" + struct.pack(">d", float(value) if isinstance(value, int | float) else 0)
    return bytes(out)


def _short(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data
