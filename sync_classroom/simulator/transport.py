"""One WebRTC transport of a virtual terminal: ICE towards a lite server, DTLS client, SRTP.

Written for many at once on one core: a socket each, read by the event loop, packets handed on as
they are, nothing decoded. Only public interfaces of pyOpenSSL, pylibsrtp and aioice are used.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from aioice import stun
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

#: RFC 8445 14.3 asks for at least 50 ms between checks; the first answer normally ends them.
CHECK_INTERVAL_S: Final = 0.1
CONNECT_TIMEOUT_S: Final = 15.0
#: RFC 7675 5.1: consent expires after 30 s; browsers ask about every 5 s.
CONSENT_INTERVAL_S: Final = 2.0
#: Browsers call a connection without answers "disconnected" after about this long and try again.
CONSENT_LOST_S: Final = 5.0
#: Wait before a lost DTLS flight is sent again when OpenSSL names no time itself.
DTLS_RETRY_S: Final = 0.5
#: Most datagrams taken from one socket per wake-up, so that one terminal cannot starve the others.
DRAIN_LIMIT: Final = 64
RECEIVE_BUFFER_BYTES: Final = 1 << 20
#: Media may overtake the end of our handshake; a keyframe's worth is kept until there are keys.
EARLY_PACKETS: Final = 256


@dataclass(frozen=True, slots=True)
class _Profile:
    """One SRTP protection profile (RFC 5764, RFC 7714)."""

    openssl: bytes
    libsrtp: int
    key: int
    salt: int


_PROFILES: Final = (
    _Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
    _Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
)


@dataclass(frozen=True, slots=True)
class Remote:
    """What an answer says about the server's side."""

    ice_ufrag: str
    ice_pwd: str
    fingerprint_sha256: str
    candidates: tuple[tuple[str, int], ...]


class TransportError(Exception):
    """The transport could not be made, or has ended."""


