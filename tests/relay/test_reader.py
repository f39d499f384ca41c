"""The contract of a reader: every implementation must pass it."""

from __future__ import annotations

import gc
import select
import socket
import struct
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sync_classroom.relay.counters import Counters
from sync_classroom.relay.kernel_reader import make_reader
from sync_classroom.relay.reader import Known, Reading
from sync_classroom.relay.rtp import MAX_PAYLOAD, extension_block
from sync_classroom.relay.srtp import SrtpSession
from sync_classroom.relay.udp import RECEIVE_BATCH, SLOT, UdpSocket, ffi
from tests.relay.test_srtp import pair

LEVEL_ID = 9


class Sender:
    """A peer's end: sends protected packets, or anything."""

    def __init__(self, host: str, port: int) -> None:
        self.udp = socket.socket(
            socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM
        )
        self.udp.connect((host, port))
        self.keys, self.incoming = pair()
        self._memory = ffi.new("char[]", 2 * SLOT)
        self._view = memoryview(ffi.buffer(self._memory)).cast("B")

    def protect(self, packet: bytes) -> bytes:
        self._view[: len(packet)] = packet
        return bytes(self._view[: self.keys.protect_rtp(self._memory, len(packet))])

    def send(self, packet: bytes) -> None:
        self.udp.send(self.protect(packet))


class Desk:
    def __init__(self, choice: str, host: str = "127.0.0.1") -> None:
        self.host = host
        self.socket = UdpSocket(host, 0)
        self.counters = Counters()
        self.reader = make_reader(choice, self.socket, self.counters)
        self.senders: list[Sender] = []

    def sender(self) -> Sender:
        self.senders.append(Sender(self.host, self.socket.port))
        return self.senders[-1]

    def key(self, sender: Sender) -> bytes:
        """The sender's address as the socket tells it."""
        sender.udp.send(b"\0")
        self.wait()
        assert self.reader.read().count == 1
        return self.socket.address(0)

    def learn(self, sender: Sender, *ssrcs: int, level_id: int = LEVEL_ID) -> bytes:
        key = self.key(sender)
        for ssrc in ssrcs:
            self.reader.learn(key, known(ssrc, sender.incoming, level_id))
        return key

    def wait(self) -> None:
        assert select.select([self.socket.fd], [], [], 5)[0]

    def read(self) -> Reading:
        self.wait()
        return self.reader.read()

    def close(self) -> None:
        for sender in self.senders:
            sender.udp.close()
        self.socket.close()


def known(ssrc: int, incoming: SrtpSession, level_id: int = LEVEL_ID) -> Known:
    session: Any = SimpleNamespace(name=f"session of {ssrc}")
    return Known(session, ssrc, incoming, level_id)


def packet(
    ssrc: int, number: int, body: bytes = b"body", *, level: int | None = None, mark: bool = False
) -> bytes:
    block = extension_block([(1, b"mid"), (LEVEL_ID, bytes([level]))] if level is not None else [])
    head = struct.pack(
        ">BBHII", 0x90 if block else 0x80, 96 | 0x80 * mark, number, 10 * number, ssrc
    )
    return head + block + body


@pytest.fixture(params=[("python", "127.0.0.1"), ("kernel", "127.0.0.1"), ("kernel", "::1")])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    made = Desk(*request.param)
    yield made
    made.close()


def test_media_of_known_streams_is_decrypted_and_read_in_order(desk: Desk) -> None:
    sender = desk.sender()
    desk.learn(sender, 7, 8)
    sender.send(packet(7, 1, b"one", level=0x85))
    sender.send(packet(8, 50, b"other", mark=True))
    sender.send(packet(7, 2, b"two"))
    reading = desk.read()
    assert (reading.count, list(reading.others)) == (3, [])
    assert [(one.ssrc, run) for one, run in reading.runs] == [
        (7, [(96, 0, 1, 10, 0x85, b"one", 27), (96, 0, 2, 20, None, b"two", 15)]),
        (8, [(96, 0x80, 50, 500, None, b"other", 17)]),
    ]
    assert desk.reader.read().count == 0


