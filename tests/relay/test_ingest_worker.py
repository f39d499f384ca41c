"""The process that reads one host, spoken to through its pipes as the relay does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts import make
from tests.support.waiting import PATIENCE_S


class Worker:
    """One worker process; `said` are its lines so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []

    def tell(self, **what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The next line that has these values."""
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                line = json.loads(await self.process.stdout.readline())
                self.said.append(line)
                if all(line.get(name) == value for name, value in wanted.items()):
                    return line


@asynccontextmanager
async def worker(**told: object) -> AsyncIterator[Worker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sync_classroom.relay.ingest_worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    found = Worker(process)
    found.tell(**told)
    try:
        yield found
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.asyncio
async def test_it_says_that_it_lives_and_why_there_is_nothing_and_tries_again(
    tmp_path: Path,
) -> None:
    async with worker(source="file:none.mp4", folder=str(tmp_path)) as found:
        await found.until(alive=True)
        first = await found.until(state="failed")
        assert (first["reason"], first["width"], first["audio"]) == ("not_found", 0, None)
        make(tmp_path / "none.mp4", seconds=1)
        while "offer" not in (line := await found.until()):
            assert line.get("state") in (None, "failed")
        assert line["offer"].startswith("v=0")
        found.tell(refused=True)
        refused = await found.until(state="failed", reason="relay")
        assert refused["advice"] == []


@pytest.mark.asyncio
async def test_no_secret_is_ever_said() -> None:
    async with worker(source="rtsp://admin:s3cret@127.0.0.1:9/main") as found:
        await found.until(state="failed", reason="unreachable")
        assert "s3cret" not in json.dumps(found.said)
