"""`simulate term`: a database of its own, marked, the same from the same seed, and auditable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sync_classroom.cli import main
from sync_classroom.cli.simulate_term import environment
from sync_classroom.store.simulation import is_marked_file
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

from .conftest import Command

ARGUMENTS = ("--until", "2026-09-13", "--rooms", "8")
SHORT = ("--until", "2026-09-03", "--rooms", "8")
PERIOD = ("--from", "2026-09-01", "--to", "2026-09-13")


def _run(folder: Path, *arguments: str) -> Result:
    """A command of ours over a folder's database, in English."""
    environment = {"SYNC_CLASSROOM_SERVER__DATA_DIR": str(folder), "LC_ALL": "C.UTF-8"}
    done = CliRunner().invoke(main, list(arguments), env=environment)
    assert done.exit_code == 0, done.output
    return done


def _bundle(folder: Path) -> Path:
    file = folder / "bundle.zip"
    _run(folder, "bundle", str(file))
    return file


def _hashes(bundle: Path) -> Any:
    with zipfile.ZipFile(bundle) as opened:
        return json.loads(opened.read("manifest.json"))["sha256"]


@dataclass(frozen=True)
class Term:
    """A simulated term: its folder, what was said about it, and its bundle."""

    folder: Path
    said: str
    bundle: Path


@pytest.fixture(scope="module")
def term(tmp_path_factory: pytest.TempPathFactory) -> Term:
    """Two weeks of eight rooms."""
    folder = tmp_path_factory.mktemp("simulated") / "term"
    done = _run(folder, "simulate", "term", *ARGUMENTS, "--folder", str(folder))
    return Term(folder, done.output, _bundle(folder))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same by a process of its own, which serves it then: its folder and its sign-in page."""
    folder = tmp_path_factory.mktemp("served") / "term"
    port = free_port()
    arguments = (*ARGUMENTS, "--folder", str(folder), "--serve", "--port", str(port))
    with subprocess.Popen(
        [sys.executable, "-m", "sync_classroom.cli", "simulate", "term", *arguments],
        env=os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "123"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            text = ""
            while "coverage of the simulated term" not in text:
                line = process.stdout.readline()
                assert line, text
                text += line
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in") as answer:
                page = answer.read().decode()
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) == 0
    return folder, page


def test_the_same_seed_gives_the_same_bundle_in_any_process(
    term: Term, served: tuple[Path, str], tmp_path: Path
) -> None:
    one = _hashes(term.bundle)
    assert one == _hashes(_bundle(served[0]))
    for seed in ("1", "2"):  # what was there before is replaced
        _run(tmp_path, "simulate", "term", *SHORT, "--folder", str(tmp_path), "--seed", seed)
        one, before = _hashes(_bundle(tmp_path)), one
        assert one != before


def test_the_audit_of_the_bundle_is_the_servers_coverage(term: Term) -> None:
    assert "Simulated data, 2026-09-01 to 2026-09-13, seed 1" in term.said
    assert term.said.count("password") == 2
    audited = _run(term.folder, "audit", str(term.bundle), *PERIOD, "--format", "json")
    report = json.loads(audited.stdout)
    assert report.pop("verification")["manifest"] == "equal"
    del report["second_opinion"]  # beside the figures, and none of them
    served = json.loads(_run(term.folder, "coverage", *PERIOD, "--format", "json").stdout)
    # The audit keeps the order of the plan's file, the server that of what it stores.
    for each in (served, report):
        each["seats"].sort(key=lambda s: (s["occurrence"], s["seat"]))
    assert served == report
    assert report["totals"]["held_seats"] > 0
    assert report["totals"]["push_opened"] > 0
    assert report["totals"]["research_held"] == 1


def test_a_database_without_the_mark_is_left_alone(loaded: Command, tmp_path: Path) -> None:
    file = tmp_path / "data" / "sync_classroom.db"
    before = file.read_bytes()
    done = loaded("simulate", "term", *ARGUMENTS, "--folder", str(tmp_path / "data"))
    assert done.exit_code == 2
    assert "not a database of simulated data" in done.output
    assert file.read_bytes() == before
    assert not is_marked_file(file)


def test_weeks_and_dates_are_bounded_by_the_term(command: Command, tmp_path: Path) -> None:
    done = command("simulate", "term", "--until", "2027-06-01", "--folder", str(tmp_path / "x"))
    assert done.exit_code == 2
    assert "2026-09-01 to 2027-01-22" in done.output
    assert not (tmp_path / "x").exists()
    output = command(
        "simulate", "term", "--weeks", "1", "--rooms", "8", "--folder", str(tmp_path / "x")
    ).output
    assert "2026-09-01 to 2026-09-06" in output


def test_served_it_says_on_every_page_that_it_is_simulated(served: tuple[Path, str]) -> None:
    assert 'class="simulated"' in served[1]


def test_serve_is_told_by_its_environment(tmp_path: Path) -> None:
    assert environment(tmp_path) == {
        "SYNC_CLASSROOM_SERVER__DATA_DIR": tmp_path,
        "SYNC_CLASSROOM_STORE__URL": "''",
        "SYNC_CLASSROOM_STORE__REDIS_URL": "''",
    }
