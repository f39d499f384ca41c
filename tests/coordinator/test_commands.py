"""Who may do what in a lesson, and each command once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.domain.documents import Document, PageSize, ShownPage, ShowPage
from sync_classroom.domain.facts import Interaction
from sync_classroom.domain.ids import ActId, ClassroomId, DocumentId, OccurrenceId, SeatId
from sync_classroom.domain.messages import (
    Answer,
    Ask,
    Call,
    Close,
    Command,
    End,
    Extend,
    Hand,
    Headcount,
    Mute,
    Quiet,
    Start,
)
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.question import MAX_QUESTIONS
from sync_classroom.domain.timetable import Change, ChangeKind
from tests.support.coordination import Bench, bench
from tests.support.plan_changes import withdraw
from tests.support.plans import at, lesson

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])
A, B = (s.id for s in LESSON.seats)
HOST, ROOM_A, ROOM_B = ClassroomId("host-1-r1"), ClassroomId("far-1-r1"), ClassroomId("far-2-r1")
STRANGER = ClassroomId("far-2-r4")


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    """A live lesson at 09:05."""
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        made.clock.now = at("09:05")
        await made.sweep()
        made.relay.host_flows("o-1")
        await made.sweep()
        yield made


async def refused(table: Bench, classroom: ClassroomId, command: Command) -> str:
    with pytest.raises(ProblemError) as caught:
        await table.booth.desk.handle(classroom, command)
    return caught.value.code


async def test_a_lesson_by_its_commands(table: Bench) -> None:
    handle = table.booth.desk.handle
    await handle(HOST, Start("1", ONE))
    await handle(ROOM_A, Headcount("1", ONE, 41))
    await handle(ROOM_A, Hand("2", ONE, True))
    await handle(ROOM_B, Hand("1", ONE, True))
    await handle(ROOM_B, Hand("2", ONE, False))
    await handle(HOST, Call("2", ONE, A))
    await handle(HOST, Mute("3", ONE, True))
    floor = await table.booth.floor.get(ONE)
    assert (floor.hands, floor.called_on, floor.muted, floor.present) == ((), A, True, {A: 41})
    await handle(HOST, Call("4", ONE, None))
    await handle(HOST, Extend("5", ONE))
    await handle(HOST, End("6", ONE))
    run = await table.run_of("o-1")
    assert run is not None
    assert (run.state, run.end_reason, run.extended_s) == ("ended", "button", 300)
    whats = [f.what for f in await table.store.facts_of([ONE]) if isinstance(f, Interaction)]
    assert sorted(whats) == ["called_on", "hand_raised", "hand_raised"]


@pytest.mark.parametrize(
    "command",
    [
        Start("1", ONE),
        Extend("1", ONE),
        End("1", ONE),
        Call("1", ONE, A),
        Call("1", ONE, None),
        Mute("1", ONE, True),
        Quiet("1", ONE, True),
        Ask("1", ONE, "", ("", "")),
        Close("1", ONE, 1, True),
        ShowPage("1", ONE, None),
    ],
    ids=lambda c: type(c).__name__,
)
async def test_only_the_host_may(table: Bench, command: Command) -> None:
    before = await table.run_of("o-1"), await table.booth.floor.get(ONE)
    assert await refused(table, ROOM_A, command) == "host_only"
    assert await refused(table, STRANGER, command) == "unknown_lesson"
    assert (await table.run_of("o-1"), await table.booth.floor.get(ONE)) == before


@pytest.mark.parametrize(
    "command", [Hand("1", ONE, True), Headcount("1", ONE, 3), Answer("1", ONE, 1, (1, 0))]
)
async def test_only_a_seat_of_the_lesson_may(table: Bench, command: Command) -> None:
    assert await refused(table, HOST, command) == "seat_only"
    assert await refused(table, STRANGER, command) == "unknown_lesson"
    assert await table.store.facts_of([ONE]) == []


@pytest.mark.parametrize(
    "command", [Hand("1", ONE, True), Headcount("1", ONE, 3), Answer("1", ONE, 1, (1, 0))]
)
async def test_withdrawn_seat_may_nothing(table: Bench, command: Command) -> None:
    gone = Change(ChangeKind.SEAT_CANCELLED, at("09:04"), "u", "停电", seat=A)
    await withdraw(table.store, ONE, gone)
    assert await refused(table, ROOM_A, command) == "seat_withdrawn"
    assert await refused(table, HOST, Call("2", ONE, A)) == "unknown_seat"


async def test_call_on_a_seat_of_another_lesson_is_refused(table: Bench) -> None:
    assert await refused(table, HOST, Call("1", ONE, SeatId("o-2-s01"))) == "unknown_seat"


async def test_a_page_turned_twice_is_turned_once_and_moves_no_picture(table: Bench) -> None:
    pages = (PageSize(2560, 1440),) * 3
    given = Document(
        DocumentId("d-1"), ONE, "课件.pdf", "0" * 64, 9, at("09:00"), "li", pages=pages
    )
    await table.store.add_document(given, key="d", most=9)
    laid = table.relay.puts

    def turn(ident: str, page: int) -> ShowPage:
        return ShowPage(ident, ONE, ShownPage(given.id, page))

    await table.booth.desk.handle(HOST, turn("1", 2))
    await table.booth.desk.handle(HOST, turn("2", 3))
    await table.booth.desk.handle(HOST, turn("1", 2))
    assert (await table.booth.floor.get(ONE)).page == ShownPage(given.id, 3)
    assert table.relay.puts == laid
    assert await refused(table, HOST, turn("3", 4)) == "page_range"
    await table.booth.desk.handle(HOST, ShowPage("4", ONE, None))
    assert (await table.booth.floor.get(ONE)).page is None


async def test_unknown_lesson_is_said(table: Bench) -> None:
    assert await refused(table, HOST, Start("1", OccurrenceId("o-9"))) == "unknown_lesson"


async def test_too_early_says_when(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        table.clock.now = at("08:40")
        with pytest.raises(ProblemError) as caught:
            await table.booth.desk.handle(HOST, Start("1", ONE))
        assert caught.value.code == "lesson_not_open"
        assert "08:50" in caught.value.zh
        assert caught.value.retry_after_s == 601
        assert await refused(table, ROOM_A, Hand("1", ONE, True)) == "lesson_not_open"
        assert await refused(table, HOST, End("2", ONE)) == "lesson_not_live"


async def test_start_opens_a_lesson_the_sweep_has_not_seen_and_prepares_its_room(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as table:
        table.clock.now = at("09:02")
        await table.add(LESSON)
        await table.booth.desk.handle(HOST, Start("1", ONE))
        assert await table.state_of("o-1") == "open"
        assert list(table.relay.rooms) == ["o-1"]


async def test_end_before_any_media_flowed_is_no_end(tmp_path: Path) -> None:
    async with bench(tmp_path) as table:
        await table.add(LESSON)
        table.clock.now = at("09:01")
        assert await refused(table, HOST, End("1", ONE)) == "lesson_not_live"
        assert await refused(table, HOST, Extend("2", ONE)) == "lesson_not_live"
        assert await table.state_of("o-1") == "open"


async def test_after_the_end_nothing_may_be_done(table: Bench) -> None:
    await table.booth.desk.handle(HOST, End("1", ONE))
    for room, command in (
        (HOST, Start("2", ONE)),
        (HOST, Call("3", ONE, A)),
        (ROOM_A, Hand("1", ONE, True)),
    ):
        assert await refused(table, room, command) == "lesson_over"
    await table.booth.desk.handle(HOST, End("4", ONE))  # pressed twice: it is over, as wished


async def test_extension_stops_at_the_next_booking(table: Bench) -> None:
    await table.add(lesson("o-2", "09:47", "10:20", teacher="host-1-t2", seats=["far-1-r2"]))
    await table.booth.desk.handle(HOST, Extend("1", ONE))
    await table.booth.desk.handle(HOST, Extend("2", ONE))
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 420
    assert await refused(table, HOST, Extend("3", ONE)) == "cannot_extend"


async def test_repeated_command_is_done_once(table: Bench) -> None:
    for _ in range(3):
        await table.booth.desk.handle(HOST, Extend("same", ONE))
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 300


async def test_repeats_that_arrive_while_the_first_is_done_are_done_once(table: Bench) -> None:
    await asyncio.gather(*(table.booth.desk.handle(HOST, Extend("same", ONE)) for _ in range(5)))
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 300


async def test_press_repeated_after_a_crash_or_at_another_coordinator_counts_once(
    table: Bench, tmp_path: Path
) -> None:
    async def after_a_crash(command: Command) -> None:
        """What a coordinator that has nothing but the store makes of the command."""
        async with bench(
            tmp_path, store=table.store, bus=table.bus, relay=table.relay, clock=table.clock
        ) as other:
            await other.booth.desk.handle(HOST, command)

    await table.booth.desk.handle(HOST, Extend("1", ONE))
    await after_a_crash(Extend("1", ONE))
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 300
    await table.booth.desk.handle(HOST, Call("2", ONE, A))
    await table.booth.desk.handle(HOST, Call("3", ONE, B))
    await after_a_crash(Call("2", ONE, A))
    assert (await table.booth.floor.get(ONE)).called_on == B
    await after_a_crash(Extend("4", ONE))
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 600


async def test_press_that_two_coordinators_hear_at_once_counts_once_and_none_is_refused(
    table: Bench, tmp_path: Path
) -> None:
    await table.booth.desk.handle(HOST, Extend("0", ONE))
    async with bench(
        tmp_path, store=table.store, bus=table.bus, relay=table.relay, clock=table.clock
    ) as other:
        await asyncio.gather(
            *(b.booth.desk.handle(HOST, Extend("1", ONE)) for b in (table, other) * 4)
        )
    run = await table.run_of("o-1")
    assert run is not None
    assert run.extended_s == 600


async def test_late_repeat_of_raising_does_not_raise_a_lowered_hand(table: Bench) -> None:
    handle = table.booth.desk.handle
    await handle(ROOM_A, Hand("1", ONE, True))
    await handle(ROOM_A, Hand("2", ONE, False))
    await handle(ROOM_A, Hand("1", ONE, True))
    assert (await table.booth.floor.get(ONE)).hands == ()


async def test_command_that_failed_may_be_tried_again(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Any, **_more: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(table.store, "save_floor", broken)
        with pytest.raises(OSError, match="disk full"):
            await table.booth.desk.handle(ROOM_A, Hand("1", ONE, True))
    await table.booth.desk.handle(ROOM_A, Hand("1", ONE, True))
    assert [h.seat for h in (await table.booth.floor.get(ONE)).hands] == [A]


async def test_ids_of_two_terminals_do_not_meet(table: Bench) -> None:
    await table.booth.desk.handle(ROOM_A, Hand("1", ONE, True))
    await table.booth.desk.handle(ROOM_B, Hand("1", ONE, True))
    assert [h.seat for h in (await table.booth.floor.get(ONE)).hands] == [A, B]


async def test_no_hand_goes_up_while_all_are_silenced(table: Bench) -> None:
    handle = table.booth.desk.handle
    await handle(ROOM_A, Hand("1", ONE, True))
    await handle(HOST, Quiet("1", ONE, True))
    assert await refused(table, ROOM_A, Hand("2", ONE, True)) == "hands_closed"
    await handle(ROOM_A, Hand("3", ONE, False))
    await handle(HOST, Quiet("2", ONE, False))
    await handle(ROOM_A, Hand("2", ONE, True))  # what was refused may be said again
    assert [h.seat for h in (await table.booth.floor.get(ONE)).hands] == [A]


async def test_a_question_from_asking_to_its_result(table: Bench) -> None:
    handle = table.booth.desk.handle
    await handle(HOST, Ask("1", ONE, "3 × 4 = ?", ("7", "12")))
    await handle(ROOM_A, Answer("1", ONE, 1, (2, 38)))
    await handle(ROOM_A, Answer("1", ONE, 1, (2, 38)))  # the page's own repetition
    assert await refused(table, ROOM_B, Answer("1", ONE, 1, (1, 2, 3))) == "question_closed"
    assert await refused(table, ROOM_B, Answer("1", ONE, 2, (1, 2))) == "question_closed"
    await handle(HOST, Close("2", ONE, 1, True))
    assert await refused(table, ROOM_B, Answer("1", ONE, 1, (1, 2))) == "question_closed"
    told = await table.booth.desk.live_state(ONE, for_host=False)
    assert told["question"] == {
        "number": 1,
        "text": "3 × 4 = ?",
        "options": ["7", "12"],
        "asked_at": "2026-11-23T09:05:00+08:00",
        "closed_at": "2026-11-23T09:05:00+08:00",
        "shown": True,
        "answers": {A: [2, 38]},
    }
    whats = [f.what for f in await table.store.facts_of([ONE]) if isinstance(f, Interaction)]
    assert whats == ["answered"]


async def test_questions_of_a_lesson_are_bounded(table: Bench) -> None:
    for n in range(MAX_QUESTIONS):
        await table.booth.floor.ask(LESSON, "", ["", ""], act=ActId(f"{n}"))
    assert await refused(table, HOST, Ask("1", ONE, "", ("", ""))) == "too_many_questions"
