"""Whatever changes the plan is stored with its notices, and everybody hears of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator import plan_writer
from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.plan_change import PlanMovedOnError
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.domain.working_copy import Images
from tests.support.coordination import heard
from tests.support.databases import file_store
from tests.support.offices import Office, office
from tests.support.plans import lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio
DAY = "2026-09-21"
PLAIN = lesson("o-1", day=DAY, seats=["remote-1-r1"])


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Office]:
    store = await file_store(tmp_path)
    async with office(tmp_path, store) as opened:
        yield opened
    await store.close()


async def write(desk: Office, old: Occurrence | None, new: Occurrence, **more: object) -> None:
    await desk.service._writer.write(
        Images({new.id: old}), Images({new.id: new}), actor="li",
        key=f"k-{new.id}-{new.title}", **more,
    )  # type: ignore[arg-type]  # fmt: skip


async def test_a_change_is_stored_told_and_announced(desk: Office) -> None:
    async with heard(desk.bench.bus, "plan") as messages:
        await write(desk, None, PLAIN)
        await until(lambda: messages == [{"type": "changed"}])
    assert await desk.lesson("o-1") == PLAIN
    told = await desk.service.notices(act="k-o-1-课")
    assert [r.notice.addressee for r in told] == ["host-1-r1", "remote-1-r1", "host-1-t1"]


async def test_reasons_come_from_authors_before_the_act(desk: Office) -> None:
    await write(desk, None, PLAIN)
    renamed = replace(PLAIN, title="Unit 7")
    await write(desk, PLAIN, renamed, reason="全体", authors={PLAIN.id: ("wang", "换教材")})
    [_, entry] = await desk.service.history(PLAIN.id)
    assert (entry.by, entry.reason) == ("wang", "换教材")
    told = await desk.service.notices(act="k-o-1-Unit 7")
    assert told[0].notice.items[0].zh.endswith("Unit 7：换教材")
    again = replace(renamed, title="Unit 8")
    await write(desk, renamed, again, reason="全体")
    assert (await desk.service.history(PLAIN.id))[-1].reason == "全体"


async def test_a_clash_is_told_in_names_and_nothing_is_announced(desk: Office) -> None:
    await write(desk, None, PLAIN)
    async with heard(desk.bench.bus, "plan") as messages:
        with pytest.raises(ClashError, match="学校 host-11号直播教室"):
            await write(desk, None, replace(PLAIN, id=OccurrenceId("o-2")))
        with pytest.raises(PlanMovedOnError):
            await write(desk, replace(PLAIN, title="x"), replace(PLAIN, title="y"))
    assert messages == []


async def test_many_lessons_find_their_words_aside(
    desk: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan_writer, "_MANY", 1)
    await write(desk, None, PLAIN)
    assert len(await desk.service.notices(act="k-o-1-课")) == 3


async def test_everything_that_can_clash_has_a_name(desk: Office) -> None:
    names = plan_writer.resource_names(desk.bench.booth.roster.current())
    assert names["host-1-t1"] == "1老师"
    assert names["remote-1-r2"] == "学校 remote-12号直播教室"
    assert names["remote-1-c3"] == "学校 remote-13(1)班"
