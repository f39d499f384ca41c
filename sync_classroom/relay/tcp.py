"""Passive ICE-TCP (RFC 6544) beside the UDP port, for networks that let no UDP through.

A connection is nobody's until a check with the right integrity has come over it, and until then it
is bounded in time, in bytes and in number. Afterwards it is one more address of its session.
"""

from __future__ import annotations

import array
import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from .framing import Frames, SendQueue
from .ice import CONSENT_S
from .stun import is_stun
from .udp import SEND_BATCH, SLOT, Address, Owner, UdpSocket, ffi

# ------------------------------------------------------------------ policy, written down

UNVERIFIED_S: Final = 10.0
"""From accepting a connection to its first right check: a client sends it at once, and a lost
segment is sent again after 1 and 3 seconds."""
UNVERIFIED_BYTES: Final = 4096
"""What may come before that check: forty checks, none of which anybody honest needs twice."""
MAX_UNVERIFIED: Final = 512
"""Connections nobody has proved to be his, at once; beyond it newcomers are turned away."""
MAX_UNVERIFIED_PER_HOST: Final = 192
"""The same from one IP address: 48 classrooms behind one translation open two each at the bell, and
two more after a reload, all proved within a round trip."""
IDLE_S: Final = CONSENT_S
"""Without a check for so long the client uses another path, as with an address of UDP."""
STALLED_S: Final = 10.0
"""A connection that took nothing for so long is dead, whatever its system says."""
USER_TIMEOUT_MS: Final = 10_000
"""The system gives a connection up when nothing was acknowledged for so long."""
NOT_SENT_BYTES: Final = 16 * 1024
"""Unsent bytes the system may hold (TCP_NOTSENT_LOWAT): what waits, waits here, where its age is
known and video can be told from sound."""
RECEIVE_BYTES: Final = 64 * 1024
"""Read at once from one connection; then others have their turn."""
ACCEPT_BATCH: Final = 64
"""Connections accepted per wake-up."""
ACCEPT_PAUSE_S: Final = 1.0
"""After the system refused to hand one over (no descriptors left) none are asked for."""
SWEEP_S: Final = 1.0
"""How often the limits in time are looked at."""
BACKLOG: Final = 256
"""Connections the system holds for us: every classroom of a city at the same bell."""
SAME_PORT_TRIES: Final = 16
"""When the system chooses the port, its number must be free for UDP and TCP both."""
_NO_LOWAT: Final = frozenset({errno.ENOPROTOOPT, errno.EINVAL})

log = logging.getLogger(__name__)


Arrived = Callable[[bytes, list[bytes]], None]
Lost = Callable[[bytes], None]


class Connection(Address):
    """One accepted connection; as a destination its datagrams go to a `TcpSender`.

    `key` stands for it where a UDP address's bytes would.
    """

    __slots__ = ("frames", "heard_s", "host_port", "opened_s", "queue", "received", "socket")

    def __init__(
        self, key: bytes, accepted: socket.socket, host_port: tuple[str, int], now: float
    ) -> None:
        self.key = key
        self.pointer = 0  # never the UDP port's business
        self.socket = accepted
        self.host_port = host_port
        self.opened_s = now
        self.heard_s: float | None = None  # the latest right check
        self.received = 0
        self.frames = Frames()
        self.queue = SendQueue()

    @property
    def verified(self) -> bool:
        """Whether a session has proved it to be its own."""
        return self.heard_s is not None


