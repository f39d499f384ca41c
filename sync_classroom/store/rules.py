"""Versions of the rules, and the change from one to the next without a moment of mixed figures.

The results under the new version are made beside the old ones, which are read until every lesson
has its new ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..domain.bundle import parse_rules
from ..domain.rules import DEFAULT, RulesState, RulesVersion
from .queries import Queries, rows
from .rollup_tables import (
    lessons_aside,
    rolled_spans,
    rollup_classes,
    rollup_week_classes,
    rollups,
    rules_in_force,
    rules_versions,
    seat_results,
    stale_results,
)
from .rollups import ROLLUP_LOCK
from .tables import occurrences

# Days of results that are deleted in one transaction.
_DAYS_AT_ONCE: Final = 20
_FIRST: Final = RulesVersion(1, DEFAULT)


class RulesQueries(Queries):
    """`RulesStore` of the coordinator's ports."""

    async def rules_versions(self) -> Sequence[RulesVersion]:
        """Every version, the first one first."""
        async with self._database.read() as connection:
            return await _versions(connection)

    async def rules_by_key(self, key: str) -> RulesVersion | None:
        """The version a key made, or None."""
        statement = select(rules_versions.c.number).where(rules_versions.c.key == key)
        async with self._database.read() as connection:
            made = {row.number for row in await rows(connection, statement)}
            return next((v for v in await _versions(connection) if v.number in made), None)

    async def add_rules(
        self,
        changes: Mapping[str, Any],
        *,
        valid_from: date,
        at: datetime,
        by: str,
        reason: str,
        key: str,
    ) -> RulesVersion:
        """A new version: the latest with some changes; the same `key` again is the same version.

        MalformedError (a ValueError) for a rule there is not, or a value it cannot have.
        """
        table = rules_versions
        async with self._database.write() as connection:
            await self._alone(connection, ROLLUP_LOCK)
            known = await _versions(connection)
            before = await rows(connection, select(table.c.number).where(table.c.key == key))
            if before:
                return next(v for v in known if v.number == before[0].number)
            number = known[-1].number + 1
            values = {**known[-1].rules.to_dict(), **changes, "version": str(number)}
            document = parse_rules(values).to_dict()
            row = {
                "number": number,
                "document": document,
                "valid_from": valid_from,
                "at": at,
                "by": by,
                "reason": reason,
            }
            await connection.execute(insert(table).values(key=key, **row))
            return (await _versions(connection))[-1]

    async def rules_state(self) -> RulesState:
        """Which version's results are read, and which are being made."""
        async with self._database.read() as connection:
            return await _state(connection)

    async def begin_rules(self, number: int) -> None:
        """Have every lesson counted under a version, too; nothing if that has begun already."""
        async with self._database.write() as connection:
            await self._alone(connection, ROLLUP_LOCK)
            state = await _state(connection)
            if number in state.kept:
                return
            every = select(occurrences.c.id)
            await connection.execute(insert(stale_results).from_select(["occurrence"], every))
            until = select(func.coalesce(func.max(stale_results.c.seq), 0))
            values = {
                "number": state.number,
                "building": number,
                "until": (await connection.execute(until)).scalar_one(),
            }
            await connection.execute(
                self._insert(rules_in_force)
                .values(id=1, **values)
                .on_conflict_do_update(index_elements=["id"], set_=values)
            )

    async def finish_rules(self) -> bool:
        """Read the results of the version being made, once every lesson has them."""
        table = rules_in_force
        async with self._database.write() as connection:
            await self._alone(connection, ROLLUP_LOCK)
            state = await _state(connection)
            if state.building is None:
                return False
            until = select(table.c.until).scalar_subquery()
            # A lesson that cannot be counted has no results until it can; it holds up no others.
            aside = select(lessons_aside.c.occurrence)
            left = (
                select(stale_results.c.seq)
                .where(stale_results.c.seq <= until, stale_results.c.occurrence.not_in(aside))
                .limit(1)
            )
            if await rows(connection, left):
                return False
            await connection.execute(update(table).values(number=state.building, building=None))
            return True

    async def forget_results(self, kept: Sequence[int]) -> bool:
        """Delete some results of versions that are not kept; whether there were any."""
        unkept = seat_results.c.rules.not_in(list(kept))
        async with self._database.write() as connection:
            await self._alone(connection, ROLLUP_LOCK)
            if set((await _state(connection)).kept) - set(kept):
                return False
            days = select(seat_results.c.date).where(unkept).distinct().limit(_DAYS_AT_ONCE)
            dates = [row.date for row in await rows(connection, days)]
            if dates:
                await connection.execute(
                    delete(seat_results).where(unkept, seat_results.c.date.in_(dates))
                )
                return True
            for table in (rollups, rollup_classes, rollup_week_classes, rolled_spans):
                await connection.execute(delete(table).where(table.c.rules.not_in(list(kept))))
            return False


async def _versions(connection: AsyncConnection) -> list[RulesVersion]:
    statement = select(rules_versions).order_by(rules_versions.c.number)
    return [
        _FIRST,
        *(
            RulesVersion(
                row.number, parse_rules(row.document), row.valid_from, row.at, row.by, row.reason
            )
            for row in await rows(connection, statement)
        ),
    ]


async def _state(connection: AsyncConnection) -> RulesState:
    found = await rows(connection, select(rules_in_force))
    return RulesState(found[0].number, found[0].building) if found else RulesState()
