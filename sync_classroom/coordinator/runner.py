"""What drives lessons: alarms, a sweep, the relay's reports, and changes of the plan.

Alarms make it punctual; the sweep makes it certain. Whatever was lost (an alarm, a room, a
message, a whole coordinator) the next sweep finds by comparing the plan, the runs and the relay's
rooms, and puts right. Only the coordinator that holds the lease acts of its own accord.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.floor import Floor
from ..domain.ids import OccurrenceId, SeatId
from ..domain.lesson import (
    HostEvidence,
    HostMedia,
    LessonRun,
    LessonState,
    Step,
    wants_room,
)
from ..domain.problems import ProblemError
from ..domain.timetable import Occurrence, Seat
from .alarms import Alarms
from .lease import LeaseKeeper
from .life import LessonLife, seats_gone
from .media_watch import MediaWatch
from .plan_ports import TimetableStore
from .ports import Bus, FactStore, LessonStore, RelayStatus
from .recordings import RecordingKeeper
from .rooms import Rooms
from .services import Clock

log = structlog.get_logger(__name__)

SWEEP_S: Final = 5.0
# Ordinary sweeps look at lessons around now; the first of a reign at everything a coordinator
# that was away over a holiday may have left undecided.
LOOK_BACK: Final = timedelta(days=1)
LOOK_BACK_FIRST: Final = timedelta(days=100)
# Alarms are set this far ahead of an opening; a later look sets those further away.
LOOK_AHEAD: Final = timedelta(minutes=15)
# When the bell rings for many lessons at once, this many are worked on together.
AT_ONCE: Final = 8

FINISHED: Final = frozenset({LessonState.ENDED, LessonState.MISSED, LessonState.CANCELLED})

FAILED = Counter(
    "sync_classroom_lesson_failures_total", "Looks at a lesson that raised; tried again."
)
SWEEPS = Counter("sync_classroom_sweeps_total", "Reconcile sweeps done.")
REBOOTS = Counter("sync_classroom_relay_boots_total", "Relay restarts seen while running.")

Dismiss = Callable[[Occurrence, Seat], Awaitable[None]]
"""Called once for a seat whose classroom's next lesson is due while this one runs on."""

_Signature = tuple[frozenset[str], frozenset[str], bool | None]


class RunnerStore(TimetableStore, LessonStore, FactStore, Protocol):
    """Plan, runs and evidence."""


