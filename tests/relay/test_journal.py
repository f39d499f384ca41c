"""The journal while the process is killed, the disk full, the folder taken."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.problems import ProblemError
from sync_classroom.relay import journal as journal_module
from sync_classroom.relay.journal import Journal, encode_sample
from sync_classroom.relay.session import Direction
from tests.support.samples import START, sample
from tests.support.waiting import until

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def made(folder: Path, *, boot: str = "0a1b2c3d", max_bytes: int = 10**9) -> Journal:
    return Journal(
        folder,
        relay="relay-1",
        boot=boot,
        version="0.1.0",
        max_bytes=max_bytes,
        sample_s=10.0,
        wall=lambda: NOW,
    )


@asynccontextmanager
async def opened(folder: Path, **more: Any) -> AsyncIterator[Journal]:
    journal = made(folder, **more)
    await journal.open()
    try:
        yield journal
    finally:
        await journal.close()


async def everything(journal: Journal) -> list[dict[str, Any]]:
    page = await journal.page(None, 5000)
    assert not page.more
    return [dict(record) for record in page.records]


def segment(folder: Path) -> Path:
    (path,) = folder.glob("*.ndjson")
    return path


def on_disk(folder: Path) -> list[dict[str, Any]]:
    lines = [
        line
        for path in sorted(folder.glob("*.ndjson"))
        for line in path.read_text("utf-8").splitlines()
    ]
    return [json.loads(line) for line in lines]


async def test_records_have_the_documented_fields() -> None:
    shown = replace(sample(0, direction=Direction.PUBLISH), layer="1280x720")
    assert encode_sample(shown, "relay-1:0a1b2c3d:2") == {
        "id": "relay-1:0a1b2c3d:2",
        "kind": "publish",
        "room": "lesson-1",
        "peer": "seat-0",
        "source": "camera",
        "from": "2026-11-23T08:00:00.000Z",
        "to": "2026-11-23T08:00:10.000Z",
        "packets": 3400,
        "bytes": 3_000_000,
        "lost": 10,
        "jitter_ms": 2.25,
        "nacks": 4,
        "plis": 1,
        "layer": "1280x720",
        "path": "udp",
    }
    assert encode_sample(replace(sample(0), rtt_ms=None, jitter_ms=float("nan")), "x") == {
        "id": "x",
        "kind": "subscribe",
        "room": "lesson-1",
        "peer": "seat-0",
        "from": "2026-11-23T08:00:00.000Z",
        "to": "2026-11-23T08:00:10.000Z",
        "sent": 3400,
        "acked": 3390,
        "bytes": 3_000_000,
        "lost": 10,
        "rtt_ms": None,
        "jitter_ms": None,
        "nacks": 4,
        "plis": 1,
        "dropped": 3,
        "layer": None,
        "path": "udp",
    }


async def test_instants_are_written_in_utc() -> None:
    shanghai = replace(sample(0), from_at=START.astimezone(timezone(timedelta(hours=8))))
    assert encode_sample(shanghai, "x")["from"] == "2026-11-23T08:00:00.000Z"


async def test_a_boot_record_comes_first_and_ids_count(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add(sample(0))
        journal.add(sample(1))
        await journal.flush()
        records = await everything(journal)
        assert records == on_disk(tmp_path)  # written before it is offered
        assert (journal.written, journal.lost, journal.failing) == (3, 0, False)
    assert records[0] == {
        "id": "relay-1:0a1b2c3d:1",
        "kind": "boot",
        "at": "2026-11-23T12:00:00.000Z",
        "version": "0.1.0",
    }
    assert [record["id"] for record in records[1:]] == [
        "relay-1:0a1b2c3d:2",
        "relay-1:0a1b2c3d:3",
    ]


async def test_the_writing_task_writes_without_being_asked(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        task = asyncio.create_task(journal.run())
        journal.add(sample(0))
        await until(lambda: len(on_disk(tmp_path)) == 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_the_writing_task_loses_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for number in range(50):
            task = asyncio.create_task(journal.run())
            journal.add(sample(number))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    peers = [record["peer"] for record in on_disk(tmp_path)[1:]]
    assert peers == [f"seat-{number}" for number in range(50)]


async def test_closing_writes_what_is_pending(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add(sample(0))
    assert [record["kind"] for record in on_disk(tmp_path)] == ["boot", "subscribe"]
    await journal.close()  # a second time is fine


async def test_a_second_relay_may_not_use_the_folder(tmp_path: Path) -> None:
    async with opened(tmp_path):
        with pytest.raises(ProblemError) as caught:
            await made(tmp_path, boot="99999999").open()
    assert (caught.value.code, caught.value.field) == ("journal_in_use", "server.data_dir")
    async with opened(tmp_path, boot="99999999") as journal:
        assert [record["kind"] for record in await everything(journal)] == ["boot", "boot"]


async def test_a_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProblemError) as caught:
        await made(tmp_path / "file").open()
    assert caught.value.code == "journal_unusable"
    assert str(tmp_path / "file") in caught.value.zh


async def test_a_torn_line_becomes_a_gap(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        journal.add(sample(0))
    path = segment(tmp_path)
    with path.open("ab") as file:
        file.write(b'{"id":"relay-1:0a1b2c3d:3","kind":"subscr')
    written = (START + timedelta(seconds=30)).timestamp()
    os.utime(path, (written, written))
    async with opened(tmp_path, boot="99999999") as journal:
        records = await everything(journal)
    assert [record["kind"] for record in records] == ["boot", "subscribe", "boot", "gap"]
    assert records[3] == {
        "id": "relay-1:99999999:2",
        "kind": "gap",
        "from": "2026-11-23T08:00:20.000Z",
        "to": "2026-11-23T08:00:30.000Z",
    }
    async with opened(tmp_path, boot="88888888") as journal:  # and only once
        assert [r["kind"] for r in await everything(journal)][4:] == ["boot"]


async def test_a_journal_at_its_bound_loses_new_samples_and_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path, max_bytes=1000) as journal:
        for number in range(6):
            journal.add(sample(number))
            await journal.flush()
        kept = journal.written - 1
        assert 1 <= kept <= 3
        assert (journal.lost, journal.failing) == (6 - kept, True)
        page = await journal.page(None, 100)
        assert [r["peer"] for r in page.records[1:]] == [f"seat-{n}" for n in range(kept)]
    # Confirmed by the coordinator, a later boot has room again, and records what is missing.
    async with opened(tmp_path, boot="99999999", max_bytes=1000) as journal:
        await journal.confirm(page.cursor)
        await journal.flush()
        assert [r["kind"] for r in await everything(journal)] == ["boot"]


async def test_space_that_comes_back_is_used_and_the_gap_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as journal:
        with monkeypatch.context() as patch:

            def refuse(*_: object) -> int:
                raise OSError(28, "No space left on device")

            patch.setattr(os, "write", refuse)
            journal.add(sample(3))
            journal.add(sample(1))
            await journal.flush()
            journal.add(sample(2))
            await journal.flush()
            assert (journal.lost, journal.failing) == (3, True)
        monkeypatch.setattr(journal_module, "RETRY_S", 0.01)
        task = asyncio.create_task(journal.run())  # nothing new is added: it tries by itself
        await until(lambda: not journal.failing)
        task.cancel()
        await asyncio.wait([task])
        journal.add(sample(4))
        await journal.flush()
        records = await everything(journal)
    assert [record["kind"] for record in records] == ["boot", "gap", "subscribe"]
    assert (records[1]["from"], records[1]["to"]) == (
        "2026-11-23T08:00:10.000Z",
        "2026-11-23T08:00:40.000Z",
    )
    assert [record["id"].rsplit(":", 1)[1] for record in records] == ["1", "2", "3"]


async def test_pending_samples_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_PENDING", 3)
    async with opened(tmp_path) as journal:
        for number in range(5):
            journal.add(sample(number))
        assert journal.lost == 2
        await journal.flush()
        records = await everything(journal)
    assert [record["kind"] for record in records] == ["boot", "gap"] + ["subscribe"] * 3
    assert [record.get("peer") for record in records[2:]] == ["seat-2", "seat-3", "seat-4"]
    assert records[1]["to"] == "2026-11-23T08:00:20.000Z"


# ---------------------------------------------------------------------------- crashes


def writer(folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.journal_writer", str(folder), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


async def test_kill_9_while_writing_keeps_every_flushed_record(tmp_path: Path) -> None:
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        child = writer(folder)
        assert child.stdout is not None
        seen = 0
        while seen < 300 * (attempt + 1):
            seen = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
        child.wait()
        child.stdout.close()
        assert child.stdin is not None
        child.stdin.close()
        seen = int(rest[-1]) if rest else seen
        async with opened(folder, boot="99999999") as journal:
            records = [r for r in await everything(journal) if r["kind"] == "subscribe"]
        numbers = [int(record["id"].rsplit(":", 1)[1]) for record in records]
        assert numbers == list(range(2, len(numbers) + 2))
        assert len(numbers) + 1 >= seen
        assert [r["peer"] for r in records] == [f"seat-{n}" for n in range(len(records))]


async def test_a_file_size_limit_is_survived_like_a_full_disk(tmp_path: Path) -> None:
    child = writer(tmp_path, "rlimit")
    assert child.stdout is not None
    counters = json.loads(child.stdout.readline())
    kept = [record for record in on_disk(tmp_path) if record["kind"] == "subscribe"]
    out, _ = child.communicate("\n")
    assert counters["failing"] is True
    assert counters["lost"] == 40 - len(kept) > 0
    assert [r["peer"] for r in kept] == [f"seat-{n}" for n in range(len(kept))]
    assert json.loads(out) == {"lost": counters["lost"], "failing": False}
    gap, last = on_disk(tmp_path)[-2:]
    first_lost = START + timedelta(seconds=10 * len(kept))
    assert gap["kind"] == "gap"
    assert datetime.fromisoformat(gap["from"]) == first_lost
    assert datetime.fromisoformat(gap["to"]) == START + timedelta(seconds=400)
    assert last["peer"] == "seat-100"


async def test_a_really_full_disk_is_survived(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, b"size=16k") != 0:
        pytest.skip("mounting a small file system needs root")
    try:
        async with opened(folder) as journal:
            written = 0
            for number in range(100):
                journal.add(sample(number))
                await journal.flush()
                if journal.failing:
                    written = number
                    break
            assert written > 10
            assert (journal.lost, journal.failing) == (1, True)
            # The coordinator's confirmation cannot help, as the segment in use stays; an operator
            # makes room by giving the file system more.
            assert libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 32, b"size=64k") == 0
            journal.add(sample(200))
            await journal.flush()
            assert (journal.lost, journal.failing) == (1, False)
            records = await everything(journal)
        assert [record["kind"] for record in records[-2:]] == ["gap", "subscribe"]
        assert len(records) == written + 3
    finally:
        assert libc.umount(os.fsencode(folder)) == 0


async def test_a_relay_starts_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def refuse(*_: object) -> int:
            raise OSError(28, "No space left on device")

        patch.setattr(os, "write", refuse)
        journal = made(tmp_path)
        await journal.open()
        assert journal.failing is True
        journal.add(sample(0))
        await journal.flush()
        assert journal.lost == 1
    journal.add(sample(1))
    await journal.close()
    assert [record["kind"] for record in on_disk(tmp_path)] == ["boot", "gap", "subscribe"]
