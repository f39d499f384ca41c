"""Meetings in the store: stages by version, one presence a person, links used once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.meeting import GONE, Guest, Presence, Stage, take_place
from sync_classroom.domain.timetable import Mode
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE, TWO = OccurrenceId("s-1"), OccurrenceId("s-2")
NOW = at("16:00")
HERE = Presence("t:a", ONE, "page-1", NOW, NOW)


async def filled(store: Database) -> None:
    await store.apply_roster(programme())
    for ident, start, end in ((ONE, "16:00", "16:50"), (TWO, "17:00", "17:50")):
        session = lesson(ident, start, end, mode=Mode.RESEARCH, participants=["remote-1-t1"])
        await book(store, session, key=ident, gap_s=0)


async def claim(
    store: Database, wanted: Presence, *, anyway: bool = False, most: int = 9
) -> Presence | None:
    return await store.claim_presence(
        wanted, gone_before=wanted.seen_at - GONE, anyway=anyway, most=most
    )


async def test_a_stage_is_stored_by_version(store: Database) -> None:
    await filled(store)
    assert await store.stage_of(ONE) is None
    first = await store.save_stage(Stage(ONE))
    assert first == Stage(ONE, version=1)
    assert await store.save_stage(Stage(ONE)) is None
    wanted = replace(take_place(first, "t:a", NOW), screen="t:a", speaker="t:a")
    second = await store.save_stage(wanted)
    assert second == replace(wanted, version=2)
    assert await store.stage_of(ONE) == second
    assert await store.save_stage(first) is None


async def test_open_stages_are_those_of_meetings_that_go_on(store: Database) -> None:
    await filled(store)
    for ident, state in ((ONE, LessonState.LIVE), (TWO, LessonState.ENDED)):
        await store.save_stage(Stage(ident))
        await store.save_run(LessonRun(ident, state))
    assert [s.occurrence for s in await store.open_stages()] == [ONE]


async def test_a_person_is_in_one_meeting_with_one_page(store: Database) -> None:
    await filled(store)
    assert await claim(store, HERE) is None
    assert await claim(store, HERE) is None
    assert await claim(store, replace(HERE, occurrence=TWO)) == HERE
    assert await claim(store, replace(HERE, occurrence=TWO), anyway=True) == HERE
    other = replace(HERE, client="page-2")
    assert await claim(store, other) == HERE
    assert await claim(store, other, anyway=True) is None
    assert await store.presence_of("t:a") == other
    assert not await store.see_presence(HERE)
    assert await store.see_presence(other)


async def test_of_two_meetings_at_the_same_moment_one_has_the_person(store: Database) -> None:
    await filled(store)
    answers = await asyncio.gather(
        claim(store, HERE), claim(store, replace(HERE, occurrence=TWO, client="page-2"))
    )
    assert sum(answer is None for answer in answers) == 1


async def test_who_was_not_heard_of_has_left(store: Database) -> None:
    await filled(store)
    await claim(store, HERE)
    later = NOW + GONE + timedelta(seconds=1)
    wanted = Presence("t:a", TWO, "page-2", later, later)
    assert await claim(store, wanted) is None
    assert await store.present_in(ONE, NOW) == []
    assert await store.present_in(TWO, NOW) == [wanted]


async def test_a_full_meeting_takes_nobody_more(store: Database) -> None:
    await filled(store)
    await claim(store, HERE)
    answer = await claim(store, replace(HERE, peer="t:b"), most=1)
    assert answer is not None
    assert answer.peer == ""
    assert await claim(store, HERE, most=1) is None


async def test_leaving_with_another_page_changes_nothing(store: Database) -> None:
    await filled(store)
    await claim(store, HERE)
    await store.end_presence("t:a", "page-2")
    assert await store.presence_of("t:a") == HERE
    await store.end_presence("t:a", "page-1")
    assert await store.presence_of("t:a") is None


async def test_a_link_is_used_once_whoever_is_quick(store: Database) -> None:
    await filled(store)
    made = Guest("g-1", ONE, "教研员", "li", NOW)
    assert await store.add_guest(made, b"link", most=1)
    assert not await store.add_guest(replace(made, id="g-2"), b"other", most=1)
    assert await store.guest_by_link(b"link") == made
    used = await asyncio.gather(
        *(store.redeem_guest(b"link", name=f"n{n}", pass_hash=bytes([n]), at=NOW) for n in range(4))
    )
    (guest,) = [g for g in used if g is not None]
    assert (guest.used_at, guest.name) == (NOW, f"n{used.index(guest)}")
    assert await store.guest_by_pass(bytes([used.index(guest)])) == guest
    assert await store.guest_by_pass(b"no") is None
    assert await store.redeem_guest(b"link", name="x", pass_hash=b"y", at=NOW) is None
    assert await store.guests_of(ONE) == [guest]