class LessonRunner:
    """Drives every lesson while the lease is held; `run` is its one task."""

    def __init__(
        self,
        store: RunnerStore,
        bus: Bus,
        life: LessonLife,
        rooms: Rooms,
        media: MediaWatch,
        lease: LeaseKeeper,
        recordings: RecordingKeeper,
        *,
        clock: Clock,
        dismiss: Dismiss,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._store = store
        self._bus = bus
        self._life = life
        self._rooms = rooms
        self._media = media
        self._lease = lease
        self._recordings = recordings
        self._clock = clock
        self._dismiss = dismiss
        self._sweep_s = sweep_s
        self._alarms = Alarms(clock, self._rang)
        self._due: set[OccurrenceId] = set()
        self._ringing = asyncio.Event()
        self._nudged = asyncio.Event()
        self._window: Mapping[OccurrenceId, Occurrence] = {}
        self._signatures: dict[OccurrenceId, _Signature] = {}
        self._dismissed: dict[OccurrenceId, frozenset[SeatId]] = {}
        self._sweeps = 0
        self._swept = asyncio.Condition()
        life.stepped = self._stepped

    # ------------------------------------------------------------------ tasks

    async def run(self) -> None:
        """Drive lessons until cancelled."""
        self._alarms.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sweeping(), name="runner-sweep")
                group.create_task(self._reigning(), name="runner-lease")
                group.create_task(self._hearing_plan(), name="runner-plan")
                group.create_task(self._watching_media(), name="runner-media")
                group.create_task(self._answering_alarms(), name="runner-alarms")
        finally:
            self._alarms.stop()

    def nudge(self) -> None:
        """Ask for a sweep at once."""
        self._nudged.set()

    @property
    def sweeps(self) -> int:
        """How many sweeps were finished."""
        return self._sweeps

    async def swept(self, sweeps: int) -> int:
        """Wait until more than `sweeps` sweeps are finished; return how many."""
        async with self._swept:
            await self._swept.wait_for(lambda: self._sweeps > sweeps)
            return self._sweeps

    async def _sweeping(self) -> None:
        reign = 0
        while True:
            if self._lease.leading:
                first = self._lease.reigns != reign
                if await self._guard(self.sweep(first=first), "runner.sweep_failed"):
                    reign = self._lease.reigns
            else:
                self._forget()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_s):
                    await self._nudged.wait()
            self._nudged.clear()

    async def _reigning(self) -> None:
        reign = 0
        while True:
            reign = await self._lease.reign_after(reign)
            self._nudged.set()

    async def _hearing_plan(self) -> None:
        async with self._bus.subscribe("plan") as messages:
            async for _ in messages:
                self._nudged.set()

    async def _watching_media(self) -> None:
        seen = self._media.generation
        while True:
            seen = await self._media.next(seen)
            await self._guard(self.follow_media(), "runner.media_failed")

    async def _answering_alarms(self) -> None:
        while True:
            await self._ringing.wait()
            self._ringing.clear()
            due, self._due = self._due, set()
            if self._lease.leading:
                await self._each(due, self._life.advance)

    # ------------------------------------------------------------------ what they do

    async def sweep(self, *, first: bool = False) -> None:
        """Compare plan, runs and rooms, and put right what differs.

        `first` of a reign looks back further and lets every terminal be told the plan again, since
        a coordinator that died may have stored a step and told nobody.
        """
        now = self._clock()
        lead = timedelta(seconds=self._life.rules.lead_s)
        window = await self._store.occurrences_between(
            now - (LOOK_BACK_FIRST if first else LOOK_BACK), now + lead + LOOK_AHEAD
        )
        before, self._window = self._window, {o.id: o for o in window}
        runs = dict(await self._store.runs_of(self._window))
        unfinished = {r.occurrence: r for r in await self._store.unfinished_runs()}
        runs.update(unfinished)
        status = self._media.status
        await self._each(
            [*self._window, *(o for o in unfinished if o not in self._window)],
            lambda occurrence: self._reconcile(occurrence, runs.get(occurrence), status),
        )
        self._signatures = {o: s for o, s in self._signatures.items() if o in unfinished}
        self._dismissed = {o: s for o, s in self._dismissed.items() if o in unfinished}
        if first or any(before.get(o.id) != o for o in window):
            # Also what a command at the console planned or withdrew, which nobody else announced.
            await self._bus.publish("plan", {"type": "changed"})
        await self._recordings.settle()
        SWEEPS.inc()
        async with self._swept:
            self._sweeps += 1
            self._swept.notify_all()

    async def follow_media(self) -> None:
        """Take note of what the relay reports: a new boot, host media, who is receiving."""
        status = self._media.status
        if status is None:
            return
        rebooted = self._rooms.booted(status.boot)
        if not self._lease.leading:
            return
        if rebooted:
            REBOOTS.inc()
            log.warning("relay.rebooted", boot=status.boot)
        runs = await self._store.unfinished_runs()
        await self._each([r.occurrence for r in runs], self._observe)
        if rebooted:
            # Rooms first: a terminal that hears this comes back within milliseconds.
            await self._bus.publish("relay", {"type": "boot", "boot": status.boot})

    async def late_media(self, occurrence: OccurrenceId, from_at: datetime) -> None:
        """The journal proves host media from `from_at` on: correct a run that knows less."""
        run = await self._store.get_run(occurrence) or LessonRun(occurrence)
        known = run.live_at is not None and run.live_at <= from_at
        if known and run.state is LessonState.LIVE and run.host_lost_at is None:
            return
        samples = await self._store.host_media_since(occurrence, datetime.min.replace(tzinfo=UTC))
        proven = [s for s in samples if getattr(s, "packets", 0) > 0]
        if proven:
            evidence = HostEvidence(
                min(s.from_at for s in proven),  # type: ignore[union-attr]
                max(s.to_at for s in proven),  # type: ignore[union-attr]
            )
            await self._each([occurrence], lambda o: self._life.advance(o, evidence))

    async def _reconcile(
        self, occurrence: OccurrenceId, run: LessonRun | None, status: RelayStatus | None
    ) -> None:
        run = run or LessonRun(occurrence)
        planned = self._window.get(occurrence)
        if run.state in FINISHED:
            self._alarms.drop(occurrence)
            if status is not None and occurrence in status.rooms:
                await self._rooms.close(occurrence)
            return
        known = self._window.values()
        if planned is not None:
            glance = self._life.glance(run, planned, known)
            if glance.run == run:
                self._stepped(glance)
            else:
                step = await self._life.advance(occurrence, known=known)
                run = step.run if step is not None else run
        else:  # an unfinished run of a lesson long past
            step = await self._life.advance(occurrence)
            run = step.run if step is not None else run
        if planned is not None and wants_room(run):
            if status is not None and occurrence not in status.rooms:
                self._rooms.forget(occurrence)
            await self._place(planned)
            await self._send_away(planned, run)

    async def _send_away(self, planned: Occurrence, run: LessonRun) -> None:
        """Seats that have to leave a lesson in its overtime: told once, and kept out."""
        gone = seats_gone(run, planned, self._window.values(), self._life.rules, self._clock())
        told = self._dismissed.get(planned.id, frozenset())
        for seat in planned.seats:
            if seat.id in gone - told:
                await self._dismiss(planned, seat)
            elif seat.id in gone and self._media.sessions(planned.id, seat.id, "subscribe"):
                await self._rooms.kick(planned.id, seat.id)
        self._dismissed[planned.id] = gone

    async def _observe(self, occurrence: OccurrenceId) -> None:
        """One look at an open or live lesson's media."""
        flowing = self._media.host_flowing(occurrence)
        known = self._window.values() if occurrence in self._window else None
        event = None if flowing is None else HostMedia(flowing)
        step = await self._life.advance(occurrence, event, known=known)
        if step is None or not wants_room(step.run):
            return
        planned = self._window.get(occurrence) or await self._store.get_occurrence(occurrence)
        if planned is None:
            return
        signature = self._signature(planned, flowing)
        if not self._rooms.placed(occurrence) or self._signatures.get(occurrence) != signature:
            await self._place(planned)
            self._signatures[occurrence] = signature
            await self._bus.publish(
                "lesson", {"type": "changed", "occurrence": occurrence, "what": "media"}
            )
        boot = None if self._media.status is None else self._media.status.boot
        await self._recordings.follow(planned, step.run, boot)

    def _signature(self, occurrence: Occurrence, flowing: bool | None) -> _Signature:
        """What terminals and pages are shown of a lesson's media."""
        receiving = frozenset(
            s.id for s in occurrence.active_seats if self._media.receiving(occurrence.id, s.id)
        )
        return self._rooms.online(occurrence), receiving, flowing

    async def _place(self, occurrence: Occurrence) -> None:
        floor = await self._store.get_floor(occurrence.id)
        await self._rooms.place(occurrence, floor or Floor(occurrence.id))

    # ------------------------------------------------------------------ alarms

    def _stepped(self, step: Step) -> None:
        name = step.run.occurrence
        if step.wake_at is None or not self._lease.leading:
            self._alarms.drop(name)
        else:
            self._alarms.put(name, step.wake_at)

    async def _rang(self, name: str) -> None:
        self._due.add(OccurrenceId(name))
        self._ringing.set()

    def _forget(self) -> None:
        for name in self._alarms.names():
            self._alarms.drop(name)
        self._signatures.clear()

    # ------------------------------------------------------------------ failures

    async def _each(
        self,
        occurrences: Iterable[OccurrenceId],
        do: Callable[[OccurrenceId], Awaitable[object]],
    ) -> None:
        """Do it for all, a few at a time; one that fails stops no other."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(occurrence: OccurrenceId) -> None:
            async with turn:
                try:
                    await do(occurrence)
                except ProblemError as problem:
                    FAILED.inc()
                    log.error(
                        "lesson.failed",
                        occurrence=occurrence,
                        code=problem.code,
                        problem=problem.en,
                    )
                except Exception:
                    FAILED.inc()
                    log.exception("lesson.failed", occurrence=occurrence)

        todo: Sequence[OccurrenceId] = list(occurrences)
        async with asyncio.TaskGroup() as group:
            for occurrence in todo:
                group.create_task(one(occurrence), name=f"lesson-{occurrence}")

    async def _guard(self, work: Awaitable[None], event: str) -> bool:
        """Whether it went well; a store or bus that is away must not end the loop."""
        try:
            await work
        except ProblemError as problem:  # expected, such as a store that is away: said in a line
            log.error(event, code=problem.code, problem=problem.en)
            return False
        except Exception:
            log.exception(event)
            return False
        return True
