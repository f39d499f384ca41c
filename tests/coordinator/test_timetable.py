"""Changes at short notice: at once, once, traced, told, and never to what has begun."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.edits import (
    AddSeat,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeat,
    Command,
    DropSeat,
    MoveLesson,
    Place,
    RemoveSeries,
    RestoreLesson,
    RestoreSeat,
    Substitute,
)
from sync_classroom.domain.history import Happening
from sync_classroom.domain.ids import OccurrenceId, SeatId, SeriesId, TeacherId, TermId
from sync_classroom.domain.notices import Audience
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import Database, open_store
from tests.support.drafts import TERM, rule, seat
from tests.support.offices import Office, office
from tests.support.plan_changes import book
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio
ONE = OccurrenceId("o-1")
DAY = date(2026, 9, 21)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Database]:
    opened = await open_store(database_url, data_dir=None)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def desk(tmp_path: Path, store: Database) -> AsyncIterator[Office]:
    """One lesson, 09:00 on a Monday, with two seats."""
    async with office(tmp_path, store) as opened:
        planned = lesson("o-1", day=str(DAY), seats=["remote-1-r1", "remote-2-r1"])
        await book(store, planned, key="k", gap_s=0)
        yield opened


async def amended(desk: Office, command: Command, key: str = "a", by: str = "li") -> str:
    return (await desk.service.amend(command, actor=by, key=key)).id


async def kinds(desk: Office, ident: str = "o-1") -> list[Happening]:
    return [h.kind for h in await desk.service.history(OccurrenceId(ident))]


async def test_a_substitute_takes_over_at_once(desk: Office) -> None:
    await amended(desk, Substitute(ONE, TeacherId("host-1-t2"), "病假"))
    assert (await desk.lesson("o-1")).host.teacher == "host-1-t2"
    [_, entry] = await desk.service.history(ONE)
    assert (entry.kind, entry.by, entry.reason, entry.version) == (
        Happening.SUBSTITUTED, "li", "病假", None,
    )  # fmt: skip
    told = await desk.service.notices(act="a")
    assert [(r.notice.audience, r.notice.addressee) for r in told] == [
        (Audience.CLASSROOM, "host-1-r1"),
        (Audience.CLASSROOM, "remote-1-r1"),
        (Audience.CLASSROOM, "remote-2-r1"),
        (Audience.TEACHER, "host-1-t1"),
        (Audience.TEACHER, "host-1-t2"),
    ]
    assert told[0].notice.items[0].zh.endswith("由2老师代课：病假")


async def test_a_move_answers_with_where_the_lesson_is_now(desk: Office) -> None:
    move = MoveLesson(ONE, Place(DAY, 3), "考试")
    moved = await amended(desk, move)
    assert moved != ONE
    for _ in range(2):  # a repeated request, and one that comes for the same end
        assert await amended(desk, move) == moved
    target = await desk.lesson(moved)
    assert (target.moved_from, target.starts_at) == (ONE, at("10:00", str(DAY)))
    assert await kinds(desk) == [Happening.CREATED, Happening.MOVED]
    assert await kinds(desk, moved) == [Happening.MOVED_HERE]
    # Back again, the lesson is its old self.
    assert await amended(desk, RestoreLesson(ONE), "back") == ONE
    assert not (await desk.lesson("o-1")).withdrawn
    assert (await desk.lesson(moved)).withdrawn


async def test_cancelling_and_restoring_leave_both_in_the_history(desk: Office) -> None:
    await amended(desk, CancelLesson(ONE, "停电", excused=False), "a")
    assert (await desk.lesson("o-1")).withdrawn
    await amended(desk, RestoreLesson(ONE), "b", by="wang")
    assert (await desk.lesson("o-1")).changes == ()
    history = await desk.service.history(ONE)
    assert [(h.kind, h.by, h.reason) for h in history] == [
        (Happening.CREATED, "u-1", ""),
        (Happening.CANCELLED, "li", "停电"),
        (Happening.RESTORED, "wang", ""),
    ]
    assert history[1].new == {"excused": False}


async def test_seats_come_and_go(desk: Office) -> None:
    first = SeatId("o-1-s0")
    await amended(desk, DropSeat(ONE, first, "维修"), "a")
    await amended(desk, AddSeat(ONE, seat("remote-3-r1")), "b")
    await amended(desk, RestoreSeat(ONE, first), "c")
    await amended(desk, ChangeSeat(ONE, first, expected=30), "d")
    stored = await desk.lesson("o-1")
    assert [s.classroom for s in stored.active_seats] == [
        "remote-1-r1", "remote-2-r1", "remote-3-r1",
    ]  # fmt: skip
    assert stored.seats[0].expected == 30
    assert await kinds(desk) == [
        Happening.CREATED, Happening.SEAT_CANCELLED, Happening.SEAT_ADDED,
        Happening.SEAT_RESTORED, Happening.SEAT_CHANGED,
    ]  # fmt: skip


async def test_what_has_begun_is_not_changed_but_can_still_be_cancelled(desk: Office) -> None:
    desk.bench.clock.now = at("09:00", str(DAY))
    for command in (
        Substitute(ONE, TeacherId("host-1-t2"), "病假"),
        MoveLesson(ONE, Place(DAY, 3), "x"),
        AddSeat(ONE, seat("remote-3-r1")),
        ChangeLesson(ONE, title="Unit 7"),
    ):
        with pytest.raises(ProblemError) as caught:
            await amended(desk, command)
        assert caught.value.code == "lesson_begun"
    await amended(desk, CancelLesson(ONE, "停电"))
    assert (await desk.lesson("o-1")).withdrawn


async def test_a_place_that_is_taken_is_refused_with_names(desk: Office) -> None:
    rival = lesson("o-2", "10:00", "10:40", day=str(DAY), school="host-2", room="host-2-r1",
                   teacher="host-2-t1", seats=["remote-1-r1"])  # fmt: skip
    await book(desk.store, rival, key="k2", gap_s=0)
    with pytest.raises(ClashError, match="1号直播教室"):
        await amended(desk, MoveLesson(ONE, Place(DAY, 3), "考试"))
    assert await kinds(desk) == [Happening.CREATED]


async def test_what_changes_nothing_leaves_no_trace(desk: Office) -> None:
    assert await amended(desk, ChangeLesson(ONE, title="课")) == ONE
    assert await kinds(desk) == [Happening.CREATED]


async def test_what_concerns_more_than_a_lesson_is_for_the_draft(desk: Office) -> None:
    for command in (RemoveSeries(SeriesId("eng"), "x"), AddSeries(rule())):
        with pytest.raises(ProblemError) as caught:
            await amended(desk, command)
        assert caught.value.code == "amend_unsupported"


async def test_unknown_lessons_terms_and_versions_are_said_so(desk: Office) -> None:
    nobody = OccurrenceId("o-9")
    for refused, code in (
        (desk.service.amend(CancelLesson(nobody, "x"), actor="li", key="a"), "unknown_lesson"),
        (desk.service.amend(RestoreLesson(nobody), actor="li", key="b"), "unknown_lesson"),
        (desk.service.history(nobody), "unknown_lesson"),
        (desk.service.version(7), "unknown_version"),
        (desk.service.version(0), "unknown_version"),
        (desk.service.version(2**40), "unknown_version"),
        (desk.service.published(TermId("t-9")), "unknown_term"),
    ):
        with pytest.raises(ProblemError) as caught:
            await refused
        assert caught.value.code == code


async def test_two_amendments_at_once_both_hold_or_one_is_told(desk: Office) -> None:
    await asyncio.gather(
        amended(desk, Substitute(ONE, TeacherId("host-1-t2"), "病假"), "a"),
        amended(desk, AddSeat(ONE, seat("remote-3-r1")), "b"),
    )
    stored = await desk.lesson("o-1")
    assert stored.host.teacher == "host-1-t2"
    assert len(stored.active_seats) == 3


async def test_receipts_of_a_version_name_everybody_it_concerned(desk: Office) -> None:
    await desk.edit(AddSeries(rule()))
    version = await desk.publish()
    told = await desk.service.notices(version.no)
    assert [r.notice.addressee for r in told] == [
        "host-1-r1", "remote-1-r1", "host-1-t1", "remote-1-t1",
    ]  # fmt: skip
    assert [i.zh for i in told[1].notice.items] == [
        "9月7日 周一 08:10–08:50 英语（1老师）起，新排课共 8 节"
    ]
    assert [v.no for v in await desk.service.versions(TermId("t-9"))] == []
    assert [v.no for v in await desk.service.versions(TERM.id)] == [1]
    assert len(await desk.service.published(TERM.id)) == 9
