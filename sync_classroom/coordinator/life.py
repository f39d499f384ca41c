"""One step in the life of one lesson: read the run, let the domain decide, store, act.

Everything that moves a lesson comes through here: buttons through `LessonLife.advance`, one by one;
alarms, sweeps, media and the journal through `advance_all`, hundreds at a bell. Storing is
optimistic and effects may be repeated, so it does not matter who else, here or on another
coordinator, does the same at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter

from ..domain import lesson
from ..domain.floor import Floor
from ..domain.ids import ActId, OccurrenceId, SeatId
from ..domain.lesson import Effect, Event, LessonRules, LessonRun, LessonState, Step
from ..domain.timetable import Occurrence
from ..domain.wanted_rooms import WantedRooms, classrooms_of
from .plan_ports import TimetableStore
from .ports import Bus, LessonStore
from .rooms import Rooms
from .services import Clock

log = structlog.get_logger(__name__)

# Another writer wins a race once or twice; more often something is wrong with the store.
SAVE_TRIES: Final = 8

STEPS = Counter("sync_classroom_lesson_steps_total", "Stored lesson transitions, by state.", ["to"])


class LifeStore(TimetableStore, LessonStore, Protocol):
    """Plan and runs."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was read a moment ago: lessons, when their rooms are wanted, and runs (None: not read).

    `runs` has no entry for a lesson of which nothing has happened yet.
    """

    occurrences: Mapping[OccurrenceId, Occurrence]
    around: WantedRooms
    runs: Mapping[OccurrenceId, LessonRun] | None


class LessonLife:
    """The one way to change a run. `stepped` is called after every step, stored or not."""

    def __init__(
        self,
        store: LifeStore,
        bus: Bus,
        rooms: Rooms,
        *,
        rules: LessonRules,
        clock: Clock,
    ) -> None:
        self._store = store
        self._bus = bus
        self._rooms = rooms
        self._clock = clock
        self._locks: WeakValueDictionary[OccurrenceId, asyncio.Lock] = WeakValueDictionary()
        self.rules = rules
        self.stepped: Callable[[Step], None] = lambda _: None

    async def advance(
        self, occurrence: OccurrenceId, event: Event | None = None, *, act: ActId | None = None
    ) -> Step | None:
        """Bring a lesson up to now and apply `event`; the step taken, None for an unknown id.

        `act` names the press that `event` stands for: it is applied once, whatever crashed in
        between. Raises what the store raises; a relay that is down is not an error here, the sweep
        tries again.
        """
        lock = self._locks.setdefault(occurrence, asyncio.Lock())
        async with lock:
            planned = await self._store.get_occurrence(occurrence)
            if planned is None:
                return None
            around = await self.around([planned])
            step = await self._decide(planned, around, event, act)
            self.stepped(step)
            await self._perform(planned, step)
            return step

    async def advance_all(
        self,
        events: Mapping[OccurrenceId, Event | None],
        *,
        epoch: int,
        known: Known | None = None,
    ) -> Mapping[OccurrenceId, Step]:
        """Bring many lessons up to now, each with its event: read together, stored in one go, told.

        However many are due at a bell, it is one transaction, and with `known` nothing is read
        before it: a run that is not as it was known is read then. Nothing is stored unless the
        lease is in `epoch`: ProblemError `lease_lost`. Rooms are left to the caller, because a
        relay that hangs must not delay the next bell. The steps taken, without unknown ids.
        """
        if known is None:
            found = await self._store.occurrences_of(events)
            known = Known(found, await self.around(found.values()), None)
        planned, around, runs = known.occurrences, known.around, known.runs
        steps: dict[OccurrenceId, Step] = {}
        left: Collection[OccurrenceId] = [name for name in events if name in planned]
        for _ in range(SAVE_TRIES):
            if runs is None:
                runs = await self._store.runs_of(left)
            changed: dict[OccurrenceId, Step] = {}
            for name in left:
                run = runs.get(name) or LessonRun(name)
                step = self.glance(run, planned[name], around, events[name])
                if step.run == run:
                    steps[name] = step
                else:
                    changed[name] = step
            saved = await self._save_all(changed, runs, epoch)
            steps |= saved
            left, runs = [name for name in changed if name not in saved], None
            if not left:
                break
            # Somebody was first, who may have known a newer plan.
            planned = {**planned, **await self._store.occurrences_of(left)}
        else:
            raise RuntimeError(f"runs of {left} lost {SAVE_TRIES} races in a row")
        for step in steps.values():
            self.stepped(step)
        for name, step in steps.items():
            if Effect.TELL in step.effects:
                await self._tell(name)
        return steps

    def glance(
        self,
        run: LessonRun,
        occurrence: Occurrence,
        around: WantedRooms,
        event: Event | None = None,
    ) -> Step:
        """What `advance` would do now, without doing it."""
        return lesson.step(
            run,
            occurrence,
            now=self._clock(),
            rules=self.rules,
            event=event,
            room_free_until=room_free_until(occurrence, around),
        )

    async def around(self, occurrences: Collection[Occurrence]) -> WantedRooms:
        """When the rooms of these lessons are next wanted, as far as they may run on."""
        if not occurrences:
            return WantedRooms()
        reach = timedelta(seconds=self.rules.max_extended_s + self.rules.grace_s + 1)
        return WantedRooms(
            await self._store.bookings_between(
                min(o.ends_at for o in occurrences),
                max(o.ends_at for o in occurrences) + reach,
                frozenset().union(*map(classrooms_of, occurrences)),
            )
        )

    async def _decide(
        self,
        occurrence: Occurrence,
        around: WantedRooms,
        event: Event | None,
        act: ActId | None,
    ) -> Step:
        for _ in range(SAVE_TRIES):
            if act is not None and await self._store.act_done(occurrence.id, act):
                event, act = None, None
            run = await self._store.get_run(occurrence.id) or LessonRun(occurrence.id)
            step = self.glance(run, occurrence, around, event)
            if step.run == run:
                return step
            saved = await self._store.save_run(step.run, act=act)
            if saved is not None:
                _count(run, saved)
                return Step(saved, step.effects, step.wake_at)
        raise RuntimeError(f"run of {occurrence.id} lost {SAVE_TRIES} races in a row")

    async def _save_all(
        self,
        changed: Mapping[OccurrenceId, Step],
        before: Mapping[OccurrenceId, LessonRun],
        epoch: int,
    ) -> dict[OccurrenceId, Step]:
        """Store what changed; the steps that were stored."""
        if not changed:
            return {}
        saved = await self._store.save_runs([s.run for s in changed.values()], epoch=epoch)
        for name, run in saved.items():
            _count(before.get(name) or LessonRun(name), run)
        return {
            name: Step(run, changed[name].effects, changed[name].wake_at)
            for name, run in saved.items()
        }

    async def _perform(self, occurrence: Occurrence, step: Step) -> None:
        for effect in step.effects:
            if effect is Effect.OPEN_ROOM:
                floor = await self._store.get_floor(occurrence.id)
                await self._rooms.place(occurrence, floor or Floor(occurrence.id))
            elif effect is Effect.CLOSE_ROOM:
                await self._rooms.close(occurrence.id)
            else:
                await self._tell(occurrence.id)

    async def _tell(self, occurrence: OccurrenceId) -> None:
        await self._bus.publish(
            "lesson", {"type": "changed", "occurrence": occurrence, "what": "state"}
        )


def _count(before: LessonRun, saved: LessonRun) -> None:
    """Say in metrics and log that a run came into another state."""
    if saved.state is not before.state:
        STEPS.labels(saved.state.value).inc()
        log.info("lesson.state", occurrence=saved.occurrence, was=before.state, state=saved.state)


def room_free_until(occurrence: Occurrence, around: WantedRooms) -> datetime | None:
    """When the host's room is next booked after this lesson, as far as `around` knows."""
    return around.next(occurrence.host.classroom, after=occurrence.ends_at, besides=occurrence.id)


def seats_gone(
    run: LessonRun,
    occurrence: Occurrence,
    around: WantedRooms,
    rules: LessonRules,
    now: datetime,
) -> frozenset[SeatId]:
    """Seats that had to leave a lesson that runs on, because their classroom has its next lesson.

    `around` must hold whatever may want their classrooms (`LessonLife.around`).
    """
    if run.state is not LessonState.LIVE or now < occurrence.ends_at:
        return frozenset()
    free_until = room_free_until(occurrence, around)
    gone = set()
    for seat in occurrence.active_seats:
        leaves_at = lesson.seat_leaves_at(
            run,
            occurrence,
            rules,
            seat_free_until=around.next(
                seat.classroom, after=occurrence.ends_at, besides=occurrence.id
            ),
            room_free_until=free_until,
        )
        if leaves_at is not None and leaves_at <= now:
            gone.add(seat.id)
    return frozenset(gone)
