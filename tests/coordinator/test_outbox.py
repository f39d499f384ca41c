"""What waits for one terminal."""

from __future__ import annotations

import asyncio

import pytest

from sync_classroom.coordinator.outbox import Farewell, Outbox
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


async def drain(outbox: Outbox) -> list[object]:
    taken: list[object] = []
    while not isinstance(item := await outbox.next(), Farewell):
        taken.append(item)
    return [*taken, item]


async def test_messages_come_in_order_and_the_farewell_last() -> None:
    outbox = Outbox()
    assert outbox.put({"type": "ack", "id": "1"})
    assert outbox.put({"type": "ack", "id": "1"})
    outbox.close(4401, "revoked", last={"type": "bye"})
    assert not outbox.put({"type": "ack", "id": "2"})
    outbox.close(1001, "another reason", last={"type": "late"})
    assert await drain(outbox) == [
        {"type": "ack", "id": "1"},
        {"type": "ack", "id": "1"},
        {"type": "bye"},
        Farewell(4401, "revoked"),
    ]
    assert await outbox.next() == Farewell(4401, "revoked")


async def test_a_newer_state_takes_the_place_of_the_waiting_one() -> None:
    outbox = Outbox(max_waiting=3)
    for n in range(100):
        assert outbox.put({"type": "plan", "n": n})
        assert outbox.put({"type": "lesson", "id": "a", "n": n})
        assert outbox.put({"type": "lesson", "id": "b", "n": n})
    outbox.close(1001, "")
    assert await drain(outbox) == [
        {"type": "plan", "n": 99},
        {"type": "lesson", "id": "a", "n": 99},
        {"type": "lesson", "id": "b", "n": 99},
        Farewell(1001, ""),
    ]


async def test_a_terminal_that_does_not_read_is_told_to_come_back() -> None:
    outbox = Outbox(max_waiting=2)
    assert outbox.put({"type": "ack", "id": "1"})
    assert outbox.put({"type": "ack", "id": "2"})
    assert not outbox.put({"type": "ack", "id": "3"})
    assert await outbox.next() == Farewell(1013, "terminal reads too slowly")


async def test_a_waiting_writer_is_woken() -> None:
    outbox = Outbox()
    writer = asyncio.create_task(outbox.next())
    await asyncio.sleep(0)
    outbox.put({"type": "ack"})
    assert await asyncio.wait_for(writer, PATIENCE_S) == {"type": "ack"}
