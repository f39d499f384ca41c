"""Figures from what is kept, rules with versions, what people vouch for, and its proof."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from sync_classroom.domain.coverage import CoverageFigures
from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.facts import Fact, Headcount, PushProgress, PushStep
from sync_classroom.domain.ids import FactId, OccurrenceId, PushId, SeatId, TargetId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.rollup import place_of
from tests.coordinator.test_evidence import DAY, FACTS, LESSON, A, B, C
from tests.support.coordination import Bench, bench
from tests.support.plans import at

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        made.clock.now = at("11:00")
        await made.store.append_facts(FACTS, received_at=at("11:00"))
        await made.booth.coverage.settle()
        yield made


async def refused(coroutine: object) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine  # type: ignore[misc]
    return caught.value.code


async def test_figures_are_what_the_facts_say_and_verified(table: Bench) -> None:
    service = table.booth.coverage
    found = await service.figures(DAY, DAY)
    raw = await table.booth.evidence.coverage(DAY, DAY)
    assert found.to_dict() == CoverageFigures.to_dict(raw)
    assert (await service.report(DAY, DAY)) == raw.to_dict()
    assert await service.verify(DAY, DAY) == ()
    assert (found.totals.held_periods, found.totals.due_periods) == (1, 3)
    assert await service.waiting() == 0


async def test_late_facts_wait_until_they_are_counted(table: Bench) -> None:
    service = table.booth.coverage
    late = Headcount(FactId("late"), LESSON.id, A, at("09:30"), 38, "t")
    await table.store.append_facts([late], received_at=at("11:01"))
    assert await service.waiting() == 1
    [difference] = [
        d for d in await service.verify(DAY, DAY) if d.path == "figures.totals.pupil_attendances"
    ]
    assert (difference.published, difference.found) == (0, 38)
    assert await service.settle() == 1
    assert await service.verify(DAY, DAY) == ()
    assert (await service.figures(DAY, DAY)).totals.pupil_attendances == 38


async def test_seats_come_in_pages_by_school_and_state(table: Bench) -> None:
    service = table.booth.coverage
    first = await service.seats(DAY, DAY, limit=2)
    rest = await service.seats(DAY, DAY, after=place_of(first[-1]))
    assert [s.seat for s in (*first, *rest)] == [A, B, C]
    assert [s.seat for s in await service.seats(DAY, DAY, state=SeatState.PARTIAL)] == [B]
    far = await service.seats(DAY, DAY, school=first[0].school)
    assert [s.seat for s in far] == [A, B]
    assert await service.seats(DAY + timedelta(days=1), DAY + timedelta(days=9)) == []


async def test_seats_of_lessons_that_are_not_over_are_pending(table: Bench) -> None:
    table.clock.now = at("09:20")
    found = await table.booth.coverage.pending(DAY, DAY)
    assert [s.seat for s in found] == [B, C]
    table.clock.now = at("11:00")
    assert await table.booth.coverage.pending(DAY, DAY) == ()


async def test_an_adjustment_counts_once_and_separately(table: Bench) -> None:
    service = table.booth.coverage

    async def vouch(seat: str = B, start: str = "09:00", end: str = "09:40", reason: str = "录像"):  # type: ignore[no-untyped-def]
        return await service.adjust(
            LESSON.id, SeatId(seat), at(start), at(end), reason=reason, actor="u-1", key="k-1"
        )

    assert await refused(vouch(reason="  ")) == "reason_missing"
    assert await refused(vouch(seat="nobody")) == "unknown_seat"
    assert await refused(vouch(end="09:41")) == "adjustment_window"
    assert await refused(vouch(start="09:30", end="09:30")) == "adjustment_window"
    made = await vouch()
    assert (await vouch()).id == made.id == "adjustment:k-1"
    await service.settle()
    figures = await service.figures(DAY, DAY)
    assert figures.totals.held_periods == 2
    assert figures.totals.adjusted_share.numerator == 1800
    assert await service.verify(DAY, DAY) == ()


async def test_new_rules_hold_from_their_day_and_not_before(table: Bench) -> None:
    service = table.booth.coverage

    async def change(key: str = "r-1", valid: date = DAY, **changes: float):  # type: ignore[no-untyped-def]
        return await service.set_rules(
            changes, reason="试行", valid_from=valid, actor="u-1", key=key
        )

    assert await refused(change(held=0.8)) == "rules_unchanged"
    assert await refused(change(name=1)) == "unknown_rule"
    assert await refused(change(held=1.5)) == "malformed_data"
    assert await refused(change(valid=DAY - timedelta(days=1), held=0.9)) == "rules_date"
    made = await change(valid=DAY + timedelta(days=1), held=0.9)
    assert await change(valid=DAY + timedelta(days=1), held=0.9) == made
    assert (made.number, made.rules.version, made.by, made.reason) == (2, "2", "u-1", "试行")
    assert [v.number for v in await service.rules_versions()] == [1, 2]
    await service.settle()
    assert (await service.figures(DAY, DAY)).totals.held_periods == 1
    table.clock.turn(days=1)
    await service.settle()
    figures = await service.figures(DAY, DAY)
    assert (figures.rules, figures.totals.held_periods) == (made.rules, 0)
    assert await service.rules() == made.rules
    assert await service.building() is None
    assert await service.verify(DAY, DAY) == ()
    # The figures under other rules can still be had, from the facts.
    first = (await service.rules_versions())[0].rules
    assert (await service.figures(DAY, DAY, rules=first)).totals.held_periods == 1
    async with table.store._database.read() as connection:
        kept = await connection.execute(text("SELECT DISTINCT rules FROM seat_results"))
        assert [row.rules for row in kept] == [2]


async def test_figures_under_the_old_rules_are_whole_while_the_new_ones_are_made(
    table: Bench,
) -> None:
    service = table.booth.coverage
    await service.set_rules({"held": 0.2}, reason="试行", valid_from=DAY, actor="u", key="k")
    await table.store.begin_rules(2)
    assert await service.building() == 2
    assert (await service.figures(DAY, DAY)).rules.version == "1"
    assert (await service.figures(DAY, DAY)).totals.held_periods == 1
    await service.settle()
    assert (await service.figures(DAY, DAY)).rules.version == "2"
    assert (await service.figures(DAY, DAY)).totals.held_periods == 2


async def test_only_what_other_systems_know_may_be_posted(table: Bench) -> None:
    service = table.booth.coverage
    opened = PushProgress(FactId("p:1"), PushStep.OPENED, PushId("p"), TargetId("t"), at("10:00"))
    counted = Headcount(FactId("c:1"), LESSON.id, A, at("09:10"), 31, "点名系统")
    assert await service.post_facts([opened, counted], "u-1") == 2
    assert await service.post_facts([opened, counted], "u-1") == 0
    forged: list[Fact] = [FACTS[0]]
    assert await refused(service.post_facts(forged, "u-1")) == "fact_kind"
    [_, entry] = await service.accesses()
    assert (entry.actor, entry.what, entry.target) == ("u-1", "facts.post", "2/2")
    await service.settle()
    assert (await service.figures(DAY, DAY)).totals.pupil_attendances == 31


async def test_a_fact_that_was_changed_behind_our_back_breaks_the_chain(table: Bench) -> None:
    service = table.booth.coverage
    assert await service.verify_chain() == ()
    [link] = await service.chain()
    assert await service.chain_head() == link.head == await service.chain_head(link.day)
    async with table.store._database.write() as connection:
        await connection.execute(text("DROP TRIGGER facts_no_update"))
        await connection.execute(text("UPDATE facts SET acked = 100 WHERE acked = 79"))
    [broken] = await service.verify_chain()
    assert (broken.day, broken.kept, broken.count) == (link.day, link.head, len(FACTS))
    assert broken.found != broken.kept
    assert await service.verify_chain(link.day + timedelta(days=1)) == ()


async def test_a_period_that_cannot_be_is_refused(table: Bench) -> None:
    assert await refused(table.booth.coverage.figures(DAY, DAY - timedelta(days=1))) == (
        "period_invalid"
    )
    assert await refused(table.booth.coverage.figures(DAY - timedelta(days=1100), DAY)) == (
        "period_invalid"
    )
    # Facts of more than a year are not read at once.
    assert await refused(table.booth.coverage.verify(DAY - timedelta(days=400), DAY)) == (
        "period_invalid"
    )
    assert OccurrenceId("o-1") == LESSON.id
