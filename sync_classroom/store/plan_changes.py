"""Storing a change of the plan: every check and every row of it, inside the caller's transaction.

Bulk throughout: a term of ten thousand lessons is some dozens of statements and one sweep for
clashes.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Table, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.conflicts import Clash, ClashError, ResourceKind, clashes_in
from ..domain.edit_files import series_from, series_to_dict
from ..domain.history import differences
from ..domain.ids import OccurrenceId, TermId
from ..domain.plan_change import Edition, PlanChange, PlanMovedOnError, Version
from ..domain.timetable import Change, Occurrence
from ..domain.working_copy import Images
from . import tables
from .notices import item_to_dict
from .plan_rows import (
    change_row,
    insert_occurrences,
    load_occurrences,
    occurrence_row,
    participant_rows,
    seat_row,
    touches,
)
from .plan_tables import (
    draft_acts,
    draft_steps,
    drafts,
    notices,
    occurrence_history,
    version_entries,
    versions,
)
from .queries import Insert, in_chunks, insert_rows, rows
from .rollups import mark_lessons, mark_where
from .tables import changes, occurrences, participants, runs, seats, series
from .versions import version_where

# Lessons further apart than this are looked around for by themselves; a change of more such groups
# than this is looked at as a whole.
_APART: Final = timedelta(hours=36)
_MOST_WINDOWS: Final = 24
# A client that has not repeated a request for this long never will.
ACTS_KEPT: Final = timedelta(days=30)

Inserter = Callable[[Table], Insert]


async def done_before(
    connection: AsyncConnection, change: PlanChange
) -> tuple[bool, Version | None]:
    """Whether this key was stored already, and the version it made if it made one."""
    if change.edition is not None:
        version = await version_where(connection, versions.c.key == change.key)
        return version is not None, version
    statement = select(occurrence_history.c.seq).filter_by(key=change.key).limit(1)
    made = select(occurrences.c.id).filter_by(key=change.key)
    return bool(await rows(connection, statement) or await rows(connection, made)), None


async def store(
    connection: AsyncConnection, inserter: Inserter, change: PlanChange, gap_s: int
) -> Version | None:
    """Check the change against what is stored and store it; see `TimetableQueries.change_plan`."""
    edition = change.edition
    if edition is not None:
        await _require_revision(connection, edition)
    await _require_unchanged(connection, change.before)
    await _refuse_clashes(connection, change, gap_s)
    version = None if edition is None else await _add_version(connection, change, edition)
    await _write_series(connection, inserter, change)
    await _write_occurrences(connection, change)
    await _mark_results(connection, change)
    await _write_history(connection, change, version)
    await _write_notices(connection, inserter, change, version)
    if edition is not None:
        await connection.execute(delete(draft_steps).where(draft_steps.c.term == edition.term))
    await _tell_drafts(connection, change)
    return version


# ---------------------------------------------------------------------------- checks


async def _require_revision(connection: AsyncConnection, edition: Edition) -> None:
    stored = await connection.scalar(select(drafts.c.revision).filter_by(term=edition.term))
    if stored != edition.revision:
        raise PlanMovedOnError


async def _require_unchanged(connection: AsyncConnection, before: Images) -> None:
    """Whatever the change was made for must be as it was then; new ids must be free."""
    stored: dict[str, Occurrence] = {}
    for chunk in in_chunks(sorted(before.occurrences)):
        found = await load_occurrences(connection, occurrences.c.id.in_(chunk))
        stored |= {o.id: o for o in found}
    # A new id that is taken is refused by its key, with a sentence that names it.
    differing = [
        str(i) for i, o in before.occurrences.items() if o is not None and stored.get(i) != o
    ]
    rules: dict[str, Any] = {}
    for chunk in in_chunks(sorted(before.series)):
        wanted = select(series.c.id, series.c.document).where(series.c.id.in_(chunk))
        rules |= {r.id: series_from(r.document) for r in await rows(connection, wanted)}
    differing += [str(i) for i, s in before.series.items() if rules.get(i) != s]
    if differing:
        raise PlanMovedOnError(differing)


async def _refuse_clashes(connection: AsyncConnection, change: PlanChange, gap_s: int) -> None:
    touched = {
        i: o
        for i, o in change.after.occurrences.items()
        if o is not None and books_more(change.before.occurrences.get(i), o)
    }
    if not touched:
        return
    gap = timedelta(seconds=gap_s)
    around: dict[OccurrenceId, Occurrence] = {}
    freed: dict[OccurrenceId, datetime] = {}
    for first, last in _windows(touched.values()):
        near = touches(first - gap, last + gap)
        around |= {o.id: o for o in await load_occurrences(connection, near)}
        ended = (
            select(runs.c.occurrence, runs.c.ended_at)
            .join_from(runs, occurrences)
            .where(near, runs.c.ended_at.is_not(None))
        )
        freed |= {row.occurrence: row.ended_at for row in await rows(connection, ended)}
    around |= {i: o for i, o in change.after.occurrences.items() if o is not None}
    found = await asyncio.to_thread(_clashes_with, around, touched, gap_s, freed)
    if found:
        names, zone = await _words(connection, found)
        raise ClashError(found, names=names, zone=zone)


def books_more(old: Occurrence | None, new: Occurrence) -> bool:
    """Whether `new` may take something that `old` did not: what only gives up cannot clash.

    So a lesson can be withdrawn although, for whatever reason, it stands in a clash.
    """
    if new.withdrawn:
        return False
    if old is None or old.withdrawn:
        return True
    return (
        (old.starts_at, old.ends_at, old.host, old.participants)
        != (new.starts_at, new.ends_at, new.host, new.participants)
    ) or not set(new.active_seats) <= set(old.active_seats)


def _clashes_with(
    around: Mapping[OccurrenceId, Occurrence],
    touched: Mapping[OccurrenceId, Occurrence],
    gap_s: int,
    freed: Mapping[OccurrenceId, datetime],
) -> tuple[Clash, ...]:
    found = clashes_in(around.values(), gap_s=gap_s, freed=freed)
    return tuple(c for c in found if not touched.keys().isdisjoint(c.occurrences))


def _windows(lessons: Iterable[Occurrence]) -> list[tuple[datetime, datetime]]:
    """The spans of time that must be looked at, in order: few, and none of them mostly empty."""
    found: list[tuple[datetime, datetime]] = []
    for lesson in sorted(lessons, key=lambda o: o.starts_at):
        if found and lesson.starts_at <= found[-1][1] + _APART:
            found[-1] = (found[-1][0], max(found[-1][1], lesson.ends_at))
        else:
            found.append((lesson.starts_at, lesson.ends_at))
    return found if len(found) <= _MOST_WINDOWS else [(found[0][0], max(b for _, b in found))]


async def _words(
    connection: AsyncConnection, clashes: Iterable[Clash]
) -> tuple[dict[str, str], ZoneInfo | None]:
    """Names of the clashing resources and the programme's zone, for the sentence people read."""
    tables_of: dict[ResourceKind, Table] = {
        ResourceKind.CLASSROOM: tables.classrooms,
        ResourceKind.TEACHER: tables.teachers,
        ResourceKind.CLASS: tables.classes,
    }
    wanted: dict[ResourceKind, set[str]] = defaultdict(set)
    for clash in clashes:
        wanted[clash.kind].add(clash.resource)
    names: dict[str, str] = {}
    for kind, ids in wanted.items():
        table = tables_of[kind]
        for chunk in in_chunks(sorted(ids)):
            named = select(table.c.id, table.c.name).where(table.c.id.in_(chunk))
            names |= {row.id: row.name for row in await rows(connection, named)}
    zone = (await connection.execute(select(tables.programme.c.timezone))).scalar()
    return names, ZoneInfo(zone) if zone else None


