"""Accounts and enrolment codes at the console."""

from __future__ import annotations

import re

from .conftest import Command


def test_an_account_is_made_once(command: Command) -> None:
    arguments = ("user", "add", "chen", "--name", "陈老师", "--role", "admin")
    assert command(*arguments, "--password", "correct horse 7").exit_code == 0
    again = command(*arguments, "--password", "correct horse 7")
    assert again.exit_code == 2
    assert "chen" in again.output


def test_a_weak_password_is_refused_and_not_shown(command: Command) -> None:
    done = command("user", "add", "chen", "--name", "陈", "--role", "admin", "--password", "Zq7")
    assert done.exit_code == 2
    assert "Zq7" not in done.output


def test_the_device_role_is_not_for_people(command: Command) -> None:
    done = command(
        "user", "add", "x", "--name", "x", "--role", "device", "--password", "0123456789"
    )
    assert done.exit_code == 2
    assert "device" in done.output


def test_a_code_is_made_for_a_known_classroom(loaded: Command) -> None:
    done = loaded("terminal", "code", "remote-1-r1")
    assert done.exit_code == 0, done.output
    # Scripts read standard output: the log is not on it.
    assert re.match(r"[2-9A-HJ-NP-Z]{4} [2-9A-HJ-NP-Z]{4} .*\n\Z", done.stdout)


def test_a_code_for_an_unknown_classroom_is_refused_by_name(loaded: Command) -> None:
    done = loaded("terminal", "code", "remote-9-r9")
    assert done.exit_code == 2
    assert "remote-9-r9" in done.output
