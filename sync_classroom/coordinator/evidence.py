"""What the stored facts prove: one lesson's timeline, and a period's coverage from raw facts.

People read their figures from what is kept of them (`coverage`); what is computed here is what
those must equal. Facts are folded in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from ..domain.coverage import Coverage, summarise
from ..domain.crediting import SeatEvidence, SeatState, credited_seats, window_of
from ..domain.evidence import Evidence, SeatKey
from ..domain.facts import Fact, SeatMedia
from ..domain.ids import OccurrenceId, SeatId, TeacherId
from ..domain.intervals import Spans, instant_of, length
from ..domain.modes import presence_in
from ..domain.rules import Rules
from ..domain.second_opinion import (
    NO_OPINION,
    Notes,
    Opinion,
    compare,
    delivered_to,
    notes_of,
)
from ..domain.terminal_journal import TerminalSample
from ..domain.timetable import Mode, Occurrence, Plan
from .evidence_ports import OpinionStore, RulesStore, TerminalJournalStore
from .lessons import LessonService, check_period
from .reading import MARGIN, ReadingStore, lesson_facts, read_facts, read_plan
from .roster import RosterService
from .views import Interval, SeatTimeline, SecondOpinion, Timeline


class EvidenceStore(ReadingStore, RulesStore, TerminalJournalStore, OpinionStore, Protocol):
    """Plan, orders, facts, rules, and what terminals noted."""


class EvidenceService:
    """What is computed from plan and facts, always again."""

    def __init__(
        self,
        store: EvidenceStore,
        lessons: LessonService,
        roster: RosterService,
        *,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._lessons = lessons
        self._roster = roster
        self._zone = zone

    async def rules(self) -> Rules:
        """The thresholds that are in force."""
        number = (await self._store.rules_state()).number
        return next(v.rules for v in await self._store.rules_versions() if v.number == number)

    async def timeline(self, occurrence: OccurrenceId) -> Timeline | None:
        """What each seat of a lesson received and what that counts for; None if unknown."""
        view = await self._lessons.view(occurrence)
        if view is None:
            return None
        planned = view.occurrence
        around = await self._store.occurrences_between(
            planned.starts_at - MARGIN, planned.ends_at + MARGIN
        )
        related = _related(planned, around)
        facts = await self._store.facts_of([o.id for o in related])
        gaps = await self._store.gaps_between(planned.starts_at, planned.ends_at)
        plan = Plan(roster=view.roster, occurrences={o.id: o for o in related})
        rules = await self.rules()
        noted = await self._store.samples_of([occurrence])
        opinions = {o.seat: o for o in await self._store.opinions_of([occurrence])}

        def compute() -> Timeline:
            evidence = Evidence.of((*facts, *gaps), rules)
            credited = credited_seats(plan, evidence, rules=rules)
            samples: dict[SeatId, list[SeatMedia]] = {}
            for fact in facts:
                if isinstance(fact, SeatMedia) and fact.occurrence == occurrence:
                    samples.setdefault(fact.seat, []).append(fact)
            host = evidence.host.get(occurrence)
            notes = notes_of(noted)
            by_terminal: dict[SeatId, list[TerminalSample]] = {}
            for each in noted:
                by_terminal.setdefault(each.seat, []).append(each)
            return Timeline(
                view=view,
                host=_instants(host.spans()) if host is not None else (),
                seats=tuple(
                    _seat_timeline(
                        credited[occurrence, s.id],
                        samples.get(s.id, ()),
                        SecondOpinion(
                            _opinion(planned, evidence, notes, s.id),
                            opinions.get(s.id),
                            tuple(by_terminal.get(s.id, ())),
                        ),
                    )
                    for s in planned.seats
                    if (occurrence, s.id) in credited
                ),
                gaps=_instants(evidence.gaps.spans()),
            )

        return await asyncio.to_thread(compute)

    async def attendance(self, meeting: Occurrence) -> Mapping[TeacherId, int]:
        """Seconds each teacher was in a research session, within its planned time.

        Whoever was there at all is in it, invited or not.
        """
        facts = await self._store.facts_of([meeting.id])
        rules = await self.rules()

        def compute() -> dict[TeacherId, int]:
            evidence = Evidence.of(facts, rules)
            return {
                teacher: seconds
                for teacher, spans in presence_in(meeting, evidence).items()
                if (seconds := length(spans)) > 0
            }

        return await asyncio.to_thread(compute)

    async def seat_states(self, occurrences: Sequence[Occurrence]) -> dict[SeatKey, SeatState]:
        """What every seat of these lessons counts for so far, by occurrence and seat.

        A classroom's minute that two of them share credits the earlier one; of lessons that are not
        among them nothing is asked.
        """
        if not occurrences:
            return {}
        rules = await self.rules()
        evidence = Evidence(rules)
        async for _, facts in lesson_facts(self._store, [o.id for o in occurrences]):
            await asyncio.to_thread(_fold, evidence, facts)
        first = min(o.starts_at for o in occurrences)
        last = max(o.ends_at for o in occurrences)
        for gap in await self._store.gaps_between(first, last):
            evidence.add(gap)
        plan = Plan(roster=self._roster.current(), occurrences={o.id: o for o in occurrences})
        work = partial(credited_seats, plan, evidence, rules=rules)
        credited = await asyncio.to_thread(work)
        return {key: seat.state for key, seat in credited.items()}

    async def coverage(self, first: date, last: date, *, rules: Rules | None = None) -> Coverage:
        """Every measure over the civil days `[first, last]`, by default under the rules in force.

        ProblemError for a period that runs backwards or is longer than `lessons.MAX_DAYS`.
        """
        check_period(first, last)
        rules = rules or await self.rules()
        plan = await read_plan(self._store, self._roster.current(), first, last, self._zone)
        evidence = Evidence(rules)
        async for _, facts in read_facts(self._store, plan, first, last, self._zone):
            await asyncio.to_thread(_fold, evidence, facts)
        work = partial(summarise, plan, evidence, rules=rules, first=first, last=last)
        return await asyncio.to_thread(work)


def _fold(evidence: Evidence, facts: Sequence[Fact]) -> None:
    for fact in facts:
        evidence.add(fact)


def _related(planned: Occurrence, around: Sequence[Occurrence]) -> list[Occurrence]:
    """The lesson and every live lesson that may take credit from it, directly or down a chain.

    Only lessons whose windows overlap in a common classroom can; there are next to none, as such
    a booking is a clash, but a lesson moved later may leave one behind.
    """
    related = {planned.id: planned}
    waiting = [planned]
    while waiting:
        one = waiting.pop()
        rooms = {s.classroom for s in one.seats}
        for other in around:
            if (
                other.id not in related
                and other.mode is Mode.LIVE
                and other.starts_at < one.ends_at
                and one.starts_at < other.ends_at
                and any(s.classroom in rooms for s in other.seats)
            ):
                related[other.id] = other
                waiting.append(other)
    return list(related.values())


def _opinion(
    lesson: Occurrence, evidence: Evidence, notes: Mapping[SeatKey, Notes], seat: SeatId
) -> Opinion:
    key = (lesson.id, seat)
    if key not in notes:
        return NO_OPINION
    return compare(window_of(lesson), delivered_to(evidence, key), notes[key])


def _seat_timeline(
    seat: SeatEvidence, samples: Sequence[SeatMedia], second: SecondOpinion
) -> SeatTimeline:
    return SeatTimeline(
        seat=seat.seat.id,
        delivered=_instants(seat.delivered),
        credited_s=seat.credited_s,
        rho=seat.rho,
        state=seat.state.value,
        cause=seat.cause.value if seat.cause is not None else None,
        samples=tuple(sorted(samples, key=lambda s: (s.from_at, s.id))),
        second=second,
    )


def _instants(spans: Spans) -> tuple[Interval, ...]:
    return tuple((instant_of(first), instant_of(last)) for first, last in spans)
