"""Order by number, and patience that ends."""

from __future__ import annotations

import random

from sync_classroom.relay.recording.reorder import MAX_WAITING, WAIT_S, Reorder
from sync_classroom.relay.rtp import Packet


def packet(seq: int, arrival_s: float = 0.0) -> Packet:
    return Packet(seq, 0, False, b"x", arrival_s=arrival_s)


def popped(order: Reorder, now: float) -> list[tuple[int, int]]:
    return [(one.seq, missing) for one, missing in order.pop(now)]


def test_shuffled_packets_come_in_order() -> None:
    order, found = Reorder(), []
    numbers = list(range(100, 300))
    randomness = random.Random(4)
    for start in range(1, 200, 8):  # the first stays first: nothing is known before it
        part = numbers[start : start + 8]
        randomness.shuffle(part)
        numbers[start : start + 8] = part
    for number in numbers:
        order.push(packet(number))
        found += popped(order, 0.0)
    assert found == [(number, 0) for number in range(100, 300)]
    assert order.late == 0


def test_a_gap_is_waited_for_and_then_counted() -> None:
    order = Reorder()
    for number in (1, 2, 5, 6):
        order.push(packet(number, arrival_s=10.0))
    assert popped(order, 10.0) == [(1, 0), (2, 0)]
    assert popped(order, 10.0 + WAIT_S - 0.001) == []
    assert popped(order, 10.0 + WAIT_S) == [(5, 2), (6, 0)]


def test_a_retransmission_in_time_fills_the_gap() -> None:
    order = Reorder()
    order.push(packet(1, arrival_s=10.0))
    order.push(packet(3, arrival_s=10.0))
    assert popped(order, 10.1) == [(1, 0)]
    order.push(packet(2, arrival_s=10.15))
    assert popped(order, 10.15) == [(2, 0), (3, 0)]


def test_each_gap_has_its_own_patience() -> None:
    order = Reorder()
    for number, arrival_s in ((1, 0.0), (3, 0.0), (5, 0.1)):
        order.push(packet(number, arrival_s))
    assert popped(order, WAIT_S) == [(1, 0), (3, 1)]
    assert popped(order, 0.1 + WAIT_S) == [(5, 1)]


def test_a_gap_that_was_filled_takes_no_patience_from_the_next() -> None:
    order = Reorder()
    for number, arrival_s in ((1, 0.0), (3, 0.0)):
        order.push(packet(number, arrival_s))
    assert popped(order, 0.1) == [(1, 0)]
    order.push(packet(2, 0.15))
    order.push(packet(5, 0.15))
    assert popped(order, 0.15) == [(2, 0), (3, 0)]
    assert popped(order, WAIT_S + 0.1) == []
    assert popped(order, WAIT_S + 0.15) == [(5, 1)]


def test_what_comes_after_its_turn_is_late() -> None:
    order = Reorder()
    order.push(packet(7))
    assert popped(order, 0.0) == [(7, 0)]
    order.push(packet(6))
    assert popped(order, 1.0) == []
    assert order.late == 1


def test_waiting_is_bounded_in_packets_too() -> None:
    order = Reorder()
    order.push(packet(0))
    for number in range(2, MAX_WAITING + 3):
        order.push(packet(number))
    assert popped(order, 0.0)[:2] == [(0, 0), (2, 1)]


def test_flush_gives_all_that_is_left() -> None:
    order = Reorder()
    for number in (1, 4, 9):
        order.push(packet(number))
    assert [(one.seq, missing) for one, missing in order.flush()] == [(1, 0), (4, 2), (9, 4)]
