"""Sessions, their papers revision by revision, and who teaches what, on both engines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.research import Material, Papers
from sync_classroom.domain.timetable import Mode, Seat
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
MEETING = lesson("s-1", "16:00", "16:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])
FIRST = Papers(
    OccurrenceId("s-1"),
    1,
    "一\n二",
    (Material("稿", "https://a/b"), Material("字")),
    at("08:00"),
    "li",
)


async def filled(store: Database) -> None:
    await store.apply_roster(programme())
    await book(store, MEETING, key="s-1", gap_s=0)


async def test_sessions_are_found_by_date_and_lessons_are_not(store: Database) -> None:
    await filled(store)
    await book(store, lesson("o-1", seats=["remote-1-r1"]), key="o", gap_s=0)
    starts, ends = at("16:00", "2026-11-30"), at("16:50", "2026-11-30")
    later = replace(
        MEETING, id=OccurrenceId("s-2"), date=starts.date(), starts_at=starts, ends_at=ends
    )
    await book(store, later, key="s-2", gap_s=0)
    day = date(2026, 11, 23)
    assert [o.id for o in await store.sessions_on(day, day)] == ["s-1"]
    found = await store.sessions_on(day, date(2026, 11, 30))
    assert [(o.id, o.participants) for o in found] == [
        ("s-1", ("remote-1-t1",)), ("s-2", ("remote-1-t1",)),
    ]  # fmt: skip


async def test_papers_are_revisions_and_the_latest_counts(store: Database) -> None:
    await filled(store)
    assert await store.papers_of([MEETING.id]) == {}
    assert await store.save_papers(FIRST, key="a")
    second = replace(FIRST, revision=2, agenda="三", materials=(), by="wang")
    assert await store.save_papers(second, key="b")
    assert await store.papers_of([MEETING.id, OccurrenceId("x")]) == {MEETING.id: second}
    assert await store.papers_history(MEETING.id, 9) == [FIRST, second]
    assert await store.papers_history(MEETING.id, 1) == [second]


async def test_a_repeat_stores_nothing_and_who_is_second_is_told(store: Database) -> None:
    await filled(store)
    assert await store.save_papers(FIRST, key="a")
    assert await store.save_papers(replace(FIRST, agenda="other"), key="a")
    assert not await store.save_papers(replace(FIRST, agenda="other"), key="b")
    assert not await store.save_papers(replace(FIRST, revision=3), key="c")
    assert await store.papers_of([MEETING.id]) == {MEETING.id: FIRST}


async def test_of_two_at_once_one_is_stored(store: Database) -> None:
    await filled(store)
    stored = await asyncio.gather(
        *(store.save_papers(replace(FIRST, agenda=str(n)), key=str(n)) for n in range(5))
    )
    assert sorted(stored) == [False] * 4 + [True]
    latest = (await store.papers_of([MEETING.id]))[MEETING.id]
    assert stored[int(latest.agenda)]


async def test_who_teaches_or_assists_a_subject_in_a_period(store: Database) -> None:
    await filled(store)
    helped = lesson("o-1", seats=["remote-1-r1"], subject="英语")
    seat = helped.seats[0]
    helped = replace(
        helped, seats=(Seat(seat.id, seat.classroom, assistant=TeacherId("remote-1-t2")),)
    )
    await book(store, helped, key="a", gap_s=0)
    await book(store, lesson("o-2", "10:00", "10:40", seats=["remote-1-r1"], subject="英语"),
               key="b", gap_s=0)  # fmt: skip
    await book(store, lesson("o-3", day="2026-12-23", teacher="host-1-t4", seats=["remote-1-r1"]),
               key="c", gap_s=0)  # fmt: skip
    found = await store.subject_teachers(date(2026, 11, 1), date(2026, 11, 30))
    assert found == {("英语", "host-1-t1"), ("英语", "remote-1-t2")}
