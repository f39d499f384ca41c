from __future__ import annotations

import random

from sync_classroom.relay.account import MAX_HOLES, SentAccount


def sent(account: SentAccount, count: int) -> None:
    account.next += count


def figures(account: SentAccount) -> tuple[int, int]:
    return account.reported_sent, account.acked


def test_packets_after_the_report_belong_to_the_next() -> None:
    account = SentAccount(70000)
    sent(account, 100)
    assert account.report(70059 & 0xFFFF, 3)
    assert figures(account) == (60, 57)
    assert account.sent == 100
    assert account.report(70099 & 0xFFFF, 3)
    assert figures(account) == (100, 97)


def test_reports_with_and_without_cycles_mean_the_same() -> None:
    for cycles in (0, 1, 7):
        account = SentAccount(0x1FFF0)
        sent(account, 40)
        assert account.report(cycles << 16 | 0x0017, 0)
        assert figures(account) == (40, 40)


def test_a_report_of_packets_never_sent_is_refused() -> None:
    account = SentAccount(70000)
    assert not account.report(70000 & 0xFFFF, 0)
    sent(account, 10)
    assert not account.report(70010 & 0xFFFF, 0)
    assert not account.report(69999 & 0xFFFF, 0)
    assert figures(account) == (0, 0)


def test_holes_are_neither_sent_nor_acknowledged() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    account.skip(account.next + 5)
    sent(account, 10)
    assert account.sent == 20
    # The receiver misses the five holes and two packets of its own.
    assert account.report(70024 & 0xFFFF, 7)
    assert figures(account) == (20, 18)


def test_a_late_packet_fills_its_hole_also_after_a_report() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    account.skip(account.next + 2)
    sent(account, 10)
    account.late(70010)
    assert account.sent == 21
    assert account.report(70021 & 0xFFFF, 1)
    assert figures(account) == (21, 21)
    account.late(70011)
    assert account.sent == 22
    assert figures(account) == (21, 21)
    assert account.report(70021 & 0xFFFF, 0)
    assert figures(account) == (22, 22)


def test_a_packet_the_kernel_refused_was_not_sent() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    account.unsent(70004)
    assert account.sent == 9
    assert account.report(70009 & 0xFFFF, 1)
    assert figures(account) == (9, 9)


def test_acknowledged_never_exceeds_sent_when_duplicates_make_loss_negative() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    assert account.report(70009 & 0xFFFF, -4)
    assert figures(account) == (10, 10)


def test_a_possible_duplicate_is_not_taken_for_an_arrival() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    # Two lost; one of the others was sent again twice and came twice.
    account.repeated = 1
    assert account.report(70009 & 0xFFFF, 1)
    assert figures(account) == (10, 8)


def test_an_overtaken_report_changes_nothing() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    account.report(70009 & 0xFFFF, 1)
    assert account.report(70004 & 0xFFFF, 0)
    assert figures(account) == (10, 9)


def test_written_off_packets_are_counted_once_and_never_acknowledged() -> None:
    account = SentAccount(70000)
    sent(account, 100)
    account.report(70099 & 0xFFFF, 0)
    sent(account, 50)
    assert account.write_off() == 50
    assert figures(account) == (150, 100)
    assert account.write_off() == 0
    # A late report speaks of some of them: it changes nothing.
    assert account.report(70119 & 0xFFFF, 2)
    assert figures(account) == (150, 100)
    sent(account, 30)
    # 30 new packets, and one lost since: it may be one of the new, so only 29 are credited.
    assert account.report(70179 & 0xFFFF, 3)
    assert figures(account) == (180, 129)
    sent(account, 20)
    assert account.report(70199 & 0xFFFF, 3)
    assert figures(account) == (200, 149)


def test_a_gap_too_long_to_remember_is_only_counted() -> None:
    account = SentAccount(70000)
    sent(account, 10)
    account.skip(account.next + MAX_HOLES + 1)
    sent(account, 10)
    assert account.sent == 20
    assert account.report(account.next - 1 & 0xFFFF, MAX_HOLES + 1)
    assert figures(account) == (20, 20)
    for _ in range(3):
        account.skip(account.next + MAX_HOLES)
        sent(account, 1)
    assert account.sent == 23


def test_a_report_from_before_a_long_gap_takes_nothing_back() -> None:
    """A host's line fails for a quarter of a minute; a report of before is still under way."""
    account = SentAccount(70000)
    sent(account, 10)
    assert account.report(70009, 0)
    assert figures(account) == (10, 10)
    account.skip(account.next + 2 * MAX_HOLES)
    sent(account, 5)
    assert account.report(70009, 0)
    assert figures(account) == (10, 10)
    assert account.report(account.next - 1 & 0xFFFF, 2 * MAX_HOLES + 1)
    assert figures(account) == (15, 14)


def test_random_loss_with_wrap_around_is_exact() -> None:
    randomness = random.Random(3)
    account = SentAccount(0x1FF00)
    arrived = highest = lost = 0
    base = account.first
    truth = 0
    for step in range(5000):
        number = account.next
        if randomness.random() < 0.01 and step:
            account.skip(number + randomness.randrange(1, 4))
            number = account.next
        account.next += 1
        truth += 1
        if step == 0 or randomness.random() > 0.02:
            arrived, highest = arrived + 1, number
        if step % 331 == 0:
            lost = highest - base + 1 - arrived
            assert account.report(highest & 0xFFFF, lost)
            assert account.acked == arrived
            assert account.reported_sent <= truth
    assert account.sent == truth
