"""Second opinions by seat, and how many of each a period has."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId, SeatId
from sync_classroom.domain.judging import Judged
from sync_classroom.domain.second_opinion import DIFFERS, SeatOpinion, Verdict
from sync_classroom.store.database import Database
from tests.support.coordination import roster

pytestmark = pytest.mark.asyncio

DAY = date(2026, 11, 23)
ONE = SeatOpinion(
    OccurrenceId("o-1"), SeatId("s-1"), DAY, ClassroomId("far-1-r1"), Verdict.AGREES, 2400, 2390,
    10, 0, 5,
)  # fmt: skip
TWO = replace(
    ONE, seat=SeatId("s-2"), classroom=ClassroomId("far-1-r2"), verdict=Verdict.LESS, agreed_s=2000,
    relay_only_s=400,
)  # fmt: skip
THREE = replace(
    ONE, occurrence=OccurrenceId("o-2"), date=DAY + timedelta(days=1),
    classroom=ClassroomId("far-2-r1"), verdict=Verdict.MORE, terminal_only_s=300, agreed_s=2090,
)  # fmt: skip


async def keep(store: Database, *opinions: SeatOpinion) -> None:
    lessons = frozenset(o.occurrence for o in opinions)
    assert await store.store_results([], Judged(lessons, {1: ()}, (), opinions))


async def test_opinions_are_counted_by_verdict_and_period(store: Database) -> None:
    await keep(store, ONE, TWO)
    await keep(store, THREE)
    assert await store.opinion_counts(DAY, DAY) == {Verdict.AGREES: 1, Verdict.LESS: 1}
    assert await store.opinion_counts(DAY, DAY + timedelta(days=7)) == {
        Verdict.AGREES: 1,
        Verdict.LESS: 1,
        Verdict.MORE: 1,
    }
    assert await store.opinions_of([ONE.occurrence]) == [ONE, TWO]


async def test_a_new_opinion_takes_the_place_of_the_old_one_on_any_date(store: Database) -> None:
    await keep(store, ONE, TWO)
    moved = replace(TWO, date=DAY + timedelta(days=1), verdict=Verdict.AGREES)
    await keep(store, moved)
    assert await store.opinion_counts(DAY, DAY) == {Verdict.AGREES: 1}
    assert await store.opinion_counts(moved.date, moved.date) == {Verdict.AGREES: 1}
    # A lesson counted without samples keeps what it had.
    assert await store.store_results([], Judged(frozenset({ONE.occurrence}), {1: ()}, ()))
    assert await store.opinions_of([ONE.occurrence]) == [ONE, moved]


async def test_those_that_differ_are_listed_latest_first_and_narrowed(store: Database) -> None:
    await store.apply_roster(roster())
    await keep(store, ONE, TWO, THREE)
    week = DAY, DAY + timedelta(days=7)
    assert await store.opinions(*week, verdicts=DIFFERS, limit=9) == [THREE, TWO]
    assert await store.opinions(*week, verdicts=DIFFERS, limit=1) == [THREE]
    assert await store.opinions(*week, verdicts=DIFFERS, skip=1, limit=9) == [TWO]
    school = SchoolId("far-1")
    assert await store.opinions(*week, verdicts=DIFFERS, school=school, limit=9) == [TWO]
    room = ClassroomId("far-1-r1")
    every = (Verdict.AGREES, *DIFFERS)
    assert await store.opinions(*week, verdicts=every, classroom=room, limit=9) == [ONE]
