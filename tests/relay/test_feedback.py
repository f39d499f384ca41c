from __future__ import annotations

import random

import pytest

from sync_classroom.relay.feedback import (
    MIN_BPS,
    PLI_INTERVAL_S,
    PLI_MAX_INTERVAL_S,
    BitrateAdvice,
    KeyframeRequests,
)


def test_forty_eight_requests_are_one() -> None:
    requests = KeyframeRequests()
    sent = 0
    for _ in range(48):
        requests.ask()
        sent += requests.due(1.0, waiting=False)
    assert sent == 1


def test_requests_are_half_a_second_apart_and_the_last_is_not_forgotten() -> None:
    requests = KeyframeRequests()
    requests.ask()
    assert requests.due(1.0, waiting=False)
    assert requests.at is None
    requests.ask()
    assert requests.at == 1.0 + PLI_INTERVAL_S
    assert not requests.due(1.49, waiting=False)
    assert requests.due(1.5, waiting=False)


def test_a_request_is_repeated_ever_more_slowly_while_somebody_waits() -> None:
    requests = KeyframeRequests()
    requests.ask()
    sent: list[float] = []
    now = 0.0
    while now < 20:
        assert requests.at is not None
        now = max(now, requests.at)
        assert requests.due(now, waiting=True)
        sent.append(now)
    assert sent[:6] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5]
    assert sent[5] - sent[4] == PLI_MAX_INTERVAL_S


def test_nothing_is_asked_once_a_keyframe_came() -> None:
    requests = KeyframeRequests()
    requests.ask()
    requests.due(0.0, waiting=True)
    requests.arrived()
    assert requests.at is None
    assert not requests.due(9.0, waiting=True)
    requests.ask()
    assert requests.due(9.0, waiting=True)
    assert requests.at == 9.5


def test_advice_is_the_ceiling_without_loss() -> None:
    advice = BitrateAdvice(2500)
    assert [advice.second(0, 300_000.0) for _ in range(3)] == [2_500_000] * 3
    assert advice.second(26, 300_000.0) == 2_500_000


def test_advice_falls_with_heavy_loss_and_recovers() -> None:
    advice = BitrateAdvice(2500)
    assert advice.second(64, 2_000_000.0) == 2_500_000
    assert advice.second(64, 2_000_000.0) == 1_700_000
    assert advice.second(0, 1_600_000.0) == 1_836_000
    for _ in range(20):
        advice.second(0, 1_800_000.0)
    assert advice.bps == 2_500_000
    for _ in range(100):
        advice.second(200, 50_000.0)
    assert advice.bps == pytest.approx(MIN_BPS)


def test_five_percent_lost_at_random_never_lowers_the_advice() -> None:
    """Of 30 packets a second: in one second of five three or more are missing, which is 10 %."""
    randomness = random.Random(5)
    advice = BitrateAdvice(2500)
    for _ in range(600):
        lost = sum(randomness.random() < 0.05 for _ in range(30))
        assert advice.second((lost << 8) // 30, 216_000.0) == 2_500_000
