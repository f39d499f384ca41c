"""What help reached one school, read for a page: rolled-up seats, and the facts of the rest."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from ..domain.activity import Help, activity_of
from ..domain.evidence import Evidence
from ..domain.ids import SchoolId
from ..domain.roster import Roster
from ..domain.rules import Rules
from ..domain.timetable import Plan
from .evidence_ports import RollupStore
from .reading import ReadingStore, read_seats


class ActivityStore(ReadingStore, RollupStore, Protocol):
    """Plan, orders, facts, and what seats came to."""


async def read_activity(
    store: ActivityStore,
    roster: Roster,
    rules: Rules,
    school: SchoolId,
    first: date,
    last: date,
    zone: ZoneInfo,
) -> tuple[Help, ...]:
    """A school's help on the civil days `[first, last]`, the latest first."""
    seats = await read_seats(store, first, last, school=school)
    meetings = await store.meetings_on(first, last)
    wanted = {*(s.occurrence for s in seats), *(m.occurrence for m in meetings)}
    occurrences = await store.occurrences_of(wanted)
    begins, ends = (
        datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1))
    )
    orders = await store.pushes_between(begins, ends)
    pushes = {p.id: p for p in orders if any(t.school == school for t in p.targets)}
    evidence = Evidence.of(await store.push_facts(list(pushes)), rules)
    plan = Plan(roster, occurrences, pushes)
    return await asyncio.to_thread(activity_of, school, plan, seats, meetings, evidence, rules)
