"""Messages of rooms come back as they were kept, on either engine."""

from __future__ import annotations

import pytest

from sync_classroom.domain.ids import ActId, OccurrenceId, SeatId
from sync_classroom.domain.room_messages import RoomMessage
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio
ONE, TWO = OccurrenceId("o-1"), OccurrenceId("o-2")


def message(ident: str, clock: str, text: str, occurrence: OccurrenceId = ONE) -> RoomMessage:
    return RoomMessage(ActId(ident), occurrence, SeatId(f"{occurrence}-s0"), at(clock), text)


async def test_messages_are_kept_once_in_the_order_of_their_time(store: Database) -> None:
    await store.apply_roster(programme())
    for hour, occurrence in ((9, ONE), (11, TWO)):
        wanted = lesson(occurrence, f"{hour:02}:00", f"{hour:02}:40", seats=["remote-1-r1"])
        await book(store, wanted, key=occurrence, gap_s=0)
    first, second = message("b", "09:01:00.000001", "一"), message("a", "09:02", "二 'x'; --")
    third, other = message("c", "09:02", "三"), message("a", "11:01", "四", TWO)
    for one in (third, second, first, other):
        await store.add_message(one)
    await store.add_message(message("a", "09:09", "another text of the same act"))
    assert await store.messages_of(ONE) == [first, second, third]
    assert await store.latest_messages([ONE, TWO], 2) == {ONE: [second, third], TWO: [other]}
    assert await store.latest_messages([], 2) == {}
    assert await store.messages_of(OccurrenceId("o-3")) == []
    with pytest.raises(KeyError):
        await store.add_message(message("a", "09:01", "一", OccurrenceId("o-3")))
