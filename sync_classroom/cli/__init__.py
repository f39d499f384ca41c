"""The `sync-classroom` command: one group, one border where errors become sentences."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from .. import __version__
from ..config import Settings, load_settings
from ..domain.problems import ProblemError
from .demo import demo
from .doctor import doctor
from .language import speaks_chinese
from .logs import configure_logs
from .people import terminal, user
from .plan import coverage, init, lesson
from .serve import relay, serve
from .simulate import simulate
from .tls import tls


class Border(click.Group):
    """Turns a ProblemError of any command into one sentence on standard error and exit code 2."""

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
    ctx.obj = _Lazy(config_file)


class _Lazy:
    """Settings read when a command first asks, so that `--help` works with a broken file.

    The log is set up with them.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._settings: Settings | None = None

    @property
    def settings(self) -> Settings:
        """The settings; raises ProblemError for a bad file."""
        if self._settings is None:
            self._settings = load_settings(self._path)
            configure_logs(self._settings)
        return self._settings


for command in (serve, relay, init, demo, user, terminal, lesson, coverage, simulate, doctor, tls):
    main.add_command(command)
