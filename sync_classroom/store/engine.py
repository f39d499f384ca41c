"""Connections: where a database URL leads, how each engine is set up, and its transactions."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import (
    ArgumentError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from ..domain.problems import ProblemError, ProblemKind
from . import sqlite_trips
from .failures import problem_of

# SQLite waits this long for another process's writer before it says "database is locked".
BUSY_TIMEOUT_MS: Final = 5_000
# Between two tries to have the file alone, which a start needs for some milliseconds.
WAL_RETRY_S: Final = 0.01
# Enough for the pages, the sockets and the ingest of one coordinator on two cores; more
# connections would only queue inside the database instead of here.
POOL_SIZE: Final = 10
POOL_OVERFLOW: Final = 5
# A request that gets no connection for this long is answered "try again" instead of waiting on.
POOL_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 10.0
# No statement of ours is slow; one that takes longer than this hangs on a lock or a dead network.
STATEMENT_TIMEOUT_S: Final = 60.0

_READ_ONLY: Final = "sync_classroom_read_only"
_POSTGRES_SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
_SQLITE_SCHEMES: Final = ("sqlite", "sqlite+aiosqlite")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database is. `shown` is what people may read: it never contains a password.

    `file` is SQLite's file; None for PostgreSQL and for a database in memory.
    """

    url: URL
    shown: str
    file: Path | None

    @property
    def sqlite(self) -> bool:
        """Whether it is SQLite (otherwise PostgreSQL)."""
        return self.url.get_backend_name() == "sqlite"


def parse_place(url: str, data_dir: Path | None) -> Place:
    """Understand a database URL; a relative SQLite path is taken from `data_dir`.

    Raises ProblemError `database_url` for anything that is neither SQLite nor PostgreSQL.
    """
    try:
        parsed = make_url(url)
        scheme = parsed.drivername
    except (ArgumentError, ValueError):
        raise _bad_url(url) from None
    if scheme in _SQLITE_SCHEMES:
        return _sqlite_place(parsed, data_dir)
    if scheme in _POSTGRES_SCHEMES:
        return _postgres_place(parsed)
    raise _bad_url(url)


def _bad_url(url: str) -> ProblemError:
    scheme = url.partition("://")[0] if "://" in url else ""
    return ProblemError(
        "database_url",
        f"无法识别数据库地址（类型“{scheme}”）。请写成 sqlite:///文件名 或"
        " postgresql://用户:密码@主机/数据库。",
        f"the database URL (of type {scheme!r}) is not understood: write"
        " sqlite:///file or postgresql://user:password@host/database",
        field="store.url",
        value=scheme,
    )


def _sqlite_place(url: URL, data_dir: Path | None) -> Place:
    if not url.database or url.database == ":memory:":
        return Place(url.set(drivername="sqlite+aiosqlite"), "sqlite://", None)
    file = Path(url.database)
    if not file.is_absolute():
        file = (data_dir or Path()) / file
    file = file.absolute()
    return Place(url.set(drivername="sqlite+aiosqlite", database=str(file)), str(file), file)


def _postgres_place(url: URL) -> Place:
    query = dict(url.query)
    # libpq's name for it, which people copy from other tools; asyncpg calls it `ssl`.
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    host = url.host or query.get("host", "localhost")
    shown = f"postgresql://{host}:{url.port or 5432}/{url.database or ''}"
    return Place(url.set(drivername="postgresql+asyncpg", query=query), shown, None)


def prepare_file(file: Path) -> None:
    """Make the folder and the file of a new database, readable by its owner only, in WAL mode.

    SQLite gives its -wal and -shm files the permissions of the database file; the mode is written
    in the file and stays. Raises ProblemError `database_file` if that cannot be done,
    `database_corrupt` if the file is no database, `database_locked` if another program holds it.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            status = os.fstat(descriptor)
            if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
                os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
        _use_wal(file)
    except (OSError, sqlite3.Error) as error:
        raise problem_of(error, str(file)) from error


def _use_wal(file: Path) -> None:
    """Put the file into WAL mode, if it is not in it.

    The change needs the file for itself, and of several programs that ask at once SQLite refuses
    all but one without waiting, whatever the busy timeout: waiting is done here.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() > deadline:
                    raise
                time.sleep(WAL_RETRY_S)
            else:
                return


