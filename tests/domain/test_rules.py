from __future__ import annotations

from fractions import Fraction

from sync_classroom.domain.rules import DEFAULT, exact


def test_a_ratio_is_the_number_a_person_wrote() -> None:
    assert exact(0.8) == Fraction(4, 5)
    assert exact(0.1) == Fraction(1, 10)
    assert exact(1) == 1
    assert exact(1e-05) == Fraction(1, 100_000)


def test_the_default_rules_are_those_of_the_design() -> None:
    assert DEFAULT.to_dict() == {
        "name": "taicang",
        "version": "1",
        "delivered_ratio": 0.8,
        "held": 0.8,
        "partial": 0.1,
        "host_absent": 0.1,
        "weekly_norm": 1,
        "research_min_s": 1200,
        "research_min_schools": 2,
    }
