"""Virtual teachers against the real web side; with a real relay they meet in cli/test_demo.py."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.facts import ParticipantMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, TeacherId
from sync_classroom.domain.lesson import LessonState
from sync_classroom.domain.timetable import Mode
from sync_classroom.simulator import teacher
from sync_classroom.simulator.recording import Recording
from sync_classroom.simulator.swarm import Administrator, open_http
from sync_classroom.simulator.teacher import VirtualMeeting, VirtualTeacher
from tests.support.pages import office
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.waiting import PATIENCE_S, until
from tests.support.web import PASSWORD, Site

pytestmark = pytest.mark.asyncio
NOTHING = Recording((), 1.0, 320, 180, 0.0)
LEADER, LISTENER = "host-1-t1", "remote-1-t1"


async def planned(served: Site) -> None:
    session = lesson("s-1", "10:05", "10:50", mode=Mode.RESEARCH, participants=[LISTENER])
    await book(served.store, session, key="s-1", gap_s=0)
    for login in (LEADER, LISTENER):
        await served.services.accounts.add_user(
            login, login, Role.TEACHER, PASSWORD, teacher=TeacherId(login)
        )


def virtual(served: Site, login: str, recording: Recording | None) -> VirtualTeacher:
    return VirtualTeacher(
        served.url, login, PASSWORD, "s-1", name=f"research {login}", recording=recording
    )


async def test_teachers_come_in_one_sends_and_all_leave_when_the_leader_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teacher, "HERE_S", 0.05)
    monkeypatch.setattr(teacher, "ATTENDANCE_S", 0.05)
    async with office(tmp_path) as served, open_http(served.url) as http:
        await planned(served)
        admin = await Administrator.sign_in(http, served.url, "admin", PASSWORD)
        meeting = VirtualMeeting(
            admin, "s-1",
            {LEADER: virtual(served, LEADER, NOTHING), LISTENER: virtual(served, LISTENER, None)},
        )  # fmt: skip
        running = asyncio.create_task(meeting.run())
        await until(lambda: all(t.here for t in meeting.teachers.values()))
        session = OccurrenceId("s-1")
        run = await served.store.get_run(session)
        assert run is not None
        live = replace(run, state=LessonState.LIVE, live_at=served.clock())
        assert await served.store.save_run(live) is not None
        since = served.clock()

        there = await served.store.present_in(session, since)
        assert {p.peer for p in there} == {f"t:{LEADER}", f"t:{LISTENER}"}

        async def sends() -> bool:
            stage = await served.store.stage_of(session)
            return stage is not None and stage.senders == (f"t:{LEADER}",)

        await until(sends)
        fact = ParticipantMedia(
            FactId("f-1"), session, TeacherId(LEADER), at("10:05"), at("10:05:10"), 9, 9
        )
        await served.store.append_facts([fact], received_at=at("10:06"))
        await until(lambda: meeting.attendance == {LEADER: 10})
        assert [row.name for row in meeting.rows()] == [
            f"research {LEADER} 10 s", f"research {LISTENER} 0 s",
        ]  # fmt: skip
        await meeting.finish()
        async with asyncio.timeout(PATIENCE_S):
            await running
        assert meeting.swarm.failures == {}
        assert not any(t.here for t in meeting.teachers.values())
        assert await served.store.present_in(session, since) == []


async def test_whoever_is_not_invited_is_reported_with_the_servers_sentence(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served, open_http(served.url) as http:
        await planned(served)
        admin = await Administrator.sign_in(http, served.url, "admin", PASSWORD)
        stranger = VirtualTeacher(
            served.url, "reviewer", PASSWORD, "s-1", name="stranger", recording=None
        )
        meeting = VirtualMeeting(admin, "s-1", {"reviewer": stranger})
        await meeting.run()
        assert "not invited" in meeting.swarm.failures["stranger"][1]
        assert stranger.tally.state == "failed"
