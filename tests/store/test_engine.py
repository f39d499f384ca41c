"""Where a URL leads, and what the engines promise: one writer, snapshots, nothing left open."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import text

from sync_classroom.domain.problems import ProblemError
from sync_classroom.store import engine
from sync_classroom.store.database import Database, open_store
from sync_classroom.store.engine import parse_place, prepare_file
from tests.support.databases import Postgres
from tests.support.plans import at

# ---------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    ("url", "driver", "shown"),
    [
        ("postgresql://u:secret@db:5433/sc", "postgresql+asyncpg", "postgresql://db:5433/sc"),
        ("postgres://u:secret@db/sc", "postgresql+asyncpg", "postgresql://db:5432/sc"),
        (
            "postgresql+asyncpg://db/sc?password=secret",
            "postgresql+asyncpg",
            "postgresql://db:5432/sc",
        ),
        ("sqlite:////var/x.db", "sqlite+aiosqlite", "/var/x.db"),
        ("sqlite:///x.db", "sqlite+aiosqlite", "/data/x.db"),
        ("sqlite:///sub/x.db", "sqlite+aiosqlite", "/data/sub/x.db"),
        ("sqlite://", "sqlite+aiosqlite", "sqlite://"),
        ("sqlite:///:memory:", "sqlite+aiosqlite", "sqlite://"),
    ],
)
def test_a_url_leads_to_a_place_that_shows_no_password(url: str, driver: str, shown: str) -> None:
    place = parse_place(url, Path("/data"))
    assert (place.url.drivername, place.shown) == (driver, shown)
    assert place.sqlite == url.startswith("sqlite")


def test_libpq_s_sslmode_is_understood() -> None:
    place = parse_place("postgresql://db/sc?sslmode=require", None)
    assert dict(place.url.query) == {"ssl": "require"}


@pytest.mark.parametrize(
    ("url", "scheme"),
    [
        ("mysql://root:secret@db/sc", "mysql"),
        ("postgresql+psycopg2://root:secret@db/sc", "postgresql+psycopg2"),
        ("postgresql://root:secret@db:port/sc", "postgresql"),
        ("root:secret@db", ""),
        ("", ""),
    ],
)
def test_another_url_is_refused_without_repeating_it(url: str, scheme: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_place(url, None)
    refused = caught.value
    assert (refused.code, refused.field, refused.value) == ("database_url", "store.url", scheme)
    assert "secret" not in f"{refused.zh}{refused.en}{refused.value}"
    assert refused.__cause__ is None


# ---------------------------------------------------------------------------- files


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_and_folder_belong_to_their_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "a" / "store.db"
    prepare_file(file)
    assert (mode(file), mode(file.parent)) == (0o600, 0o700)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    with closing(sqlite3.connect(file)) as before:
        before.executescript("CREATE TABLE kept (n); INSERT INTO kept VALUES (7);")
    file.chmod(0o664)
    prepare_file(file)
    assert mode(file) == 0o600
    with closing(sqlite3.connect(file)) as after:
        assert after.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_bytes(b"a letter to the bureau" * 100)
    with pytest.raises(ProblemError) as caught:
        prepare_file(file)
    assert (caught.value.code, caught.value.value) == ("database_corrupt", str(file))
    assert file.read_bytes() == b"a letter to the bureau" * 100


def test_eight_programs_that_prepare_one_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    # In the change of the journal's mode SQLite refuses at once, not after the busy timeout, one
    # of two that meet: in about every fourteenth round of eight.
    with ThreadPoolExecutor(8) as programs:
        for n in range(100):
            file = tmp_path / f"{n}.db"
            together = Barrier(8)

            def prepare(file: Path = file, together: Barrier = together) -> None:
                together.wait()
                prepare_file(file)

            for done in [programs.submit(prepare) for _ in range(8)]:
                done.result()
            with closing(sqlite3.connect(file)) as prepared:
                assert prepared.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_held_by_another_program_is_said_to_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    file = tmp_path / "store.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ProblemError) as caught:
            prepare_file(file)
        assert caught.value.code == "database_locked"
        holder.execute("ROLLBACK")
    prepare_file(file)


@pytest.mark.asyncio
async def test_every_file_sqlite_makes_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store = await open_store("sqlite:///new/store.db", data_dir=tmp_path)
        await store.hold_lease("a", for_s=30)
        made = {p.name: mode(p) for p in (tmp_path / "new").iterdir()}
        await store.close()
    finally:
        os.umask(previous)
    assert made == {"store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600}


# ---------------------------------------------------------------------------- transactions


@pytest.mark.asyncio
async def test_sqlite_is_set_up_to_keep_what_it_confirmed(tmp_path: Path) -> None:
    store = await open_store("sqlite:///store.db", data_dir=tmp_path)
    async with store._database.read() as connection:
        found = {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "recursive_triggers",
            )
        }
    await store.close()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "recursive_triggers": 1,
    }


@pytest.mark.asyncio
async def test_a_database_in_memory_serves_many_tasks(tmp_path: Path) -> None:
    store = await open_store("sqlite://", data_dir=tmp_path)
    leases = await asyncio.gather(*(store.hold_lease(f"h{n}", for_s=30) for n in range(10)))
    assert len(set(leases)) == 1
    assert os.listdir(tmp_path) == []  # noqa: PTH208 -- pathlib is refused in async code
    await store.close()


@pytest.mark.asyncio
async def test_simultaneous_read_then_write_loses_no_update_on_sqlite(tmp_path: Path) -> None:
    """Each adds one to what it read. PostgreSQL's READ COMMITTED would need a lock for this, which
    the store takes where it matters; SQLite's writers come one after the other."""
    url = f"sqlite:///{tmp_path / 'store.db'}"
    store = await open_store(url, data_dir=None)
    await store.hold_lease("a", for_s=3000)
    stores = [await open_store(url, data_dir=None) for _ in range(4)]

    async def add_one(database: Database) -> None:
        async with database._database.write() as connection:
            epoch = (await connection.execute(text("SELECT epoch FROM leases"))).scalar_one()
            await asyncio.sleep(0)
            await connection.execute(text("UPDATE leases SET epoch = :e"), {"e": epoch + 1})

    await asyncio.gather(*(add_one(s) for s in stores for _ in range(10)))
    assert (await store.hold_lease("a", for_s=30)).epoch == 41
    for other in (store, *stores):
        await other.close()


