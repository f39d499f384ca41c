from __future__ import annotations

from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.domain.bundle import parse_plan, parse_rules
from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.coverage import compute
from sync_classroom.domain.facts import Fact, HostMedia, SeatMedia
from sync_classroom.domain.ids import FactId, SeatId
from sync_classroom.domain.measures import Ratio
from sync_classroom.domain.planned_coverage import Gap, PlannedFigures, planned
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence, Plan
from tests.support.plans import at, lesson
from tests.support.random_bundles import RULES, bundles
from tests.support.rosters import REMOTES, programme

Json = dict[str, Any]
MONDAY, FRIDAY = date(2026, 11, 23), date(2026, 11, 27)
TWO = replace(DEFAULT, weekly_norm=2)


def change(kind: ChangeKind, clock: str, *, excused: bool, seat: str | None = None) -> Change:
    named = None if seat is None else SeatId(seat)
    return Change(kind, at(clock), "x", "", excused=excused, seat=named)


def test_every_seat_counts_where_it_belongs() -> None:
    plan = [
        lesson("a", seats=[("remote-1-r1", "remote-1-c1"), "remote-2-r1"], expected=40, periods=2),
        lesson("b", day="2026-11-30", seats=[("remote-1-r1", "remote-1-c1")], subject="科学"),
    ]
    found = planned(plan, programme())
    assert (found.first, found.last) == (MONDAY, date(2026, 11, 30))
    assert found.totals == PlannedFigures(5, 5, 3, 3, 42, 80)
    by_school = {k: v.figures.held_periods for k, v in found.by_school.items()}
    assert by_school == {**dict.fromkeys(REMOTES, 0), "remote-1": 3, "remote-2": 2}
    assert {k: v.held_periods for k, v in found.by_class.items() if v.held_periods} == {
        "remote-1-c1": 3
    }
    assert len(found.by_class) == 48
    assert {k: v.held_periods for k, v in found.by_subject.items()} == {"科学": 1, "英语": 4}
    assert {k: v.held_periods for k, v in found.by_week.items()} == {
        "2026-W48": 4,
        "2026-W49": 1,
    }
    one = found.by_school[programme().classrooms[plan[0].seats[0].classroom].school]
    assert one.weeks == {"2026-W48": 2, "2026-W49": 1}
    assert (one.regular_rate, one.classroom_coverage) == (Ratio(2, 2), Ratio(1, 6))


def test_what_is_withdrawn_is_never_held_and_due_only_if_unexcused() -> None:
    seats = ["remote-1-r1", "remote-2-r1"]
    plan = [
        lesson("a", seats=seats, changes=[change(ChangeKind.CANCELLED, "08:00", excused=True)]),
        lesson("b", seats=seats, changes=[change(ChangeKind.CANCELLED, "08:00", excused=False)]),
        lesson("c", seats=seats, changes=[change(ChangeKind.MOVED, "08:00", excused=False)]),
        lesson(
            "d",
            seats=seats,
            changes=[change(ChangeKind.SEAT_CANCELLED, "08:00", excused=True, seat="d-s0")],
        ),
    ]
    found = planned(plan, programme()).totals
    assert (found.due_periods, found.held_periods, found.held_seats) == (3, 1, 1)


def test_a_week_below_the_norm_is_a_gap_and_a_week_off_is_none() -> None:
    plan = [
        lesson("a", seats=["remote-1-r1"]),
        lesson("b", "10:00", "10:40", seats=["remote-1-r1", "remote-2-r1"]),
        lesson("c", day="2026-12-03", seats=["remote-2-r1"]),
    ]
    roster = programme()
    found = planned(plan, roster, rules=TWO, first=MONDAY, last=date(2026, 12, 6))
    assert [g for g in found.gaps if g.school in ("remote-1", "remote-2")] == [
        Gap(roster.schools["remote-2"].id, "2026-W48", 1, 2),
        Gap(roster.schools["remote-1"].id, "2026-W49", 0, 2),
        Gap(roster.schools["remote-2"].id, "2026-W49", 1, 2),
    ]
    assert len(found.gaps) == 3 + 6 * 2
    holidays = planned([], roster, rules=TWO, first=date(2027, 2, 1), last=date(2027, 2, 28))
    assert holidays.gaps == ()
    no_norm = planned(plan, roster, rules=replace(TWO, weekly_norm=0), first=MONDAY, last=FRIDAY)
    assert no_norm.gaps == ()


