"""Sessions over a real store: planned once, changed by whoever is first, moved with papers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.research import Session, begun
from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.history import Happening
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TeacherId
from sync_classroom.domain.notices import Audience
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.research import Material, NewSession
from tests.support.coordination import Bench, TurnedClock, bench
from tests.support.databases import file_store
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
NEW = NewSession(
    title="单元教学", subject="英语", teacher=TeacherId("host-1-t1"),
    classroom=ClassroomId("host-1-r1"), starts_at=at("16:00"), ends_at=at("16:50"),
    invited=(TeacherId("remote-1-t1"), TeacherId("host-2-t1")),
)  # fmt: skip
PAPERS = ("说课", (Material("稿", "https://a/b"),))


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await file_store(tmp_path)
    await store.apply_roster(programme())
    try:
        async with bench(tmp_path, store=store, clock=TurnedClock(at("08:00"))) as found:
            yield found
    finally:
        await store.close()


async def plan(found: Bench, key: str = "k", **changes: object) -> Session:
    new = replace(NEW, **changes)  # type: ignore[arg-type]
    return await found.booth.research.plan(new, *PAPERS, actor="li", key=key)


async def change(
    found: Bench, session: Session, new: NewSession, key: str, *, reason: str = "", seen: str = ""
) -> Session:
    return await found.booth.research.change(
        session, new, *PAPERS, reason=reason, seen=seen or session.seen, actor="li", key=key
    )


async def write(found: Bench, session: Session, agenda: str, key: str) -> Session:
    return await found.booth.research.write_papers(
        session, agenda, (), seen=session.seen, actor="li", key=key
    )


async def told(found: Bench, teacher: str) -> list[str]:
    receipts = await found.store.pending_notices(Audience.TEACHER, [teacher], now=at("08:00"))
    return [item.kind for r in receipts for item in r.notice.items]


async def test_a_session_is_planned_once_with_its_papers_and_the_invited_are_told(
    made: Bench,
) -> None:
    session = await plan(made)
    again = await plan(made)
    assert again == session
    assert (session.id, session.agenda) == (session.occurrence.id, "说课")
    assert session.materials == (Material("稿", "https://a/b"),)
    assert session.people == {"host-1-t1", "remote-1-t1", "host-2-t1"}
    for teacher in session.people:
        assert await told(made, teacher) == ["new"]
    assert await told(made, "remote-2-t1") == []


async def test_what_is_in_the_way_is_known_before_anything_is_stored(made: Bench) -> None:
    lesson_there = lesson(
        "o-1", "16:30", "17:10", school="host-2", room="host-2-r1", teacher="host-2-t1",
        seats=["remote-1-r1"],
    )  # fmt: skip
    await book(made.store, lesson_there, key="o", gap_s=0)
    (one,) = await made.booth.research.in_the_way(NEW)
    assert (one.clash.resource, one.lesson.id) == ("host-2-t1", "o-1")
    with pytest.raises(ClashError):
        await plan(made)
    assert await made.booth.research.sessions(date(2026, 11, 23), date(2026, 11, 23)) == []
    without = replace(NEW, invited=(TeacherId("remote-1-t1"),))
    assert await made.booth.research.in_the_way(without) == ()


async def test_a_session_is_not_in_its_own_way(made: Bench) -> None:
    session = await plan(made)
    later = replace(NEW, starts_at=at("16:10"), ends_at=at("17:00"))
    assert await made.booth.research.in_the_way(later, session) == ()
    assert len(await made.booth.research.in_the_way(later)) == 4  # leader, room, two invited


async def test_a_moved_session_keeps_its_id_and_its_papers(made: Bench) -> None:
    session = await plan(made)
    later = replace(NEW, starts_at=at("15:00", "2026-11-25"), ends_at=at("15:50", "2026-11-25"))
    moved = await change(made, session, later, "m", reason="停电")
    assert moved.id == session.id
    assert moved.occurrence.id != session.id
    assert moved.occurrence.starts_at == at("15:00", "2026-11-25")
    assert moved.materials == session.materials
    assert await made.booth.research.session(moved.occurrence.id) == moved
    both = await made.booth.research.sessions(date(2026, 11, 23), date(2026, 11, 30))
    assert [s.occurrence.id for s in both] == [moved.occurrence.id]
    assert [s.id for s in both] == [session.id]
    found = [e.kind for _, entries in await made.booth.research.history(moved) for e in entries]
    assert found == [Happening.CREATED, Happening.MOVED, Happening.MOVED_HERE]
    again = await change(made, session, later, "m", reason="停电")
    assert again == moved


async def test_who_comes_and_who_goes_is_told_so(made: Bench) -> None:
    session = await plan(made)
    others = replace(NEW, invited=(TeacherId("remote-1-t1"), TeacherId("remote-2-t1")))
    await change(made, session, others, "c")
    assert await told(made, "host-2-t1") == ["new", "uninvited"]
    assert await told(made, "remote-2-t1") == ["invited"]
    assert await told(made, "remote-1-t1") == ["new"]


async def test_of_two_who_change_it_the_second_is_told_and_nothing_is_lost(made: Bench) -> None:
    session = await plan(made)
    first = await change(made, session, replace(NEW, title="作业"), "1")
    for stale in (session, first):
        with pytest.raises(ProblemError) as error:
            await change(made, stale, replace(NEW, title="提问"), "2", seen=session.seen)
        assert error.value.code == "session_changed"
    await write(made, first, "二", "3")
    await write(made, first, "二", "3")
    with pytest.raises(ProblemError):
        await write(made, first, "三", "4")
    latest = await made.booth.research.session(session.id)
    assert (latest.occurrence.title, latest.agenda) == ("作业", "二")
    assert [p.revision for p in await made.booth.research.papers_history(session.id)] == [1, 2]


async def test_a_begun_session_keeps_its_plan_and_may_have_new_papers(made: Bench) -> None:
    session = await plan(made)
    made.clock.turn(hours=8, minutes=10)
    assert begun(session, made.clock())
    with pytest.raises(ProblemError) as error:
        await change(made, session, replace(NEW, title="x"), "c")
    assert error.value.code == "lesson_begun"
    written = await write(made, session, "新", "p")
    assert written.agenda == "新"


async def test_a_cancelled_session_is_told_with_its_reason(made: Bench) -> None:
    session = await plan(made)
    gone = await made.booth.research.cancel(
        session, excused=True, reason="停电", actor="li", key="c"
    )
    assert gone.occurrence.withdrawn
    assert await told(made, "remote-1-t1") == ["new", "cancelled"]


async def test_a_lesson_is_no_session(made: Bench) -> None:
    await book(made.store, lesson("o-1", seats=["remote-1-r1"]), key="o", gap_s=0)
    for ident in ("o-1", "nothing"):
        with pytest.raises(ProblemError) as error:
            await made.booth.research.session(OccurrenceId(ident))
        assert error.value.code == "unknown_session"


async def test_groups_are_of_the_term_of_the_day(made: Bench) -> None:
    await book(made.store, lesson("o-1", seats=["remote-1-r1"]), key="o", gap_s=0)
    (group,) = await made.booth.research.groups(date(2026, 11, 23))
    assert (group.school, group.subject, group.teachers) == ("host-1", "英语", ("host-1-t1",))
    assert await made.booth.research.groups(date(2020, 1, 1)) == ()
