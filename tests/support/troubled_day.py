"""A day of bells with troubles thrown in by a seed: crashes, takeovers, a clock that is stepped, …

What the day must come to is known beforehand: every trouble is over within `OVER_WITHIN`, so every
step is at most so late, and none is lost or done twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Final

from bench.scheduler.planned import Day
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.lesson import LessonRules
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.coordination import ZONE
from tests.support.plan_changes import withdraw
from tests.support.scheduling import Coordinator, Expected, School, given, missed, withdrawn

RULES: Final = LessonRules(
    lead_s=180, grace_s=30, extension_s=30, host_gone_s=20, max_extended_s=60
)
#: In the second in which one bell's lessons run out of grace, those of the next one open.
BETWEEN: Final = timedelta(seconds=510)
#: A lease that runs out, the other coordinator's next question, its first sweep, a stepped clock.
OVER_WITHIN: Final = timedelta(seconds=70)
APART_S: Final = 120.0
STEP_S: Final = 20.0
CHOICES: Final = ("given",) * 16 + ("missed", "missed", "cancelled before", "cancelled open")


def day_of(bells: int, lessons: int) -> Day:
    """Lessons of five minutes, one seat each."""
    return Day(
        bells, lessons, 1, datetime(2026, 11, 23, 8, 10, tzinfo=ZONE), timedelta(minutes=5), BETWEEN
    )


@dataclass
class Script:
    """What hosts and the office do: names of lessons by what becomes of them."""

    expected: dict[OccurrenceId, Expected] = field(default_factory=dict)
    given: dict[datetime, list[Occurrence]] = field(default_factory=dict)
    cancelled: dict[datetime, list[Occurrence]] = field(default_factory=dict)


def script_of(day: Day, random: Random) -> Script:
    """Draw what becomes of every lesson."""
    made = Script()
    for bell in range(day.bells):
        opens_at = day.bell(bell) - timedelta(seconds=RULES.lead_s)
        # Lesson rooms are there by then even if a trouble began at the bell.
        flows = made.given.setdefault(opens_at + OVER_WITHIN + timedelta(seconds=5), [])
        for lesson in day.of_bell(bell):
            choice = random.choice(CHOICES)
            if choice == "given":
                flows.append(lesson)
                made.expected[lesson.id] = given(lesson, RULES)
            elif choice == "missed":
                made.expected[lesson.id] = missed(lesson, RULES)
            else:
                aside = timedelta(seconds=90 if choice == "cancelled open" else -90)
                made.cancelled.setdefault(opens_at + aside, []).append(lesson)
                made.expected[lesson.id] = withdrawn(lesson, RULES, opens_at + aside)
    return made


class TroubledDay:
    """Plays a script over a school with two coordinators."""

    def __init__(self, made: School, day: Day, seed: int) -> None:
        self.random = Random(seed)
        self.school = made
        self.day = day
        self.script = script_of(day, self.random)
        self.happened: list[str] = []
        self._coordinators: dict[str, Coordinator] = {}

    async def play(self, *, troubles: int) -> None:
        """The whole day, with so many troubles."""
        for name in ("one", "two"):
            await self._start(name)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hosts())
            group.create_task(self._office())
            group.create_task(self._troubles(troubles))
        last = max(one.ends_at for one in self.day.of_bell(self.day.bells - 1))
        await self.school.until(last + timedelta(seconds=RULES.grace_s) + OVER_WITHIN)

    async def _hosts(self) -> None:
        for at, lessons in sorted(self.script.given.items()):
            await self.school.until(at)
            relay = self.school.relay
            relay.peers = [peer for peer in relay.peers if peer.room in relay.rooms]
            for lesson in lessons:
                self.school.relay.host_flows(lesson.id)

    async def _office(self) -> None:
        for at, lessons in sorted(self.script.cancelled.items()):
            await self.school.until(at)
            for lesson in lessons:
                gone = Change(ChangeKind.CANCELLED, self.school.now(), "u", "停电")
                await withdraw(self.school.store, lesson.id, gone, key=f"k-{lesson.id}")
            await self.school.bus.publish("plan", {"type": "changed"})

    async def _troubles(self, number: int) -> None:
        kinds: list[Callable[[], Awaitable[None]]] = [
            self._restart, self._takeover, self._both_gone, self._frozen, self._lost_alarms,
            self._stepped, self._slow_database, self._silent_bus, self._relay_away,
        ]  # fmt: skip
        for at in self._times(number):
            await self.school.until(at)
            trouble = self.random.choice(kinds)
            self.happened.append(f"{self.school.now():%H:%M:%S} {trouble.__name__}")
            await trouble()

    def _times(self, number: int) -> list[datetime]:
        """Mostly around a bell, never closer than a trouble takes."""
        bells = [self.day.bell(n) - timedelta(seconds=RULES.lead_s) for n in range(self.day.bells)]
        drawn = []
        for _ in range(number):
            aside_s = self.random.choice((-1, -0.001, 0.001, 1, self.random.uniform(-60, 60)))
            drawn.append(self.random.choice(bells) + timedelta(seconds=aside_s))
        apart: list[datetime] = []
        for at in sorted(drawn):
            if not apart or (at - apart[-1]).total_seconds() >= APART_S:
                apart.append(at)
        return apart

    # ------------------------------------------------------------------ troubles

    async def _start(self, name: str) -> None:
        self._coordinators[name] = await self.school.start(name)

    def _leader(self) -> Coordinator:
        return next(one for one in self._coordinators.values() if one.lease.leading)

    async def _restart(self) -> None:
        leader = self._leader()
        await leader.kill()
        await asyncio.sleep(self.random.uniform(0.1, 10))
        await self._start(leader.name)

    async def _takeover(self) -> None:
        leader = self._leader()
        await leader.kill()
        await asyncio.sleep(30)
        await self._start(leader.name)

    async def _both_gone(self) -> None:
        for one in self._coordinators.values():
            await one.kill()
        await asyncio.sleep(self.random.uniform(0.1, 10))
        for name in list(self._coordinators):
            await self._start(name)

    async def _frozen(self) -> None:
        leader = self._leader()
        leader.store.frozen = thawed = asyncio.Event()
        await asyncio.sleep(self.random.uniform(5, 30))
        leader.store.frozen = None
        thawed.set()

    async def _lost_alarms(self) -> None:
        self._leader().lose_alarms()

    async def _stepped(self) -> None:
        self.school.loop.step(seconds=self.random.choice((-STEP_S, STEP_S)))

    async def _slow_database(self) -> None:
        for one in self._coordinators.values():
            one.store.late_s = 0.3
        await asyncio.sleep(20)
        for one in self._coordinators.values():
            one.store.late_s = 0.0

    async def _silent_bus(self) -> None:
        self.school.bus.silent = True
        await asyncio.sleep(30)
        self.school.bus.silent = False

    async def _relay_away(self) -> None:
        self.school.relay.hangs_s = 5.0
        await asyncio.sleep(20)
        self.school.relay.hangs_s = 0.0
