from __future__ import annotations

import pytest

from sync_classroom.relay.account import SentAccount
from sync_classroom.relay.cache import SentRing
from sync_classroom.relay.feed import Batch
from sync_classroom.relay.lockstep import Lockstep
from sync_classroom.relay.rtp import Packet
from sync_classroom.relay.sent import Sent


def batch(first: int, count: int, *, level: int | None = None) -> Batch:
    return Batch.of(
        [
            Packet(first + n, 960 * n, True, b"x" * 10, arrival_s=0.0, audio_level=level)
            for n in range(count)
        ]
    )


def books(size: int = 8) -> Sent:
    made = Sent(SentAccount(100), SentRing(size))
    made.extension_bytes = (8, 12)
    made.next_in = 40
    return made


def entries(sent: Sent) -> list[int | None]:
    return [packet and packet.seq for packet in sent.ring.slots]


def test_a_whole_batch_is_entered_under_the_next_numbers() -> None:
    sent = books()
    sent.whole(batch(40, 3, level=5), 1.5)
    assert (sent.account.next, sent.next_in, sent.last_out_s) == (103, 43, 1.5)
    assert (sent.octets, sent.bytes) == (30, 3 * (12 + 12 + 10))
    assert entries(sent) == [None, None, None, None, 40, 41, 42, None]
    assert sent.last_packet is not None
    assert sent.last_packet.seq == 42


def test_a_batch_larger_than_the_ring_leaves_its_end() -> None:
    sent = books()
    sent.whole(batch(40, 21), 1.5)
    assert (sent.account.next, sent.bytes) == (121, 21 * (12 + 8 + 10))
    assert entries(sent) == [60, 53, 54, 55, 56, 57, 58, 59]  # 120 & 7 == 0


@pytest.mark.parametrize("counts", [[3], [3, 5, 1], [9], [2, 30]])
def test_settling_enters_what_entering_each_batch_would(counts: list[int]) -> None:
    alone, together, step = books(), books(), Lockstep()
    step.receive(batch(30, 10), 0.5)
    together.join(step)
    first = 40
    for now, count in enumerate(counts):
        step.receive(batch(first, count, level=first % 2 or None), float(now))
        alone.whole(batch(first, count, level=first % 2 or None), float(now))
        first += count
    assert together.account.next == 100
    settled = together.settle()
    assert settled is together
    assert entries(together) == entries(alone)
    for name in ("octets", "bytes", "next_in", "last_out_s"):
        assert getattr(together, name) == getattr(alone, name)
    assert together.account.next == alone.account.next
    assert entries(together.settle()) == entries(alone)
    assert together.bytes == alone.bytes


def test_books_that_are_in_step_with_nobody_settle_nothing() -> None:
    sent = books()
    assert sent.settle().account.next == 100
