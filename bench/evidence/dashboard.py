"""How fast a dashboard is made of what is kept: a city's term, a province's year.

    python -m bench.evidence.dashboard [--quick] [--url postgresql://…] [--rooms 48]

The kept results are filled in directly, as counting a year of facts would take hours; they are
summed by the program's own statements. Without `--url` the city is measured on SQLite in a
temporary folder, and the province on PostgreSQL if its wheel is installed. The city's pages are
asked for over loopback by one client in the same process: all statements, the template and the
transfer.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Date, Text, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bench import figures
from bench.figures import Figure, percentile
from sync_classroom.coordinator.coverage import assembled
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.crediting import Cause, SeatState
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.rollup import ADDITIVE, SeatResult
from sync_classroom.domain.roster import (
    Classroom,
    Roster,
    School,
    SchoolClass,
    SchoolRole,
    Teacher,
    Term,
)
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import Host, Mode, Occurrence, Seat
from sync_classroom.machine import rare_collections
from sync_classroom.store.database import Database, open_store
from sync_classroom.store.plan_rows import insert_occurrences
from sync_classroom.store.rollup_tables import (
    rolled_spans,
    rollup_classes,
    rollup_week_classes,
    rollups,
    seat_results,
)
from sync_classroom.store.rollups import result_row, sum_day
from tests.support.coordination import TurnedClock
from tests.support.web import Site, site

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 8, 31)
TERM_MS_WANTED = 150.0
PROVINCE_S_WANTED = 2.0
ROOMS_PER_SCHOOL = 8
LESSONS_A_DAY = 8
SUBJECTS = ("语文", "数学", "英语", "科学", "音乐", "美术")
SEATS_OF_A_LESSON = 16
TODAY = FIRST + timedelta(days=136)
IN_TERM = date(2026, 11, 26)
PAGES = (
    ("the dashboard", "/coverage"),
    ("a school", "/coverage/schools/s0"),
    ("a classroom", "/coverage/classrooms/r0"),
    ("today", "/today"),
)


def roster(rooms: int, days: int) -> Roster:
    """`rooms` classrooms of schools with eight each, a class to each; a term of `days`."""
    schools = [SchoolId(f"s{n}") for n in range(-(-rooms // ROOMS_PER_SCHOOL))]
    hosts = [SchoolId(f"h{n}") for n in range(max(2, len(schools) // 4))]
    places = {
        ClassroomId(f"r{n}"): schools[n // ROOMS_PER_SCHOOL] for n in range(rooms)
    }  # fmt: skip
    teachers = [TeacherId(f"t{n}") for n in range(10 * len(hosts))]
    last = FIRST + timedelta(days=days)
    return Roster(
        target_classrooms=rooms,
        schools={
            **{s: School(s, s, SchoolRole.REMOTE, date(2020, 9, 1)) for s in schools},
            **{h: School(h, h, SchoolRole.HOST, date(2020, 9, 1)) for h in hosts},
        },
        classrooms={r: Classroom(r, s, r, date(2020, 9, 1)) for r, s in places.items()},
        classes={
            ClassId(f"c-{r}"): SchoolClass(ClassId(f"c-{r}"), s, 4, r, 40)
            for r, s in places.items()
        },
        teachers={t: Teacher(t, hosts[n // 10], t) for n, t in enumerate(teachers)},
        terms={TermId("t"): Term(TermId("t"), "t", FIRST, FIRST, last)},
    )


def results(known: Roster, day: date, seed: int) -> list[SeatResult]:
    """One day: every room eight lessons, each lesson with sixteen rooms."""
    chance = random.Random(seed)
    rooms = list(known.classrooms.values())
    teachers = list(known.teachers.values())
    found = []
    for period in range(LESSONS_A_DAY):
        for group in range(0, len(rooms), SEATS_OF_A_LESSON):
            number = group // SEATS_OF_A_LESSON
            # A class has some six teachers, as its lessons come round every week.
            slot = (period + day.weekday()) % len(SUBJECTS)
            teacher = teachers[(6 * number + slot) % len(teachers)]
            lesson = OccurrenceId(f"{day:%Y%m%d}-{period}-{number}")
            for n, room in enumerate(rooms[group : group + SEATS_OF_A_LESSON]):
                held = chance.random() < 0.93
                found.append(
                    SeatResult(
                        lesson, SeatId(f"{lesson}-{n}"), day, room.school, room.id,
                        ClassId(f"c-{room.id}"), SUBJECTS[slot], teacher.school, teacher.id, 1,
                        SeatState.HELD if held else SeatState.PARTIAL,
                        None if held else Cause.NETWORK, 2300 if held else 900, 0, 2400, 2390,
                        38 if chance.random() < 0.8 else None, 40, chance.random() < 0.3,
                    )
                )  # fmt: skip
    return found


def lessons(known: Roster, days: int) -> Iterator[Occurrence]:
    """The plan that the results are of."""
    day = FIRST
    for n in range(days):
        while day.weekday() > 4:
            day += timedelta(days=1)
        for ident, group in groupby(results(known, day, n), lambda r: r.occurrence):
            seats = list(group)
            period = int(ident.split("-")[1])
            begins = datetime.combine(day, clock(8 + period), ZONE).astimezone(UTC)
            host = Host(seats[0].host_school, seats[0].classroom, seats[0].teacher)
            yield Occurrence(
                ident, Mode.LIVE, seats[0].subject, seats[0].subject, day, begins,
                begins + timedelta(minutes=40), 1, host,
                tuple(Seat(s.seat, s.classroom, s.school_class, s.expected) for s in seats),
            )  # fmt: skip
        day += timedelta(days=1)


async def fill(store: Database, known: Roster, days: int, *, rows: bool) -> int:
    """Keep the results of `days` school days, and their sums; the number of seats.

    Without `rows` a day's seats are forgotten once summed: they are not read for a dashboard.
    """
    await store.apply_roster(known)
    total, day = 0, FIRST
    for n in range(days):
        while day.weekday() > 4:
            day += timedelta(days=1)
        seats = results(known, day, n)
        total += len(seats)
        async with store._database.write() as connection:
            for start in range(0, len(seats), 5000):
                part = [{"rules": 1, **result_row(s)} for s in seats[start : start + 5000]]
                await connection.execute(insert(seat_results), part)
            await sum_day(connection, store._insert, 1, day)
            if not rows:
                await connection.execute(seat_results.delete())
        day += timedelta(days=1)
    for span in await store.spans_to_roll([1], FIRST + timedelta(days=days)):
        await store.roll_span(*span)
    return total


@dataclass(frozen=True, slots=True)
class Spent:
    """What one reading took: in all, in the database, and of this process's processor time."""

    all_ms: float
    read_ms: float
    cpu_ms: float


