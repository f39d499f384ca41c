"""The media port over both protocols: which of them an address belongs to, and sends by."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from socket import socket
from typing import Any, Final

from .counters import Counters
from .fanout import FanOut, Job, Output, PythonFanOut
from .feed import Batch
from .kernel import make_fanout
from .kernel_reader import make_reader
from .reader import Reader
from .rtp import Packet
from .tcp import Arrived, Connection, Lost, TcpPort, bind
from .udp import Address, Owner, Sender, UdpSocket

PATH_UDP: Final = "udp"
PATH_TCP: Final = "tcp"
PATH_TURN: Final = "turn"


class MediaPorts:
    """The UDP socket, and the TCP port of the same number unless it is switched off."""

    def __init__(self, udp: UdpSocket, listener: socket | None) -> None:
        self.udp = udp
        self.tcp = TcpPort(listener) if listener is not None else None

    @classmethod
    def bind(cls, host: str, port: int, *, tcp: bool) -> MediaPorts:
        """Take the port; see `tcp.bind`. Raises OSError."""
        return cls(*bind(host, port, tcp=tcp))

    def listen(self, arrived: Arrived, lost: Lost) -> None:
        """Take TCP connections from now on; see `TcpPort.listen`."""
        if self.tcp is not None:
            self.tcp.listen(arrived, lost)

    def close(self) -> None:
        """Give the port back and end every connection."""
        if self.tcp is not None:
            self.tcp.shut()
        self.udp.close()

    def sender(self, address: Address) -> Sender:
        """Where datagrams to this address are written."""
        if self.tcp is not None and isinstance(address, Connection):
            return self.tcp.sender
        return self.udp

    def send(self, data: bytes, address: Address, owner: Owner | None = None) -> None:
        """Queue one datagram."""
        self.sender(address).send(data, address, owner)

    def destination(self, key: bytes) -> Address | None:
        """Prepare an address key for sending; None for a connection that has ended."""
        if is_connection(key):
            return self.tcp.find(key) if self.tcp is not None else None
        return self.udp.destination(key)

    def host_port(self, key: bytes) -> tuple[str, int]:
        """IP address and port of an address key."""
        if is_connection(key):
            found = self.destination(key)
            assert isinstance(found, Connection)  # only asked while its datagram is read
            return found.host_port
        return self.udp.host_port(key)

    def path(self, address: Address | None, relayed: Container[tuple[str, int]]) -> str:
        """The path to an address, of a peer that named those of a TURN server.

        UDP is what every peer begins with; a peer that named none may come through one all the
        same, which nobody but itself can tell.
        """
        if isinstance(address, Connection):
            return PATH_TCP
        if address is not None and self.udp.host_port(address.key) in relayed:
            return PATH_TURN
        return PATH_UDP

    def heard(self, key: bytes, now: float) -> None:
        """A right check has come from this address."""
        if self.tcp is not None and is_connection(key):
            self.tcp.heard(key, now)

    def forget(self, key: bytes) -> None:
        """No session uses this address any more."""
        if self.tcp is not None and is_connection(key):
            self.tcp.close(key)

    def flush(self) -> None:
        """Send what is queued."""
        if self.udp.used or self.udp.waiting:
            self.udp.flush()
        if self.tcp is not None and self.tcp.sender.used:
            self.tcp.sender.flush()

    def count(self, counters: Counters) -> Counters:
        """Write what the ports counted into the totals, and return these."""
        udp, tcp = self.udp, self.tcp
        counters.sendmmsg_calls, counters.would_block = udp.calls, udp.would_block
        counters.send_errors, counters.truncated = udp.send_errors, udp.truncated
        counters.datagrams_out, counters.kept_lost = udp.datagrams_out, udp.kept_lost
        if tcp is not None:
            counters.datagrams_out += tcp.datagrams_out
            counters.kept_lost += tcp.kept_lost
            counters.tcp_accepted, counters.tcp_refused = tcp.accepted, tcp.refused
            counters.tcp_expired, counters.tcp_malformed = tcp.expired, tcp.malformed
            counters.tcp_blocked = tcp.blocked
        return counters

    def fan_out(self, choice: str, counters: Counters) -> FanOut:
        """The fan-out over both protocols; see `kernel.make_fanout` for the one over UDP."""
        udp = make_fanout(choice, self.udp, counters)
        if self.tcp is None:
            return udp
        return SplitFanOut(udp, PythonFanOut(self.tcp.sender, counters), self.tcp)

    def reader(self, choice: str, counters: Counters) -> Reader:
        """What reads the UDP socket; see `fan_out`."""
        return make_reader(choice, self.udp, counters)


class SplitFanOut:
    """Hands every job to the fan-out of its destination's protocol."""

    def __init__(self, udp: FanOut, tcp: FanOut, port: TcpPort) -> None:
        self._udp, self._tcp, self._port = udp, tcp, port
        self.name = udp.name

    def forward(self, jobs: Iterable[Job]) -> None:
        """See `FanOut`."""
        if not self._port.verified:
            self._udp.forward(jobs)
            return
        datagram: list[Job] = []
        stream: list[Job] = []
        for job in jobs:
            by_tcp = isinstance(job[0].destination.address, Connection)
            (stream if by_tcp else datagram).append(job)
        if datagram:
            self._udp.forward(datagram)
        if stream:
            self._tcp.forward(stream)

    def group(self, outputs: Sequence[Output]) -> Any:
        """See `FanOut`: the group of either protocol, None where it has nobody."""
        by_tcp = [o for o in outputs if isinstance(o.destination.address, Connection)]
        if not by_tcp:
            return self._udp.group(outputs), None
        rest = [o for o in outputs if not isinstance(o.destination.address, Connection)]
        return self._udp.group(rest) if rest else None, self._tcp.group(by_tcp)

    def broadcast(self, group: Any, batch: Batch) -> None:
        """See `FanOut`."""
        by_udp, by_tcp = group
        if by_udp is not None:
            self._udp.broadcast(by_udp, batch)
        if by_tcp is not None:
            self._tcp.broadcast(by_tcp, batch)

    def resend(self, output: Output, packet: Packet, now: float) -> bool:
        """See `FanOut`."""
        by_tcp = isinstance(output.destination.address, Connection)
        return (self._tcp if by_tcp else self._udp).resend(output, packet, now)


def is_connection(key: bytes) -> bool:
    """Whether an address key is that of a TCP connection."""
    return key.startswith(b"tcp")
