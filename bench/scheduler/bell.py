"""A bell in real time: hundreds of lessons open and hundreds end in the same second.

    python -m bench.scheduler.bell [--url sqlite:///file] [--lessons 250] [--bells 20] [--days 1]

A real coordinator (lease, media watch, runner with its alarms, recordings wanted) over a real store
with a whole day in it and, with `--days`, as many given days before; the relay is inside this
process and takes `--relay-ms` for every command. Lateness is from the instant a lesson is due (to
open, to end by its grace) to the moment its step is stored and told on the bus, and to the moment
the relay has its room. Detection is from the host's first packet at the relay to the stored step.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import event
from sqlalchemy.engine import Engine

from bench import figures
from bench.figures import Figure, percentile
from bench.machine import prefer
from bench.scheduler.planned import ZONE, Day, given, running, store_day
from bench.scheduler.stand_ins import Everyone, InProcessRelay, OffsetClock
from sync_classroom.coordinator.booth import Booth, build_booth
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.ports import RoomSpec
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRules, LessonState
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.store.database import Database, open_store

LATE_MS_WANTED: Final = 200
# A start in the middle of a day, some seconds before the bell.
AHEAD_S: Final = 12.0
# After the bell: hosts begin to send, half of the lessons in one second.
HOSTS_AFTER_S: Final = 5.0
# Whatever is not done by then is counted as not done.
PATIENCE_S: Final = 90.0
STALL_STEP_S: Final = 0.005


@dataclass
class Seen:
    """What was measured meanwhile."""

    told: dict[str, list[datetime]] = field(default_factory=dict)
    sweeps_ms: list[float] = field(default_factory=list)
    stalls_ms: list[float] = field(default_factory=list)
    statements: int = 0

    def nth(self, occurrence: str, number: int) -> datetime | None:
        """When a lesson's state was told for the first (0), second, … time."""
        told = self.told.get(occurrence, [])
        return told[number] if number < len(told) else None


@asynccontextmanager
async def observing(booth: Booth, bus: LocalBus, clock: OffsetClock) -> AsyncIterator[Seen]:
    """Hear what is told, time the sweeps, count statements, feel the loop's stalls."""
    seen = Seen()
    sweep = booth.runner.sweep

    async def timed(**how: bool) -> None:
        began = time.perf_counter()
        await sweep(**how)
        seen.sweeps_ms.append(1000 * (time.perf_counter() - began))

    booth.runner.sweep = timed  # type: ignore[method-assign]

    def executed(*_: object) -> None:
        seen.statements += 1

    async def hear() -> None:
        async with bus.subscribe("lesson") as messages:
            async for message in messages:
                if message["what"] == "state":
                    seen.told.setdefault(message["occurrence"], []).append(clock())

    async def feel() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(STALL_STEP_S)
            seen.stalls_ms.append(1000 * (time.perf_counter() - began - STALL_STEP_S))

    event.listen(Engine, "before_cursor_execute", executed)
    tasks = [asyncio.create_task(hear()), asyncio.create_task(feel())]
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", executed)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def driving(booth: Booth, lease: LeaseKeeper) -> AsyncIterator[None]:
    """Lease, watch and runner as the service has them."""
    runs = (lease.run, booth.media.run, booth.runner.run)
    tasks = [asyncio.create_task(run()) for run in runs]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def ring(store: Database, day: Day, folder: Path, command_s: float) -> list[Figure]:
    """One bell in the middle of the day."""
    number = day.bells // 2
    opening, ending = day.of_bell(number), day.of_bell(number - 1)
    due = day.bell(number) - timedelta(seconds=LessonRules().lead_s)
    clock = OffsetClock(due - timedelta(seconds=AHEAD_S))
    bus, relay = LocalBus(), InProcessRelay(clock, command_s)
    for occurrence in ending:
        relay.rooms[occurrence.id] = RoomSpec(occurrence.id)
        relay.flowing.add(occurrence.id)
    lease = LeaseKeeper(store, "bench")
    booth = await build_booth(
        store, bus, relay, lease, Everyone(frozenset(day.roster().classrooms)),
        TokenMinter(folder / "token.jwk"), clock=clock, zone=ZONE, rules=LessonRules(),
        relay_id="relay-1", relay_url="https://relay.example", record=True,
    )  # fmt: skip
    async with observing(booth, bus, clock) as seen, driving(booth, lease):
        used = time.process_time()
        began = time.perf_counter()
        await asyncio.sleep(AHEAD_S + HOSTS_AFTER_S)
        flows_at = clock()
        relay.flowing.update(o.id for o in opening)
        done = [*opening, *ending]
        while not _settled(seen, opening, ending) and clock() - due < _PATIENCE:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        used = time.process_time() - used
        took = time.perf_counter() - began
    return [
        *await _lateness(
            "opening", store, opening, seen, due, state=LessonState.LIVE, steps=2
        ),
        _late("the relay has the room", [relay.made.get(o.id) for o in opening], due),
        *await _lateness(
            "ending by grace", store, ending, seen, due, state=LessonState.ENDED, steps=1
        ),
        _late("host's first packet to live", [seen.nth(o.id, 1) for o in opening],
              flows_at, aim=1_000 + LATE_MS_WANTED, note="one poll of the relay a second"),
        Figure("sweep, median", percentile(seen.sweeps_ms, 0.5), "ms",
               note=f"{len(seen.sweeps_ms)} sweeps, longest {max(seen.sweeps_ms):.0f} ms"),
        Figure("longest stall of the loop", max(seen.stalls_ms), "ms", LATE_MS_WANTED),
        Figure("CPU", 100 * used / took, "%", note=f"of one core over {took:.0f} s"),
        Figure("statements per lesson", seen.statements / len(done),
               note=f"{seen.statements} in {took:.0f} s"),
    ]  # fmt: skip


