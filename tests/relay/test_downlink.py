from __future__ import annotations

import random
from collections import deque
from itertools import pairwise

import pytest

from sync_classroom.relay.downlink import (
    BACKOFF_MAX_S,
    BACKOFF_S,
    HOLD_S,
    MIN_BPS,
    PROBE_STEP,
    START_BPS,
    Downlink,
    Verdict,
)
from tests.support.bottleneck import Bottleneck, BrowserEstimate

PACKET = 1000
REPORT_S = 1.0


class Path:
    """A sender of a constant rate over a bottleneck to a browser that reports; 5 ms steps."""

    def __init__(self, capacity_bps: float | None, *, loss: float = 0.0, pads: bool = True) -> None:
        self.now = 100.0
        self.line = Bottleneck(random.Random(7), capacity_bps, loss)
        self.browser = BrowserEstimate()
        self.downlink = Downlink(self.now, pads=pads)
        self.media_bps = 0.0
        self.verdicts: list[tuple[float, Verdict]] = []
        self.sent = self.acked = self.bytes = self.padding = 0
        self.speaks_remb = True
        self.reports = True
        self._owed = 0.0
        self._flying: deque[tuple[float, int, float, bool]] = deque()
        self._reported_s = self.now

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += 0.005
            self._owed += self.media_bps * 0.005 / 8
            while self._owed >= PACKET:
                self._owed -= PACKET
                self._send(media=True)
            due = self.downlink.padding(self.now)
            while due >= PACKET:
                due -= PACKET
                self.padding += 1
                self.downlink.padded(PACKET)
                self._send(media=False)
            self._arrivals()
            self._feedback()

    def _send(self, *, media: bool) -> None:
        self.bytes += PACKET
        self.sent += media
        queued = self.line.queue_s(self.now)
        arrival = self.line.send(PACKET, self.now)
        if arrival is not None:
            self._flying.append((arrival, PACKET, queued, media))

    def _arrivals(self) -> None:
        while self._flying and self._flying[0][0] <= self.now:
            at, size, queued, media = self._flying.popleft()
            self.acked += media
            self.browser.arrived(size, queued, at)

    def _feedback(self) -> None:
        told = False
        remb = self.browser.remb(self.now) if self.speaks_remb else None
        if remb is not None and self.reports:
            self.downlink.remb(remb, self.now)
            told = True
        if self.now >= self._reported_s + REPORT_S:
            self._reported_s = self.now
            if self.reports:
                rtt_s = 2 * self.line.delay_s + self.line.queue_s(self.now)
                self.downlink.round_trip(rtt_s, self.now)
                in_flight = sum(media for _, _, _, media in self._flying)
                self.downlink.acknowledged(self.sent - in_flight, self.acked, self.now)
            told = True
        if told:
            verdict = self.downlink.judge(self.bytes, self.now)
            if verdict is not Verdict.CARRIED:
                self.verdicts.append((round(self.now - 100.0, 1), verdict))


def path(
    capacity_bps: float | None, media_bps: float, *, loss: float = 0.0, pads: bool = True
) -> Path:
    made = Path(capacity_bps, loss=loss, pads=pads)
    made.media_bps = media_bps
    return made


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05])
def test_a_line_that_carries_it_is_never_said_to_be_over(loss: float) -> None:
    made = path(3_000_000, 2_500_000, loss=loss)
    made.run(60.0)
    assert made.verdicts == []
    assert made.downlink.estimate_bps == pytest.approx(2_500_000, rel=0.1)


def test_too_much_is_noticed_within_two_seconds_and_the_line_is_known() -> None:
    made = path(600_000, 2_500_000)
    made.run(2.1)
    assert made.verdicts[0][1] is Verdict.DROWNING
    made.media_bps = 0.8 * made.downlink.estimate_bps
    seen = len(made.verdicts)
    made.run(4 * HOLD_S)
    made.media_bps = 0.8 * made.downlink.estimate_bps
    made.run(4 * HOLD_S)
    assert 0.4 * 600_000 < made.downlink.estimate_bps < 600_000
    assert len(made.verdicts) - seen <= 1


def test_a_little_too_much_is_over_and_not_drowning() -> None:
    made = path(600_000, 660_000)
    made.run(10.0)
    assert {verdict for _, verdict in made.verdicts} == {Verdict.OVER}
    assert made.downlink.estimate_bps < 600_000


def test_queueing_without_any_loss_is_noticed() -> None:
    made = path(600_000, 700_000)
    made.line.buffer_s = 30.0
    made.run(4.0)
    assert made.verdicts
    assert made.line.dropped == 0


def test_without_remb_delay_and_loss_speak_for_themselves() -> None:
    slow = path(600_000, 700_000)
    slow.speaks_remb, slow.line.buffer_s = False, 30.0
    slow.run(6.0)
    assert slow.verdicts
    lossy = path(600_000, 1_200_000)
    lossy.speaks_remb = False
    lossy.run(3.0)
    assert lossy.verdicts[0][1] is Verdict.DROWNING


def test_a_remb_that_is_low_but_does_not_fall_says_nothing() -> None:
    made = path(None, 2_000_000)
    made.speaks_remb = False
    made.run(6.0)
    for step in range(20):
        made.downlink.remb(300_000 + step, made.now)
        made.run(1.0)
    assert made.verdicts == []


def test_what_is_asked_for_again_is_heard_before_the_report() -> None:
    made = Downlink(0.0, pads=True)
    made.remb(2_000_000, 0.0)
    made.acknowledged(1000, 1000, 0.0)
    total = 0
    for step in range(20):
        total += 25_000  # 2 Mbit/s
        assert made.judge(total, 0.1 * (step + 1)) is Verdict.CARRIED
    made.missing(100)
    made.remb(400_000, 2.05)
    assert made.judge(total + 25_000, 2.15) is Verdict.DROWNING
    assert made.estimate_bps < 1_000_000


