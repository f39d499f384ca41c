"""Token buckets by address."""

from __future__ import annotations

from sync_classroom.relay.limits import RateLimiter


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_allowed_then_a_rate() -> None:
    clock = Clock()
    limiter = RateLimiter(clock, burst=3, per_second=2.0)
    assert [limiter.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limiter.wait_s("b") == 0
    clock.now += 0.5
    assert [limiter.wait_s("a") for _ in range(2)] == [0, 1]
    clock.now += 1000
    assert [limiter.wait_s("a") for _ in range(4)] == [0, 0, 0, 1]
    assert limiter.refused == 3


def test_the_wait_is_long_enough() -> None:
    clock = Clock()
    limiter = RateLimiter(clock, burst=1, per_second=0.1)
    assert limiter.wait_s("a") == 0
    wait_s = limiter.wait_s("a")
    assert wait_s == 10
    clock.now += wait_s
    assert limiter.wait_s("a") == 0


def test_the_table_is_bounded_and_forgets_the_longest_silent() -> None:
    limiter = RateLimiter(Clock(), burst=1, max_keys=2)
    assert [limiter.wait_s(key) for key in "aab"] == [0, 1, 0]
    assert limiter.wait_s("a") == 1  # heard of again, so "b" is the longest silent
    assert limiter.wait_s("c") == 0
    assert limiter.wait_s("a") == 1
    assert limiter.wait_s("b") == 0
