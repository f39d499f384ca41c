from __future__ import annotations

from sync_classroom.coordinator.coverage_problems import unknown_rule


def test_an_unknown_rule_is_named_with_those_there_are() -> None:
    problem = unknown_rule("speed", ["held", "partial"])
    assert (problem.code, problem.field, problem.value) == ("unknown_rule", "changes", "speed")
    assert "held, partial" in problem.en
    assert "held、partial" in problem.zh
