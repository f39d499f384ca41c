"""DTLS-SRTP of one peer over OpenSSL's memory buffers (RFC 5763, RFC 5764, RFC 6347, RFC 9147).

The relay is always the server. One certificate and one context serve every peer: a context of its
own for each would cost milliseconds and 60 kB a join. Whether the peer is who its offer says is
decided by the fingerprint of its certificate alone; there are no authorities here.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pylibsrtp
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

MTU: Final = 1200
"""Bytes of one DTLS datagram: what every path carries. A whole flight of ours has 800."""
REPLAY_WINDOW: Final = 1024
"""Packets back that SRTP still takes: three seconds of video, longer than any retransmission."""
_CERTIFICATE_DAYS: Final = 365
"""The relay makes a new one at every start; browsers only compare fingerprints."""
_CIPHERS: Final = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)  # with ours an ECDSA certificate, as RFC 8827 6.5 asks
_HASHES: Final[dict[str, type[hashes.HashAlgorithm]]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """An SRTP protection profile (RFC 5764 4.1.2, RFC 7714 14.2); lengths in bytes."""

    name: bytes
    number: int
    key: int
    salt: int

    def keys(self, material: bytes) -> tuple[bytes, bytes]:
        """The client's and the server's key with salt (RFC 5764 4.2)."""
        key, salt = self.key, self.salt
        salts = material[2 * key :]
        return material[:key] + salts[:salt], material[key : 2 * key] + salts[salt : 2 * salt]


def _usable(profile: Profile) -> bool:
    try:
        Policy(srtp_profile=profile.number)
    except pylibsrtp.Error:  # a libsrtp built without AES-GCM
        return False
    return True


# Strongest is not first on purpose: AES-128 is what every browser has, hardware does it fastest,
# and the design's floor was measured with it.
PROFILES: Final = tuple(
    profile
    for profile in (
        Profile(b"SRTP_AEAD_AES_128_GCM", Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
        Profile(b"SRTP_AEAD_AES_256_GCM", Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
        Profile(b"SRTP_AES128_CM_SHA1_80", Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    )
    if _usable(profile)
)


class Certificate:
    """The relay's DTLS certificate and context: made at start, the same for every peer."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key)
        self.fingerprint: tuple[str, str] = ("sha-256", _digest(certificate, "sha-256"))
        """Hash name in lower case and value, as SDP has it."""
        self._context = SSL.Context(SSL.DTLS_METHOD)
        self._context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU)
        self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # every handshake is a full one
        # After the handshake hardly a record comes: 20 kB less for each peer that is there.
        self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self._context.use_certificate(certificate)
        self._context.use_privatekey(key)
        self._context.set_cipher_list(_CIPHERS)
        self._context.set_tlsext_use_srtp(b":".join(profile.name for profile in PROFILES))

    def connection(self) -> SSL.Connection:
        """A new association, which waits for a client."""
        connection = SSL.Connection(self._context)
        connection.set_ciphertext_mtu(MTU)
        connection.set_accept_state()
        return connection


class DtlsError(Exception):
    """The association cannot be."""


class Dtls:
    """One association: datagrams go in by `receive`, and out by `send`."""

    def __init__(self, certificate: Certificate, send: Callable[[bytes], None]) -> None:
        self._connection = certificate.connection()
        self._send = send
        self._done = False

    def handshake(self) -> bool:
        """Go as far as what arrived allows; whether it is complete. Raises DtlsError."""
        try:
            self._connection.do_handshake()
            self._done = True
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            raise DtlsError(str(error)) from error
        finally:
            self._flush()
        return self._done

    def receive(self, data: bytes) -> bool:
        """A datagram; after the handshake, whether the other side has closed."""
        self._connection.bio_write(data)
        if not self._done:
            return False
        try:
            self._connection.recv(MTU)  # nobody has anything to say here: alerts, retransmissions
        except SSL.ZeroReturnError:
            return True
        except SSL.Error:
            pass  # no whole record, or none of ours: nothing an association ends by
        self._flush()
        return False

    @property
    def timeout_s(self) -> float | None:
        """When to call `retransmit`, from now; None while nothing is outstanding.

        In DTLS 1.3 that may be after the handshake, too.
        """
        return self._connection.DTLSv1_get_timeout()

    def retransmit(self) -> None:
        """The timeout has come: send the last flight again."""
        self._connection.DTLSv1_handle_timeout()
        self._flush()

    def close(self) -> None:
        """Say goodbye, if there is anybody to say it to."""
        if self._done:
            try:
                self._connection.shutdown()
            except SSL.Error:
                return
            self._flush()

    def _flush(self) -> None:
        try:
            data = self._connection.bio_read(2 * MTU)
        except SSL.Error:
            return  # nothing to send
        self._send(data)

    # ------------------------------------------------------------------ when it is complete

    def is_peer(self, fingerprints: Sequence[tuple[str, str]]) -> bool:
        """Whether the peer's certificate has every one of these fingerprints that we can check.

        At least one must be (RFC 8122 5).
        """
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        known = [(name, value) for name, value in fingerprints if name in _HASHES]
        if certificate is None or not known:
            return False
        return all(_digest(certificate, name) == value.upper() for name, value in known)

    def sessions(self) -> tuple[Session, Session]:
        """SRTP of what the peer sends, and of what we send. Raises DtlsError without a profile."""
        chosen = self._connection.get_selected_srtp_profile()
        profile = next((p for p in PROFILES if p.name == chosen), None)
        if profile is None:
            raise DtlsError("no SRTP profile in common")
        material = self._connection.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt)
        )
        theirs, ours = profile.keys(material)
        return (
            _session(profile, theirs, Policy.SSRC_ANY_INBOUND),
            _session(profile, ours, Policy.SSRC_ANY_OUTBOUND),
        )


def _session(profile: Profile, key: bytes, which: int) -> Session:
    policy = Policy(key=key, ssrc_type=which, srtp_profile=profile.number)
    policy.allow_repeat_tx = True  # a retransmission is the same packet under the same number
    policy.window_size = REPLAY_WINDOW
    return Session(policy)


def _digest(certificate: x509.Certificate, name: str) -> str:
    return certificate.fingerprint(_HASHES[name]()).hex(":").upper()


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    # A random name: nothing in it tells relays, schools or starts apart (RFC 8827 6.5).
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(16))])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
