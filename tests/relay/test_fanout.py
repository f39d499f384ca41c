"""The contract of a fan-out: every implementation must pass it."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sync_classroom.relay import rtp
from sync_classroom.relay.counters import Counters
from sync_classroom.relay.fanout import FanOut, Output, Shape
from sync_classroom.relay.feed import Batch, Feed
from sync_classroom.relay.forwarding import Slot
from sync_classroom.relay.kernel import make_fanout
from sync_classroom.relay.rtp import Packet, Vp8Place
from sync_classroom.relay.session import Codec
from sync_classroom.relay.srtp import SrtpSession
from sync_classroom.relay.udp import SEND_BATCH, SLOT, Address, UdpSocket, ffi
from tests.relay.test_srtp import pair

VP8 = Codec("VP8", 96, 90000)
OPUS = Codec("opus", 111, 48000, 2)


@dataclass
class Receiver:
    """A subscriber's end: decrypts what arrives and reads it."""

    udp: socket.socket
    session: SrtpSession
    address: Address | None
    outgoing: SrtpSession | None

    def read(self) -> list[tuple[rtp.Header, bytes]]:
        memory = ffi.new("char[]", SLOT)
        view = memoryview(ffi.buffer(memory)).cast("B")
        found = []
        while select.select([self.udp], [], [], 0.05)[0]:
            length = self.session.unprotect(memory, self.udp.recv_into(view))
            header = rtp.parse(view[:length])
            found.append((header, bytes(view[header.payload_at : header.payload_end])))
        return found


class Bench:
    def __init__(self, choice: str) -> None:
        self.socket = UdpSocket("127.0.0.1", 0)
        self.counters = Counters()
        self.fanout: FanOut = make_fanout(choice, self.socket, self.counters)
        self.open: list[socket.socket] = []

    def receiver(self) -> Receiver:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        udp.bind(("127.0.0.1", 0))
        udp.connect(("127.0.0.1", self.socket.port))
        udp.send(b"hello")
        assert select.select([self.socket.fd], [], [], 5)[0]
        assert self.socket.receive() == 1
        outgoing, incoming = pair()
        self.open.append(udp)
        address = self.socket.destination(self.socket.address(0))
        return Receiver(udp, incoming, address, outgoing)

    def close(self) -> None:
        for udp in self.open:
            udp.close()
        self.socket.close()


