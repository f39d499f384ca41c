"""Minutes in the store: nobody's text is overwritten, whoever writes at the same moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.minutes import Paragraph
from sync_classroom.domain.timetable import Mode
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("s-1")
NEW = Paragraph(ONE, 0, 1, "一", at("16:10"), "li")


async def filled(store: Database) -> None:
    await store.apply_roster(programme())
    session = lesson("s-1", "16:00", "16:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])
    await book(store, session, key="s-1", gap_s=0)


async def test_paragraphs_of_many_at_once_are_all_there_once(store: Database) -> None:
    await filled(store)
    await asyncio.gather(
        *(
            store.write_paragraph(replace(NEW, text=f"t{n % 6}"), key=f"k{n % 6}", most=99)
            for n in range(12)
        )
    )
    found = await store.minutes_of(ONE)
    assert [p.number for p in found] == [1, 2, 3, 4, 5, 6]
    assert {p.text for p in found} == {f"t{n}" for n in range(6)}


async def test_of_two_changes_of_one_revision_the_second_is_answered_with_the_first(
    store: Database,
) -> None:
    await filled(store)
    made = await store.write_paragraph(NEW, key="a", most=9)
    assert made == replace(NEW, number=1)
    mine, theirs = (
        Paragraph(ONE, 1, 2, text, at("16:11"), by) for text, by in (("我", "li"), ("她", "wang"))
    )
    answers = await asyncio.gather(
        store.write_paragraph(mine, key="b", most=9),
        store.write_paragraph(theirs, key="c", most=9),
    )
    assert answers[0] == answers[1]
    assert answers[0] in (mine, theirs)
    assert await store.minutes_of(ONE) == [answers[0]]
    again = replace(mine, revision=3)
    assert await store.write_paragraph(again, key="d", most=9) == again


async def test_there_is_an_end_and_what_is_not_there_cannot_be_changed(store: Database) -> None:
    await filled(store)
    await store.write_paragraph(NEW, key="a", most=1)
    assert await store.write_paragraph(NEW, key="b", most=1) is None
    with pytest.raises(KeyError):
        await store.write_paragraph(replace(NEW, number=7, revision=2), key="c", most=9)
