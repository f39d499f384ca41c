"""The demo does what README promises: media flows to every room, and coverage is printed."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent


def _demo(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The demo in a folder of its own, with the checkout's configuration."""
    if not (tmp_path / "config").exists():
        (tmp_path / "config").symlink_to(ROOT / "config")
    return subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.cli", "demo", "--rooms", "3", "--port",
         str(free_port()), *arguments],
        cwd=tmp_path, env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        # Whoever runs the tests in the background has interrupts ignored; a terminal has not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def _pages_shown(folder: Path) -> int:
    """How often the virtual teacher has turned to a page of its document."""
    database = folder / "var/demo/sync_classroom.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reading:
        return int(reading.execute("SELECT count(*) FROM page_turns").fetchone()[0])


def _credited(text: str) -> int:
    """Seconds credited by what a demo prints at its end, when its lesson was ended early."""
    assert "twice 0" in text, text
    assert "lesson ended" in text
    row = re.search(r"Σ\s+(\d)\s+0\s+0\.0 % \(0/\1\)\s+(\d+)", text)
    assert row, text
    # The lesson that was ended early is over; the one that is to come, maybe tomorrow, is not.
    assert row.group(1) in "36"
    assert ("3 of the due periods are not over yet" in text) == (row.group(1) == "6")
    return int(row.group(2))


def test_demo_runs_twice_in_a_row_until_ctrl_c_and_by_itself(tmp_path: Path) -> None:
    process = _demo(tmp_path)
    assert process.stdout is not None
    told: list[str] = []
    # A line a second.
    while sum("receiving 3/3" in line for line in told) < 4 or not _pages_shown(tmp_path):
        told.append(process.stdout.readline())
        assert told[-1], told
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    text = "".join(told) + rest
    assert _credited(text) > 6
    assert "pushed: delivered 3/3" in text
    # Five teachers of five schools met with real media, and the server counted each.
    assert "research: here 5/5" in text
    assert re.search(r"/research/o-\S+/meeting ", text)
    attended = [int(n) for n in re.findall(r"^ ?\S+ +(?:\S+小学|随迁\S+) +(\d+) *$", text, re.M)]
    assert len(attended) == 5, text
    assert min(attended) > 6
    told = re.search(r"research_teacher_s: (\d+)", text)
    assert told
    assert int(told.group(1)) == sum(attended)
    assert "Traceback" not in text
    assert process.returncode == 0
    process = _demo(tmp_path, "--seconds", "8")
    text, _ = process.communicate(timeout=PATIENCE_S)
    assert "Coverage of what just happened" in text
    assert "Traceback" not in text
    assert process.returncode == 0
    # The former lesson's evidence does not stand before this one's.
    assert "unknown_room" not in (tmp_path / "var/demo/server.log").read_text("utf-8")


BUSY = """
import asyncio, signal, time
from sync_classroom.cli.demo import end_in_order

async def work():
    while True:
        time.sleep(0.01)  # so that a signal comes in the middle of it
        await asyncio.sleep(0)

async def main():
    working = asyncio.create_task(work())
    print("working", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("left alone" if not working.done() else "broken")

end_in_order()
try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_it_breaks_no_task_in_the_middle(ending: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n"
    process.send_signal(ending)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    assert rest == "left alone\nended\n"


def test_a_port_in_use_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "config").symlink_to(ROOT / "config")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "sync_classroom.cli", "demo", "--port", str(port)],
            cwd=tmp_path, env=os.environ | {"LC_ALL": "C.UTF-8"}, check=False, timeout=PATIENCE_S,
            capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "PORT=" in done.stderr
    assert not (tmp_path / "var").exists()
