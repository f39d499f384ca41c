"""Keeps the stored results what plan and facts say: counts marked lessons again, a few at a time.

One coordinator does it, the one that leads. Facts show up in the figures within seconds; whatever
is cut off halfway is marked still and is counted again. A lesson that cannot be counted is set
aside for a while, and said so, so that it holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter

from ..domain.ids import OccurrenceId
from ..domain.judging import Judged, judge
from ..domain.problems import ProblemError
from ..domain.rules import Rules, RulesState
from ..domain.timetable import Plan
from .evidence_ports import FactStore, RollupStore, RulesStore, TerminalJournalStore
from .folded import FoldedFacts
from .plan_ports import TimetableStore
from .services import Clock

log = structlog.get_logger(__name__)

# Well within the fifteen seconds in which facts are to show up.
EVERY_S: Final = 4.0
# Weeks and months are summed from their days this often; until then the days are read.
SPANS_EVERY: Final = timedelta(seconds=60)
# Lessons judged together. A whole lesson of 16 seats has some 5000 facts, folded in a tenth of a
# second; of one that is live only those of the last seconds are.
LESSONS_AT_ONCE: Final = 8
# Marks looked at together: a lesson that is live is marked by every page of the journal.
MARKS_AT_ONCE: Final = 400
# A lesson that could not be counted is tried again after so long.
ASIDE: Final = timedelta(minutes=10)
# A failure's name and words as they are kept.
MAX_ERROR: Final = 300

FAILURES: Final = Counter(
    "sync_classroom_count_failures_total", "Lessons that could not be counted; tried again."
)


class RollupKeeperStore(
    RollupStore, RulesStore, TimetableStore, FactStore, TerminalJournalStore, Protocol
):
    """Plan, facts, what terminals noted, and what they came to."""


class RollupKeeper:
    """Counts marked lessons again. `leading` says whether this coordinator is to do it at all."""

    def __init__(
        self,
        store: RollupKeeperStore,
        *,
        clock: Clock,
        zone: ZoneInfo,
        leading: Callable[[], bool],
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._zone = zone
        self._leading = leading
        self._every_s = every_s
        self._kept: tuple[int, ...] = ()
        self._folded = FoldedFacts(store)

    async def run(self) -> None:
        """Count for ever; whatever goes wrong is tried again, since the marks are still there."""
        rolled_at = self._clock() - SPANS_EVERY
        while True:
            try:
                if self._leading():
                    await self._rules_of_today()
                    # All the lessons of a term wait under new rules: another may lead by then.
                    while self._leading() and await self.count_some():
                        pass
                    if not timedelta(0) <= self._clock() - rolled_at < SPANS_EVERY:
                        rolled_at = self._clock()
                        await self.roll_spans()
                        await self._forget()
            except ProblemError as problem:  # a store that is away
                log.error("rollups.failed", code=problem.code, problem=problem.en)
            except Exception:
                log.exception("rollups.failed")
            await asyncio.sleep(self._every_s)

    async def settle(self) -> int:
        """Count everything that is marked now, whoever leads; how many lessons that were."""
        total = 0
        while True:
            await self._rules_of_today()
            while counted := await self.count_some():
                total += counted
            # Several versions may have become valid since anybody last looked.
            if (await self._state()).number == await self._valid():
                break
        await self.roll_spans()
        await self._forget()
        return total

    async def count_some(self) -> int:
        """Count the first marked lessons again; how many, 0 when there are none left.

        Those that were set aside lately are passed over.
        """
        marks = await self._store.stale_lessons(MARKS_AT_ONCE, tried=self._clock() - ASIDE)
        if not marks:
            await self._store.finish_rules()
            return 0
        chosen = list(dict.fromkeys(lesson for _, lesson in marks))[:LESSONS_AT_ONCE]
        seen = {o: [number for number, lesson in marks if lesson == o] for o in chosen}
        try:
            await self._count(seen)
        except ProblemError:  # a store that is away
            raise
        except Exception:
            for lesson, own in seen.items():
                await self._count_alone(lesson, own)
        return len(chosen)

    async def _count(self, seen: Mapping[OccurrenceId, Sequence[int]]) -> None:
        """Count lessons again, which takes their marks away, unless another has done so."""
        # Plan and facts are read after the marks: what comes later brings a mark of its own.
        judged = await self._judged(seen.keys())
        marks = [number for own in seen.values() for number in own]
        if not await self._store.store_results(marks, judged):
            log.info("rollups.overtaken", lessons=len(seen))

    async def _count_alone(self, lesson: OccurrenceId, marks: Sequence[int]) -> None:
        """Count one lesson of several that could not be counted together, or set it aside."""
        try:
            await self._count({lesson: marks})
        except ProblemError:
            raise
        except Exception as error:
            FAILURES.inc()
            log.exception("rollups.lesson_failed", lesson=lesson)
            told = f"{type(error).__name__}: {error}"[:MAX_ERROR]
            await self._store.set_aside(lesson, marks, at=self._clock(), error=told)

    async def _judged(self, chosen: Collection[OccurrenceId]) -> Judged:
        rules = await self._rules()
        occurrences = await self._store.sharing_rooms(chosen)
        evidence = await self._folded.of([o.id for o in occurrences], rules)
        if occurrences:
            begins = min(o.starts_at for o in occurrences)
            ends = max(o.ends_at for o in occurrences)
            for gap in await self._store.gaps_between(begins, ends):
                for each in evidence.values():
                    each.add(gap)
        rooms = {seat.classroom for o in occurrences for seat in o.seats}
        schools = await self._store.schools_of(rooms)
        plan = Plan(occurrences={o.id: o for o in occurrences})
        noted = await self._store.samples_of([o.id for o in occurrences])
        work = partial(judge, chosen, plan, evidence, schools.__getitem__, rules, noted)
        return await asyncio.to_thread(work)

    async def roll_spans(self) -> None:
        """Sum weeks, months and halves of school years of their days where those have changed."""
        kept = (await self._state()).kept
        for number, span, start in await self._store.spans_to_roll(kept, self._today()):
            await self._store.roll_span(number, span, start)

    async def _state(self) -> RulesState:
        return await self._store.rules_state()

    async def _rules(self) -> dict[int, Rules]:
        """The rules to count under: those in force, and those that are to be."""
        versions = {v.number: v.rules for v in await self._store.rules_versions()}
        return {number: versions[number] for number in (await self._state()).kept}

    async def _rules_of_today(self) -> None:
        """Begin to count under the version that is valid today, if another one is in force."""
        valid, state = await self._valid(), await self._state()
        if valid not in state.kept and state.building is None:
            log.info("rollups.rules", number=valid)
            await self._store.begin_rules(valid)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    async def _valid(self) -> int:
        """The latest version that is valid today; a later one is never valid before it."""
        today = self._today()
        return max(
            v.number
            for v in await self._store.rules_versions()
            if v.valid_from is None or v.valid_from <= today
        )

    async def _forget(self) -> None:
        """Delete the results of versions that were in force before."""
        kept = (await self._state()).kept
        if kept != self._kept:
            while await self._store.forget_results(kept):
                pass
            self._kept = kept
