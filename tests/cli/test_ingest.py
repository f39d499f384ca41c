"""`ingest` by hand: sentences about a source, or the source in a relay."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hosts import make
from tests.support.relays import relay
from tests.support.waiting import PATIENCE_S
from tests.support.whep_viewer import watching


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sync_classroom.cli", "ingest", *arguments],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S, env={"LC_ALL": "C.UTF-8"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("made", "status", "words"),
    [
        ({}, 0, "fit for a lesson"),
        ({"b_frames": 2}, 2, "B-frames"),
        ({"video": None}, 2, "no video"),
        ({"audio": None}, 0, "no sound"),
        ({"video": "mpeg4"}, 2, "not H.264"),
        ({"gop": 200, "seconds": 18}, 0, "4 s apart"),
    ],
)
def test_what_is_unsuitable_is_said_in_a_sentence(
    tmp_path: Path, made: dict[str, object], status: int, words: str
) -> None:
    make(tmp_path / "a.mp4", **made)  # type: ignore[arg-type]
    done = command("file:a.mp4", "--folder", str(tmp_path))
    assert (done.returncode, words in done.stderr) == (status, True), done.stderr


def test_secrets_are_not_repeated() -> None:
    done = command("rtsp://admin:s3cret@127.0.0.1:9/main")
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
    assert "s3cret" not in done.stderr
    pushed = command("push:" + "s3cret" * 4)
    assert pushed.returncode == 2
    assert "s3cret" not in pushed.stderr


@pytest.mark.asyncio
async def test_a_source_is_published_by_whip(tmp_path: Path) -> None:
    make(tmp_path / "a.mp4", seconds=2)
    async with relay(tmp_path, open_mode=True) as running:
        trying = asyncio.create_task(
            asyncio.to_thread(
                command, "file:a.mp4", "--folder", str(tmp_path), "--seconds", "8",
                "--to", f"{running.url}/whip/room",
            )
        )  # fmt: skip
        async with watching(running.http, f"{running.url}/whep/room") as viewer:
            await viewer.wait(video=20, audio=20)
        done = await trying
        assert (done.returncode, "320×180" in done.stderr) == (0, True), done.stderr
        assert (await running.control.status("room")).peers == ()
        refused = await asyncio.to_thread(
            command, "file:a.mp4", "--folder", str(tmp_path), "--to", f"{running.url}/whip/a b"
        )
        assert refused.returncode == 2
        assert "HTTP 404" in refused.stderr
