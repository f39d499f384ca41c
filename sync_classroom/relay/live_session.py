"""One WHIP or WHEP session as it lives: its ICE agent, its transport, its media, its samples."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from . import rtcp, srtp
from .counters import Counters
from .feed import Feed
from .ice import IceAgent
from .layers import LayerState
from .load import Place
from .peer import PeerTransport
from .ports import MediaPorts
from .publisher import Publisher
from .samples import Cut, Sampler
from .session import Direction, LocalStream, LocalTransport, Sample
from .subscriber import Subscriber
from .sync import WallClock
from .udp import SLOT


@dataclass(frozen=True, slots=True)
class PeerState:
    """One session as `GET /status` shows it; totals since it was opened. `loss` is 0 to 1."""

    room: str
    peer: str
    direction: Direction
    source: str | None
    connected: bool
    path: str
    rtt_ms: float | None
    packets: int
    bytes: int
    loss: float | None
    jitter_ms: float | None
    last_media_s: float | None
    session: str
    layers: tuple[LayerState | None, ...] = ()
    """Of a publisher the pictures that arrive, the largest first; of a subscriber by video slot."""
    level: int | None = None
    """How loud a publisher's voice is: 0 loud to 127 silent, None if it is off or says nothing."""


class _Control:
    """Owner of RTCP and DTLS datagrams: worth keeping while the socket would block."""

    def blocked(self, datagram: memoryview) -> bool:
        return len(datagram) > 0


CONTROL: Final = _Control()


class SessionHost(Protocol):
    """What a session needs of its endpoint."""

    @property
    def ports(self) -> MediaPorts:
        """Where datagrams go."""
        ...

    @property
    def counters(self) -> Counters:
        """What is counted."""
        ...

    def on_sample(self, sample: Sample) -> None:
        """Take a sample."""
        ...

    def wall_s(self) -> float:
        """POSIX time, for the instants of samples and nothing else."""
        ...

    def local_transport(self, agent: IceAgent) -> LocalTransport:
        """Our side of an agent's transport."""
        ...

    def restart_ice(self, session: Session) -> LocalTransport:
        """See `Session.restart_ice`."""
        ...

    def close_session(self, session: Session, reason: str) -> None:
        """See `Session.close`."""
        ...


