"""Deletes what is due, some rows at a time, and remembers what was deleted when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Table,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.publications import ReportState
from ..domain.recordings import RecordingState
from ..domain.retention import AGES, ROWS, Kind, RetentionRun, Stock
from .account_tables import feeds, help_calls, terminals, users
from .columns import from_us, to_us
from .document_tables import lesson_documents
from .journal_tables import terminal_samples
from .plan_tables import notices
from .queries import Queries, in_chunks, rows
from .report_tables import publications, reports
from .retention_tables import retention_cuts, retention_runs
from .rollup_tables import access_log, fact_chain
from .tables import recordings

# A feed whose maker's account was closed is as old as that; one that was ended, as its end.
_FEED_AGE: Final[ColumnElement[Any]] = func.coalesce(feeds.c.revoked_at, users.c.disabled_at)
_UNPUBLISHED: Final = ~exists().where(publications.c.report == reports.c.id)
_DONE: Final = reports.c.state == ReportState.DONE.value
_STILL_THERE: Final = recordings.c.state != RecordingState.DELETED.value
# By kind: the table, the instant that says how old a row is, and which rows count at all.
_AGES: Final[Mapping[Kind, tuple[Table, ColumnElement[Any], ColumnElement[bool] | None]]] = {
    Kind.TERMINAL_SAMPLES: (terminal_samples, terminal_samples.c.to_at, None),
    Kind.DEVICES: (terminals, terminals.c.revoked_at, terminals.c.revoked_at.is_not(None)),
    Kind.SELFCHECKS: (terminals, terminals.c.selfcheck_at, terminals.c.selfcheck_at.is_not(None)),
    Kind.HELP_CALLS: (help_calls, help_calls.c.at, None),
    Kind.NOTICES: (notices, notices.c.until, None),
    Kind.ACCESS_LOG: (access_log, access_log.c.at, None),
    Kind.FEEDS: (feeds, _FEED_AGE, _FEED_AGE.is_not(None)),
    Kind.DOCUMENTS: (lesson_documents, lesson_documents.c.at, None),
    Kind.REPORTS: (reports, reports.c.done_at, _DONE & _UNPUBLISHED),
    Kind.MEDIA: (
        recordings,
        recordings.c.ended_at,
        recordings.c.ended_at.is_not(None) & _STILL_THERE,
    ),
}


class RetentionQueries(Queries):
    """`RetentionStore` of the coordinator's ports."""

    async def stock(self, cuts: Mapping[Kind, datetime], *, now: datetime) -> Sequence[Stock]:
        """What lies in store of every kind by age, and how much of it is before its cut."""
        return [await self._stock(kind, cuts.get(kind), now) for kind in Kind]

    async def kept_facts(self) -> int:
        """How many facts there are, which are never deleted."""
        statement = select(func.coalesce(func.sum(fact_chain.c.count), 0))
        async with self._database.read() as connection:
            return int((await connection.execute(statement)).scalar_one())

    async def allow_cut(self, kind: Kind, before: datetime, *, at: datetime, by: str) -> None:
        """Let protected rows of a kind before an instant be deleted, and remember it for ever.

        IntegrityError for an instant within the last thirty days.
        """
        async with self._database.write() as connection:
            await connection.execute(
                insert(retention_cuts).values(kind=kind.value, before=before, at=at, by=by)
            )

    async def delete_some(self, kind: Kind, before: datetime, limit: int) -> int:
        """Delete about `limit` rows of a kind before an instant, the oldest first; how many.

        0: there are none left. ValueError for a kind whose files are somebody else's to delete.
        """
        if kind not in ROWS:
            raise ValueError(f"{kind} is no rows of the database")
        async with self._database.write() as connection:
            if kind is Kind.TERMINAL_SAMPLES:
                return await _delete_journals(connection, before, limit)
            table, age, where = _AGES[kind]
            key = next(iter(table.primary_key.columns))
            wanted = select(key).select_from(_source(kind)).where(age < before)
            wanted = wanted.order_by(age).limit(limit)
            if where is not None:
                wanted = wanted.where(where)
            chosen = [row[0] for row in await rows(connection, wanted)]
            if not chosen:
                return 0
            if kind is Kind.SELFCHECKS:
                forgotten = {"selfcheck": None, "selfcheck_at": None}
                await connection.execute(update(table).where(key.in_(chosen)).values(**forgotten))
            else:
                await connection.execute(delete(table).where(key.in_(chosen)))
            return len(chosen)

    async def add_retention_run(self, run: RetentionRun) -> RetentionRun:
        """Remember what was deleted; for ever."""
        values = {
            "began_at": run.began_at,
            "ended_at": run.ended_at,
            "by": run.by,
            "deleted": {kind.value: n for kind, n in run.deleted.items()},
            "before": {kind.value: to_us(at) for kind, at in run.before.items()},
            "total": run.total,
            "failure": run.failure,
        }
        async with self._database.write() as connection:
            await connection.execute(insert(retention_runs).values(**values))
        return run

    async def retention_runs(self, *, limit: int, deleting: bool = False) -> Sequence[RetentionRun]:
        """The latest runs, newest first; `deleting`: those that deleted something or failed."""
        statement = select(retention_runs).order_by(retention_runs.c.number.desc()).limit(limit)
        if deleting:
            statement = statement.where(
                or_(retention_runs.c.total > 0, retention_runs.c.failure.is_not(None))
            )
        async with self._database.read() as connection:
            return [_run(row) for row in await rows(connection, statement)]

    async def _stock(self, kind: Kind, cut: datetime | None, now: datetime) -> Stock:
        _, age, where = _AGES[kind]
        ends = [now - timedelta(days=days) for days in AGES]
        newer = [
            func.sum(case((age >= end, 1), else_=0)).label(f"n{n}") for n, end in enumerate(ends)
        ]
        due = func.sum(case((age < cut, 1), else_=0)) if cut is not None else func.sum(0)
        statement = select(func.count(), func.min(age), due, *newer).select_from(_source(kind))
        if where is not None:
            statement = statement.where(where)
        async with self._database.read() as connection:
            total, oldest, due_rows, *counts = (await connection.execute(statement)).one()
        steps = [0, *(int(n or 0) for n in counts), total]
        ages = tuple(b - a for a, b in pairwise(steps))
        at = from_us(oldest) if isinstance(oldest, int) else oldest
        return Stock(kind, ages, at, int(due_rows or 0))


