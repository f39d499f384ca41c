"""The calendar service: one answer for every date, edits that hold at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import pytest_asyncio

from sync_classroom.coordinator.calendar import CalendarService
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.roster import CHANNEL, RosterService
from sync_classroom.domain.calendar_edits import DayEdit, Edited
from sync_classroom.domain.ids import SchoolId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import DayException, NationalDay, Wording
from sync_classroom.store.database import Database
from tests.support.coordination import TurnedClock, heard
from tests.support.databases import file_store
from tests.support.plans import at
from tests.support.rosters import programme
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

SCHOOL = SchoolId("remote-1")
HOLIDAY = date(2026, 11, 27)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await file_store(tmp_path, "c.db")
    await opened.apply_roster(programme())
    yield opened
    await opened.close()


async def service_of(store: Database, bus: LocalBus | None = None) -> CalendarService:
    roster = RosterService(
        store,
        bus or LocalBus(),
        national=lambda years: {
            HOLIDAY: NationalDay(HOLIDAY, Wording(f"节日 {sorted(years)}", "holiday"))
        },
    )
    await roster.load()
    return CalendarService(store, roster, TurnedClock(at("08:00")))


def off(on: date) -> DayEdit:
    return DayEdit(SCHOOL, on, DayException(SCHOOL, on, teaching=False))


async def test_every_date_has_one_answer_with_the_national_days_of_the_terms_years(
    store: Database,
) -> None:
    service = await service_of(store)
    answers = service.days(SCHOOL, date(2026, 11, 26), date(2026, 11, 28))
    assert [(a.date.day, a.teaching, a.source, a.reason.zh) for a in answers] == [
        (26, True, "default", ""),
        (27, False, "holiday", "节日 [2026, 2027]"),
        (28, False, "default", "周末"),
    ]


async def test_an_edit_holds_at_once_carries_its_reason_and_is_told(store: Database) -> None:
    bus = LocalBus()
    service = await service_of(store, bus)
    async with heard(bus, CHANNEL) as messages:
        (edit,) = await service.edit(off(HOLIDAY), reason=" 停电 ", seen=0, actor="admin", key="k")
        await until(lambda: messages == [{"type": "changed"}])
    (answer,) = service.days(SCHOOL, HOLIDAY, HOLIDAY)
    assert (answer.source, answer.reason.zh) == ("school", "停电")
    assert (edit.at, edit.by, edit.reason) == (at("08:00"), "admin", "停电")
    assert await service.seen() == edit.number
    assert list(await service.edits(kind=Edited.TERM)) == []
    assert list(await service.edits(school=SCHOOL)) == [edit]


async def test_what_cannot_be_stores_nothing(store: Database) -> None:
    service = await service_of(store)
    assert await service.seen() == 0
    nowhere = DayEdit(SchoolId("x"), HOLIDAY, None)
    for subject, reason in ((off(HOLIDAY), ""), (nowhere, "台风")):
        with pytest.raises(ProblemError):
            await service.edit(subject, reason=reason, seen=0, actor="admin", key="k")
    assert await service.edits() == []


@pytest.mark.parametrize(
    ("school", "first", "last", "code"),
    [
        ("nowhere", date(2026, 9, 1), date(2026, 9, 1), "unknown_id"),
        ("remote-1", date(2026, 9, 2), date(2026, 9, 1), "period_backwards"),
        ("remote-1", date(2026, 9, 1), date(2027, 10, 6), "period_too_long"),
    ],
)
async def test_days_that_cannot_be_asked_for_are_refused(
    store: Database, school: str, first: date, last: date, code: str
) -> None:
    service = await service_of(store)
    with pytest.raises(ProblemError) as caught:
        service.days(SchoolId(school), first, last)
    assert caught.value.code == code
    assert len(service.days(SCHOOL, date(2026, 9, 1), date(2027, 10, 5))) == 400


async def test_a_span_changes_the_days_that_would_be_others(store: Database) -> None:
    service = await service_of(store)
    first, last = date(2026, 11, 26), date(2026, 12, 1)  # Thursday to Tuesday, a holiday inside

    def days(exception: DayException | None, school: SchoolId | None = SCHOOL) -> list[int]:
        return [e.date.day for e in service.span_of(school, first, last, exception)]

    shut = DayException(SCHOOL, first, teaching=False)
    assert days(shut) == days(replace(shut, school=None), None) == [26, 30, 1]
    assert days(replace(shut, teaching=True)) == [26, 27, 30, 1]
    assert days(None) == []
    edits = service.span_of(SCHOOL, first, last, shut)
    assert [e.exception and e.exception.date for e in edits] == [e.date for e in edits]
    await service.edit(*edits, reason="流感", seen=0, actor="admin", key="k")
    assert days(None) == [26, 30, 1]
    assert days(None, None) == []
    answers = service.days(SCHOOL, first, last)
    assert not any(a.teaching for a in answers)
