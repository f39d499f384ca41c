"""What is kept equals what is computed from raw facts, whatever comes in which order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_classroom.coordinator import rollups as module
from sync_classroom.coordinator.coverage import assembled
from sync_classroom.coordinator.rollups import RollupKeeper
from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.coverage import CoverageFigures, compute
from sync_classroom.domain.facts import Fact, parse_fact
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId
from sync_classroom.domain.snapshot import differences
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence, Plan
from sync_classroom.store import plan_changes
from sync_classroom.store.database import Database, open_store
from sync_classroom.store.plan_rows import insert_occurrences
from tests.support.databases import ENGINES, file_store, with_tables
from tests.support.plan_changes import changing, mark_stale
from tests.support.random_bundles import RULES, bundles
from tests.support.waiting import PATIENCE_S

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 9, 30, 4, 0, tzinfo=UTC)
FAR = date(2026, 1, 1), date(2027, 1, 31)
PERIODS = [
    (date(2026, 9, 1), date(2026, 9, 30)),
    (date(2026, 9, 7), date(2026, 9, 7)),
    (date(2026, 9, 4), date(2026, 9, 12)),
    (date(2026, 8, 15), date(2026, 10, 31)),
]


def keeper_of(store: Database) -> RollupKeeper:
    return RollupKeeper(store, clock=lambda: NOW, zone=ZONE, leading=lambda: True)


async def kept(store: Database, first: date, last: date) -> dict[str, Any]:
    """The figures as they are read."""
    roster = await store.load_roster()
    rolled = await store.rolled(first, last)
    rules = next(v.rules for v in await store.rules_versions() if v.number == rolled.rules)
    return assembled(rolled, roster, first, last, rules).to_dict()


async def recomputed(store: Database, facts: list[Fact], first: date, last: date) -> dict[str, Any]:
    """The figures as the facts say, with nothing kept."""
    roster = await store.load_roster()
    occurrences = await store.occurrences_on(*FAR)
    number = (await store.rules_state()).number
    rules = next(v.rules for v in await store.rules_versions() if v.number == number)
    plan = Plan(roster, {o.id: o for o in occurrences})
    found = compute(plan, facts, rules=rules, first=first, last=last)
    return CoverageFigures.to_dict(found)


def changed(occurrence: Occurrence, how: int) -> Occurrence:
    """One of the ways in which a published lesson may change."""
    if how == 0:
        change = Change(ChangeKind.CANCELLED, NOW, "a", "停电")
        return replace(occurrence, changes=(*occurrence.changes, change))
    if how == 1:
        later = timedelta(seconds=17)
        return replace(
            occurrence, starts_at=occurrence.starts_at + later, ends_at=occurrence.ends_at + later
        )
    if how == 2 and occurrence.seats:
        room = ClassroomId("remote-3-r1")
        first = replace(occurrence.seats[0], classroom=room, school_class=None)
        return replace(occurrence, seats=(first, *occurrence.seats[1:]))
    if how == 3 and occurrence.changes:
        return replace(occurrence, changes=())
    if how == 4:
        day = timedelta(days=7)
        return replace(
            occurrence,
            date=occurrence.date + day,
            starts_at=occurrence.starts_at + day,
            ends_at=occurrence.ends_at + day,
        )
    return replace(occurrence, subject="音乐", periods=3)


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("facts"), st.integers(0, 40), st.integers(0, 40)),
        st.tuples(st.just("change"), st.integers(0, 4), st.integers(0, 5)),
        st.tuples(st.sampled_from(["count", "roll", "rules", "school"]), st.just(0), st.just(0)),
    ),
    max_size=8,
)


async def play(
    store: Database, raw: tuple[dict[str, Any], list[dict[str, Any]]], actions: Any
) -> None:
    """Do everything in this order, bring in what is left, and compare every key."""
    plan = parse_plan(raw[0])
    facts = [parse_fact(f) for f in raw[1]]
    await store.apply_roster(plan.roster)
    lessons = list(plan.occurrences)
    async with store._database.write() as connection:
        await insert_occurrences(connection, [(o, o.id) for o in plan.occurrences.values()])
    await mark_stale(store, lessons)
    keeper = keeper_of(store)
    for number, (what, one, other) in enumerate(actions):
        if what == "facts":
            await store.append_facts(facts[min(one, other) : max(one, other)], received_at=NOW)
        elif what == "change":
            old = await store.get_occurrence(lessons[one % len(lessons)])
            assert old is not None
            new = changed(old, other)
            if new != old:
                await store.change_plan(changing(old, new, key=f"k{number}", now=NOW), gap_s=0)
        elif what == "count":
            await keeper.count_some()
        elif what == "roll":
            await keeper.settle()
        elif what == "rules":
            rules = {k: v for k, v in RULES.items() if k not in ("name", "version")}
            await store.add_rules(
                rules, valid_from=date(2026, 9, 1), at=NOW, by="b", reason="试行", key=f"r{number}"
            )
        else:
            roster = await store.load_roster()
            room = roster.classrooms[ClassroomId("remote-1-r2")]
            moved = replace(room, school=SchoolId("remote-2"))
            await store.apply_roster(
                replace(roster, classrooms={**roster.classrooms, room.id: moved})
            )
    await store.append_facts(facts, received_at=NOW)
    await keeper.settle()
    assert await store.stale_count() == 0
    for first, last in PERIODS:
        stored = await kept(store, first, last)
        raw_figures = await recomputed(store, facts, first, last)
        assert [d.to_dict() for d in differences(raw_figures, stored)] == []
        assert stored == raw_figures


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_kept_equals_what_is_computed_from_raw_facts(
    engine: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    async def anything(*_: object) -> None:
        """A room booked twice cannot be published any more, but figures must not rest on that."""

    monkeypatch.setattr(plan_changes, "_refuse_clashes", anything)

    def fresh() -> str:
        if engine == "postgres":
            url: str = request.getfixturevalue("postgres").emptied_database()
            return url
        (tmp_path / "store.db").unlink(missing_ok=True)
        return with_tables(tmp_path / "store.db")

    @settings(
        max_examples=30 if engine == "sqlite" else 15,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(bundles(), ACTIONS)
    def all_orders(raw: tuple[dict[str, Any], list[dict[str, Any]]], actions: Any) -> None:
        async def one() -> None:
            store = await open_store(fresh(), data_dir=None)
            try:
                await play(store, raw, actions)
            finally:
                await store.close()

        asyncio.run(one())

    all_orders()


def test_a_lesson_that_cannot_be_counted_holds_up_no_other_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken, judge = {OccurrenceId("b")}, module.judge

    def fails(chosen: Any, *rest: Any) -> Any:
        if broken & set(chosen):
            raise ValueError("fact 'f' is of unknown kind 'x'")
        return judge(chosen, *rest)

    monkeypatch.setattr(module, "judge", fails)
    now = [NOW]

    async def one() -> None:
        store = await file_store(tmp_path)
        keeper = RollupKeeper(store, clock=lambda: now[0], zone=ZONE, leading=lambda: True)
        try:
            await mark_stale(store, map(OccurrenceId, "bacbd"))
            await store.add_rules(
                {"held": 0.5}, valid_from=NOW.date(), at=NOW, by="b", reason="试行", key="r"
            )
            assert await keeper.settle() > 0
            assert await store.stale_count() == 1
            [aside] = await store.lessons_aside(9)
            assert (aside.occurrence, aside.at) == ("b", NOW)
            assert aside.error == "ValueError: fact 'f' is of unknown kind 'x'"
            # New rules come into force all the same.
            assert (await store.rules_state()).number == 2
            broken.clear()
            assert await keeper.settle() == 0
            now[0] += module.ASIDE
            assert await keeper.settle() == 1
            assert (await store.stale_count(), await store.lessons_aside(9)) == (0, [])
        finally:
            await store.close()

    asyncio.run(one())


def test_who_does_not_lead_any_more_counts_no_further(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "LESSONS_AT_ONCE", 1)
    answers = iter([True, True])

    async def one() -> None:
        store = await file_store(tmp_path)
        rested = asyncio.Event()

        def leading() -> bool:
            led = next(answers, False)
            if not led:
                rested.set()
            return led

        keeper = RollupKeeper(store, clock=lambda: NOW, zone=ZONE, leading=leading)
        try:
            await mark_stale(store, map(OccurrenceId, "abc"))
            task = asyncio.create_task(keeper.run())
            await rested.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert await store.stale_count() == 2
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(one(), PATIENCE_S))
