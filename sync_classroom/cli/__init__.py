"""The `sync-classroom` command: one group, one border where errors become sentences."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from .. import __version__
from ..config import Settings, load_settings
from ..domain.problems import ProblemError
from ..setting_tables import LogSettings
from .language import speaks_chinese
from .logs import configure_logs

#: Command → module. A module is read when its command is asked for: the database, the web and the
#: media libraries take a second to load, and most commands need few of them.
MODULES: Final = {
    "audit": "audit",
    "bundle": "audit",
    "calendar": "calendar",
    "coverage": "coverage",
    "demo": "demo",
    "doctor": "doctor",
    "drain": "drain",
    "ingest": "ingest",
    "init": "plan",
    "lesson": "plan",
    "relay": "relay",
    "report": "report",
    "retention": "retention",
    "serve": "serve",
    "simulate": "simulate",
    "terminal": "people",
    "timetable": "timetable",
    "tls": "tls",
    "user": "people",
}


class Border(click.Group):
    """Turns a ProblemError of any command into one sentence on standard error and exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, for the help text."""
        del ctx
        return sorted(MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, read now; None if there is none of this name."""
        del ctx
        module = MODULES.get(cmd_name)
        if module is None:
            return None
        command = getattr(import_module(f".{module}", __name__), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ProblemError as problem:
            text = problem.zh if speaks_chinese() else problem.en
            if problem.value is not None and str(problem.value) not in text:
                text += f" ({problem.field or 'value'}: {problem.value})"
            Console(stderr=True, soft_wrap=True).print(f"[bold red]✕[/] {text}", highlight=False)
            sys.exit(2)


@click.group(cls=Border)
@click.version_option(__version__, prog_name="sync-classroom")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings file (default: config/sync_classroom.toml, or $SYNC_CLASSROOM_CONFIG).",
)
@click.pass_context
def main(ctx: click.Context, config_file: Path | None) -> None:
    """Schedule shared lessons, relay their media, prove how far they reach."""
    # What a command prints is for people; `serve` and `relay` log as their settings say.
    configure_logs(LogSettings(level="warning"))
    ctx.obj = _Lazy(config_file)


class _Lazy:
    """Settings read when a command first asks, so that `--help` works with a broken file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings; raises ProblemError for a bad file."""
        if self._settings is None:
            self._settings = load_settings(self._path)
        return self._settings
