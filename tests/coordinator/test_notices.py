"""What is still to be told, without what nobody needs any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.notices import NoticeService, notice_message
from sync_classroom.domain.edits import CancelLesson, ChangeLesson
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, TeacherId
from sync_classroom.domain.notices import Audience
from sync_classroom.domain.plan_change import PlanChange
from sync_classroom.domain.working_copy import Images
from sync_classroom.store.database import Database
from tests.support.coordination import heard
from tests.support.databases import file_store
from tests.support.offices import Office, office
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio
ROOM = ClassroomId("remote-1-r1")
TEACHER = TeacherId("host-1-t1")
DAY = "2026-09-21"


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    store = await file_store(tmp_path)
    async with office(tmp_path, store) as opened:
        for ident, start, end in (("o-1", "09:00", "09:40"), ("o-2", "10:00", "10:40")):
            planned = lesson(ident, start, end, day=DAY, seats=["remote-1-r1"])
            await book(store, planned, key=ident, gap_s=0)
        opened.bench.clock.now = at("08:00", DAY)
        yield opened
    await store.close()


def service(desk: Office) -> NoticeService:
    return NoticeService(desk.store, desk.bench.bus, clock=desk.bench.clock)


async def both_renamed(desk: Office) -> None:
    """One act about two lessons."""
    old = [await desk.lesson(i) for i in ("o-1", "o-2")]
    new = [replace(o, title="Unit 7") for o in old]
    await desk.service._writer.write(
        Images({o.id: o for o in old}), Images({o.id: o for o in new}), actor="li", key="both"
    )


async def test_a_room_is_told_what_is_still_ahead_of_it(desk: Office) -> None:
    await both_renamed(desk)
    [receipt] = (await service(desk).for_classrooms([ROOM]))[ROOM]
    assert [i.lesson for i in receipt.notice.items] == ["o-1", "o-2"]
    desk.bench.clock.now = at("09:40", DAY)
    [receipt] = (await service(desk).for_classrooms([ROOM]))[ROOM]
    assert [i.lesson for i in receipt.notice.items] == ["o-2"]
    desk.bench.clock.now = at("10:40", DAY)
    assert await service(desk).for_classrooms([ROOM]) == {}
    assert await service(desk).for_classrooms([]) == {}


async def test_the_message_has_every_sentence_in_both_languages(desk: Office) -> None:
    await desk.service.amend(CancelLesson(OccurrenceId("o-1"), "停电"), actor="li", key="a")
    [receipt] = (await service(desk).for_classrooms([ROOM]))[ROOM]
    assert notice_message(receipt) == {
        "type": "notice",
        "id": receipt.id,
        "at": "2026-09-21T00:00:00+00:00",
        "until": "2026-09-21T01:40:00+00:00",
        "items": [
            {
                "kind": "cancelled",
                "lesson": "o-1",
                "zh": "9月21日 周一 09:00–09:40 英语（1老师）停课：停电",
                "en": "Mon 21 Sep 09:00–09:40 英语 (1老师) is cancelled: 停电",
                "until": "2026-09-21T01:40:00+00:00",
            }
        ],
        "more": 0,
    }


async def test_a_teachers_notices_count_as_shown_when_they_are_read_out(desk: Office) -> None:
    amend = ChangeLesson(OccurrenceId("o-1"), title="Unit 7")
    await desk.service.amend(amend, actor="li", key="a")
    notices = service(desk)
    [waiting] = await notices.for_teacher(TEACHER)
    assert waiting.shown_at is None
    desk.bench.clock.turn(minutes=1)
    [again] = await notices.for_teacher(TEACHER)
    assert (again.told_at, again.shown_at) == (at("08:00", DAY), at("08:00", DAY))
    assert await notices.noticed(Audience.TEACHER, TEACHER, again.id, read=True)
    assert await notices.for_teacher(TEACHER) == ()
    assert not await notices.noticed(Audience.TEACHER, "host-1-t2", again.id, read=True)


async def test_whoever_watches_receipts_hears_of_each(desk: Office) -> None:
    await both_renamed(desk)
    notices = service(desk)
    async with heard(desk.bench.bus, "notices") as messages:
        waiting = (await notices.for_classrooms([ROOM]))[ROOM]
        await notices.told(ROOM, waiting)
        await notices.told(ROOM, (await notices.for_classrooms([ROOM]))[ROOM])  # told already
        await notices.noticed(Audience.CLASSROOM, ROOM, waiting[0].id, read=False)
        await notices.noticed(Audience.CLASSROOM, ROOM, 10**6, read=False)
        await until(lambda: len(messages) == 2)
    assert messages == [{"type": "receipt"}] * 2


async def test_a_plan_change_without_notices_tells_nobody(desk: Office) -> None:
    old = await desk.lesson("o-1")
    change = PlanChange(Images({old.id: old}), Images({old.id: replace(old, title="x")}),
                        at("08:00", DAY), "li", "quiet")  # fmt: skip
    store: Database = desk.store
    await store.change_plan(change, gap_s=0)
    assert await service(desk).for_classrooms([ROOM]) == {}
