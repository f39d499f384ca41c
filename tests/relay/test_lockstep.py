from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.relay.feed import Batch, Feed
from sync_classroom.relay.forwarding import Slot, SlotState
from sync_classroom.relay.lockstep import _SLACK, HISTORY
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.session import Codec

VP8 = Codec("VP8", 96, 90000, rtx_payload_type=97)


class Side:
    """A feed with one slot, which is let fall into step or is not."""

    def __init__(self, *, together: bool) -> None:
        self.together = together
        self.feed = Feed("video", VP8)
        self.slot = Slot("video", (VP8,), ssrc=1, rtx_ssrc=2, first_sequence=7, first_timestamp=9)
        self.slot.sent.extension_bytes = (8, 12)
        self.slot.route(self.feed, 0.0)
        self.steps = 0

    def push(self, packets: Sequence[Packet], now: float) -> list[Packet]:
        for packet in packets:
            self.feed.add(packet)
        batch = self.feed.take_batch()
        assert batch is not None
        if self.together:
            self.feed.lockstep.receive(batch, now)
            if self.slot in self.feed.lockstep.slots:
                self.steps += 1
                return batch.packets
        return list(self.slot.take(batch, now))

    def state(self) -> Any:
        slot, sent = self.slot, self.slot.sent
        return (
            slot.state,
            (slot.seq_shift, slot.ts_shift, slot.dropped, slot.refused, slot.resent),
            (sent.octets, sent.bytes, sent.next_in, sent.last_out_s),
            (sent.account.next, sent.account.sent, sent.account.acked, sent.account.reported_sent),
            [packet and packet.seq for packet in sent.ring.slots],
        )


acts = st.lists(
    st.one_of(
        st.tuples(st.just("batch"), st.integers(1, 12), st.booleans(), st.integers(0, 3)),
        st.tuples(st.just("report"), st.integers(0, 40), st.integers(0, 3)),
        st.tuples(st.just("nack"), st.integers(0, 20)),
        st.tuples(st.just("congest")),
        st.tuples(st.just("blocked"), st.integers(0, 5)),
        st.tuples(st.just("unsent"), st.integers(0, 5)),
        st.tuples(st.just("route")),
        st.tuples(st.just("wait"), st.integers(1, 5)),
    ),
    max_size=40,
)


def act(side: Side, one: Any, number: int, now: float) -> Any:
    slot = side.slot
    if one[0] == "batch":
        _, count, key, lost = one
        packets = [
            Packet(
                number + n,
                3000 * number,
                n == count - 1,
                bytes(n + 1),
                arrival_s=now,
                audio_level=n % 2 or None,
                keyframe=key and n == 0,
            )
            for n in range(count)
            if n == 0 or n % 4 != lost
        ]
        return [packet.seq for packet in side.push(packets, now)]
    if one[0] == "report":
        return slot.account.report((slot.account.next - 1 - one[1]) & 0xFFFF, one[2])
    if one[0] == "nack":
        found = slot.resend((slot.account.next - 1 - one[1]) & 0xFFFF, now, 0.1)
        return found and found.seq
    if one[0] == "congest":
        slot.congest()
    elif one[0] in ("blocked", "unsent") and slot.account.sent > one[1]:
        getattr(slot, one[0])((slot.account.next - 1 - one[1]) & 0xFFFF)
    elif one[0] == "route":
        slot.route(None, now)
        slot.route(side.feed, now)
    return None


@given(acts)
@settings(max_examples=300)
def test_a_slot_in_step_ends_with_the_same_books_as_one_that_goes_alone(drawn: list[Any]) -> None:
    alone, together = Side(together=False), Side(together=True)
    number, now = 100, 0.0
    begin = [("batch", 3, key, 3) for key in (True, False, False)]
    for one in [*begin, *drawn]:
        assert act(alone, one, number, now) == act(together, one, number, now)
        if one[0] == "batch":
            number += one[1]
        now += 0.03 if one[0] != "wait" else float(one[1])
        if number % 3 == 0:
            assert together.state() == alone.state()
        if together.slot.state is SlotState.REPLAYING:
            assert [p.seq for p in together.slot.replay(now)] == [
                p.seq for p in alone.slot.replay(now)
            ]
    assert together.state() == alone.state()
    assert together.steps >= 1


def live(side: Side, upto: int = 110) -> None:
    for number in range(100, upto):
        side.push([Packet(number, number, True, b"x", arrival_s=0.0, keyframe=number == 100)], 0.0)


def test_a_slot_joins_with_its_first_whole_batch_and_leaves_with_its_feed() -> None:
    side = Side(together=True)
    assert side.slot in side.feed.loose
    live(side, 101)
    assert side.slot in side.feed.loose  # it had to begin
    live_again = Packet(101, 101, True, b"x", arrival_s=0.0)
    side.push([live_again], 0.0)
    assert side.slot in side.feed.lockstep.slots
    assert side.slot not in side.feed.loose
    side.slot.route(None, 1.0)
    assert (side.feed.slots, side.feed.loose, side.feed.lockstep.slots) == ({}, {}, {})


def test_a_hole_puts_everybody_out_of_step_until_the_next_whole_batch() -> None:
    side = Side(together=True)
    live(side)
    assert side.slot in side.feed.lockstep.slots
    side.push([Packet(112, 112, True, b"x", arrival_s=0.0)], 0.0)
    assert side.slot in side.feed.loose
    side.push([Packet(113, 113, True, b"x", arrival_s=0.0)], 0.0)
    assert side.slot in side.feed.lockstep.slots
    assert side.slot.account.sent == 12


def test_what_a_fan_out_made_of_the_slots_is_let_go_when_they_change_or_move() -> None:
    side = Side(together=True)
    live(side)
    step = side.feed.lockstep
    step.group = "made"
    side.push([Packet(110, 110, True, b"x", arrival_s=0.0)], 0.0)
    assert step.group == "made"
    side.slot.moved()
    assert step.group is None
    step.group = "made"
    side.slot.congest()
    assert step.group is None
    side.slot.moved()  # not in step: nothing to let go


def test_the_history_is_bounded_and_holds_what_a_ring_can() -> None:
    side = Side(together=True)
    live(side, 100 + 3 * (HISTORY + _SLACK))
    step = side.feed.lockstep
    assert HISTORY <= len(step.recent(1 << 20)) <= HISTORY + _SLACK
    assert [packet.seq for packet in step.recent(2)] == [step.next - 2, step.next - 1]  # type: ignore[operator]


def test_a_batch_describes_itself() -> None:
    packets = [
        Packet(n, 0, True, bytes(n), arrival_s=0.0, audio_level=n or None) for n in (0, 1, 2)
    ]
    batch = Batch.of(packets)
    assert (batch.first, batch.last, batch.contiguous) == (0, 2, True)
    assert (batch.payload, batch.levelled) == (3, 2)
    assert Batch.of([packets[0], packets[2], packets[1]]).contiguous is False
