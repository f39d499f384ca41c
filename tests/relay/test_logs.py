"""The log is JSON, bounded, and never an error of the relay."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from sync_classroom.relay import logs
from sync_classroom.relay.logs import configure_logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    for handler in root.handlers:
        if handler not in before:
            with contextlib.suppress(OSError):  # what /dev/full did not take
                handler.close()
    root.handlers[:] = before
    root.setLevel(level)
    logging.raiseExceptions = raising


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_every_line_is_an_object(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "relay.log"
    configure_logs("info", path)
    structlog.get_logger("ours").info("课堂", room="lesson-1")
    structlog.get_logger("ours").debug("not shown")
    logging.getLogger("aiortc").warning("theirs %d", 5)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    first, second, third = lines(path)
    assert (first["event"], first["room"], first["level"]) == ("课堂", "lesson-1", "info")
    assert str(first["at"]).endswith("Z")
    assert (second["event"], second["logger"]) == ("theirs 5", "aiortc")
    assert "ValueError: broken" in str(third["exception"])


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOG_BYTES", 2000)
    path = tmp_path / "relay.log"
    configure_logs("info", path)
    for number in range(200):
        structlog.get_logger().info("line", number=number)
    assert sorted(child.name for child in tmp_path.iterdir()) == ["relay.log", "relay.log.1"]
    assert all(child.stat().st_size <= 2000 for child in tmp_path.iterdir())
    assert lines(path)[-1]["number"] == 199


def test_a_log_that_cannot_be_written_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", Path("/dev/full"))
    structlog.get_logger().error("nobody reads this")
    assert capsys.readouterr().err == ""
