"""What the relay reports just now: asked once for all rooms, each second while any room exists.

Every coordinator keeps one watch for its own pages and terminals; the leading one's runner also
acts on it. A report older than `FRESH_S` counts for nothing: unknown is not the same as silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from prometheus_client import Counter

from ..domain.ids import OccurrenceId, SeatId
from .ports import IngestStatus, PeerStatus, RelayControl, RelayDownError, RelayStatus

log = structlog.get_logger(__name__)

# While rooms exist a second decides how soon a lesson is seen to be live; else nothing is urgent.
BUSY_S: Final = 1.0
IDLE_S: Final = 5.0
# Three missed polls: from then on we say "unknown" rather than repeat what was true.
FRESH_S: Final = 3.5
# Media counts as flowing if something arrived, or was acknowledged, this recently. Receiver
# reports come every 1–5 s (RFC 3550 section 6.2), so acknowledgement needs more patience.
HOST_FLOWING_S: Final = 2.0
SEAT_RECEIVING_S: Final = 8.0

HOST_PEER: Final = "host"
HOST_SOURCES: Final = frozenset({"camera", "screen"})

RELAY_DOWN = Counter(
    "sync_classroom_relay_unreachable_total", "Status requests the relay did not answer."
)

_Key = tuple[str, str, str]


class MediaWatch:
    """The latest relay status, indexed, and a way to wait for the next one."""

    def __init__(
        self,
        relay: RelayControl,
        *,
        busy_s: float = BUSY_S,
        idle_s: float = IDLE_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._relay = relay
        self._busy_s = busy_s
        self._idle_s = idle_s
        self._monotonic = monotonic
        self._status: RelayStatus | None = None
        self._taken_at = float("-inf")
        self._peers: Mapping[_Key, tuple[PeerStatus, ...]] = {}
        self._publishing: Mapping[str, frozenset[str]] = {}
        self._ingests: Mapping[str, IngestStatus] = {}
        self._silent = False
        self._generation = 0
        self._updated = asyncio.Condition()
        self._nudged = asyncio.Event()

    @property
    def status(self) -> RelayStatus | None:
        """The latest status, or None if the relay did not answer lately."""
        if self._monotonic() - self._taken_at > FRESH_S + self._quiet_s():
            return None
        return self._status

    @property
    def generation(self) -> int:
        """How many polls were finished, answered or not."""
        return self._generation

    def sessions(self, room: str, peer: str, direction: str) -> tuple[PeerStatus, ...]:
        """Sessions of one peer; empty if there are none or nothing is known."""
        if self.status is None:
            return ()
        return self._peers.get((room, peer, direction), ())

    def host_flowing(self, occurrence: OccurrenceId) -> bool | None:
        """Whether the host's camera or screen is arriving now; None if the relay is silent."""
        if self.status is None:
            return None
        return any(
            s.source in HOST_SOURCES and _recent(s, HOST_FLOWING_S)
            for s in self.sessions(occurrence, HOST_PEER, "publish")
        )

    def anybody_flowing(self, room: str) -> bool | None:
        """Whether anybody's media is arriving in a room now; None if the relay is silent."""
        if self.status is None:
            return None
        return any(
            _recent(session, HOST_FLOWING_S)
            for peer in self.publishing(room)
            for session in self.sessions(room, peer, "publish")
        )

    def levels(self, room: str) -> dict[str, int | None]:
        """How loud every publisher's voice in a room is, by peer; see `PeerStatus.level`.

        What a shared screen plays is nobody's voice.
        """
        return {
            peer: next(
                (
                    s.level
                    for s in self.sessions(room, peer, "publish")
                    if s.source == f"seat:{peer}"
                ),
                None,
            )
            for peer in self.publishing(room)
        }

    def receiver(self, occurrence: OccurrenceId, seat: SeatId) -> PeerStatus | None:
        """A seat's receiving session, the most recently acknowledged if it has several."""
        sessions = self.sessions(occurrence, seat, "subscribe")
        return min(
            sessions,
            key=lambda s: float("inf") if s.last_media_s is None else s.last_media_s,
            default=None,
        )

    def receiving(self, occurrence: OccurrenceId, seat: SeatId) -> bool:
        """Whether a seat acknowledged media within the last seconds."""
        session = self.receiver(occurrence, seat)
        return session is not None and _recent(session, SEAT_RECEIVING_S)

    def publishing(self, room: str) -> frozenset[str]:
        """Peers with a connected publishing session in a room."""
        return self._publishing.get(room, frozenset()) if self.status is not None else frozenset()

    def ingest(self, room: str) -> IngestStatus | None:
        """The room's recording host; None if it has none or nothing is known."""
        return self._ingests.get(room) if self.status is not None else None

    def nudge(self) -> None:
        """Ask for a poll at once."""
        self._nudged.set()

    async def next(self, seen: int) -> int:
        """Wait until `generation` differs from `seen`; return it."""
        async with self._updated:
            await self._updated.wait_for(lambda: self._generation != seen)
            return self._generation

    async def refresh(self) -> RelayStatus | None:
        """Ask the relay now; None if it is down. Never raises for a relay that is away."""
        try:
            status: RelayStatus | None = await self._relay.status()
        except RelayDownError as error:
            RELAY_DOWN.inc()
            log.info("relay.unreachable", error=str(error))
            status = None
        self._silent = status is None  # a relay that is gone comes back soon: ask often
        if status is not None or self._monotonic() - self._taken_at > FRESH_S:
            self._accept(status)
        async with self._updated:
            self._generation += 1
            self._updated.notify_all()
        return status

    async def run(self) -> None:
        """Poll for ever, sooner while rooms exist or when nudged."""
        while True:
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._quiet_s()):
                    await self._nudged.wait()
            self._nudged.clear()

    def _quiet_s(self) -> float:
        busy = self._silent or (self._status is not None and bool(self._status.rooms))
        return self._busy_s if busy else self._idle_s

    def _accept(self, status: RelayStatus | None) -> None:
        peers: dict[_Key, list[PeerStatus]] = {}
        publishing: dict[str, set[str]] = {}
        for peer in status.peers if status is not None else ():
            peers.setdefault((peer.room, peer.peer, peer.direction), []).append(peer)
            if peer.direction == "publish" and peer.connected:
                publishing.setdefault(peer.room, set()).add(peer.peer)
        self._peers = {key: tuple(sessions) for key, sessions in peers.items()}
        self._publishing = {room: frozenset(names) for room, names in publishing.items()}
        self._ingests = {one.room: one for one in status.ingests} if status is not None else {}
        self._status = status
        if status is not None:
            self._taken_at = self._monotonic()


def _recent(session: PeerStatus, within_s: float) -> bool:
    return session.last_media_s is not None and session.last_media_s <= within_s