class TcpSender:
    """`udp.Sender` for connections: a fan-out writes datagrams here, `flush` hands them on."""

    def __init__(self, write: Callable[[Connection, memoryview, Owner | None], None]) -> None:
        self._write = write
        self._memory = ffi.new("char[]", SEND_BATCH * SLOT)
        self._labels: list[tuple[int, int, Address, Owner | None]] = []
        self.used = 0
        self.send_view = memoryview(ffi.buffer(self._memory)).cast("B")
        self.send_pointers: list[Any] = [self._memory + place * SLOT for place in range(SEND_BATCH)]
        self.send_lengths = memoryview(array.array("Q", bytes(16 * SEND_BATCH)))

    def commit(self, length: int, address: Address, owner: Owner | None) -> None:
        """See `UdpSocket.commit`."""
        place = self.used
        self.send_lengths[2 * place + 1] = length
        self.label(place, place + 1, address, owner)
        if self.used == SEND_BATCH:
            self.flush()

    def label(self, first: int, end: int, address: Address, owner: Owner | None) -> None:
        """See `UdpSocket.label`."""
        self._labels.append((first, end, address, owner))
        self.used = end

    def send(self, data: bytes, address: Address, owner: Owner | None = None) -> None:
        """See `UdpSocket.send`."""
        start = self.used * SLOT
        self.send_view[start : start + len(data)] = data
        self.commit(len(data), address, owner)

    def flush(self) -> None:
        """Hand every datagram to its connection's queue, and write what the system takes."""
        labels, self._labels, self.used = self._labels, [], 0
        for first, end, address, owner in labels:
            assert isinstance(address, Connection)  # the endpoint sorts by address
            for place in range(first, end):
                start = place * SLOT
                length = self.send_lengths[2 * place + 1]
                self._write(address, self.send_view[start : start + length], owner)


