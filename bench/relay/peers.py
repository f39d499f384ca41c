"""The raw WebRTC peers of every relay bench: real ICE checks, DTLS and SRTP, no browser's weight.

Relay and Janus get the same bytes from the same `Source` and lose them to the same `Drain`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from bench.relay.pattern import VIDEO, Burst, Pattern, bursts
from bench.relay.receiving import Mailbox
from sync_classroom.relay import stun
from sync_classroom.relay.dtls import PROFILES
from sync_classroom.relay.session import Direction

UFRAG, PWD = "benchufrag", "benchpasswordbenchpassword"
OPUS, VP8 = 111, 96
PAYLOAD_TYPES: Final = (OPUS, VP8)
MID_ID, SEND_TIME_ID = 1, 2
FIRST_NUMBER: Final = 100
CONNECT_S: Final = 20.0
CHECK_AGAIN_S: Final = 0.05
"""As browsers pace what goes unanswered: Janus drops a ClientHello that overtakes its own ICE."""
NOISE: Final = bytes((place * 197 + 31) & 0xFF for place in range(1200))
"""What stands for encoded media; nothing under test looks inside."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The server's side of one session."""

    ufrag: str
    pwd: str
    fingerprint: str
    address: tuple[str, int]


@cache
def _identity() -> tuple[SSL.Context, str]:
    """One certificate and context for all peers: they are not what is measured."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)  # by fingerprint, below
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(b":".join(profile.name for profile in PROFILES))
    return context, _digest(certificate)


def fingerprint() -> str:
    """The peers' SHA-256 fingerprint, as SDP writes it."""
    return _identity()[1]


def _digest(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest().hex(":").upper()


def check(remote: Remote) -> bytes:
    """A connectivity check that nominates at once: the server is lite."""
    return stun.build(
        stun.MessageType.REQUEST,
        os.urandom(12),
        {
            stun.Attribute.USERNAME: f"{remote.ufrag}:{UFRAG}".encode(),
            stun.Attribute.PRIORITY: (1853824767).to_bytes(4, "big"),
            stun.Attribute.ICE_CONTROLLING: os.urandom(8),
            stun.Attribute.USE_CANDIDATE: b"",
        },
        remote.pwd,
    )


class Handshake:
    """ICE and DTLS of one peer, without a socket: datagrams in by `receive`, out by `send`."""

    def __init__(self, remote: Remote, send: Callable[[bytes], None]) -> None:
        self.remote = remote
        self.connected = False
        self.profile = ""
        self._send = send
        self._dtls: SSL.Connection | None = None
        self._hello = b""

    def begin(self) -> None:
        """Send a check; also to be called whenever nothing has come for a while.

        An unanswered ClientHello goes out again as it was. Later flights are OpenSSL's to repeat,
        under new record numbers: the same records again would be taken for a replay.
        """
        if self._dtls is None:
            self._send(check(self.remote))
        elif self._hello:
            self._send(self._hello)
        else:
            self._dtls.DTLSv1_handle_timeout()
            self._flush()

    def receive(self, data: bytes) -> None:
        """A datagram from the server; whatever is not part of the handshake is ignored."""
        if data[:2] == b"\x00\x01":  # libnice checks back although it is lite
            host, port = self.remote.address
            self._send(stun.success(data[8:20], host, port, PWD))
        elif data[:2] == b"\x01\x01" and self._dtls is None:
            self._dtls = SSL.Connection(_identity()[0], None)
            self._dtls.set_ciphertext_mtu(1200)
            self._dtls.set_connect_state()
            with suppress(SSL.WantReadError):
                self._dtls.do_handshake()
            self._hello = self._dtls.bio_read(4096)
            self._send(self._hello)
        elif 20 <= data[0] <= 63 and self._dtls is not None:
            self._hello = b""
            self._dtls.bio_write(data)
            if not self.connected:
                self._step()

    def _step(self) -> None:
        assert self._dtls is not None
        try:
            self._dtls.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return
        self._flush()
        certificate = self._dtls.get_peer_certificate(as_cryptography=True)
        if certificate is None or _digest(certificate) != self.remote.fingerprint.upper():
            raise SystemExit("the server's certificate is not the one it announced")
        self.connected = True

    def _flush(self) -> None:
        assert self._dtls is not None
        while True:
            try:
                self._send(self._dtls.bio_read(4096))
            except SSL.Error:
                return

    def sessions(self) -> tuple[Session, Session]:
        """SRTP of what the server sends us, and of what we send."""
        assert self._dtls is not None
        chosen = self._dtls.get_selected_srtp_profile()
        profile = next(profile for profile in PROFILES if profile.name == chosen)
        material = self._dtls.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt)
        )
        ours, theirs = profile.keys(material)
        made = []
        for key, which in ((theirs, Policy.SSRC_ANY_INBOUND), (ours, Policy.SSRC_ANY_OUTBOUND)):
            policy = Policy(key=key, ssrc_type=which, srtp_profile=profile.number)
            policy.window_size = 1024
            made.append(Session(policy))
        self.profile = chosen.decode()
        return made[0], made[1]

    def goodbye(self) -> None:
        """Close the association, as a leaving browser does."""
        if self._dtls is not None:
            try:
                self._dtls.shutdown()
            except SSL.Error:
                return
            self._flush()