_PATIENCE: Final = timedelta(seconds=PATIENCE_S)


def _settled(seen: Seen, opening: Sequence[Occurrence], ending: Sequence[Occurrence]) -> bool:
    opened_and_live = all(seen.nth(o.id, 1) for o in opening)
    return opened_and_live and all(seen.nth(o.id, 0) for o in ending)


async def _lateness(
    what: str,
    store: Database,
    occurrences: Sequence[Occurrence],
    seen: Seen,
    due: datetime,
    *,
    state: LessonState,
    steps: int,
) -> list[Figure]:
    """How late the first step was; `steps` and `state` are what must have come of it by now."""
    told = [seen.nth(o.id, 0) for o in occurrences]
    runs = await store.runs_of([o.id for o in occurrences])
    wrong = sum(
        1
        for o in occurrences
        if len(seen.told.get(o.id, [])) != steps
        or seen.told[o.id][0] < due
        or runs[OccurrenceId(o.id)].state is not state
    )
    return [
        _late(what, told, due, share=0.5, aim=None),
        _late(what, told, due, share=0.99, note=f"{len(occurrences)} lessons in one second"),
        _late(what, told, due, share=1.0, aim=None),
        Figure(f"{what}: too early, lost or twice", wrong, "lessons", 0),
    ]


def _late(
    what: str,
    at: Sequence[datetime | None],
    due: datetime,
    *,
    share: float = 0.99,
    aim: float | None = LATE_MS_WANTED,
    note: str = "",
) -> Figure:
    found = [1000 * (one - due).total_seconds() for one in at if one is not None]
    missing = len(at) - len(found)
    if missing:
        note = f"{note}; {missing} not within {PATIENCE_S:.0f} s".lstrip("; ")
    # What never happened is later than everything that did.
    values = [*found, *[1000 * PATIENCE_S] * missing]
    name = {0.5: "median", 1.0: "latest"}.get(share, "p99")
    return Figure(f"{what}, {name}", percentile(values, share), "ms", aim, note=note)


async def run(asked: argparse.Namespace) -> list[Figure]:
    """Make the day in a store, and let its middle bell ring."""
    day = Day(asked.bells, asked.lessons, asked.seats)
    with tempfile.TemporaryDirectory(prefix="sync-classroom-bench-") as name:
        folder = Path(name)
        url = asked.url or f"sqlite:///{folder / 'bench.db'}"
        store = await open_store(url, data_dir=folder)
        try:
            middle = day.bells // 2
            bells = [day.of_bell(n) for n in range(day.bells)]
            before = [
                o
                for back in range(1, asked.days)
                for n in range(day.bells)
                for o in day.of_bell(n, back=timedelta(days=back))
            ]
            over = [*before, *(o for bell in bells[: middle - 1] for o in bell)]
            runs = [*map(given, over), *map(running, bells[middle - 1])]
            await store_day(store, url, day, [*before, *(o for b in bells for o in b)], runs)
            return await ring(store, day, folder, asked.relay_ms / 1000)
        finally:
            await store.close()


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    parser = figures.arguments(__doc__)
    parser.add_argument("--url", default=None)
    parser.add_argument("--bells", type=int, default=20)
    parser.add_argument("--lessons", type=int, default=250)
    parser.add_argument("--seats", type=int, default=3)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--relay-ms", type=float, default=2.0)
    asked = parser.parse_args()
    prefer()
    figures.report(asyncio.run(run(asked)), asked.json)


if __name__ == "__main__":
    main()
