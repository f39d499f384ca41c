"""Coordinators that drive a day in virtual time, what is done to them, and what must come of it.

The oracle reads the plan and what happened to it, and knows nothing of alarms, sweeps or leases: by
it every lesson goes through its states once, at the instants its times say.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from sync_classroom.coordinator import runner
from sync_classroom.coordinator.booth import Booth, build_booth
from sync_classroom.coordinator.lease import LeaseKeeper
from sync_classroom.coordinator.local_bus import LocalBus
from sync_classroom.coordinator.ports import RelayDownError, RelayStatus, RoomSpec
from sync_classroom.coordinator.tokens import TokenMinter
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRules, LessonRun, LessonState
from sync_classroom.domain.timetable import Occurrence
from sync_classroom.store.database import Database, open_store
from tests.support.coordination import ZONE, RecordedRelay, Terminals
from tests.support.virtual_time import VirtualLoop

OPEN, LIVE, ENDED = LessonState.OPEN, LessonState.LIVE, LessonState.ENDED
MISSED, CANCELLED = LessonState.MISSED, LessonState.CANCELLED


@dataclass
class Stored:
    """Every change of state that any coordinator stored, in order, and what the clock said then."""

    steps: dict[OccurrenceId, list[tuple[LessonState, datetime]]] = field(default_factory=dict)

    def note(self, run: LessonRun, at: datetime) -> None:
        steps = self.steps.setdefault(run.occurrence, [])
        if not steps or steps[-1][0] is not run.state:
            steps.append((run.state, at))

    def states(self, occurrence: str) -> list[LessonState]:
        """The states a lesson went through."""
        return [state for state, _ in self.steps.get(OccurrenceId(occurrence), [])]

    def at(self, occurrence: str, state: LessonState) -> datetime:
        """When a state was stored."""
        return dict(self.steps[OccurrenceId(occurrence)])[state]


class WatchedStore:
    """A store that notes what is stored, and may be late, held up or gone with its coordinator."""

    def __init__(self, store: Database, stored: Stored) -> None:
        self._store = store
        self._stored = stored
        self.gone = False
        self.late_s = 0.0
        self.frozen: asyncio.Event | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method):
            return method

        async def watched(*args: Any, **how: Any) -> Any:
            await self._reach()
            answer = await method(*args, **how)
            if name == "save_runs":
                for run in answer.values():
                    self._stored.note(run, datetime.now(ZONE))
            elif name == "save_run" and answer is not None:
                self._stored.note(answer, datetime.now(ZONE))
            return answer

        return watched

    async def _reach(self) -> None:
        if self.late_s:
            await asyncio.sleep(self.late_s)
        if self.frozen is not None:
            await self.frozen.wait()
        if self.gone:
            raise ConnectionError("the database is out of reach")


class LossyBus:
    """The bus between coordinators; while `silent` every message is lost."""

    def __init__(self, bus: LocalBus) -> None:
        self._bus = bus
        self.silent = False

    async def publish(self, channel: str, message: Mapping[str, Any]) -> None:
        if not self.silent:
            await self._bus.publish(channel, message)

    def subscribe(self, channel: str) -> Any:
        return self._bus.subscribe(channel)

    async def close(self) -> None:
        return


class AwayRelay(RecordedRelay):
    """A relay that may hang: commands are answered by nothing but the caller's patience."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs_s = 0.0

    async def put_room(self, spec: RoomSpec) -> None:
        await self._hang()
        await super().put_room(spec)

    async def delete_room(self, room: str) -> None:
        await self._hang()
        await super().delete_room(room)

    async def status(self, room: str | None = None) -> RelayStatus:
        await self._hang()
        return await super().status(room)

    async def _hang(self) -> None:
        if self.hangs_s:
            await asyncio.sleep(self.hangs_s)
            raise RelayDownError("no answer")


