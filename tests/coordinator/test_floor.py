"""Acts on the floor: stored, proven once, seen in the room at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.rooms import layouts
from sync_classroom.domain.documents import Document, ShownPage
from sync_classroom.domain.facts import Headcount, Interaction, InteractionKind
from sync_classroom.domain.floor import Floor
from sync_classroom.domain.ids import ActId, DocumentId, OccurrenceId
from sync_classroom.domain.page_track import PageTurn
from tests.support.coordination import Bench, bench, heard
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-1-r2", "far-2-r1"])
A, B, C = (s.id for s in LESSON.seats)


@pytest_asyncio.fixture
async def table(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as made:
        await made.add(LESSON)
        made.clock.now = at("09:05")
        made.terminals.connected.update(s.classroom for s in LESSON.seats)
        await made.sweep()
        yield made


async def facts(table: Bench) -> list[tuple[object, ...]]:
    found = await table.store.facts_of([ONE])
    return [
        (f.seat, f.what.value, f.at) if isinstance(f, Interaction) else (f.seat, f.present, f.by)
        for f in found
        if isinstance(f, (Interaction, Headcount))
    ]


async def test_hands_queue_in_order_and_each_is_a_fact(table: Bench) -> None:
    floor = table.booth.floor
    await floor.raise_hand(LESSON, B, act=ActId("1"))
    table.clock.turn(seconds=5)
    await floor.raise_hand(LESSON, A, act=ActId("2"))
    stored = await floor.get(ONE)
    assert [h.seat for h in stored.hands] == [B, A]
    assert await facts(table) == [
        (B, "hand_raised", at("09:05")),
        (A, "hand_raised", at("09:05:05")),
    ]


async def test_call_on_lays_the_room_out_and_is_a_fact(table: Bench) -> None:
    floor = table.booth.floor
    await floor.raise_hand(LESSON, B, act=ActId("1"))
    async with heard(table.bus, "lesson") as messages:
        stored = await floor.call_on(LESSON, B, act=ActId("2"))
        await until(lambda: messages)
    assert messages == [{"type": "changed", "occurrence": "o-1", "what": "floor"}]
    assert stored.called_on == B
    assert stored.hands == ()
    room = table.relay.rooms["o-1"]
    assert room.layouts == layouts(LESSON, stored, {A, B, C})
    assert room.layouts["*"].audio == ("camera", f"seat:{B}")
    assert (B, InteractionKind.CALLED_ON.value, at("09:05")) in await facts(table)


async def test_mute_and_release_change_the_room_and_are_no_facts(table: Bench) -> None:
    floor = table.booth.floor
    await floor.call_on(LESSON, A, act=ActId("1"))
    await floor.mute(LESSON, muted=True, act=ActId("3"))
    assert table.relay.rooms["o-1"].layouts["*"].audio == ("camera", None)
    assert table.relay.rooms["o-1"].layouts["*"].video[2] == f"seat:{A}"
    await floor.call_on(LESSON, None, act=ActId("2"))
    assert table.relay.rooms["o-1"].layouts["*"].video[2] is None
    assert len(await facts(table)) == 1


async def test_hush_silences_the_room_and_is_no_fact(table: Bench) -> None:
    floor = table.booth.floor
    await floor.call_on(LESSON, A, act=ActId("1"))
    await floor.raise_hand(LESSON, B, act=ActId("2"))
    stored = await floor.hush(LESSON, quiet=True, act=ActId("3"))
    assert (stored.called_on, stored.hands, stored.quiet) == (None, (), True)
    assert table.relay.rooms["o-1"].layouts == layouts(LESSON, stored, {A, B, C})
    assert table.relay.rooms["o-1"].layouts["*"].audio == ("camera", None)
    assert (await floor.raise_hand(LESSON, C, act=ActId("4"))).hands == ()
    assert [what for _, what, _ in await facts(table)] == ["called_on", "hand_raised"]


async def test_headcount_is_a_fact_and_disturbs_no_picture(table: Bench) -> None:
    puts = table.relay.puts
    stored = await table.booth.floor.headcount(LESSON, A, 41, by="seat:far-1-r1", act=ActId("1"))
    assert stored.present == {A: 41}
    assert table.relay.puts == puts
    assert await facts(table) == [(A, 41, "seat:far-1-r1")]


async def test_answers_are_kept_and_each_room_proves_a_question_once(table: Bench) -> None:
    floor, puts = table.booth.floor, table.relay.puts
    await floor.ask(LESSON, "", ["", ""], act=ActId("1"))
    await floor.answer(LESSON, 1, A, (30, 2), act=ActId("2"))
    await floor.answer(LESSON, 1, A, (30, 3), act=ActId("3"))
    await floor.answer(LESSON, 1, B, (0, 9), act=ActId("4"))
    await floor.close(LESSON, 1, shown=True, act=ActId("5"))
    await floor.answer(LESSON, 1, C, (1, 0), act=ActId("6"))
    await floor.ask(LESSON, "再来", ["", ""], act=ActId("7"))
    stored = await floor.answer(LESSON, 2, A, (5, 0), act=ActId("8"))
    assert [q.answers for q in stored.questions] == [{A: (30, 3), B: (0, 9)}, {A: (5, 0)}]
    assert await floor.get(ONE) == stored
    assert [(seat, what) for seat, what, _ in await facts(table)] == [
        (A, "answered"),
        (B, "answered"),
        (A, "answered"),
    ]
    assert table.relay.puts == puts


async def test_forty_eight_answers_at_once_are_all_counted(table: Bench) -> None:
    floor = table.booth.floor
    await floor.ask(LESSON, "", ["", ""], act=ActId("1"))
    await asyncio.gather(
        *(
            floor.answer(LESSON, 1, seat, (n, 1), act=ActId(f"{seat}-{n}"))
            for n in range(1, 17)
            for seat in (A, B, C)
        )
    )
    answers = (await floor.get(ONE)).questions[0].answers
    assert {seat: counts[1] for seat, counts in answers.items()} == {A: 1, B: 1, C: 1}
    assert len(await facts(table)) == 3


async def test_repeated_command_makes_one_fact(table: Bench) -> None:
    floor = table.booth.floor
    await floor.raise_hand(LESSON, A, act=ActId("1"))
    await floor.lower_hand(LESSON, A, act=ActId("2"))
    table.clock.turn(seconds=3)
    await floor.raise_hand(LESSON, A, act=ActId("1"))  # a browser's retry after a reconnect
    assert await facts(table) == [(A, "hand_raised", at("09:05"))]
    assert (await floor.get(ONE)).hands == ()


async def test_command_that_changed_nothing_is_done_too(table: Bench) -> None:
    floor = table.booth.floor
    await floor.call_on(LESSON, A, act=ActId("1"))
    async with heard(table.bus, "lesson") as messages:
        await floor.call_on(LESSON, A, act=ActId("2"))  # a second panel of the host, same wish
        await floor.call_on(LESSON, None, act=ActId("3"))
        await until(lambda: messages)
    await floor.call_on(LESSON, A, act=ActId("2"))
    assert (await floor.get(ONE)).called_on is None
    assert len(messages) == 1
    assert len(await facts(table)) == 1


async def test_retry_after_a_crash_between_fact_and_floor_finishes_the_act(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(_: Floor, **_more: object) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(table.store, "save_floor", crash)
        with pytest.raises(OSError, match="power cut"):
            await table.booth.floor.raise_hand(LESSON, A, act=ActId("1"))
    await table.booth.floor.raise_hand(LESSON, A, act=ActId("1"))
    assert [h.seat for h in (await table.booth.floor.get(ONE)).hands] == [A]
    assert len(await facts(table)) == 1


async def test_every_classroom_raising_its_hand_at_once_is_in_the_queue(tmp_path: Path) -> None:
    crowd = lesson("o-9", seats=[f"far-{s}-r{n}" for s in (1, 2) for n in range(1, 5)])
    async with bench(tmp_path) as table:
        await table.add(crowd)
        async with bench(
            tmp_path, store=table.store, bus=table.bus, relay=table.relay, clock=table.clock
        ) as other:
            await asyncio.gather(
                *(
                    (table if n % 2 else other).booth.floor.raise_hand(crowd, s.id, act=ActId(s.id))
                    for n, s in enumerate(crowd.seats)
                )
            )
        stored = await table.booth.floor.get(crowd.id)
        assert sorted(h.seat for h in stored.hands) == sorted(s.id for s in crowd.seats)
        assert stored.version == 8


async def test_relay_down_while_calling_on_is_caught_up_by_the_sweep(table: Bench) -> None:
    table.relay.down = True
    await table.booth.floor.call_on(LESSON, A, act=ActId("1"))
    table.relay.down = False
    assert table.relay.rooms["o-1"].layouts["*"].video[2] is None
    await table.sweep()
    assert table.relay.rooms["o-1"].layouts["*"].video[2] == f"seat:{A}"


async def test_withdrawn_seat_loses_hand_floor_and_media(table: Bench) -> None:
    floor = table.booth.floor
    await floor.call_on(LESSON, A, act=ActId("1"))
    stored = await floor.withdraw(LESSON, A)
    assert stored.called_on is None
    assert table.relay.kicked == [("o-1", A)]
    assert table.relay.rooms["o-1"].layouts["*"].video[2] is None


async def test_which_page_was_shown_when_is_kept_with_the_lesson(table: Bench) -> None:
    floor = table.booth.floor
    for n in (1, 2):
        given = Document(DocumentId(f"d-{n}"), ONE, "课件.pdf", "ab" * 32, 9, at("08:00"), "li")
        await table.store.add_document(given, key=f"k{n}", most=9)
    first, second = (ShownPage(DocumentId(f"d-{n}"), 1) for n in (1, 2))
    await floor.show_page(LESSON, first, act=ActId("1"))
    table.clock.turn(seconds=30)
    # A repeat, the page that is shown already, and acts of others turn nothing.
    await floor.show_page(LESSON, second, act=ActId("1"))
    await floor.show_page(LESSON, first, act=ActId("2"))
    await floor.raise_hand(LESSON, A, act=ActId("3"))
    table.clock.turn(seconds=30)
    await floor.show_page(LESSON, second, act=ActId("4"))
    table.clock.turn(seconds=5)
    await floor.show_page(LESSON, None, act=ActId("5"))
    assert await table.store.page_turns_of(ONE) == [
        PageTurn(first, at("09:05"), at("09:06")),
        PageTurn(second, at("09:06"), at("09:06:05")),
    ]
