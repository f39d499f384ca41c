"""What a period's figures rest on is read whole: lessons, their neighbours', orders, gaps."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.coordinator import reading
from sync_classroom.coordinator.reading import (
    LESSONS_AT_ONCE,
    read_facts,
    read_plan,
    read_seats,
)
from sync_classroom.domain.facts import Fact, HostMedia, JournalGap, PushProgress, PushStep
from sync_classroom.domain.ids import FactId, OccurrenceId, PushId, SchoolId, TargetId
from sync_classroom.domain.timetable import Push, PushTarget
from tests.support.coordination import roster
from tests.support.databases import file_store
from tests.support.pages import english, office
from tests.support.plan_changes import book
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio
ZONE = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
LESSONS = LESSONS_AT_ONCE + 1


def media(of: str, ident: str) -> HostMedia:
    return HostMedia(FactId(ident), OccurrenceId(of), at("09:00"), at("09:10"), 9, 9)


async def test_a_period_is_read_with_what_is_beside_it_and_nothing_further(tmp_path: Path) -> None:
    store = await file_store(tmp_path)
    try:
        await store.apply_roster(roster())
        inside = [f"o-{n}" for n in range(LESSONS)]
        for n, ident in enumerate(inside):
            await book(store, lesson(ident, f"{8 + n:02}:00", f"{8 + n:02}:40"), key=ident, gap_s=0)
        for days, ident in ((1, "beside"), (2, "further")):
            far = lesson(ident, "09:00", "09:40", day=f"2026-11-{23 + days}")
            await book(store, far, key=ident, gap_s=0)
        target = PushTarget(TargetId("t"), SchoolId("far-1"))
        order = Push(PushId("p"), "rec", "英语", "补", at("16:00"), targets=(target,))
        await store.add_pushes([order], key="p")
        known: list[Fact] = [media(ident, f"f-{ident}") for ident in (*inside, "beside", "further")]
        known.append(JournalGap(FactId("g"), "relay-1", at("09:00"), at("09:05")))
        known.append(PushProgress(FactId("s"), PushStep.OPENED, order.id, target.id, at("18:00")))
        await store.append_facts(known, received_at=at("20:00"))
        day = at("09:00").date()
        plan = await read_plan(store, roster(), day, day, ZONE)
        assert plan.occurrences.keys() == {*inside, "beside"}
        assert list(plan.pushes.values()) == [order]
        shares, found = [], []
        async for share, facts in read_facts(store, plan, day, day, ZONE):
            shares.append(share)
            found += facts
        assert {f.id for f in found} == {f.id for f in known} - {"f-further"}
        assert len(found) == len(known) - 1
        assert shares == sorted(shares)
        assert shares[0] < shares[-1] == 1.0
        later = day + 30 * DAY
        empty = await read_plan(store, roster(), later, later, ZONE)
        assert [facts async for _, facts in read_facts(store, empty, later, later, ZONE)] == [[]]
    finally:
        await store.close()


async def test_seats_are_read_page_by_page_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path) as served:
        day = english().date
        whole = await read_seats(served.store, day, day)
        assert [(s.occurrence, s.seat) for s in whole] == [
            ("english", "english-s0"), ("english", "english-s1"), ("english", "english-s2"),
            ("maths", "maths-s0"), ("maths", "maths-s1"),
        ]  # fmt: skip
        for at_once in (1, 2, 5):
            monkeypatch.setattr(reading, "SEATS_AT_ONCE", at_once)
            assert await read_seats(served.store, day, day) == whole
            own = await read_seats(served.store, day, day, school=SchoolId("remote-1"))
            assert own == [s for s in whole if s.school == "remote-1"]
        assert await read_seats(served.store, day + DAY, day + DAY) == []
