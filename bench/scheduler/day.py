"""A whole day of 5000 lessons in virtual time, undisturbed and with troubles: late, twice, lost.

    python -m bench.scheduler.day [--lessons 250] [--bells 20] [--troubles 60] [--seed 1]

Two coordinators over one SQLite file. Lessons last five minutes and bells ring every eight and a
half, so that the day has as many steps as a real one and passes in some minutes. Troubles come from
a seed: coordinators killed, one or both, a leader that stands still, lost alarms, a clock stepped
by 20 s, a slow database, a silent bus, a relay that hangs; mostly in the second of a bell. What
must come of every lesson is known beforehand from the plan alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Final

import structlog

from bench import figures
from bench.figures import Figure, percentile
from bench.scheduler.planned import store_day
from sync_classroom.domain.lesson import LessonState
from tests.support.scheduling import differences, lateness_ms, school
from tests.support.troubled_day import OVER_WITHIN, RULES, TroubledDay, day_of
from tests.support.virtual_time import VirtualLoop, run_virtual

LATE_MS_WANTED: Final = 200
BY_THE_CLOCK: Final = (LessonState.OPEN, LessonState.ENDED, LessonState.MISSED)


def play(bells: int, lessons: int, seed: int, troubles: int) -> list[Figure]:
    """One day, and what came of it."""
    day = day_of(bells, lessons)
    late = OVER_WITHIN if troubles else timedelta(milliseconds=LATE_MS_WANTED)
    what = f"{bells * lessons} lessons, {'troubled' if troubles else 'undisturbed'}"

    async def main(folder: Path, loop: VirtualLoop) -> list[Figure]:
        url = f"sqlite:///{folder / 'bench.db'}"
        how = {"rules": RULES, "sweep_s": 10, "poll_s": 5, "clock_look_s": 1.0}
        async with school(url, folder, loop, **how) as made:
            with loop.busy():
                planned = [o for n in range(bells) for o in day.of_bell(n)]
                await store_day(made.store, url, day, planned)
            played = TroubledDay(made, day, seed)
            used = time.process_time()
            await played.play(troubles=troubles)
            used = time.process_time() - used
            expected = played.script.expected
            wrong = await differences(made.stored, made.store, expected, late=late)
            for line in (*played.happened, *wrong):
                print(line)
            late_ms = lateness_ms(made.stored, expected, BY_THE_CLOCK)
            return [
                Figure(f"{what}: lateness p99", percentile(late_ms, 0.99), "ms",
                       None if troubles else LATE_MS_WANTED,
                       note=f"median {percentile(late_ms, 0.5):.0f} ms, {len(late_ms)} steps"),
                Figure(f"{what}: latest", max(late_ms), "ms", 1000 * late.total_seconds()),
                Figure(f"{what}: twice, lost, too late or too early", len(wrong), "lessons", 0,
                       note=f"{len(played.happened)} troubles"),
                Figure(f"{what}: CPU", used, "s", note="both coordinators and the relay"),
            ]  # fmt: skip

    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as name:
        begin = day.bell(0) - timedelta(minutes=6)
        return run_virtual(begin, lambda loop: main(Path(name), loop))


def run(asked: argparse.Namespace) -> list[Figure]:
    """The day as it should be, and the day as it may come."""
    bells, lessons = (6, 50) if asked.quick else (asked.bells, asked.lessons)
    troubles = 12 if asked.quick else asked.troubles
    return [
        *play(bells, lessons, asked.seed, 0),
        *play(bells, lessons, asked.seed, troubles),
    ]


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    parser = figures.arguments(__doc__)
    parser.add_argument("--bells", type=int, default=20)
    parser.add_argument("--lessons", type=int, default=250)
    parser.add_argument("--troubles", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    figures.report(run(asked), asked.json)


if __name__ == "__main__":
    main()
