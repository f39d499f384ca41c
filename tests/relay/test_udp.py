from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from sync_classroom.relay.udp import (
    MAX_KEPT,
    MAX_RUN,
    RECEIVE_BATCH,
    SEND_BATCH,
    SLOT,
    Address,
    UdpSocket,
    ffi,
)
from tests.support.waiting import PATIENCE_S


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[UdpSocket, socket.socket]]:
    relay = UdpSocket(request.param, 0)
    peer = socket.socket(relay.family, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    peer.bind((request.param, 0))
    peer.connect((request.param, relay.port))
    peer.settimeout(PATIENCE_S)
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
    peer.settimeout(PATIENCE_S)
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
    peer.settimeout(PATIENCE_S)
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
    count = SEND_BATCH - 2
    for number in range(count):
        relay.send(b"%06d" % number, address, audio)
    relay.send(b"video", address, video)
    relay.flush()
    assert offered == [5, 4]  # messages; the first, with a run of datagrams, was taken
    assert [int(peer.recv(100)) for _ in range(MAX_RUN)] == list(range(MAX_RUN))
    assert (len(audio.asked), video.asked) == (count - MAX_RUN, [b"video"])
    assert (relay.would_block, relay.kept_lost, relay.waiting) == (1, 0, True)
    for number in range(count, MAX_RUN + MAX_KEPT + 1):
        relay.keep(memoryview(b"%06d" % number), address)
    assert relay.kept_lost == 1  # the oldest
    relay.retry()
    assert not relay.waiting
    assert [int(peer.recv(100)) for _ in range(MAX_KEPT)] == [
        MAX_RUN + number for number in range(1, MAX_KEPT + 1)
    ]
    peer.close()
    relay.close()


@pytest.fixture
def two() -> Iterator[tuple[UdpSocket, list[socket.socket], list[Address]]]:
    """A relay and two peers it can send to."""
    relay = UdpSocket("127.0.0.1", 0)
    peers, addresses = [], []
    for _ in range(2):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE_S)
        peer.connect(("127.0.0.1", relay.port))
        peer.send(b"hello")
        wait(relay)
        relay.receive()
        peers.append(peer)
        addresses.append(relay.destination(relay.address(0)))
    yield relay, peers, addresses
    for peer in peers:
        peer.close()
    relay.close()


Two = tuple[UdpSocket, list[socket.socket], list[Address]]
FRAME = [b"%02d" % number + bytes(1098) for number in range(8)] + [b"08 short"]


def send_frames(relay: UdpSocket, addresses: list[Address]) -> None:
    for address in addresses:
        for data in FRAME:
            relay.send(data, address)
        relay.send(b"sound", address)
    relay.flush()


def received(peer: socket.socket) -> list[bytes]:
    return [peer.recv(3000) for _ in range(len(FRAME) + 1)]


def counting(relay: UdpSocket, refuse: int | None = None) -> list[int]:
    """How many messages each `sendmmsg` was given; `refuse` is what runs are answered."""
    offered: list[int] = []
    kernel = relay._sendmmsg

    def counted(fd: int, headers: Any, count: int, flags: int) -> int:
        offered.append(count)
        if refuse is not None and headers[0].msg_hdr.msg_iovlen > 1:
            ffi.errno = refuse
            return -1
        if refuse is not None:  # up to the first run, as a kernel does
            singles = [headers[n].msg_hdr.msg_iovlen == 1 for n in range(count)]
            count = (*singles, False).index(False)
        return int(kernel(fd, headers, count, flags))

    relay._sendmmsg = counted
    return offered


def test_nothing_queued_is_no_call_but_what_was_kept_is_sent(two: Two) -> None:
    relay, peers, addresses = two
    relay.flush()
    assert (relay.calls, relay.datagrams_out) == (0, 0)
    relay.keep(memoryview(b"later"), addresses[0])
    relay.flush()
    assert (relay.waiting, relay.calls, relay.datagrams_out) == (False, 0, 1)
    assert peers[0].recv(100) == b"later"


def test_a_frame_to_one_address_is_one_message_and_arrives_as_its_datagrams(two: Two) -> None:
    relay, peers, addresses = two
    offered = counting(relay)
    send_frames(relay, addresses)
    assert offered == [4]  # for each a frame, with its shorter last packet, and a sound
    for peer in peers:
        assert received(peer) == [*FRAME, b"sound"]
    assert (relay.datagrams_out, relay.send_errors) == (20, 0)


def test_a_run_is_at_most_what_the_kernel_takes(two: Two) -> None:
    relay, (peer, _), (address, _) = two
    offered = counting(relay)
    for number in range(2 * MAX_RUN + 1):
        relay.send(bytes([number]) * SLOT, address)
    relay.flush()
    assert offered == [3]
    got = [peer.recv(SLOT + 1) for _ in range(2 * MAX_RUN + 1)]
    assert [(data[0], len(data)) for data in got] == [(n, SLOT) for n in range(2 * MAX_RUN + 1)]


@pytest.mark.parametrize("reason", [errno.EINVAL, errno.EIO])
def test_where_runs_cannot_be_sent_every_datagram_goes_alone_for_good(
    two: Two, reason: int
) -> None:
    relay, peers, addresses = two
    offered = counting(relay, refuse=reason)
    send_frames(relay, addresses)
    assert offered == [4, 20]
    send_frames(relay, addresses)
    assert offered == [4, 20, 20]
    for peer in peers:
        assert received(peer) + received(peer) == [*FRAME, b"sound"] * 2
    assert (relay.datagrams_out, relay.send_errors, relay.would_block) == (40, 0, 0)


def test_a_run_to_nowhere_counts_its_datagrams(two: Two) -> None:
    relay, (_, peer), (_, good) = two
    nowhere = relay.destination(socket.AF_INET.to_bytes(2, "little") + b"\0\0\xff\xff\xff\xff")
    send_frames(relay, [nowhere, good])
    assert received(peer) == [*FRAME, b"sound"]
    assert (relay.datagrams_out, relay.send_errors) == (10, 10)


def test_a_run_that_would_block_is_asked_about_datagram_by_datagram(two: Two) -> None:
    relay, (peer, _), (address, _) = two
    kernel = relay._sendmmsg

    def full(*_: object) -> int:
        ffi.errno = errno.EAGAIN
        return -1

    relay._sendmmsg = full
    keeper = Keeper(True)
    for data in FRAME:
        relay.send(data, address, keeper)
    relay.flush()
    assert keeper.asked == FRAME
    relay._sendmmsg = kernel
    relay.retry()
    assert [peer.recv(3000) for _ in FRAME] == FRAME
