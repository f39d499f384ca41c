"""A report's content has every figure of the audit, and its seats add up to them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings

from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.coverage import compute
from sync_classroom.domain.facts import parse_fact
from sync_classroom.domain.report import SEAT_COLUMNS, About, ReportKind, report_content
from sync_classroom.domain.roster import Roster
from sync_classroom.domain.rules import Rules
from sync_classroom.domain.timetable import Plan
from tests.support.random_bundles import RULES, Json, bundles
from tests.support.reports import CUT_OFF, TARGETS, case, content


def _about() -> About:
    return About(ReportKind.PERIOD, "zh", "帮扶", CUT_OFF, "1")


def test_figures_are_those_of_the_audit_and_survive_json() -> None:
    _, _, coverage = case()
    made = content()
    expected = coverage.to_dict()
    del expected["seats"]
    assert made["figures"] == expected
    assert json.loads(json.dumps(made)) == made
    assert len(made["seats"]) == len(coverage.seats)
    assert sum(made["facts"].values()) > 0


def test_every_group_of_the_audit_has_its_numbered_row() -> None:
    made = content()
    for table, groups in (
        ("school", "by_school"), ("classroom", "by_classroom"), ("subject", "by_subject"),
        ("week", "by_week"), ("teacher", "by_teacher"), ("host_school", "by_host_school"),
    ):  # fmt: skip
        rows = made["tables"][table]
        assert [r["no"] for r in rows] == list(range(1, len(rows) + 1))
        assert {r["id"] for r in rows} == set(made["figures"][groups])
        for row in rows:
            figures = made["figures"][groups][row["id"]]
            assert {k: row[k] for k in figures} == figures


@given(bundles())
@settings(max_examples=60)
def test_rows_of_seats_add_up_to_every_table(bundle: tuple[Json, list[Json]]) -> None:
    plan = parse_plan(bundle[0])
    facts = [parse_fact(f) for f in bundle[1]]
    coverage = compute(plan, facts, rules=Rules(**RULES))
    made = report_content(coverage, plan.roster, _about())
    for table, column, flag in (
        ("school", "school_no", "_school"), ("classroom", "classroom_no", "_room"),
        ("subject", "subject_no", ""), ("week", "week_no", ""), ("teacher", "teacher_no", ""),
        ("host_school", "host_school_no", ""),
    ):  # fmt: skip
        groups: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for values in made["seats"]:
            seat = dict(zip(SEAT_COLUMNS, values, strict=True))
            groups[seat[column]].append(seat)
        for row in made["tables"][table]:
            seats = groups[row["no"]]
            assert row["due_periods"] == sum(s["periods"] * s["due"] for s in seats)
            assert row["held_periods"] == sum(s["periods"] * s["held"] for s in seats)
            assert row["credited_s"] == sum(s["credited_s"] for s in seats)
            assert row["host_s"] == sum(s["host_s"] * s[f"first_due{flag}"] for s in seats)
            window = sum(s["window_s"] * s[f"first_due{flag}"] for s in seats)
            assert row["host_rate"]["denominator"] == window
            given_ = sum(s["periods"] * s[f"first_held{flag}"] for s in seats)
            assert row["host_periods"] == given_
    for week, school, held, due in made["week_school"]:
        assert 0 <= held <= due
        assert 1 <= week <= len(made["tables"]["week"])
        assert 1 <= school <= len(made["tables"]["school"])
    by_cause = made["figures"]["causes"]
    for cause, n in by_cause.items():
        assert n == sum(row[cause] for row in made["causes_by_school"])


def test_build_progress_goes_up_and_down_by_dates_and_ends_with_the_period() -> None:
    made = content()
    last = date.fromisoformat(made["figures"]["period"]["to"])
    steps = made["build"]["steps"]
    assert steps == sorted(steps)
    assert all(date.fromisoformat(day) <= last for day, _ in steps)
    assert steps[-1][1] == made["figures"]["totals"]["build_progress"]["numerator"]
    assert made["build"]["targets"] == [[t.by.isoformat(), t.classrooms] for t in TARGETS]


def test_adjustments_are_listed_with_who_and_why() -> None:
    made = content()
    for vouched in made["adjustments"]:
        assert vouched["by"]
        assert vouched["reason"]
        assert vouched["seconds"] > 0


def test_a_report_without_any_period_is_refused() -> None:
    empty = compute(Plan(Roster()), [])
    with pytest.raises(ValueError, match="period"):
        report_content(empty, Roster(), _about())
