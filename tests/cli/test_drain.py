"""`drain` against a real relay process."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_classroom.relay.settings import Listen
from sync_classroom.relay.whip import SDP
from tests.support.ports import free_port
from tests.support.relay_child import Child, relay_child
from tests.support.relays import settings
from tests.support.sdp_offers import PUBLISH
from tests.support.waiting import PATIENCE_S


def arguments(folder: Path, *more: str) -> list[str]:
    control = str(folder / "control.sock")
    return [sys.executable, "-m", "sync_classroom.cli", "drain", "--control", control, *more]


ENVIRONMENT = os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def drain(folder: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        arguments(folder, *more), env=ENVIRONMENT, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@contextmanager
def lesson(folder: Path) -> Iterator[tuple[Child, str]]:
    """A relay with a host in one room, and the address of the host's session."""
    with relay_child(settings(folder, open_mode=True)) as child:
        assert child.report is not None
        base = f"http://127.0.0.1:{child.report['ready']['http_port']}"
        request = urllib.request.Request(
            f"{base}/whip/lesson-1", PUBLISH.encode(), {"Content-Type": SDP}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            yield child, base + response.headers["Location"]


def test_a_drain_shows_what_it_waits_for_and_ends_with_the_lesson(tmp_path: Path) -> None:
    with lesson(tmp_path) as (child, session):
        draining = subprocess.Popen(
            arguments(tmp_path), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        assert draining.stdout is not None
        assert draining.stdout.readline() == "waiting for lesson-1 (1)\n"
        assert child.process.poll() is None
        urllib.request.urlopen(
            urllib.request.Request(session, method="DELETE"), timeout=PATIENCE_S
        ).close()
        output, _ = draining.communicate(timeout=PATIENCE_S)
        assert output.splitlines()[-1] == "✔ The relay has ended."
        assert draining.returncode == 0
        assert child.process.wait(PATIENCE_S) == 0


def test_a_drain_can_be_asked_for_and_taken_back(tmp_path: Path) -> None:
    with lesson(tmp_path) as (child, _):
        assert child.report is not None
        ready = f"http://127.0.0.1:{child.report['ready']['http_port']}/readyz"
        status, text = drain(tmp_path, "--no-wait")
        assert status == 0, text
        assert "takes no new lessons" in text
        assert _status(ready) == 503
        status, text = drain(tmp_path, "--cancel")
        assert status == 0, text
        assert "takes new lessons again" in text
        assert _status(ready) == 200
        assert child.process.poll() is None


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_without_a_relay_it_says_where_it_looked(tmp_path: Path) -> None:
    status, text = drain(tmp_path)
    assert status == 2
    assert str(tmp_path / "control.sock") in text
    assert "--control" in text


def test_a_relay_elsewhere_is_drained_where_the_settings_say(tmp_path: Path) -> None:
    port = free_port()
    chosen = settings(tmp_path, control=Listen("127.0.0.1", port), control_secret="s" * 16)
    environment = ENVIRONMENT | {
        "SYNC_CLASSROOM_RELAY__SPAWN": "false",
        "SYNC_CLASSROOM_RELAY__CONTROL": f"http://127.0.0.1:{port}",
        "SYNC_CLASSROOM_RELAY__CONTROL_SECRET": "s" * 16,
    }
    command = [sys.executable, "-m", "sync_classroom.cli", "drain"]
    with relay_child(chosen) as child:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.stdout.splitlines()[-1] == "✔ The relay has ended.", done.stderr
        assert child.process.wait(PATIENCE_S) == 0
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 2
    assert f"No relay answers at http://127.0.0.1:{port}" in done.stderr
