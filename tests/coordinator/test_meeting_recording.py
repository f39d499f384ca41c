"""A meeting's recording: its leader's acts, clear refusals, and files for those who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.meeting_recording import READ
from sync_classroom.coordinator.research import Session
from sync_classroom.domain.accounts import Role, User
from sync_classroom.domain.ids import ActId, ClassroomId, TeacherId, UserId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.recordings import (
    RecordedFile,
    Recording,
    RecordingAct,
    RecordingState,
    Told,
)
from sync_classroom.domain.research import NewSession
from tests.support.coordination import Bench, TurnedClock, bench, peer
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
FILE = RecordedFile("01-seat-t-1.mp4", "seat:t:host-1-t1", "mp4", 0.0, 9.0, 5, None, 320, 180)


async def planned(found: Bench) -> Session:
    new = NewSession(
        "单元教学", "英语", TeacherId("host-1-t1"), ClassroomId("host-1-r1"), at("16:00"),
        at("16:20"), (TeacherId("remote-1-t1"),),
    )  # fmt: skip
    session = await found.booth.research.plan(new, "", (), actor="li", key="one")
    for teacher in ("host-1-t1", "remote-1-t1"):
        who = found.booth.meetings.as_user(session, user(teacher))
        await found.booth.meetings.join(session, who, f"page-{teacher}", anyway=False)
    return session


def user(teacher: str) -> User:
    return User(UserId(teacher), teacher, "U", Role.TEACHER, "", teacher=TeacherId(teacher))


async def record(found: Bench, session: Session, teacher: str, *, on: bool, page: str = "") -> None:
    who = found.booth.meetings.as_user(session, user(teacher))
    client = page or f"page-{teacher}"
    await found.booth.meeting_recorder.record(session, who, client, on=on)


@pytest_asyncio.fixture
async def found(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await file_store(tmp_path)
    await store.apply_roster(programme())
    try:
        clock = TurnedClock(at("15:55"))
        async with bench(tmp_path, store=store, clock=clock, record=True) as made:
            yield made
    finally:
        await store.close()


async def test_the_leader_begins_and_stops_it_and_both_are_kept(found: Bench) -> None:
    session = await planned(found)
    recorder = found.booth.meeting_recorder
    assert await recorder.told(session) is Told.OFF  # lessons are recorded by default
    for _ in range(2):  # a browser tries again
        await record(found, session, "host-1-t1", on=True)
    assert await recorder.told(session) is Told.STARTING
    found.clock.now = at("16:05")
    await found.booth.meetings.join(
        session, found.booth.meetings.as_user(session, user("host-1-t1")), "page-host-1-t1",
        anyway=True,
    )  # fmt: skip
    await record(found, session, "host-1-t1", on=False)
    assert await recorder.told(session) is Told.OFF
    assert await recorder.acts(session) == [
        RecordingAct(at("15:55"), "host-1-t1", True),
        RecordingAct(at("16:05"), "host-1-t1", False),
    ]


async def test_everybody_else_and_whoever_is_not_there_are_refused(found: Bench) -> None:
    session = await planned(found)
    for teacher, page, code in (
        ("remote-1-t1", "", "leader_only"), ("host-1-t1", "another-page", "meeting_left"),
    ):  # fmt: skip
        with pytest.raises(ProblemError) as refused:
            await record(found, session, teacher, on=True, page=page)
        assert refused.value.code == code
    found.booth.recordings.possible = False
    assert await found.booth.meeting_recorder.told(session) is None
    with pytest.raises(ProblemError) as refused:
        await record(found, session, "host-1-t1", on=True)
    assert refused.value.code == "recording_off"
    found.booth.recordings.possible = True
    leader = found.booth.meetings.as_user(session, user("host-1-t1"))
    found.clock.now = at("16:01")
    found.relay.peers = [peer(session.id, "t:host-1-t1", "publish", "seat:t:host-1-t1")]
    await found.sweep(first=True)
    await found.sweep()
    await found.booth.meetings.finish(session, leader, ActId("done"))
    with pytest.raises(ProblemError) as refused:
        await record(found, session, "host-1-t1", on=True)
    assert refused.value.code == "meeting_over"
    assert await found.booth.meeting_recorder.acts(session) == []


async def test_a_finished_file_is_read_and_that_is_in_the_access_log(found: Bench) -> None:
    session = await planned(found)
    recorder, o = found.booth.meeting_recorder, session.occurrence.id
    for state, there in ((RecordingState.FINISHING, False), (RecordingState.SAVED, True)):
        await found.store.save_recordings([Recording(o, state, o, at("16:00"), files=(FILE,))])
        for begins in (True, False):
            if there:
                await recorder.readable(session, FILE.name, "li", begins=begins)
                continue
            with pytest.raises(ProblemError) as refused:
                await recorder.readable(session, FILE.name, "li", begins=begins)
            assert refused.value.code == "recording_not_found"
    with pytest.raises(ProblemError):
        await recorder.readable(session, "manifest.json", "li", begins=True)
    (entry,) = await found.store.accesses(what=READ, limit=9)
    assert (entry.actor, entry.target) == ("li", f"{o}/{FILE.name}")
