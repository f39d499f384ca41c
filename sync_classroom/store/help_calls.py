"""Calls for help: kept once, answered once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from ..domain.help_calls import HelpCall
from ..domain.ids import ActId, ClassroomId
from .account_tables import help_calls
from .queries import Queries, rows


class HelpQueries(Queries):
    """`HelpStore` of the coordinator's ports."""

    async def add_help_call(self, call: HelpCall) -> None:
        """Keep a call; one whose id is there already is left as it is."""
        values = {
            "id": call.id,
            "classroom": call.classroom,
            "terminal": call.terminal,
            "lesson": call.lesson,
            "at": call.at,
            "text": call.text,
            "state": dict(call.state),
            "answered_by": call.answered_by,
            "answered_at": call.answered_at,
        }
        statement = (
            self._insert(help_calls).values(**values).on_conflict_do_nothing(index_elements=["id"])
        )
        async with self._database.write() as connection:
            await connection.execute(statement)

    async def get_help_call(self, call: ActId) -> HelpCall | None:
        """One call."""
        async with self._database.read() as connection:
            found = await rows(connection, select(help_calls).where(help_calls.c.id == call))
        return _call(found[0]) if found else None

    async def help_calls(
        self,
        *,
        classroom: ClassroomId | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        limit: int,
    ) -> Sequence[HelpCall]:
        """The latest calls, newest first: of one room, in `[since, before)`, aware."""
        c = help_calls.c
        statement = select(help_calls).order_by(c.at.desc(), c.id.desc()).limit(limit)
        if classroom is not None:
            statement = statement.where(c.classroom == classroom)
        if since is not None:
            statement = statement.where(c.at >= since)
        if before is not None:
            statement = statement.where(c.at < before)
        async with self._database.read() as connection:
            return [_call(row) for row in await rows(connection, statement)]

    async def answer_help_call(self, call: ActId, *, by: str, at: datetime) -> bool:
        """Note who answered; False if it was answered before, or is unknown."""
        statement = (
            update(help_calls)
            .where(help_calls.c.id == call, help_calls.c.answered_at.is_(None))
            .values(answered_by=by, answered_at=at)
        )
        async with self._database.write() as connection:
            return (await connection.execute(statement)).rowcount == 1


def _call(row: Any) -> HelpCall:
    return HelpCall(**row._mapping)
