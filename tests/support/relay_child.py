"""A relay in a process of its own, started as the coordinator starts it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sync_classroom.relay.settings import RelaySettings, settings_to_json


@dataclass(slots=True)
class Child:
    """The process, and the one line it reported (None if it ended without)."""

    process: subprocess.Popen[str]
    report: dict[str, Any] | None


@contextmanager
def relay_child(settings: RelaySettings, **more: Any) -> Iterator[Child]:
    """Start it, read its report, and kill it at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.relay.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps({"settings": settings_to_json(settings), **more}))
        process.stdin.close()
        line = process.stdout.readline()
        yield Child(process, json.loads(line) if line else None)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        if process.stderr is not None:
            process.stderr.close()
