"""Documents say what the code does: commands, messages, metrics, links, README's own words.

`python -m tests.test_documents` writes the two documents that are generated here. The settings
file is tested in test_config.py, docs/http-api.md in web/test_openapi.py.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

import sync_classroom.coordinator.booth
import sync_classroom.coordinator.relay_process  # noqa: F401 - registers its metrics
from sync_classroom import __version__
from sync_classroom.cli import main
from sync_classroom.domain.messages import MESSAGE_TYPES
from sync_classroom.relay.metrics import COUNTERS, PREFIX
from sync_classroom.relay.recording.metrics import METRICS as RECORDING
from sync_classroom.web.metrics import WebMetrics

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{path} {name}"
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def commands_document() -> str:
    """docs/commands.md, from the commands themselves."""
    lines = ["# Commands", "", "Every command has `--help`. Problems end with exit code 2.", ""]
    for path, command in _commands(main, "sync-classroom"):
        assert command.help, f"{path} has no sentence"
        lines += [f"## {path}", "", re.sub(r"\s+", " ", command.help.strip()), ""]
        options = [p for p in command.params if isinstance(p, click.Option)]
        arguments = [p for p in command.params if isinstance(p, click.Argument)]
        if arguments:
            lines += [
                "Arguments: " + ", ".join(f"`{a.human_readable_name}`" for a in arguments),
                "",
            ]
        if options:
            lines += ["| option | meaning |", "|---|---|"]
            for option in options:
                names = ", ".join(f"`{n}`" for n in [*option.opts, *option.secondary_opts])
                assert option.help, f"{path} {names} has no sentence"
                needed = " (required)" if option.required else ""
                lines.append(f"| {names}{needed} | {option.help} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _coordinator_metrics() -> list[Metric]:
    ours = [m for m in REGISTRY.collect() if m.name.startswith("sync_classroom")]
    return sorted([*ours, *WebMetrics().registry.collect()], key=lambda m: m.name)


def metrics_document() -> str:
    """docs/metrics.md, from the registries."""
    lines = [
        "# Metrics",
        "",
        "Prometheus text format. The coordinator's are at `/metrics` of the pages (from the server",
        "itself only), the relay's at `/metrics` of its control listener.",
        "",
        "## Coordinator",
        "",
        "| metric | kind | meaning |",
        "|---|---|---|",
        *(f"| `{m.name}` | {m.type} | {m.documentation} |" for m in _coordinator_metrics()),
        "",
        "## Relay: the packet plane",
        "",
        "| metric | kind | meaning |",
        "|---|---|---|",
        *(f"| `{PREFIX}_{name}` | counter | {text} |" for name, text in COUNTERS.values()),
        "",
        "## Relay: recordings",
        "",
        "| metric | kind | meaning |",
        "|---|---|---|",
        *(f"| `{PREFIX}_{name}` | {kind} | {text} |" for name, kind, text in RECORDING),
    ]
    return "\n".join(lines) + "\n"


GENERATED = {"commands.md": commands_document, "metrics.md": metrics_document}


@pytest.mark.parametrize("name", GENERATED)
def test_generated_document_is_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == GENERATED[name](), (
        "run: python -m tests.test_documents"
    )


def test_every_metric_has_its_sentence() -> None:
    for metric in _coordinator_metrics():
        assert len(metric.documentation) > 10, metric.name


def test_every_terminal_message_is_documented_and_no_other() -> None:
    text = (ROOT / "docs/terminal-protocol.md").read_text("utf-8")
    section = text[text.index("### From the terminal") : text.index("### From the server")]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == MESSAGE_TYPES


def test_every_link_in_the_documents_leads_somewhere() -> None:
    broken = [
        f"{document.name}: {target}"
        for document in DOCUMENTS
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text("utf-8"))
        if not target.startswith("http") and not (document.parent / target).exists()
    ]
    assert broken == []


def test_readme_commands_exist() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in set(re.findall(r"^make (\w+)|`make (\w+)`", readme, re.M)):
        assert re.search(rf"^{''.join(target)}:", makefile, re.M), target
    known = {path for path, _ in _commands(main, "sync-classroom")}
    for used in set(re.findall(r"sync-classroom ([a-z]+(?: (?:add|list|cancel|code))?)", readme)):
        assert f"sync-classroom {used}" in known, used


def test_every_folder_of_the_package_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for folder in (ROOT / "sync_classroom").iterdir():
        if folder.is_dir() and folder.name not in ("__pycache__", "cli"):
            assert f"`sync_classroom/{folder.name}`" in readme, folder.name


def test_ci_runs_the_readme_test_command() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text("utf-8")
    assert "\nmake test\n" in (ROOT / "README.md").read_text("utf-8")


def test_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


if __name__ == "__main__":
    for file, make in GENERATED.items():
        (ROOT / "docs" / file).write_text(make(), encoding="utf-8")
