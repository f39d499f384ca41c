"""Lesson runs and floors: read, decide, write only if nobody wrote in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Table, UpdateBase, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.documents import ShownPage
from ..domain.floor import Floor, RaisedHand
from ..domain.ids import ActId, OccurrenceId, SeatId
from ..domain.lesson import OVER, EndReason, LessonRun, LessonState
from ..domain.problems import ProblemError, ProblemKind
from ..domain.question import Question
from .columns import from_us, to_us
from .document_tables import page_turns
from .page_turns import turn_page
from .queries import IDS_PER_STATEMENT, Queries, in_chunks, rows
from .tables import acts, floors, leases, runs

_UNFINISHED: Final = (LessonState.OPEN.value, LessonState.LIVE.value)


class _ActDoneError(Exception):
    """The act is stored already: what was written with it is taken back."""


class LessonQueries(Queries):
    """`LessonStore` of the coordinator's ports."""

    async def get_run(self, occurrence: OccurrenceId) -> LessonRun | None:
        """The run, or None while nothing has happened yet."""
        return (await self.runs_of([occurrence])).get(occurrence)

    async def runs_of(
        self, occurrences: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, LessonRun]:
        """The runs that exist of these occurrences."""
        found: dict[OccurrenceId, LessonRun] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(list(occurrences)):
                statement = select(runs).where(runs.c.occurrence.in_(chunk))
                for row in await rows(connection, statement):
                    found[row.occurrence] = _run(row)
        return found

    async def unfinished_runs(self) -> Sequence[LessonRun]:
        """Runs that are open or live, by occurrence id."""
        statement = select(runs).where(runs.c.state.in_(_UNFINISHED)).order_by(runs.c.occurrence)
        async with self._database.read() as connection:
            return [_run(row) for row in await rows(connection, statement)]

    async def save_run(self, run: LessonRun, *, act: ActId | None = None) -> LessonRun | None:
        """Store `run` if the stored version equals `run.version` (0: none is stored yet).

        `act` is remembered in the same transaction. Returns the run with the next version, or None
        if another writer was first or the act was done already. A lesson that is over forgets its
        acts: nothing can be done in it any more. Raises KeyError for an unknown occurrence.
        """
        over = run.state in OVER
        saved = await self._save(runs, run.occurrence, run.version, _values(run), act, forget=over)
        return replace(run, version=run.version + 1) if saved else None

    async def save_runs(
        self, wanted: Iterable[LessonRun], *, epoch: int | None = None
    ) -> Mapping[OccurrenceId, LessonRun]:
        """As `save_run` for many at once, in one transaction; those that were stored, by id.

        What another writer was first with is missing from the answer. With `epoch` nothing is
        stored unless the scheduler's lease is still in that epoch: ProblemError `lease_lost`.
        Raises KeyError if an occurrence is unknown, and stores nothing then.
        """
        # Always in one order: two coordinators that store the same bell do not wait for each other.
        ordered = sorted(wanted, key=lambda run: run.occurrence)
        saved: dict[OccurrenceId, LessonRun] = {}
        try:
            async with self._database.write() as connection:
                if epoch is not None:
                    await self._require_epoch(connection, epoch)
                for at in range(0, len(ordered), IDS_PER_STATEMENT):
                    for run in await self._save_chunk(
                        connection, ordered[at : at + IDS_PER_STATEMENT]
                    ):
                        saved[run.occurrence] = replace(run, version=run.version + 1)
        except IntegrityError as error:  # the only constraint that is left is the foreign key
            raise KeyError(*(run.occurrence for run in ordered)) from error
        return saved

    async def _require_epoch(self, connection: AsyncConnection, epoch: int) -> None:
        """The lease is in this epoch, and stays so until the transaction ends."""
        lease = select(leases.c.epoch).with_for_update(read=True)
        current = (await connection.execute(lease)).scalar()
        if current != epoch:
            raise ProblemError(
                "lease_lost",
                f"课程调度已由另一协调器接管（第 {current} 任，本机为第 {epoch} 任）。无需操作。",
                f"Another coordinator drives the lessons now (epoch {current}, ours is {epoch})."
                " Nothing needs to be done.",
                kind=ProblemKind.CONFLICT,
                value=str(epoch),
            )

    async def _save_chunk(
        self, connection: AsyncConnection, wanted: Sequence[LessonRun]
    ) -> list[LessonRun]:
        """Those of these runs whose version was the stored one, now stored."""
        new = {run.occurrence: run for run in wanted if run.version == 0}
        later = {run.occurrence: run for run in wanted if run.version > 0}
        saved: list[LessonRun] = []
        if new:
            inserted = await connection.execute(
                self._insert(runs)
                .on_conflict_do_nothing(index_elements=["occurrence"])
                .returning(runs.c.occurrence),
                [_row(run) for run in new.values()],
            )
            saved += [new[row.occurrence] for row in inserted.all()]
        if later:
            # On SQLite the transaction is the only writer from its first moment.
            stored = (
                select(runs.c.occurrence, runs.c.version)
                .where(runs.c.occurrence.in_(list(later)))
                .order_by(runs.c.occurrence)
                .with_for_update()
            )
            versions = {row.occurrence: row.version for row in await rows(connection, stored)}
            mine = [run for run in later.values() if versions.get(run.occurrence) == run.version]
            if mine:
                await connection.execute(_UPDATE_RUN, [_row(run, key="its_id") for run in mine])
            saved += mine
        over = [run.occurrence for run in saved if run.state in OVER]
        if over:
            await connection.execute(delete(acts).where(acts.c.occurrence.in_(over)))
        return saved

    async def floors_of(self, occurrences: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Floor]:
        """The floors that somebody has touched, of these occurrences."""
        found: dict[OccurrenceId, Floor] = {}
        async with self._database.read() as connection:
            for chunk in in_chunks(list(occurrences)):
                statement = select(floors).where(floors.c.occurrence.in_(chunk))
                for row in await rows(connection, statement):
                    found[row.occurrence] = _floor(row)
        return found

    async def get_floor(self, occurrence: OccurrenceId) -> Floor | None:
        """The floor, or None if nobody has touched it."""
        statement = select(floors).where(floors.c.occurrence == occurrence)
        async with self._database.read() as connection:
            found = await rows(connection, statement)
        return _floor(found[0]) if found else None

    async def save_floor(
        self, floor: Floor, *, act: ActId | None = None, turned_at: datetime | None = None
    ) -> Floor | None:
        """As `save_run`. `turned_at`: its page is another one since then, which is remembered."""
        values = {
            "hands": [[h.seat, to_us(h.at)] for h in floor.hands],
            "called_on": floor.called_on,
            "called_at": floor.called_at,
            "muted": floor.muted,
            "quiet": floor.quiet,
            "turns": dict(floor.turns),
            "present": dict(floor.present),
            "questions": [_question_document(q) for q in floor.questions],
            "document": None if floor.page is None else floor.page.document,
            "page": None if floor.page is None else floor.page.page,
        }
        turn = None if turned_at is None else (floor.page, turned_at)
        saved = await self._save(floors, floor.occurrence, floor.version, values, act, turn=turn)
        return replace(floor, version=floor.version + 1) if saved else None

    async def act_done(self, occurrence: OccurrenceId, act: ActId) -> bool:
        """Whether a run or floor was stored with this act; known until the lesson is over."""
        statement = select(acts.c.id).where(acts.c.occurrence == occurrence, acts.c.id == act)
        async with self._database.read() as connection:
            return bool(await rows(connection, statement))

    async def _save(
        self,
        table: Table,
        occurrence: OccurrenceId,
        version: int,
        values: dict[str, Any],
        act: ActId | None,
        *,
        forget: bool = False,
        turn: tuple[ShownPage | None, datetime] | None = None,
    ) -> bool:
        """Write the next version over `version`; whether that version was the stored one."""
        values = {**values, "version": version + 1}
        try:
            async with self._database.write() as connection:
                if not await self._write(connection, table, occurrence, version, values):
                    return False
                if act is not None:
                    await self._once(connection, occurrence, act)
                if turn is not None:
                    await turn_page(connection, self._insert(page_turns), occurrence, *turn)
                if forget:
                    await connection.execute(delete(acts).where(acts.c.occurrence == occurrence))
                return True
        except _ActDoneError:
            return False
        except IntegrityError as error:  # the only constraint that is left is the foreign key
            raise KeyError(occurrence) from error

    async def _write(
        self,
        connection: AsyncConnection,
        table: Table,
        occurrence: OccurrenceId,
        version: int,
        values: dict[str, Any],
    ) -> bool:
        if version > 0:
            statement: UpdateBase = (
                update(table)
                .where(table.c.occurrence == occurrence, table.c.version == version)
                .values(**values)
            )
        else:
            statement = (
                self._insert(table)
                .values(occurrence=occurrence, **values)
                .on_conflict_do_nothing(index_elements=["occurrence"])
            )
        return (await connection.execute(statement)).rowcount == 1

    async def _once(
        self, connection: AsyncConnection, occurrence: OccurrenceId, act: ActId
    ) -> None:
        """Remember the act, after the row it changed is locked: so nobody waits for two."""
        written = await connection.execute(
            self._insert(acts)
            .values(occurrence=occurrence, id=act)
            .on_conflict_do_nothing(index_elements=["occurrence", "id"])
        )
        if written.rowcount != 1:
            raise _ActDoneError


