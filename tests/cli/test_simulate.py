"""`simulate` against a running server: real media, by the public protocol only."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_classroom.simulator.recording import make_recording
from tests.support.processes import PASSWORD, Server, running_server
from tests.support.waiting import PATIENCE_S

ROOMS = ("remote-1-r1", "remote-2-r1", "remote-3-r1")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "lesson.mkv"
    make_recording(path, seconds=5, width=320, height=180, fps=15, bitrate_kbps=200)
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server with a lesson that runs now, and the lesson's id."""
    with running_server(tmp_path_factory.mktemp("server")) as server:
        yield server, server.start_with_lesson(ROOMS)


def _arguments(server: Server, lesson: str, recording: Path) -> list[str]:
    return [
        "simulate", "--url", server.url, "--password", PASSWORD, "--lesson", lesson,
        "--recording", str(recording),
    ]  # fmt: skip


def _credited(server: Server, day: str) -> list[dict[str, int]]:
    """The seats of the day once every one of them has seconds: their evidence takes its time."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        told = server.command("coverage", "--from", day, "--format", "json")
        seats: list[dict[str, int]] = json.loads(told)["seats"]
        if all(seat["credited_s"] >= 2 for seat in seats):
            return seats
        assert time.monotonic() < deadline, told


def test_virtual_rooms_receive_everything_and_the_evidence_says_so(
    served: tuple[Server, str], recording: Path
) -> None:
    server, lesson = served
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.cli", *_arguments(server, lesson, recording)],
        env=server.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # Whoever runs the tests in the background has interrupts ignored; a terminal has not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        told: list[str] = []
        while sum("receiving 3/3" in line for line in told) < 4:  # a line a second
            told.append(process.stdout.readline())
            assert told[-1], told
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    lasted_s = time.monotonic() - began
    last = [line for line in "".join([*told, rest]).splitlines() if "receiving" in line][-1]
    assert "receiving 3/3" in last
    assert "lost 0   twice 0" in last
    assert "✕" not in "".join(told) + rest
    again = server.command(*_arguments(server, lesson, recording), check=False)
    assert "--take-over" in again
    seats = _credited(server, f"{lesson[2:6]}-{lesson[6:8]}-{lesson[8:10]}")
    assert len(seats) == 3
    assert all(seat["credited_s"] <= lasted_s + 1 for seat in seats)
    assert {seat["host_s"] for seat in seats} != {0}


@pytest.mark.parametrize("locale", ["C.UTF-8", "zh_CN.UTF-8"])
def test_an_absent_server_is_said_in_a_sentence(
    tmp_path: Path, recording: Path, locale: str
) -> None:
    server = Server(tmp_path, LC_ALL=locale)
    text = server.command(*_arguments(server, "o-1", recording), check=False)
    assert server.url in text
    assert "Traceback" not in text
    assert ("无法连接服务器" if locale.startswith("zh") else "cannot be reached") in text


def test_what_the_server_refuses_is_said_in_its_words(
    served: tuple[Server, str], recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, lesson = served
    for locale, words in (("C.UTF-8", "is wrong"), ("zh_CN.UTF-8", "账号或密码不对")):
        monkeypatch.setitem(server.environment, "LC_ALL", locale)
        text = server.command(
            "simulate", "--url", server.url, "--password", "not this one", "--lesson", lesson,
            "--recording", str(recording), check=False,
        )  # fmt: skip
        assert words in text
        assert "{" not in text  # no JSON for people
