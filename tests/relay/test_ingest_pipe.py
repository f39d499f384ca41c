"""Patience with hosts, and what the relay process must not load."""

from __future__ import annotations

import json
import subprocess
import sys

from sync_classroom.relay.ingest_pipe import LAST_BACKOFF_S, backoff_s


def test_attempts_come_ever_later_and_never_too_late() -> None:
    assert [backoff_s(n) for n in range(1, 7)] == [1, 2, 4, 8, 15, 15]
    assert backoff_s(10_000) == LAST_BACKOFF_S


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_line_is_said_on_standard_output() -> None:
    said = python("from sync_classroom.relay.ingest_pipe import say; say(state='live', n=1)")
    assert json.loads(said) == {"state": "live", "n": 1}


def test_neither_relay_nor_rtmp_port_loads_ffmpeg_or_aiortc() -> None:
    for module in ("server", "ingest_door"):
        loaded = python(f"import sys, sync_classroom.relay.{module}; print(*sys.modules)").split()
        assert {"av", "aiortc"} & set(loaded) == set(), module
