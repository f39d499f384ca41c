"""`timetable check` of a whole province: 10 000 rooms, one term, 30 lessons a week for each.

    python -m bench.timetable.province [--quick] [--cities 200] [--weeks 20]

The plan is written to a temporary folder first, which is not measured; then the command itself is
run, as anybody would run it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import figures
from bench.figures import Figure
from bench.timetable.plans import ROOMS_OF_A_CITY, write_plan

SECONDS_WANTED = 60.0
MIB_WANTED = 2048.0


def run(asked: argparse.Namespace) -> list[Figure]:
    """Write the plan, check it, say what that took."""
    cities = 20 if asked.quick else asked.cities
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as folder:
        plan = Path(folder) / "plan.json"
        lessons = write_plan(plan, cities, asked.weeks)
        size = plan.stat().st_size
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "sync_classroom.cli", "timetable", "check", str(plan),
             "--format", "json"],
            check=False, capture_output=True,
        )  # fmt: skip
        spent = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 1, done.stderr
        found = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    note = (
        f"{cities * ROOMS_OF_A_CITY:,} rooms, {lessons:,} lessons, {24 * lessons:,} seats,"
        f" {size / 1e6:.0f} MB; {len(found['blocks']):,} clashes,"
        f" {len(found['warnings']):,} warnings"
    )
    return [
        Figure("a province's term checked", spent, "s", SECONDS_WANTED, note=note),
        Figure("CPU of that", cpu, "s"),
        # Linux counts in KiB.
        Figure("memory of that", after.ru_maxrss / 1024, "MiB", MIB_WANTED),
    ]


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--cities", type=int, default=200)
    parser.add_argument("--weeks", type=int, default=20)
    asked = parser.parse_args()
    figures.report(run(asked), asked.json)


if __name__ == "__main__":
    main()
