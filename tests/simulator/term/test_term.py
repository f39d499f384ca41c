"""The whole term: the same from the same seed, and everything that can go wrong in it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date, timedelta

import pytest

from sync_classroom.domain.bundle import plan_to_dict
from sync_classroom.domain.coverage import summarise
from sync_classroom.domain.crediting import Cause, SeatState
from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import Fact, HostMedia, ParticipantMedia, SeatMedia, fact_to_dict
from sync_classroom.domain.lesson import LessonState
from sync_classroom.domain.timetable import Plan
from sync_classroom.simulator.term.term import Day, SimulatedTerm
from tests.support.simulated import FIRST, simulated

UNTIL = date(2026, 11, 29)


@pytest.fixture(scope="module")
def default() -> tuple[SimulatedTerm, list[Day]]:
    """What the command writes if nothing is said, to a fixed date."""
    term = simulated(seed=1, until=UNTIL, rooms=48)
    return term, list(term.days())


def facts_of(days: list[Day]) -> list[Fact]:
    return [f for d in days for f in d.facts]


def digest(term: SimulatedTerm) -> str:
    plan = Plan(term.roster, {o.id: o for o in term.occurrences})
    written = [plan_to_dict(plan), [fact_to_dict(f) for f in facts_of(list(term.days()))]]
    return hashlib.sha256(json.dumps(written, sort_keys=True).encode()).hexdigest()


def test_a_seed_is_a_term() -> None:
    small = {"until": date(2026, 9, 13), "rooms": 8}
    first = digest(simulated(seed=7, **small))  # type: ignore[arg-type]
    assert first == digest(simulated(seed=7, **small))  # type: ignore[arg-type]
    assert first != digest(simulated(seed=8, **small))  # type: ignore[arg-type]


def test_everything_that_can_befall_a_seat_befalls_some(
    default: tuple[SimulatedTerm, list[Day]],
) -> None:
    seats = [s for d in default[1] for s in d.seats]
    states = Counter(s.state for s in seats)
    causes = Counter(s.cause for s in seats)
    assert all(states[s] > 0 for s in SeatState), states
    assert all(causes[c] > 0 for c in Cause), causes
    assert states[SeatState.HELD] > 0.6 * len(seats)


def test_every_kind_of_fact_is_there_and_a_term_is_some_hundred_thousand(
    default: tuple[SimulatedTerm, list[Day]],
) -> None:
    facts = facts_of(default[1])
    kinds = Counter(str(fact_to_dict(f)["kind"]) for f in facts)
    assert set(kinds) == {
        "host_media", "seat_media", "participant_media", "headcount", "interaction",
        "journal_gap", "push_delivered", "push_opened", "push_completed", "adjustment",
    }  # fmt: skip
    assert 300_000 < len(facts) < 1_000_000
    assert len({f.id for f in facts}) == len(facts)


def test_no_sample_is_longer_than_the_relays(default: tuple[SimulatedTerm, list[Day]]) -> None:
    for fact in facts_of(default[1]):
        if isinstance(fact, HostMedia | SeatMedia | ParticipantMedia):
            assert timedelta(0) < fact.to_at - fact.from_at <= timedelta(seconds=10)


def test_days_are_civil_days_in_order_and_nothing_comes_later(
    default: tuple[SimulatedTerm, list[Day]],
) -> None:
    term, days = default
    assert [d.date for d in days] == [FIRST + timedelta(days=n) for n in range(len(days))]
    assert days[-1].date == UNTIL
    last = days[-1].received_at
    assert all(e.change.at <= last for e in term.edits)
    assert [e.change.at for e in term.edits] == sorted(e.change.at for e in term.edits)
    for day in days:
        for fact in day.facts:
            at = getattr(fact, "at", None) or fact.from_at  # type: ignore[union-attr]
            assert at.date() == day.date or fact_to_dict(fact)["kind"] == "journal_gap"


def test_every_lesson_that_took_place_has_its_run(
    default: tuple[SimulatedTerm, list[Day]],
) -> None:
    term, days = default
    runs = {r.occurrence: r for d in days for r in d.runs}
    held = {o.id for o in term.occurrences if o.date <= UNTIL and not o.withdrawn}
    assert set(runs) == held
    assert {r.state for r in runs.values()} == {LessonState.ENDED, LessonState.MISSED}


def test_versions_grow_with_the_rooms(default: tuple[SimulatedTerm, list[Day]]) -> None:
    versions = [e for e in default[0].edits if e.change.edition is not None]
    assert [e.step is not None for e in versions] == [True] * 3
    assert [e.change.at.date() for e in versions] == [
        date(2026, 8, 27), date(2026, 9, 23), date(2026, 10, 28),
    ]  # fmt: skip


def test_what_was_judged_day_by_day_is_what_the_whole_gives() -> None:
    term = simulated()
    days = list(term.days())
    pushes = {p.id: p for d in days for p in d.pushes}
    plan = Plan(term.roster, {o.id: o for o in term.occurrences}, pushes)
    coverage = summarise(plan, Evidence.of(facts_of(days)), first=FIRST, last=term.until)
    by_day = {(s.occurrence.id, s.seat.id): s.state for d in days for s in d.seats}
    assert len(by_day) == len(coverage.seats)
    vouched = {
        (f.occurrence, f.seat) for f in facts_of(days) if f.__class__.__name__ == "Adjustment"
    }
    for seat in coverage.seats:
        key = (seat.occurrence.id, seat.seat.id)
        assert key in vouched or by_day[key] == seat.state
    worst = min(
        coverage.by_school,
        key=lambda s: (
            coverage.by_school[s].figures.held_rate.numerator
            / coverage.by_school[s].figures.held_rate.denominator
        ),
    )
    assert worst == term.fates.weak