class TcpPort:
    """A bound socket that will listen, and the connections it has accepted."""

    def __init__(self, listener: socket.socket) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived: Arrived = _nobody
        self._lost: Lost = _nobody
        self._connections: dict[bytes, Connection] = {}
        self._unverified: Counter[str] = Counter()
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self.sender = TcpSender(self._write)
        self.accepted = self.refused = self.expired = self.malformed = 0
        self.datagrams_out = self.blocked = self.kept_lost = 0
        self._listener = listener

    def listen(self, arrived: Arrived, lost: Lost) -> None:
        """Take connections from now on.

        `arrived(key, datagrams)` is called with what came over one, `lost(key)` when one that was
        verified has ended other than by `close`.
        """
        self._arrived, self._lost = arrived, lost
        self._listener.listen(BACKLOG)
        self._loop.add_reader(self._listener.fileno(), self._accept)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    @property
    def verified(self) -> int:
        """How many of them belong to a session."""
        return len(self._connections) - self._unverified.total()

    def shut(self) -> None:
        """Close everything. Again is fine."""
        if self._listener.fileno() < 0:
            return
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for connection in list(self._connections.values()):
            self._end(connection)
        if self._timer is not None:
            self._timer.cancel()

    # ------------------------------------------------------------------ for the demultiplexer

    def find(self, key: bytes) -> Connection | None:
        """The connection of this key, unless it has ended."""
        return self._connections.get(key)

    def heard(self, key: bytes, now: float) -> None:
        """A right check has come over it: it belongs to a session."""
        connection = self._connections.get(key)
        if connection is not None:
            if not connection.verified:
                self._leave_unverified(connection)
            connection.heard_s = now

    def close(self, key: bytes) -> None:
        """Its session has no use for it any more. Again is fine."""
        connection = self._connections.get(key)
        if connection is not None:
            self._end(connection)

    # ------------------------------------------------------------------ accepting

    def _accept(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                accepted, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                log.warning("no TCP connections are accepted for a moment: %s", error)
                self._loop.remove_reader(self._listener.fileno())
                self._loop.call_later(ACCEPT_PAUSE_S, self._resume)
                return
            self._take(accepted, peer)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _take(self, accepted: socket.socket, peer: tuple[Any, ...]) -> None:
        host = str(peer[0]).removeprefix("::ffff:")
        full = self._unverified.total() >= MAX_UNVERIFIED
        if full or self._unverified[host] >= MAX_UNVERIFIED_PER_HOST:
            self.refused += 1
            accepted.close()
            return
        try:
            _prepare(accepted)
        except OSError:
            accepted.close()  # gone before it was here
            return
        self._count += 1
        self.accepted += 1
        key = b"tcp" + self._count.to_bytes(8, "big")  # no sockaddr begins or ends like this
        connection = Connection(key, accepted, (host, int(peer[1])), self._loop.time())
        self._connections[key] = connection
        self._unverified[host] += 1
        self._loop.add_reader(accepted.fileno(), self._readable, connection)
        if self._timer is None:
            self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    def _leave_unverified(self, connection: Connection) -> None:
        host = connection.host_port[0]
        self._unverified[host] -= 1
        if not self._unverified[host]:
            del self._unverified[host]

    # ------------------------------------------------------------------ reading

    def _readable(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._gone(connection)
            return
        connection.received += len(data)
        try:
            datagrams = connection.frames.feed(data)
        except ValueError:
            self.malformed += 1
            self._gone(connection)
            return
        if not connection.verified and not all(map(is_stun, datagrams[:1])):
            self.malformed += 1  # nothing but a check may open a connection
            self._gone(connection)
            return
        if datagrams:
            self._arrived(connection.key, datagrams)
        if not connection.verified and connection.received > UNVERIFIED_BYTES:
            self.expired += 1
            self._gone(connection)

    # ------------------------------------------------------------------ writing

    def _write(self, connection: Connection, datagram: memoryview, owner: Owner | None) -> None:
        if connection.key not in self._connections:
            return  # it has ended since the datagram was written
        queue = connection.queue
        waited, lost, refused = bool(queue), queue.lost, queue.refused
        queue.put(datagram, _given_up if owner is None else owner.blocked, self._loop.time())
        self.kept_lost += queue.lost - lost
        self.blocked += queue.refused - refused
        if not waited:
            self._drain(connection)

    def _drain(self, connection: Connection) -> None:
        """Write until nothing waits, or until the system takes no more."""
        queue = connection.queue
        while queue:
            try:
                count = connection.socket.sendmsg(queue.head())
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(connection.socket.fileno(), self._writable, connection)
                return
            except OSError:
                self._gone(connection)
                return
            self.datagrams_out += queue.wrote(count)

    def _writable(self, connection: Connection) -> None:
        self._loop.remove_writer(connection.socket.fileno())
        self._drain(connection)

    # ------------------------------------------------------------------ ending

    def _sweep(self) -> None:
        now = self._loop.time()
        self._timer = None
        for connection in list(self._connections.values()):
            since_s = connection.queue.since_s
            if connection.heard_s is None:
                over = now - connection.opened_s > UNVERIFIED_S
            else:
                over = now - connection.heard_s > IDLE_S
            if over or (since_s is not None and now - since_s > STALLED_S):
                self.expired += 1
                self._gone(connection)
        if self._connections:
            self._timer = self._loop.call_later(SWEEP_S, self._sweep)

    def _gone(self, connection: Connection) -> None:
        """It has ended by itself: whoever it belonged to is told."""
        self._end(connection)
        if connection.verified:
            self._lost(connection.key)

    def _end(self, connection: Connection) -> None:
        if self._connections.pop(connection.key, None) is None:
            return
        if not connection.verified:
            self._leave_unverified(connection)
        descriptor = connection.socket.fileno()
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        connection.socket.close()


def bind(host: str, port: int, *, tcp: bool) -> tuple[UdpSocket, socket.socket | None]:
    """The media port for UDP, and for TCP under the same number; 0 lets the system choose it.

    Raises OSError if the port cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for tries_left in reversed(range(1 if port else SAME_PORT_TRIES)):
        udp = UdpSocket(host, port)
        if not tcp:
            return udp, None
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6 and host == "::":
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind((host, udp.port))
        except OSError as error:
            listener.close()
            udp.close()
            if error.errno != errno.EADDRINUSE or not tries_left:
                raise
        else:
            return udp, listener
    raise AssertionError("the last try returns or raises")


def _nobody(*_: object) -> None:
    """Nothing is accepted before `listen`."""


def _given_up(_: memoryview) -> bool:
    """An answer to a check that nobody waits for any more."""
    return False


def _prepare(accepted: socket.socket) -> None:
    accepted.setblocking(False)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    try:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOT_SENT_BYTES)
    except OSError as error:
        if error.errno not in _NO_LOWAT:
            raise