def test_lasting_loss_is_of_four_seconds_and_a_hundred_packets() -> None:
    made = Downlink(0.0, pads=True)
    assert made.lasting_loss == 0.0
    made.acknowledged(0, 0, 0.0)
    made.acknowledged(99, 50, 0.5)
    assert made.lasting_loss == 0.0
    made.acknowledged(200, 150, 1.0)
    assert made.lasting_loss == 0.25
    for second in range(2, 10):
        made.acknowledged(200 + 100 * second, 150 + 99 * second, 0.5 * second + 1)
    assert round(made.lasting_loss, 3) == 0.01


def test_old_estimates_and_old_reports_say_nothing() -> None:
    made = path(None, 1_500_000)
    made.run(3.0)
    before = made.downlink.estimate_bps
    made.reports = False
    made.downlink.wanted_bps = 3_000_000
    made.media_bps = 2_500_000
    made.run(30.0)
    assert made.verdicts == []
    assert made.padding == 0 or made.downlink.estimate_bps < 2_000_000
    assert made.downlink.estimate_bps < max(before, 2_000_000)


def test_a_wider_line_is_found_by_probing_within_seconds() -> None:
    made = path(4_000_000, 600_000)
    made.downlink.wanted_bps = 2_700_000
    made.run(8.0)
    assert made.downlink.estimate_bps >= 2_700_000
    assert made.verdicts == []
    # Never more than what was wanted, and quickly over.
    assert 0 < made.padding * PACKET * 8 < 2_700_000 * 5


def test_the_end_of_the_line_ends_a_probe_and_it_is_tried_ever_more_rarely() -> None:
    made = path(1_000_000, 600_000)
    made.downlink.wanted_bps = 2_700_000
    padded, longest = [], 0.0
    for _ in range(1200):
        before = made.padding
        made.run(0.25)
        padded.append(made.padding > before)
        longest = max(longest, made.line.queue_s(made.now))
    starts = [n * 0.25 for n, now in enumerate(padded) if now and not padded[n - 1]]
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert made.downlink.estimate_bps < 1_100_000
    assert all(verdict is Verdict.CARRIED for _, verdict in made.verdicts)
    assert len(starts) <= 6
    assert gaps == sorted(gaps)
    assert BACKOFF_S <= gaps[0] < BACKOFF_S + 5
    assert gaps[-1] <= BACKOFF_MAX_S + 5
    assert longest < 0.31


def test_more_than_is_needed_is_tried_until_an_attempt_fails_and_again_on_another_line() -> None:
    made = path(800_000, 500_000)
    assert made.downlink.hopeful
    made.downlink.wanted_bps = 3_000_000
    made.run(25.0)
    assert made.downlink.hopeful  # a second attempt has failed, and there is a third
    made.run(35.0)
    assert not made.downlink.hopeful
    made.line.capacity_bps = 300_000  # refuses even what was carried: all is new
    made.run(5.0)
    assert made.downlink.hopeful
    assert not Downlink(0.0, pads=False).hopeful


def test_a_probe_rises_step_by_step() -> None:
    made = path(None, 400_000)
    made.downlink.wanted_bps = 2_000_000
    levels = []
    for _ in range(100):
        made.run(0.1)
        probe = made.downlink._probe
        if probe is not None and (not levels or probe.level_bps != levels[-1]):
            levels.append(probe.level_bps)
    assert levels[-1] == 2_000_000
    assert all(b / a <= PROBE_STEP + 1e-9 for a, b in pairwise(levels))


def test_nothing_is_probed_when_there_is_nothing_to_gain() -> None:
    made = path(None, 400_000)
    made.run(20.0)
    made.downlink.wanted_bps = START_BPS
    made.run(20.0)
    assert made.padding == 0
    assert made.downlink.deadline_s is None


def test_a_probe_ends_when_nothing_more_is_wanted() -> None:
    made = path(None, 400_000)
    made.downlink.wanted_bps = 4_000_000
    made.run(2.5)
    assert made.downlink.deadline_s is not None
    made.downlink.wanted_bps = None
    made.run(1.0)
    assert made.downlink.deadline_s is None


def test_without_retransmissions_of_their_own_the_step_itself_is_the_trial() -> None:
    made = path(1_000_000, 600_000, pads=False)
    made.downlink.wanted_bps = 2_700_000
    ups = 0
    for _ in range(600):
        before = made.downlink.estimate_bps
        made.run(0.2)
        estimate = made.downlink.estimate_bps
        ups += estimate >= 2_700_000 > before
        made.media_bps = 2_500_000 if estimate >= 2_700_000 else 600_000
    assert made.padding == 0
    assert 2 <= ups <= 4  # after 10, 20, 40, 80 s
    assert 600_000 <= made.downlink.estimate_bps < 1_500_000


def test_a_line_that_becomes_narrow_and_wide_again_is_followed() -> None:
    made = path(4_000_000, 2_500_000)
    made.run(10.0)
    assert made.downlink.estimate_bps > 2_400_000
    made.line.capacity_bps = 500_000
    made.run(1.6)
    assert made.verdicts
    for _ in range(20):
        made.media_bps = min(made.media_bps, 0.8 * made.downlink.estimate_bps)
        made.run(0.5)
    assert made.downlink.estimate_bps < 500_000
    made.line.capacity_bps = 4_000_000
    made.downlink.wanted_bps = 2_700_000
    made.run(25.0)
    assert made.downlink.estimate_bps >= 2_700_000


def test_the_estimate_never_falls_below_sound() -> None:
    made = path(20_000, 2_500_000)
    made.run(60.0)
    assert made.downlink.estimate_bps == MIN_BPS
