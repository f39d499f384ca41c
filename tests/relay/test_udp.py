from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator

import pytest

from sync_classroom.relay.udp import MAX_KEPT, RECEIVE_BATCH, SEND_BATCH, SLOT, UdpSocket, ffi


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[UdpSocket, socket.socket]]:
    relay = UdpSocket(request.param, 0)
    peer = socket.socket(relay.family, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    peer.bind((request.param, 0))
    peer.connect((request.param, relay.port))
    peer.settimeout(5)
    yield relay, peer
    peer.close()
    relay.close()


class Keeper:
    """An owner that keeps everything, and writes down what it was asked about."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.asked: list[bytes] = []

    def blocked(self, datagram: memoryview) -> bool:
        self.asked.append(bytes(datagram))
        return self.keep


def wait(relay: UdpSocket) -> None:
    assert select.select([relay.fd], [], [], 5)[0]


def test_datagrams_arrive_in_batches_with_their_sender(
    ends: tuple[UdpSocket, socket.socket],
) -> None:
    relay, peer = ends
    for number in range(RECEIVE_BATCH + 3):
        peer.send(bytes([number]) * (number + 1))
    wait(relay)
    counts = [relay.receive() for _ in range(3)]
    assert counts == [RECEIVE_BATCH, 3, 0]
    assert relay.host_port(relay.address(0)) == peer.getsockname()[:2]
    peer.send(b"hello")
    wait(relay)
    assert relay.receive() == 1
    assert bytes(relay.view(0, relay.length(0))) == b"hello"


def test_oversized_datagrams_are_dropped_and_counted(
    ends: tuple[UdpSocket, socket.socket],
) -> None:
    relay, peer = ends
    peer.send(b"x" * (SLOT + 1))
    peer.send(b"y" * SLOT)
    wait(relay)
    assert relay.receive() == 2
    assert (relay.length(0), relay.length(1), relay.truncated) == (0, SLOT, 1)


def test_sends_go_out_in_order_and_in_few_calls(ends: tuple[UdpSocket, socket.socket]) -> None:
    relay, peer = ends
    peer.send(b"hello")
    wait(relay)
    relay.receive()
    address = relay.destination(relay.address(0))
    for number in range(SEND_BATCH + 10):
        relay.send(number.to_bytes(4, "big"), address)
    relay.flush()
    assert [int.from_bytes(peer.recv(100), "big") for _ in range(SEND_BATCH + 10)] == list(
        range(SEND_BATCH + 10)
    )
    assert (relay.calls, relay.datagrams_out, relay.used) == (2, SEND_BATCH + 10, 0)


def test_an_unreachable_destination_does_not_hold_up_the_others() -> None:
    relay = UdpSocket("127.0.0.1", 0)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(5)
    good = relay.destination(
        socket.AF_INET.to_bytes(2, "little")
        + peer.getsockname()[1].to_bytes(2, "big")
        + b"\x7f\0\0\1"
    )
    nowhere = relay.destination(socket.AF_INET.to_bytes(2, "little") + b"\0\0\xff\xff\xff\xff")
    for address in (good, nowhere, good):
        relay.send(b"data", address)
    relay.flush()
    assert [peer.recv(100) for _ in range(2)] == [b"data", b"data"]
    assert (relay.send_errors, relay.datagrams_out) == (1, 2)
    peer.close()
    relay.close()


def test_a_port_already_taken_is_an_os_error() -> None:
    relay = UdpSocket("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        UdpSocket("127.0.0.1", relay.port)
    relay.close()


def test_what_would_block_is_its_owners_decision() -> None:
    relay = UdpSocket("127.0.0.1", 0)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(5)
    peer.connect(("127.0.0.1", relay.port))
    peer.send(b"hello")
    wait(relay)
    relay.receive()
    address = relay.destination(relay.address(0))
    audio, video = Keeper(True), Keeper(False)
    offered: list[int] = []

    def refuse_all_but_one(_fd: int, headers: object, count: int, flags: int) -> int:
        # Loopback never blocks, so the kernel's refusal is put in its place here.
        offered.append(count)
        if len(offered) == 1:
            return kernel(relay.fd, headers, 1, flags)
        ffi.errno = errno.EAGAIN
        return -1

    kernel = relay._sendmmsg
    relay._sendmmsg = refuse_all_but_one
    for number in range(MAX_KEPT + 2):
        relay.send(b"audio%d" % number, address, audio)
    relay.send(b"video", address, video)
    relay.flush()
    assert offered == [MAX_KEPT + 3, MAX_KEPT + 2]
    assert peer.recv(100) == b"audio0"
    assert (len(audio.asked), video.asked) == (MAX_KEPT + 1, [b"video"])
    assert (relay.would_block, relay.kept_lost, relay.waiting) == (1, 1, True)
    relay.retry()
    assert not relay.waiting
    assert [peer.recv(100) for _ in range(MAX_KEPT)] == [
        b"audio%d" % number for number in range(2, MAX_KEPT + 2)
    ]
    peer.close()
    relay.close()