class Session:
    """A publish or subscribe session of one peer. Made and ended by its `Endpoint`.

    `closed` is set when it has ended, whoever ended it; `reason` then says why in one word.
    """

    def __init__(
        self,
        *,
        session_id: str,
        room: str,
        peer: str,
        source: str | None,
        direction: Direction,
        agent: IceAgent,
        transport: PeerTransport,
        media: Publisher | Subscriber,
        sampler: Sampler,
        streams: Mapping[str, LocalStream],
        host: SessionHost,
        now: float,
    ) -> None:
        self.id = session_id
        self.room, self.peer, self.source, self.direction = room, peer, source, direction
        self.agent = agent
        self.dtls = transport
        self.media = media
        self.streams = streams
        self.closed = asyncio.Event()
        self.reason: str | None = None
        self.task: asyncio.Task[None] | None = None
        self.addresses: set[bytes] = set()
        self.relayed: frozenset[tuple[str, int]] = frozenset()
        self.early: list[bytes] = []
        self.connected_s: float | None = None
        self.opened_s = now
        self._sampler = sampler
        self._wall = WallClock()
        self._host = host

    # ------------------------------------------------------------------ for the signalling side

    @property
    def transport(self) -> LocalTransport:
        """What the answer says about our side."""
        return self._host.local_transport(self.agent)

    def restart_ice(self, ufrag: str, pwd: str) -> LocalTransport:
        """New local credentials; the old keep working until the new ones are used.

        `ufrag` and `pwd` are the peer's new ones. A lite agent never sends a check, so it needs
        neither; they are taken to keep the call's shape that of RFC 8445.
        """
        del ufrag, pwd
        return self._host.restart_ice(self)

    def close(self, reason: str) -> None:
        """End the session now: last sample written, DTLS told."""
        self._host.close_session(self, reason)

    @property
    def place(self) -> Place:
        """What the peer comes back to after its session has ended."""
        return self.room, self.peer, self.direction, self.source

    @property
    def connected(self) -> bool:
        """Whether DTLS is done, and so media can flow."""
        return self.dtls.connected

    @property
    def path(self) -> str:
        """How datagrams reach the peer now: `udp`, `tcp`, or `turn` if it named the address so."""
        return self._host.ports.path(self.dtls.address, self.relayed)

    def state(self, now: float) -> PeerState:
        """For `GET /status`."""
        media = self.media
        if isinstance(media, Publisher):
            totals = media.totals
            expected = totals.packets + totals.lost
            loss = totals.lost / expected if expected else None
            last, rtt_ms = media.last_media_s, media.rtt_ms
            layers = media.layers
        else:
            totals = media.totals(reported=True)
            loss = 1 - totals.acked / totals.packets if totals.packets else None
            totals = media.totals(reported=False)
            last = media.last_acked_s
            rtt_s = media.downlink.rtt_s
            rtt_ms = None if rtt_s is None else rtt_s * 1000
            layers = media.layers(now)
        return PeerState(
            self.room,
            self.peer,
            self.direction,
            self.source,
            self.connected,
            self.path,
            rtt_ms,
            totals.packets,
            totals.bytes,
            loss,
            media.jitter_ms,
            None if last is None else max(0.0, now - last),
            self.id,
            layers,
            media.level(now) if isinstance(media, Publisher) else None,
        )

    # ------------------------------------------------------------------ for the endpoint

    def receive_rtp(self, data: memoryview, now: float, counters: Counters) -> Feed | None:
        """A decrypted RTP packet."""
        if not isinstance(self.media, Publisher):
            counters.rtp_unmapped += 1  # a subscriber has nothing to send
            return None
        return self.media.receive(data, now)

    def receive_rtcp(self, data: memoryview, now: float) -> rtcp.Feedback:
        """A decrypted RTCP compound packet; raises ValueError if malformed."""
        feedback = rtcp.parse(data)
        self.media.feedback(feedback, now)
        return feedback

    @property
    def deadline_s(self) -> float:
        """When `advance` has something to do."""
        deadline = self.agent.deadline_s
        if self.connected:
            deadline = min(deadline, self._sampler.deadline_s)
            media = self.media.deadline_s
            if media is not None:
                deadline = min(deadline, media)
        return deadline

    def advance(self, now: float) -> None:
        """Do what is due: consent, samples, RTCP."""
        if now >= self.agent.deadline_s:
            self.close("silent")
            return
        if not self.connected:
            return
        if now >= self._sampler.deadline_s:
            self._cut_at_deadline(now)
        self.media.advance(now, self.send_rtcp)

    def moved(self) -> None:
        """What we send goes to another address from now on."""
        if isinstance(self.media, Subscriber):
            for stream in self.media.streams:
                stream.slot.moved()

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and queue one compound packet."""
        outgoing, address = self.dtls.outgoing, self.dtls.address
        if outgoing is None or address is None:
            return
        socket = self._host.ports.sender(address)
        start = socket.used * SLOT
        socket.send_view[start : start + len(packet)] = packet
        try:
            length = outgoing.protect_rtcp(socket.send_pointers[socket.used], len(packet))
        except srtp.SrtpError:
            self._host.counters.srtp_failed += 1
            return
        socket.commit(length, address, CONTROL)

    # ------------------------------------------------------------------ samples

    def connected_at(self, now: float) -> None:
        """DTLS is done: samples begin here."""
        self.connected_s = now
        self._sampler.restart(now)
        if isinstance(self.media, Subscriber):
            self.media.connected(now)

    def _cut_at_deadline(self, now: float) -> None:
        if not isinstance(self.media, Subscriber):
            self._write(self._sampler.close(self.media.totals, now), now)
        elif (cut := self._sampler.cut()) is not None:
            self._write(cut, now, reported=True)
        else:
            self.media.write_off()
            self._write(self._sampler.close(self.media.totals(reported=False), now), now)

    def last_samples(self, now: float) -> None:
        """Write what remains: up to the last report, and the tail behind it."""
        if self.connected_s is None:
            return
        if isinstance(self.media, Subscriber):
            totals = self.media.totals(reported=False)
            if self._sampler.reported_s == now:
                self._write(self._sampler.close(totals, now), now, reported=True)
                return  # no time has passed behind the report that a tail could stand for
            if (cut := self._sampler.cut()) is not None:
                self._write(cut, now, reported=True)
            self._write(self._sampler.close(totals, now), now)
        else:
            self.media.finish()
            self._write(self._sampler.close(self.media.totals, now), now)

    def _write(self, cut: Cut, now: float, *, reported: bool = False) -> None:
        moved, media = cut.moved, self.media
        if not moved:
            return  # nothing happened, so nothing is claimed
        subscribe = self.direction is Direction.SUBSCRIBE
        # What was lost in an earlier sample and sent again since is that sample's, not this one's.
        acked = min(moved.acked, moved.packets)
        # A subscriber's packets that no report spoke of yet are not acknowledged, but not lost.
        lost = moved.packets - acked if reported and subscribe else moved.lost
        state = self.state(now)
        largest = state.layers[0] if state.layers else None
        wall_s = self._host.wall_s()
        self._host.on_sample(
            Sample(
                room=self.room,
                peer=self.peer,
                direction=self.direction,
                source=self.source,
                from_at=self._wall.at(cut.from_s, now=now, wall_s=wall_s),
                to_at=self._wall.at(cut.to_s, now=now, wall_s=wall_s),
                packets=moved.packets,
                acked=acked,
                bytes=moved.bytes,
                lost=lost,
                rtt_ms=state.rtt_ms,
                jitter_ms=media.jitter_ms,
                nacks=moved.nacks,
                plis=moved.plis,
                dropped=moved.dropped,
                path=self.path,
                layer=None if largest is None else largest.picture,
            )
        )
