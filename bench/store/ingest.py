"""How fast evidence goes into the store and comes out again.

    python bench/store/ingest.py [--url sqlite:///file] [--lessons 20] [--seats 48] [--batch 2000]

Without `--url` a new SQLite file in a temporary folder is used. Facts are samples of 10 s, as a
relay's journal delivers them: in pages, each with its cursor, each durable before the next.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench import figures
from bench.figures import Figure, percentile
from sync_classroom.domain.facts import Fact, HostMedia, SeatMedia
from sync_classroom.domain.ids import (
    ClassroomId,
    FactId,
    OccurrenceId,
    SchoolId,
    SeatId,
    TeacherId,
)
from sync_classroom.domain.roster import Classroom, Roster, School, SchoolRole, Teacher
from sync_classroom.domain.timetable import Host, Mode, Occurrence, Seat
from sync_classroom.store.database import Database, open_store
from tests.support.plan_changes import book

START = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
SAMPLE = timedelta(seconds=10)
LESSON = timedelta(minutes=40)
FACTS_PER_SECOND_WANTED = 5_000
DAY_MS_WANTED = 20.0


def samples(lesson: int, seats: int) -> Iterator[Fact]:
    """A lesson's media samples: the host and every seat, 240 each."""
    occurrence = OccurrenceId(f"bench-{lesson:05}")
    begins = START + lesson * LESSON
    for n in range(LESSON // SAMPLE):
        from_at, to_at = begins + n * SAMPLE, begins + (n + 1) * SAMPLE
        head = f"relay-1:4f2a9c1e:{lesson * 1_000_000 + n * 1_000}"
        yield HostMedia(FactId(f"{head}-h"), occurrence, from_at, to_at, 3400, 3_300_000)
        for seat in range(seats):
            yield SeatMedia(
                FactId(f"{head}-{seat}"),
                occurrence,
                SeatId(f"bench-{lesson:05}-s{seat}"),
                from_at,
                to_at,
                3400,
                3391,
                3_290_000,
            )


class Stall:
    """How long the event loop did not let a waiting task run, at worst, while the block ran."""

    def __init__(self) -> None:
        self.worst_ms = 0.0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Stall:
        self._task = asyncio.create_task(self._watch(), name="stall")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            self.worst_ms = max(self.worst_ms, 1000 * (time.perf_counter() - began) - 1)


async def ingest(store: Database, lessons: int, seats: int, batch: int) -> list[Figure]:
    """Append everything in batches, the last lesson once more; the rates."""
    total = 0
    spent = used = 0.0
    stall = Stall()
    facts: list[Fact] = []
    for lesson in range(lessons):
        facts = list(samples(lesson, seats))
        for start in range(0, len(facts), batch):
            page = facts[start : start + batch]
            began, work = time.perf_counter(), time.process_time()
            async with stall:
                added = await store.append_facts(
                    page, received_at=START, cursor=("relay-1", f"{lesson}:{start}")
                )
            spent += time.perf_counter() - began
            used += time.process_time() - work
            assert added == len(page)
            total += added
    began = time.perf_counter()
    again = await store.append_facts(facts, received_at=START)
    repeated = len(facts) / (time.perf_counter() - began)
    assert again == 0
    note = (
        f"{total:,} in batches of {batch:,}, CPU {1e6 * used / total:.0f} µs each,"
        f" longest stall {stall.worst_ms:.0f} ms"
    )
    return [
        Figure("facts appended in a second", total / spent, "", FACTS_PER_SECOND_WANTED,
               at_least=True, note=note),
        Figure("facts appended again in a second, all known", repeated),
    ]  # fmt: skip


async def read_back(store: Database, lessons: int) -> list[Figure]:
    """Read every fact, as a term's coverage does; the rate."""
    began = time.perf_counter()
    found = 0
    async with Stall() as stall:
        for lesson in range(lessons):
            found += len(await store.facts_of([OccurrenceId(f"bench-{lesson:05}")]))
    spent = time.perf_counter() - began
    assert found
    note = f"{found:,} lesson by lesson, longest stall {stall.worst_ms:.0f} ms"
    return [Figure("facts read in a second", found / spent, note=note)]


async def read_a_day(store: Database) -> list[Figure]:
    """48 rooms, 7 lessons each: 14 occurrences of 24 seats; the time of one reading."""
    await store.apply_roster(programme())
    first = datetime(2027, 3, 1, 0, 0, tzinfo=UTC)
    for n in range(14):
        await book(store, _lesson(n, first), key=f"bench-day-{n}", gap_s=0)
    times = []
    used = time.process_time()
    for _ in range(50):
        began = time.perf_counter()
        found = await store.occurrences_between(first, first + timedelta(days=1))
        times.append(1000 * (time.perf_counter() - began))
        assert sum(len(o.seats) for o in found) == 336
    used = 1000 * (time.process_time() - used) / len(times)
    note = f"14 lessons, 336 seats; worst {max(times):.1f} ms, CPU {used:.1f} ms"
    return [Figure("a day's plan read, median", percentile(times, 0.5), "ms", DAY_MS_WANTED,
                   note=note)]  # fmt: skip


def programme() -> Roster:
    """One school with fifty classrooms."""
    school = School(SchoolId("bench"), "测试", SchoolRole.HOST, date(2020, 9, 1))
    rooms = [ClassroomId(f"bench-r{n}") for n in range(50)]
    people = [TeacherId(f"bench-t{n}") for n in range(2)]
    return Roster(
        schools={school.id: school},
        classrooms={r: Classroom(r, school.id, str(r), date(2020, 9, 1)) for r in rooms},
        teachers={t: Teacher(t, school.id, str(t)) for t in people},
    )


def _lesson(n: int, first: datetime) -> Occurrence:
    period, host = divmod(n, 2)
    starts_at = first + timedelta(hours=period)
    rooms = range(2 + 24 * host, 26 + 24 * host)
    return Occurrence(
        id=OccurrenceId(f"bench-day-{n}"),
        mode=Mode.LIVE,
        title="测试",
        subject="英语",
        date=first.date(),
        starts_at=starts_at,
        ends_at=starts_at + LESSON,
        periods=1,
        host=Host(SchoolId("bench"), ClassroomId(f"bench-r{host}"), TeacherId(f"bench-t{host}")),
        seats=tuple(
            Seat(SeatId(f"bench-day-{n}-s{i}"), ClassroomId(f"bench-r{room}"), None, 42)
            for i, room in enumerate(rooms)
        ),
    )


async def run(asked: argparse.Namespace) -> list[Figure]:
    """Run everything against one store."""
    lessons = 2 if asked.quick else asked.lessons
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as folder:
        url = asked.url or "sqlite:///bench.db"
        store = await open_store(url, data_dir=Path(folder))
        try:
            return [
                *await ingest(store, lessons, asked.seats, asked.batch),
                *await read_back(store, lessons),
                *await read_a_day(store),
            ]
        finally:
            await store.close()


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--url", default=None)
    parser.add_argument("--lessons", type=int, default=20)
    parser.add_argument("--seats", type=int, default=48)
    parser.add_argument("--batch", type=int, default=2_000)
    asked = parser.parse_args()
    figures.report(asyncio.run(run(asked)), asked.json)


if __name__ == "__main__":
    main()
