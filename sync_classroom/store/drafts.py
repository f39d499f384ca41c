"""Drafts: one working copy a term, kept as steps, and the order in which things were done to it.

Everything that is done to a draft takes the next revision, and only if the revision is still the
one it was decided upon: of two editors at once one is told to look again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.draft_acts import ActKind, DraftAct
from ..domain.edit_files import step_from_dict, step_to_dict
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.working_copy import Images, Step
from .plan_tables import draft_acts, draft_steps, drafts, occurrence_history
from .queries import Queries, rows

# Steps read by one statement; the step of an import holds a term's lessons.
_STEPS_AT_ONCE: Final = 50


class DraftQueries(Queries):
    """`DraftStore` of the coordinator's ports."""

    async def draft_head(self, term: TermId) -> tuple[int, int]:
        """The draft's revision (0: nobody has edited it) and the position of the published plan."""
        revision = select(drafts.c.revision).filter_by(term=term).scalar_subquery()
        position = select(func.max(occurrence_history.c.seq)).scalar_subquery()
        statement = select(func.coalesce(revision, 0), func.coalesce(position, 0))
        async with self._database.read() as connection:
            row = (await rows(connection, statement))[0]
        return row[0], row[1]

    async def draft_steps(
        self, term: TermId, *, only: Iterable[int] | None = None
    ) -> tuple[int, tuple[Step, ...]]:
        """The draft's revision and its steps in order, or those with the numbers `only`."""
        wanted = None if only is None else set(only)
        found: list[Any] = []
        async with self._database.read() as connection:
            revision = await connection.scalar(select(drafts.c.revision).filter_by(term=term))
            known = select(draft_steps.c.seq).filter_by(term=term).order_by(draft_steps.c.seq)
            numbers = [r.seq for r in await rows(connection, known)]
            numbers = [n for n in numbers if wanted is None or n in wanted]
            for start in range(0, len(numbers), _STEPS_AT_ONCE):
                chunk = numbers[start : start + _STEPS_AT_ONCE]
                statement = (
                    select(draft_steps)
                    .where(draft_steps.c.term == term, draft_steps.c.seq.in_(chunk))
                    .order_by(draft_steps.c.seq)
                )
                found += await rows(connection, statement)
        # The step of an import holds every lesson of a term; reading it takes a moment.
        return revision or 0, await asyncio.to_thread(lambda: tuple(map(_step, found)))

    async def draft_acts(self, term: TermId, *, after: int) -> tuple[DraftAct, ...]:
        """What was done to the draft after a revision, in order.

        What is long past is forgotten: the first may have a revision greater than `after + 1`.
        """
        statement = (
            select(draft_acts)
            .where(draft_acts.c.term == term, draft_acts.c.revision > after)
            .order_by(draft_acts.c.revision)
        )
        async with self._database.read() as connection:
            return tuple(_act(row) for row in await rows(connection, statement))

    async def draft_act(self, term: TermId, key: str) -> DraftAct | None:
        """What was done with an idempotency key, or None."""
        statement = select(draft_acts).filter_by(term=term, key=key)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _act(found[0]) if found else None

    async def add_step(self, term: TermId, step: Step, *, revision: int) -> int | None:
        """Append a step to a draft of this revision; the new revision, or None if it is another.

        A step whose key is there already is not appended: None too.
        """
        document = await asyncio.to_thread(step_to_dict, step)
        async with self._database.write() as connection:
            if not await self._next(connection, term, revision, step.key):
                return None
            act = _act_row(term, revision + 1, ActKind.EDIT, step.seq, step)
            await connection.execute(insert(draft_acts).values(**act))
            await connection.execute(
                insert(draft_steps).values(
                    term=term, seq=step.seq, key=step.key, by=step.by, at=step.at,
                    undone=step.undone, document=document,
                )
            )  # fmt: skip
        return revision + 1

    async def turn_step(
        self, term: TermId, step: Step, *, revision: int, by: str, at: datetime, key: str
    ) -> int | None:
        """Mark a step as `step.undone` says; answers as `add_step`."""
        kind = ActKind.UNDO if step.undone else ActKind.REDO
        async with self._database.write() as connection:
            if not await self._next(connection, term, revision, key):
                return None
            await connection.execute(
                insert(draft_acts).values(
                    **(
                        _act_row(term, revision + 1, kind, step.seq, step)
                        | {"key": key, "by": by, "at": at}
                    )
                )
            )
            its = (draft_steps.c.term == term, draft_steps.c.seq == step.seq)
            await connection.execute(update(draft_steps).where(*its).values(undone=step.undone))
        return revision + 1

    async def empty_draft(
        self, term: TermId, touched: Images, *, revision: int, by: str, at: datetime, key: str
    ) -> int | None:
        """Throw every step away; answers as `add_step`. `touched` is what they were about."""
        async with self._database.write() as connection:
            if not await self._next(connection, term, revision, key):
                return None
            await connection.execute(delete(draft_steps).where(draft_steps.c.term == term))
            await connection.execute(
                insert(draft_acts).values(
                    term=term, revision=revision + 1, kind=ActKind.DISCARD.value, seq=None, key=key,
                    by=by, at=at, touched=_touched(touched),
                )
            )  # fmt: skip
        return revision + 1

    async def _next(
        self, connection: AsyncConnection, term: TermId, revision: int, key: str
    ) -> bool:
        """Take the next revision; False if somebody else has, or the key was used already.

        The draft's row is locked from then on, so a second request with the same key finds either
        the key or another revision.
        """
        if await rows(connection, select(draft_acts.c.seq).filter_by(term=term, key=key)):
            return False
        if revision == 0:
            await connection.execute(
                self._insert(drafts)
                .values(term=term, revision=0)
                .on_conflict_do_nothing(index_elements=["term"])
            )
        written = await connection.execute(
            update(drafts)
            .where(drafts.c.term == term, drafts.c.revision == revision)
            .values(revision=revision + 1)
        )
        return written.rowcount == 1


def _act_row(
    term: TermId, revision: int, kind: ActKind, seq: int | None, step: Step
) -> dict[str, Any]:
    return {
        "term": term,
        "revision": revision,
        "kind": kind.value,
        "seq": seq,
        "key": step.key,
        "by": step.by,
        "at": step.at,
        "touched": _touched(step.after),
    }


def _touched(images: Images) -> Mapping[str, list[str]]:
    return {"occurrences": sorted(images.occurrences), "series": sorted(images.series)}


def _act(row: Any) -> DraftAct:
    return DraftAct(
        revision=row.revision,
        kind=ActKind(row.kind),
        seq=row.seq,
        by=row.by,
        at=row.at,
        occurrences=frozenset(OccurrenceId(i) for i in row.touched["occurrences"]),
        series=frozenset(SeriesId(i) for i in row.touched["series"]),
    )


def _step(row: Any) -> Step:
    return step_from_dict(
        {
            **row.document, "seq": row.seq, "key": row.key, "by": row.by,
            "at": row.at.isoformat(), "undone": row.undone,
        }
    )  # fmt: skip
