"""What is going on now, in memory: as of the last look at the store and of every step since.

A look reads what is not over and nothing else, so that it costs what is going on and not what a
term has seen. What is here may be some seconds old: whoever acts on it stores optimistically.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from ..domain.ids import OccurrenceId
from ..domain.lesson import LessonRun, wants_room
from ..domain.timetable import Occurrence
from ..domain.wanted_rooms import WantedRooms, classrooms_of
from .life import Known
from .plan_ports import TimetableStore
from .ports import LessonStore

# A lesson lasts a day at most; what is older is looked for once in a reign.
LOOK_BACK: Final = timedelta(days=1)


class GoingOnStore(TimetableStore, LessonStore, Protocol):
    """Plan and runs."""


class GoingOn:
    """Lessons that are not over, when their rooms are wanted, and runs that are open or live."""

    def __init__(self, store: GoingOnStore) -> None:
        self._store = store
        self._until = datetime.min.replace(tzinfo=UTC)
        # Steps stored while a look was reading are newer than what it read. Those of the look
        # before it are kept too: a step that was decided before one of them may come after it.
        self._newer: dict[OccurrenceId, LessonRun] = {}
        self._earlier: dict[OccurrenceId, LessonRun] = {}
        self.lessons: Mapping[OccurrenceId, Occurrence] = {}
        self.around = WantedRooms()
        self.runs: dict[OccurrenceId, LessonRun] = {}

    def known(self, wanted: Collection[OccurrenceId]) -> Known | None:
        """What is known of these lessons; None if one of them is not known."""
        if not self.lessons.keys() >= set(wanted):
            return None
        return Known(self.lessons, self.around, self.runs.copy())

    def run_of(self, occurrence: OccurrenceId) -> LessonRun:
        """The run of a lesson that is not over."""
        return self.runs.get(occurrence) or LessonRun(occurrence)

    async def look(self, now: datetime, until: datetime) -> bool:
        """Read the lessons around `now` and up to `until`; whether the plan says something new."""
        self._earlier, self._newer = self._newer, {}
        undecided = await self._store.undecided_between(now - LOOK_BACK, until)
        runs = {r.occurrence: r for r in await self._store.unfinished_runs()}
        lessons = {o.id: o for o in undecided}
        # Lessons long past that nobody ended.
        lessons |= await self._store.occurrences_of([o for o in runs if o not in lessons])
        # A room may have been wanted since by a lesson that is over already.
        begun = await self._begun_since([o for o in lessons.values() if o.ends_at <= now], now)
        before, known_to = self.lessons, self._until
        self.lessons, self._until = lessons, until
        self.around = WantedRooms((lessons | {o.id: o for o in begun}).values())
        self.runs = runs
        for run in self._newer.values():
            self._take(run)
        return any(
            before[o.id] != o if o.id in before else o.starts_at < known_to for o in undecided
        )

    def stepped(self, run: LessonRun) -> bool:
        """Take note of a run that was stored or seen; whether its lesson is open or live and was
        not in what was read last."""
        sources = (self.runs, self._newer, self._earlier)
        known = [known for of in sources if (known := of.get(run.occurrence)) is not None]
        if any(each.version > run.version for each in known):
            return False
        self._newer[run.occurrence] = run
        self._take(run)
        return wants_room(run) and run.occurrence not in self.lessons

    def forget(self) -> None:
        """Another coordinator leads: what is here grows old."""
        self.lessons = {}
        self.around = WantedRooms()
        self.runs = {}
        self._newer.clear()
        self._earlier.clear()
        self._until = datetime.min.replace(tzinfo=UTC)

    def _take(self, run: LessonRun) -> None:
        if wants_room(run):
            self.runs[run.occurrence] = run
        else:
            self.runs.pop(run.occurrence, None)

    async def _begun_since(
        self, overdue: Collection[Occurrence], now: datetime
    ) -> Iterable[Occurrence]:
        """Lessons that began in a room of these ones after their planned end."""
        if not overdue:
            return ()
        rooms = frozenset().union(*map(classrooms_of, overdue))
        return await self._store.bookings_between(min(o.ends_at for o in overdue), now, rooms)
