"""Pacing in virtual time: smooth, bounded, one clock for sound and picture."""

from __future__ import annotations

import random

import pytest

from sync_classroom.relay.ingest_playout import (
    FIRST_WINDOW_S,
    LATENCY_S,
    MAX_JUMP_S,
    SLACK_S,
    WINDOW_S,
    Playout,
)


def test_jitter_below_the_latency_does_not_show() -> None:
    playout, source = Playout(live=True), random.Random(1)
    for frame in range(500):
        at_s = frame * 0.04
        arrived = 100 + at_s + (source.uniform(0, 0.1) if frame else 0)
        assert playout.due(at_s, arrived) == pytest.approx(100 + LATENCY_S + at_s)
    assert playout.late == 0


def test_a_late_frame_goes_at_once_and_moves_both_kinds() -> None:
    playout = Playout(live=True)
    playout.due(0.0, 100.0)
    late = 100.04 + LATENCY_S + 0.5
    assert playout.due(0.04, late) == late
    assert playout.late == 1
    assert playout.due(0.06, late + 0.001) == pytest.approx(late + 0.02)


def test_a_burst_at_the_start_does_not_delay_the_lesson() -> None:
    playout = Playout(live=True)
    for frame in range(50):  # two seconds that a server had kept
        playout.due(frame * 0.04, 100.0)
    for frame in range(50, 125):
        now = 100.0 + (frame - 49) * 0.04
        due = playout.due(frame * 0.04, now)
        if now > 100.0 + 2 * FIRST_WINDOW_S + 0.08:
            assert due - now == pytest.approx(LATENCY_S, abs=0.001)


def test_a_source_whose_clock_is_fast_is_brought_back() -> None:
    playout = Playout(live=True)
    waits = []
    for frame in range(25 * 600):
        now = 100 + frame * 0.04 * 0.995  # half a percent fast
        waits.append(playout.due(frame * 0.04, now) - now)
    assert max(waits) < SLACK_S + WINDOW_S * 0.005 + LATENCY_S
    assert min(waits) >= 0


def test_a_source_whose_clock_is_slow_stays_just_ahead() -> None:
    playout = Playout(live=True)
    for frame in range(25 * 60):
        now = 100 + frame * 0.04 * 1.005
        assert 0 <= playout.due(frame * 0.04, now) - now <= LATENCY_S + 1e-9


def test_a_file_is_paced_however_far_it_is_read_ahead() -> None:
    playout = Playout(live=False)
    for frame in range(1000):
        assert playout.due(frame * 0.04, 100.0) == pytest.approx(100 + LATENCY_S + frame * 0.04)


@pytest.mark.parametrize("jump", [MAX_JUMP_S + 1, -MAX_JUMP_S - 1])
def test_time_stamps_that_jump_end_the_source(jump: float) -> None:
    playout = Playout(live=True)
    playout.due(50.0, 100.0)
    with pytest.raises(ValueError, match="media time jumps from 50"):
        playout.due(50.0 + jump, 100.04)
