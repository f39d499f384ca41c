from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.domain.bundle import parse_plan, parse_rules, read_facts
from sync_classroom.domain.coverage import Coverage, compute
from sync_classroom.domain.facts import fact_to_dict, parse_fact
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import Change, ChangeKind, Plan
from tests.support.naive_coverage import Naive
from tests.support.pages import delivered
from tests.support.plans import at, lesson
from tests.support.random_bundles import RULES, bundles
from tests.support.rosters import programme

Json = dict[str, Any]

OWN = Path(__file__).parent / "cases"
# Reference cases counted by somebody else may lie beside the checkout; they are not ours to ship.
SHARED = Path(__file__).parents[3] / "shared" / "cases"
CASES = sorted([*OWN.glob("*/expected.json"), *SHARED.glob("*/expected.json")])


def _read(case: Path) -> tuple[Json, list[Json], Json]:
    plan = json.loads((case / "plan.json").read_text(encoding="utf-8"))
    lines = (case / "facts.ndjson").read_text(encoding="utf-8").splitlines()
    rules_file = case / "rules.json"
    rules = json.loads(rules_file.read_text(encoding="utf-8")) if rules_file.exists() else {}
    return plan, [json.loads(line) for line in lines], {**DEFAULT.to_dict(), **rules}


def _computed(
    plan: Json, facts: list[Json], rules: Json, first: str | None = None, last: str | None = None
) -> Coverage:
    return compute(
        parse_plan(plan),
        (parse_fact(f) for f in facts),
        rules=parse_rules(rules),
        first=None if first is None else date.fromisoformat(first),
        last=None if last is None else date.fromisoformat(last),
    )


def _contains(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where `expected` is not a part of `found`."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            problem
            for key, value in expected.items()
            for problem in (
                _contains(value, found[key], f"{path}/{key}")
                if key in found
                else [f"{path}/{key} is missing"]
            )
        ]
    return [] if expected == found else [f"{path}: {expected!r} != {found!r}"]


@pytest.mark.parametrize("expected", CASES, ids=lambda p: p.parent.name)
def test_every_value_of_a_case(expected: Path) -> None:
    plan, facts, rules = _read(expected.parent)
    found = json.loads(json.dumps(_computed(plan, facts, rules).to_dict()))
    wanted = json.loads(expected.read_text(encoding="utf-8"))
    assert wanted["totals"]
    assert _contains(wanted, found) == []


@pytest.mark.parametrize("case", sorted(OWN.glob("*/plan.json")), ids=lambda p: p.parent.name)
def test_our_own_case_is_what_naive_counting_finds(case: Path) -> None:
    plan, facts, rules = _read(case.parent)
    dates = [o["date"] for o in plan["occurrences"]]
    naive = Naive(plan, facts, rules, min(dates), max(dates)).result()
    assert naive == json.loads((case.parent / "expected.json").read_text(encoding="utf-8"))


_PERIOD = st.sampled_from(
    [
        ("2026-09-01", "2026-09-30"),
        ("2026-09-07", "2026-09-07"),
        ("2026-09-08", "2026-09-11"),
        ("2026-09-04", "2026-09-12"),
    ]
)


@settings(max_examples=150)
@given(bundles(), _PERIOD)
def test_every_measure_equals_counting_second_by_second(
    bundle: tuple[Json, list[Json]], period: tuple[str, str]
) -> None:
    plan, facts = bundle
    found = _computed(plan, facts, RULES, *period).to_dict()
    naive = Naive(plan, facts, RULES, *period).result()
    assert _contains(naive, found) == []
    assert _contains(found, naive) == []


