"""A command line of its own for each test: own folder, own database, English messages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sync_classroom.cli import main

ROOT = Path(__file__).parent.parent.parent
Command = Callable[..., Result]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run `sync-classroom ARGUMENTS…` with its data in a temporary folder."""
    monkeypatch.setenv("SYNC_CLASSROOM_SERVER__DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin)

    return run


@pytest.fixture(scope="session")
def taicang(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after `init config/taicang.toml`."""
    folder = tmp_path_factory.mktemp("taicang")
    done = CliRunner().invoke(
        main,
        ["init", str(ROOT / "config/taicang.toml")],
        env={"SYNC_CLASSROOM_SERVER__DATA_DIR": str(folder), "LC_ALL": "C.UTF-8"},
    )
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def loaded(command: Command, taicang: Path, tmp_path: Path) -> Command:
    """A command line whose database knows Taicang."""
    shutil.copytree(taicang, tmp_path / "data")
    return command
