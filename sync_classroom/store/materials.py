"""Files that belong to research sessions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select

from ..domain.ids import OccurrenceId, ResourceId
from ..domain.research import SessionFile
from .material_tables import research_files
from .queries import Queries, rows

# A constant of our own: whoever counts files to add one holds it.
FILES_LOCK: Final = 0x5C_1A55_0035


class MaterialQueries(Queries):
    """`MaterialStore` of the coordinator's ports."""

    async def files_of(self, session: OccurrenceId) -> Sequence[SessionFile]:
        """The files of a session, as they were added."""
        t = research_files.c
        statement = select(research_files).where(t.session == session).order_by(t.at, t.resource)
        async with self._database.read() as connection:
            return [_file(row) for row in await rows(connection, statement)]

    async def add_file(self, file: SessionFile, *, most: int) -> bool:
        """Store a file, a resource once in a session; False if there are `most` others."""
        t = research_files.c
        mine = t.session == file.session
        count = select(func.count()).where(mine, t.resource != file.resource)
        values = {name: getattr(file, name) for name in SessionFile.__slots__}
        statement = self._insert(research_files).values(**values)
        async with self._database.write() as connection:
            await self._alone(connection, FILES_LOCK)
            if (await connection.scalar(count) or 0) >= most:
                return False
            await connection.execute(
                statement.on_conflict_do_nothing(index_elements=["session", "resource"])
            )
        return True

    async def remove_file(self, session: OccurrenceId, resource: ResourceId) -> None:
        """A file no longer belongs to a session; the library keeps it."""
        t = research_files.c
        async with self._database.write() as connection:
            await connection.execute(
                delete(research_files).where(t.session == session, t.resource == resource)
            )


def _file(row: Any) -> SessionFile:
    return SessionFile(row.session, row.resource, row.no, row.title, row.at, row.by)
