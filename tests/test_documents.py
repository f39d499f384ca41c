"""Documents say what the code does: commands, messages, metrics, links, README's own words.

`python -m tests.test_documents` writes the documents, and parts of them, that are generated here.
The settings file is tested in test_config.py, docs/http-api.md in web/test_openapi.py.
"""

from __future__ import annotations

import ast
import asyncio
import re
import tempfile
import time
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from prometheus_client import REGISTRY
from prometheus_client.metrics_core import Metric

import sync_classroom.app  # noqa: F401 - imports all that registers metrics
from bench.relay.sizing import read_costs, sizing_table
from sync_classroom import __version__
from sync_classroom.cli import main
from sync_classroom.domain.messages import MESSAGE_TYPES
from sync_classroom.relay.endpoint import Endpoint
from sync_classroom.relay.journal import Journal
from sync_classroom.relay.limits import RateLimiter
from sync_classroom.relay.metrics import PREFIX, Metrics
from sync_classroom.relay.recording.library import Library, Limits
from sync_classroom.relay.recording.recorder import Recorder
from sync_classroom.relay.settings import Listen, RelaySettings
from sync_classroom.web.metrics import WebMetrics
from tests.support.policies import policies
from tests.support.policies import table as policy_table

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def _commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, f"{path} {name}"
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield f"{path} {name}", command
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


async def _relay_metrics() -> list[Metric]:
    """What a relay that has just started would tell, in its own order."""
    with tempfile.TemporaryDirectory() as folder:
        settings = RelaySettings(media=Listen("127.0.0.1", 0))
        endpoint = await Endpoint.open(settings, on_sample=lambda sample: None)
        journal = Journal(
            Path(folder), relay="relay-1", boot="00000000", version="0", max_bytes=1,
            sample_s=10.0, wall=lambda: datetime.now(UTC),
        )  # fmt: skip
        recorder = Recorder(Library(Path(folder), Limits(0, 0, 0)), endpoint, relay="relay-1")
        metrics = Metrics(endpoint, journal, recorder, boot="00000000", version="0")
        metrics.watch_limiter(RateLimiter(time.monotonic))
        metrics.count_request("public", "GET", 200, 0.0)
        found = list(metrics.families())
        await recorder.close()
        await endpoint.close()
    return found


def _labels(metric: Metric) -> list[str]:
    names = {name for sample in metric.samples for name in sample.labels}
    return sorted(names - {"le"})


#: Labels with a value of their own for each start or build; there is one series of them.
IDENTITY_LABELS = {"boot", "fanout", "version"}
#: Everything else has as many values as the code has words.
BOUNDED_LABELS = {"connected", "direction", "listener", "method", "path", "reason", "status"}


def test_no_label_of_the_relay_grows_with_its_lessons() -> None:
    for metric in asyncio.run(_relay_metrics()):
        assert set(_labels(metric)) <= IDENTITY_LABELS | BOUNDED_LABELS, metric.name


def test_every_metric_a_document_names_exists() -> None:
    named = {
        (document.name, name)
        for document in DOCUMENTS
        for name in re.findall(r"`(sync_classroom_\w+)`", document.read_text("utf-8"))
    }
    known = {metric.name for metric in (*_coordinator_metrics(), *asyncio.run(_relay_metrics()))}
    assert [
        (document, name) for document, name in named if name.removesuffix("_total") not in known
    ] == []


UNITS = ("_seconds", "_bytes", "_ratio")


def test_every_measure_of_the_relay_has_its_unit_in_its_name() -> None:
    """Gauges and histograms that measure; counts need none (Prometheus: "a number of things")."""
    counts = {"rooms", "sessions", "draining", "busy", "journal_failing"}
    counts |= {"process_open_fds", "process_max_fds"}
    counts |= {"recordings", "recording_disk_full", "recording_waiting_packets"}
    for metric in asyncio.run(_relay_metrics()):
        name = metric.name.removeprefix(f"{PREFIX}_")
        if metric.type in ("gauge", "histogram") and name not in counts:
            assert name.endswith(UNITS), name


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
        "## Relay",
        "",
        "No label is a room, peer or address: a full relay has as many series as an empty one.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
        *(
            f"| `{m.name}` | {m.type} | {', '.join(_labels(m))} | {m.documentation} |"
            for m in asyncio.run(_relay_metrics())
        ),
    ]
    return "\n".join(lines) + "\n"


def relay_document() -> str:
    """docs/relay.md as it is, with its two computed parts made anew."""
    text = (ROOT / "docs/relay.md").read_text("utf-8")
    costs = read_costs(text)
    for name, made in (("sizing", sizing_table(costs)), ("policies", policy_table())):
        start, end = f"<!-- {name}: computed -->\n", f"<!-- /{name} -->"
        head, _, rest = text.partition(start)
        _, _, tail = rest.partition(end)
        assert tail, f"docs/relay.md has no part {name}"
        text = f"{head}{start}\n{made}\n{end}{tail}"
    return text


def test_every_number_of_the_relay_has_its_reason() -> None:
    """A bound, an interval, a share: whoever wonders why it is so finds it said beside it."""
    bare = [f"{p.module}.{name}" for p in policies() if not p.reason for name, _ in p.values]
    assert bare == []
    assert len(policies()) > 90


GENERATED = {
    "commands.md": commands_document,
    "metrics.md": metrics_document,
    "relay.md": relay_document,
}


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


def _tests_of(path: Path) -> set[str]:
    """The names of the tests in a file: functions, or titles of a page script's tests."""
    text = path.read_text("utf-8")
    if path.suffix == ".mjs":
        return set(re.findall(r'^test\("([^"]+)"', text, re.M))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.parse(text).body if isinstance(node, functions)}


def test_every_requirement_of_whip_and_whep_names_tests_that_exist() -> None:
    text = (ROOT / "docs/whip-whep-conformance.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| [WE] \d", line)]
    assert len(rows) > 40
    missing = []
    for row in rows:
        named = re.findall(r"`([\w/.]+\.(?:py|mjs))::([^`]+)`", row.rsplit("|", 2)[1])
        assert named, f"no test: {row}"
        missing += [
            f"{file}::{test}"
            for file, test in named
            if test not in _tests_of(ROOT / "tests" / file)
        ]
    assert missing == []


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