# ---------------------------------------------------------------------------- rows


async def _add_version(
    connection: AsyncConnection, change: PlanChange, edition: Edition
) -> Version:
    last = await connection.scalar(select(func.coalesce(func.max(versions.c.no), 0)))
    version = Version(
        no=(last or 0) + 1,
        term=edition.term,
        at=change.at.astimezone(UTC),
        by=change.by,
        note=edition.note,
        counts=dict(edition.counts),
    )
    await connection.execute(
        insert(versions).values(
            no=version.no,
            term=version.term,
            at=version.at,
            by=version.by,
            note=version.note,
            key=change.key,
            counts=dict(version.counts),
        )
    )
    entries = [
        {
            "version": version.no,
            "position": position,
            "kind": each.kind,
            "series": each.series,
            "beside": each.beside,
            "told": each.told,
            "by": each.by or change.by,
            "reason": each.reason,
            "entry": each.entry,
        }
        for position, each in enumerate(edition.diff)
    ]
    await insert_rows(connection, insert(version_entries), entries)
    return version


async def _write_series(
    connection: AsyncConnection, inserter: Inserter, change: PlanChange
) -> None:
    gone = [i for i, s in change.after.series.items() if s is None]
    for chunk in in_chunks(gone):
        await connection.execute(delete(series).where(series.c.id.in_(chunk)))
    kept = [
        {"id": s.id, "term": s.term, "document": series_to_dict(s)}
        for s in change.after.series.values()
        if s is not None
    ]
    if kept:
        statement = inserter(series)
        fresh = {name: statement.excluded[name] for name in ("term", "document")}
        await connection.execute(
            statement.on_conflict_do_update(index_elements=["id"], set_=fresh), kept
        )


