"""Rows that are read as occurrences: in order, whole, and never with what was annulled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
import pytest_asyncio

from sync_classroom.domain.ids import OccurrenceId, SeriesId, TeacherId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.timetable import Slot
from sync_classroom.store.database import Database
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture(autouse=True)
async def roster(store: Database) -> None:
    await store.apply_roster(programme())


async def test_slot_origin_and_assistant_come_back(store: Database) -> None:
    plain = lesson("o-1", seats=["remote-1-r1", "remote-2-r1"])
    first, second = plain.seats
    whole = replace(
        plain,
        seats=(replace(first, assistant=TeacherId("remote-1-t1")), second),
        slot=Slot(SeriesId("eng"), date(2026, 11, 20), own=True),
        moved_from=OccurrenceId("o-0"),
    )
    assert await book(store, whole, key="k", gap_s=0) == whole


async def test_an_assistant_nobody_knows_is_named(store: Database) -> None:
    plain = lesson("o-1", seats=["remote-1-r1"])
    stranger = replace(plain, seats=(replace(plain.seats[0], assistant=TeacherId("nobody")),))
    with pytest.raises(ProblemError) as caught:
        await book(store, stranger, key="k", gap_s=0)
    assert (caught.value.field, caught.value.value) == ("seats.assistant", "nobody")
