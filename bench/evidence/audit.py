"""How long `audit` takes over a year of 48 rooms, and how much memory.

    python -m bench.evidence.audit [--rooms 48] [--days 280]

Writes a bundle of one lesson a day for each room group, with a sample every 10 s for each seat as
the relay's journal has them (some drop-outs, repeats and late ones among them), and runs the
command on it in a process of its own.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from bench import figures
from bench.figures import Figure
from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.facts import Fact, HostMedia, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.exchange.bundle_files import PLAN, BundleWriter

SAMPLE = timedelta(seconds=10)
LESSON = timedelta(minutes=40)
ROOMS_A_LESSON = 4
FACTS_WANTED = 4_000_000
SECONDS_WANTED = 60.0
MIB_WANTED = 1024.0


def plan_of(rooms: int, days: int) -> dict[str, Any]:
    """A plan in which every room receives one lesson on each of `days` days."""
    first = date(2025, 9, 1)
    schools = [{"id": "host-1", "name": "H", "role": "host", "joined_on": "2020-01-01"}]
    schools += [
        {"id": f"remote-{n}", "name": f"R{n}", "role": "remote", "joined_on": "2020-01-01"}
        for n in range(1, 9)
    ]
    classrooms = [
        {"id": f"h-{n}", "school": "host-1", "name": f"S{n}", "commissioned_on": "2020-01-01"}
        for n in range(rooms // ROOMS_A_LESSON)
    ]
    classrooms += [
        {
            "id": f"r-{n}",
            "school": f"remote-{n % 8 + 1}",
            "name": f"C{n}",
            "commissioned_on": "2020-12-31",
        }
        for n in range(rooms)
    ]
    teachers = [{"id": f"t-{n}", "school": "host-1", "name": "T"} for n in range(rooms)]
    occurrences = []
    for day in range(days):
        on = first + timedelta(days=day)
        for group in range(rooms // ROOMS_A_LESSON):
            starts_at = datetime(on.year, on.month, on.day, 0, 30, tzinfo=UTC)
            occurrences.append(
                {
                    "id": f"o-{day:03}-{group:02}",
                    "mode": "live",
                    "title": "L",
                    "subject": f"subject-{group % 5}",
                    "date": on.isoformat(),
                    "starts_at": starts_at.isoformat(),
                    "ends_at": (starts_at + LESSON).isoformat(),
                    "periods": 1,
                    "host": {
                        "school": "host-1",
                        "classroom": f"h-{group}",
                        "teacher": f"t-{group}",
                    },
                    "seats": [
                        {"id": f"s{n}", "classroom": f"r-{group * ROOMS_A_LESSON + n}"}
                        for n in range(ROOMS_A_LESSON)
                    ],
                }
            )
    return {
        "schema": "sync-classroom/plan/1",
        "target_classrooms": rooms,
        "schools": schools,
        "classrooms": classrooms,
        "teachers": teachers,
        "occurrences": occurrences,
    }


def samples(occurrence: dict[str, Any], number: int, chance: random.Random) -> Iterator[Fact]:
    """One lesson's samples: the host's and each seat's."""
    ident = OccurrenceId(occurrence["id"])
    begins = datetime.fromisoformat(occurrence["starts_at"])
    running = number * 10_000
    for n in range(LESSON // SAMPLE):
        from_at, to_at = begins + n * SAMPLE, begins + (n + 1) * SAMPLE
        running += 1
        yield HostMedia(
            FactId(f"relay-1:4f2a9c1e:{running}"), ident, from_at, to_at, 3400, 3_300_000
        )
        for seat in range(ROOMS_A_LESSON):
            running += 1
            acked = 3391 if chance.random() > 0.02 else 900
            yield SeatMedia(
                FactId(f"relay-1:4f2a9c1e:{running}"),
                ident,
                SeatId(f"s{seat}"),
                from_at,
                to_at,
                3400,
                acked,
                3_290_000,
            )


def write(path: Path, rooms: int, days: int) -> int:
    """Write the bundle; returns how many facts it holds."""
    plan = plan_of(rooms, days)
    parse_plan(plan)  # a bench over a malformed plan would measure its refusal
    chance = random.Random(20_251)
    writer = BundleWriter(path)
    writer.whole(PLAN, plan)
    with writer.open_facts() as add:
        count = sum(
            add(samples(occurrence, number, chance))
            for number, occurrence in enumerate(plan["occurrences"])
        )
    writer.close()
    return count


def measure(rooms: int, days: int) -> list[Figure]:
    """Write a bundle and audit it."""
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as folder:
        path = Path(folder) / "year.zip"
        count = write(path, rooms, days)
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [sys.executable, "-m", "sync_classroom.cli", "audit", str(path), "--format", "json"],
            capture_output=True, check=False,
        )  # fmt: skip
        took_s = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr.decode(errors="replace"))
    if json.loads(done.stdout)["totals"]["due_seats"] != rooms * days:
        sys.exit("the audit did not see every seat")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    scale = FACTS_WANTED / count
    note = f"of {count:,} facts; CPU {cpu_s * scale:.0f} s, {1e6 * cpu_s / count:.1f} µs a fact"
    return [
        Figure("audit of 4 million facts", took_s * scale, "s", SECONDS_WANTED, note=note),
        Figure("audit, memory at its peak", after.ru_maxrss / 1024, "MiB", MIB_WANTED),
    ]


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--rooms", type=int, default=48)
    parser.add_argument("--days", type=int, default=280)
    asked = parser.parse_args()
    figures.report(measure(asked.rooms, 28 if asked.quick else asked.days), asked.json)


if __name__ == "__main__":
    main()
