"""Datagrams in: to whom each belongs, and what it is once its check was right (RFC 7983).

Nothing is learnt from a sender before ICE has verified it; media is read only from addresses that
were, and only with the session's own keys.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from . import rtcp, stun
from .counters import Counters
from .feed import Feed
from .ice import IceTable, Outcome
from .live_session import Session
from .srtp import SrtpError
from .udp import RECEIVE_BATCH, SLOT, UdpSocket, ffi

MAX_DRAINS: Final = 8
"""Batches read per wake-up (512 datagrams): then timers and other tasks have their turn."""
MAX_EARLY: Final = 64
"""Datagrams of media kept while the handshake's end is being read: a keyframe's worth."""


class Recipient(Protocol):
    """Who owns the sessions, and is told what came for them."""

    def session(self, session_id: str) -> Session | None:
        """A session that has not ended."""
        ...

    def begin_dtls(self, session: Session) -> None:
        """The session's first DTLS datagram has come from a verified address."""
        ...

    def arrived(self, feed: Feed) -> None:
        """A feed has something new pending."""
        ...

    def moved(self, session: Session) -> None:
        """The session's datagrams go to another address from now on."""
        ...

    def heard(self, session: Session, feedback: rtcp.Feedback) -> None:
        """A session's RTCP has been taken."""
        ...

    def touch(self, session: Session) -> None:
        """The session's deadline may have come nearer."""
        ...


class Demultiplexer:
    """Reads the socket; knows the verified addresses."""

    def __init__(
        self, socket: UdpSocket, ice: IceTable, counters: Counters, recipient: Recipient
    ) -> None:
        self._socket = socket
        self._ice = ice
        self._counters = counters
        self._recipient = recipient
        self._by_address: dict[bytes, Session] = {}
        self._heard: dict[Session, None] = {}
        self._scratch = ffi.new("char[]", SLOT)
        self._scratch_view = memoryview(ffi.buffer(self._scratch)).cast("B")

    def __len__(self) -> int:
        """How many addresses are verified."""
        return len(self._by_address)

    def drain(self, now: float) -> None:
        """Read until the socket is empty, at most `MAX_DRAINS` batches."""
        for _ in range(MAX_DRAINS):
            count = self._socket.receive()
            self._counters.datagrams_in += count
            for place in range(count):
                self._datagram(place, now)
            if count < RECEIVE_BATCH:
                break
        self._touch()

    def read_early(self, session: Session, now: float) -> None:
        """Read the media that came while the handshake was still being read."""
        early, session.early = session.early, []
        for datagram in early:
            view = self._scratch_view[: len(datagram)]
            view[:] = datagram
            self._media(session, self._scratch, view, now)
        self._touch()

    def _touch(self) -> None:
        """Once for all that a session was sent: its deadlines are not cheap to tell."""
        heard, self._heard = self._heard, {}
        for session in heard:
            self._recipient.touch(session)

    def forget(self, session: Session) -> None:
        """The session has ended: its addresses are nobody's."""
        for key in session.addresses:
            if self._by_address.get(key) is session:
                del self._by_address[key]

    # ------------------------------------------------------------------ by the first byte

    def _datagram(self, place: int, now: float) -> None:
        socket, counters = self._socket, self._counters
        length = socket.length(place)
        if length == 0:
            return
        data = socket.view(place, length)
        first = data[0]
        if 128 <= first <= 191 and length >= 12:
            session = self._by_address.get(socket.address(place))
            if session is None:
                counters.unknown_senders += 1
            else:
                self._media(session, socket.pointer(place), data, now)
        elif first < 4 and stun.is_stun(bytes(data[:20])):
            self._stun(bytes(data), socket.address(place), now)
        elif 20 <= first <= 63:
            session = self._by_address.get(socket.address(place))
            if session is None:
                counters.unknown_senders += 1
            else:
                if session.task is None:
                    self._recipient.begin_dtls(session)
                session.dtls.dtls(bytes(data))
        else:
            counters.junk += 1

    def _stun(self, data: bytes, key: bytes, now: float) -> None:
        try:
            verdict = self._ice.receive(data, key, lambda: self._socket.host_port(key), now)
        except ValueError:
            self._counters.stun_bad += 1
            return
        if verdict.outcome is Outcome.ANSWERED:
            self._counters.stun_ok += 1
        elif verdict.outcome is Outcome.REFUSED:
            self._counters.stun_bad += 1
        if verdict.response is not None:
            self._socket.send(verdict.response, self._socket.destination(key))
        if verdict.agent is None:
            return
        session = self._recipient.session(verdict.agent.session)
        assert session is not None  # an agent ends with its session
        self._learn(session, key)

    def _learn(self, session: Session, key: bytes) -> None:
        """A verified check came from `key`: know it, forget what the agent forgot, aim there."""
        agent = session.agent
        self._by_address[key] = session
        session.addresses.add(key)
        for gone in session.addresses - agent.addresses.keys():
            session.addresses.discard(gone)
            if self._by_address.get(gone) is session:
                del self._by_address[gone]
        nominated = agent.address
        current = session.dtls.address
        if nominated is not None and (current is None or current.key[: len(key)] != nominated):
            session.dtls.address = self._socket.destination(nominated)
            self._recipient.moved(session)

    # ------------------------------------------------------------------ media

    def _media(self, session: Session, pointer: Any, data: memoryview, now: float) -> None:
        """SRTP or SRTCP of a verified address, in the memory `pointer` and `data` both speak of."""
        counters, incoming = self._counters, session.dtls.incoming
        if incoming is None:
            # In DTLS 1.3 the client's media follows its last flight at once: our side of the
            # handshake reads that flight in its own task, a turn later.
            if session.task is not None and len(session.early) < MAX_EARLY:
                session.early.append(bytes(data))
            else:
                counters.unknown_senders += 1
            return
        length = len(data)
        control = rtcp.is_rtcp(data[1])
        ssrc = int.from_bytes(data[4:8] if control else data[8:12], "big")
        if not session.dtls.known_ssrc(ssrc):
            counters.rtp_unmapped += 1
            return
        try:
            if control:
                length = incoming.unprotect_rtcp(pointer, length)
            else:
                length = incoming.unprotect(pointer, length)
        except SrtpError:
            counters.srtp_rejected += 1
            return
        session.dtls.ssrcs.add(ssrc)
        session.agent.alive(now)
        try:
            if control:
                self._recipient.heard(session, session.receive_rtcp(data[:length], now))
            else:
                counters.packets_in += 1
                counters.bytes_in += length
                feed = session.receive_rtp(data[:length], now, counters)
                if feed is not None:
                    self._recipient.arrived(feed)
        except ValueError:
            if control:
                counters.rtcp_malformed += 1
            else:
                counters.rtp_malformed += 1
        self._heard[session] = None
