"""Datagrams in: to whom each belongs, and what it is once its check was right (RFC 7983).

Nothing is learnt from a sender before ICE has verified it; media is read only from addresses that
were, and only with the session's own keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from . import rtcp, stun
from .counters import Counters
from .feed import Feed
from .ice import IceTable, Outcome
from .live_session import Session
from .ports import MediaPorts, is_connection
from .publisher import Publisher
from .reader import Known, Reader
from .rtp import Heard
from .srtp import SrtpError
from .udp import RECEIVE_BATCH, SLOT, ffi

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

    def heard(self, session: Session, feedback: rtcp.Feedback) -> None:
        """A session's RTCP has been taken."""
        ...

    def touch(self, session: Session) -> None:
        """The session's deadline may have come nearer."""
        ...


class Demultiplexer:
    """Reads the socket, and what connections bring; knows the verified addresses."""

    def __init__(
        self,
        ports: MediaPorts,
        reader: Reader,
        ice: IceTable,
        counters: Counters,
        recipient: Recipient,
    ) -> None:
        self._ports = ports
        self._reader = reader
        self._socket = ports.udp
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
            reading = self._reader.read()
            self._counters.datagrams_in += reading.count
            for known, run in reading.runs:
                self._run(known, run, now)
            for place in reading.others:
                self._datagram(place, now)
            if reading.count < RECEIVE_BATCH:
                break
        self._touch()

    def take(self, datagrams: Sequence[bytes], key: bytes, now: float) -> None:
        """Read what came over the TCP connection of this key."""
        self._counters.datagrams_in += len(datagrams)
        for datagram in datagrams:
            view = self._scratch_view[: len(datagram)]
            view[:] = datagram
            self._sort(self._scratch, view, key, now)

    def lost(self, key: bytes) -> None:
        """A verified connection has ended: its session goes on by another path, if it has one."""
        session = self._by_address.pop(key, None)
        if session is None:
            return
        session.addresses.discard(key)
        session.agent.lose(key)
        self._aim(session)

    def read_early(self, session: Session, now: float) -> None:
        """Read the media that came while the handshake was still being read."""
        early, session.early = session.early, []
        for datagram in early:
            view = self._scratch_view[: len(datagram)]
            view[:] = datagram
            self._media(session, self._scratch, view, None, now)
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
                self._let_go(key)

    # ------------------------------------------------------------------ by the first byte

    def _datagram(self, place: int, now: float) -> None:
        socket = self._socket
        length = socket.length(place)
        if length:
            data = socket.view(place, length)
            self._sort(socket.pointer(place), data, socket.address(place), now)

    def _sort(self, pointer: Any, data: memoryview, key: bytes, now: float) -> None:
        """One datagram in the memory `pointer` and `data` both speak of, from address `key`."""
        counters, first = self._counters, data[0]
        if 128 <= first <= 191 and len(data) >= 12:
            session = self._by_address.get(key)
            if session is None:
                counters.unknown_senders += 1
            else:
                self._media(session, pointer, data, key, now)
        elif first < 4 and stun.is_stun(bytes(data[:20])):
            self._stun(bytes(data), key, now)
        elif 20 <= first <= 63:
            session = self._by_address.get(key)
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
            verdict = self._ice.receive(data, key, lambda: self._ports.host_port(key), now)
        except ValueError:
            self._counters.stun_bad += 1
            return
        if verdict.outcome is Outcome.ANSWERED:
            self._counters.stun_ok += 1
        elif verdict.outcome is Outcome.REFUSED:
            self._counters.stun_bad += 1
        if verdict.response is not None and (back := self._ports.destination(key)) is not None:
            self._ports.send(verdict.response, back)
        if verdict.agent is None:
            return
        session = self._recipient.session(verdict.agent.session)
        assert session is not None  # an agent ends with its session
        self._learn(session, key, now)

    def _learn(self, session: Session, key: bytes, now: float) -> None:
        """A verified check came from `key`: know it, forget what the agent forgot, aim there."""
        agent = session.agent
        self._ports.heard(key, now)
        if self._by_address.get(key) is not session:
            self._reader.forget(key)  # somebody else's until now
        self._by_address[key] = session
        session.addresses.add(key)
        for gone in session.addresses - agent.addresses.keys():
            session.addresses.discard(gone)
            if self._by_address.get(gone) is session:
                self._let_go(gone)
        self._aim(session)

    def _let_go(self, key: bytes) -> None:
        del self._by_address[key]
        self._reader.forget(key)
        self._ports.forget(key)

    def _aim(self, session: Session) -> None:
        """Send to the nominated address, over whichever protocol it is."""
        nominated, current = session.agent.address, session.dtls.address
        if nominated is None:
            session.dtls.address = None
        elif current is None or current.key[: len(nominated)] != nominated:
            session.dtls.address = self._ports.destination(nominated)
        if session.dtls.address is not current:
            session.moved()

    # ------------------------------------------------------------------ media

    def _run(self, known: Known, run: Sequence[Heard], now: float) -> None:
        """Packets of a known stream, as the reader has found them."""
        counters, session = self._counters, known.session
        media = session.media
        assert isinstance(media, Publisher)  # only their streams become known
        session.agent.alive(now)
        counters.packets_in += len(run)
        counters.bytes_in += sum([heard[-1] for heard in run])
        feed = media.take(known.ssrc, run, now)
        if feed is not None:
            self._recipient.arrived(feed)
        if media.missing:
            self._heard[session] = None  # else nothing of it can be due earlier than it was

    def _media(
        self, session: Session, pointer: Any, data: memoryview, key: bytes | None, now: float
    ) -> None:
        """SRTP or SRTCP of a verified address, in the memory `pointer` and `data` both speak of.

        `key` is that address; None if it is not known any more.
        """
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
                    if key is not None and not is_connection(key):
                        self._know(session, key, ssrc)
        except ValueError:
            if control:
                counters.rtcp_malformed += 1
            else:
                counters.rtp_malformed += 1
        self._heard[session] = None

    def _know(self, session: Session, key: bytes, ssrc: int) -> None:
        """A packet has gone the whole way: those that follow it take the short one."""
        incoming = session.dtls.incoming
        track = session.media.track(ssrc) if isinstance(session.media, Publisher) else None
        if track is not None and incoming is not None:
            self._reader.learn(key, Known(session, ssrc, incoming, track.level_id))
