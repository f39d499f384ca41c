"""Minutes: what cannot be stored is refused in words, and what was stored stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.minutes import MinutesService
from sync_classroom.coordinator.research import Session
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.minutes import MAX_REVISIONS
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.timetable import Mode
from tests.support.coordination import Bench, TurnedClock, bench
from tests.support.databases import file_store
from tests.support.plans import at, lesson
from tests.support.rosters import programme

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await file_store(tmp_path)
    await store.apply_roster(programme())
    try:
        async with bench(tmp_path, store=store, clock=TurnedClock(at("16:05"))) as found:
            await found.add(
                lesson("s-1", "16:00", "16:50", mode=Mode.RESEARCH, participants=["remote-1-t1"])
            )
            yield found
    finally:
        await store.close()


async def service(found: Bench) -> tuple[MinutesService, Session]:
    session = await found.booth.research.session(OccurrenceId("s-1"))
    return MinutesService(found.store, found.bus, clock=found.clock), session


async def test_a_change_of_what_somebody_has_changed_is_refused_and_a_repeat_is_not(
    made: Bench,
) -> None:
    minutes, session = await service(made)
    await minutes.add(session, "一", actor="li", key="a")
    await minutes.change(session, 1, 1, "二", actor="wang", key="b")
    await minutes.change(session, 1, 1, "二", actor="wang", key="b")
    with pytest.raises(ProblemError) as error:
        await minutes.change(session, 1, 1, "三", actor="li", key="c")
    assert (error.value.code, error.value.value) == ("paragraph_changed", 2)
    assert [p.text for p in await minutes.of(session)] == ["二"]
    await minutes.change(session, 1, 2, "二三", actor="li", key="d")
    assert [(p.text, p.by, p.revision) for p in await minutes.of(session)] == [("二三", "li", 3)]


@pytest.mark.parametrize(
    ("number", "seen", "code"),
    [(9, 1, "paragraph_unknown"), (1, MAX_REVISIONS, "minutes_full")],
)
async def test_what_is_not_there_or_too_often_changed_is_refused(
    made: Bench, number: int, seen: int, code: str
) -> None:
    minutes, session = await service(made)
    await minutes.add(session, "一", actor="li", key="a")
    with pytest.raises(ProblemError) as error:
        await minutes.change(session, number, seen, "x", actor="li", key="b")
    assert error.value.code == code
