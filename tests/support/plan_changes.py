"""Changes of the published plan for tests: one lesson, in one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sync_classroom.coordinator.plan_ports import TimetableStore
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.plan_change import PlanChange
from sync_classroom.domain.timetable import Change, Occurrence
from sync_classroom.domain.working_copy import Images
from tests.support.plans import at


def changing(
    old: Occurrence | None,
    new: Occurrence,
    *,
    key: str = "change",
    now: datetime | None = None,
    by: str = "u-1",
    reason: str = "",
) -> PlanChange:
    """One lesson becomes `new`."""
    return PlanChange(
        before=Images({new.id: old}),
        after=Images({new.id: new}),
        at=now or at("07:00"),
        by=by,
        key=key,
        reason=reason,
    )


async def book(
    store: TimetableStore, occurrence: Occurrence, *, key: str, gap_s: int
) -> Occurrence:
    """Store a new lesson; the one that was stored with this key first."""
    await store.change_plan(changing(None, occurrence, key=key), gap_s=gap_s)
    stored = await store.occurrence_by_key(key)
    assert stored is not None
    return stored


async def withdraw(
    store: TimetableStore, occurrence: str, change: Change, *, key: str = "withdrawn"
) -> Occurrence:
    """Add a change record to a stored lesson; the lesson with it."""
    old = await store.get_occurrence(OccurrenceId(occurrence))
    assert old is not None
    new = replace(old, changes=(*old.changes, change))
    await store.change_plan(changing(old, new, key=key), gap_s=0)
    stored = await store.get_occurrence(old.id)
    assert stored is not None
    return stored
