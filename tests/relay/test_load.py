"""The relay's load in virtual time, and who is let in at which."""

from __future__ import annotations

import math

import pytest

from sync_classroom.relay.load import (
    EXTRA_MARGIN,
    LAG_FULL_S,
    MAX_LEFT,
    REOPEN_MARGIN,
    RETURN_S,
    SMOOTH_S,
    Claim,
    Gate,
    LoadMeter,
    Place,
    Work,
    claim_of,
)
from sync_classroom.relay.session import Direction

PUBLISH, SUBSCRIBE = Direction.PUBLISH, Direction.SUBSCRIBE


class Relay:
    """A meter fed second by second."""

    def __init__(self) -> None:
        self.now = 50.0
        self.cpu_s = 7.0
        self.dropped = self.blocked = 3
        self.meter = LoadMeter(self.now, self._work())

    def _work(self) -> Work:
        return Work(self.cpu_s, self.dropped, self.blocked)

    def run(
        self, seconds: float, *, cpu: float = 0.0, lag_s: float = 0.0, dropped: int = 0,
        blocked: int = 0,
    ) -> float:  # fmt: skip
        """So many seconds of the same; the load then."""
        for _ in range(int(seconds)):
            for _ in range(10):
                self.meter.tick(lag_s)
            self.now += 1.0
            self.cpu_s += cpu
            self.dropped += dropped
            self.blocked += blocked
            self.meter.second(self.now, self._work())
        return self.meter.load


def test_an_idle_relay_has_no_load() -> None:
    assert Relay().run(60) == 0.0


def test_the_load_is_the_processor_share_after_a_while() -> None:
    relay = Relay()
    first = relay.run(1, cpu=0.6)
    assert first == pytest.approx(0.6 * (1 - math.exp(-1 / SMOOTH_S)))
    assert relay.run(60, cpu=0.6) == pytest.approx(0.6, abs=1e-4)
    assert relay.meter.cpu_share == pytest.approx(0.6)
    assert relay.run(60) == pytest.approx(0.0, abs=1e-4)


def test_a_late_loop_is_load_whatever_the_processor_says() -> None:
    relay = Relay()
    assert relay.run(60, cpu=0.1, lag_s=LAG_FULL_S / 2) == pytest.approx(0.5, abs=1e-4)
    assert relay.meter.lag_s == pytest.approx(LAG_FULL_S / 2)
    assert relay.run(60, lag_s=10.0) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("lost", ["dropped", "blocked"])
def test_lost_datagrams_are_a_full_load(lost: str) -> None:
    relay = Relay()
    assert relay.run(60, cpu=0.1, **{lost: 1}) == pytest.approx(1.0, abs=1e-4)


def test_a_bell_is_no_overload_and_ten_seconds_at_the_limit_are() -> None:
    relay = Relay()
    relay.run(60, cpu=0.4)
    assert relay.run(1, cpu=1.0, lag_s=0.2) < 0.55  # 48 rooms join in one second
    assert relay.run(10, cpu=1.0) > 0.9


def test_a_second_that_did_not_pass_changes_nothing() -> None:
    relay = Relay()
    relay.run(5, cpu=0.5)
    before = relay.meter.load
    relay.meter.second(relay.now, Work(99.0, 99, 99))
    assert relay.meter.load == before


def test_a_processor_clock_that_runs_ahead_is_one_core_at_most() -> None:
    relay = Relay()
    assert relay.run(100, cpu=3.0) <= 1.0
    assert relay.meter.cpu_share == 1.0


# ---------------------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("peer", "direction", "present", "claim"),
    [
        ("host", PUBLISH, False, Claim.HOST),
        ("host", SUBSCRIBE, False, Claim.HOST),
        ("host", PUBLISH, True, Claim.HOST),
        ("seat-1", SUBSCRIBE, True, Claim.PRESENT),
        ("seat-1", PUBLISH, True, Claim.PRESENT),
        ("viewer:x", SUBSCRIBE, True, Claim.PRESENT),
        ("seat-1", SUBSCRIBE, False, Claim.SEAT),
        ("seat-1", PUBLISH, False, Claim.EXTRA),
        ("t:host-1-t1", PUBLISH, False, Claim.SEAT),
        ("guest:ab", SUBSCRIBE, False, Claim.SEAT),
        ("viewer:x", SUBSCRIBE, False, Claim.EXTRA),
        ("check:t7", SUBSCRIBE, False, Claim.EXTRA),
        ("check:t7", PUBLISH, False, Claim.EXTRA),
        ("hostage", SUBSCRIBE, False, Claim.SEAT),
    ],
)
def test_host_before_present_before_seats_before_thumbnails(
    peer: str, direction: Direction, present: bool, claim: Claim
) -> None:
    assert claim_of(peer, direction, present=present) is claim


HOST: Place = ("lesson", "host", PUBLISH, "camera")
SEAT: Place = ("lesson", "seat-1", SUBSCRIBE, None)
THUMBNAIL: Place = ("lesson", "seat-1", PUBLISH, "seat:seat-1")


def admitted(gate: Gate, now: float = 0.0) -> list[bool]:
    return [gate.admits(place, now, present=False) for place in (HOST, SEAT, THUMBNAIL)]


def test_thumbnails_go_first_then_seats_and_the_host_never() -> None:
    gate = Gate(0.8)
    assert admitted(gate) == [True, True, True]
    gate.heed(0.8 - EXTRA_MARGIN + 0.01)
    assert admitted(gate) == [True, True, False]
    assert not gate.busy
    gate.heed(0.81)
    assert admitted(gate) == [True, False, False]
    assert gate.busy
    gate.heed(1.0)
    assert admitted(gate) == [True, False, False]


def test_a_relay_that_refused_opens_again_only_well_below_the_limit() -> None:
    gate = Gate(0.8)
    gate.heed(0.81)
    for load, open_ in ((0.79, False), (0.8 - REOPEN_MARGIN, False), (0.74, True), (0.79, True)):
        gate.heed(load)
        assert gate.admits(SEAT, 0.0, present=False) is open_, load


def test_the_limit_of_one_refuses_nobody() -> None:
    gate = Gate(1.0)
    gate.heed(1.0)
    assert admitted(gate) == [True, True, True]


def test_who_was_here_a_moment_ago_finds_the_place_again() -> None:
    gate = Gate(0.5)
    gate.heed(1.0)
    gate.left(SEAT, 100.0)
    assert gate.admits(SEAT, 100.0 + RETURN_S, present=False)
    assert not gate.admits(SEAT, 100.1 + RETURN_S, present=False)
    assert not gate.admits(("other", *SEAT[1:]), 100.0, present=False)
    assert not gate.admits(THUMBNAIL, 100.0, present=False)  # another place of the same peer
    gate.left(SEAT, 200.0)
    assert gate.admits(SEAT, 200.0 + RETURN_S, present=False)


def test_those_who_left_are_not_remembered_without_end() -> None:
    gate = Gate(0.5)
    gate.heed(1.0)
    places = [("lesson", f"seat-{n}", SUBSCRIBE, None) for n in range(MAX_LEFT + 1)]
    for place in places:
        gate.left(place, 100.0)
    assert not gate.admits(places[0], 100.0, present=False)
    assert gate.admits(places[1], 100.0, present=False)
    assert gate.admits(places[-1], 100.0, present=False)
