"""When a relay that is being emptied is empty."""

from __future__ import annotations

from sync_classroom.relay.drain import QUIET_S, Drain


def test_a_relay_that_does_not_drain_is_never_done() -> None:
    drain = Drain()
    assert not drain.active
    assert not any(drain.advance(now, 0) for now in (0.0, QUIET_S, 1e6))


def test_a_drain_is_over_when_nobody_has_been_connected_for_long_enough() -> None:
    drain = Drain()
    drain.begin(100.0)
    assert (drain.active, drain.since_s) == (True, 100.0)
    assert not drain.advance(100.0, 24)
    assert not drain.advance(2000.0, 1)
    assert not drain.advance(2001.0, 0)
    assert not drain.advance(2001.0 + QUIET_S - 0.1, 0)
    assert drain.advance(2001.0 + QUIET_S, 0)


def test_a_terminal_that_comes_back_in_time_keeps_its_lesson() -> None:
    drain = Drain()
    drain.begin(0.0)
    assert not drain.advance(10.0, 0)
    assert not drain.advance(10.0 + QUIET_S - 1, 1)
    assert not drain.advance(10.0 + QUIET_S, 0)  # the quiet begins anew
    assert drain.advance(10.0 + 2 * QUIET_S, 0)


def test_beginning_again_changes_nothing_and_cancelling_ends_it() -> None:
    drain = Drain()
    drain.begin(1.0)
    drain.begin(9.0)
    assert drain.since_s == 1.0
    assert not drain.advance(10.0, 0)
    drain.cancel()
    assert not drain.active
    assert not drain.advance(1000.0, 0)
    drain.begin(1001.0)
    assert not drain.advance(1001.0, 0)  # quiet before it began does not count