class Client:
    """One connected peer on a socket of its own. `unprotect`, `protect` are its SRTP sessions.

    It sends from address `host`, or from the one the system chooses.
    """

    def __init__(self, remote: Remote, host: str = "") -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setblocking(False)
        self.udp.bind((host, 0))
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 21)
        self.udp.connect(remote.address)
        self.handshake = Handshake(remote, self.send)
        self.unprotect: Session
        self.protect: Session

    def send(self, data: bytes) -> None:
        """Send one datagram as it is."""
        self.udp.send(data)

    async def connect(self) -> None:
        """ICE, DTLS, keys; SystemExit if the server stays silent."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.udp.fileno(), readable.set)
        try:
            async with asyncio.timeout(CONNECT_S):
                self.handshake.begin()
                while not self.handshake.connected:
                    try:
                        async with asyncio.timeout(CHECK_AGAIN_S):
                            await readable.wait()
                    except TimeoutError:
                        self.handshake.begin()
                    readable.clear()
                    self._read()
        except TimeoutError:
            raise SystemExit(f"no connection to {self.handshake.remote.address}") from None
        finally:
            loop.remove_reader(self.udp.fileno())
        self.unprotect, self.protect = self.handshake.sessions()

    def _read(self) -> None:
        while not self.handshake.connected:
            try:
                data = self.udp.recv(2048)
            except BlockingIOError:
                return
            self.handshake.receive(data)

    def consent(self) -> None:
        """Say that we still want this (RFC 7675)."""
        self.udp.send(check(self.handshake.remote))

    def close(self) -> None:
        """Say goodbye and give the socket back."""
        self.handshake.goodbye()
        self.udp.close()


Opens = Callable[[Direction, str], Awaitable[Remote]]
"""Asks a server for a session of one peer."""


async def join(opens: Opens, direction: Direction, peer: str, host: str = "") -> Client:
    """Open a session and connect it."""
    client = Client(await opens(direction, peer), host)
    await client.connect()
    return client


# ---------------------------------------------------------------------------- what is published


class Source:
    """A publisher's packets under its client's keys. `stamp` makes each packet's first bytes."""

    def __init__(self, client: Client, pattern: Pattern) -> None:
        self.client = client
        self.pattern = pattern
        self.counts = [0, 0]
        """Packets sent so far, by kind."""
        self._timeline: Iterator[Burst] = bursts(pattern)
        self._next = next(self._timeline)

    def send(self, burst: Burst, stamp: Callable[[], bytes] | None = None) -> None:
        """Protect and send every packet of one burst."""
        kind, protect, send = burst.kind, self.client.protect.protect, self.client.udp.send
        line = kind if self.pattern.audio else 0  # m-lines count from zero, audio first
        mid = b"\xbe\xde\x00\x01" + bytes([MID_ID << 4, ord("0") + line, 0, 0])
        for place in range(burst.packets):
            mark = kind == VIDEO and burst.last and place == burst.packets - 1
            header = struct.pack(
                ">BBHII",
                0x90,
                PAYLOAD_TYPES[kind] | 0x80 * mark,
                FIRST_NUMBER + self.counts[kind] & 0xFFFF,
                burst.timestamp & 0xFFFFFFFF,
                1000 + kind,
            )
            mark_vp8 = b""
            if kind == VIDEO:  # RFC 7741 4: start of partition, then the keyframe bit inverted
                mark_vp8 = (b"\x10" if burst.place + place == 0 else b"\x00") + bytes(
                    [not burst.keyframe]
                )
            stamped = stamp() if stamp is not None else b""
            body = (mark_vp8 + stamped + NOISE)[: burst.payload]
            send(protect(header + mid + body))
            self.counts[kind] += 1

    @property
    def sent(self) -> int:
        """Packets of both kinds."""
        return sum(self.counts)

    @property
    def due_s(self) -> float:
        """When the next burst is to be sent, from the timeline's start."""
        return self._next.at_s

    def send_due(self, elapsed_s: float, stamp: Callable[[], bytes] | None = None) -> None:
        """Send whatever is due by now."""
        while self._next.at_s <= elapsed_s:
            self.send(self._next, stamp)
            self._next = next(self._timeline)


class Sources:
    """Sources that run in real time, each from where it is; between two runs time stands still.

    `spread_s` has them begin one after the other in so long, as cameras do.
    """

    def __init__(self, sources: Sequence[Source], *, spread_s: float = 0.0) -> None:
        self.sources = sources
        self._offsets = [
            spread_s * place / len(sources) - source.due_s for place, source in enumerate(sources)
        ]
        self._origin, self._elapsed = time.monotonic(), 0.0

    def resume(self) -> None:
        """Go on where it was left."""
        self._origin = time.monotonic() - self._elapsed

    def send_due(self, stamp: Callable[[], bytes] | None = None) -> float:
        """Send what is due; seconds until the next is."""
        self._elapsed = time.monotonic() - self._origin
        nearest = 1.0
        for source, offset in zip(self.sources, self._offsets, strict=True):
            source.send_due(self._elapsed - offset, stamp)
            nearest = min(nearest, source.due_s + offset - self._elapsed)
        return max(0.0, nearest)

    async def run(self, seconds: float) -> None:
        """Send in real time for so long."""
        self.resume()
        end = time.monotonic() + seconds
        while True:
            pause, left = self.send_due(), end - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(pause, left))

    @property
    def sent(self) -> int:
        """Packets of all of them."""
        return sum(source.sent for source in self.sources)


# ---------------------------------------------------------------------------- who receives


class Drain(threading.Thread):
    """Empties receivers' sockets, so that loopback delivers instead of dropping; counts RTP."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        super().__init__(daemon=True, name="drain")
        self.mailbox = Mailbox(sockets)
        self._running = True

    def run(self) -> None:
        """Read until told to stop."""
        while self._running:
            self.mailbox.wait(0.1)

    def stop(self) -> None:
        """Stop reading, and wait for that."""
        self._running = False
        self.join()

    @property
    def received(self) -> int:
        """RTP packets so far."""
        return self.mailbox.packets
