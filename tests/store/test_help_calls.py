"""Calls for help come back as they were kept, on either engine."""

from __future__ import annotations

from datetime import datetime

import pytest

from sync_classroom.domain.help_calls import HelpCall
from sync_classroom.domain.ids import ActId, ClassroomId, OccurrenceId, TerminalId
from sync_classroom.store.database import Database
from tests.support.plans import at

pytestmark = pytest.mark.asyncio
STATE = {"version": "v", "selfcheck": None, "line": {"loss": 0.5}, "errors": [{"text": "'; --"}]}


def call(ident: str, when: datetime, room: str = "r-1", lesson: str | None = None) -> HelpCall:
    return HelpCall(
        ActId(ident), ClassroomId(room), TerminalId("t"),
        None if lesson is None else OccurrenceId(lesson), when, f"text {ident}", STATE,
    )  # fmt: skip


async def test_calls_are_kept_once_and_read_newest_first(store: Database) -> None:
    first, second = call("b", at("09:00")), call("a", at("09:10"), lesson="o-1")
    other = call("c", at("09:05"), "r-2")
    for one in (second, first, other, call("b", at("10:00"), "another of the same act")):
        await store.add_help_call(one)
    assert await store.help_calls(limit=9) == [second, other, first]
    assert await store.help_calls(limit=1) == [second]
    assert await store.help_calls(classroom=ClassroomId("r-1"), limit=9) == [second, first]
    assert await store.help_calls(since=at("09:05"), limit=9) == [second, other]
    assert await store.help_calls(before=at("09:05"), limit=9) == [first]
    assert await store.get_help_call(ActId("a")) == second
    assert await store.get_help_call(ActId("x")) is None


async def test_a_call_is_answered_once(store: Database) -> None:
    await store.add_help_call(call("a", at("09:00")))
    assert await store.answer_help_call(ActId("a"), by="op", at=at("09:01"))
    assert not await store.answer_help_call(ActId("a"), by="admin", at=at("09:02"))
    assert not await store.answer_help_call(ActId("x"), by="op", at=at("09:02"))
    found = await store.get_help_call(ActId("a"))
    assert found is not None
    assert (found.answered_by, found.answered_at) == ("op", at("09:01"))
