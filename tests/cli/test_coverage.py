"""`coverage` and `coverage verify` at the console, on a real database."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from .conftest import Command
from .test_plan import TOMORROW, _add


def test_coverage_of_a_planned_lesson_has_its_due_periods(loaded: Command) -> None:
    _add(loaded, "remote-1-r1", "remote-2-r1", extra=("--periods", "2"))
    figures = json.loads(loaded("coverage", "--from", str(TOMORROW), "--format", "json").output)
    assert figures["totals"]["due_periods"] == 4
    assert figures["totals"]["held_rate"] == {"numerator": 0, "denominator": 4}
    table = loaded("coverage", "--from", str(TOMORROW)).output
    assert "随迁子女学校一" in table
    assert "0.0 % (0/4)" in table
    assert "4 of the due periods are not over yet and count as not held so far." in table


def test_an_empty_denominator_is_a_dash(loaded: Command) -> None:
    assert "host_rate: —" in loaded("coverage", "--from", "2026-09-07").output


def test_verify_finds_what_was_kept_and_is_not_what_the_facts_say(
    loaded: Command, tmp_path: Path
) -> None:
    assert loaded("coverage", "verify").exit_code == 0
    lesson = _add(loaded, "remote-1-r1", "remote-2-r1")
    done = loaded("coverage", "verify")
    assert (done.exit_code, done.output) == (0, "✔ equal to the raw facts\n")
    with sqlite3.connect(tmp_path / "data" / "sync_classroom.db") as database:
        database.execute("UPDATE seat_results SET periods = 7 WHERE seat LIKE '%1'")
        database.execute("UPDATE rollups SET due_periods = 9 WHERE dim = 'subject'")
    done = loaded("coverage", "verify", "--format", "json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert found["chain"] == []
    paths = {d["path"]: (d["published"], d["found"]) for d in found["differences"]}
    assert paths["figures.by_subject.英语.due_periods"] == (9, 2)
    assert [p for p in paths if p.startswith(f"seats.{lesson}/")]
    only = loaded("coverage", "verify", "--from", str(TOMORROW), "--to", str(TOMORROW))
    assert only.exit_code == 1
    assert f"days.{TOMORROW}" in only.output
