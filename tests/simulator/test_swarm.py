"""Seeded misbehaviour: the same seed gives the same classrooms, the shares are kept."""

from __future__ import annotations

from sync_classroom.simulator.swarm import Mix, behaviours
from sync_classroom.simulator.terminal import Behaviour


def test_nothing_asked_means_perfect_terminals() -> None:
    assert behaviours(5, Mix(), 1) == [Behaviour()] * 5


def test_the_same_seed_gives_the_same_classrooms() -> None:
    mix = Mix(loss=0.02, late=0.5, leave=0.2, blink=0.3, hands=0.4)
    assert behaviours(48, mix, 7) == behaviours(48, mix, 7)
    assert behaviours(48, mix, 7) != behaviours(48, mix, 8)


def test_shares_and_bounds_are_kept() -> None:
    made = behaviours(2000, Mix(late=0.25, late_s=20, leave=1.0, leave_s=60), 3)
    late = [b for b in made if b.late_s]
    assert 430 < len(late) < 570
    assert all(4 <= b.late_s <= 20 for b in late)
    assert all(b.leave_s is not None and 30 <= b.leave_s <= 60 for b in made)
    assert all(b.blink_s is None for b in made)
