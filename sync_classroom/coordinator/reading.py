"""Reads everything that the figures of a period rest on, a little at a time.

Facts come a few lessons at a time, so that a bureau's year neither fills the memory nor makes a
terminal wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from ..domain.facts import Fact
from ..domain.ids import OccurrenceId, SchoolId
from ..domain.rollup import SeatResult, place_of
from ..domain.roster import Roster
from ..domain.timetable import Plan
from .evidence_ports import FactStore, PushStore, RollupStore
from .plan_ports import TimetableStore

# A lesson of 16 seats has some 5000 samples: 4 lessons are decoded in a few dozen milliseconds.
LESSONS_AT_ONCE: Final = 4
SEATS_AT_ONCE: Final = 1000
# A classroom's minute credits the earlier lesson, which may have begun the day before.
MARGIN: Final = timedelta(days=1)
_DAY: Final = timedelta(days=1)


class ReadingStore(TimetableStore, FactStore, PushStore, Protocol):
    """Plan, orders and facts."""


async def read_plan(
    store: ReadingStore, roster: Roster, first: date, last: date, zone: ZoneInfo
) -> Plan:
    """The lessons and push orders of `[first, last]` with those of the days beside it.

    A minute of a room is credited to the first of the lessons that share it: the neighbours' days
    belong to the evidence.
    """
    occurrences = await store.occurrences_on(first - MARGIN, last + MARGIN)
    pushes = await store.pushes_between(*_bounds(first, last, zone))
    return Plan(roster, {o.id: o for o in occurrences}, {p.id: p for p in pushes})


async def read_facts(
    store: ReadingStore, plan: Plan, first: date, last: date, zone: ZoneInfo
) -> AsyncIterator[tuple[float, Sequence[Fact]]]:
    """Every fact about a plan that was read so, and how much of the lessons' is read (0…1)."""
    lessons = list(plan.occurrences)
    async for done, facts in lesson_facts(store, lessons):
        yield done / len(lessons), facts
    yield 1.0, await store.push_facts(list(plan.pushes))
    if lessons:  # without any, no gap can touch one
        yield 1.0, await store.gaps_between(*_bounds(first, last, zone))


async def lesson_facts(
    store: FactStore, lessons: Sequence[OccurrenceId]
) -> AsyncIterator[tuple[int, Sequence[Fact]]]:
    """The facts of lessons, a few of them at a time, and of how many they are read."""
    for start in range(0, len(lessons), LESSONS_AT_ONCE):
        few = lessons[start : start + LESSONS_AT_ONCE]
        yield start + len(few), await store.facts_of(few)


async def read_seats(
    store: RollupStore, first: date, last: date, *, school: SchoolId | None = None
) -> list[SeatResult]:
    """What every seat of `[first, last]`, or of one school, came to: by date, lesson and seat."""
    found: list[SeatResult] = []
    while True:
        after = place_of(found[-1]) if found else None
        page = await store.seat_results(
            first, last, school=school, after=after, limit=SEATS_AT_ONCE
        )
        found += page
        if len(page) < SEATS_AT_ONCE:
            return found


def _bounds(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The instants of a period with its neighbouring days."""
    return (
        datetime.combine(first - MARGIN, time(), zone),
        datetime.combine(last + MARGIN + _DAY, time(), zone),
    )
