"""Messages of rooms: kept once, proven once, told to the host alone, few."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sync_classroom.coordinator.desk import MESSAGES_TOLD
from sync_classroom.domain.facts import Interaction
from sync_classroom.domain.ids import ClassroomId, OccurrenceId
from sync_classroom.domain.messages import Say
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.room_messages import MAX_OF_SEAT
from sync_classroom.store.database import Database
from tests.support.coordination import Bench, bench, heard
from tests.support.plans import at, lesson
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

ONE = OccurrenceId("o-1")
LESSON = lesson("o-1", seats=["far-1-r1", "far-2-r1"])
A, B = (s.id for s in LESSON.seats)
ROOM_A, ROOM_B = ClassroomId("far-1-r1"), ClassroomId("far-2-r1")


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


async def told(table: Bench) -> list[tuple[str, str]]:
    state: dict[str, Any] = await table.booth.desk.live_state(ONE, for_host=True)
    return [(m["seat"], m["text"]) for m in state["messages"]]


async def test_a_message_is_kept_proven_and_told_to_the_host_alone(table: Bench) -> None:
    async with heard(table.bus, "lesson") as messages:
        await table.booth.desk.handle(ROOM_A, Say("1", ONE, "听不清"))
        await until(lambda: messages)
    assert messages == [{"type": "changed", "occurrence": "o-1", "what": "message"}]
    await table.booth.desk.handle(ROOM_B, Say("1", ONE, "看不清"))
    assert sorted(await told(table)) == [(A, "听不清"), (B, "看不清")]
    assert "messages" not in await table.booth.desk.live_state(ONE, for_host=False)
    facts = [f for f in await table.store.facts_of([ONE]) if isinstance(f, Interaction)]
    assert sorted((f.seat, f.what.value) for f in facts) == [(A, "message"), (B, "message")]
    kept = await table.booth.lessons.messages(ONE)
    assert sorted((m.seat, m.text, m.at) for m in kept) == [
        (A, "听不清", at("09:05")),
        (B, "看不清", at("09:05")),
    ]


async def test_a_repeated_message_is_one_even_after_a_crash(
    table: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(Database, "add_message", crash)
        with pytest.raises(OSError, match="power cut"):
            await table.booth.desk.handle(ROOM_A, Say("1", ONE, "听不清"))
    for _ in range(2):
        await table.booth.desk.handle(ROOM_A, Say("1", ONE, "听不清"))
    assert await told(table) == [(A, "听不清")]
    assert len(await table.store.facts_of([ONE])) == 1


async def test_too_fast_and_too_many_are_refused_and_leave_nothing(table: Bench) -> None:
    handle = table.booth.desk.handle
    for n in range(MAX_OF_SEAT):
        await handle(ROOM_A, Say(f"{n}", ONE, f"{n}"))
        with pytest.raises(ProblemError) as caught:
            await handle(ROOM_A, Say(f"again {n}", ONE, "!"))
        assert caught.value.code == ("message_too_soon", "too_many_messages")[n == MAX_OF_SEAT - 1]
        table.clock.turn(seconds=5)
    await handle(ROOM_B, Say("1", ONE, "我们还可以"))
    assert len(await table.booth.lessons.messages(ONE)) == MAX_OF_SEAT + 1
    assert len(await table.store.facts_of([ONE])) == MAX_OF_SEAT + 1
    assert [text for _, text in await told(table)] == [
        *(f"{n}" for n in range(MAX_OF_SEAT - MESSAGES_TOLD + 1, MAX_OF_SEAT)),
        "我们还可以",
    ]