async def _write_occurrences(connection: AsyncConnection, change: PlanChange) -> None:
    new: list[tuple[Occurrence, str]] = []
    changed: list[tuple[Occurrence, Occurrence]] = []
    for ident, after in change.after.occurrences.items():
        before = change.before.occurrences.get(ident)
        if after is None:
            if before is not None:
                raise ValueError(f"published lesson {ident!r} can be withdrawn, not removed")
        elif before is None:
            new.append((after, change.key if len(change.after.occurrences) == 1
                        else f"{change.key}#{ident}"))  # fmt: skip
        elif before != after:
            changed.append((before, after))
    # Where a lesson is moved to must be there before the record that names it.
    await insert_occurrences(connection, new)
    await _rewrite(connection, changed)
    await _rewrite_seats(connection, changed)
    await _rewrite_changes(connection, changed, change)


async def _rewrite(
    connection: AsyncConnection, changed: Sequence[tuple[Occurrence, Occurrence]]
) -> None:
    """Bring occurrences' own columns, and who takes part in meetings, up to date."""
    rewritten = [
        {"its_id": new.id, **occurrence_row(new)}
        for old, new in changed
        if occurrence_row(old) != occurrence_row(new)
    ]
    if rewritten:
        await connection.execute(
            update(occurrences).where(occurrences.c.id == bindparam("its_id")), rewritten
        )
    meetings = [new for old, new in changed if old.participants != new.participants]
    for new in meetings:
        await connection.execute(delete(participants).where(participants.c.occurrence == new.id))
    people = [row for new in meetings for row in participant_rows(new)]
    if people:
        await connection.execute(insert(participants), people)


async def _rewrite_seats(
    connection: AsyncConnection, changed: Sequence[tuple[Occurrence, Occurrence]]
) -> None:
    added: list[dict[str, Any]] = []
    rewritten: list[dict[str, Any]] = []
    for old, new in changed:
        before = {s.id: s for s in old.seats}
        missing = before.keys() - {s.id for s in new.seats}
        if missing:
            raise ValueError(f"published seats {sorted(missing)} can be withdrawn, not removed")
        for position, seat in enumerate(new.seats):
            row = seat_row(new, position, seat)
            if seat.id not in before:
                added.append(row)
            elif before[seat.id] != seat:
                rewritten.append(
                    {"its_lesson": row.pop("occurrence"), "its_id": row.pop("id"), **row}
                )
    if added:
        await connection.execute(insert(seats), added)
    if rewritten:
        one = and_(seats.c.occurrence == bindparam("its_lesson"), seats.c.id == bindparam("its_id"))
        await connection.execute(update(seats).where(one), rewritten)


async def _rewrite_changes(
    connection: AsyncConnection,
    changed: Sequence[tuple[Occurrence, Occurrence]],
    change: PlanChange,
) -> None:
    """Change records are added and annulled, never taken away."""
    added: list[dict[str, Any]] = []
    for old, new in changed:
        fresh = [c for c in new.changes if c not in old.changes]
        added += [
            {
                "occurrence": new.id,
                "key": change.key if len(fresh) == 1 else f"{change.key}#{n}",
                **change_row(c),
            }
            for n, c in enumerate(fresh)
        ]
        by, reason = author_of(change, new.id)
        for record in old.changes:
            if record not in new.changes:
                await connection.execute(
                    update(changes)
                    .where(_same_change(new.id, record))
                    .values(annulled_at=change.at, annulled_by=by, annulled_reason=reason)
                )
    if added:
        await connection.execute(insert(changes), added)


