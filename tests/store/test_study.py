"""Studies in the store: one writer of a version wins, comments are numbered once each."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.study import Comment, Study, Watched
from sync_classroom.store.database import Database
from tests.store.test_minutes import filled
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("s-1")
# Of the store any occurrence will do as what is watched.
WATCHED = Watched(ONE, "01-camera-1.mp4", 2_000, 602_000)
STUDY = Study(ONE, WATCHED, True, 5_000, 150, at("16:05"))
COMMENT = Comment(ONE, 0, ONE, 65_000, "导入自然", at("16:10"), "t:li", "李")


async def test_of_two_writers_of_a_version_one_wins_and_it_reads_as_it_was_written(
    store: Database,
) -> None:
    await filled(store)
    assert await store.study_of(ONE) is None
    both = await asyncio.gather(*(store.save_study(replace(STUDY, rate=r)) for r in (100, 150)))
    (first,) = [s for s in both if s is not None]
    assert await store.study_of(ONE) == first
    assert first.version == 1
    closed = await store.save_study(Study(ONE, version=1))
    assert closed == await store.study_of(ONE) == Study(ONE, version=2)
    assert await store.save_study(first) is None
    # What was watched stays known.
    assert await store.lessons_watched(ONE) == [ONE]


async def test_comments_are_there_once_and_numbered_whoever_writes_at_once(
    store: Database,
) -> None:
    await filled(store)
    await asyncio.gather(
        *(
            store.add_comment(replace(COMMENT, text=f"t{n % 6}"), key=f"k{n % 6}", most=6)
            for n in range(12)
        )
    )
    found = await store.comments_of(ONE)
    assert [c.number for c in found] == [1, 2, 3, 4, 5, 6]
    assert {c.text for c in found} == {f"t{n}" for n in range(6)}
    assert await store.count_comments(ONE) == 6
    assert await store.add_comment(COMMENT, key="another", most=6) is None
    again = await store.add_comment(COMMENT, key="k0", most=6)
    assert again in found
