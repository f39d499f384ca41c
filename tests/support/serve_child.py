"""`serve` in a process of its own, which a test may kill: `python -m tests.support.serve_child`.

Settings come as JSON on the command line; one line of JSON says when it serves, or what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog

from sync_classroom.app import Ready, ServeSettings, serve, utc_now
from sync_classroom.coordinator.push_files import LineOptions
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.school_lines import Line, Lines, parse_hours
from sync_classroom.relay.settings import Listen, RelaySettings
from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]


@dataclass
class Server:
    """A started `serve`; `told` is its one line."""

    process: subprocess.Popen[str]
    told: dict[str, Any]

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self._end()

    def stop(self) -> int:
        """Ask for a clean stop; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self._end()

    def _end(self) -> int:
        status = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def start_server(settings: dict[str, Any]) -> Server:
    """Start it and wait for its line; blocks, so call it in a thread."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.serve_child", json.dumps(settings)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    return Server(process, json.loads(line) if line else {})


def settings_of(told: dict[str, Any]) -> ServeSettings:
    """Serve settings on loopback from what a test wants different."""
    folder = Path(told["data_dir"])
    return ServeSettings(
        host="127.0.0.1",
        port=told.get("port", 0),
        data_dir=folder,
        database_url=told.get("database_url", ""),
        redis_url=told.get("redis_url", ""),
        spawn_relay="control" not in told,
        relay=RelaySettings(
            media=Listen("127.0.0.1", told.get("media_port", 0)),
            http=Listen("127.0.0.1", told.get("relay_port", 0)),
            sample_s=told.get("sample_s", 2.0),
            recording_dir=folder / "recordings",
            recording_min_free_mb=0,
            max_load=1.0,  # a slow machine's load is not what is tested
            control=Path(told["control"]) if "control" in told else None,
        ),
        sweep_s=0.5,
        zone=told.get("zone", "Asia/Shanghai"),
        push_lines=LineOptions(
            Lines(
                Line((parse_hours("00:00-24:00"),), told.get("push_kbps", 0)),
                caches=told.get("push_caches", {}),
            ),
            told.get("push_quota", 1_000_000_000),
        ),
        stop_relay=told.get("stop_relay", False),
    )


def _log_to(file: Path) -> None:
    """Plain lines with their time; standard output is for the one line."""
    file.parent.mkdir(parents=True, exist_ok=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=file.open("a", encoding="utf-8")),
    )


async def _main() -> int:
    told = json.loads(sys.argv[1])
    _log_to(Path(told["data_dir"]) / "serve.log")

    def ready(serving: Ready) -> None:
        line = {"url": serving.url, "relay_url": serving.relay_url, "setup": serving.setup_url}
        os.write(1, json.dumps({**line, "pid": os.getpid()}).encode() + b"\n")

    ahead = timedelta(seconds=told.get("clock_ahead_s", 0))
    try:
        await serve(settings_of(told), ready=ready, clock=lambda: utc_now() + ahead)
    except ProblemError as problem:
        print(json.dumps({"problem": problem.code, "field": problem.field}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
