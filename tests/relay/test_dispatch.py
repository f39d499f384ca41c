"""Batches reach every slot once, in step or not, by both fan-outs."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from sync_classroom.relay.dispatch import Dispatcher
from sync_classroom.relay.fanout import Output
from sync_classroom.relay.feed import Feed
from sync_classroom.relay.forwarding import Slot, SlotState
from sync_classroom.relay.rtp import Packet
from tests.relay.test_kernel import VP8, Desk, sequences, video


class Room:
    """Subscribers of one feed, and what was sent to each."""

    def __init__(self, choice: str, count: int) -> None:
        self.desk = Desk(choice)
        self.feed = Feed("video", VP8)
        self.outputs: dict[Slot, Output] = {}
        self.dispatcher = Dispatcher(self.desk.fanout, self.outputs)
        self.all = [self.join(number) for number in range(count)]

    def join(self, number: int) -> Output:
        output = self.desk.output(number)
        self.outputs[output.slot] = output
        output.slot.route(self.feed, 2.0)
        while packets := output.slot.replay(2.0):
            self.desk.fanout.forward([(output, packets)])
        return output

    def send(self, packets: list[Packet], now: float = 2.0) -> None:
        for packet in packets:
            self.feed.add(packet)
        batch = self.feed.take_batch()
        assert batch is not None
        self.dispatcher.dispatch(self.feed, batch, now)
        self.desk.socket.flush()

    def sent(self, number: int) -> list[int]:
        return sequences(self.desk.system.datagrams, 1000 + number)


@pytest.fixture(params=["python", "kernel"])
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    made = Room(request.param, 3)
    yield made
    made.desk.socket.close()


def numbers(first: int, count: int) -> list[int]:
    return [(65535 + first + n) & 0xFFFF for n in range(count)]


def test_everybody_gets_every_packet_once_in_step_or_not(room: Room) -> None:
    for first in (1, 11, 21):
        room.send(video(10, first=first))
    assert [room.sent(number) for number in range(3)] == [numbers(0, 30)] * 3
    assert len(room.feed.lockstep.slots) == 3
    late = room.join(7)  # and is sent the latest keyframe, which it missed
    room.send(video(10, first=31))
    room.send(video(10, first=41))
    assert [room.sent(number) for number in (0, 7)] == [numbers(0, 50), numbers(0, 30)]
    assert late.slot in room.feed.lockstep.slots
    assert [one.slot.account.sent for one in (*room.all, late)] == [50, 50, 50, 30]
    assert room.desk.counters.forwarded == 180
    assert room.desk.counters.bytes_out == sum(one.slot.sent.bytes for one in (*room.all, late))


def test_who_moves_is_reached_at_the_new_address(room: Room) -> None:
    for first in (1, 11):
        room.send(video(10, first=first))
    moved, other = room.all[0], room.all[1]
    assert other.destination.address is not None
    moved.destination.address = other.destination.address
    moved.slot.moved()
    room.desk.system.taken.clear()
    room.send(video(10, first=21))
    assert room.sent(0) == numbers(20, 10)
    gone = room.all[2]
    gone.destination.outgoing = None
    gone.slot.moved()
    room.send(video(10, first=31))
    assert (room.sent(0), room.sent(2)) == (numbers(20, 20), numbers(20, 10))


def test_who_is_refused_in_step_loses_the_batch_once_and_comes_back_at_a_keyframe(
    room: Room,
) -> None:
    for first in (1, 11):
        room.send(video(10, first=first))
    room.desk.system.answers = [1, -errno.EAGAIN]
    room.send(video(10, first=21))
    first, second, third = (one.slot for one in room.all)
    assert (first.state, second.state, third.state) == (
        SlotState.LIVE,
        SlotState.PAUSED,
        SlotState.PAUSED,
    )
    assert (second.dropped, second.refused, second.account.sent) == (10, 10, 20)
    assert list(room.feed.lockstep.slots) == [first]
    room.send(video(10, first=31), 2.1)
    room.send(video(10, first=41), 5.0)
    room.send(video(10, first=51), 5.1)
    assert room.sent(0) == numbers(0, 60)
    assert room.sent(1) == numbers(0, 20) + numbers(30, 20)
    assert len(room.feed.lockstep.slots) == 3


def test_a_packet_that_cannot_be_protected_in_step_is_accounted_as_never_sent(
    room: Room,
) -> None:
    for first in (1, 11):
        room.send(video(10, first=first))
    slot = room.all[0].slot
    bad = room.all[0].destination.outgoing
    assert bad is not None
    # Somebody else used up the numbers to come: libsrtp refuses them as replayed long ago.
    ahead = room.desk.output(0)
    ahead.destination.outgoing = bad
    ahead.slot.ssrc = slot.ssrc
    other = Feed("video", VP8)
    ahead.slot.route(other, 0.0)
    room.desk.fanout.forward([(ahead, [
        Packet(slot.account.next - ahead.slot.seq_shift + 3000 + n, 0, False, b"x", arrival_s=0.0)
        for n in range(2)
    ])])  # fmt: skip
    room.desk.socket.flush()
    room.send(video(10, first=21))
    assert slot.account.sent == 20
    assert room.desk.counters.srtp_failed == 10
    assert room.all[1].slot.account.sent == 30