@pytest.mark.asyncio
async def test_a_reader_sees_one_snapshot_while_a_writer_commits(
    store: Database, database_url: str
) -> None:
    other = await open_store(database_url, data_dir=None)
    async with store._database.read() as connection:
        count = text("SELECT count(*) FROM leases")
        assert (await connection.execute(count)).scalar() == 0
        await other.hold_lease("a", for_s=30)
        assert (await connection.execute(count)).scalar() == 0
    async with store._database.read() as connection:
        assert (await connection.execute(count)).scalar() == 1
    await other.close()


@pytest.mark.asyncio
@pytest.mark.postgres
async def test_a_read_cannot_write_on_postgresql(postgres: Postgres) -> None:
    store = await open_store(postgres.new_database(), data_dir=None)
    with pytest.raises(ProblemError, match="read-only transaction"):
        async with store._database.read() as connection:
            await connection.execute(text("DELETE FROM leases"))
    await store.close()


@pytest.mark.asyncio
@pytest.mark.postgres
async def test_writers_are_read_committed_whatever_the_server_s_default(
    postgres: Postgres,
) -> None:
    url = postgres.new_database()
    name = url.partition("@/")[2].partition("?")[0]
    postgres.run(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")
    store = await open_store(url, data_dir=None)
    levels = []
    for transaction in (store._database.write, store._database.read, store._database.write):
        async with transaction() as connection:
            shown = await connection.execute(text("SHOW transaction_isolation"))
            levels.append(shown.scalar())
    assert levels == ["read committed", "repeatable read", "read committed"]
    await store.close()


@pytest.mark.asyncio
async def test_a_block_that_raises_is_rolled_back(store: Database) -> None:
    async def fails() -> None:
        async with store._database.write() as connection:
            await connection.execute(text("INSERT INTO journal_cursors VALUES ('relay-1', 'x', 0)"))
            raise LookupError

    with pytest.raises(LookupError):
        await fails()
    assert await store.journal_cursor("relay-1") is None


@pytest.mark.asyncio
async def test_a_cancelled_transaction_is_rolled_back_and_gives_its_connection_back(
    store: Database,
) -> None:
    inside = asyncio.Event()

    async def never_ends() -> None:
        async with store._database.write() as connection:
            await connection.execute(text("INSERT INTO journal_cursors VALUES ('relay-1', 'x', 0)"))
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_ends())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.journal_cursor("relay-1") is None
    # The next writer is not held up, and the fixture sees that no connection is in use.
    assert await store.append_facts([], received_at=at("09:00"), cursor=("relay-1", "y")) == 0
    assert await store.journal_cursor("relay-1") == "y"


@pytest.mark.asyncio
async def test_cancelling_writers_at_any_moment_leaks_nothing(store: Database) -> None:
    for turns in range(40):
        task = asyncio.create_task(store.hold_lease("a", for_s=30))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert (await store.hold_lease("a", for_s=30)).holder == "a"
