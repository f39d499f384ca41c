"""The console's language follows the locale."""

from __future__ import annotations

import pytest

from sync_classroom.cli.language import say, speaks_chinese

from .conftest import Command


@pytest.mark.parametrize(
    ("environment", "chinese"),
    [
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, False),
        ({"LANG": "C.UTF-8", "LC_MESSAGES": "zh_CN"}, True),
        ({}, False),
    ],
)
def test_language_by_locale(
    environment: dict[str, str], chinese: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert speaks_chinese() is chinese


def test_a_problem_is_said_in_the_console_language(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    done = command("init", "missing.toml")
    assert done.exit_code == 2
    assert "名册文件 missing.toml 无法使用" in done.output


def test_of_two_ready_texts_the_console_s_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert say("课", "lesson") == "课"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert say("课", "lesson") == "lesson"