@settings(max_examples=40)
@given(bundles(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_facts_change_nothing(
    bundle: tuple[Json, list[Json]], random: Any
) -> None:
    plan, facts = bundle
    once = _computed(plan, facts, RULES)
    shuffled = [*facts, *random.choices(facts, k=len(facts))] if facts else []
    random.shuffle(shuffled)
    assert _computed(plan, shuffled, RULES).to_dict() == once.to_dict()


@settings(max_examples=40)
@given(bundles(), _PERIOD)
def test_a_cut_never_changes_a_credit(
    bundle: tuple[Json, list[Json]], period: tuple[str, str]
) -> None:
    plan, facts = bundle
    whole = _computed(plan, facts, RULES).seats
    cut = _computed(plan, facts, RULES, *period).seats
    first, last = period
    assert cut == tuple(s for s in whole if first <= s.occurrence.date.isoformat() <= last)


_STATES = ("held", "partial", "missed", "unknown", "cancelled_unexcused")
_ADDITIVE = ("due_periods", "held_periods", "credited_s", "due_seats", "held_seats")


def _ratios(thing: Any) -> list[Json]:
    if not isinstance(thing, dict):
        return []
    if set(thing) == {"numerator", "denominator"}:
        return [thing]
    return [r for value in thing.values() for r in _ratios(value)]


@settings(max_examples=40)
@given(bundles(), _PERIOD)
def test_the_identities(bundle: tuple[Json, list[Json]], period: tuple[str, str]) -> None:
    plan, facts = bundle
    found = _computed(plan, facts, RULES, *period).to_dict()
    groups = (
        "by_school",
        "by_classroom",
        "by_subject",
        "by_teacher",
        "by_host_school",
        "by_week",
    )
    for figures in [found["totals"], *(f for g in groups for f in found[g].values())]:
        assert figures["due_seats"] == sum(figures[f"{s}_seats"] for s in _STATES)
        assert figures["held_rate"]["numerator"] == figures["held_periods"]
        assert figures["held_rate"]["denominator"] == figures["due_periods"]
    for group in groups:
        for name in _ADDITIVE:
            total = sum(f[name] for f in found[group].values())
            assert total == found["totals"][name], (group, name)
    for week, cells in found["by_week_school"].items():
        for name in ("due_periods", "held_periods", "due_seats", "held_seats"):
            total = sum(cell[name] for cell in cells.values())
            assert total == found["by_week"][week][name], (week, name)
    for ratio in _ratios(found):
        assert 0 <= ratio["numerator"] <= ratio["denominator"]
    assert sum(found["causes"].values()) == sum(
        found["totals"][f"{s}_seats"] for s in ("partial", "missed", "cancelled_unexcused")
    )


def test_facts_may_be_a_stream_that_is_read_once() -> None:
    case = next(OWN.glob("*/plan.json")).parent
    plan, facts, rules = _read(case)
    with (case / "facts.ndjson").open("rb") as lines:
        streamed = compute(parse_plan(plan), read_facts(lines), rules=parse_rules(rules))
    assert streamed.to_dict() == _computed(plan, facts, rules).to_dict()
    again = [fact_to_dict(parse_fact(f)) for f in facts]
    assert _computed(plan, again, rules).to_dict() == streamed.to_dict()


def test_pending_are_the_due_seats_of_unfinished_lessons_that_may_still_be_held() -> None:
    early = lesson("early", "09:00", "09:40", seats=["remote-1-r1", "remote-2-r1"])
    late = lesson("late", "14:00", "14:40", seats=["remote-1-r1", "remote-2-r1"])
    gone = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "a", "停电", seat=late.seats[1].id)
    late = replace(late, changes=(gone,))
    facts = delivered(early, {"early-s0": [(0, 2400)]}, [(0, 2400)])
    plan = Plan(programme(), {o.id: o for o in (early, late)})
    coverage = compute(plan, facts)
    assert coverage.pending(()) == ()
    assert [s.seat.id for s in coverage.pending({late.id})] == ["late-s0"]
    # What has received enough already stays held, whatever comes.
    assert [s.seat.id for s in coverage.pending({early.id, late.id})] == ["early-s1", "late-s0"]


def test_an_empty_plan_has_no_rate_at_all() -> None:
    coverage = compute(Plan(), [])
    assert (coverage.first, coverage.last, coverage.seats) == (None, None, ())
    found = coverage.to_dict()
    assert found["period"] == {"from": None, "to": None}
    assert {str(coverage.totals.held_rate), str(coverage.reach.school_coverage)} == {"—"}
    assert all(r == {"numerator": 0, "denominator": 0} for r in _ratios(found["totals"]))


def test_an_open_end_of_the_period_is_closed_by_the_plan() -> None:
    case = next(OWN.glob("*/plan.json")).parent
    plan, facts, rules = _read(case)
    dates = sorted(date.fromisoformat(o["date"]) for o in plan["occurrences"])
    coverage = _computed(plan, facts, rules, first=dates[0].isoformat())
    assert (coverage.first, coverage.last) == (dates[0], dates[-1])
    coverage = _computed(plan, facts, rules, last=dates[-1].isoformat())
    assert (coverage.first, coverage.last) == (dates[0], dates[-1])


def test_a_period_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        compute(Plan(), [], first=date(2026, 9, 2), last=date(2026, 9, 1))
