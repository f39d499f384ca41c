"""APScheduler as an alarm clock, and nothing more: a lost alarm costs delay, never correctness.

Alarms live in memory and are set anew from the plan after every start. They are given as instants
of the service clock and set as delays, so that a test may turn that clock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from .services import Clock

# APScheduler's default of 1 s would skip a lesson whose alarm comes while the loop is busy.
MISFIRE_GRACE_S: Final = 300


class Alarms:
    """One alarm per name; ringing calls `ring(name)` on the loop."""

    def __init__(self, clock: Clock, ring: Callable[[str], Awaitable[None]]) -> None:
        self._clock = clock
        self._ring = ring
        self._set: dict[str, datetime] = {}
        self._scheduler = AsyncIOScheduler(
            timezone=UTC,
            job_defaults={
                "coalesce": True,
                "max_instances": 1,
                "misfire_grace_time": MISFIRE_GRACE_S,
            },
        )

    def start(self) -> None:
        """Begin to ring; must be called on the running loop."""
        self._scheduler.start()

    def stop(self) -> None:
        """Forget every alarm and stop; does not wait for ringing alarms."""
        self._set.clear()
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
        self._set[name] = at
        delay = max(timedelta(0), at - self._clock())
        self._scheduler.add_job(
            self._fire,
            "date",
            id=name,
            args=(name,),
            run_date=datetime.now(UTC) + delay,
            replace_existing=True,
        )

    def drop(self, name: str) -> None:
        """Forget an alarm, if there is one."""
        if self._set.pop(name, None) is not None:
            try:
                self._scheduler.remove_job(name)
            except JobLookupError:
                return  # it is ringing now

    async def _fire(self, name: str) -> None:
        self._set.pop(name, None)
        await self._ring(name)
