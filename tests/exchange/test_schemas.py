"""The published JSON Schemas say what the program reads and prints: neither more nor less."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner

from sync_classroom.cli import main
from sync_classroom.domain.bundle import parse_plan, parse_rules
from sync_classroom.domain.facts import fact_to_dict, parse_fact
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.snapshot import parse_snapshot
from sync_classroom.domain.terminal_journal import grouped, sample_to_dict, seal
from tests.support.plans import lesson
from tests.support.terminal_journals import noted_all_through

ROOT = Path(__file__).parents[2]
CASE = ROOT / "tests/domain/cases/three-weeks"
FACTS = [json.loads(line) for line in (CASE / "facts.ndjson").read_text("utf-8").splitlines()]
PLAN = json.loads((CASE / "plan.json").read_text("utf-8"))


def _schema(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(
        json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text("utf-8")),
        validate_formats=True,
    )


def test_our_case_is_what_the_schemas_say() -> None:
    assert not list(_schema("plan").iter_errors(PLAN))
    fact = _schema("fact")
    assert [f for f in FACTS if not fact.is_valid(f)] == []
    assert len({f["kind"] for f in FACTS}) >= 6
    assert _schema("rules").is_valid(DEFAULT.to_dict())


def test_report_and_snapshot_are_what_the_schemas_say() -> None:
    printed = CliRunner().invoke(main, ["audit", str(CASE), "--format", "json"]).stdout
    report = json.loads(printed)
    assert not list(_schema("report").iter_errors(report))
    snapshot = {"schema": "sync-classroom/snapshot/1", "figures": report}
    assert _schema("snapshot").is_valid(snapshot)
    assert parse_snapshot(snapshot).figures["totals"] == report["totals"]


def test_a_terminals_sample_and_its_seal_are_what_the_schemas_say() -> None:
    planned = lesson("o-1", seats=["far-1-r1"])
    samples = noted_all_through(planned, "o-1-s0", classroom="far-1-r1")
    schema = _schema("sample")
    written = json.loads(json.dumps(sample_to_dict(samples[0])))
    assert not list(schema.iter_errors(written))
    for field in written:
        assert not schema.is_valid(_without(written, field)), field
    [group] = grouped(samples)
    fact = json.loads(json.dumps(fact_to_dict(seal(group))))
    assert _schema("fact").is_valid(fact)
    for field in fact:
        assert not _schema("fact").is_valid(_without(fact, field)), field


def _without(record: dict[str, Any], field: str) -> dict[str, Any]:
    return {k: v for k, v in record.items() if k != field}


@pytest.mark.parametrize("kind", sorted({f["kind"] for f in FACTS}))
def test_every_field_of_a_fact_is_needed_by_schema_and_program(kind: str) -> None:
    fact = next(f for f in FACTS if f["kind"] == kind)
    schema = _schema("fact")
    for field in fact:
        short = _without(fact, field)
        assert not schema.is_valid(short), field
        with pytest.raises(MalformedError):
            parse_fact(short)


PLACES = (
    ("schools", "role"), ("schools", "joined_on"), ("classrooms", "school"),
    ("classrooms", "commissioned_on"), ("classes", "enrolment"), ("terms", "first_day"),
    ("occurrences", "mode"), ("occurrences", "starts_at"), ("occurrences", "periods"),
    ("occurrences", "host"),
)  # fmt: skip


@pytest.mark.parametrize(("table", "field"), PLACES)
def test_what_a_plan_must_have_both_ask_for(table: str, field: str) -> None:
    schema = _schema("plan")
    for broken in (None, {"rubbish": 1}, "rubbish", -1):
        plan = copy.deepcopy(PLAN)
        plan[table][0][field] = broken
        assert not schema.is_valid(plan) or field == "school", broken
        with pytest.raises(MalformedError):
            parse_plan(plan)


def test_rules_nobody_knows_are_refused_by_both() -> None:
    for rules in ({"helt": 0.8}, {"held": 1.5}, {"weekly_norm": -1}):
        assert not _schema("rules").is_valid(rules)
        with pytest.raises(MalformedError):
            parse_rules(rules)
