"""APScheduler as an alarm clock, and nothing more: a lost alarm costs delay, never correctness.

Alarms live in memory and are set anew from the plan after every start. They are given as instants
of the service clock and set as delays, so that a test may turn that clock. Alarms of one instant
ring together: at a bell hundreds of lessons are due in the same second, and are worked on as one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from .services import Clock

# A wall clock that moved this much against the monotonic one was stepped, or slewed for so long
# that alarms set before would ring that much too late.
STEP_S: Final = 0.05


class Alarms:
    """One alarm per name; ringing calls `ring(names)` on the loop, once for those of one instant.

    `monotonic` is the clock that the loop's timers go by.
    """

    def __init__(
        self,
        clock: Clock,
        ring: Callable[[frozenset[str]], Awaitable[None]],
        *,
        monotonic: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._ring = ring
        self._monotonic = monotonic
        self._set: dict[str, datetime] = {}
        self._names: dict[datetime, set[str]] = {}
        self._aligned = self._offset()
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            # However late the loop comes to it, an alarm rings: its lessons are due all the same.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin to ring; must be called on the running loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Forget every alarm and stop; does not wait for ringing alarms."""
        self._set.clear()
        self._names.clear()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def at(self, name: str) -> datetime | None:
        """When an alarm will ring, or None."""
        return self._set.get(name)

    def names(self) -> frozenset[str]:
        """Every alarm that is set."""
        return frozenset(self._set)

    def put(self, name: str, at: datetime) -> None:
        """Ring at `at` (aware), at once if that is over; replaces the alarm of that name."""
        if self._set.get(name) == at:
            return
        self.drop(name)
        self._set[name] = at
        names = self._names.setdefault(at, set())
        if not names:
            self._schedule(at)
        names.add(name)

    def drop(self, name: str) -> None:
        """Forget an alarm, if there is one."""
        at = self._set.pop(name, None)
        if at is None:
            return
        names = self._names[at]
        names.discard(name)
        if not names:
            del self._names[at]
            try:
                self._scheduler.remove_job(_job(at))
            except JobLookupError:
                return  # it is ringing now

    def realign(self) -> bool:
        """Set every alarm again if the clock was stepped since they were set; whether it was."""
        offset = self._offset()
        if abs(offset - self._aligned) < STEP_S:
            return False
        self._aligned = offset
        for at in self._names:
            self._schedule(at)
        return True

    def _offset(self) -> float:
        return self._clock().timestamp() - self._monotonic()

    def _schedule(self, at: datetime) -> None:
        delay = max(timedelta(0), at - self._clock())
        self._scheduler.add_job(
            self._fire,
            "date",
            id=_job(at),
            args=(at,),
            run_date=datetime.now(UTC) + delay,
            replace_existing=True,
        )

    async def _fire(self, at: datetime) -> None:
        names = frozenset(self._names.pop(at, ()))
        for name in names:
            del self._set[name]
        if names:
            await self._ring(names)


def next_clock(clock: time, now: datetime, zone: tzinfo) -> datetime:
    """The next instant after `now` at which it is this clock time in the zone."""
    civil = now.astimezone(zone)
    at = datetime.combine(civil.date(), clock, zone)
    return at if at > civil else at + timedelta(days=1)


def _job(at: datetime) -> str:
    """One id for an instant, in whatever zone it is written."""
    return str(at.timestamp())
