"""Contents of reports for tests: of the reference case, or of a school with a hostile name."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sync_classroom.domain.bundle import parse_plan, parse_rules
from sync_classroom.domain.coverage import Coverage, summarise
from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import Adjustment, Fact, kind_of, parse_fact
from sync_classroom.domain.report import About, ReportKind, Target, report_content
from sync_classroom.domain.timetable import Plan

CASE = Path(__file__).parent.parent / "domain" / "cases" / "three-weeks"
CUT_OFF = datetime(2026, 12, 1, 3, tzinfo=UTC)
HASHES = {"plan.json": "a1" * 32, "facts.ndjson": "b2" * 32, "rules.json": "c3" * 32}
CHAIN = "d4" * 32
TARGETS = (Target(date(2020, 12, 31), 16), Target(date(2022, 12, 31), 48))
HOSTILE = (
    '=cmd|"/c calc"!A1',
    '#panic("x") $ \\ [*_`@<a>',
    "+1😀\u202eRLO\x07\ud800",
    "长" * 5000,
    "*?~",
    "<script>&amp;",
)


def case() -> tuple[Plan, list[Fact], Coverage]:
    """The reference case with its figures."""
    plan = parse_plan(json.loads((CASE / "plan.json").read_text("utf-8")))
    rules = parse_rules(json.loads((CASE / "rules.json").read_text("utf-8")))
    lines = (CASE / "facts.ndjson").read_text("utf-8").splitlines()
    facts = [parse_fact(json.loads(line)) for line in lines if line.strip()]
    return plan, facts, summarise(plan, Evidence.of(facts, rules), rules=rules)


def content(language: str = "zh", *, hostile: bool = False, **changes: Any) -> dict[str, Any]:
    """A report of the reference case; `hostile` gives its schools, rooms and subjects bad names."""
    plan, facts, coverage = case()
    if hostile:
        plan = renamed(plan)
        coverage = summarise(plan, Evidence.of(facts, coverage.rules), rules=coverage.rules)
    about = About(
        ReportKind.MONTH, language, HOSTILE[1] if hostile else "同步课堂帮扶", CUT_OFF, "1.2.3",
        HASHES, Counter(kind_of(f) for f in facts), TARGETS, CHAIN,
    )  # fmt: skip
    vouched = [f for f in facts if isinstance(f, Adjustment)]
    if hostile:
        vouched = [replace(f, by=HOSTILE[0], reason=HOSTILE[1] + HOSTILE[2]) for f in vouched]
    return report_content(coverage, plan.roster, about, adjustments=vouched, **changes)


def renamed(plan: Plan) -> Plan:
    """The same plan with names that want to be more than names."""
    roster = plan.roster

    def bad(things: Any) -> Any:
        return {
            k: replace(thing, name=HOSTILE[n % len(HOSTILE)])
            for n, (k, thing) in enumerate(things.items())
        }

    worse = replace(
        roster, schools=bad(roster.schools), classrooms=bad(roster.classrooms),
        classes=bad(roster.classes), teachers=bad(roster.teachers),
    )  # fmt: skip
    occurrences = {
        k: replace(o, title=HOSTILE[n % 6], subject=HOSTILE[n % 3])
        for n, (k, o) in enumerate(plan.occurrences.items())
    }
    return replace(plan, roster=worse, occurrences=occurrences)
