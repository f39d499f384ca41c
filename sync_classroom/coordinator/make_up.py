"""Pushes a lesson's recording to the seats that missed it, within an hour, by itself.

The coordinator that leads looks every minute at the lessons that ended within the last day. A
lesson's resource and order have keys of its own, so that whatever happens twice is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter

from ..domain.accounts import Role, User
from ..domain.ids import OccurrenceId
from ..domain.make_up import (
    BY,
    LIFE,
    LOOK_BACK,
    OVER,
    REASON,
    WATCH,
    WITHDRAWN,
    Switch,
    details_of,
    file_of,
    held_after_all,
    is_due,
    is_heard,
    is_on,
    key_of,
)
from ..domain.problems import ProblemError, ProblemKind
from ..domain.push_orders import check_reason
from ..domain.recordings import RecordedFile
from ..domain.targeting import Rule
from ..domain.timetable import Occurrence
from .alarms import Alarms
from .evidence_ports import RollupStore
from .lease import LeaseKeeper
from .library import LibraryService
from .plan_ports import TimetableStore
from .ports import LessonStore, RecordingStore
from .push_ports import PushOrderStore
from .pushes import PushService
from .reading import read_seats
from .services import Clock

log = structlog.get_logger(__name__)

ALARM: Final = "make-up"
LOOK: Final = timedelta(minutes=1)
#: The next look where relays have not been asked since a lesson ended, as after a start.
SOON: Final = timedelta(seconds=2)
#: Orders looked at for late evidence: some days' of a whole programme.
WATCHED_AT_ONCE: Final = 500
#: Files deleted a minute, so that a disk has time for lessons.
RETIRED_AT_ONCE: Final = 5
FAILED: Final = Counter(
    "sync_classroom_make_up_failed_total",
    "Times a lesson's recording could not be pushed by itself; tried again within a day.",
    ["code"],
)


class MakeUpStore(
    PushOrderStore, TimetableStore, LessonStore, RecordingStore, RollupStore, Protocol
):
    """Orders and the rule's switch; lessons, how they went, their recordings and seats."""


class MakeUpService:
    """`run` is a task, woken by `alarms`. `heard_at` says by when relays' evidence is stored."""

    def __init__(
        self,
        store: MakeUpStore,
        pushes: PushService,
        library: LibraryService,
        lease: LeaseKeeper,
        heard_at: Callable[[], datetime | None],
        *,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._pushes = pushes
        self._library = library
        self._lease = lease
        self._heard_at = heard_at
        self._clock = clock
        self._zone = zone
        # Lessons of the last day that need not be looked at again; a restart looks once more.
        self._done: set[OccurrenceId] = set()
        self._unheard = False
        self.alarms = Alarms(clock, self.ring, monotonic=monotonic)

    # ------------------------------------------------------------------ people

    async def switch(self) -> Switch | None:
        """Who switched the rule last; None: nobody, it is on."""
        return await self._store.push_switch()

    async def turn(self, on: bool, reason: str, *, user: User) -> None:
        """Switch the rule on or off; ProblemError for anybody but administrators, or no reason."""
        if user.role is not Role.ADMIN:
            raise ProblemError(
                "make_up_forbidden",
                "只有管理员可以开关自动补推。",
                "Only administrators switch automatic pushes on or off.",
                kind=ProblemKind.FORBIDDEN,
            )
        if is_on(await self.switch()) is on:
            return
        await self._store.add_push_switch(
            Switch(on, self._clock(), user.login, check_reason(reason))
        )
        log.info("make_up.switched", on=on, by=user.login)

    # ------------------------------------------------------------------ by itself

    async def run(self) -> None:
        """Look every minute while we lead."""
        self.alarms.start()
        reigns = 0
        try:
            while True:
                reigns = await self._lease.reign_after(reigns)
                await self.ring(frozenset())
        finally:
            self.alarms.stop()

    async def ring(self, names: frozenset[str]) -> None:
        """A minute is over, or we have come to lead: look if we do, and set the next alarm."""
        del names
        # Before anything that may fail: an alarm that rang is not set any more.
        self.alarms.put(ALARM, self._clock() + LOOK)
        self._unheard = False
        if not self._lease.leading:
            return
        try:
            await self.sweep()
            await self.withdraw()
            await self._library.retire(BY, OVER, age=LOOK_BACK, limit=RETIRED_AT_ONCE)
        except Exception as error:  # the store is away: the next look does it
            code = error.code if isinstance(error, ProblemError) else "defect"
            log.exception("make_up.failed", code=code)
        if self._unheard:
            self.alarms.put(ALARM, self._clock() + SOON)

    async def sweep(self) -> int:
        """Push what is due; how many lessons' recordings were."""
        sent = 0
        for lesson, file in await self._due():
            try:
                sent += await self._make_up(lesson, file)
            except ProblemError as problem:
                FAILED.labels(problem.code).inc()
                log.warning(
                    "make_up.not_pushed", lesson=lesson.id, code=problem.code, problem=problem.en
                )
        return sent

    async def _due(self) -> Sequence[tuple[Occurrence, RecordedFile]]:
        """Lessons to look at, with the file that would be pushed."""
        now, switch = self._clock(), await self.switch()
        if not is_on(switch):
            return []
        lessons = await self._store.occurrences_between(now - LOOK_BACK, now)
        self._done &= {o.id for o in lessons}
        open_ = [o for o in lessons if o.id not in self._done]
        runs = await self._store.runs_of([o.id for o in open_])
        ended = [o for o in open_ if is_due(o, runs.get(o.id), switch, now)]
        heard_at = self._heard_at()
        due = [o for o in ended if is_heard(runs[o.id], heard_at, now)]
        self._unheard = len(due) < len(ended)
        recordings = await self._store.recordings_of([o.id for o in due])
        found = [(o, file_of(recordings.get(o.id))) for o in due]
        return [(o, file) for o, file in found if file is not None]

    async def _make_up(self, lesson: Occurrence, file: RecordedFile) -> bool:
        key = key_of(lesson.id)
        rule = Rule(lesson=lesson.id)
        given = False
        if await self._store.order_by_key(key) is None and await self._pushes.targets(rule):
            resource = await self._library.cut(
                lesson.id, file.name, (0.0, file.duration_s), details_of(lesson, self._zone),
                by=BY, key=key,
            )  # fmt: skip
            # Cutting takes its time, and evidence may have come meanwhile.
            if targets := await self._pushes.targets(rule):
                await self._pushes.give(resource, rule, targets, REASON, by=BY, key=key, life=LIFE)
                given = True
        self._done.add(lesson.id)
        return given

    async def withdraw(self) -> int:
        """Take rooms out of open orders of late whose seats turn out to be held; how many.

        Whoever has opened it keeps it.
        """
        now, taken = self._clock(), 0
        orders = await self._store.automatic_orders(now - WATCH, now, limit=WATCHED_AT_ONCE)
        lessons = await self._store.occurrences_of(
            {OccurrenceId(o.rule.lesson) for o in orders if o.rule.lesson is not None}
        )
        if not lessons:
            return 0
        days = [lesson.date for lesson in lessons.values()]
        seats = await read_seats(self._store, min(days), max(days))
        progress = await self._pushes.progress(orders)
        for order in orders:
            left = self._pushes.waiting(order, progress)
            if held := [target for target in held_after_all(order, seats) if target in left]:
                taken += await self._pushes.withdraw(order, held, WITHDRAWN, by=BY)
        return taken
