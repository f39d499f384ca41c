"""The roster comes back as it went in, and applying one never destroys anything."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.ids import ClassroomId, SchoolId, TeacherId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import Classroom, DayException, Roster, Teacher
from sync_classroom.store.database import Database
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio

EVERYTHING = {
    "programme": 1,
    "schools": 10,
    "classrooms": 60,
    "classes": 60,
    "teachers": 60,
    "terms": 1,
    "bell_sets": 10,
    "days": 2,
}
NOTHING = dict.fromkeys(EVERYTHING, 0)


async def test_an_empty_store_has_an_empty_roster(store: Database) -> None:
    assert await store.load_roster() == Roster()


async def test_a_roster_comes_back_as_it_went_in(store: Database) -> None:
    change = await store.apply_roster(programme())
    assert (change.added, change.updated, change.unchanged) == (EVERYTHING, NOTHING, NOTHING)
    assert await store.load_roster() == programme()


async def test_loading_the_same_roster_twice_leaves_everything_unchanged(store: Database) -> None:
    await store.apply_roster(programme())
    change = await store.apply_roster(programme())
    assert (change.added, change.updated, change.unchanged) == (NOTHING, NOTHING, EVERYTHING)
    assert await store.load_roster() == programme()


async def test_changes_are_counted_by_kind_and_nothing_is_deleted(store: Database) -> None:
    before = programme()
    await store.apply_roster(before)
    room = before.classrooms[ClassroomId("remote-1-r1")]
    retired = replace(room, retired_on=date(2026, 12, 1), capacity=None)
    closed = DayException(SchoolId("remote-2"), date(2026, 11, 2), teaching=False)
    reopened = replace(before.days[0], teaching=True, follows_weekday=4)
    newcomer = Teacher(TeacherId("host-1-t7"), SchoolId("host-1"), "新老师")

    change = await store.apply_roster(
        Roster(
            timezone="Asia/Shanghai",
            target_classrooms=50,
            classrooms={retired.id: retired},
            teachers={newcomer.id: newcomer},
            days=(closed, reopened),
        )
    )

    assert change.added == {**NOTHING, "teachers": 1, "days": 1}
    assert change.updated == {**NOTHING, "programme": 1, "classrooms": 1, "days": 1}
    assert change.unchanged == NOTHING
    assert await store.load_roster() == replace(
        before,
        target_classrooms=50,
        classrooms={**before.classrooms, retired.id: retired},
        teachers={**before.teachers, newcomer.id: newcomer},
        days=(reopened, before.days[1], closed),
    )


async def test_a_changed_bell_set_replaces_its_periods(store: Database) -> None:
    before = programme()
    await store.apply_roster(before)
    bells = next(iter(before.bell_sets.values()))
    shorter = replace(bells, periods=bells.periods[:1])
    change = await store.apply_roster(
        replace(before, bell_sets={**before.bell_sets, shorter.id: shorter})
    )
    assert (change.updated["bell_sets"], change.unchanged["bell_sets"]) == (1, 9)
    assert (await store.load_roster()).bell_sets[shorter.id] == shorter


async def test_administrators_loading_at_once_come_one_after_the_other(
    store: Database,
) -> None:
    loads = await asyncio.gather(*(store.apply_roster(programme()) for _ in range(6)))
    added = sorted(sum(change.added.values()) for change in loads)
    assert added == [0, 0, 0, 0, 0, sum(EVERYTHING.values())]
    assert await store.load_roster() == programme()


async def test_a_roster_that_refers_to_nothing_is_refused_whole(store: Database) -> None:
    lost = Classroom(ClassroomId("r"), SchoolId("nowhere"), "教室", date(2026, 1, 1))
    with pytest.raises(ProblemError) as caught:
        await store.apply_roster(replace(programme(), classrooms={lost.id: lost}))
    assert caught.value.code == "roster_reference"
    assert await store.load_roster() == Roster()
