"""`audit` and `bundle` as an auditor runs them."""

from __future__ import annotations

import json
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.crediting import seats_of
from sync_classroom.domain.facts import fact_to_dict, parse_fact
from sync_classroom.domain.ids import FactId
from sync_classroom.domain.intervals import instant_of, intersection, length
from sync_classroom.domain.terminal_journal import (
    TerminalSample,
    grouped,
    sample_to_dict,
    seal,
)

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
    assert report["second_opinion"] is None
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


@pytest.fixture
def with_journals(case: Path) -> Path:
    """The case with two seats' own journals: one says what the relay says, one heard nothing."""
    plan = parse_plan(json.loads((case / "plan.json").read_text("utf-8")))
    facts = [parse_fact(json.loads(x)) for x in (case / "facts.ndjson").read_text().splitlines()]
    judged = seats_of(plan, facts)
    seals, lines = [], []
    chosen = [s for s in judged.values() if s.held and not s.adjusted_s][:2]
    for number, seat in enumerate(chosen):
        received = {1: ()}.get(number, seat.delivered)
        samples = []
        for n, first in enumerate(range(seat.window[0], seat.window[1], 10)):
            span = ((first, min(first + 10, seat.window[1])),)
            begins, ends = (instant_of(s) for s in span[0])
            moved = 1000 * length(intersection(span, received))
            samples.append(
                TerminalSample(
                    FactId(f"ts:{number}:{n + 1}"), FactId(""), seat.occurrence.id, seat.seat.id,
                    begins, ends, begins, ends, True, moved, 9, 9,
                )
            )  # fmt: skip
        for start in range(0, len(samples), 60):
            [group] = grouped(samples[start : start + 60])
            seals.append(json.dumps(fact_to_dict(seal(group))))
            lines += [json.dumps(sample_to_dict(s)) for s in group]
    with (case / "facts.ndjson").open("a", encoding="utf-8") as file:
        file.write("\n".join(seals) + "\n")
    (case / "terminals.ndjson").write_text("\n".join(lines) + "\n", "utf-8")
    return case


def test_terminals_journals_are_a_second_opinion_and_no_figure_rests_on_them(
    command: Command, with_journals: Path
) -> None:
    code, report = _audit(command, str(with_journals))
    expected = json.loads((CASE / "expected.json").read_text("utf-8"))
    assert code == 0
    assert {k: report[k] for k in expected} == expected
    second = report["second_opinion"]
    assert (second["seats"], second["agrees"], second["less"]) == (2, 1, 1)
    assert second["journals"]["absent"] == 0
    [differing] = second["differing"]
    [seat] = [s for s in report["seats"] if s["seat"] == differing["seat"]]
    assert seat["credited_s"] <= differing["relay_only_s"] <= differing["observed_s"]
    assert differing["terminal_only_s"] == 0
    # Of another period there is no opinion.
    _, other = _audit(command, str(with_journals), "--to", "2026-01-02")
    assert other["second_opinion"]["seats"] == 0
    told = command("audit", str(with_journals)).stdout
    assert "2 seats, 1 agree, 1 saw less, 0 saw more" in " ".join(told.split())


def test_deleted_journals_are_counted_and_nothing_else_changes(
    command: Command, with_journals: Path
) -> None:
    path = with_journals / "terminals.ndjson"
    lines = path.read_text().splitlines()
    first = json.loads(lines[0])["journal"]
    path.write_text("\n".join(x for x in lines if json.loads(x)["journal"] != first))
    code, report = _audit(command, str(with_journals))
    assert (code, report["second_opinion"]["journals"]["absent"]) == (0, 1)
    path.unlink()
    code, report = _audit(command, str(with_journals))
    assert (code, report["second_opinion"]) == (0, None)


def test_a_sample_that_was_changed_or_added_is_a_difference(
    command: Command, with_journals: Path
) -> None:
    path = with_journals / "terminals.ndjson"
    lines = path.read_text().splitlines()
    sample = json.loads(lines[3])
    changed = json.dumps({**sample, "moved_ms": sample["moved_ms"] // 2})
    for told in (
        [*lines[:3], changed, *lines[4:]],
        [*lines[:3], *lines[4:]],
        [*lines, json.dumps({**sample, "id": "ts:9:1"})],
        [*lines, json.dumps({**sample, "id": "ts:9:1", "journal": "tj:9:1"})],
    ):
        path.write_text("\n".join(told))
        code, report = _audit(command, str(with_journals))
        assert code == 1
        [found] = report["verification"]["differences"]
        assert found["path"].startswith("terminal_journals.tj:")


def test_a_malformed_sample_is_exit_code_2_with_line_and_reason(
    command: Command, with_journals: Path
) -> None:
    path = with_journals / "terminals.ndjson"
    lines = path.read_text().splitlines()
    lines[4] = json.dumps({**json.loads(lines[4]), "measured": "yes"})
    path.write_text("\n".join(lines))
    done = command("audit", str(with_journals))
    assert done.exit_code == 2
    assert "terminals.ndjson, line 5" in done.stderr
    assert "'measured' must be true or false, not 'yes'" in done.stderr


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
