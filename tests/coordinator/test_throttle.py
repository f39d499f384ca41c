"""Token buckets: bursts, refills, bounds."""

from __future__ import annotations

import pytest

from sync_classroom.coordinator.throttle import Rate, Throttle, address_key
from sync_classroom.domain.problems import ProblemError, ProblemKind

RATES = {"try": Rate(burst=3, every_s=10.0), "other": Rate(burst=1, every_s=1.0)}


def test_a_burst_is_let_through_and_then_one_every_so_often() -> None:
    throttle = Throttle(RATES)
    assert [throttle.take("try", "a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.take("try", "a", 0.0) == pytest.approx(10.0)
    assert throttle.take("try", "a", 4.0) == pytest.approx(6.0)
    assert throttle.take("try", "a", 10.0) == 0.0
    assert throttle.take("try", "a", 10.0) == pytest.approx(10.0)
    assert throttle.refused == {"try": 3, "other": 0}


def test_keys_and_purposes_do_not_share_a_bucket() -> None:
    throttle = Throttle(RATES)
    for _ in range(3):
        throttle.take("try", "a", 0.0)
    assert throttle.take("try", "b", 0.0) == 0.0
    assert throttle.take("other", "a", 0.0) == 0.0


def test_an_honest_try_is_given_back() -> None:
    throttle = Throttle(RATES)
    for _ in range(100):
        assert throttle.take("try", "a", 0.0) == 0.0
        throttle.give_back("try", "a", 0.0)
    assert len(throttle) == 0


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    throttle = Throttle(RATES)
    throttle.take("try", "a", 0.0)
    throttle.give_back("try", "a", 1000.0)
    assert [throttle.take("try", "a", 1000.0) > 0 for _ in range(4)] == [False, False, False, True]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    throttle = Throttle(RATES)
    for _ in range(3):
        throttle.take("try", "a", 100.0)
    assert throttle.take("try", "a", 50.0) > 0.0


def test_the_table_is_bounded_and_forgets_the_bucket_used_least_recently() -> None:
    throttle = Throttle(RATES, max_buckets=2)
    for key in ("a", "a", "a", "b", "c"):
        throttle.take("try", key, 0.0)
    assert len(throttle) == 2
    assert throttle.take("try", "a", 0.0) == 0.0, "a was forgotten"


def test_a_refusal_says_in_whole_seconds_how_long_to_wait() -> None:
    throttle = Throttle(RATES)
    throttle.require("other", "a", 0.0)
    with pytest.raises(ProblemError) as caught:
        throttle.require("other", "a", 0.25)
    assert caught.value.kind is ProblemKind.TOO_MANY
    assert caught.value.retry_after_s == 1


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 100, "x" * 64),
    ],
)
def test_one_host_is_one_key(address: str, key: str) -> None:
    assert address_key(address) == key