async def read(store: Database, last: date, times: int) -> list[Spent]:
    """Read every figure of the period, the first time unmeasured."""
    known = await store.load_roster()
    spent = []
    for _ in range(times + 1):
        began, work = time.perf_counter(), time.process_time()
        rolled = await store.rolled(FIRST, last)
        read_ms = 1000 * (time.perf_counter() - began)
        found = assembled(rolled, known, FIRST, last, DEFAULT)
        taken = time.perf_counter() - began, time.process_time() - work
        spent.append(Spent(1000 * taken[0], read_ms, 1000 * taken[1]))
        assert found.totals.held_periods
    return spent[1:]


def note_of(spent: Sequence[Spent]) -> str:
    """What else there is to say of some readings."""
    read_ms, cpu_ms = (
        percentile(values, 0.5)
        for values in ([s.read_ms for s in spent], [s.cpu_ms for s in spent])
    )
    return (
        f"worst {max(s.all_ms for s in spent):.0f} ms; median in the database {read_ms:.0f} ms,"
        f" CPU of this process {cpu_ms:.0f} ms"
    )


def median(spent: Sequence[Spent]) -> float:
    return percentile([s.all_ms for s in spent], 0.5)


async def city(url: str, folder: Path, rooms: int, asks: int) -> list[Figure]:
    """A term of 20 weeks, read on a Thursday of its last week: the figures, then the pages."""
    known = roster(rooms, 140)
    store = await open_store(url, data_dir=folder)
    try:
        total = await fill(store, known, 99, rows=True)
        async with store._database.write() as connection:
            await insert_occurrences(connection, [(o, o.id) for o in lessons(known, 99)])
        spent = await read(store, TODAY, 15)
        note = f"{total:,} seats, {rooms} rooms, SQLite; {note_of(spent)}"
        name = "a term's dashboard figures, median"
        found = [Figure(name, median(spent), "ms", TERM_MS_WANTED, note=note)]
        now = datetime.combine(TODAY, clock(10), ZONE).astimezone(UTC)
        async with site(folder, store=store, clock=TurnedClock(now)) as served:
            return found + [await page(served, name, path, asks) for name, path in PAGES]
    finally:
        await store.close()