def test_what_is_not_known_is_left_as_it_came(desk: Desk) -> None:
    sender, stranger = desk.sender(), desk.sender()
    desk.learn(sender, 7)
    datagrams = [
        sender.protect(packet(9, 1)),  # another stream of the same address
        b"\x80\xc8\0\x06" + bytes(8),  # RTCP
        b"\x00\x01" + bytes(18),  # STUN
        b"\x16\xfe\xfd" + bytes(20),  # DTLS
        b"\x80\x60short",
        bytes(3000),  # more than a buffer holds
    ]
    for datagram in datagrams:
        sender.udp.send(datagram)
    stranger.send(packet(7, 1))  # the same stream of another address
    reading = desk.read()
    assert (reading.count, list(reading.runs), list(reading.others)) == (7, [], [*range(7)])
    lengths = [desk.socket.length(place) for place in reading.others]
    assert lengths[:5] == [len(datagram) for datagram in datagrams[:5]]
    assert (lengths[5], desk.socket.truncated) == (0, 1)
    assert [bytes(desk.socket.view(n, lengths[n])) for n in range(5)] == datagrams[:5]
    assert (desk.counters.srtp_rejected, desk.counters.rtp_malformed) == (0, 0)


def test_forged_replayed_and_malformed_packets_are_counted_and_dropped(desk: Desk) -> None:
    sender = desk.sender()
    desk.learn(sender, 7)
    good = sender.protect(packet(7, 1))
    sender.udp.send(good)
    sender.udp.send(good)
    sender.udp.send(good[:-1] + bytes([good[-1] ^ 1]))
    padded = bytearray(packet(7, 2, b"body\xff"))
    padded[0] |= 0x20
    sender.send(bytes(padded))
    sender.send(packet(7, 3, bytes(MAX_PAYLOAD + 1)))
    sender.send(packet(7, 4, bytes(MAX_PAYLOAD)))
    reading = desk.read()
    assert [(heard[2], len(heard[5])) for _, run in reading.runs for heard in run] == [
        (1, 4),
        (4, MAX_PAYLOAD),
    ]
    assert (desk.counters.srtp_rejected, desk.counters.rtp_malformed) == (2, 2)
    assert list(reading.others) == []


def test_more_than_a_batch_is_read_in_several(desk: Desk) -> None:
    sender = desk.sender()
    desk.learn(sender, 7)
    for number in range(RECEIVE_BATCH + 3):
        sender.send(packet(7, number))
    readings = [desk.read(), desk.read()]
    assert [reading.count for reading in readings] == [RECEIVE_BATCH, 3]
    numbers = [heard[2] for r in readings for _, run in r.runs for heard in run]
    assert numbers == list(range(RECEIVE_BATCH + 3))


def test_a_forgotten_address_is_a_strangers_and_the_others_stay(desk: Desk) -> None:
    senders = [desk.sender() for _ in range(40)]
    keys = [desk.learn(sender, 7, 8, 9) for sender in senders]
    for key in keys[::2]:
        desk.reader.forget(key)
        desk.reader.forget(key)  # again is fine
    for sender in senders:
        sender.send(packet(8, 1))
    heard: list[Any] = []
    others = 0
    while others + len(heard) < 40:
        reading = desk.read()
        heard += reading.runs
        others += len(reading.others)
    assert (others, len(heard)) == (20, 20)
    assert {one.incoming for one, _ in heard} == {s.incoming for s in senders[1::2]}


def test_a_stream_learnt_again_is_its_new_owners(desk: Desk) -> None:
    sender = desk.sender()
    key = desk.learn(sender, 7)
    again = known(7, sender.incoming, 0)
    desk.reader.learn(key, again)
    sender.send(packet(7, 1, level=0x85))
    ((one, run),) = desk.read().runs
    assert one is again
    assert run[0][4] is None  # it has no audio level any more


def test_keys_live_as_long_as_their_stream_is_known(desk: Desk) -> None:
    sender = desk.sender()
    key = desk.learn(sender, 7)
    raw = weakref.ref(sender.incoming._session)
    sender.incoming = None  # type: ignore[assignment]
    gc.collect()
    assert raw() is not None
    sender.send(packet(7, 1))
    assert len(desk.read().runs) == 1
    desk.reader.forget(key)
    gc.collect()
    assert raw() is None
    sender.send(packet(7, 2))
    assert list(desk.read().others) == [0]