def test_only_lessons_of_the_period_and_no_meetings_count() -> None:
    plan = [
        lesson("a", seats=["remote-1-r1"]),
        lesson("b", day="2026-12-01", seats=["remote-1-r1"]),
    ]
    assert planned(plan, programme(), first=MONDAY, last=FRIDAY).totals.held_periods == 1
    meeting = replace(plan[0], mode=type(plan[0].mode).RESEARCH)
    assert planned([meeting], programme()).totals.held_periods == 0


def test_a_plan_without_dates_has_no_figures_and_a_period_has_an_order() -> None:
    empty = planned([], programme())
    assert (empty.first, empty.last, empty.by_school, empty.gaps) == (None, None, {}, ())
    with pytest.raises(ValueError, match="before it begins"):
        planned([], programme(), first=FRIDAY, last=MONDAY)


def test_the_figures_as_json() -> None:
    found = planned([lesson("a", seats=["remote-1-r1"])], programme(), rules=TWO).to_dict()
    assert found["period"] == {"from": "2026-11-23", "to": "2026-11-23"}
    assert found["totals"]["held_periods"] == 1
    assert found["by_school"]["remote-1"]["weeks"] == {"2026-W48": 1}
    assert found["by_school"]["remote-1"]["regular_rate"] == {"numerator": 0, "denominator": 1}
    assert found["gaps"][0] == {
        "school": "remote-1", "week": "2026-W48", "periods": 1, "norm": 2,
    }  # fmt: skip


def _without_doubles(plan: Plan) -> Plan:
    """The plan without seats whose room is taken already: only one of them could be credited."""
    kept: dict[Any, Occurrence] = {}
    for occurrence in plan.occurrences.values():
        for seat in occurrence.seats:
            now = kept.get(occurrence.id, replace(occurrence, seats=(), changes=()))
            grown = replace(now, seats=(*now.seats, seat))
            others = [replace(o, changes=()) for o in kept.values() if o.id != occurrence.id]
            clashes = clashes_in([*others, grown])
            if not any(c.resource == seat.classroom and c.kind == "classroom" for c in clashes):
                kept[occurrence.id] = grown
    changes = {o.id: o.changes for o in plan.occurrences.values()}
    kept = {k: replace(o, changes=changes[k]) for k, o in kept.items()}
    return replace(plan, occurrences=kept)


def _all_held(plan: Plan) -> list[Fact]:
    facts: list[Fact] = []
    for o in plan.occurrences.values():
        if o.withdrawn:
            continue
        window = (o.starts_at, o.ends_at)
        facts.append(HostMedia(FactId(f"h-{o.id}"), o.id, *window, 9, 9))
        facts += (
            SeatMedia(FactId(f"s-{s.id}"), o.id, s.id, *window, 9, 9, 9) for s in o.active_seats
        )
    return facts


FIGURES = tuple(f.name for f in fields(PlannedFigures))
RATES = ("classroom_coverage", "class_coverage", "regular_rate")


def _picked(group: Json, names: tuple[str, ...]) -> Json:
    return {key: {name: figures[name] for name in names} for key, figures in group.items()}


@settings(max_examples=60)
@given(bundles(), st.sampled_from([(None, None), (date(2026, 9, 7), date(2026, 9, 11))]))
def test_if_every_seat_is_fully_held_coverage_comes_to_what_was_planned(
    bundle: tuple[Json, list[Json]], period: tuple[date | None, date | None]
) -> None:
    raw = bundle[0]
    plan, rules = _without_doubles(parse_plan(raw)), parse_rules(RULES)
    first, last = period
    found = planned(plan.occurrences.values(), plan.roster, rules=rules, first=first, last=last)
    held = compute(plan, _all_held(plan), rules=rules, first=first, last=last).to_dict()
    ours = found.to_dict()
    assert _picked({"all": ours["totals"]}, FIGURES) == _picked({"all": held["totals"]}, FIGURES)
    for group in ("by_school", "by_subject", "by_week"):
        assert _picked(ours[group], FIGURES) == _picked(held[group], FIGURES)
    assert _picked(ours["by_school"], RATES) == _picked(held["by_school"], RATES)
    weeks = [n for s in found.by_school.values() for n in s.weeks.values()]
    assert sum(weeks) == found.totals.held_periods
    rates = [s.regular_rate for s in found.by_school.values()]
    assert len(found.gaps) == sum(r.denominator - r.numerator for r in rates)
