"""What it costs to keep the figures of a live lesson up to date, from its first sample to its last.

    python -m bench.evidence.counting [--quick] [--seats 47]

A lesson of 40 minutes is counted after every 10 s of its journal, as its coordinator does; only
the counting is measured, not the writing of the facts.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from bench import figures
from bench.figures import Figure, percentile
from bench.store.ingest import LESSON, SAMPLE, START, programme, samples
from sync_classroom.coordinator.rollups import RollupKeeper
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId, SeatId, TeacherId
from sync_classroom.domain.timetable import Host, Mode, Occurrence, Seat
from sync_classroom.store.database import Database, open_store
from tests.support.plan_changes import book

ROUND_MS_WANTED = 50.0


def lesson(seats: int) -> Occurrence:
    """The lesson whose samples are `ingest.samples(0, seats)`."""
    ident = OccurrenceId("bench-00000")
    return Occurrence(
        ident, Mode.LIVE, "测试", "英语", START.date(), START, START + LESSON, 1,
        Host(SchoolId("bench"), ClassroomId("bench-r0"), TeacherId("bench-t0")),
        tuple(
            Seat(SeatId(f"{ident}-s{n}"), ClassroomId(f"bench-r{n + 1}"), None, 42)
            for n in range(seats)
        ),
    )  # fmt: skip


async def count(store: Database, seats: int, rounds: int) -> list[float]:
    """Milliseconds of processor time of each round, the database's included."""
    await store.apply_roster(programme())
    await book(store, lesson(seats), key="bench", gap_s=0)
    keeper = RollupKeeper(
        store,
        clock=lambda: datetime.now(UTC),
        zone=ZoneInfo("Asia/Shanghai"),
        leading=lambda: True,
    )
    await keeper.settle()
    facts = samples(0, seats)
    spent = []
    for _ in range(rounds):
        await store.append_facts(list(islice(facts, seats + 1)), received_at=START)
        work = time.process_time()
        assert await keeper.count_some() == 1
        spent.append(1000 * (time.process_time() - work))
    kept = await store.results_of([lesson(seats).id])
    assert {r.credited_s for r in kept} == {rounds * int(SAMPLE.total_seconds())}
    return spent


async def measure(seats: int, rounds: int) -> list[Figure]:
    """Count the lesson on SQLite in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as folder:
        store = await open_store("sqlite:///bench.db", data_dir=Path(folder))
        try:
            spent = await count(store, seats, rounds)
        finally:
            await store.close()
    tenth = max(1, rounds // 10)
    note = (
        f"{seats} seats, {rounds} rounds, CPU; first tenth"
        f" {percentile(spent[:tenth], 0.5):.1f} ms, the whole lesson {sum(spent) / 1000:.1f} s"
    )
    return [
        Figure("a live lesson counted again near its end, median", percentile(spent[-tenth:], 0.5),
               "ms", ROUND_MS_WANTED, note=note)
    ]  # fmt: skip


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--seats", type=int, default=47)
    asked = parser.parse_args()
    rounds = 24 if asked.quick else LESSON // SAMPLE
    figures.report(asyncio.run(measure(asked.seats, rounds)), asked.json)


if __name__ == "__main__":
    main()
