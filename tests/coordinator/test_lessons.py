"""Planning, withdrawing and showing lessons."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.lessons import NewLesson
from sync_classroom.domain.accounts import EnrolmentCode, Terminal
from sync_classroom.domain.conflicts import ClashError
from sync_classroom.domain.ids import (
    ActId,
    ClassId,
    ClassroomId,
    OccurrenceId,
    TeacherId,
    TerminalId,
)
from sync_classroom.domain.lesson import (
    EndPressed,
    ExtendPressed,
    HostMedia,
    LessonRun,
    LessonState,
)
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.coordination import Bench, bench, heard, peer
from tests.support.plan_changes import withdraw
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

NEW = NewLesson(
    title="Unit 6",
    subject="英语",
    teacher=TeacherId("host-1-t1"),
    classroom=ClassroomId("host-1-r1"),
    starts_at=at("09:00"),
    ends_at=at("09:40"),
    seats=[
        (ClassroomId("far-1-r1"), ClassId("far-1-c1"), 42),
        (ClassroomId("far-2-r1"), None, None),
    ],
)


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        yield made


async def create(table: Bench, new: NewLesson = NEW, key: str = "k1") -> Occurrence:
    return await table.booth.lessons.create(new, actor="u-admin", key=key)


# ---------------------------------------------------------------- planning


async def test_created_lesson_is_stored_under_a_random_id_and_announced(table: Bench) -> None:
    async with heard(table.bus, "plan") as messages:
        made = await create(table)
        await until(lambda: messages)
    assert re.fullmatch(r"o-20261123-[a-z2-7]{8}", made.id)
    assert [s.id for s in made.seats] == [f"{made.id}-s01", f"{made.id}-s02"]
    assert await table.store.get_occurrence(made.id) == made


async def test_same_key_returns_the_lesson_made_first(table: Bench) -> None:
    first = await create(table)
    assert await create(table) == first
    assert len(await table.store.occurrences_on(date(2026, 11, 23), date(2026, 11, 23))) == 1


async def test_double_booking_names_rooms_and_people_by_name(table: Bench) -> None:
    first = await create(table)
    with pytest.raises(ClashError) as caught:
        await create(table, replace(NEW, starts_at=at("09:30"), ends_at=at("10:00")), key="k2")
    taken = {(c.kind.value, c.resource) for c in caught.value.clashes}
    assert taken == {
        ("classroom", "host-1-r1"),
        ("classroom", "far-1-r1"),
        ("classroom", "far-2-r1"),
        ("teacher", "host-1-t1"),
        ("class", "far-1-c1"),
    }
    assert "2026-11-23 09:30–09:40" in caught.value.zh
    assert "受援校一" in caught.value.zh
    assert await table.store.occurrences_on(date(2026, 11, 23), date(2026, 11, 23)) == [first]


async def test_two_simultaneous_requests_for_one_room_make_one_lesson(table: Bench) -> None:
    results = await asyncio.gather(
        *(create(table, key=f"k{n}") for n in range(5)), return_exceptions=True
    )
    assert sum(isinstance(r, Occurrence) for r in results) == 1
    assert sum(isinstance(r, ClashError) for r in results) == 4


async def test_plan_in_the_past_is_refused_and_nothing_is_stored(table: Bench) -> None:
    table.clock.now = at("09:06")
    with pytest.raises(ProblemError) as caught:
        await create(table)
    assert caught.value.code == "lesson_in_past"
    assert await table.store.occurrences_on(date(2026, 11, 23), date(2026, 11, 23)) == []


async def test_setup_gap_of_the_settings_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        table.booth.lessons._writer.gap_s = 600
        await create(table)
        soon = replace(NEW, starts_at=at("09:45"), ends_at=at("10:00"))
        with pytest.raises(ClashError):
            await create(table, soon, key="k2")
        await create(table, replace(soon, starts_at=at("09:50")), key="k3")


# ---------------------------------------------------------------- withdrawing


async def cancel(table: Bench, occurrence: OccurrenceId, **more: Any) -> Occurrence:
    asked: dict[str, Any] = {"excused": True, "reason": "停电", "actor": "u-admin", "key": "c1"}
    return await table.booth.lessons.cancel(occurrence, **(asked | more))


async def test_cancelled_lesson_says_who_when_why_and_frees_its_rooms(table: Bench) -> None:
    made = await create(table)
    changed = await cancel(table, made.id, reason="  停电 ")
    [change] = changed.changes
    assert (change.kind, change.at, change.by, change.reason, change.excused) == (
        ChangeKind.CANCELLED,
        at("08:00"),
        "u-admin",
        "停电",
        True,
    )
    assert await create(table, key="k2") != made


async def test_cancelling_again_changes_nothing(table: Bench) -> None:
    made = await create(table)
    first = await cancel(table, made.id)
    assert await cancel(table, made.id, key="c2", reason="again") == first


async def test_seat_is_withdrawn_alone(table: Bench) -> None:
    made = await create(table)
    seat = made.seats[0].id
    changed = await cancel(table, made.id, seat=seat)
    assert changed.seat_withdrawn(seat)
    assert not changed.withdrawn
    assert table.relay.kicked == [(made.id, seat)]
    assert await cancel(table, made.id, seat=seat, key="c2") == changed


@pytest.mark.parametrize(
    ("more", "code", "kind"),
    [
        ({"reason": "  "}, "reason_missing", ProblemKind.INVALID),
        ({"reason": "x" * 201}, "reason_missing", ProblemKind.INVALID),
        ({"seat": "o-none-s01"}, "unknown_seat", ProblemKind.NOT_FOUND),
    ],
)
async def test_withdrawal_that_cannot_be_is_refused(
    table: Bench, more: dict[str, Any], code: str, kind: ProblemKind
) -> None:
    made = await create(table)
    with pytest.raises(ProblemError) as caught:
        await cancel(table, made.id, **more)
    assert (caught.value.code, caught.value.kind) == (code, kind)
    assert (await table.store.get_occurrence(made.id)).changes == ()  # type: ignore[union-attr]


async def test_unknown_lesson_cannot_be_cancelled(table: Bench) -> None:
    with pytest.raises(ProblemError) as caught:
        await cancel(table, OccurrenceId("o-none"))
    assert (caught.value.code, caught.value.kind) == ("unknown_lesson", ProblemKind.NOT_FOUND)


async def test_lesson_that_is_over_cannot_be_cancelled(table: Bench) -> None:
    made = await create(table)
    await table.store.save_run(LessonRun(made.id, LessonState.MISSED))
    with pytest.raises(ProblemError) as caught:
        await cancel(table, made.id)
    assert (caught.value.code, caught.value.kind) == ("lesson_over", ProblemKind.CONFLICT)


# ---------------------------------------------------------------- showing


async def test_view_of_a_lesson_nobody_touched(table: Bench) -> None:
    made = await create(table)
    view = await table.booth.lessons.view(made.id)
    assert view is not None
    assert view.occurrence == made
    assert view.run == LessonRun(made.id)
    assert view.ends_at == at("09:40")
    assert (view.host_online, view.host_media) == (False, False)
    assert (view.host_school.name, view.host_classroom.name, view.teacher.name) == (
        "主讲校一",
        "1号教室",
        "host-1老师1",
    )
    first = view.seats[0]
    assert (first.school.name, first.school_class.name) == ("受援校一", "1年级")  # type: ignore[union-attr]
    assert (first.online, first.receiving, first.line, first.present) == (
        False,
        False,
        "unknown",
        None,
    )
    assert view.seats[1].school_class is None


async def test_unknown_lesson_has_no_view(table: Bench) -> None:
    assert await table.booth.lessons.view(OccurrenceId("o-none")) is None


async def test_view_of_a_live_lesson_shows_every_seat_as_it_is(table: Bench) -> None:
    made = await create(table)
    one, two = made.seats
    terminal = Terminal(TerminalId("t-1"), one.classroom, b"h" * 32, at("07:00"))
    code = EnrolmentCode(b"c" * 32, one.classroom, "u", at("07:00"), at("07:15"))
    await table.store.add_code(code)
    await table.store.redeem_code(code.code_hash, terminal, now=at("07:01"))
    check = {"camera": {"state": "ok", "detail": ""}}
    await table.store.touch_terminal(terminal.id, seen_at=at("07:02"), selfcheck=check)
    table.clock.now = at("09:00")
    table.terminals.connected.update({one.classroom, made.host.classroom})
    table.terminals.lines[one.classroom] = "weak"
    await table.sweep()
    table.relay.host_flows(made.id)
    table.relay.peers.append(peer(made.id, one.id, "subscribe"))
    await table.sweep()
    await table.booth.floor.headcount(made, one.id, 40, by="seat", act=ActId("1"))
    await table.booth.floor.raise_hand(made, two.id, act=ActId("2"))
    await table.booth.floor.call_on(made, one.id, act=ActId("3"))
    view = await table.booth.lessons.view(made.id)
    assert view is not None
    assert view.run.state is LessonState.LIVE
    assert (view.host_online, view.host_media) == (True, True)
    first, second = view.seats
    assert (first.online, first.receiving, first.line, first.present) == (True, True, "weak", 40)
    assert (first.path, first.rtt_ms, first.loss) == ("udp", 12.5, 0.0)
    assert (first.called_on, first.hand_at) == (True, None)
    assert (first.selfcheck, first.selfcheck_at) == (check, at("07:02"))
    assert (second.online, second.receiving, second.path) == (False, False, None)
    assert (second.called_on, second.hand_at) == (False, at("09:00"))


async def test_effective_end_has_the_extension_but_not_the_next_booking(table: Bench) -> None:
    made = await create(table)
    after = replace(NEW, teacher=TeacherId("host-1-t2"), seats=[("far-1-r4", None, None)])  # type: ignore[list-item]
    await create(table, replace(after, starts_at=at("09:43"), ends_at=at("10:00")), key="k2")
    table.clock.now = at("09:00")
    await table.booth.life.advance(made.id, HostMedia(True))
    await table.booth.life.advance(made.id, ExtendPressed())
    view = await table.booth.lessons.view(made.id)
    assert view is not None
    assert view.run.extended_s == 180
    assert view.ends_at == at("09:43")


async def test_withdrawn_seats_are_shown_but_not_due(table: Bench) -> None:
    made = await create(table)
    await cancel(table, made.id, seat=made.seats[0].id)
    view = await table.booth.lessons.view(made.id)
    assert view is not None
    assert [s.withdrawn for s in view.seats] == [True, False]
    assert [s.seat.id for s in view.due_seats] == [made.seats[1].id]


async def test_list_is_by_start_and_asks_the_store_the_same_for_one_and_for_many(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("occurrences_on", "occurrences_between", "runs_of", "get_floor", "terminals"):
        honest = getattr(table.store, name)

        def counting(*args: Any, honest: Any = honest, name: str = name, **kw: Any) -> Any:
            asked.append(name)
            return honest(*args, **kw)

        monkeypatch.setattr(table.store, name, counting)
    day = date(2026, 11, 23)
    await table.add(lesson("o-b", "10:00", "10:40", seats=["far-1-r1"]))
    assert [v.occurrence.id for v in await table.booth.lessons.list_views(day, day)] == ["o-b"]
    queries_for_one = list(asked)
    for n in range(20):
        hour, minute = 11 + n // 2, n % 2 * 30
        start, end = f"{hour}:{minute:02d}", f"{hour}:{minute + 20}"
        await table.add(lesson(f"o-{n:02d}", start, end, seats=["far-1-r1"]))
    await table.add(lesson("o-a", "08:00", "08:40", seats=["far-1-r1"]))
    asked.clear()
    views = await table.booth.lessons.list_views(day, day)
    assert [v.occurrence.id for v in views] == ["o-a", "o-b", *(f"o-{n:02d}" for n in range(20))]
    assert asked == queries_for_one


async def test_unfinished_are_lessons_that_are_not_over_whatever_was_planned(table: Bench) -> None:
    early, live, missed, gone, later = (
        lesson(f"o-{n}", *window, seats=[f"far-1-r{min(n, 4)}"], room=f"host-1-r{min(n, 4)}",
               teacher=teacher)
        for n, window, teacher in (
            (1, ("08:00", "10:00"), "host-1-t1"),
            (2, ("08:00", "08:40"), "host-1-t2"),
            (3, ("07:00", "07:40"), "host-1-t1"),
            (4, ("11:00", "11:40"), "host-1-t1"),
            (5, ("14:00", "14:40"), "host-1-t1"),
        )
    )  # fmt: skip
    await table.add(early, live, missed, gone, later)
    table.clock.now = at("08:00")
    for one in (early, live):
        await table.booth.life.advance(one.id, HostMedia(True))
    table.clock.now = at("08:30")
    await table.booth.life.advance(early.id, EndPressed())
    await table.booth.life.advance(live.id, ExtendPressed())
    excused = Change(ChangeKind.CANCELLED, at("08:30"), "a", "停电", excused=True)
    withdrawn = await withdraw(table.store, gone.id, excused)
    table.clock.now = at("08:44")
    everything = (early, live, missed, withdrawn, later)
    assert await table.booth.lessons.unfinished(everything) == {live.id, later.id}
    for one in everything:
        view = await table.booth.lessons.view(one.id)
        assert view is not None
        assert view.over is (one.id not in {live.id, later.id}), one.id


async def test_period_that_runs_backwards_or_too_long_is_refused(table: Bench) -> None:
    for first, last in (
        (date(2026, 11, 23), date(2026, 11, 22)),
        (date(2026, 1, 1), date(2027, 2, 5)),
    ):
        with pytest.raises(ProblemError) as caught:
            await table.booth.lessons.list_views(first, last)
        assert caught.value.code == "period_invalid"
