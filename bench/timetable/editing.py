"""One edit of a draft against a full term: 48 rooms and their hosts, 30 lessons a week, 20 weeks.

    python -m bench.timetable.editing [--quick] [--edits 200]

An edit moves one lesson of 24 seats: in a fork of the index it is taken out and put in elsewhere,
with the clashes of the whole plan afterwards, its warnings, and every place of its week for the
next drag. Suggestions and
the planned coverage of the term are measured beside it.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from zoneinfo import ZoneInfo

from bench import figures
from bench.figures import Figure, percentile
from bench.timetable.plans import lessons, roster
from sync_classroom.domain.bundle import parse_plan
from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.clash_index import ClashIndex
from sync_classroom.domain.planned_coverage import planned
from sync_classroom.domain.suggestions import free_places, targets
from sync_classroom.domain.timetable import Occurrence, Plan
from sync_classroom.domain.warnings import WarningContext, warnings_of

EDIT_MS_WANTED = 50.0
WEEKS = 20
SUGGESTED = 5


@dataclass
class Clock:
    """How long each kind of work took, by the clock and of the processor, in milliseconds."""

    spent: dict[str, list[float]] = field(default_factory=dict)
    used: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, work: Callable[[], object]) -> None:
        """Do it once and note how long it took."""
        began, used = time.perf_counter(), time.process_time()
        work()
        self.spent.setdefault(name, []).append(1000 * (time.perf_counter() - began))
        self.used.setdefault(name, []).append(1000 * (time.process_time() - used))

    def figure(self, name: str, label: str, aim: float | None = None, note: str = "") -> Figure:
        """The 99th percentile, with the median and the processor's share."""
        spent, used = self.spent[name], self.used[name]
        more = f"median {percentile(spent, 0.5):.2f}, CPU p99 {percentile(used, 0.99):.1f} ms{note}"
        return Figure(label, percentile(spent, 0.99), "ms", aim, note=more)


def run(asked: argparse.Namespace) -> list[Figure]:
    """Edit a term's plan again and again."""
    plan = parse_plan({**roster(1, WEEKS), "occurrences": list(lessons(1, WEEKS))})
    began = time.perf_counter()
    index = ClashIndex(plan.occurrences.values(), gap_s=300)
    built = 1000 * (time.perf_counter() - began)
    clock = Clock()
    _edit(plan, index, clock, 20 if asked.quick else asked.edits)
    occurrences = list(plan.occurrences.values())
    for _ in range(3):
        clock.time("planned", partial(planned, occurrences, plan.roster))
    seats = sum(len(o.seats) for o in occurrences)
    note = f"; {len(occurrences):,} lessons, {seats:,} seats, {len(clock.spent['edit'])} edits"
    return [
        clock.figure("edit", "one edit, p99", EDIT_MS_WANTED, note),
        clock.figure("put", "of that: fork, move, clashes, warnings"),
        clock.figure("targets", "of that: every place of a week"),
        clock.figure("free", f"{SUGGESTED} free places suggested, p99"),
        clock.figure("planned", "planned coverage of the term, p99"),
        Figure("the index built", built, "ms"),
    ]


def _edit(plan: Plan, index: ClashIndex, clock: Clock, edits: int) -> None:
    zone = ZoneInfo(plan.roster.timezone)
    calendar = Calendar(plan.roster)
    now = min(o.starts_at for o in plan.occurrences.values()) - timedelta(days=1)
    chance = random.Random(4)
    everything = list(plan.occurrences)

    def put(lesson: Occurrence) -> None:
        nonlocal index
        context = WarningContext(plan.roster, assistants=False, calendar=calendar)
        index = index.fork()
        index.discard(lesson.id)
        index.put(lesson)
        index.clashes()
        warnings_of(lesson, context)

    def places(lesson: Occurrence) -> None:
        monday = lesson.date - timedelta(days=lesson.date.weekday())
        found = targets(
            lesson, monday, monday + timedelta(days=6),
            index=index, calendar=calendar, roster=plan.roster, zone=zone, now=now,
        )  # fmt: skip
        assert len(found) == 42

    def suggest(lesson: Occurrence) -> None:
        free_places(
            lesson, limit=SUGGESTED,
            index=index, calendar=calendar, roster=plan.roster, zone=zone, now=now,
        )  # fmt: skip

    def edit(lesson: Occurrence) -> None:
        clock.time("put", partial(put, lesson))
        clock.time("targets", partial(places, lesson))

    for _ in range(edits):
        lesson = index.get(chance.choice(everything))
        assert lesson is not None
        by = timedelta(days=chance.choice((-7, -1, 0, 1, 7)), minutes=chance.choice((0, 55, 110)))
        moved = replace(
            lesson,
            date=lesson.date + timedelta(days=by.days),
            starts_at=lesson.starts_at + by,
            ends_at=lesson.ends_at + by,
        )
        clock.time("edit", partial(edit, moved))
        clock.time("free", partial(suggest, moved))


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--edits", type=int, default=200)
    asked = parser.parse_args()
    figures.report(run(asked), asked.json)


if __name__ == "__main__":
    main()
