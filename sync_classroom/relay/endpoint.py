"""The relay's media port: every session on one port, one reader for UDP, one timer.

Order of every turn: drain the socket, give each datagram to its session, fan out what arrived (now,
or when the batch window ends), do what is due, flush, arm the timer again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from . import rtcp
from .admission import Admission
from .counters import JOIN_BUCKETS_S, LAG_BUCKETS_S, Counters, Distribution
from .demux import Demultiplexer
from .dispatch import Dispatcher
from .dtls import Certificate
from .entrance import Entrance
from .fanout import FanOut, Output
from .feed import Batch, Feed
from .forwarding import Slot
from .ice import IceAgent, IceTable
from .interfaces import reachable_addresses
from .layers import Listener
from .live_session import CONTROL, PeerState, Session
from .peer import PeerTransport
from .ports import MediaPorts
from .publisher import Publisher
from .recording.recorder import NOBODY, Watcher
from .room import EMPTY_S, Layout, Room, source_name
from .routing import cold_feeds, route
from .schedule import Schedule
from .session import Direction, LocalTransport, Offer, Sample
from .settings import RelaySettings
from .subscriber import Subscriber
from .sync import RelayClock
from .wakeups import Wakeups
from .window import Window

__all__ = ["Endpoint", "Layout", "PeerState", "Session"]

NOTHING_LIVE_RETRY_S: Final = 3
"""When to look again whether a lesson has begun: the room is to be there when its picture is."""
_AGAIN_S: Final = 0.0005
"""A session that has something due has it no sooner than this after what it has just done."""

log = logging.getLogger(__name__)


class Endpoint:
    """All media of one relay process. Make it with `open`; everything happens on its loop."""

    def __init__(
        self, settings: RelaySettings, ports: MediaPorts, on_sample: Callable[[Sample], None]
    ) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self.ports, self.socket = ports, ports.udp
        self.on_sample = on_sample
        self.entrance = Entrance(settings)
        self.recorder: Watcher[Session] = NOBODY
        self._counters = Counters()
        self.joins, self.lag = Distribution(JOIN_BUCKETS_S), Distribution(LAG_BUCKETS_S)
        self.dropped_in = 0
        self._ice = IceTable()
        self._fanout: FanOut = ports.fan_out(settings.fanout, self._counters)
        reader = ports.reader(settings.fanout, self._counters)
        self._demux = Demultiplexer(ports, reader, self._ice, self._counters, self)
        hosts = settings.advertised or reachable_addresses(settings.media.host)
        self._admission = Admission(
            settings,
            self,
            self._ice,
            Certificate(),
            tuple((host, self.port) for host in hosts),
            ports.tcp is not None,
            RelayClock(time.time() - self._loop.time()),
            self._fanout,
            self._send_dtls,
        )
        self._rooms: dict[str, Room[Session]] = {}
        self._sessions: dict[str, Session] = {}
        self._outputs: dict[Slot, Output] = {}
        self._dispatcher = Dispatcher(self._fanout, self._outputs)
        self._owners: dict[Feed, Session] = {}
        self._listeners: dict[Listener, Session] = {}
        self._window = Window(settings.batch_window_ms / 1000)
        self._schedule: Schedule[Session | Room[Session]] = Schedule()
        self._wakeups = Wakeups(self._loop, self.socket.fd, self._woken)
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = False
        self._dropped_before = self._refused_before = 0

    @classmethod
    async def open(
        cls, settings: RelaySettings, *, on_sample: Callable[[Sample], None]
    ) -> Endpoint:
        """Bind the media port and start serving. Raises OSError if the port cannot be had.

        `on_sample` is called on the loop and must not block.
        """
        ports = MediaPorts.bind(settings.media.host, settings.media.port, tcp=settings.media_tcp)
        try:
            endpoint = cls(settings, ports, on_sample)
        except BaseException:
            ports.close()
            raise
        ports.listen(endpoint._tcp_readable, endpoint._demux.lost)
        return endpoint

    async def close(self) -> None:
        """Close every session, write the last samples, release the port."""
        for session in list(self._sessions.values()):
            self.close_session(session, "shutdown")
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._wakeups.close()
        self.ports.flush()
        self._loop.remove_writer(self.socket.fd)
        self.ports.close()

    def wall_s(self) -> float:
        """POSIX time."""
        return time.time()

    @property
    def port(self) -> int:
        """The UDP port, also if the system chose it."""
        return self.socket.port

    @property
    def fanout(self) -> str:
        """Which implementation forwards: `kernel` or `python`."""
        return self._fanout.name

    @property
    def counters(self) -> Counters:
        """What happened since start."""
        counters = self.ports.count(self._counters)
        counters.dropped_blocked = self._refused_before + sum(s.refused for s in self._outputs)
        counters.dropped_policy = (
            self._dropped_before + sum(s.dropped for s in self._outputs) - counters.dropped_blocked
        )
        return counters

    # ------------------------------------------------------------------ rooms

    def begin_drain(self) -> None:
        """Take no new rooms from now on; running ones go on."""
        self.entrance.drain.begin(self._loop.time())

    def rooms(self) -> tuple[str, ...]:
        """The names of all rooms."""
        return tuple(self._rooms)

    def put_room(self, room: str, layouts: Mapping[str, Layout], *, pinned: bool = True) -> None:
        """Make a room or route it anew, at once; idempotent.

        `layouts` is by peer, `*` for everybody else. A pinned room stays until it is deleted.
        Raises `SessionRefusedError` (`full`, `draining`) when a new room cannot be made.
        """
        found = self._rooms.get(room)
        if found is None:
            found = self._make_room(room, pinned=pinned)
        found.layouts = dict(layouts)
        if pinned:
            found.pinned = True
            self._schedule.remove(found)
        self._route(found)

    def delete_room(self, room: str) -> None:
        """Close the room's sessions, write their last samples, forget it. Unknown is fine."""
        found = self._rooms.pop(room, None)
        if found is None:
            return
        self._schedule.remove(found)
        for session_id in list(found.sessions):
            self.close_session(self._sessions[session_id], "room_deleted")

    def drop_peer(self, room: str, peer: str) -> None:
        """Close every session of one peer."""
        for session in list(self._sessions.values()):
            if (session.room, session.peer) == (room, peer):
                self.close_session(session, "dropped")

    def _make_room(self, name: str, *, pinned: bool) -> Room[Session]:
        self.entrance.check_room(len(self._rooms))
        room: Room[Session] = Room(name, pinned)
        self._rooms[name] = room
        return room

    def _route(self, room: Room[Session]) -> None:
        """Point every slot of the room at what its layout says now."""
        for session_id in room.sessions:
            self._route_session(room, self._sessions[session_id])
        self._arm()

    def _route_session(self, room: Room[Session], session: Session) -> None:
        """The slots of one session; none before it is connected."""
        if not isinstance(session.media, Subscriber) or not session.connected:
            return
        for slot in route(room, session.peer, session.media, self._loop.time()):
            self._counters.idle_codec += slot.mismatched
            if slot.feed is not None:
                self._ask_keyframe(slot.feed)
        self.touch(session)

    def _warm(self, room: Room[Session], session: Session, media: Subscriber) -> None:
        """Have keyframes on their way while the newcomer still shakes hands."""
        for feed in cold_feeds(room, session.peer, media, self._loop.time()):
            if feed.requests is not None and feed.latest is not None:
                feed.requests.ask()
                self.touch(self._owners[feed])

    def _ask_keyframe(self, feed: Feed) -> None:
        if feed.wants_keyframe and feed.requests is not None:
            feed.requests.ask()
            self.touch(self._owners[feed])

    # ------------------------------------------------------------------ sessions

    @property
    def session_count(self) -> int:
        """Sessions that have not ended, also those that still shake hands."""
        return len(self._sessions)

    def session(self, session_id: str) -> Session | None:
        """A session that has not ended, or None."""
        return self._sessions.get(session_id)

    def status(self, room: str | None = None) -> list[PeerState]:
        """Every session, or those of one room."""
        now = self._loop.time()
        return [
            session.state(now)
            for session in self._sessions.values()
            if room is None or session.room == room
        ]

    def open_session(
        self, *, room: str, peer: str, source: str | None, offer: Offer, makes_room: bool
    ) -> Session:
        """Open a session for a negotiated offer; the answer is made of what it says of itself.

        Raises `SessionRefusedError` with code `room_unknown`, `nothing_live` (nobody publishes in
        the room yet), `full`, `busy` or `draining`. A session of the same peer, direction and
        source, and whoever published the same source before, is closed once the new one exists.
        """
        found = self._rooms.get(room)
        publish = offer.direction is Direction.PUBLISH
        if found is None and not makes_room:
            raise self.entrance.refusal("room_unknown", f"there is no room {room!r} here")
        if not publish and (found is None or not found.anything_live()):
            raise self.entrance.refusal(
                "nothing_live", f"nobody publishes in room {room!r} yet", NOTHING_LIVE_RETRY_S
            )
        name = source_name(source, peer) if publish else None
        replaced = [
            session
            for session in self._sessions.values()
            if session.room == room
            and session.direction is offer.direction
            and session.source == name
            and (publish or session.peer == peer)
        ]
        now, others = self._loop.time(), len(self._sessions) - len(replaced)
        self.entrance.check_session(
            (room, peer, offer.direction, name), now, sessions=others, present=bool(replaced)
        )
        if found is None:
            found = self._make_room(room, pinned=False)
        session = self._admission.session(room, peer, name, offer, now)
        for old in replaced:
            self.close_session(old, "replaced")
        self._sessions[session.id] = session
        found.sessions.add(session.id)
        self._schedule.remove(found)
        if isinstance(session.media, Publisher):
            assert name is not None  # publishers always have one
            found.sources[name] = (peer, session)
            for track in session.media.tracks:
                self._owners[track.feed] = session
            self.recorder.published(session, session.media)
            self._route(found)
        else:
            self._listeners[session.media.steering] = session
            for stream in session.media.streams:
                self._outputs[stream.slot] = stream.output
            self._warm(found, session, session.media)
        self._counters.sessions_opened += 1
        self.touch(session)
        self._arm()
        return session

    def local_transport(self, agent: IceAgent) -> LocalTransport:
        """What an answer says about our side."""
        return self._admission.local_transport(agent)

    def restart_ice(self, session: Session) -> LocalTransport:
        """See `Session.restart_ice`."""
        self._ice.restart(session.agent)
        return self.local_transport(session.agent)

    def close_session(self, session: Session, reason: str) -> None:
        """End a session: last samples, routes, addresses, DTLS. Again is fine."""
        if self._sessions.get(session.id) is not session:
            return
        now = self._loop.time()
        session.last_samples(now)
        del self._sessions[session.id]
        self.entrance.gate.left(session.place, now)
        self._schedule.remove(session)
        self._ice.close(session.agent)
        self._demux.forget(session)
        room = self._rooms.get(session.room)
        if isinstance(session.media, Publisher):
            self.recorder.unpublished(session.media)
            for track in session.media.tracks:
                self._window.forget(track.feed)
                del self._owners[track.feed]
        else:
            session.media.leave(now)
            del self._listeners[session.media.steering]
            for stream in session.media.streams:
                self._dropped_before += stream.slot.dropped
                self._refused_before += stream.slot.refused
                del self._outputs[stream.slot]
        if room is not None:
            self._leave_room(room, session, now)
        session.reason = reason
        session.closed.set()
        self._counters.sessions_closed += 1
        if session.task is not None:
            session.task.cancel()
        log.debug("session %s of %s closed: %s", session.id, session.peer, reason)

    def _leave_room(self, room: Room[Session], session: Session, now: float) -> None:
        room.sessions.discard(session.id)
        if (
            session.source is not None
            and room.sources.get(session.source, ("", None))[1] is session
        ):
            del room.sources[session.source]
        if isinstance(session.media, Publisher):
            self._route(room)
        if not room.sessions:
            room.empty_since_s = now
            if not room.pinned:
                self._schedule.set(room, now + EMPTY_S)

    # ------------------------------------------------------------------ datagrams in

    def _woken(self) -> None:
        now = self._loop.time()
        self._demux.drain(now)
        self._turn(now)

    def _tcp_readable(self, key: bytes, datagrams: Sequence[bytes]) -> None:
        now = self._loop.time()
        self._demux.take(datagrams, key, now)
        self._turn(now)

    def arrived(self, feed: Feed) -> None:
        """See `Recipient`: it goes out when the window says."""
        self._window.arrived(feed)

    def heard(self, session: Session, feedback: rtcp.Feedback) -> None:
        """See `Recipient`: somebody without a picture makes its publisher's deadline nearer."""
        if feedback.keyframes and isinstance(session.media, Subscriber):
            for stream in session.media.streams:
                feed = stream.slot.feed
                if feed is not None and feed.requests is not None and feed.requests.pending:
                    self.touch(self._owners[feed])

    def begin_dtls(self, session: Session) -> None:
        """See `Recipient`."""
        session.task = asyncio.create_task(self._serve(session), name=f"dtls {session.id}")
        self._tasks.add(session.task)
        session.task.add_done_callback(self._tasks.discard)

    async def _serve(self, session: Session) -> None:
        """The session's one task: its DTLS association, to its end."""
        try:
            if not await session.dtls.run(lambda: self._connected(session)):
                self._counters.dtls_failed += 1
                self.close_session(session, "dtls_failed")
            else:
                self.close_session(session, "left")
        except asyncio.CancelledError:
            if session.reason is None:
                raise  # not by close_session: the loop is being shut down

    def _connected(self, session: Session) -> None:
        now = self._loop.time()
        session.connected_at(now)
        self.joins.observe(now - session.opened_s)
        room = self._rooms.get(session.room)
        if room is not None:
            self._route_session(room, session)
        self._demux.read_early(session, now)
        self.touch(session)
        self._turn(now)

    def _send_dtls(self, transport: PeerTransport, data: bytes) -> None:
        if transport.address is not None and self.socket.fd_open:
            self.ports.send(data, transport.address, CONTROL)
            self.ports.flush()

    # ------------------------------------------------------------------ time

    def _turn(self, now: float) -> None:
        """Fan out, do what is due, flush, arm the timer."""
        try:
            for feed in self._window.take(now):
                self._fan_out(feed, now)
            for key in self._schedule.pop_due(now):
                if isinstance(key, Room):
                    if not key.sessions and not key.pinned:
                        self.delete_room(key.name)
                else:
                    self._advance(key, now)
            self.ports.flush()
            self._watch_writable()
        finally:
            self._window.worked(now, self._loop.time())
            self._arm()

    def _advance(self, session: Session, now: float) -> None:
        try:
            session.advance(now)
        except Exception:
            # A defect of ours in one session must not stop the lesson of everybody else.
            log.exception("session %s of %s failed and is closed", session.id, session.peer)
            self.close_session(session, "failed")
        if session.id in self._sessions:
            self._schedule.set(session, max(session.deadline_s, now + _AGAIN_S))

    def _fan_out(self, feed: Feed, now: float) -> None:
        batch = feed.take_batch()
        if batch is not None:
            self._layers(feed, batch, now)
            self._dispatcher.dispatch(feed, batch, now)
            self._ask_keyframe(feed)

    def _layers(self, feed: Feed, batch: Batch, now: float) -> None:
        """Before a feed's batch goes out: have layers come or gone, who comes over to this one?"""
        if feed.source is not None and feed.source.heard(feed, now):
            for listener in list(feed.source.listeners):
                listener.choose(now)
                self.touch(self._listeners[listener])
        if feed.joining:
            self._counters.layer_switches += feed.admit(batch)

    def touch(self, session: Session) -> None:
        """See `Recipient`."""
        self._schedule.advance_to(session, session.deadline_s)

    def _arm(self) -> None:
        at, look_at = self._schedule.next, self._window.deadline_s
        if look_at is not None and (at is None or look_at < at):
            at = look_at
        self._wakeups.arm(at, self._loop.time())
        self._wakeups.hold(self._window.open)

    def _watch_writable(self) -> None:
        if self.socket.waiting != self._writing:
            self._writing = self.socket.waiting
            if self._writing:
                self._loop.add_writer(self.socket.fd, self._writable)
            else:
                self._loop.remove_writer(self.socket.fd)

    def _writable(self) -> None:
        self.socket.retry()
        self._watch_writable()
