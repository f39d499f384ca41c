from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.figures import Figure
from bench.run import ALONE, BENCHES, COMPUTED, Bench, Done, between_marks, document

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
