"""The demo does what README promises: media flows to every room, and coverage is printed."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parent.parent.parent


def _demo(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    """The demo in a folder of its own, with the checkout's configuration."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    return subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.cli", "demo", "--rooms", "3", "--port",
         str(free_port()), *arguments],
        cwd=tmp_path, env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        # Whoever runs the tests in the background has interrupts ignored; a terminal has not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def _check(text: str) -> None:
    assert "receiving 3/3" in text, text
    assert "twice 0" in text
    assert "Traceback" not in text
    row = re.search(r"Σ\s+6\s+0\s+0\.0 % \(0/6\)\s+(\d+)", text)
    assert row, text
    assert int(row.group(1)) > 6
    # The lesson that was ended early is over; the one that is to come is not.
    assert "3 of the due periods are not over yet" in text


def test_demo_runs_twice_in_a_row_and_ends_by_itself(tmp_path: Path) -> None:
    for _ in range(2):
        output, _ = _demo(tmp_path, "--seconds", "12").communicate(timeout=PATIENCE_S)
        _check(output)
        # The former lesson's evidence does not stand before this one's.
        assert "unknown_room" not in (tmp_path / "var/demo/server.log").read_text("utf-8")
        (tmp_path / "config").unlink()


def test_ctrl_c_ends_the_lesson_and_prints_the_coverage(tmp_path: Path) -> None:
    process = _demo(tmp_path)
    assert process.stdout is not None
    text = ""
    deadline = time.monotonic() + 90
    while "receiving 3/3" not in text and time.monotonic() < deadline:
        text += process.stdout.readline()
    for _ in range(2):  # two more progress lines, so that there is something to count
        text += process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE_S)
    _check(text + rest)
    assert process.returncode == 0
    assert "lesson ended" in rest


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
