"""What is not over, and who wants its rooms: the same on both engines."""

from __future__ import annotations

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import ClassroomId, OccurrenceId
from sync_classroom.domain.lesson import LessonRun, LessonState
from sync_classroom.domain.timetable import Change, ChangeKind
from sync_classroom.store.database import Database
from sync_classroom.store.queries import IDS_PER_STATEMENT
from tests.support.plan_changes import book, changing, withdraw
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


async def test_occurrences_are_read_by_id_however_many_and_whether_there_or_not(
    store: Database,
) -> None:
    one = await book(
        store,
        lesson("o-1", host_class="host-1-c1", seats=["remote-1-r1"], expected=42),
        key="k-1",
        gap_s=0,
    )
    two = await book(
        store, lesson("o-2", "11:00", "11:40", seats=["remote-3-r1"]), key="k-2", gap_s=0
    )
    asked = [OccurrenceId(f"x-{n}") for n in range(2 * IDS_PER_STATEMENT)]
    found = await store.occurrences_of([one.id, *asked, two.id])
    assert found == {one.id: one, two.id: two}
    assert await store.occurrences_of([]) == {}


async def test_bookings_are_of_these_rooms_and_start_in_the_window(store: Database) -> None:
    for ident, start, end, room, seat in (
        ("o-1", "09:00", "09:40", "host-1-r1", "remote-1-r1"),
        ("o-2", "09:40", "10:20", "host-1-r2", "remote-1-r1"),
        ("o-3", "09:40", "10:20", "host-1-r1", "remote-2-r1"),
        ("o-4", "10:20", "11:00", "host-1-r1", "remote-1-r1"),
    ):
        planned = lesson(ident, start, end, room=room, teacher=f"{room[:6]}-t{room[-1]}",
                         seats=[seat])  # fmt: skip
        await book(store, planned, key=ident, gap_s=0)

    async def booked(*rooms: str) -> list[str]:
        found = await store.bookings_between(
            at("09:40"), at("10:20"), [ClassroomId(room) for room in rooms]
        )
        return [o.id for o in found]

    assert await booked("host-1-r1") == ["o-3"]
    assert await booked("remote-1-r1") == ["o-2"]
    assert await booked("host-1-r1", "remote-1-r1") == ["o-2", "o-3"]
    assert await booked("host-1-r3") == []
    assert await booked() == []


async def test_undecided_are_those_without_an_end_in_pages_by_start_then_id(
    store: Database,
) -> None:
    days = [f"2026-11-{day}" for day in (23, 24, 25)]
    for n, day in enumerate(days):
        for room in (1, 2):
            planned = lesson(f"o-{n}{room}", day=day, room=f"host-1-r{room}",
                             teacher=f"host-1-t{room}", seats=[f"remote-1-r{room}"])  # fmt: skip
            await book(store, planned, key=planned.id, gap_s=0)
    await withdraw(store, "o-21", Change(ChangeKind.CANCELLED, at("08:00"), "u", "停电"))
    for ident, state in (
        ("o-01", LessonState.ENDED), ("o-02", LessonState.LIVE), ("o-11", LessonState.MISSED),
        ("o-21", LessonState.CANCELLED), ("o-22", LessonState.OPEN),
    ):  # fmt: skip
        await store.save_run(LessonRun(OccurrenceId(ident), state))
    window = (at("00:00"), at("00:00", "2026-11-26"))
    undecided = await store.undecided_between(*window)
    assert [o.id for o in undecided] == ["o-02", "o-12", "o-22"]
    assert undecided[1] == await store.get_occurrence(OccurrenceId("o-12"))
    first = await store.undecided_between(*window, limit=2)
    assert [o.id for o in first] == ["o-02", "o-12"]
    after = (first[-1].starts_at, first[-1].id)
    assert [o.id for o in await store.undecided_between(*window, after=after)] == ["o-22"]
    # A window that a lesson only touches from inside has it; one that it ends at has not.
    assert [o.id for o in await store.undecided_between(at("09:39"), at("09:40"))] == ["o-02"]
    assert await store.undecided_between(at("09:40"), at("10:00")) == []


async def test_what_was_restored_after_its_run_was_cancelled_is_undecided_again(
    store: Database,
) -> None:
    one = await book(store, lesson("o-1", seats=["remote-1-r1"]), key="k-1", gap_s=0)
    window = (at("08:00"), at("10:00"))
    gone = await withdraw(store, one.id, Change(ChangeKind.CANCELLED, at("08:00"), "u", "停电"))
    assert await store.undecided_between(*window) == [gone]
    await store.save_run(LessonRun(one.id, LessonState.CANCELLED))
    assert await store.undecided_between(*window) == []
    await store.change_plan(changing(gone, one, key="again", now=at("08:10")), gap_s=0)
    assert await store.undecided_between(*window) == [one]
