"""Counters by name, and distributions as Prometheus wants them."""

from __future__ import annotations

from sync_classroom.relay.counters import (
    JOIN_BUCKETS_S,
    LAG_BUCKETS_S,
    Counters,
    Distribution,
)


def test_every_counter_is_a_plain_int_by_name() -> None:
    counters = Counters()
    counters.forwarded += 3
    values = counters.as_dict()
    assert values["forwarded"] == 3
    assert all(type(value) is int for value in values.values())
    named = {"packets_in", "bytes_out", "stun_ok", "stun_bad", "unknown_senders", "nacks_in",
            "plis_out", "sessions_opened", "sendmmsg_calls", "would_block"}  # fmt: skip
    assert named <= values.keys()


def test_a_distribution_counts_up_to_and_with_each_bound() -> None:
    seen = Distribution((1.0, 2.0, 5.0))
    assert (seen.cumulative, seen.total) == ([0, 0, 0, 0], 0.0)
    for value in (0.0, 1.0, 1.5, 2.0, 4.0, 100.0):
        seen.observe(value)
    assert seen.cumulative == [2, 4, 5, 6]
    assert seen.total == 108.5


def test_bounds_ascend() -> None:
    for bounds in (JOIN_BUCKETS_S, LAG_BUCKETS_S):
        assert list(bounds) == sorted(set(bounds))
