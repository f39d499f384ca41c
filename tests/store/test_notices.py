"""What somebody is told waits until it is read or of no use, and each receipt is set once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.notices import Audience, Notice, NoticeItem
from sync_classroom.store.database import Database
from sync_classroom.store.notices import MAX_PENDING
from tests.support.drafts import TERM, rule
from tests.support.plan_changes import changing, first_version
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ROOM, TEACHER = Audience.CLASSROOM, Audience.TEACHER
ITEM = NoticeItem("new", OccurrenceId("o-1"), at("09:00"), at("09:40"), "新增", "is new")
NOW = at("07:00")


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


def notice(addressee: str = "remote-1-r1", audience: Audience = ROOM, more: int = 0) -> Notice:
    return Notice(audience, addressee, (ITEM,), more)


async def tell(store: Database, key: str, *notices: Notice) -> None:
    new = lesson(f"o-{key}", day=f"2026-11-{int(key) % 28 + 1:02}")
    await store.change_plan(replace(changing(None, new, key=key), notices=notices), gap_s=0)


async def test_a_notice_waits_for_its_addressee_until_it_is_read(store: Database) -> None:
    await tell(store, "1", notice(more=2), notice("host-1-t1", TEACHER))
    [mine] = await store.pending_notices(ROOM, ["remote-1-r1", "remote-2-r1"], now=NOW)
    assert (mine.act, mine.version, mine.at, mine.notice) == ("1", None, NOW, notice(more=2))
    assert (mine.told_at, mine.shown_at, mine.read_at) == (None, None, None)
    assert await store.pending_notices(ROOM, ["host-1-t1"], now=NOW) == ()
    assert await store.pending_notices(ROOM, [], now=NOW) == ()
    marked = await store.mark_notices(
        [mine.id], "read", audience=ROOM, addressee="remote-1-r1", at=at("08:00")
    )
    assert marked == 1
    assert await store.pending_notices(ROOM, ["remote-1-r1"], now=NOW) == ()
    assert len(await store.pending_notices(TEACHER, ["host-1-t1"], now=NOW)) == 1


async def test_a_notice_is_of_no_use_when_its_lessons_are_over(store: Database) -> None:
    await tell(store, "1", notice())
    almost = at("09:40") - timedelta(microseconds=1)
    assert len(await store.pending_notices(ROOM, ["remote-1-r1"], now=almost)) == 1
    assert await store.pending_notices(ROOM, ["remote-1-r1"], now=at("09:40")) == ()


async def test_receipts_are_set_once_and_one_implies_those_before(store: Database) -> None:
    await tell(store, "1", notice())
    [mine] = await store.pending_notices(ROOM, ["remote-1-r1"], now=NOW)
    for mark, when in (("shown", "08:00"), ("told", "08:01"), ("read", "08:02"), ("read", "08:03")):
        await store.mark_notices(
            [mine.id], mark, audience=ROOM, addressee="remote-1-r1", at=at(when)
        )
    [receipt] = await store.receipts_of(act="1")
    assert (receipt.told_at, receipt.shown_at, receipt.read_at) == (
        at("08:00"), at("08:00"), at("08:02"),
    )  # fmt: skip


async def test_nobody_marks_what_is_anothers(store: Database) -> None:
    await tell(store, "1", notice())
    [mine] = await store.pending_notices(ROOM, ["remote-1-r1"], now=NOW)
    for audience, addressee in ((ROOM, "remote-2-r1"), (TEACHER, "remote-1-r1")):
        assert (
            await store.mark_notices(
                [mine.id], "read", audience=audience, addressee=addressee, at=NOW
            )
            == 0
        )
    assert (await store.receipts_of(act="1"))[0].read_at is None


async def test_a_version_knows_everybody_it_was_told_to(store: Database) -> None:
    change = await first_version(store, TERM.id, rule())
    told = (notice("remote-2-r1"), notice(), notice("host-1-t1", TEACHER))
    await store.change_plan(replace(change, notices=told), gap_s=0)
    receipts = await store.receipts_of(version=1)
    assert [(r.notice.audience, r.notice.addressee) for r in receipts] == [
        (ROOM, "remote-1-r1"), (ROOM, "remote-2-r1"), (TEACHER, "host-1-t1"),
    ]  # fmt: skip
    assert {(r.act, r.version) for r in receipts} == {("version:1", 1)}
    assert await store.receipts_of(version=2) == ()


async def test_only_the_latest_wait(store: Database) -> None:
    for n in range(MAX_PENDING + 3):
        await tell(store, str(n), notice())
    await tell(store, "25", notice("remote-2-r1"))
    waiting = await store.pending_notices(ROOM, ["remote-1-r1", "remote-2-r1"], now=NOW)
    acts = [str(n) for n in range(3, MAX_PENDING + 3)]
    assert [r.act for r in waiting] == [*acts, "25"]
    # What was read makes room for what waited before it.
    await store.mark_notices(
        [waiting[0].id], "read", audience=ROOM, addressee="remote-1-r1", at=at("08:00")
    )
    again = await store.pending_notices(ROOM, ["remote-1-r1"], now=NOW)
    assert [r.act for r in again] == ["2", *acts[1:]]