_UPDATE_RUN: Final = (
    update(runs)
    .where(runs.c.occurrence == bindparam("its_id"))
    .values({c.name: bindparam(c.name) for c in runs.c if not c.primary_key})
)


def _values(run: LessonRun) -> dict[str, Any]:
    """Everything of a run but its id and version."""
    return {
        "state": run.state.value,
        "opened_at": run.opened_at,
        "live_at": run.live_at,
        "ended_at": run.ended_at,
        "end_reason": None if run.end_reason is None else run.end_reason.value,
        "extended_s": run.extended_s,
        "host_lost_at": run.host_lost_at,
    }


def _row(run: LessonRun, *, key: str = "occurrence") -> dict[str, Any]:
    """A run's row with the next version."""
    return {key: run.occurrence, "version": run.version + 1, **_values(run)}


def _run(row: Any) -> LessonRun:
    return LessonRun(
        occurrence=row.occurrence,
        state=LessonState(row.state),
        opened_at=row.opened_at,
        live_at=row.live_at,
        ended_at=row.ended_at,
        end_reason=None if row.end_reason is None else EndReason(row.end_reason),
        extended_s=row.extended_s,
        host_lost_at=row.host_lost_at,
        version=row.version,
    )


def _question_document(question: Question) -> dict[str, Any]:
    """A question as it is stored; instants in microseconds."""
    return {
        "text": question.text,
        "options": list(question.options),
        "asked": to_us(question.asked_at),
        "closed": None if question.closed_at is None else to_us(question.closed_at),
        "shown": question.shown,
        "answers": {seat: list(counts) for seat, counts in question.answers.items()},
    }


def _question(number: int, stored: Mapping[str, Any]) -> Question:
    return Question(
        number=number,
        text=stored["text"],
        options=tuple(stored["options"]),
        asked_at=from_us(stored["asked"]),
        closed_at=None if stored["closed"] is None else from_us(stored["closed"]),
        shown=stored["shown"],
        answers={SeatId(seat): tuple(counts) for seat, counts in stored["answers"].items()},
    )


def _floor(row: Any) -> Floor:
    return Floor(
        occurrence=row.occurrence,
        hands=tuple(RaisedHand(SeatId(seat), from_us(us)) for seat, us in row.hands),
        called_on=row.called_on,
        called_at=row.called_at,
        muted=row.muted,
        quiet=row.quiet,
        turns={SeatId(seat): turns for seat, turns in (row.turns or {}).items()},
        present={SeatId(seat): present for seat, present in row.present.items()},
        questions=tuple(_question(n, q) for n, q in enumerate(row.questions or (), start=1)),
        page=None if row.document is None else ShownPage(row.document, row.page),
        version=row.version,
    )
