"""Resources come back as they went in, versions in order, a key once, deletions for ever."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import OccurrenceId, ResourceId, TeacherId
from sync_classroom.domain.library import Cut, Deletion, Details, Version
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE, TWO = ResourceId("r-1"), ResourceId("r-2")
LESSON = OccurrenceId("o-1")
DETAILS = Details("古诗三首", "语文", 3, LESSON, TeacherId("host-1-t1"), "第二课时")
FIRST = Version(
    0, "a.mp4", "o-1-01-camera-1.mp4", "video/mp4", 123_456_789_012, "ab" * 32, at("12:00"), "wang",
    61.25, Cut(LESSON, "01-camera-1.mp4", 10.5, 71.75),
)  # fmt: skip
NEXT = Version(0, "b.pdf", "练习.pdf", "application/pdf", 10, "cd" * 32, at("13:00"), "li")


@pytest_asyncio.fixture(autouse=True)
async def planned(store: Database) -> None:
    await store.apply_roster(programme())
    await book(store, lesson(LESSON, seats=["remote-1-r1"]), key="o-1", gap_s=0)


async def test_a_resource_and_its_versions_come_back(store: Database) -> None:
    made = await store.add_version(ONE, DETAILS, FIRST, key="k1")
    assert made.versions == (replace(FIRST, no=1),)
    assert (made.details, made.at, made.by, made.deleted) == (DETAILS, at("12:00"), "wang", None)
    again = await store.add_version(ONE, None, NEXT, key="k2")
    assert again.versions == (replace(FIRST, no=1), replace(NEXT, no=2))
    assert await store.resources_by_id([ONE, TWO]) == [again]
    assert await store.library_bytes() == 123_456_789_022
    assert await store.library_files() == {"a.mp4", "b.pdf"}


async def test_a_key_brings_one_file_however_often_it_is_used(store: Database) -> None:
    tries = [
        store.add_version(ResourceId(f"r-{n}"), DETAILS, replace(FIRST, file=f"{n}.mp4"), key="k")
        for n in range(5)
    ]
    made = await asyncio.gather(*tries)
    assert len({m.id for m in made}) == 1
    assert [r.id for r in await store.resources(limit=10)] == [made[0].id]
    assert await store.resource_by_key("k") == made[0]
    assert await store.resource_by_key("other") is None


async def test_versions_added_at_once_have_a_number_each(store: Database) -> None:
    await store.add_version(ONE, DETAILS, FIRST, key="k")
    more = [
        store.add_version(ONE, None, replace(NEXT, file=f"{n}.pdf"), key=f"k{n}") for n in range(5)
    ]
    await asyncio.gather(*more)
    [found] = await store.resources_by_id([ONE])
    assert [v.no for v in found.versions] == [1, 2, 3, 4, 5, 6]


async def test_the_newest_is_listed_first_and_the_deleted_not(store: Database) -> None:
    for n, ident in enumerate((ONE, TWO)):
        version = replace(FIRST, file=f"{n}.mp4", at=at("12:00") + timedelta(hours=n))
        await store.add_version(ident, replace(DETAILS, lesson=None), version, key=ident)
    assert [r.id for r in await store.resources(limit=10)] == [TWO, ONE]
    assert [r.id for r in await store.resources(limit=1)] == [TWO]
    deletion = Deletion(at("15:00"), "admin", "重复")
    assert await store.delete_resource(TWO, deletion)
    assert not await store.delete_resource(TWO, replace(deletion, reason="又一次"))
    assert [r.id for r in await store.resources(limit=10)] == [ONE]
    [gone] = await store.resources_by_id([TWO])
    assert gone.deleted == deletion
    assert await store.library_files() == {"0.mp4"}
    with pytest.raises(KeyError):
        await store.add_version(TWO, None, NEXT, key="late")
    assert not await store.save_details(TWO, DETAILS)


async def test_what_is_said_of_a_resource_can_be_changed(store: Database) -> None:
    await store.add_version(ONE, DETAILS, FIRST, key="k")
    other = Details("别的", "", None, None, None, "")
    assert await store.save_details(ONE, other)
    [found] = await store.resources_by_id([ONE])
    assert found.details == other
    assert not await store.save_details(TWO, other)


@pytest.mark.parametrize(
    ("details", "field"),
    [
        (replace(DETAILS, lesson=OccurrenceId("nobody")), "lesson"),
        (replace(DETAILS, teacher=TeacherId("nobody")), "teacher"),
    ],
)
async def test_a_lesson_or_teacher_nobody_knows_is_named(
    store: Database, details: Details, field: str
) -> None:
    with pytest.raises(ProblemError) as refused:
        await store.add_version(ONE, details, FIRST, key="k")
    assert (refused.value.code, refused.value.field) == ("unknown_reference", field)
    assert await store.resources(limit=10) == []
