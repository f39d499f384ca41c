"""What terminals noted themselves: taken once, sealed among the facts, read to be compared."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.ids import FactId, OccurrenceId, SeatId
from ..domain.terminal_journal import TerminalSample, grouped, seal
from .chain import CHAIN_LOCK
from .facts import ROWS_AT_ONCE, FactQueries
from .journal_tables import terminal_samples
from .queries import in_chunks, insert_rows, rows

_FIELDS: Final = tuple(TerminalSample.__slots__)
_SELECT: Final = select(*(terminal_samples.c[name] for name in _FIELDS))
_ORDER: Final = (terminal_samples.c.occurrence, terminal_samples.c.from_at, terminal_samples.c.id)


class TerminalJournalQueries(FactQueries):
    """`TerminalJournalStore` of the coordinator's ports."""

    async def append_samples(
        self, samples: Sequence[TerminalSample], *, received_at: datetime
    ) -> int:
        """Take the samples whose id is new, seal them among the facts; how many were.

        All or nothing, with the seals' place in the chain.
        """
        async with self._database.write() as connection:
            await self._alone(connection, CHAIN_LOCK)
            # Held: whoever sends the same samples at once waits here and then sees ours.
            known = await _known(connection, [s.id for s in samples])
            new = {s.id: s for s in reversed(samples) if s.id not in known}
            if not new:
                return 0
            groups = grouped(new.values())
            taken = [_row(sample) for group in groups for sample in group]
            await insert_rows(connection, insert(terminal_samples), taken)
            await self.append_alone(connection, [seal(group) for group in groups], received_at)
            return len(new)

    async def count_samples(self, occurrence: OccurrenceId, seat: SeatId) -> int:
        """How many samples of one seat there are."""
        statement = select(func.count()).where(
            terminal_samples.c.occurrence == occurrence, terminal_samples.c.seat == seat
        )
        async with self._database.read() as connection:
            found: int = (await connection.execute(statement)).scalar_one()
            return found

    async def samples_of(self, lessons: Collection[OccurrenceId]) -> Sequence[TerminalSample]:
        """What terminals noted in these lessons, by lesson, time and id."""
        return await self._samples(terminal_samples.c.occurrence, lessons)

    async def sealed_samples(self, journals: Collection[FactId]) -> Sequence[TerminalSample]:
        """The samples under these seals, as far as they are still there."""
        return await self._samples(terminal_samples.c.journal, journals)

    async def _samples(self, column: Any, wanted: Collection[str]) -> list[TerminalSample]:
        found: list[TerminalSample] = []
        async with self._database.read() as connection:
            for chunk in in_chunks(sorted(set(wanted))):
                statement = _SELECT.where(column.in_(chunk)).order_by(*_ORDER)
                async with connection.stream(statement) as result:
                    async for part in result.partitions(ROWS_AT_ONCE):
                        found.extend(TerminalSample(*row) for row in part)
        return found


async def _known(connection: AsyncConnection, ids: Sequence[FactId]) -> set[FactId]:
    found: set[FactId] = set()
    for chunk in in_chunks(ids):
        statement = select(terminal_samples.c.id).where(terminal_samples.c.id.in_(chunk))
        found |= {row.id for row in await rows(connection, statement)}
    return found


def _row(sample: TerminalSample) -> dict[str, Any]:
    return {name: getattr(sample, name) for name in _FIELDS}
