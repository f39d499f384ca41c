"""Brings a database to the newest version at start, however many coordinators start at once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ..domain.problems import ProblemError, ProblemKind
from .engine import Transactions

# Any constant of our own: whoever holds this lock in a PostgreSQL database is migrating it.
MIGRATION_LOCK: Final = 0x5C_1A55_0001
# Another coordinator's migration is waited for this long, then the start fails and says so. Below
# the time any statement may take, so that it is the lock that is reported.
LOCK_TIMEOUT: Final = "50s"


async def migrate(database: Transactions) -> None:
    """Run the missing steps in one transaction, or none if it is up to date.

    A second coordinator that starts at the same moment waits and then finds nothing to do: on
    SQLite for the write lock, on PostgreSQL for an advisory lock. Raises ProblemError
    `database_newer` if a newer program version has been here.
    """
    async with database.write() as connection:
        if not database.place.sqlite:
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK}
            )
        await connection.run_sync(_upgrade, database.place.shown)


@cache
def _scripts() -> ScriptDirectory:
    """The steps, read once: a process that opens several stores finds the same ones each time."""
    return ScriptDirectory(str(files(__package__) / "migrations"))


def _upgrade(connection: Connection, shown: str) -> None:
    """Run the steps. Each gets `op` as an argument: Alembic's module-wide `op` would be shared by
    two stores that are opened at once in one process."""
    script = _scripts()

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("heads", revision)

    context = MigrationContext.configure(
        connection, opts={"fn": steps, "script": script, "transactional_ddl": True}
    )
    current = set(context.get_current_heads())
    newer = current - {step.revision for step in script.walk_revisions()}
    if newer:
        raise _newer(shown, ", ".join(sorted(newer)))
    if current != set(script.get_heads()):
        context.run_migrations(op=Operations(context))


def _newer(shown: str, revision: str) -> ProblemError:
    return ProblemError(
        "database_newer",
        f"数据库 {shown} 已由更新版本的程序升级（版本 {revision}）。请安装同样新的 sync-classroom，"
        "或使用升级前的备份。",
        f"the database {shown} was upgraded by a newer version of the program (step {revision}):"
        " install a sync-classroom at least as new, or use the backup from before the upgrade",
        kind=ProblemKind.UNAVAILABLE,
        field="store.url",
        value=revision,
    )