async def page(served: Site, name: str, path: str, asks: int) -> Figure:
    """Ask for a page again and again; the first time compiles its templates and is not counted."""
    spent, used, size = [], [], 0
    for _ in range(asks + 1):
        began, work = time.perf_counter(), time.process_time()
        answer = await served.ask("GET", path, role=Role.ADMIN)
        spent.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - work))
        assert answer.status == 200, path
        size = len(await answer.text())
    return Figure(
        f"a term's page, {name}: median",
        percentile(spent[1:], 0.5),
        "ms",
        TERM_MS_WANTED,
        note=f"p90 {percentile(spent[1:], 0.9):.0f} ms, CPU median"
        f" {percentile(used[1:], 0.5):.0f} ms; {size / 1000:.0f} kB",
    )


async def province(url: str, rooms: int) -> list[Figure]:
    """A school year, and a term up to a Thursday in the middle of a month.

    One day is summed, and its sums stand for every month's and week's and for those of the days
    that are read singly.
    """
    store = await open_store(url, data_dir=None)
    months = [date(2026 + (8 + n) // 12, (8 + n) % 12 + 1, 1) for n in range(12)]
    mondays = [FIRST + timedelta(days=7 * n) for n in range(1, 52)]
    last = date(2027, 8, 31)
    known = roster(rooms, (last - FIRST).days)
    try:
        seats = await fill(store, known, 1, rows=False)
        async with store._database.write() as connection:
            await connection.execute(rolled_spans.delete())
            days = [FIRST + timedelta(days=n) for n in range((last - FIRST).days + 1)]
            kept = [{"rules": 1, "span": "day", "start": d} for d in days if d.weekday() < 5]
            await connection.execute(insert(rolled_spans), kept)
            for start in months:
                await copy_day(connection, "month", start, 17)
            for start in (date(2026, 9, 1), date(2027, 3, 1)):
                await copy_day(connection, "half", start, 6 * 17)
            for start in mondays:
                await copy_day(connection, "week", start, 4)
            for n in range(4):
                await copy_day(connection, "day", IN_TERM - timedelta(days=n), 1)
        async with store._database.engine.connect() as connection:
            await connection.exec_driver_sql("COMMIT")
            await connection.exec_driver_sql("VACUUM ANALYZE")
        year, term = await read(store, last, 7), await read(store, IN_TERM, 7)
    finally:
        await store.close()
    note = f"sums of {17 * 12 * seats:,} seats, {rooms:,} rooms, PostgreSQL; {note_of(year)}"
    return [
        Figure("a province's year, every figure, median", median(year) / 1000, "s",
               PROVINCE_S_WANTED, note=note),
        Figure("a province's term so far, every figure, median", median(term) / 1000, "s",
               PROVINCE_S_WANTED, note=f"three months to a Thursday; {note_of(term)}"),
    ]  # fmt: skip


async def copy_day(connection: AsyncConnection, span: str, start: date, times: int) -> None:
    """Let the first day's sums, so many times, be those of another day, a week or a month."""
    for table in (rollups, rollup_classes):
        values = [
            {
                "rules": literal(1),
                "span": literal(span, Text),
                "start": literal(start, Date),
            }.get(c.name, c * times if c.name in ADDITIVE else c)
            for c in table.c
        ]
        wanted = select(*values).where(table.c.span == "day", table.c.start == FIRST)
        await connection.execute(insert(table).from_select(list(table.c), wanted))
    if span == "week":
        c = rollup_classes.c
        once = (
            select(c.rules, c.start, c["class"], func.max(c.present))
            .where(c.span == span, c.start == start)
            .group_by(c.rules, c.start, c["class"])
        )
        table = rollup_week_classes
        await connection.execute(insert(table).from_select(list(table.c), once))
    if span != "day":
        await connection.execute(insert(rolled_spans).values(rules=1, span=span, start=start))


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--url", default=None)
    parser.add_argument("--rooms", type=int, default=48)
    parser.add_argument("--province", type=int, default=10_000)
    asked = parser.parse_args()
    with rare_collections():  # as a server has it
        found = measure(asked)
    figures.report(found, asked.json)


def measure(asked: argparse.Namespace) -> list[Figure]:
    """The city, and the province where there is a PostgreSQL."""
    asks = 5 if asked.quick else 20
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as folder:
        found = asyncio.run(city("sqlite:///bench.db", Path(folder), asked.rooms, asks))
    if asked.quick:
        return found
    if asked.url:
        return [*found, *asyncio.run(province(asked.url, asked.province))]
    try:
        from tests.support.databases import Postgres
    except ImportError:
        return found
    folder = tempfile.mkdtemp(prefix="sync-classroom-bench-")
    server = Postgres(Path(folder))
    try:
        return [*found, *asyncio.run(province(server.new_database(), asked.province))]
    finally:
        server.stop()


if __name__ == "__main__":
    main()
