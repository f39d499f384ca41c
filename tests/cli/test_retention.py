"""`retention` at the console: what is due, and deleting it."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.databases import file_store
from tests.support.old_rows import fill

from .conftest import Command


@pytest.fixture
def old(command: Command, tmp_path: Path) -> Command:
    """A command line whose database has rows of ten days and of four years."""

    async def write() -> None:
        store = await file_store(tmp_path / "data", "sync_classroom.db")
        await fill(store, datetime.now(UTC), 10, 1461)
        await store.close()

    asyncio.run(write())
    return command


def test_a_dry_run_deletes_nothing(old: Command) -> None:
    told = old("retention", "--dry-run")
    assert told.exit_code == 0, told.output
    assert "Only looked; nothing was deleted." in told.stdout
    assert "access_log_days" in told.stdout
    first = json.loads(old("retention", "--dry-run", "--format", "json").stdout)
    assert first["run"] is None
    due = {k["kind"]: (k["total"], k["due"]) for k in first["kinds"]}
    assert due["terminal_samples"] == (24, 12)
    assert due["access_log"] == (2, 1)


def test_what_is_due_is_deleted_now_and_facts_verify_after_it(old: Command) -> None:
    done = old("retention", "--format", "json")
    assert done.exit_code == 0, done.output
    run = json.loads(done.stdout)["run"]
    assert run["by"] == "console"
    assert run["deleted"]["terminal_samples"] == 12
    assert run["deleted"]["access_log"] == 1
    again = json.loads(old("retention", "--dry-run", "--format", "json").stdout)
    due = {k["kind"]: k["due"] for k in again["kinds"]}
    # Of a report that was made elsewhere the files lie elsewhere.
    assert {k for k, n in due.items() if n} == {"reports"}
    verified = old("coverage", "verify", "--format", "json")
    assert verified.exit_code == 0, verified.output
    assert json.loads(verified.stdout) == {"differences": [], "chain": []}


def test_settings_say_how_long(old: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_CLASSROOM_RETENTION__ACCESS_LOG_DAYS", "0")
    run = json.loads(old("retention", "--format", "json").stdout)["run"]
    assert "access_log" not in run["deleted"]
    monkeypatch.setenv("SYNC_CLASSROOM_RETENTION__TERMINAL_DAYS", "31")
    refused = old("retention", "--dry-run")
    assert refused.exit_code == 2
    assert "retention.terminal_days" in refused.stderr
    assert "must be 0 (for ever) or 60 or more" in " ".join(refused.stderr.split())
