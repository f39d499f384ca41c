"""Making a session of a negotiated offer: its credentials, numbers, transport and media."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .dtls import Certificate
from .fanout import FanOut
from .forwarding import Slot
from .ice import IceAgent, IceTable
from .live_session import Session, SessionHost
from .peer import PeerTransport
from .publisher import Publisher
from .samples import Sampler
from .sdp_answer import stream_ids
from .session import Direction, LocalStream, LocalTransport, MediaLine, Offer
from .settings import RelaySettings
from .subscriber import Subscriber
from .sync import RelayClock


@dataclass(frozen=True, slots=True)
class Admission:
    """Builds the sessions of one endpoint (`host`); what they share is here.

    `candidates` are the (IP address, UDP port) peers are told, and with `tcp` that the same take
    TCP; `send` puts a DTLS datagram on the
    wire for a transport.
    """

    settings: RelaySettings
    host: SessionHost
    ice: IceTable
    certificate: Certificate
    candidates: tuple[tuple[str, int], ...]
    tcp: bool
    clock: RelayClock
    fanout: FanOut
    send: Callable[[PeerTransport, bytes], None]

    def session(
        self, room: str, peer: str, source: str | None, offer: Offer, now: float
    ) -> Session:
        """A session that waits for its peer's checks; not yet in any table but the ICE one."""
        session_id = secrets.token_urlsafe(12)
        transport = PeerTransport(self.certificate, offer.fingerprints, self.send)
        sampler = Sampler(self.settings.sample_s, now)
        streams: dict[str, LocalStream] = {}
        media: Publisher | Subscriber
        if offer.direction is Direction.PUBLISH:
            media = self._publisher(offer, now)
        else:
            streams = local_streams(offer, session_id)
            media = self._subscriber(offer, streams, transport, sampler, session_id, now)
        return Session(
            session_id=session_id,
            room=room,
            peer=peer,
            source=source,
            direction=offer.direction,
            agent=self.ice.open(session_id, now),
            transport=transport,
            media=media,
            sampler=sampler,
            streams=streams,
            host=self.host,
            now=now,
        )

    def _publisher(self, offer: Offer, now: float) -> Publisher:
        return Publisher(
            offer,
            ssrc=fresh_ssrc(),
            ceiling_kbps=self.settings.max_bitrate_kbps,
            counters=self.host.counters,
            now=now,
        )

    def _subscriber(
        self,
        offer: Offer,
        streams: dict[str, LocalStream],
        transport: PeerTransport,
        sampler: Sampler,
        cname: str,
        now: float,
    ) -> Subscriber:
        lines = [line for line in offer.lines if line.accepted]
        return Subscriber(
            lines,
            _slots(lines, streams),
            transport,
            cname=cname,
            clock=self.clock,
            fanout=self.fanout,
            counters=self.host.counters,
            sampler=sampler,
            now=now,
        )

    def local_transport(self, agent: IceAgent) -> LocalTransport:
        """What an answer says about our side."""
        current = agent.current
        return LocalTransport(
            current.ufrag,
            current.pwd,
            self.certificate.fingerprint,
            self.candidates,
            self.candidates if self.tcp else (),
        )


def fresh_ssrc() -> int:
    """A random SSRC; never 0, which RTCP uses for nobody."""
    return secrets.randbits(32) or 1


def local_streams(offer: Offer, session_id: str) -> dict[str, LocalStream]:
    """Distinct SSRCs for every accepted line by mid, one CNAME, one stream id per source."""
    ids = stream_ids(offer, session_id)
    used: set[int] = set()

    def ssrc() -> int:
        while (value := fresh_ssrc()) in used:
            pass
        used.add(value)
        return value

    return {
        line.mid: LocalStream(
            ssrc(),
            ssrc() if any(codec.rtx_payload_type is not None for codec in line.codecs) else None,
            session_id,
            ids[line.mid],
        )
        for line in offer.lines
        if line.accepted
    }


def _slots(lines: Sequence[MediaLine], streams: dict[str, LocalStream]) -> dict[str, Slot]:
    return {
        line.mid: Slot(
            line.kind,
            line.codecs,
            ssrc=streams[line.mid].ssrc,
            rtx_ssrc=streams[line.mid].rtx_ssrc,
            # RFC 3550 5.1: random starts. The upper half of sequence numbers is left out because a
            # loss around an early wrap confuses SRTP's rollover guess.
            first_sequence=random.randrange(1, 0x8000),  # noqa: S311
            first_timestamp=random.getrandbits(32),
        )
        for line in lines
    }