@dataclass
class Coordinator:
    """One coordinator as its tasks; `kill` is kill -9."""

    name: str
    store: WatchedStore
    lease: LeaseKeeper
    booth: Booth
    tasks: list[asyncio.Task[None]]
    close: Callable[[], Awaitable[None]]
    loop: VirtualLoop

    async def kill(self) -> None:
        """It is gone, with whatever it had in hand; its lease is not given up."""
        self.store.gone = True
        await self.stop()

    async def stop(self) -> None:
        """A clean end: the lease is given up."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        with self.loop.busy():
            await self.close()

    def lose_alarms(self) -> None:
        """Every alarm that is set now will not ring."""
        for name in self.booth.runner._alarms.names():
            self.booth.runner._alarms.drop(name)


class School:
    """A database, a relay and a bus, and the coordinators over them.

    `store` is the test's own way into the database.
    """

    def __init__(
        self, store: Database, url: str, folder: Path, loop: VirtualLoop, **how: Any
    ) -> None:
        self.store = store
        self.loop = loop
        self.stored = Stored()
        self.relay = AwayRelay()
        self.bus = LossyBus(LocalBus())
        self._url = url
        self._folder = folder
        self._rules: LessonRules = how.pop("rules", LessonRules())
        self._sweep_s: float = how.pop("sweep_s", 5.0)
        self._poll_s: float = how.pop("poll_s", 1.0)
        self._zone: ZoneInfo = how.pop("zone", ZONE)
        self._running: list[Coordinator] = []

    def now(self) -> datetime:
        """What the wall clock shows, stepped or not."""
        return datetime.now(ZONE)

    async def start(self, name: str = "one") -> Coordinator:
        """One more coordinator, or one that was killed again."""
        with self.loop.busy():
            store = WatchedStore(await open_store(self._url, data_dir=self._folder), self.stored)
        lease = LeaseKeeper(store, name, monotonic=self.loop.time)
        booth = await build_booth(
            store, self.bus, self.relay, lease, Terminals(),
            TokenMinter(self._folder / "token.jwk"), clock=self.now, zone=self._zone,
            rules=self._rules, relay_id="relay-1", relay_url="https://relay.example",
            sweep_s=self._sweep_s, poll_s=self._poll_s,
        )  # fmt: skip
        booth.media._monotonic = self.loop.time
        tasks = [
            self.loop.create_task(run(), name=f"{name}-{what}")
            for what, run in (
                ("lease", lease.run), ("media", booth.media.run), ("runner", booth.runner.run)
            )
        ]  # fmt: skip
        made = Coordinator(name, store, lease, booth, tasks, store._store.close, self.loop)
        self._running.append(made)
        return made

    async def until(self, at: datetime) -> None:
        """Let time pass until the wall clock shows an instant."""
        while (left_s := (at - self.now()).total_seconds()) > 0:
            await asyncio.sleep(min(left_s, 1.0))  # the clock may be stepped meanwhile

    async def end(self) -> None:
        """Stop whatever still runs."""
        for one in self._running:
            await one.stop()
        with self.loop.busy():
            await self.store.close()


@asynccontextmanager
async def school(url: str, folder: Path, loop: VirtualLoop, **how: Any) -> AsyncIterator[School]:
    """Everything but coordinators. `clock_look_s`: how often they look for a stepped clock."""
    async with AsyncExitStack() as stack:
        look_s = how.pop("clock_look_s", runner.CLOCK_LOOK_S)
        stack.enter_context(patch.object(runner, "CLOCK_LOOK_S", look_s))
        with loop.busy():
            store = await open_store(url, data_dir=folder)
        made = School(store, url, folder, loop, **how)
        stack.push_async_callback(made.end)
        yield made


# ---------------------------------------------------------------------------- the oracle


@dataclass(frozen=True)
class Expected:
    """What must come of a lesson: the states it goes through, and when each is due."""

    states: tuple[LessonState, ...]
    due: Mapping[LessonState, datetime]
    ended_at: datetime | None = None


def given(lesson: Occurrence, rules: LessonRules) -> Expected:
    """A lesson whose host sends from before its opening until after its grace."""
    opens_at = lesson.starts_at - timedelta(seconds=rules.lead_s)
    over_at = lesson.ends_at + timedelta(seconds=rules.grace_s)
    return Expected((OPEN, LIVE, ENDED), {OPEN: opens_at, ENDED: over_at}, over_at)


def missed(lesson: Occurrence, rules: LessonRules) -> Expected:
    """A lesson whose host never sends."""
    whole = given(lesson, rules)
    return Expected((OPEN, MISSED), {OPEN: whole.due[OPEN], MISSED: whole.due[ENDED]})


def withdrawn(lesson: Occurrence, rules: LessonRules, at: datetime) -> Expected:
    """A lesson that was cancelled or moved at `at`, before any host was live in it."""
    opens_at = lesson.starts_at - timedelta(seconds=rules.lead_s)
    if at < opens_at:
        return Expected((CANCELLED,), {})
    return Expected((OPEN, CANCELLED), {OPEN: opens_at, CANCELLED: at})


async def differences(
    stored: Stored,
    store: Any,
    expected: Mapping[OccurrenceId, Expected],
    *,
    late: timedelta,
) -> list[str]:
    """Every lesson that did not go as it must: a state lost, twice, too late or too early."""
    runs = await store.runs_of(expected)
    found = [f"{name}: unplanned" for name in stored.steps.keys() - expected.keys()]
    for name, wanted in expected.items():
        states = stored.states(name)
        if tuple(states) != wanted.states:
            found.append(f"{name}: {states} instead of {list(wanted.states)}")
            continue
        for state, due in wanted.due.items():
            off = stored.at(name, state) - due
            # What people do is due when they did it, whatever the clock shows after a step.
            if abs(off) > late or (off < timedelta(0) and state is not CANCELLED):
                found.append(f"{name}: {state} {off.total_seconds():.3f} s off")
        if runs[name].ended_at != wanted.ended_at:
            found.append(f"{name}: ended at {runs[name].ended_at}, not {wanted.ended_at}")
    return found


def lateness_ms(
    stored: Stored, expected: Mapping[OccurrenceId, Expected], states: Iterable[LessonState]
) -> list[float]:
    """How late each due state was stored."""
    wanted = set(states)
    return [
        (stored.at(name, state) - due).total_seconds() * 1000
        for name, one in expected.items()
        for state, due in one.due.items()
        if state in wanted and state in stored.states(name)
    ]
