"""One number, two protocols: what is sent goes out by the one its address belongs to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sync_classroom.relay.counters import Counters
from sync_classroom.relay.fanout import PythonFanOut
from sync_classroom.relay.ports import MediaPorts, SplitFanOut, is_connection
from sync_classroom.relay.stun import MessageType, build
from tests.support.waiting import PATIENCE_S, until

pytestmark = pytest.mark.asyncio
CHECK = build(MessageType.REQUEST, bytes(12), {}, None)


class FanOutSpy:
    """Remembers which jobs it was given."""

    name = "spy"

    def __init__(self) -> None:
        self.jobs: list[Any] = []
        self.resent: list[Any] = []

    def forward(self, jobs: Any) -> None:
        self.jobs += jobs

    def group(self, outputs: Any) -> Any:
        return tuple(outputs)

    def broadcast(self, group: Any, batch: Any) -> None:
        self.jobs.append((group, batch))

    def resend(self, output: Any, packet: Any, now: float) -> bool:
        self.resent.append(output)
        return True


class Anything:
    """A job's output as far as a split looks at it."""

    def __init__(self, address: Any) -> None:
        self.destination = self
        self.address = address


@pytest.fixture
def clients() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        yield udp, tcp


async def test_every_address_is_sent_to_by_its_own_protocol(
    clients: tuple[socket.socket, socket.socket],
) -> None:
    udp, tcp = clients
    ports = MediaPorts.bind("127.0.0.1", 0, tcp=True)
    keys: list[bytes] = []
    lost: list[bytes] = []
    ports.listen(lambda key, datagrams: keys.append(key), lost.append)
    assert ports.tcp is not None
    udp.connect(("127.0.0.1", ports.udp.port))
    udp.send(b"x")
    udp.settimeout(PATIENCE_S)
    await until(lambda: ports.udp.receive() == 1)
    by_udp = ports.udp.address(0)
    tcp.setblocking(False)
    await asyncio.get_running_loop().sock_connect(tcp, ("127.0.0.1", ports.udp.port))
    tcp.send(len(CHECK).to_bytes(2, "big") + CHECK)
    await until(lambda: keys)
    (by_tcp,) = keys
    assert [is_connection(key) for key in (by_udp, by_tcp)] == [False, True]
    assert ports.host_port(by_tcp) == tcp.getsockname()
    assert ports.host_port(by_udp) == udp.getsockname()
    addresses = [ports.destination(key) for key in (by_udp, by_tcp)]
    assert [ports.path(address, ()) for address in addresses] == ["udp", "tcp"]
    named = {udp.getsockname(), tcp.getsockname()}
    assert [ports.path(address, named) for address in addresses] == ["turn", "tcp"]
    for address, data in zip(addresses, (b"datagram", b"frame"), strict=True):
        assert address is not None
        ports.send(data, address)
    ports.flush()
    assert udp.recv(100) == b"datagram"
    assert await asyncio.get_running_loop().sock_recv(tcp, 100) == b"\0\5frame"
    counters = Counters()
    ports.count(counters)
    assert (counters.datagrams_out, counters.tcp_accepted) == (2, 1)

    # Only what has been proved is told of its end; afterwards its key leads nowhere.
    ports.heard(by_tcp, 0.0)
    ports.heard(by_udp, 0.0)
    spies = FanOutSpy(), FanOutSpy()
    split = SplitFanOut(*spies, ports.tcp)
    jobs: list[Any] = [(Anything(address), ()) for address in [*addresses, None]]
    split.forward(jobs)
    assert [spy.jobs for spy in spies] == [[jobs[0], jobs[2]], [jobs[1]]]
    assert split.resend(jobs[1][0], None, 1.0)  # type: ignore[arg-type]
    assert split.resend(jobs[0][0], None, 1.0)  # type: ignore[arg-type]
    assert [spy.resent for spy in spies] == [[jobs[0][0]], [jobs[1][0]]]
    outputs = [job[0] for job in jobs]
    batch: Any = object()
    split.broadcast(split.group(outputs), batch)
    assert [spy.jobs[-1] for spy in spies] == [
        ((outputs[0], outputs[2]), batch),
        ((outputs[1],), batch),
    ]
    split.broadcast(split.group(outputs[1:2]), batch)
    split.broadcast(split.group(outputs[:1]), batch)
    assert [len(spy.jobs) for spy in spies] == [4, 3]
    ports.forget(by_udp)
    ports.forget(by_tcp)
    assert await asyncio.get_running_loop().sock_recv(tcp, 100) == b""
    assert (ports.destination(by_tcp), lost) == (None, [])
    split.forward(jobs)
    assert len(spies[0].jobs) == 7  # nobody is connected: nothing is sorted
    ports.close()


async def test_without_tcp_there_is_one_fan_out_and_one_protocol() -> None:
    ports = MediaPorts.bind("127.0.0.1", 0, tcp=False)
    assert type(ports.fan_out("python", Counters())) is PythonFanOut
    assert ports.destination(b"tcp" + bytes(8)) is None
    ports.listen(lambda *_: None, lambda *_: None)
    ports.flush()
    ports.close()
    assert ports.path(None, ()) == "udp"
