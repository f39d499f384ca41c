"""Changes of the published plan for tests: one lesson, in one line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from sync_classroom.coordinator.plan_ports import TimetableStore
from sync_classroom.domain.ids import OccurrenceId, TermId
from sync_classroom.domain.plan_change import Edition, PlanChange, VersionEntry
from sync_classroom.domain.series import Series
from sync_classroom.domain.timetable import Change, Occurrence
from sync_classroom.domain.working_copy import Images
from sync_classroom.store.database import Database
from sync_classroom.store.rollups import mark_lessons
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


async def first_version(
    store: Database, term: TermId, *series: Series, key: str = "v", by: str = "u-1"
) -> PlanChange:
    """The rules of a term published from an empty draft; their lessons are left to others."""
    revision, _ = await store.draft_head(term)
    if revision == 0:
        opened = await store.empty_draft(
            term, Images(), revision=0, by=by, at=at("07:00"), key="opened"
        )
        assert opened == 1
        revision = 1
    return PlanChange(
        before=Images(series={s.id: None for s in series}),
        after=Images(series={s.id: s for s in series}),
        at=at("07:00"),
        by=by,
        key=key,
        edition=Edition(
            term, revision, "开学", {"series_new": len(series)}, [VersionEntry("x", {"kind": "x"})]
        ),
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


async def mark_stale(store: Database, lessons: Iterable[OccurrenceId]) -> None:
    """Have lessons counted again, with nothing changed about them."""
    async with store._database.write() as connection:
        await mark_lessons(connection, lessons)
