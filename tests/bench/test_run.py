from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.figures import Figure
from bench.run import ALONE, BENCHES, COMPUTED, Bench, Done, between_marks, document, renewed

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("bench", [*BENCHES, *ALONE], ids=lambda bench: bench.name)
def test_every_bench_starts_and_says_what_it_takes(bench: Bench) -> None:
    done = subprocess.run(
        [sys.executable, "-m", bench.module, "--help"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout
    assert "--json" in done.stdout


def test_every_bench_file_with_a_main_is_listed() -> None:
    found = {
        f"bench.{path.parent.name}.{path.stem}"
        for path in (ROOT / "bench").glob("*/*.py")
        if '__name__ == "__main__"' in path.read_text("utf-8")
    }
    assert found == {bench.module for bench in (*BENCHES, *ALONE)} | COMPUTED


def test_readme_has_the_marks_that_the_table_goes_between() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert "\nA TABLE\n<!-- end" in between_marks(text, "A TABLE\n")


def test_between_marks_replaces_only_what_is_there() -> None:
    marked = "before\n<!-- figures -->\nold\n<!-- end of figures -->\nafter\n"
    assert between_marks(marked, "new\n") == marked.replace("old", "new")
    with pytest.raises(ValueError, match="no marks"):
        between_marks("nothing here", "new\n")


def test_document_names_machine_date_and_command() -> None:
    text = document(
        [
            Done("python -m bench.x", [Figure("cost", 6.0, "µs", 12.0), Figure("aimless", 1, "s")]),
            Done("python -m bench.y", [Figure("aimless", 1, "s")]),
        ],
        "two cores", datetime(2026, 11, 25, tzinfo=UTC), "python -m bench.run",
    )  # fmt: skip
    assert text.startswith("Measured on two cores, 2026-11-25, by `python -m bench.run`:\n\n| |")
    assert text.endswith("| `python -m bench.x` | | | |\n| cost | 6 µs | ≤ 12 µs | 0.5 |\n")


def test_renewed_replaces_the_figures_of_some_benches_and_says_when() -> None:
    at = datetime(2026, 11, 25, tzinfo=UTC)
    first = [
        Done("python -m bench.relay.joins", [Figure("joins", 6.0, "s", 12.0)]),
        Done("python -m bench.relay.churn", [Figure("churn", 1.0, "%", 2.0)]),
    ]
    whole = document(first, "two cores", at, "python -m bench.run")
    text = between_marks("<!-- figures -->\n<!-- end of figures -->\nafter\n", whole)
    later = datetime(2026, 11, 30, tzinfo=UTC)
    again = [
        Done("python -m bench.relay.churn", [Figure("churn", 1.5, "%", 2.0)]),
        Done("python -m bench.relay.hostile", [Figure("frozen", 0.5, "%", 1.0)]),
    ]
    found = renewed(text, again, "two cores", later)
    assert found.endswith("<!-- end of figures -->\nafter\n")
    assert [line for line in found.splitlines() if line.startswith("| ")][1:] == [
        "| `python -m bench.relay.joins` | | | |",
        "| joins | 6 s | ≤ 12 s | 0.5 |",
        "| `python -m bench.relay.hostile`, `2026-11-30` | | | |",
        "| frozen | 0.5 % | ≤ 1 % | 0.5 |",
        "| `python -m bench.relay.churn`, `2026-11-30` | | | |",
        "| churn | 1.5 % | ≤ 2 % | 0.75 |",
    ]
    assert renewed(found, again, "two cores", later) == found
    with pytest.raises(ValueError, match="another machine"):
        renewed(found, again, "four cores", later)