class Transactions:
    """The only way to a connection: `read()` and `write()`, each one transaction.

    A failure of the database leaves them as a ProblemError, a naive instant as a ValueError; an
    IntegrityError passes as it is, for the caller who knows what it means.
    """

    def __init__(self, engine: AsyncEngine, place: Place) -> None:
        self.engine = engine
        self.place = place
        # SQLite has one writer. Waiting for it here is fair and wakes at once; SQLite's own
        # waiting is a sleep that grows to 0.1 s and favours whoever comes late.
        self._writer = asyncio.Lock() if place.sqlite else None

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent snapshot, however many statements."""
        options: dict[str, Any] = {_READ_ONLY: True}
        if not self.place.sqlite:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        async with self._connection(options) as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that is committed at the end, or rolled back if the block raises.

        On SQLite it is the only writer from its first moment. On PostgreSQL it is READ COMMITTED,
        so that a statement after a lock sees what the lock was waiting for.
        """
        async with AsyncExitStack() as stack:
            if self._writer is not None:
                await stack.enter_async_context(self._writer)
            connection = await stack.enter_async_context(self._connection({}))
            yield connection

    @asynccontextmanager
    async def _connection(self, options: dict[str, Any]) -> AsyncIterator[AsyncConnection]:
        try:
            async with self.engine.connect() as connection:
                if options:
                    await connection.execution_options(**options)
                async with connection.begin():
                    yield connection
        except (IntegrityError, ProblemError):
            raise
        except (SQLAlchemyError, OSError, OverflowError, TimeoutError) as error:
            if isinstance(error, StatementError) and isinstance(error.orig, ValueError):
                raise error.orig from error  # a column type refused the value, not the database
            raise problem_of(error, self.place.shown) from error


def make_engine(place: Place) -> AsyncEngine:
    """An engine for `place`; connects to nothing yet.

    Raises ProblemError `database_driver_missing` if PostgreSQL's driver is not installed, and
    `database_url` if the URL has options the driver does not know.
    """
    try:
        if place.sqlite:
            return _sqlite_engine(place)
        return create_async_engine(
            place.url,
            hide_parameters=True,
            # Said, because a server may have another default, under which writers fail at random.
            isolation_level="READ COMMITTED",
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_TIMEOUT_S,
            pool_pre_ping=True,
            connect_args={
                "timeout": CONNECT_TIMEOUT_S,
                "command_timeout": STATEMENT_TIMEOUT_S,
                "server_settings": {"application_name": "sync-classroom", "timezone": "UTC"},
            },
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ProblemError(
            "database_driver_missing",
            "缺少 PostgreSQL 驱动 asyncpg。"
            "请运行 pip install 'sync-classroom[postgres]' 后再启动。",
            "PostgreSQL's driver asyncpg is not installed:"
            " run pip install 'sync-classroom[postgres]' and start again",
            kind=ProblemKind.UNAVAILABLE,
            field="store.url",
            value=place.shown,
        ) from error


def _sqlite_engine(place: Place) -> AsyncEngine:
    in_memory = place.file is None
    engine = create_async_engine(
        place.url,
        hide_parameters=True,
        # A database in memory lives in its one connection; a second would be another database.
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1 if in_memory else POOL_SIZE,
        max_overflow=0 if in_memory else POOL_OVERFLOW,
        pool_timeout=POOL_TIMEOUT_S,
        # The driver's own transaction handling begins late and read-only, which loses updates;
        # with None it keeps out, and `_begin` says what begins.
        connect_args={"isolation_level": None, "async_creator_fn": sqlite_trips.connect},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        # A relay forgets what was confirmed to it, so a commit must survive a power cut.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        # Without this INSERT OR REPLACE deletes rows past the trigger that protects them.
        cursor.execute("PRAGMA recursive_triggers = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get(_READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
