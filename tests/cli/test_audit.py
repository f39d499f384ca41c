"""`audit` and `bundle` as an auditor runs them."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command

CASE = Path(__file__).parent.parent / "domain" / "cases" / "three-weeks"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """Our reference case in a folder that may be changed."""
    folder = tmp_path / "case"
    shutil.copytree(CASE, folder)
    (folder / "expected.json").unlink()
    return folder


def _audit(command: Command, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = command("audit", *arguments, "--format", "json")
    return done.exit_code, json.loads(done.stdout)


def test_every_figure_of_the_case_comes_out(command: Command, case: Path) -> None:
    code, report = _audit(command, str(case))
    expected = json.loads((CASE / "expected.json").read_text("utf-8"))
    assert code == 0
    verification = report.pop("verification")
    assert {k: report[k] for k in expected} == expected
    assert verification == {"manifest": "absent", "snapshot": "absent", "differences": []}


def test_published_figures_that_are_recomputed_alike_are_equal(
    command: Command, case: Path
) -> None:
    _, report = _audit(command, str(case))
    (case / "snapshot.json").write_text(json.dumps(report), "utf-8")
    code, again = _audit(command, str(case))
    assert code == 0
    assert again["verification"]["snapshot"] == "equal"
    # What was published is compared over its own period, whatever is asked for.
    code, again = _audit(command, str(case), "--to", report["period"]["from"])
    assert code == 0
    assert again["period"]["to"] == report["period"]["from"]
    assert again["totals"] != report["totals"]


def test_published_figures_that_differ_are_listed(command: Command, case: Path) -> None:
    _, report = _audit(command, str(case))
    was = report["totals"]["credited_s"]
    report["totals"]["credited_s"] = was + 1
    (case / "snapshot.json").write_text(json.dumps(report), "utf-8")
    code, again = _audit(command, str(case))
    assert code == 1
    assert again["verification"]["differences"] == [
        {"path": "snapshot.totals.credited_s", "published": was + 1, "found": was}
    ]
    table = command("audit", str(case))
    assert table.exit_code == 1
    assert f"snapshot.totals.credited_s: published {was + 1}, found {was}" in table.output


def test_malformed_bundle_is_exit_code_2_with_line_and_reason(command: Command, case: Path) -> None:
    with (case / "facts.ndjson").open("a", encoding="utf-8") as file:
        file.write('{"id": "x", "kind": "host_media"}\n')
    count = len((case / "facts.ndjson").read_text("utf-8").splitlines())
    done = command("audit", str(case))
    assert done.exit_code == 2
    assert f"line {count}" in done.stderr
    assert "field 'from' is missing" in done.stderr


def test_period_backwards_is_refused(command: Command, case: Path) -> None:
    done = command("audit", str(case), "--from", "2026-09-30", "--to", "2026-09-01")
    assert done.exit_code == 2
    assert "--to is before --from" in done.stderr


def test_exported_bundle_is_audited_to_what_the_server_counts(
    loaded: Command, tmp_path: Path
) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    added = loaded(
        "lesson", "add", "--title", "Unit 6", "--subject", "英语", "--teacher", "host-1-t01",
        "--classroom", "host-1-r1", "--at", f"{day} 09:00", "--seat", "remote-1-r1",
    )  # fmt: skip
    assert added.exit_code == 0, added.output
    path = tmp_path / "bundle.zip"
    done = loaded("bundle", str(path))
    assert done.exit_code == 0, done.output
    with zipfile.ZipFile(path) as packed:
        assert sorted(packed.namelist()) == [
            "facts.ndjson", "manifest.json", "plan.json", "rules.json",
        ]  # fmt: skip
    code, report = _audit(loaded, str(path))
    assert code == 0
    assert report["verification"]["manifest"] == "equal"
    assert report["totals"]["due_seats"] == 1
    server = loaded("coverage", "--from", str(day), "--format", "json")
    counted = json.loads(server.stdout)
    assert {k: report[k] for k in counted} == counted


def test_bundle_that_cannot_be_written_is_refused(loaded: Command, tmp_path: Path) -> None:
    done = loaded("bundle", str(tmp_path / "none" / "bundle.zip"))
    assert done.exit_code == 2
    assert "bundle.zip" in done.stderr
