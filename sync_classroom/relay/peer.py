"""The transport of one peer: where it is, its DTLS association, its SRTP sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from .dtls import Certificate, Dtls, DtlsError
from .srtp import SrtpSession
from .udp import Address

HANDSHAKE_S: Final = 30.0
"""From a client's first flight to both sides' being done; its retransmissions come after 1, 2, 4,
8 seconds, so four losses in a row are forgiven."""
MAX_WAITING: Final = 32
"""DTLS datagrams not yet read by the handshake: three flights of a fragmented certificate."""
MAX_SSRCS: Final = 64
"""Streams a peer may send: libsrtp keeps state for each and never forgets one."""


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
        send: Callable[[PeerTransport, bytes], None],
    ) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._certificate = certificate
        self._send = send
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
            self._queue.put_nowait(data)
        except asyncio.QueueFull:
            self.overflowed += 1  # DTLS retransmits

    async def run(self, on_connected: Callable[[], None]) -> bool:
        """Serve the association until it ends; False if it never came about."""
        # No closure of ours outlives this call: a peer that has gone is not garbage in a cycle.
        dtls = Dtls(self._certificate, lambda data: self._send(self, data))
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                while not dtls.handshake():
                    await self._next(dtls)
            if not dtls.is_peer(self._fingerprints):
                return False
            incoming, outgoing = dtls.sessions()
            self.incoming, self.outgoing = SrtpSession(incoming), SrtpSession(outgoing)
            on_connected()
            while not await self._next(dtls):
                pass
            return True
        except (DtlsError, TimeoutError):
            return False
        finally:
            dtls.close()
            self.incoming = self.outgoing = None

    async def _next(self, dtls: Dtls) -> bool:
        """Take one datagram, or retransmit; whether the other side has closed."""
        try:
            async with asyncio.timeout(dtls.timeout_s):
                data = await self._queue.get()
        except TimeoutError:
            dtls.retransmit()
            return False
        return dtls.receive(data)
