"""The stage follows what is heard, and a new coordinator empties nobody's slots."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.domain.floor import Floor
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.meeting import Stage, take_place
from sync_classroom.domain.timetable import Mode
from tests.support.coordination import Bench, TurnedClock, bench, peer
from tests.support.databases import file_store
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
IDENT = OccurrenceId("s-1")
MEETING = lesson("s-1", "16:00", "16:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await file_store(tmp_path)
    await store.apply_roster(programme())
    try:
        async with bench(tmp_path, store=store, clock=TurnedClock(at("16:05"))) as found:
            await found.add(MEETING)
            await store.save_run(LessonRun(IDENT, LessonState.LIVE, live_at=at("16:00")))
            stage = take_place(take_place(Stage(IDENT), "t:a", at("16:00")), "t:b", at("16:00"))
            await store.save_stage(stage)
            await found.lease.renew()
            yield found
    finally:
        await store.close()


async def look(found: Bench, **levels: int | None) -> Stage:
    found.relay.peers = [
        replace(peer("s-1", f"t:{name}", "publish", f"seat:t:{name}"), level=level)
        for name, level in levels.items()
    ]
    await found.booth.media.refresh()
    await found.booth.meeting_watch.look()
    stage = await found.store.stage_of(IDENT)
    assert stage is not None
    return stage


async def test_the_speaker_is_who_is_heard_and_is_sent_large(made: Bench) -> None:
    assert (await look(made, a=25, b=80)).speaker == "t:a"
    assert made.relay.rooms["s-1"].layouts["*"].heights[:2] == (None, 180)
    assert (await look(made, a=60, b=20)).speaker == "t:b"


async def test_another_voice_takes_two_looks(made: Bench) -> None:
    await look(made, a=40, b=None)
    assert (await look(made, a=40, b=25)).speaker == "t:a"
    assert (await look(made, a=40, b=25)).speaker == "t:b"
    assert made.relay.rooms["s-1"].layouts["*"].heights[:2] == (180, None)


async def test_a_screens_sound_is_nobodys_voice(made: Bench) -> None:
    made.relay.peers = [replace(peer("s-1", "t:a", "publish", "screen:t:a"), level=5)]
    await made.booth.media.refresh()
    assert made.booth.media.levels("s-1") == {"t:a": None}


async def test_a_meeting_whose_stage_is_not_known_yet_is_left_as_it_is(made: Bench) -> None:
    await made.booth.media.refresh()
    assert not await made.booth.rooms.place(MEETING, Floor(IDENT))
    assert "s-1" not in made.relay.rooms
    await look(made, a=30, b=None)
    assert made.relay.rooms["s-1"].layouts["*"].video[:2] == ("seat:t:a", "seat:t:b")


async def test_who_does_not_lead_changes_nothing(made: Bench) -> None:
    made.booth.meeting_watch._leading = lambda: False
    assert (await look(made, a=20)).speaker is None


async def test_a_meeting_is_live_by_anybodys_media_and_no_classrooms_lesson(made: Bench) -> None:
    other = lesson("s-2", "16:00", "16:50", mode=Mode.RESEARCH, teacher="host-1-t2",
                   room="host-1-r2", participants=["remote-2-t1"])  # fmt: skip
    await made.add(other)
    await made.sweep(first=True)
    assert await made.state_of("s-2") == "open"
    made.relay.peers = [peer("s-2", "t:remote-2-t1", "publish", "seat:t:remote-2-t1")]
    await made.sweep()
    assert await made.state_of("s-2") == "live"
    assert await made.booth.desk.plan_for(other.host.classroom) == []
