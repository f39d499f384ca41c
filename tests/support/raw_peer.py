"""A WebRTC peer by hand: one UDP socket or TCP connection, real STUN and DTLS-SRTP, any packets."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pylibsrtp
from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from sync_classroom.relay import rtcp, rtp, stun
from sync_classroom.relay.endpoint import Endpoint, Session
from sync_classroom.relay.framing import Frames, frame
from sync_classroom.relay.rtp import extension_block
from sync_classroom.relay.sdp import ABS_SEND_TIME, AUDIO_LEVEL, MID
from sync_classroom.relay.session import Codec, Direction, LocalTransport, MediaLine, Offer
from tests.support.waiting import until

OPUS = Codec("opus", 111, 48000, 2)
VP8 = Codec("VP8", 96, 90000, None, {}, frozenset({"nack", "nack pli", "goog-remb"}))
KEY, DELTA = b"\x10\x00key", b"\x10\x01delta"


def media_lines(*, audio: int = 1, video: int = 1, shift: int = 0) -> tuple[MediaLine, ...]:
    """`shift` changes ids and payload types, to see that they are rewritten."""
    made: list[MediaLine] = []
    for kind, amount, codec in (("audio", audio, OPUS), ("video", video, VP8)):
        for slot in range(amount):
            own = Codec(
                codec.name,
                codec.payload_type + shift,
                codec.clock_rate,
                codec.channels,
                {},
                codec.feedback,
            )
            extensions = {MID: 1 + shift, ABS_SEND_TIME: 5 + shift}
            if kind == "audio":
                extensions[AUDIO_LEVEL] = 9 + shift
            made.append(MediaLine(len(made), str(len(made)), kind, True, slot, (own,), extensions))
    return tuple(made)


class RawPeer:
    """`received` are (header, payload) of decrypted RTP; `feedback` what RTCP said; `refused` what
    libsrtp would not take (a replay, or a forgery)."""

    role = "controlling"

    def __init__(self) -> None:
        self.certificate = RTCCertificate.generateCertificate()
        self.received: list[tuple[rtp.Header, bytes]] = []
        self.feedback: list[rtcp.Feedback] = []
        self.stun_answers: list[stun.Message] = []
        self.handshakes = 0
        self.session: Session
        self._dtls: asyncio.Queue[bytes] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        self.udp = self._socket()
        self.tcp: socket.socket | None = None
        self._frames = Frames()
        self._transport: Any = None
        self._keys: Any = None
        self._early: list[bytes] = []
        self.refused: list[bytes] = []
        self._numbers: dict[int, int] = {}

    def _socket(self) -> socket.socket:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        udp.bind(("127.0.0.1", 0))
        self._loop.add_reader(udp.fileno(), self._readable, udp)
        return udp

    async def _recv(self) -> bytes:
        return await self._dtls.get()

    async def _send(self, data: bytes) -> None:
        self.out(data)

    def out(self, data: bytes) -> None:
        """Send a datagram by the connection, if there is one, else by UDP."""
        if self.tcp is not None:
            self.tcp.sendall(frame(data))
        else:
            self.udp.send(data)

    async def dial(self, *, receive_buffer: int | None = None) -> None:
        """Open a connection to the session's TCP candidate; from now on everything goes there."""
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        tcp.setblocking(False)
        await self._loop.sock_connect(tcp, self.session.transport.tcp_candidates[0])
        self.hang_up()
        self.tcp, self._frames = tcp, Frames()
        self.listen()

    def listen(self, *, on: bool = True) -> None:
        """Read from the connection, or stop doing so."""
        assert self.tcp is not None
        if on:
            self._loop.add_reader(self.tcp.fileno(), self._tcp_readable, self.tcp)
        else:
            self._loop.remove_reader(self.tcp.fileno())

    def hang_up(self) -> None:
        """Close the connection, if there is one; everything goes by UDP again."""
        if self.tcp is not None:
            self._loop.remove_reader(self.tcp.fileno())
            self.tcp.close()
            self.tcp = None

    def _tcp_readable(self, tcp: socket.socket) -> None:
        try:
            data = tcp.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.hang_up()
        for datagram in self._frames.feed(data):
            self._take(datagram)

    def _readable(self, udp: socket.socket) -> None:
        while True:
            try:
                data = udp.recv(2048)
            except (BlockingIOError, ConnectionError):
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        if data[0] < 4:
            self.stun_answers.append(stun.parse(data))
        elif data[0] < 64:
            self._dtls.put_nowait(data)
        elif self._keys is None:
            self._early.append(data)  # the handshake's last flight waits in the queue before it
        else:
            self._media(data)

    def _media(self, data: bytes) -> None:
        if rtcp.is_rtcp(data[1]):
            self.feedback.append(rtcp.parse(self._keys.unprotect_rtcp(data)))
            return
        try:
            plain = self._keys.unprotect(data)
        except pylibsrtp.Error:
            self.refused.append(data)
            return
        header = rtp.parse(plain)
        self.received.append((header, plain[header.payload_at : header.payload_end]))

    def offer(self, direction: Direction, lines: tuple[MediaLine, ...]) -> Offer:
        prints = tuple((f.algorithm, f.value) for f in self.certificate.getFingerprints())
        return Offer(direction, lines, "rawufrag", "p" * 24, prints)

    def open(
        self,
        endpoint: Endpoint,
        direction: Direction,
        *,
        room: str = "lesson",
        peer: str = "host",
        source: str | None = None,
        lines: tuple[MediaLine, ...] | None = None,
        makes_room: bool = True,
    ) -> Session:
        self.session = endpoint.open_session(
            room=room,
            peer=peer,
            source=source,
            offer=self.offer(direction, lines or media_lines()),
            makes_room=makes_room,
        )
        local = self.session.transport
        self.udp.connect(local.candidates[0])
        return self.session

    def check(
        self, *, pwd: str | None = None, nominate: bool = True, local: LocalTransport | None = None
    ) -> None:
        """Send one connectivity check."""
        local = local or self.session.transport
        attributes = {
            stun.Attribute.USERNAME: f"{local.ice_ufrag}:rawufrag".encode(),
            stun.Attribute.ICE_CONTROLLING: os.urandom(8),
        }
        if nominate:
            attributes[stun.Attribute.USE_CANDIDATE] = b""
        data = stun.build(
            stun.MessageType.REQUEST, os.urandom(12), attributes, pwd or local.ice_pwd
        )
        self.out(data)

    async def connect(self) -> None:
        """ICE and DTLS."""
        local = self.session.transport
        self.check()
        self._transport = RTCDtlsTransport(self, [self.certificate])  # type: ignore[arg-type]
        self._transport._set_role("client")
        await self._transport.start(
            RTCDtlsParameters([RTCDtlsFingerprint(*local.fingerprint)], role="server")
        )
        assert self._transport.state == "connected"
        self._keys = self._transport._rx_srtp
        for data in self._early:
            self._media(data)
        self.handshakes += 1

    def move(self) -> None:
        """Carry on from a new port, as after a change of networks."""
        remote = self.udp.getpeername()
        self._loop.remove_reader(self.udp.fileno())
        self.udp.close()
        self.udp = self._socket()
        self.udp.connect(remote)

    def rtp(
        self,
        line: MediaLine,
        body: bytes,
        *,
        stamp: int = 0,
        mark: bool = True,
        level: int | None = None,
        ssrc: int | None = None,
    ) -> bytes:
        """One protected packet of a line."""
        codec = line.codecs[0]
        ssrc = ssrc if ssrc is not None else 100 + line.index
        number = self._numbers.get(ssrc, 65530) + 1
        self._numbers[ssrc] = number
        elements = [(line.extensions[MID], line.mid.encode())]
        if level is not None:
            elements.append((line.extensions[AUDIO_LEVEL], bytes([level])))
        header = struct.pack(
            ">BBHII",
            0x90,
            codec.payload_type | 0x80 * mark,
            number & 0xFFFF,
            stamp & 0xFFFFFFFF,
            ssrc,
        )
        return bytes(self._transport._tx_srtp.protect(header + extension_block(elements) + body))

    def send(self, line: MediaLine, body: bytes, **more: Any) -> None:
        self.out(self.rtp(line, body, **more))

    def control(self, packet: bytes) -> None:
        self.out(self._transport._tx_srtp.protect_rtcp(packet))

    def payloads(self, kind: int | None = None) -> list[bytes]:
        return [body for header, body in self.received if kind in (None, header.payload_type)]

    async def close(self) -> None:
        if self._transport is not None:
            await self._transport.stop()
        self.hang_up()
        self._loop.remove_reader(self.udp.fileno())
        self.udp.close()


@asynccontextmanager
async def peers(count: int) -> AsyncIterator[list[RawPeer]]:
    """So many peers, closed at the end."""
    made = [RawPeer() for _ in range(count)]
    try:
        yield made
    finally:
        for peer in made:
            await peer.close()


async def published(endpoint: Endpoint, host: RawPeer, **more: str) -> None:
    """Connect `host` as a publisher of the lesson's camera, or of what `more` says."""
    session = host.open(endpoint, Direction.PUBLISH, **more)  # type: ignore[arg-type]
    await host.connect()
    await until(lambda: session.connected)


async def subscribed(endpoint: Endpoint, viewer: RawPeer, peer: str, **more: object) -> None:
    """Connect `viewer` as a subscriber of that name."""
    session = viewer.open(endpoint, Direction.SUBSCRIBE, peer=peer, **more)  # type: ignore[arg-type]
    await viewer.connect()
    await until(lambda: session.connected)
