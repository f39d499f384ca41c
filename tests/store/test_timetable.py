"""Bookings are all or nothing, whoever else books at the same moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, date, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError

from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.ids import ClassId, OccurrenceId, SeatId, TermId
from sync_classroom.domain.lesson import EndReason, LessonRun, LessonState
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence
from sync_classroom.store.database import Database, open_store
from tests.support.plan_changes import book, changing, withdraw
from tests.support.plans import at, lesson
from tests.support.rosters import REMOTE_ROOMS, programme

pytestmark = pytest.mark.asyncio

CANCELLED = Change(ChangeKind.CANCELLED, at("07:00"), "u-1", "停电", excused=True)


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


@pytest_asyncio.fixture
async def coordinators(store: Database, database_url: str) -> AsyncIterator[list[Database]]:
    """Twenty stores over one database, as twenty coordinators would open it."""
    async with AsyncExitStack() as stack:
        opened = []
        for _ in range(20):
            another = await open_store(database_url, data_dir=None)
            stack.push_async_callback(another.close)
            opened.append(another)
        yield opened


def whole_lesson() -> Occurrence:
    """Everything an occurrence can carry."""
    plain = lesson(
        "o-1",
        host_class="host-1-c1",
        seats=[("remote-1-r1", "remote-1-c1"), "remote-2-r1", ("remote-1-r2", None)],
        expected=42,
        participants=["host-2-t2", "remote-1-t1"],
        periods=2,
    )
    return replace(
        plain,
        grade=3,
        term=TermId("2026-autumn"),
        starts_at=plain.starts_at + timedelta(microseconds=1),
        changes=(Change(ChangeKind.SEAT_CANCELLED, at("07:30"), "u-2", "", seat=SeatId("o-1-s1")),),
    )


async def test_an_occurrence_comes_back_as_it_went_in(store: Database) -> None:
    planned = whole_lesson()
    assert await book(store, planned, key="k", gap_s=0) == planned
    stored = await store.get_occurrence(planned.id)
    assert stored == planned
    assert stored is not None
    assert stored.starts_at.tzinfo is UTC
    assert stored.starts_at.microsecond == 1


async def test_an_unknown_occurrence_is_none(store: Database) -> None:
    assert await store.get_occurrence(OccurrenceId("o-1")) is None


async def test_the_same_key_returns_what_was_stored_first(store: Database) -> None:
    first = await book(store, lesson("o-1"), key="k", gap_s=0)
    again = await book(store, lesson("o-2", "14:00", "14:40"), key="k", gap_s=0)
    assert again == first
    assert await store.get_occurrence(OccurrenceId("o-2")) is None


async def test_a_taken_room_is_refused_with_names_and_local_times(store: Database) -> None:
    await book(store, lesson("o-1", seats=["remote-1-r1"]), key="k1", gap_s=0)
    wanted = lesson(
        "o-2", "09:39", "10:20", room="host-2-r1", teacher="host-2-t1", seats=["remote-1-r1"]
    )
    with pytest.raises(ClashError) as caught:
        await book(store, wanted, key="k2", gap_s=0)
    [clash] = caught.value.clashes
    assert clash.resource == "remote-1-r1"
    assert clash.occurrences == ("o-1", "o-2")
    assert (clash.from_at, clash.to_at) == (at("09:39"), at("09:40"))
    assert "1号直播教室" in caught.value.zh
    assert "09:39–09:40" in caught.value.zh
    assert await store.get_occurrence(wanted.id) is None


async def test_back_to_back_is_legal_and_a_gap_forbids_it(store: Database) -> None:
    await book(store, lesson("o-1", "09:00", "09:40"), key="k1", gap_s=0)
    with pytest.raises(ClashError):
        await book(store, lesson("o-2", "09:40", "10:20"), key="k2", gap_s=60)
    with pytest.raises(ClashError):
        await book(store, lesson("o-3", "08:00", "08:59:01"), key="k3", gap_s=60)
    await book(store, lesson("o-3", "08:00", "08:59"), key="k3", gap_s=60)
    await book(store, lesson("o-2", "09:40", "10:20"), key="k2", gap_s=0)


async def test_a_lesson_that_began_long_before_is_seen(store: Database) -> None:
    long = replace(lesson("o-1", "00:30", "01:00"), ends_at=at("00:30", "2026-11-24"))
    await book(store, long, key="k1", gap_s=0)
    with pytest.raises(ClashError):
        await book(store, lesson("o-2", "23:59", "23:59:30"), key="k2", gap_s=0)


async def test_a_lesson_that_ended_early_frees_its_rooms(store: Database) -> None:
    first = await book(store, lesson("o-1", "09:00", "09:40"), key="k1", gap_s=0)
    run = LessonRun(
        first.id,
        LessonState.ENDED,
        live_at=at("09:00"),
        ended_at=at("09:25"),
        end_reason=EndReason.BUTTON,
    )
    assert await store.save_run(run) is not None
    with pytest.raises(ClashError):
        await book(store, lesson("o-2", "09:24", "09:50"), key="k2", gap_s=0)
    await book(store, lesson("o-2", "09:25", "09:50"), key="k2", gap_s=0)


async def test_what_was_cancelled_frees_its_rooms(store: Database) -> None:
    await book(store, lesson("o-1"), key="k1", gap_s=0)
    await withdraw(store, "o-1", CANCELLED, key="c")
    await book(store, lesson("o-2"), key="k2", gap_s=0)


async def test_twenty_simultaneous_requests_for_one_room_have_one_winner(
    coordinators: list[Database], store: Database
) -> None:
    async def wanted_by(n: int) -> str:
        wanted = lesson(
            f"o-{n}",
            room=f"host-{n % 2 + 1}-r{n % 6 + 1}",
            teacher=f"remote-{n % 8 + 1}-t{n % 6 + 1}",
            seats=["remote-1-r1"],
        )
        try:
            return (await book(coordinators[n], wanted, key=f"k{n}", gap_s=0)).id
        except ClashError as error:
            return "refused" if "remote-1-r1" in str(error.value) else "for another reason"

    outcomes = Counter(await asyncio.gather(*(wanted_by(n) for n in range(20))))
    assert outcomes.pop("refused") == 19
    [winner] = outcomes
    [stored] = await store.occurrences_on(date(2026, 11, 23), date(2026, 11, 23))
    assert stored.id == winner


async def test_twenty_simultaneous_requests_with_one_key_store_one_occurrence(
    coordinators: list[Database], store: Database
) -> None:
    booked = await asyncio.gather(
        *(book(coordinators[n], lesson(f"o-{n}"), key="same", gap_s=0) for n in range(20))
    )
    assert len({o.id for o in booked}) == 1
    assert list(await store.occurrences_on(date(2026, 11, 23), date(2026, 11, 23))) == booked[:1]


async def test_an_id_that_is_in_use_is_refused(store: Database) -> None:
    await book(store, lesson("o-1"), key="k1", gap_s=0)
    with pytest.raises(ProblemError) as caught:
        await book(store, lesson("o-1", "14:00", "14:40"), key="k2", gap_s=0)
    assert (caught.value.code, caught.value.kind, caught.value.value) == (
        "occurrence_exists",
        ProblemKind.CONFLICT,
        "o-1",
    )


@pytest.mark.parametrize(
    ("wanted", "field", "value"),
    [
        (lesson("o-1", school="nowhere"), "host.school", "nowhere"),
        (lesson("o-1", room="no-room"), "host.classroom", "no-room"),
        (lesson("o-1", teacher="nobody"), "host.teacher", "nobody"),
        (lesson("o-1", host_class="no-class"), "host.class", "no-class"),
        (lesson("o-1", seats=["remote-1-r1", "no-room"]), "seats.classroom", "no-room"),
        (lesson("o-1", seats=[("remote-1-r1", "no-class")]), "seats.class", "no-class"),
        (lesson("o-1", participants=["nobody"]), "participants", "nobody"),
        (replace(lesson("o-1"), term=TermId("no-term")), "term", "no-term"),
    ],
)
async def test_a_reference_to_nothing_is_named(
    store: Database, wanted: Occurrence, field: str, value: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        await book(store, wanted, key="k", gap_s=0)
    refused = caught.value
    assert (refused.code, refused.field, refused.value) == ("unknown_reference", field, value)
    assert await store.get_occurrence(wanted.id) is None


async def test_a_seat_id_used_twice_is_named(store: Database) -> None:
    plain = lesson("o-1", seats=["remote-1-r1", "remote-1-r2"])
    twice = replace(plain, seats=(plain.seats[0], replace(plain.seats[1], id=plain.seats[0].id)))
    with pytest.raises(ProblemError) as caught:
        await book(store, twice, key="k", gap_s=0)
    assert (caught.value.code, caught.value.value) == ("occurrence_seat_twice", "o-1-s0")


@pytest.mark.parametrize(
    "length", [timedelta(0), timedelta(seconds=-1), timedelta(days=1, microseconds=1)]
)
async def test_a_window_that_no_lesson_can_have_is_refused(
    store: Database, length: timedelta
) -> None:
    plain = lesson("o-1")
    with pytest.raises(ProblemError) as caught:
        await book(store, replace(plain, ends_at=plain.starts_at + length), key="k", gap_s=0)
    assert caught.value.code == "occurrence_window"


async def test_occurrences_between_touch_the_half_open_window_in_order(store: Database) -> None:
    for ident, start, end, room in (
        ("o-c", "09:00", "09:40", "host-1-r1"),
        ("o-a", "09:00", "09:40", "host-1-r2"),
        ("o-b", "08:00", "08:40", "host-1-r3"),
        ("o-d", "10:00", "10:40", "host-1-r4"),
    ):
        wanted = lesson(ident, start, end, room=room, teacher=f"host-2-t{room[-1]}")
        await book(store, wanted, key=ident, gap_s=0)

    async def between(start: str, end: str) -> list[str]:
        return [o.id for o in await store.occurrences_between(at(start), at(end))]

    assert await between("00:00", "23:59") == ["o-b", "o-a", "o-c", "o-d"]
    assert await between("08:40", "09:00") == []
    assert await between("08:39:59", "09:00:01") == ["o-b", "o-a", "o-c"]
    assert await between("09:40", "10:00") == []
    assert await between("10:20", "10:21") == ["o-d"]


async def test_occurrences_on_go_by_their_civil_date(store: Database) -> None:
    # 07:30 in Shanghai is still the day before in UTC.
    early = lesson("o-1", "07:30", "07:50", day="2026-11-24")
    await book(store, early, key="k", gap_s=0)
    assert await store.occurrences_on(date(2026, 11, 22), date(2026, 11, 23)) == []
    assert await store.occurrences_on(date(2026, 11, 24), date(2026, 11, 24)) == [early]
    assert await store.occurrences_on(date(2026, 11, 1), date(2026, 11, 30)) == [early]


async def test_changes_are_appended_in_order_and_once_per_key(store: Database) -> None:
    one = await book(store, lesson("o-1", seats=["remote-1-r1"]), key="k1", gap_s=0)
    two = await book(store, lesson("o-2", "14:00", "14:40"), key="k2", gap_s=0)
    dropped = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "u-1", "考试", seat=SeatId("o-1-s0"))
    moved = Change(ChangeKind.MOVED, at("07:00"), "u-1", "调课", to=two.id)

    await withdraw(store, one.id, dropped, key="c1")
    changed = await withdraw(store, one.id, moved, key="c2")
    assert changed == replace(one, changes=(dropped, moved))
    assert await withdraw(store, one.id, CANCELLED, key="c1") == changed
    assert await store.get_occurrence(one.id) == changed


async def test_simultaneous_changes_with_one_key_are_stored_once(
    coordinators: list[Database], store: Database
) -> None:
    one = await book(store, lesson("o-1"), key="k", gap_s=0)
    changes = [changing(one, replace(one, changes=(CANCELLED,)), key="same") for _ in coordinators]
    await asyncio.gather(
        *(c.change_plan(change, gap_s=0) for c, change in zip(coordinators, changes, strict=True))
    )
    stored = await store.get_occurrence(one.id)
    assert stored is not None
    assert stored.changes == (CANCELLED,)
    assert [h.kind for h in await store.history_of(one.id)] == ["created", "cancelled"]


@pytest.mark.parametrize(
    "change",
    [
        replace(CANCELLED, kind=ChangeKind.MOVED, to=OccurrenceId("o-9")),
        replace(CANCELLED, kind=ChangeKind.SEAT_CANCELLED, seat=SeatId("s-9")),
    ],
)
async def test_a_change_that_refers_to_nothing_is_refused(store: Database, change: Change) -> None:
    one = await book(store, lesson("o-1"), key="k", gap_s=0)
    with pytest.raises(IntegrityError):
        await withdraw(store, one.id, change, key="c")
    assert await store.get_occurrence(one.id) == one


async def test_a_research_meeting_books_its_participants(store: Database) -> None:
    meeting = lesson("m-1", mode=Mode.RESEARCH, participants=["remote-1-t1", "remote-2-t1"])
    await book(store, meeting, key="k1", gap_s=0)
    busy = lesson("o-1", room="host-2-r1", teacher="remote-2-t1")
    with pytest.raises(ClashError):
        await book(store, busy, key="k2", gap_s=0)


async def test_lessons_near_a_window_are_found_by_the_index_on_the_start(store: Database) -> None:
    """Bounded on both sides, so that a booking costs the same after ten years."""
    seen: list[tuple[str, Any]] = []
    event.listen(
        store._database.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cur, statement, values, *_: seen.append((statement, values)),
    )
    await store.occurrences_between(at("09:00"), at("09:40"))
    [(statement, values)] = [(s, v) for s, v in seen if s.startswith("SELECT")]
    explain, index_use = (
        ("EXPLAIN QUERY PLAN", "ix_occurrences_starts_at (starts_at>? AND starts_at<?)")
        if store._database.place.sqlite
        else ("EXPLAIN", "Index Cond: ((starts_at > ")
    )
    async with store._database.write() as connection:
        if not store._database.place.sqlite:  # a table of no rows is read whole otherwise
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = await connection.exec_driver_sql(f"{explain} {statement}", values)
        details = "\n".join(str(row[-1]) for row in plan)
    assert index_use in details
    assert "ix_occurrences_starts_at" in details


async def test_a_day_of_48_rooms_takes_four_statements_however_many_lessons(
    store: Database,
) -> None:
    planned = []
    for period in range(7):
        for host in (1, 2):
            rooms = REMOTE_ROOMS[(host - 1) * 24 : host * 24]
            one = lesson(
                f"o-{period}-{host}",
                f"{8 + period:02}:00",
                f"{8 + period:02}:40",
                school=f"host-{host}",
                room=f"host-{host}-r1",
                teacher=f"host-{host}-t1",
                seats=[(room, ClassId(room.replace("-r", "-c"))) for room in rooms],
            )
            planned.append(await book(store, one, key=one.id, gap_s=0))

    statements: list[str] = []
    engine = store._database.engine.sync_engine
    event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _cur, statement, *_: statements.append(statement),
    )
    found = await store.occurrences_between(at("00:00"), at("00:00", "2026-11-24"))
    assert found == planned
    assert len([s for s in statements if s.startswith("SELECT")]) == 4
