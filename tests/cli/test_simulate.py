"""`simulate` against a running server: real media, by the public protocol only."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.simulator.recording import make_recording
from tests.support.processes import Server, running_server

PASSWORD = "correct horse 7"
ROOMS = ("remote-1-r1", "remote-2-r1", "remote-3-r1")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "lesson.mkv"
    make_recording(path, seconds=5, width=320, height=180, fps=15, bitrate_kbps=200)
    return path


def _prepared(server: Server) -> str:
    """A server with roster, administrator and a lesson that runs now; returns the lesson's id."""
    server.command("init", "config/taicang.toml")
    server.command("user", "add", "admin", "--name", "A", "--role", "admin", "--password", PASSWORD)
    now = datetime.now(UTC).astimezone(ZoneInfo("Asia/Shanghai"))
    text = server.command(
        "lesson", "add", "--title", "T", "--subject", "英语", "--teacher", "host-1-t01",
        "--classroom", "host-1-r1", "--at", f"{now - timedelta(minutes=1):%Y-%m-%d %H:%M}",
        *(part for room in ROOMS for part in ("--seat", room)),
    )  # fmt: skip
    found = re.search(r"o-\d{8}-\w{8}", text)
    assert found, text
    server.start()
    return found.group()


def _simulate(server: Server, lesson: str, *arguments: str, check: bool = True) -> str:
    return server.command(
        "simulate", "--url", server.url, "--password", PASSWORD, "--lesson", lesson,
        "--seconds", "12", *arguments, check=check,
    )  # fmt: skip


def test_virtual_rooms_receive_everything_and_the_evidence_says_so(
    tmp_path: Path, recording: Path
) -> None:
    with running_server(tmp_path) as server:
        lesson = _prepared(server)
        text = _simulate(server, lesson, "--recording", str(recording))
        last = [line for line in text.splitlines() if "receiving" in line][-1]
        assert "receiving 3/3" in last
        assert "lost 0   twice 0" in last
        assert "✕" not in text
        again = _simulate(server, lesson, "--recording", str(recording), check=False)
        assert "--take-over" in again
        day = lesson[2:10]
        figures = json.loads(
            server.command(
                "coverage", "--from", f"{day[:4]}-{day[4:6]}-{day[6:]}", "--format", "json"
            )
        )
    credited = [seat["credited_s"] for seat in figures["seats"]]
    assert len(credited) == 3
    assert all(2 <= seconds <= 14 for seconds in credited)
    assert {seat["host_s"] for seat in figures["seats"]} != {0}


@pytest.mark.parametrize("locale", ["C.UTF-8", "zh_CN.UTF-8"])
def test_an_absent_server_is_said_in_a_sentence(
    tmp_path: Path, recording: Path, locale: str
) -> None:
    server = Server(tmp_path, LC_ALL=locale)
    text = _simulate(server, "o-1", "--recording", str(recording), check=False)
    assert server.url in text
    assert "Traceback" not in text
    assert ("无法连接服务器" if locale.startswith("zh") else "cannot be reached") in text


def test_what_the_server_refuses_is_said_in_its_words(tmp_path: Path, recording: Path) -> None:
    with running_server(tmp_path) as server:
        lesson = _prepared(server)
        for locale, words in (("C.UTF-8", "is wrong"), ("zh_CN.UTF-8", "账号或密码不对")):
            server.environment["LC_ALL"] = locale
            text = server.command(
                "simulate", "--url", server.url, "--password", "not this one", "--lesson", lesson,
                "--recording", str(recording), check=False,
            )  # fmt: skip
            assert words in text
            assert "{" not in text  # no JSON for people