async def _mark_results(connection: AsyncConnection, change: PlanChange) -> None:
    """Have what changed counted again, and whatever shared a room with it as it was before.

    What shares one with it as it is now is found from the lesson itself.
    """
    changed = [
        i for i, o in change.after.occurrences.items() if o != change.before.occurrences.get(i)
    ]
    await mark_lessons(connection, changed)
    for ident in changed:
        old, new = change.before.occurrences.get(ident), change.after.occurrences[ident]
        if old is None or new is None:
            continue
        rooms = {s.classroom for s in old.seats}
        if (old.starts_at, old.ends_at) != (new.starts_at, new.ends_at) or rooms - {
            s.classroom for s in new.seats
        }:
            inside = select(seats.c.occurrence).where(seats.c.classroom.in_(sorted(rooms)))
            near = touches(old.starts_at, old.ends_at) & occurrences.c.id.in_(inside)
            await mark_where(connection, near)


def _same_change(occurrence: OccurrenceId, change: Change) -> ColumnElement[bool]:
    return and_(
        changes.c.occurrence == occurrence,
        changes.c.annulled_at.is_(None),
        *(
            changes.c[name].is_(None) if value is None else changes.c[name] == value
            for name, value in change_row(change).items()
        ),
    )


def author_of(change: PlanChange, occurrence: OccurrenceId) -> tuple[str, str]:
    """Who wanted a lesson changed, and why."""
    return change.authors.get(occurrence, (change.by, change.reason))


async def _write_history(
    connection: AsyncConnection, change: PlanChange, version: Version | None
) -> None:
    entries = []
    for ident, after in change.after.occurrences.items():
        before = change.before.occurrences.get(ident)
        if after is None or after == before:
            continue
        by, reason = author_of(change, ident)
        entries += [
            {
                "occurrence": ident,
                "at": change.at,
                "by": by,
                "reason": each.reason or reason,
                "kind": each.kind.value,
                "version": version and version.no,
                "key": change.key,
                "old": each.old,
                "new": each.new,
            }
            for each in differences(before, after)
        ]
    await insert_rows(connection, insert(occurrence_history), entries)


async def _write_notices(
    connection: AsyncConnection, inserter: Inserter, change: PlanChange, version: Version | None
) -> None:
    if not change.notices:
        return
    act = change.key if version is None else f"version:{version.no}"
    await connection.execute(
        inserter(notices).on_conflict_do_nothing(index_elements=["act", "kind", "addressee"]),
        [
            {
                "act": act,
                "version": version and version.no,
                "kind": n.audience.value,
                "addressee": n.addressee,
                "at": change.at,
                "until": n.until,
                "items": [item_to_dict(i) for i in n.items],
                "more": n.more,
            }
            for n in change.notices
        ],
    )


async def _tell_drafts(connection: AsyncConnection, change: PlanChange) -> None:
    """Whoever edits a draft of these terms must see that the plan under it has changed."""
    kind = "amend" if change.edition is None else "publish"
    ids = {
        "occurrences": sorted(change.after.occurrences),
        "series": sorted(change.after.series),
    }
    for term in sorted(await _terms_of(connection, change)):
        revision = await connection.scalar(
            update(drafts)
            .where(drafts.c.term == term)
            .values(revision=drafts.c.revision + 1)
            .returning(drafts.c.revision)
        )
        if revision is None:
            continue
        await connection.execute(
            insert(draft_acts).values(
                term=term, revision=revision, kind=kind, seq=None, key=f"{kind}:{change.key}",
                by=change.by, at=change.at, touched=ids,
            )
        )  # fmt: skip
        await connection.execute(
            delete(draft_acts).where(
                draft_acts.c.term == term, draft_acts.c.at < change.at - ACTS_KEPT
            )
        )


async def _terms_of(connection: AsyncConnection, change: PlanChange) -> set[TermId]:
    """The terms in whose days anything changed, by date as drafts see it."""
    if change.edition is not None:
        return {change.edition.term}
    dates = {
        o.date
        for images in (change.before, change.after)
        for o in images.occurrences.values()
        if o is not None
    }
    found = await rows(connection, select(tables.terms))
    return {t.id for t in found if any(t.first_day <= d <= t.last_day for d in dates)}
