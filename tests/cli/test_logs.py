"""Log lines for people and for programs."""

from __future__ import annotations

import json

import pytest
import structlog

from sync_classroom.cli.logs import configure_logs
from sync_classroom.setting_tables import LogSettings


def test_json_lines_hold_event_level_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(format="json"))
    structlog.get_logger().info("lesson.live", title="英语")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["title"]) == ("lesson.live", "info", "英语")


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(level="warning"))
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    text = capsys.readouterr().err
    assert "loud" in text
    assert "quiet" not in text


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_does_not_print_local_variables(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(LogSettings(format=form))
    password = "".join(["s3", "cret"])
    try:
        raise ValueError(len(password))
    except ValueError:
        structlog.get_logger().exception("broken")
    text = capsys.readouterr().err
    assert "ValueError: 6" in text
    assert "s3cret" not in text
