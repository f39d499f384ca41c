from __future__ import annotations

import random

import pytest

from sync_classroom.relay.receive import (
    DEFAULT_RTT_S,
    HISTORY,
    MAX_MISSING,
    MAX_NACKED,
    MAX_TRIES,
    REORDER_S,
    ReceiveStream,
)


def take(stream: ReceiveStream, *numbers: int, at: float = 0.0) -> None:
    for number in numbers:
        stream.receive(number & 0xFFFF, number * 3000, at)


def test_a_gap_is_asked_about_after_two_later_packets() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10)
    assert not stream.missing
    take(stream, 12)
    assert stream.missing
    assert stream.nack(0.0) == []
    assert stream.nack_at == REORDER_S
    take(stream, 13)
    assert stream.nack_at == 0.0
    assert stream.nack(0.0) == [11]


def test_a_gap_is_asked_about_after_twenty_milliseconds() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 12)
    assert stream.nack(0.019) == []
    assert stream.nack(0.020) == [11]


def test_packets_that_follow_on_each_other_are_taken_at_once_as_they_would_be_one_by_one() -> None:
    one_by_one, at_once = ReceiveStream(90000), ReceiveStream(90000)
    for stream in (one_by_one, at_once):
        take(stream, 65530, at=1.0)
    timestamps = [90, 90, 90, 3100, 3100, 6000, 6000, 6000, 6000]
    for number, timestamp in enumerate(timestamps, 65531):
        one_by_one.receive(number & 0xFFFF, timestamp, 1.5)
    at_once.receive_next(timestamps, 1.5)
    for stream in (one_by_one, at_once):
        assert stream.receive(65535, 3100, 1.6) is None  # here before
    for name in ReceiveStream.__slots__:
        if name != "_extender":
            assert getattr(one_by_one, name) == getattr(at_once, name), name
    assert one_by_one.highest == at_once.highest == 65536 + 65539


def test_reordering_is_not_loss() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 12, 11, 13)
    assert stream.nack(1.0) == []
    assert stream.nack_at is None
    assert (stream.received, stream.lost, stream.report().lost) == (4, 0, 0)


def test_asking_comes_twice_a_round_trip_and_is_given_up_after_ten() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 12, 13)
    asked = []
    now = 0.0
    while stream.nack_at is not None and now < 10:
        now = max(now, stream.nack_at)
        if stream.nack(now):
            asked.append(now)
    assert asked == pytest.approx([DEFAULT_RTT_S / 2 * n for n in range(MAX_TRIES)])
    assert (stream.lost, stream.nacked) == (1, MAX_TRIES)


def test_an_answer_measures_the_round_trip_from_the_first_question() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 12, 13)
    stream.nack(1.0)
    take(stream, 11, at=1.04)
    assert stream.rtt_s == pytest.approx(0.04)
    take(stream, 15, 16, at=2.0)
    stream.nack(2.0)
    assert stream.nack_at == pytest.approx(2.02)


def test_a_round_trip_that_becomes_longer_is_found_out() -> None:
    """Else each gap would be asked about until its tries are used up, and none ever measured."""
    stream = ReceiveStream(90000)
    take(stream, 10, 12, 13)
    stream.nack(0.0)
    take(stream, 11, at=0.03)
    for number in range(14, 400, 4):
        lost_at = float(number)
        take(stream, number, number + 2, number + 3, at=lost_at)
        while stream.nack_at is not None and stream.nack_at < lost_at + 0.3:
            stream.nack(max(lost_at, stream.nack_at))
        take(stream, number + 1, at=lost_at + 0.3)
    assert stream.rtt_s == pytest.approx(0.3, rel=0.01)


def test_a_packet_given_up_that_comes_after_all_is_not_lost() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 12)
    stream.give_up()
    assert stream.lost == 1
    take(stream, 11)
    assert (stream.lost, stream.received) == (0, 3)


def test_a_packet_from_before_the_first_was_never_expected() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 9)
    report = stream.report()
    assert (stream.lost, stream.expected, report.lost) == (0, 2, 0)


def test_duplicates_and_the_very_old_are_refused_and_counted() -> None:
    stream = ReceiveStream(90000)
    take(stream, *range(100, 100 + HISTORY + 5))
    assert stream.receive(105, 0, 0.0) is None
    assert stream.receive(100, 0, 0.0) is None
    assert stream.receive(100 + HISTORY + 4, 0, 0.0) is None
    assert stream.duplicates == 3
    assert stream.received == HISTORY + 5


def test_recovered_packets_fill_gaps_but_not_reports() -> None:
    stream = ReceiveStream(90000)
    assert stream.receive(9, 0, 0.0, recovered=True) is None
    take(stream, 10, 12, 13)
    assert stream.nack(0.0) == [11]
    assert stream.receive(11, 0, 0.05, recovered=True) == 0x10000 + 11
    assert stream.receive(11, 0, 0.06, recovered=True) is None
    assert (stream.received, stream.recovered, stream.duplicates, stream.lost) == (3, 1, 1, 0)
    assert stream.report().lost == 1


def test_a_long_outage_is_watched_only_at_its_end_and_counted() -> None:
    stream = ReceiveStream(90000)
    take(stream, 10, 2011)
    assert stream.lost == 2000 - MAX_MISSING
    assert len(stream.nack(0.1)) == MAX_NACKED
    stream.give_up()
    assert stream.lost == 2000


def test_wrap_around_in_the_middle_of_a_gap() -> None:
    stream = ReceiveStream(90000)
    take(stream, 65534, 0x10001, 0x10002)
    assert stream.nack(0.0) == [65535, 0]
    report = stream.report()
    assert (report.highest, report.lost) == (0x10002, 2)


def test_report_fraction_is_since_the_last_report() -> None:
    stream = ReceiveStream(90000)
    take(stream, *range(100, 200))
    assert stream.report().fraction == 0
    take(stream, *range(225, 300))
    report = stream.report()
    assert (report.fraction, report.lost, report.highest) == (64, 25, 299)
    assert stream.report().fraction == 0


def test_jitter_follows_rfc3550() -> None:
    stream = ReceiveStream(90000)
    expected = 0.0
    arrivals = [0.0, 0.033, 0.070, 0.099, 0.140]
    previous = None
    for number, arrival in enumerate(arrivals):
        stream.receive(number, number * 3000, arrival)
        transit = arrival * 90000 - number * 3000
        if previous is not None:
            expected += (abs(transit - previous) - expected) / 16
        previous = transit
    assert stream.jitter == pytest.approx(expected)
    assert stream.jitter_ms == pytest.approx(expected / 90)


def test_a_minute_of_loss_reordering_and_duplication_is_exact() -> None:
    randomness = random.Random(11)
    stream = ReceiveStream(90000)
    arrivals: list[tuple[float, int]] = []
    first, total = 65000, 20400
    lost = set()
    for place in range(total):
        at = place / 340
        if place and place != total - 1 and randomness.random() < 0.02:
            lost.add(place)
            continue
        if 0 < place < total - 1 and randomness.random() < 0.01:
            at += 0.008
        arrivals.append((at, place))
        if randomness.random() < 0.01:
            arrivals.append((at + 0.004, place))
    arrivals.sort()
    duplicates = len(arrivals) - (total - len(lost))
    for at, place in arrivals:
        stream.receive(first + place & 0xFFFF, place * 265, at)
        stream.nack(at)
    stream.give_up()
    assert stream.received == total - len(lost)
    assert stream.duplicates == duplicates
    assert stream.lost == len(lost)
    report = stream.report()
    assert (report.highest, report.lost) == (first + total - 1, len(lost))
