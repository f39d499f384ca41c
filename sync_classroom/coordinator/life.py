"""One step in the life of one lesson: read the run, let the domain decide, store, act.

Everything that moves a lesson comes through `LessonLife.advance`: alarms, sweeps, media, buttons,
the journal. Storing is optimistic and effects may be repeated, so it does not matter who else,
here or on another coordinator, does the same at the same time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final, Protocol
from weakref import WeakValueDictionary

import structlog
from prometheus_client import Counter

from ..domain import lesson
from ..domain.conflicts import next_booking
from ..domain.floor import Floor
from ..domain.ids import ActId, OccurrenceId, SeatId
from ..domain.lesson import Effect, Event, LessonRules, LessonRun, LessonState, Step
from ..domain.timetable import Occurrence
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
        self,
        occurrence: OccurrenceId,
        event: Event | None = None,
        *,
        act: ActId | None = None,
        known: Iterable[Occurrence] | None = None,
    ) -> Step | None:
        """Bring a lesson up to now and apply `event`; the step taken, None for an unknown id.

        `act` names the press that `event` stands for: it is applied once, whatever crashed in
        between. `known` may hold the occurrences around it if the caller has just read them. Raises
        what the store raises; a relay that is down is not an error here, the sweep tries again.
        """
        lock = self._locks.setdefault(occurrence, asyncio.Lock())
        async with lock:
            plan = await self._plan(occurrence, known)
            if plan is None:
                return None
            step = await self._decide(*plan, event, act)
            await self._perform(plan[0], step)
            self.stepped(step)
            return step

    def glance(self, run: LessonRun, occurrence: Occurrence, known: Iterable[Occurrence]) -> Step:
        """What `advance` would do now, without doing it."""
        return lesson.step(
            run,
            occurrence,
            now=self._clock(),
            rules=self.rules,
            room_free_until=room_free_until(occurrence, known),
        )

    async def neighbours(self, occurrence: Occurrence) -> tuple[Occurrence, ...]:
        """Occurrences that may want a room of this one before it has run on as long as it may."""
        reach = timedelta(seconds=self.rules.max_extended_s + self.rules.grace_s)
        return tuple(
            await self._store.occurrences_between(
                occurrence.ends_at, occurrence.ends_at + reach + timedelta(seconds=1)
            )
        )

    async def _plan(
        self, occurrence: OccurrenceId, known: Iterable[Occurrence] | None
    ) -> tuple[Occurrence, tuple[Occurrence, ...]] | None:
        if known is not None:
            around = tuple(known)
            for one in around:
                if one.id == occurrence:
                    return one, around
        found = await self._store.get_occurrence(occurrence)
        return None if found is None else (found, await self.neighbours(found))

    async def _decide(
        self,
        occurrence: Occurrence,
        around: tuple[Occurrence, ...],
        event: Event | None,
        act: ActId | None,
    ) -> Step:
        free_until = room_free_until(occurrence, around)
        for _ in range(SAVE_TRIES):
            if act is not None and await self._store.act_done(occurrence.id, act):
                event, act = None, None
            run = await self._store.get_run(occurrence.id) or LessonRun(occurrence.id)
            step = lesson.step(
                run,
                occurrence,
                now=self._clock(),
                rules=self.rules,
                event=event,
                room_free_until=free_until,
            )
            if step.run == run:
                return step
            saved = await self._store.save_run(step.run, act=act)
            if saved is not None:
                if saved.state is not run.state:
                    STEPS.labels(saved.state.value).inc()
                    log.info(
                        "lesson.state", occurrence=occurrence.id, was=run.state, state=saved.state
                    )
                return Step(saved, step.effects, step.wake_at)
        raise RuntimeError(f"run of {occurrence.id} lost {SAVE_TRIES} races in a row")

    async def _perform(self, occurrence: Occurrence, step: Step) -> None:
        for effect in step.effects:
            if effect is Effect.OPEN_ROOM:
                floor = await self._store.get_floor(occurrence.id)
                await self._rooms.place(occurrence, floor or Floor(occurrence.id))
            elif effect is Effect.CLOSE_ROOM:
                await self._rooms.close(occurrence.id)
            else:
                await self._bus.publish(
                    "lesson", {"type": "changed", "occurrence": occurrence.id, "what": "state"}
                )


def room_free_until(occurrence: Occurrence, around: Iterable[Occurrence]) -> datetime | None:
    """When the host's room is next booked after this lesson, as far as `around` knows."""
    return next_booking(
        occurrence.host.classroom, around, after=occurrence.ends_at, besides=occurrence.id
    )


def seats_gone(
    run: LessonRun,
    occurrence: Occurrence,
    around: Iterable[Occurrence],
    rules: LessonRules,
    now: datetime,
) -> frozenset[SeatId]:
    """Seats that had to leave a lesson that runs on, because their classroom has its next lesson.

    `around` must hold whatever may want their classrooms (`LessonLife.neighbours`).
    """
    if run.state is not LessonState.LIVE or now < occurrence.ends_at:
        return frozenset()
    others = tuple(around)
    gone = set()
    for seat in occurrence.active_seats:
        wanted_at = next_booking(
            seat.classroom, others, after=occurrence.ends_at, besides=occurrence.id
        )
        leaves_at = lesson.seat_leaves_at(
            run,
            occurrence,
            rules,
            seat_free_until=wanted_at,
            room_free_until=room_free_until(occurrence, others),
        )
        if leaves_at is not None and leaves_at <= now:
            gone.add(seat.id)
    return frozenset(gone)
