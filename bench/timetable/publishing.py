"""A full term through the service and the database: edited, published, amended, read back.

    python -m bench.timetable.publishing [--quick] [--url sqlite:///file] [--weeks 20]

48 rooms with 30 lessons a week each, three rooms a lesson: 480 weekly rules, 9600 lessons in 20
weeks. Without `--url` a new SQLite file in a temporary folder is used. The longest stall is how
long the event loop, which also carries live lessons, did not run a waiting task.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import replace
from datetime import date, timedelta
from datetime import time as clock
from pathlib import Path

from bench import figures
from bench.figures import Figure, percentile
from bench.store.ingest import Stall
from sync_classroom.domain.edits import AddSeries, CancelLesson, MoveLesson, Place
from sync_classroom.domain.ids import (
    BellSetId,
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeriesId,
    TeacherId,
)
from sync_classroom.domain.roster import BellSet, Period, Roster
from sync_classroom.domain.series import Series, SeriesSeat
from sync_classroom.domain.timetable import Host
from sync_classroom.store.database import open_store
from tests.support.drafts import TERM
from tests.support.offices import Office, office
from tests.support.rosters import HOSTS, REMOTE_ROOMS, programme

PERIODS = 7  # six are taught, the seventh is where lessons are moved to
SEATS = 3
EDITS = 50
PUBLISH_S_WANTED = 10.0
EDIT_MS_WANTED = 50.0


def roster(weeks: int) -> Roster:
    """Eight studios, teachers and classes at each host school, seven periods, a term of `weeks`."""
    known = programme()
    rooms, classes, teachers = dict(known.classrooms), dict(known.classes), dict(known.teachers)
    for school in HOSTS:
        for n in (7, 8):
            room, group, person = (f"{school}-{kind}{n}" for kind in "rct")
            rooms[ClassroomId(room)] = replace(
                rooms[ClassroomId(f"{school}-r1")], id=ClassroomId(room), name=f"{n}号"
            )
            classes[ClassId(group)] = replace(
                classes[ClassId(f"{school}-c1")], id=ClassId(group), name=f"{n}班"
            )
            teachers[TeacherId(person)] = replace(
                teachers[TeacherId(f"{school}-t1")], id=TeacherId(person), name=f"{n}老师"
            )
    periods = tuple(Period(n, clock(7 + n, 0), clock(7 + n, 40)) for n in range(1, PERIODS + 1))
    bells = {i: BellSet(BellSetId(i), b.school, periods) for i, b in known.bell_sets.items()}
    first = date(2026, 8, 31)
    term = replace(TERM, first_day=first, last_day=first + timedelta(weeks=weeks, days=-1))
    return replace(
        known, classrooms=rooms, classes=classes, teachers=teachers, bell_sets=bells, days=(),
        terms={term.id: term},
    )  # fmt: skip


def rules() -> list[Series]:
    """Every studio gives a lesson in six periods of five days, each to rooms of its own."""
    found = []
    for weekday in range(1, 6):
        for period in range(1, PERIODS):
            for number in range(16):
                school, n = HOSTS[number % 2], number // 2 + 1
                rooms = REMOTE_ROOMS[number * SEATS : (number + 1) * SEATS]
                found.append(
                    Series(
                        SeriesId(f"r-{weekday}{period}{number:02}"), TERM.id, "课", "英语",
                        Host(SchoolId(school), ClassroomId(f"{school}-r{n}"),
                             TeacherId(f"{school}-t{n}"), ClassId(f"{school}-c{n}")),
                        tuple(SeriesSeat(ClassroomId(r)) for r in rooms),
                        weekday, period, grade=3,
                    )
                )  # fmt: skip
    return found


async def measure(desk: Office) -> list[Figure]:
    """Everything an office does with a term, once or `EDITS` times."""
    began = time.perf_counter()
    await desk.edit([AddSeries(rule) for rule in rules()])
    drafted_s = time.perf_counter() - began
    stall = Stall()
    began = time.perf_counter()
    async with stall:
        version = await desk.publish()
    published_s = time.perf_counter() - began
    lessons = version.counts["new"]
    view = await desk.service.draft(TERM.id)
    ids = [i for i in sorted(view.base.occurrences) if f"{TERM.first_day.year}10" in i]
    spent_ms = await _edits(desk, ids[:EDITS])
    desk.service._states.clear()
    began = time.perf_counter()
    await desk.service.draft(TERM.id)
    built_s = time.perf_counter() - began
    began = time.perf_counter()
    await desk.service.amend(CancelLesson(ids[-1], "停电"), actor="li", key="amend")
    amended_ms = 1000 * (time.perf_counter() - began)
    note = f"{lessons:,} lessons, longest stall {stall.worst_ms:.0f} ms"
    return [
        Figure("a term drafted in one step", drafted_s, "s", note=f"{len(rules())} rules"),
        Figure("a term published", published_s, "s", PUBLISH_S_WANTED, note=note),
        Figure("one edit of a full term, median", percentile(spent_ms, 0.5), "ms", EDIT_MS_WANTED),
        Figure("one edit of a full term, p99", percentile(spent_ms, 0.99), "ms", EDIT_MS_WANTED),
        Figure("a published term read into memory", built_s, "s"),
        Figure("one lesson cancelled at short notice", amended_ms, "ms"),
    ]


async def _edits(desk: Office, lessons: list[OccurrenceId]) -> list[float]:
    """Lessons moved one after the other to the free period of their day; milliseconds each."""
    spent = []
    for lesson in lessons:
        day = date.fromisoformat(f"{lesson[-8:-4]}-{lesson[-4:-2]}-{lesson[-2:]}")
        seen = await desk.revision()
        began = time.perf_counter()
        await desk.edit(MoveLesson(lesson, Place(day, PERIODS), "调课"), seen=seen)
        spent.append(1000 * (time.perf_counter() - began))
    return spent


async def run(asked: argparse.Namespace) -> list[Figure]:
    """The figures of one database."""
    weeks = 9 if asked.quick else asked.weeks
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as folder:
        store = await open_store(asked.url or "sqlite:///bench.db", data_dir=Path(folder))
        try:
            async with office(Path(folder), store, known=roster(weeks)) as desk:
                return await measure(desk)
        finally:
            await store.close()


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--url", default=None)
    parser.add_argument("--weeks", type=int, default=20)
    asked = parser.parse_args()
    figures.report(asyncio.run(run(asked)), asked.json)


if __name__ == "__main__":
    main()