@pytest.fixture(params=["python", "kernel"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    made.close()


def output(
    receiver: Receiver, shape: Shape, codec: Codec, ssrc: int = 7, rtx_ssrc: int | None = None
) -> Output:
    kind = "audio" if codec.name == "opus" else "video"
    slot = Slot(
        kind,
        (codec,),
        ssrc=ssrc,
        rtx_ssrc=rtx_ssrc,
        first_sequence=65535,
        first_timestamp=0xFFFFFFFF,
    )
    return Output(slot, receiver, shape)


def packets(count: int, *, audio_level: int | None = None, size: int = 20) -> list[Packet]:
    return [
        Packet(
            1000 + n,
            n * 10,
            n == count - 1,
            bytes([n & 0xFF]) * size,
            arrival_s=1.5,
            audio_level=audio_level,
            keyframe=n == 0,
        )
        for n in range(count)
    ]


def forward(bench: Bench, feed: Feed, outputs: list[Output], some: list[Packet]) -> None:
    for packet in some:
        feed.add(packet)
    batch = feed.take_batch()
    assert batch is not None
    bench.fanout.forward([(one, one.slot.take(batch, 2.0)) for one in outputs])
    bench.socket.flush()


def test_every_subscriber_gets_its_own_header_and_extensions(bench: Bench) -> None:
    first, second = bench.receiver(), bench.receiver()
    feed = Feed("audio", OPUS)
    shapes = (Shape.of(3, "a1", 5, 9), Shape.of(1, "0", 0, 0))
    outputs = [
        output(first, shapes[0], Codec("opus", 109, 48000, 2), ssrc=70),
        output(second, shapes[1], Codec("opus", 120, 48000, 2), ssrc=71),
    ]
    for one in outputs:
        one.slot.route(feed, 0.0)
    forward(bench, feed, outputs, packets(3, audio_level=0x8A))
    received = first.read()
    assert [(h.payload_type, h.ssrc, h.marker) for h, _ in received] == [
        (109, 70, False),
        (109, 70, False),
        (109, 70, True),
    ]
    assert [(h.sequence, h.timestamp) for h, _ in received] == [
        (65535, 0xFFFFFFFF),
        (0, 9),
        (1, 19),
    ]
    assert [payload for _, payload in received] == [bytes([n]) * 20 for n in range(3)]
    send_time = rtp.abs_send_time(1.5).to_bytes(3, "big")
    assert received[0][0].extensions == {3: b"a1", 5: send_time, 9: b"\x8a"}
    other = second.read()
    assert [(h.payload_type, h.ssrc) for h, _ in other] == [(120, 71)] * 3
    assert other[0][0].extensions == {1: b"0"}
    assert [payload for _, payload in other] == [payload for _, payload in received]
    assert (bench.counters.forwarded, outputs[0].slot.account.sent) == (6, 3)


def test_bytes_are_counted_as_they_go_out(bench: Bench) -> None:
    first, second = bench.receiver(), bench.receiver()
    outputs = [
        output(first, Shape.of(3, "a1", 5, 9), OPUS),
        output(second, Shape.of(0, "", 5, 0), OPUS),
    ]
    some = packets(2, audio_level=5) + packets(5, size=33)[2:]
    others = [Packet(2000 + n, 0, 0, b"x" * n, arrival_s=1.5, audio_level=7) for n in range(1, 4)]
    bench.fanout.forward([(one, part) for part in (some, others) for one in outputs])
    bench.socket.flush()

    def arrived() -> int:
        return sum(header.payload_end for one in (first, second) for header, _ in one.read())

    size = arrived()
    assert (bench.counters.forwarded, bench.counters.bytes_out) == (2 * 8, size)
    third = [Packet(3000 + n, 0, 0, b"y" * n, 1.5, 7 if n == 2 else None) for n in range(1, 4)]
    bench.fanout.broadcast(bench.fanout.group(outputs), Batch.of(third))
    bench.socket.flush()
    size += arrived()
    assert (bench.counters.forwarded, bench.counters.bytes_out) == (2 * 11, size)


def test_more_than_the_buffers_hold(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("audio", OPUS)
    one = output(receiver, Shape.of(1, "0", 2, 0), OPUS)
    one.slot.route(feed, 0.0)
    count = SEND_BATCH + 100
    forward(bench, feed, [one], packets(count))
    received = receiver.read()
    assert [h.sequence for h, _ in received] == [(65535 + n) & 0xFFFF for n in range(count)]
    assert bench.counters.forwarded == count
    assert (one.slot.sent.bytes, one.slot.sent.octets) == (count * (12 + 12 + 20), count * 20)


def test_buffers_that_are_exactly_full_leave_room_for_the_next(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("audio", OPUS)
    one = output(receiver, Shape.of(1, "0", 2, 0), OPUS)
    one.slot.route(feed, 0.0)
    for packet in packets(SEND_BATCH):
        feed.add(packet)
    batch = feed.take_batch()
    assert batch is not None
    bench.fanout.forward([(one, one.slot.take(batch, 2.0))])
    assert bench.socket.used == 0
    assert receiver.address is not None
    bench.socket.send(b"\x01", receiver.address)
    bench.socket.flush()
    assert len(receiver.udp.recv(SLOT)) > 1
    assert bench.socket.datagrams_out == SEND_BATCH + 1


def test_a_run_is_not_cut_in_two_by_the_end_of_the_buffers(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("audio", OPUS)
    outputs = [output(receiver, Shape.of(1, "0", 2, 0), OPUS, ssrc=n) for n in range(8)]
    for one in outputs:
        one.slot.route(feed, 0.0)
    forward(bench, feed, outputs, packets(20))
    assert 6 * 20 < SEND_BATCH < 7 * 20
    assert bench.socket.calls == 2
    received = [h.ssrc for h, _ in receiver.read()]
    assert received == [ssrc for ssrc in range(8) for _ in range(20)]
    assert bench.socket.datagrams_out == 160


def test_full_sized_packets_fit(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("audio", OPUS)
    one = output(receiver, Shape.of(1, "0", 2, 0), OPUS)
    one.slot.route(feed, 0.0)
    forward(bench, feed, [one], packets(2, size=1448))
    assert [len(payload) for _, payload in receiver.read()] == [1448, 1448]


def test_nothing_is_sent_to_a_subscriber_without_a_transport(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("audio", OPUS)
    one = output(receiver, Shape.of(1, "0", 2, 0), OPUS)
    one.slot.route(feed, 0.0)
    receiver.outgoing = None
    forward(bench, feed, [one], packets(2))
    assert receiver.read() == []
    assert bench.counters.forwarded == 0


def test_a_retransmission_without_rtx_is_the_same_packet_again(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("video", VP8)
    one = output(receiver, Shape.of(1, "0", 2, 0), VP8)
    one.slot.route(feed, 0.0)
    forward(bench, feed, [one], packets(3))
    raw = []
    while select.select([receiver.udp], [], [], 0.05)[0]:
        raw.append(receiver.udp.recv(SLOT))
    again = one.slot.resend(0, 5.0, 0.1)
    assert again is not None
    assert bench.fanout.resend(one, again, 5.0)
    bench.socket.flush()
    assert receiver.udp.recv(SLOT) == raw[1]
    assert bench.counters.retransmitted == 1
    assert bench.counters.forwarded == 3
    assert one.slot.account.sent == 3


def test_a_retransmission_by_rtx_carries_the_original_number(bench: Bench) -> None:
    receiver = bench.receiver()
    feed = Feed("video", VP8)
    one = output(receiver, Shape.of(1, "0", 2, 0), Codec("VP8", 96, 90000, rtx_payload_type=97),
                 rtx_ssrc=8)  # fmt: skip
    one.slot.route(feed, 0.0)
    forward(bench, feed, [one], packets(3))
    receiver.read()
    for number in (0, 1):
        again = one.slot.resend(number, 5.0, 0.1)
        assert again is not None
        assert bench.fanout.resend(one, again, 5.0)
    bench.socket.flush()
    received = receiver.read()
    assert [(h.payload_type, h.ssrc, h.sequence, h.marker) for h, _ in received] == [
        (97, 8, 65535, False),
        (97, 8, 0, True),
    ]
    assert [payload[:2] for _, payload in received] == [b"\0\0", b"\0\1"]
    assert [payload[2:] for _, payload in received] == [b"\1" * 20, b"\2" * 20]
    assert [h.timestamp for h, _ in received] == [9, 19]
    # It would look like a line that has become slow if it said when the first one was sent.
    sent = rtp.abs_send_time(5.0).to_bytes(3, "big")
    assert [h.extensions[2] for h, _ in received] == [sent, sent]


def test_vp8_numbers_are_shifted_for_the_subscriber_that_needs_it(bench: Bench) -> None:
    first, second = bench.receiver(), bench.receiver()
    feed = Feed("video", VP8)
    shape = Shape.of(1, "0", 0, 0)
    outputs = [output(first, shape, VP8), output(second, shape, VP8)]
    for one in outputs:
        one.slot.route(feed, 0.0)
    payload = bytes.fromhex("90c0800a0500ff")
    place = Vp8Place(2, 10, True, 4, 5)
    key = Packet(1, 0, True, payload, arrival_s=0.0, keyframe=True, vp8=place)
    for one in outputs:
        feed.add(key)
        one.slot.take(feed.take_batch(), 1.0)  # type: ignore[arg-type]
    outputs[1].slot.picture_shift, outputs[1].slot.tl0_shift = 3, 4
    following = Packet(2, 3000, True, payload, arrival_s=0.1, vp8=place)
    forward(bench, feed, outputs, [following])
    assert [body.hex() for _, body in first.read()] == ["90c0800a0500ff"]
    assert [body.hex() for _, body in second.read()] == ["90c0800d0900ff"]


def test_what_would_block_reaches_the_right_slot() -> None:
    one = Output(
        Slot("video", (VP8,), ssrc=7, rtx_ssrc=8, first_sequence=10, first_timestamp=0),
        Receiver(None, None, None, None),  # type: ignore[arg-type]
        Shape.of(1, "0", 0, 0),
    )
    feed = Feed("video", VP8)
    one.slot.route(feed, 0.0)
    for packet in packets(3):
        feed.add(packet)
    batch = feed.take_batch()
    assert batch is not None
    assert len(one.slot.take(batch, 0.0)) == 3
    header = bytes.fromhex("8060000b00000000")
    assert one.blocked(memoryview(header + b"\0\0\0\7")) is False
    assert (one.slot.account.sent, one.slot.dropped) == (2, 1)
    assert one.blocked(memoryview(header + b"\0\0\0\x08")) is False
    assert one.slot.dropped == 1


def test_shapes_are_shared() -> None:
    assert Shape.of(1, "0", 2, 3) is Shape.of(1, "0", 2, 3)
    assert Shape.of(1, "0", 2, 3) is not Shape.of(1, "1", 2, 3)
