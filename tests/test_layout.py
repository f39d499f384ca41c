"""The house rules a linter does not know: one test file per source file, sizes, nothing private."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "sync_classroom"

# Values without decisions of their own, which what uses them tests; below them, the exceptions.
WITHOUT_TESTS = {
    "domain/accounts.py",
    "domain/edits.py",
    "domain/ids.py",
    "domain/import_rows.py",
    "domain/plan_change.py",
    "domain/problems.py",
    "domain/roster.py",
    "domain/timetable.py",
    "relay/session.py",
    "relay/settings.py",
    "coordinator/document_ports.py",
    "coordinator/evidence_ports.py",
    "coordinator/library_ports.py",
    "coordinator/library_problems.py",
    "coordinator/plan_ports.py",
    "coordinator/ports.py",
    "coordinator/push_ports.py",
    "coordinator/report_ports.py",
    "coordinator/research_ports.py",
    "coordinator/services.py",
    "coordinator/terminal_ports.py",
    "coordinator/views.py",
    # One contract for both buses: tests/store/test_bus.py.
    "store/redis_bus.py",
    # Every test that starts a process of ours runs it.
    "cli/__main__.py",
}
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 500


def _sources() -> list[Path]:
    return [
        p
        for p in sorted(PACKAGE.rglob("*.py"))
        if p.name != "__init__.py" and "migrations" not in p.parts
    ]


def _tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("source", _sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_every_source_file_has_its_test_file(source: Path) -> None:
    relative = source.relative_to(PACKAGE)
    if relative.as_posix() in WITHOUT_TESTS:
        return
    expected = ROOT / "tests" / relative.parent / f"test_{relative.name}"
    assert expected.exists(), f"{relative} has no {expected.relative_to(ROOT)}"


@pytest.mark.parametrize("source", _sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(source: Path) -> None:
    text = source.read_text("utf-8")
    assert text.count("\n") <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{source.name}:{node.lineno} {node.name}"


def test_exempt_files_exist() -> None:
    assert [name for name in WITHOUT_TESTS if not (PACKAGE / name).exists()] == []


def test_no_download_address_or_machine_path_is_committed() -> None:
    pattern = re.compile(r"https?://[^\s\"']+\.(?:whl|tar\.gz|tgz|deb)\b|/root/\S|file:///")
    found = []
    for name in _tracked():
        if Path(name).suffix in {".png", ".ico", ".woff2"} or name == "tests/test_layout.py":
            continue
        text = (ROOT / name).read_text("utf-8", errors="replace")
        found += [f"{name}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []


def test_lock_file_is_exact_and_hashed() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert [p for p in pins if not re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+ ", p)] == []
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
