"""DTLS and SRTP of one peer (RFC 5764): aiortc's DTLS transport over our own datagrams.

Private names of aiortc used here: `RTCDtlsTransport._set_role`, `._rx_srtp`, `._tx_srtp`, `._task`,
`._srtp_profiles`, and the two methods its transport must have, `_recv` and `_send`.
`tests/relay/test_peer.py` fails by name if one of them goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
)

from .srtp import SrtpSession
from .udp import Address

HANDSHAKE_S: Final = 30.0
"""From a client's first flight to both sides' being done; its retransmissions come after 1, 2, 4,
8 seconds, so four losses in a row are forgiven."""
MAX_WAITING: Final = 32
"""DTLS datagrams not yet read by the handshake: three flights of a fragmented certificate."""
MAX_SSRCS: Final = 64
"""Streams a peer may send: libsrtp keeps state for each and never forgets one."""
# Strongest is not first on purpose: AES-128 is what every browser has, hardware does it fastest,
# and the design's floor was measured with it.
_PREFERRED = [
    profile
    for profile in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
    if profile in SRTP_PROFILES
]

log = logging.getLogger(__name__)


class Certificate:
    """The relay's DTLS certificate: made at start, the same for every peer."""

    def __init__(self) -> None:
        self.certificate = RTCCertificate.generateCertificate()
        first = next(f for f in self.certificate.getFingerprints() if f.algorithm == "sha-256")
        self.fingerprint: tuple[str, str] = (first.algorithm, first.value)
        """Hash name in lower case and value, as SDP has it."""


class _Datagrams:
    """What aiortc takes for its ICE transport: a queue in, a function out."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._send_now = send

    async def _recv(self) -> bytes:
        return await self.queue.get()

    async def _send(self, data: bytes) -> None:
        self._send_now(data)


class PeerTransport:
    """One peer's DTLS association and SRTP sessions.

    `address` is where datagrams go (None until ICE knows). `incoming` and `outgoing` are set when
    the handshake is done. `run()` is the peer's one task: it ends when the other side closes or
    the handshake fails, or when it is cancelled, having said goodbye if it can.
    """

    def __init__(
        self,
        certificate: Certificate,
        fingerprints: Sequence[tuple[str, str]],
        send: Callable[[bytes], None],
    ) -> None:
        self._datagrams = _Datagrams(send)
        self._certificate = certificate
        self._fingerprints = fingerprints
        self.address: Address | None = None
        self.incoming: SrtpSession | None = None
        self.outgoing: SrtpSession | None = None
        self.ssrcs: set[int] = set()
        self.overflowed = 0

    @property
    def connected(self) -> bool:
        """Whether media can flow."""
        return self.outgoing is not None

    def known_ssrc(self, ssrc: int) -> bool:
        """Whether to look at a packet of this SSRC at all; bounds libsrtp's memory."""
        return ssrc in self.ssrcs or len(self.ssrcs) < MAX_SSRCS

    def dtls(self, data: bytes) -> None:
        """A DTLS datagram arrived from a verified address."""
        try:
            self._datagrams.queue.put_nowait(data)
        except asyncio.QueueFull:
            self.overflowed += 1  # DTLS retransmits

    async def run(self, on_connected: Callable[[], None]) -> bool:
        """Serve the association until it ends; False if it never came about."""
        transport: Any = RTCDtlsTransport(
            self._datagrams,  # type: ignore[arg-type]
            [self._certificate.certificate],
        )
        transport._srtp_profiles = _PREFERRED
        transport._set_role("server")
        ended = asyncio.Event()

        def changed() -> None:
            if transport.state in _ENDED:
                ended.set()

        transport.on("statechange", changed)
        parameters = RTCDtlsParameters(
            [RTCDtlsFingerprint(name, value) for name, value in self._fingerprints], role="client"
        )
        pump: asyncio.Future[None] | None = None
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await transport.start(parameters)
            if transport.state != "connected":
                return False
            # From here on media bypasses aiortc; its pump only answers DTLS retransmissions and
            # notices close_notify.
            pump = transport._task
            self.incoming = SrtpSession(transport._rx_srtp)
            self.outgoing = SrtpSession(transport._tx_srtp)
            on_connected()
            await ended.wait()
            return True
        except TimeoutError:
            return False
        finally:
            await transport.stop()
            if pump is not None:
                await asyncio.gather(pump, return_exceptions=True)
            self.incoming = self.outgoing = None


_ENDED = ("closed", "failed")
