"""How long the server takes for the timetable's page: 48 rooms and their hosts, a full term.

    python -m bench.timetable.page [--quick] [--asks 40]

Each studio teaches six periods a day to 24 rooms, so a week of all rooms is some 1500 marks. A page
is asked for over loopback by one client in the same process: reading the draft, drawing the grid,
the template and the transfer, all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench import figures
from bench.figures import Figure, percentile
from bench.timetable.plans import PERIODS_A_DAY, SUBJECTS, roster
from sync_classroom.domain.accounts import Role
from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.edits import AddSeries
from sync_classroom.domain.ids import ClassId, ClassroomId, SchoolId, SeriesId, TeacherId, TermId
from sync_classroom.domain.series import Series, SeriesSeat
from sync_classroom.domain.timetable import Host
from sync_classroom.store.database import open_store
from tests.support.coordination import TurnedClock
from tests.support.plans import at
from tests.support.web import Site, site

PAGE_MS_WANTED: Final = 50.0
WEEKS: Final = 20
TERM: Final = TermId("2026-autumn")
PAGES: Final = (
    ("all rooms", "/timetable?week=13"),
    ("one room", "/timetable?week=13&by=classroom&id=c000-r0-r0"),
    ("a host school", "/timetable?week=13&by=host&id=c000-h0"),
    ("the term's rules", "/timetable?show=pattern&by=host&id=c000-h0"),
    ("what an edit loads again, all rooms", "/timetable?week=13&part=work"),
)


def rules() -> Iterator[Series]:
    """60 weekly rules of 24 rooms each."""
    for host in range(2):
        for weekday in range(1, 6):
            for period in range(1, PERIODS_A_DAY + 1):
                school = f"c000-h{host}"
                subject = SUBJECTS[(weekday + period) % len(SUBJECTS)]
                seats = (divmod(n, 3) for n in range(24))
                yield Series(
                    SeriesId(f"{school}-{weekday}-{period}"),
                    TERM,
                    f"{subject} 第一单元",
                    subject,
                    Host(SchoolId(school), ClassroomId(f"{school}-r0"), TeacherId(f"{school}-t0")),
                    tuple(
                        SeriesSeat(
                            ClassroomId(f"c000-r{remote}-r{room + 3 * host}"),
                            ClassId(f"c000-r{remote}-c{room + 3 * host}"),
                            42,
                        )
                        for remote, room in seats
                    ),
                    weekday,
                    period,
                )


async def measure(asks: int) -> list[Figure]:
    """Publish the term, then ask for each page again and again."""
    with tempfile.TemporaryDirectory() as folder:
        store = await open_store("sqlite:///bench.db", data_dir=Path(folder))
        try:
            await store.apply_roster(parse_plan(roster(1, WEEKS)).roster)
            clock = TurnedClock(at("07:00", "2026-08-31"))
            async with site(Path(folder), store=store, clock=clock) as served:
                service = served.services.timetable
                made = await service.edit(
                    TERM, [AddSeries(r) for r in rules()], seen=0, actor="admin", key="rules"
                )
                await service.publish(
                    TERM, seen=made.revision, note="bench", actor="admin", key="version"
                )
                return [await _asked(served, name, path, asks) for name, path in PAGES]
        finally:
            await store.close()


async def _asked(served: Site, name: str, path: str, asks: int) -> Figure:
    spent, used, size = [], [], 0
    for _ in range(asks + 1):
        began, work = time.perf_counter(), time.process_time()
        answer = await served.ask("GET", path, role=Role.ADMIN)
        spent.append(1000 * (time.perf_counter() - began))
        used.append(1000 * (time.process_time() - work))
        assert answer.status == 200, path
        size = len(await answer.text())
    # The first one compiles the templates and builds the draft.
    note = (
        f"p99 {percentile(spent[1:], 0.99):.0f} ms, CPU median {percentile(used[1:], 0.5):.0f} ms"
    )
    return Figure(
        f"timetable page, {name}: median",
        percentile(spent[1:], 0.5),
        "ms",
        PAGE_MS_WANTED,
        note=f"{note}; {size / 1000:.0f} kB",
    )


def run(asked: argparse.Namespace) -> list[Figure]:
    """All pages in turn."""
    return asyncio.run(measure(5 if asked.quick else asked.asks))


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--asks", type=int, default=40)
    asked = parser.parse_args()
    figures.report(run(asked), asked.json)


if __name__ == "__main__":
    main()
