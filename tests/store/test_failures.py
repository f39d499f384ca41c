"""Every failure of a database says what to do, and none shows a password."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.store import engine as engine_module
from sync_classroom.store.database import Database, open_store
from tests.support.databases import LOCKED_PASSWORD, LOCKED_ROLE, Postgres
from tests.support.plan_changes import book
from tests.support.plans import lesson
from tests.support.rosters import programme
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.asyncio


async def refusal(url: str, data_dir: Path | None = None) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        await open_store(url, data_dir=data_dir)
    problem = caught.value
    assert problem.kind is ProblemKind.UNAVAILABLE
    assert problem.zh
    return problem


# ---------------------------------------------------------------------------- SQLite


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    file.write_text("课表，不是数据库\n" * 200)
    problem = await refusal("sqlite:///store.db", tmp_path)
    assert (problem.code, problem.value) == ("database_corrupt", str(file))
    assert "backup" in problem.en
    assert file.read_text().startswith("课表")


async def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "store.db"
    store = await open_store("sqlite:///store.db", data_dir=tmp_path)
    await store.apply_roster(programme())
    await store.close()
    whole = bytearray(file.read_bytes())
    whole[4096:] = b"\xff" * (len(whole) - 4096)
    file.write_bytes(whole)
    problem = await refusal("sqlite:///store.db", tmp_path)
    assert (problem.code, problem.value) == ("database_corrupt", str(file))


async def test_a_database_another_program_writes_to_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_TIMEOUT_MS", 50)
    store = await open_store("sqlite:///store.db", data_dir=tmp_path)
    tool = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(ProblemError) as caught:
        await store.hold_lease("a", for_s=30)
    assert (caught.value.code, caught.value.value) == (
        "database_locked",
        str(tmp_path / "store.db"),
    )
    assert caught.value.retry_after_s == 5
    assert (await refusal("sqlite:///store.db", tmp_path)).code == "database_locked"
    assert await store.users() == []  # reading goes on
    tool.execute("ROLLBACK")
    tool.close()
    assert (await store.hold_lease("a", for_s=30)).holder == "a"
    await store.close()


async def test_a_folder_where_nothing_can_be_made_is_named() -> None:
    problem = await refusal("sqlite:////proc/sync-classroom/store.db")
    assert (problem.code, problem.value) == ("database_file", "/proc/sync-classroom/store.db")


async def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "store.db").mkdir()
    problem = await refusal("sqlite:///store.db", tmp_path)
    assert (problem.code, problem.value) == ("database_file", str(tmp_path / "store.db"))
    assert "Is a directory" in problem.en


FORBIDDEN_FILE = """
import asyncio, os, sys
from pathlib import Path
from sync_classroom.domain.problems import ProblemError
from sync_classroom.store.database import open_store

async def attempt(name):
    try:
        await (await open_store(f"sqlite:///{name}", data_dir=Path())).close()
    except ProblemError as problem:
        print(problem.code, problem.en)

asyncio.run(attempt("store.db"))  # makes it, and loads every module while they can be read
Path("store.db").chmod(0o444)
Path().chmod(0o755)
if os.geteuid() == 0:
    os.setuid(65534)
asyncio.run(attempt("store.db"))
"""


async def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    """In a process of its own that is not root's, because nothing is forbidden to root."""
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", FORBIDDEN_FILE],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE_S,
    )
    assert ran.stdout.startswith("database_file the database file"), ran.stderr
    assert "Permission denied" in ran.stdout


# ---------------------------------------------------------------------------- PostgreSQL


@pytest.mark.postgres
async def test_a_wrong_password_is_refused_and_not_shown(postgres: Postgres) -> None:
    url = postgres.new_database().replace("postgres:@", f"{LOCKED_ROLE}:wrong-secret@")
    problem = await refusal(url)
    assert problem.code == "database_refused"
    assert "wrong-secret" not in problem.zh + problem.en
    right = url.replace("wrong-secret", LOCKED_PASSWORD)
    postgres_refuses_tables = await refusal(right)  # signed in, but may not make tables
    assert postgres_refuses_tables.code == "database_refused"
    assert LOCKED_PASSWORD not in postgres_refuses_tables.zh + postgres_refuses_tables.en


@pytest.mark.postgres
async def test_a_database_that_does_not_exist_is_named(postgres: Postgres) -> None:
    problem = await refusal(postgres.url("nowhere"))
    assert problem.code == "database_refused"
    assert '"nowhere" does not exist' in problem.en


async def test_a_server_that_does_not_answer_is_named_without_the_password() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    problem = await refusal(f"postgresql://u:pass-word@127.0.0.1:{port}/sc?password=pass-word")
    assert (problem.code, problem.value) == (
        "database_unavailable",
        f"postgresql://127.0.0.1:{port}/sc",
    )
    assert "Connect" in problem.en
    assert "pass-word" not in problem.zh + problem.en


async def test_a_host_that_has_no_address_is_named() -> None:
    problem = await refusal("postgresql://u:pass-word@no-such-host.invalid/sc")
    assert problem.code == "database_unavailable"
    assert "no-such-host.invalid" in problem.en


async def test_a_missing_driver_is_named_with_the_way_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    problem = await refusal("postgresql://u:pass-word@localhost/sc")
    assert problem.code == "database_driver_missing"
    assert "sync-classroom[postgres]" in problem.en


@pytest.mark.postgres
async def test_a_connection_that_the_server_ended_is_made_again(postgres: Postgres) -> None:
    url = postgres.new_database()
    store = await open_store(url, data_dir=None)
    await store.hold_lease("a", for_s=30)
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE datname = '{url.partition('@/')[2].partition('?')[0]}'"
    )
    assert (await store.hold_lease("a", for_s=30)).holder == "a"
    await store.close()


@pytest.mark.postgres
async def test_text_that_postgresql_cannot_hold_is_the_value_s_fault(postgres: Postgres) -> None:
    store = await open_store(postgres.new_database(), data_dir=None)
    await store.apply_roster(programme())
    with pytest.raises(ProblemError) as caught:
        await book(store, lesson("o-1", subject="a\x00b"), key="k", gap_s=0)
    assert (caught.value.code, caught.value.kind) == ("database_value", ProblemKind.INVALID)
    await store.close()


# ---------------------------------------------------------------------------- both


async def test_a_database_that_answers_is_ready(store: Database) -> None:
    assert await store.ready() is True


@pytest.mark.postgres
async def test_a_database_that_refuses_is_not_ready_until_it_lets_in_again(
    postgres: Postgres,
) -> None:
    url = postgres.new_database()
    name = url.partition("@/")[2].partition("?")[0]
    store = await open_store(url, data_dir=None)
    postgres.run(
        f"ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
    )
    assert await store.ready() is False
    with pytest.raises(ProblemError) as caught:
        await store.users()
    assert caught.value.code == "database_unavailable"
    postgres.run(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert await store.ready() is True
    await store.close()


async def test_a_failed_statement_is_a_problem_that_shows_no_parameters(store: Database) -> None:
    with pytest.raises(ProblemError) as caught:
        async with store._database.write() as connection:
            await connection.execute(text("SELECT * FROM nowhere WHERE x = :x"), {"x": "secret"})
    cause: BaseException | None = caught.value
    while cause is not None:
        assert "secret" not in str(cause)
        cause = cause.__cause__
