"""The tables in code are the tables the migrations make, on both engines."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, ForeignKeyConstraint, inspect

from sync_classroom.store.database import Database
from sync_classroom.store.tables import metadata


@pytest.mark.asyncio
async def test_models_equal_migrations(store: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, metadata))

    async with store._database.read() as connection:
        assert await connection.run_sync(differences) == []


@pytest.mark.asyncio
async def test_constraints_that_alembic_does_not_compare_are_equal_too(store: Database) -> None:
    def stored(connection: Connection) -> dict[str, set[str | None]]:
        inspector = inspect(connection)
        return {
            table: {str(c["name"]) for c in inspector.get_check_constraints(table)}
            for table in metadata.tables
        }

    async with store._database.read() as connection:
        checks = await connection.run_sync(stored)
    wanted = {
        name: {str(c.name) for c in table.constraints if isinstance(c, CheckConstraint)}
        for name, table in metadata.tables.items()
    }
    assert checks == wanted
    assert sum(len(names) for names in wanted.values()) == 6


def test_facts_have_no_foreign_key() -> None:
    """Evidence is never refused because of what the plan does not know."""
    constraints = metadata.tables["facts"].constraints
    assert not [c for c in constraints if isinstance(c, ForeignKeyConstraint)]
