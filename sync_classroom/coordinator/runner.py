"""What drives lessons: alarms, a sweep, the relay's reports, and changes of the plan.

Alarms make it punctual; the sweep makes it certain. Whatever was lost (an alarm, a room, a
message, a whole coordinator) the next sweep finds by comparing the plan, the runs and the relay's
rooms, and puts right. Only the coordinator that holds the lease acts of its own accord.

At a bell hundreds of lessons are due in one second. So whatever is due together is read, decided
and stored together, and the relay comes after: however slow it is, no step waits for it. What is
over is never read again: a sweep costs what is going on now, not what a term has seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.floor import Floor
from ..domain.ids import OccurrenceId, SeatId
from ..domain.lesson import (
    OVER,
    Effect,
    Event,
    HostEvidence,
    HostMedia,
    LessonRun,
    LessonState,
    Step,
    wants_room,
)
from ..domain.problems import ProblemError, ProblemKind
from ..domain.timetable import Mode, Occurrence, Seat
from .alarms import Alarms
from .evidence_ports import FactStore
from .going_on import GoingOn
from .lease import LeaseKeeper
from .life import LessonLife, seats_gone
from .media_watch import MediaWatch
from .plan_ports import TimetableStore
from .ports import Bus, LessonStore
from .recordings import RecordingKeeper
from .rooms import Rooms, breathe
from .services import Clock

log = structlog.get_logger(__name__)

SWEEP_S: Final = 5.0
# Once in a reign everything is looked at that a coordinator that was away over a holiday may have
# left undecided, a page at a time.
LOOK_BACK_FIRST: Final = timedelta(days=100)
PAGE: Final = 500
# Alarms are set this far ahead of an opening; a later look sets those further away.
LOOK_AHEAD: Final = timedelta(minutes=15)
# Changes of a lesson that change what of it is recorded.
RECORDED_ANEW: Final = frozenset({"floor", "meeting", "recording", "state"})
# How soon a clock that was stepped is noticed; alarms set before would ring at the wrong time.
CLOCK_LOOK_S: Final = 0.1

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
        self._alarms = Alarms(clock, self._rang, monotonic=_loop_time)
        self._due: set[OccurrenceId] = set()
        self._ringing = asyncio.Event()
        self._nudged = asyncio.Event()
        self._now = GoingOn(store)
        # Rooms to be made or closed after an alarm; a set, as what counts is how the run is then.
        self._unsettled: set[OccurrenceId] = set()
        self._settling = asyncio.Event()
        # The relay was seen to be another boot, and terminals were not told yet.
        self._rebooted = False
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
                looks = {"media": self.follow_media, "recordings": self.follow_recordings}
                for name, look in looks.items():
                    work = self._at_reports(look, f"runner.{name}_failed")
                    group.create_task(work, name=f"runner-{name}")
                group.create_task(self._hearing_lessons(), name="runner-lessons")
                group.create_task(self._answering_alarms(), name="runner-alarms")
                group.create_task(self._settling_rooms(), name="runner-rooms")
                group.create_task(self._watching_clock(), name="runner-clock")
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
            began = _loop_time()
            if self._lease.leading:
                # As it is now: a reign that begins during this sweep has its first one next.
                now = self._lease.reigns
                if await self._guard(self.sweep(first=now != reign), "runner.sweep_failed"):
                    reign = now
            else:
                self._forget()
            # However often the plan changes, half of the time is left for everything else.
            await asyncio.sleep(min(self._sweep_s, _loop_time() - began))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._sweep_s):
                    await self._nudged.wait()
            self._nudged.clear()

    async def _reigning(self) -> None:
        reign = 0
        while True:
            reign = await self._lease.reign_after(reign)
            self._nudged.set()
            await self.swept(self._sweeps)  # what is due now comes before what was due long ago
            caught_up = False
            while self._lease.leading and not caught_up:
                caught_up = await self._guard(self.catch_up(), "runner.catch_up_failed")
                await self.swept(self._sweeps)

    async def _hearing_plan(self) -> None:
        async with self._bus.subscribe("plan") as messages:
            async for _ in messages:
                self._nudged.set()

    async def _at_reports(self, look: Callable[[], Awaitable[None]], event: str) -> None:
        seen = self._media.generation
        while True:
            seen = await self._media.next(seen)
            await self._guard(look(), event)

    async def _hearing_lessons(self) -> None:
        # At once: who is given the floor sends in a moment, and the first words are to be kept.
        async with self._bus.subscribe("lesson") as messages:
            async for message in messages:
                if message.get("what") in RECORDED_ANEW:
                    await self._guard(self.follow_recordings(), "runner.recordings_failed")

    async def _answering_alarms(self) -> None:
        while True:
            await self._ringing.wait()
            self._ringing.clear()
            due, self._due = self._due, set()
            if self._lease.leading:
                await self._guard(self._ring_for(due), "runner.alarms_failed")

    async def _ring_for(self, due: Collection[OccurrenceId]) -> None:
        self._unsettled |= _touched(await self._advance(dict.fromkeys(due)))
        self._settling.set()

    async def _settling_rooms(self) -> None:
        while True:
            await self._settling.wait()
            self._settling.clear()
            unsettled, self._unsettled = self._unsettled, set()
            await self._guard(self._settle(unsettled), "runner.rooms_failed")

    async def _watching_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_LOOK_S)
            if self._alarms.realign():
                log.warning("runner.clock_stepped", now=self._clock().isoformat())
                self._nudged.set()

    # ------------------------------------------------------------------ what they do

    async def sweep(self, *, first: bool = False) -> None:
        """Compare plan, runs and rooms around now, and put right what differs.

        `first` of a reign lets every terminal be told the plan again, since a coordinator that died
        may have stored a step and told nobody.
        """
        now = self._clock()
        lead = timedelta(seconds=self._life.rules.lead_s)
        changed = await self._now.look(now, now + lead + LOOK_AHEAD)
        events: dict[OccurrenceId, Event | None] = {}
        for turn, planned in enumerate(self._now.lessons.values()):
            run = self._now.run_of(planned.id)
            glance = self._life.glance(run, planned, self._now.around)
            if glance.run == run:
                self._stepped(glance)
            else:
                events[planned.id] = None
            await breathe(turn)
        steps = await self._advance(events)
        status = self._media.status
        if status is not None:
            for name in self._now.runs.keys() - status.rooms:
                self._rooms.forget(name)
        await self._settle({*self._now.runs, *_touched(steps), *await self._left_over()})
        for planned in list(self._now.lessons.values()):
            await self._send_away(planned)
        self._signatures = {o: s for o, s in self._signatures.items() if o in self._now.runs}
        self._dismissed = {o: s for o, s in self._dismissed.items() if o in self._now.runs}
        if first or changed:
            # Also what a command at the console planned or withdrew, which nobody else announced.
            await self._bus.publish("plan", {"type": "changed"})
        await self._recordings.settle()
        SWEEPS.inc()
        async with self._swept:
            self._sweeps += 1
            self._swept.notify_all()

    async def _left_over(self) -> Iterable[OccurrenceId]:
        """Lessons that are over and have a room at the relay."""
        status = self._media.status
        names = () if status is None else status.rooms
        runs = await self._store.runs_of(OccurrenceId(n) for n in names if n not in self._now.runs)
        return [name for name, run in runs.items() if run.state in OVER]

    async def catch_up(self) -> None:
        """Decide what was left undecided in the past, oldest first, in pages."""
        until = self._clock()
        after: tuple[datetime, OccurrenceId] | None = None
        while page := await self._store.undecided_between(
            until - LOOK_BACK_FIRST, until, after=after, limit=PAGE
        ):
            await self._settle(_touched(await self._advance({o.id: None for o in page})))
            after = (page[-1].starts_at, page[-1].id)

    async def follow_media(self) -> None:
        """Take note of what the relay reports: a new boot, host media, who is receiving."""
        status = self._media.status
        if status is None:
            return
        booted = self._rooms.booted(status.boot)
        if not self._lease.leading:
            self._rebooted = False  # whoever leads tells of it
            return
        if booted:
            self._rebooted = True
            REBOOTS.inc()
            log.warning("relay.rebooted", boot=status.boot)
        steps = await self._advance(await self._news())
        await self._settle(_touched(steps) - self._now.runs.keys())
        await self._show_media()
        if self._rebooted:
            # Rooms first: a terminal that hears this comes back within milliseconds. Where the
            # store was away when the boot was seen, it is told once the store is back.
            await self._bus.publish("relay", {"type": "boot", "boot": status.boot})
            self._rebooted = False

    async def _news(self) -> dict[OccurrenceId, Event | None]:
        """Open and live lessons to which the relay's report makes a difference."""
        events: dict[OccurrenceId, Event | None] = {}
        for turn, run in enumerate(list(self._now.runs.values())):
            await breathe(turn)
            planned = self._now.lessons.get(run.occurrence)
            if planned is not None and planned.mode is Mode.RESEARCH:
                flowing = self._media.anybody_flowing(run.occurrence)
            else:
                flowing = self._media.host_flowing(run.occurrence)
            event = None if flowing is None else HostMedia(flowing)
            if planned is not None:
                glance = self._life.glance(run, planned, self._now.around, event)
                if glance.run == run:
                    continue
            events[run.occurrence] = event
        return events

    async def _show_media(self) -> None:
        """Lay out the rooms, and tell of them, whose connected or receiving seats are others."""
        news: dict[OccurrenceId, _Signature] = {}
        for turn, occurrence in enumerate(list(self._now.runs)):
            planned = self._now.lessons.get(occurrence)
            if planned is not None:
                signature = self._signature(planned)
                if (
                    not self._rooms.placed(occurrence)
                    or self._signatures.get(occurrence) != signature
                ):
                    news[occurrence] = signature
            await breathe(turn)
        await self._settle(news)
        for occurrence, signature in news.items():
            self._signatures[occurrence] = signature
            await self._bus.publish(
                "lesson", {"type": "changed", "occurrence": occurrence, "what": "media"}
            )

    async def follow_recordings(self) -> None:
        """Have every live lesson recorded of which that is wanted."""
        if (status := self._media.status) is not None and self._lease.leading:
            await self._recordings.follow(self._now.runs.values(), status.boot)

    async def late_media(self, since: Mapping[OccurrenceId, datetime]) -> None:
        """The journal proves host media from these instants on: correct runs that know less."""
        runs = await self._store.runs_of(since)
        events: dict[OccurrenceId, Event | None] = {}
        for occurrence, from_at in since.items():
            run = runs.get(occurrence) or LessonRun(occurrence)
            known = run.live_at is not None and run.live_at <= from_at
            if known and run.state is LessonState.LIVE and run.host_lost_at is None:
                continue
            evidence = await self._evidence(occurrence)
            if evidence is not None:
                events[occurrence] = evidence
        await self._settle(_touched(await self._advance(events)))

    async def _evidence(self, occurrence: OccurrenceId) -> HostEvidence | None:
        samples = await self._store.host_media_since(occurrence, datetime.min.replace(tzinfo=UTC))
        proven = [s for s in samples if getattr(s, "packets", 0) > 0]
        if not proven:
            return None
        return HostEvidence(
            min(s.from_at for s in proven),  # type: ignore[union-attr]
            max(s.to_at for s in proven),  # type: ignore[union-attr]
        )

    async def _send_away(self, planned: Occurrence) -> None:
        """Seats that have to leave a lesson in its overtime: told once, and kept out."""
        run = self._now.runs.get(planned.id)
        if run is None:
            return
        gone = seats_gone(run, planned, self._now.around, self._life.rules, self._clock())
        told = self._dismissed.get(planned.id, frozenset())
        for seat in planned.seats:
            if seat.id in gone - told:
                await self._dismiss(planned, seat)
            elif seat.id in gone and self._media.sessions(planned.id, seat.id, "subscribe"):
                await self._rooms.kick(planned.id, seat.id)
        self._dismissed[planned.id] = gone

    def _signature(self, occurrence: Occurrence) -> _Signature:
        """What terminals and pages are shown of a lesson's media."""
        if occurrence.mode is Mode.RESEARCH:
            return self._media.publishing(occurrence.id), frozenset(), None
        receiving = frozenset(
            s.id for s in occurrence.active_seats if self._media.receiving(occurrence.id, s.id)
        )
        flowing = self._media.host_flowing(occurrence.id)
        return self._rooms.online(occurrence), receiving, flowing

    # ------------------------------------------------------------------ rooms

    async def _settle(self, occurrences: Collection[OccurrenceId]) -> None:
        """Make or lay out the rooms of those that are open or live, close those of the others."""
        if not occurrences:
            return
        unknown = [o for o in occurrences if o in self._now.runs and o not in self._now.lessons]
        planned = {**self._now.lessons, **await self._store.occurrences_of(unknown)}
        floors = await self._store.floors_of(o for o in occurrences if o in self._now.runs)
        going_on = [(planned[o], floors.get(o) or Floor(o)) for o in occurrences if o in planned]
        await self._rooms.bring(
            [(planned, floor) for planned, floor in going_on if planned.id in self._now.runs],
            [o for o in occurrences if o not in self._now.runs],
        )

    # ------------------------------------------------------------------ alarms

    def _stepped(self, step: Step) -> None:
        name = step.run.occurrence
        if not self._lease.leading:
            self._alarms.drop(name)
            return
        if self._now.stepped(step.run):
            self._nudged.set()
        if step.wake_at is None:
            self._alarms.drop(name)
        else:
            self._alarms.put(name, step.wake_at)

    async def _rang(self, names: frozenset[str]) -> None:
        self._due.update(map(OccurrenceId, names))
        self._ringing.set()

    def _forget(self) -> None:
        for name in self._alarms.names():
            self._alarms.drop(name)
        self._signatures.clear()
        self._now.forget()
        self._unsettled.clear()

    # ------------------------------------------------------------------ failures

    async def _advance(
        self, events: Mapping[OccurrenceId, Event | None]
    ) -> Mapping[OccurrenceId, Step]:
        """Advance them together; if that fails by halves, so that one that fails stops no other.

        A store that is away fails for all of them: ProblemError, and the next sweep tries again.
        """
        if not events or not self._lease.leading:
            return {}
        try:
            return await self._life.advance_all(
                events, epoch=self._lease.epoch, known=self._now.known(events.keys())
            )
        except ProblemError as problem:
            if problem.code == "lease_lost":
                self._lease.lost()
                return {}
            if problem.kind is ProblemKind.UNAVAILABLE:
                raise
            failure: Exception = problem
        except Exception as error:
            failure = error
        if len(events) == 1:
            FAILED.inc()
            [name] = events
            log.error("lesson.failed", occurrence=name, exc_info=failure)
            return {}
        listed = list(events.items())
        half = len(listed) // 2
        first = await self._advance(dict(listed[:half]))
        return {**first, **await self._advance(dict(listed[half:]))}

    async def _guard(self, work: Awaitable[object], event: str) -> bool:
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


def _touched(steps: Mapping[OccurrenceId, Step]) -> set[OccurrenceId]:
    """Lessons whose rooms have to be made or laid out, or closed."""
    return {
        name
        for name, step in steps.items()
        if wants_room(step.run) or Effect.CLOSE_ROOM in step.effects
    }


def _loop_time() -> float:
    """The clock that timers of the running loop go by."""
    return asyncio.get_running_loop().time()
