"""Lesson study over a real store: races, restarts, and what is offered to whom."""

from __future__ import annotations

import asyncio

import pytest

from sync_classroom.coordinator.study import StudyService
from sync_classroom.domain import study as studies
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.recordings import RecordedFile, Recording, RecordingState
from sync_classroom.domain.study import MAX_COMMENTS
from tests.coordinator.test_meetings import made, plan, who  # noqa: F401 - a fixture
from tests.support.coordination import Bench
from tests.support.plan_changes import book
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio
FILE = RecordedFile("01-camera-1.mp4", "camera", "mp4", 2.0, 600.0, 5, "ab", 1280, 720)


async def recorded(found: Bench, ident: str, host: str, state: RecordingState) -> None:
    taught = lesson(
        ident, "08:00", "08:40", school=host, room=f"{host}-r1", teacher=f"{host}-t1",
        seats=[f"remote-{host[-1]}-r1"],
    )  # fmt: skip
    await book(found.store, taught, key=ident, gap_s=0)
    recording = Recording(OccurrenceId(ident), state, ident, at("08:00"), files=(FILE,))
    await found.store.save_recordings([recording])


async def test_offered_are_saved_recordings_of_the_leaders_school(made: Bench) -> None:  # noqa: F811
    await recorded(made, "own", "host-1", RecordingState.SAVED)
    await recorded(made, "foreign", "host-2", RecordingState.SAVED)
    session = await plan(made)
    leader = who(made, session, "host-1-t1")
    service = made.booth.study
    assert [o.lesson.id for o in await service.offered(session, leader)] == ["own"]
    await made.booth.meetings.join(session, leader, "page-1", anyway=False)
    for lesson_id in ("foreign", "nowhere"):
        with pytest.raises(ProblemError) as error:
            await service.watch(session, leader, "page-1", OccurrenceId(lesson_id), FILE.name)
        assert error.value.code == "recording_not_offered"


async def test_acts_of_two_at_once_both_hold_and_another_coordinator_knows(
    made: Bench,  # noqa: F811
) -> None:
    await recorded(made, "own", "host-1", RecordingState.SAVED)
    session = await plan(made)
    leader = who(made, session, "host-1-t1")
    await made.booth.meetings.join(session, leader, "page-1", anyway=False)
    service = made.booth.study
    await service.watch(session, leader, "page-1", OccurrenceId("own"), FILE.name)
    await asyncio.gather(
        service.lead(session, leader, "page-1", studies.play),
        service.lead(session, leader, "page-1", lambda s, now: studies.jump(s, 60_000, now)),
        service.lead(session, leader, "page-1", lambda s, now: studies.pace(s, 200, now)),
    )
    made.clock.turn(seconds=10)
    again = StudyService(made.store, made.bus, roster=made.booth.roster, clock=made.clock)
    state = await again.state(session)
    assert state is not None
    assert (state["version"], state["position_ms"], state["playing"]) == (4, 80_000, True)


async def test_comments_have_an_end(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    assert MAX_COMMENTS == 500
    monkeypatch.setattr("sync_classroom.coordinator.study.MAX_COMMENTS", 1)
    await recorded(made, "own", "host-1", RecordingState.SAVED)
    session = await plan(made)
    leader = who(made, session, "host-1-t1")
    await made.booth.meetings.join(session, leader, "page-1", anyway=False)
    service = made.booth.study
    await service.watch(session, leader, "page-1", OccurrenceId("own"), FILE.name)
    await service.comment(session, leader, "page-1", 5_000, "一", key="a")
    with pytest.raises(ProblemError) as error:
        await service.comment(session, leader, "page-1", 5_000, "二", key="b")
    assert error.value.code == "comments_full"
