from __future__ import annotations

from dataclasses import replace

from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.ids import OccurrenceId, SchoolId
from sync_classroom.domain.judging import judge
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import Plan
from tests.support.pages import delivered
from tests.support.plans import lesson


def test_lessons_are_judged_under_every_version_and_unknown_ones_have_no_result() -> None:
    early = lesson("early", "09:00", "09:40", seats=["r"])
    facts = delivered(early, {"early-s0": [(0, 1500)]}, [(0, 2400)])
    plan = Plan(occurrences={early.id: early})
    gone = OccurrenceId("gone")
    versions = {1: DEFAULT, 2: replace(DEFAULT, held=0.5)}
    evidence = {number: Evidence.of(facts, rules) for number, rules in versions.items()}
    found = judge([gone], plan, evidence, lambda _: SchoolId("far"), versions)
    assert found.lessons == {"gone", "early"}
    assert [r.state for r in found.results[1]] == [SeatState.PARTIAL]
    assert [r.state for r in found.results[2]] == [SeatState.HELD]
    assert [r.school for r in found.results[2]] == ["far"]
    assert found.meetings == ()
