"""A served timetable: three rules published for the term, one that waits for its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, Final

from sync_classroom.coordinator.draft_state import DraftView
from sync_classroom.coordinator.timetable import TimetableService
from sync_classroom.domain.edits import AddLesson, AddSeries, Command, Place
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId, TeacherId
from sync_classroom.domain.roster import DayException
from sync_classroom.domain.series import SeriesSeat, WeekKind, WeekRule
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.store.database import Database
from tests.support.coordination import TurnedClock, bench
from tests.support.databases import filled_store
from tests.support.plans import at
from tests.support.web import Site, site
from tests.support.week import TERM, programme, rule

WEEK: Final = 13  # from Monday 23 November 2026
FRIDAY: Final = date(2026, 11, 27)
_keys = count(1)


@asynccontextmanager
async def timetable(
    folder: Path, *, clock: str = "07:00", day: str = "2026-11-23", **changes: Any
) -> AsyncIterator[Site]:
    """Published as version 1 before the term: `english` every Monday, period 2, to
    rooms `a-r1` and `b-r1`; `maths` every Tuesday, period 3, to `a-r1`; `odd` and `even` on
    Wednesday, period 1. Thursday of week 13 is off, Saturday makes up for it. The draft has one
    rule more, `art`, without a place. The clock stands at `clock` of `day`.
    """
    store = await filled_store(folder / "pages.db", "timetable", _before_term)
    try:
        clock_now = TurnedClock(at(clock, day))
        async with site(folder, store=store, clock=clock_now, **changes) as served:
            await edit(served, AddSeries(rule("art", None, None, subject="美术", grade=2)))
            yield served
    finally:
        await store.close()


async def _before_term(store: Database, folder: Path) -> None:
    """The roster and the rules of `timetable`, published."""
    roster = programme(
        DayException(None, date(2026, 11, 26), False, reason="运动会"),
        DayException(SchoolId("host"), date(2026, 11, 28), True, 4, 13),
        DayException(SchoolId("a"), date(2026, 11, 28), True, 4, 13),
    )
    await store.apply_roster(roster)
    clock = TurnedClock(at("07:00", "2026-08-31"))
    async with bench(folder, store=store, clock=clock) as table:
        await _published(table.booth.timetable)


async def _published(service: TimetableService) -> None:
    rules = (
        rule("english", 1, 2, seats=("a-r1", "b-r1")),
        rule("maths", 2, 3, subject="数学"),
        rule("odd", 3, 1, subject="音乐", weeks=WeekRule(WeekKind.ODD)),
        rule("even", 3, 1, subject="美术", weeks=WeekRule(WeekKind.EVEN)),
    )
    commands = [AddSeries(r) for r in rules]
    answer = await service.edit(TERM.id, commands, seen=0, actor="admin", key="rules")
    await service.publish(
        TERM.id, seen=answer.revision, note="开学课表", actor="admin", key="version-1"
    )


async def draft(served: Site) -> DraftView:
    """The draft of the term."""
    return await served.services.timetable.draft(TERM.id)


async def edit(served: Site, *commands: Command, by: str = "admin") -> None:
    """One step of the draft, made against what it is now."""
    await served.services.timetable.edit(
        TERM.id, commands, seen=(await draft(served)).revision, actor=by, key=f"e{next(_keys)}"
    )


async def publish(served: Site, note: str) -> int:
    """The number of the version the draft became."""
    version = await served.services.timetable.publish(
        TERM.id,
        seen=(await draft(served)).revision,
        note=note,
        actor="admin",
        key=f"p{next(_keys)}",
    )
    return version.no


async def lesson_of(served: Site, rule_id: str, day: str) -> Occurrence:
    """The drafted lesson of a rule on a date."""
    found = (await draft(served)).copy.occurrences
    return found[OccurrenceId(f"{rule_id}-{day.replace('-', '')}")]


def open_day(period: int = 2, on: date = date(2026, 11, 23)) -> AddLesson:
    """A lesson that wants the same studio, teacher and room as `english` does on Monday."""
    return AddLesson(
        title="观摩课",
        subject="语文",
        teacher=TeacherId("host-t1"),
        place=Place(on, period=period, classroom=ClassroomId("host-r1")),
        seats=(SeriesSeat(ClassroomId("a-r1")),),
    )
