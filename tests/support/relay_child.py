"""A relay in a process of its own, started as the coordinator starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from sync_classroom.relay.settings import RelaySettings, settings_to_json


@dataclass(slots=True)
class Child:
    """The process, the one line it reported (None if it ended without), and its log.

    The log is a file: a pipe that nobody empties would hold the relay up once it is full.
    """

    process: subprocess.Popen[str]
    report: dict[str, Any] | None
    log: IO[str]

    def logged(self) -> list[dict[str, Any]]:
        """What it has logged so far."""
        self.log.seek(0)
        return [json.loads(line) for line in self.log.read().splitlines()]


@contextmanager
def relay_child(settings: RelaySettings, **more: Any) -> Iterator[Child]:
    """Start it, read its report, and kill it at the end if it still runs."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sync_classroom.relay.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"settings": settings_to_json(settings), **more}))
            process.stdin.close()
            line = process.stdout.readline()
            yield Child(process, json.loads(line) if line else None, log)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
