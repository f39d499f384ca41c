"""The list of research sessions, one session's page, and calling it off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sync_classroom.domain.accounts import Role
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.timetable import Mode
from sync_classroom.web.pages.research import SESSION_WORDS
from tests.support.pages import look, office, read, send
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.web import Site

pytestmark = pytest.mark.asyncio
CANCEL = {"reason": "停电", "excused": "yes", "key": "c"}


async def planned(served: Site, ident: str = "s-1", leader: str = "host-1-t1") -> None:
    session = lesson(
        ident, "16:00", "16:50", mode=Mode.RESEARCH, teacher=leader,
        participants=["remote-1-t1", "remote-2-t3"],
    )  # fmt: skip
    await book(served.store, session, key=ident, gap_s=0)


async def be(served: Site, teacher: str) -> None:
    """The signed-in teacher is this one."""
    user = served.users[Role.TEACHER].id
    await served.services.accounts.update_user(user, teacher=TeacherId(teacher))


async def test_an_empty_list_says_what_to_do(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        page = await look(served, "/research")
        assert "还没有教研" in page.text
        assert "/research/new" in page.links()
        page = await look(served, "/research", role=Role.REVIEWER)
        assert "/research/new" not in page.links()


async def test_the_list_has_sessions_of_the_term_and_whose_they_are(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await look(served, "/research", role=Role.TEACHER)
        assert "/research/s-1" in page.links()
        assert "待开" in page.text
        assert "2 人" in page.text
        assert "3 校" in page.text
        assert "有我" not in page.text
        await be(served, "remote-2-t3")
        page = await look(served, "/research?mine=1", role=Role.TEACHER)
        assert "有我" in page.text
        await be(served, "remote-5-t1")
        page = await look(served, "/research?mine=1", role=Role.TEACHER)
        assert "/research/s-1" not in page.links()
        assert "还有 1 场教研" in page.text


async def test_a_session_shows_people_by_school_and_everybody_signed_in_may_look(
    tmp_path: Path,
) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        for role in (Role.ADMIN, Role.TEACHER, Role.REVIEWER, Role.OPERATOR):
            page = await look(served, "/research/s-1", role=role)
            assert "学校 remote-2" in page.text
            assert "还没有议程" in page.text
            assert ("/research/s-1/edit" in page.links()) == (role is Role.ADMIN)
        await be(served, "host-1-t1")
        page = await look(served, "/research/s-1", role=Role.TEACHER)
        assert "/research/s-1/edit" in page.links()
        await look(served, "/research/nothing", status=404)
        answer = await served.ask("GET", "/lessons/s-1", role=Role.ADMIN)
        assert (answer.status, answer.headers["Location"]) == (303, "/research/s-1")


async def test_the_day_shows_its_sessions_apart_from_its_lessons(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await look(served, "/today")
        assert "/research/s-1" in page.links()
        assert "/lessons/s-1" not in page.links()
        page = await look(served, "/today?school=remote-2")
        assert "/research/s-1" in page.links()
        page = await look(served, "/today?school=remote-5")
        assert "/research/s-1" not in page.links()


async def test_whoever_has_not_come_is_missing_only_once_it_is_over(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        served.clock.now = at("16:10")
        run = LessonRun(OccurrenceId("s-1"), LessonState.LIVE, opened_at=at("15:50"))
        await served.store.save_run(replace(run, live_at=at("16:00")))
        page = await look(served, "/research/s-1")
        assert "还没有进来" in page.text
        assert "没有到场" not in page.text


async def test_calling_off_needs_a_reason_and_is_kept(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        page = await read(await send(served, "/research/s-1/cancel", {"key": "c"}), 422)
        assert {"reason-error", "excused-error"} <= set(page.ids)
        answer = await send(served, "/research/s-1/cancel", CANCEL)
        assert answer.status == 303
        page = await look(served, answer.headers["Location"])
        assert "已取消" in page.text
        assert "停电" in page.text
        assert "/research/s-1/edit" not in page.links()
        stored = await served.store.get_occurrence(OccurrenceId("s-1"))
        assert stored is not None
        assert stored.withdrawn


async def test_only_its_leader_and_administrators_call_it_off(tmp_path: Path) -> None:
    async with office(tmp_path) as served:
        await planned(served)
        answer = await send(served, "/research/s-1/cancel", CANCEL, role=Role.TEACHER)
        assert answer.status == 403
        await be(served, "remote-1-t1")
        answer = await send(served, "/research/s-1/cancel", CANCEL, role=Role.TEACHER)
        assert answer.status == 403
        await be(served, "host-1-t1")
        answer = await send(served, "/research/s-1/cancel", CANCEL, role=Role.TEACHER)
        assert answer.status == 303


async def test_every_state_has_its_word() -> None:
    assert set(SESSION_WORDS) == set(LessonState)