def _source(kind: Kind) -> FromClause:
    """Where the rows of a kind and their age are read from."""
    table = _AGES[kind][0]
    if kind is Kind.FEEDS:
        return table.outerjoin(users, users.c.id == feeds.c.made_by)
    return table


async def _delete_journals(connection: AsyncConnection, before: datetime, limit: int) -> int:
    """Delete whole journals, so that each is there as it was sealed or not at all."""
    c = terminal_samples.c
    oldest = select(c.journal).where(c.to_at < before).order_by(c.to_at).limit(limit).subquery()
    old = [row.journal for row in await rows(connection, select(oldest.c.journal).distinct())]
    gone = 0
    for chunk in in_chunks(sorted(old)):
        # A journal that reaches beyond the cut goes with the next one.
        later = select(c.journal).where(c.journal.in_(chunk), c.to_at >= before).distinct()
        stay = {row.journal for row in await rows(connection, later)}
        go = [journal for journal in chunk if journal not in stay]
        done = await connection.execute(delete(terminal_samples).where(c.journal.in_(go)))
        gone += done.rowcount
    return gone


def _run(row: Any) -> RetentionRun:
    return RetentionRun(
        row.began_at,
        row.ended_at,
        row.by,
        {Kind(kind): n for kind, n in row.deleted.items()},
        {Kind(kind): from_us(us) for kind, us in row._mapping["before"].items()},
        row.failure,
        row.number,
    )