@cache
def _certificate() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """One certificate for all virtual terminals of this process: making 48 would cost a second."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "virtual terminal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _fingerprint(der: bytes) -> str:
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def local_fingerprint() -> str:
    """SHA-256 fingerprint of our certificate, as SDP writes it."""
    return _fingerprint(_certificate()[0].public_bytes(Encoding.DER))


@cache
def _context() -> SSL.Context:
    certificate, key = _certificate()
    context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
    # The peer is authenticated by its fingerprint in the answer (RFC 8122), not by an authority.
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(b":".join(p.openssl for p in _PROFILES))
    return context


class Transport:
    """A connected path to the server. `on_packet(data, is_rtcp)` gets decrypted packets.

    `loses` is asked for every media packet before it is decrypted, as a line would lose it: what
    was decrypted once could not be received again (RFC 3711 3.3.2, replay protection).
    """

    def __init__(
        self,
        on_packet: Callable[[bytes, bool], None],
        *,
        loses: Callable[[], bool] | None = None,
    ) -> None:
        self.ice_ufrag = secrets.token_hex(4)
        self.ice_pwd = secrets.token_hex(12)
        self.rtt_s: float | None = None
        self._answered_at = 0.0
        self.connected = False
        self.undecryptable = 0
        self._on_packet = on_packet
        self._loses = loses
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._remote: Remote | None = None
        self._address: tuple[str, int] | None = None
        self._checks: dict[bytes, float] = {}
        self._reachable = asyncio.Event()
        self._dtls: SSL.Connection | None = None
        self._dtls_input = asyncio.Event()
        self._receive: Session | None = None
        self._send: Session | None = None
        self._early: list[bytes] = []

    async def connect(self, remote: Remote) -> None:
        """ICE, then DTLS, then SRTP keys; raises TransportError if the server stays silent."""
        self._remote = remote
        family = socket.AF_INET6 if ":" in remote.candidates[0][0] else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._socket = sock
        self._loop.add_reader(sock.fileno(), self._readable)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await self._check_until_reachable()
                await self._handshake()
        except TimeoutError:
            self.close()
            raise TransportError(f"no answer from {remote.candidates} in time") from None
        except SSL.Error as error:
            self.close()
            raise TransportError(f"DTLS failed: {error!r}") from None
        except BaseException:
            self.close()
            raise
        self.connected = True

    async def keep_consent(self) -> None:
        """Send consent checks for ever; run it as a task beside the session.

        A server that no longer answers, such as one that was killed, makes `connected` false.
        """
        self._answered_at = self._loop.time()
        while True:
            await asyncio.sleep(CONSENT_INTERVAL_S)
            if self._loop.time() - self._answered_at > CONSENT_LOST_S:
                self.connected = False
            if self._address is not None:
                self._send_check(self._address)

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send one RTP packet."""
        if self._send is not None:
            self._transmit(self._send.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one compound RTCP packet."""
        if self._send is not None:
            self._transmit(self._send.protect_rtcp(packet))

    def close(self) -> None:
        """Give the socket back."""
        self.connected = False
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    # ------------------------------------------------------------------ ICE

    async def _check_until_reachable(self) -> None:
        assert self._remote is not None
        while not self._reachable.is_set():
            for address in self._remote.candidates:
                self._send_check(address)
            try:
                async with asyncio.timeout(CHECK_INTERVAL_S):
                    await self._reachable.wait()
            except TimeoutError:
                continue

    def _send_check(self, address: tuple[str, int]) -> None:
        """A binding request that nominates at once: a lite server has one path per address."""
        assert self._remote is not None
        request = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.REQUEST,
            transaction_id=secrets.token_bytes(12),
        )
        request.attributes["USERNAME"] = f"{self._remote.ice_ufrag}:{self.ice_ufrag}"
        request.attributes["PRIORITY"] = 1853824767
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._remote.ice_pwd.encode())
        request.add_fingerprint()
        if len(self._checks) > 256:  # unanswered for a long time: the server is away
            self._checks.clear()
        self._checks[request.transaction_id] = self._loop.time()
        if self._socket is not None:
            try:
                self._socket.sendto(bytes(request), address)
            except OSError:
                return  # an earlier ICMP error, or a full buffer: the next check asks

    def _on_stun(self, data: bytes, address: tuple[str, int]) -> None:
        assert self._remote is not None
        try:
            message = stun.parse_message(data)
        except ValueError:
            return
        if message.message_class is stun.Class.RESPONSE:
            sent = self._checks.pop(message.transaction_id, None)
            if sent is None or not message.check_message_integrity(self._remote.ice_pwd.encode()):
                return
            self._answered_at = self._loop.time()
            self.rtt_s = self._answered_at - sent
            self._address = address
            self._reachable.set()

    # ------------------------------------------------------------------ DTLS

    async def _handshake(self) -> None:
        connection = SSL.Connection(_context(), None)
        connection.set_connect_state()
        connection.set_ciphertext_mtu(1200)
        self._dtls = connection
        while True:
            try:
                connection.do_handshake()
            except SSL.WantReadError:
                self._flush_dtls()
                delay = connection.DTLSv1_get_timeout()
                try:
                    async with asyncio.timeout(DTLS_RETRY_S if delay is None else delay):
                        await self._dtls_input.wait()
                except TimeoutError:
                    connection.DTLSv1_handle_timeout()
                    self._flush_dtls()
                self._dtls_input.clear()
            else:
                break
        self._flush_dtls()
        self._take_keys(connection)

    def _take_keys(self, connection: SSL.Connection) -> None:
        assert self._remote is not None
        peer = connection.get_peer_certificate(as_cryptography=True)
        if peer is None or (
            _fingerprint(peer.public_bytes(Encoding.DER)) != self._remote.fingerprint_sha256.upper()
        ):
            raise TransportError("the server's certificate is not the one its answer named")
        chosen = connection.get_selected_srtp_profile()
        profile = next((p for p in _PROFILES if p.openssl == chosen), None)
        if profile is None:
            raise TransportError(f"no SRTP profile in common ({chosen!r})")
        view = connection.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt)
        )
        # RFC 5764 4.2: client key, server key, client salt, server salt.
        split = 2 * profile.key
        ours = view[: profile.key] + view[split : split + profile.salt]
        theirs = view[profile.key : split] + view[split + profile.salt :]
        self._keyed(
            _srtp(ours, Policy.SSRC_ANY_OUTBOUND, profile),
            _srtp(theirs, Policy.SSRC_ANY_INBOUND, profile),
        )

    def _keyed(self, send: Session, receive: Session) -> None:
        """From now on media is protected; what came before the keys is read now."""
        self._send, self._receive = send, receive
        early, self._early = self._early, []
        for data in early:
            self._on_media(data, receive)

    def _flush_dtls(self) -> None:
        assert self._dtls is not None
        while True:
            try:
                self._transmit(self._dtls.bio_read(4096))
            except SSL.WantReadError:
                return

    # ------------------------------------------------------------------ socket

    def _transmit(self, data: bytes) -> None:
        if self._socket is None or self._address is None:
            return
        try:
            self._socket.sendto(data, self._address)
        except OSError:
            return  # UDP: an ICMP error of an earlier datagram, or a full buffer, is a lost packet

    def _readable(self) -> None:
        for _ in range(DRAIN_LIMIT):
            if self._socket is None:
                return
            try:
                data, address = self._socket.recvfrom(2048)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                continue
            if data:
                self._dispatch(data, address)

    def _dispatch(self, data: bytes, address: tuple[str, int]) -> None:
        """RFC 7983: tell STUN, DTLS and SRTP apart by the first byte."""
        first = data[0]
        if 127 < first < 192:
            if self._receive is not None:
                self._on_media(data, self._receive)
            elif len(self._early) < EARLY_PACKETS:
                self._early.append(data)
        elif first < 4:
            self._on_stun(data, address[:2])
        elif 19 < first < 64 and self._dtls is not None:
            self._dtls.bio_write(data)
            self._dtls_input.set()

    def _on_media(self, data: bytes, receive: Session) -> None:
        # RFC 5761 4: RTCP packet types seen as an RTP header's second byte.
        rtcp = len(data) > 1 and 192 <= data[1] <= 223
        if self._loses is not None and not rtcp and self._loses():
            return
        try:
            plain = receive.unprotect_rtcp(data) if rtcp else receive.unprotect(data)
        except SrtpError as error:
            # What is asked for again may come twice, which replay protection takes out.
            self.undecryptable += "replay" not in str(error)
            return
        self._on_packet(plain, rtcp)


def _srtp(key: bytes, ssrc_type: int, profile: _Profile) -> Session:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=profile.libsrtp)
    policy.allow_repeat_tx = True
    policy.window_size = 1024
    return Session(policy)


def first_family(candidates: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """The candidates of one address family, IPv4 if there are any: a socket speaks one family."""
    plain = tuple(c for c in candidates if ":" not in c[0])
    return plain or tuple(candidates)
