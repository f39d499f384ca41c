"""The mark of a database of simulated data: set before anything else, never taken away."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select

from .queries import Queries, rows
from .tables import schools, simulation


class SimulationQueries(Queries):
    """`SimulationStore` of the coordinator's ports."""

    async def is_simulated(self) -> bool:
        """Whether everything in this database is made up."""
        async with self._database.read() as connection:
            return bool(await rows(connection, select(simulation.c.id)))

    async def mark_simulated(self, *, seed: int, until: date, at: datetime) -> bool:
        """Mark an empty database for good; False, and nothing done, if it has a roster already."""
        async with self._database.write() as connection:
            if await rows(connection, select(schools.c.id).limit(1)):
                return False
            await connection.execute(
                self._insert(simulation)
                .values(id=1, seed=seed, until=until, marked_at=at)
                .on_conflict_do_nothing(index_elements=["id"])
            )
        return True


def is_marked_file(file: Path) -> bool:
    """Whether an SQLite file is marked as simulated. It is only read, and never made or migrated.

    Anything else than a database of ours that bears the mark is not.
    """
    try:
        with closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        ) as connection:
            return connection.execute("SELECT id FROM simulation").fetchone() is not None
    except sqlite3.Error:
        return False
