"""Terminals' own journals: at least once from the device, exactly once in the store.

They come late, in batches, and say what a room received by its own account. They are kept beside
the relay's evidence and compared with it; no figure is made from them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final, Protocol

import structlog
from prometheus_client import Counter

from ..domain.accounts import Terminal
from ..domain.evidence import Evidence
from ..domain.facts import Fact, TerminalJournal
from ..domain.ids import ClassroomId, OccurrenceId, SchoolId, SeatId
from ..domain.rules import Rules
from ..domain.second_opinion import DIFFERS, SeatOpinion, Verdict, notes_of, opinions_of
from ..domain.snapshot import Difference
from ..domain.terminal_journal import (
    MAX_SEAT_SAMPLES,
    Noted,
    RefusedError,
    SealCheck,
    Sent,
    TerminalSample,
    parse_noted,
    parse_sent,
    place,
    sample_of,
    spool_name,
    too_many,
)
from ..domain.timetable import Occurrence
from .evidence_ports import FactStore, OpinionStore, RulesStore, TerminalJournalStore
from .plan_ports import TimetableStore
from .ports import Bus
from .reading import LESSONS_AT_ONCE
from .services import Clock
from .throttle import Throttle

log = structlog.get_logger(__name__)

MAX_LISTED: Final = 200

SAMPLES: Final = Counter(
    "sync_classroom_terminal_samples_total",
    "Samples of terminals' own journals: stored, known already, or why they were refused.",
    ["outcome"],
)
LOST: Final = Counter(
    "sync_classroom_terminal_samples_lost_total",
    "Samples terminals had to throw away unsent because their spool was full.",
)


class JournalStore(
    TerminalJournalStore, OpinionStore, TimetableStore, FactStore, RulesStore, Protocol
):
    """Journals, the facts that seal them, what they came to, and the lessons they are about."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one message: how many samples were new, how many known, which refused."""

    stored: int
    known: int
    refused: tuple[RefusedError, ...]


class TerminalJournalService:
    """Takes what terminals send."""

    def __init__(
        self,
        store: JournalStore,
        bus: Bus,
        clock: Clock,
        *,
        throttle: Throttle,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._throttle = throttle
        self._monotonic = monotonic

    async def take(self, terminal: Terminal, values: object) -> Taken:
        """Store what is new of a terminal's message; the same message again changes nothing.

        A sample that cannot be taken is refused by itself. Raises MalformedError for a message
        that is none, ProblemError `too_many_tries` for one too many.
        """
        self._throttle.require("journal", terminal.id, self._monotonic())
        sent = parse_sent(values)
        received_at = self._clock()
        samples, refused = await self._place_all(terminal, sent, received_at)
        stored = 0
        if samples:
            stored = await self._store.append_samples(samples, received_at=received_at)
        taken = Taken(stored, len(samples) - stored, tuple(refused))
        self._count(terminal, sent, taken)
        if stored:
            for lesson in dict.fromkeys(s.occurrence for s in samples):
                await self._bus.publish(
                    "lesson", {"type": "changed", "occurrence": lesson, "what": "evidence"}
                )
        return taken

    async def _place_all(
        self, terminal: Terminal, sent: Sent, received_at: datetime
    ) -> tuple[list[TerminalSample], list[RefusedError]]:
        name = spool_name(terminal.classroom, sent.spool)
        lessons: dict[OccurrenceId, Occurrence | None] = {}
        room: dict[tuple[OccurrenceId, SeatId], int] = {}
        samples: list[TerminalSample] = []
        refused: list[RefusedError] = []
        for at, row in enumerate(sent.rows):
            try:
                noted = parse_noted(at, row)
                if noted.lesson not in lessons:
                    lessons[noted.lesson] = await self._store.get_occurrence(noted.lesson)
                from_at, to_at = place(
                    noted,
                    lessons[noted.lesson],
                    terminal.classroom,
                    sent_ms=sent.sent_ms,
                    received_at=received_at,
                )
                await self._make_room(noted, room)
                samples.append(sample_of(noted, name, from_at, to_at))
            except RefusedError as error:
                refused.append(error)
        return samples, refused

    async def _make_room(self, noted: Noted, room: dict[tuple[OccurrenceId, SeatId], int]) -> None:
        """Use one of the places that a seat's lesson has left; RefusedError if there is none.

        A sample that is known already uses one, too: whoever has so many will not miss it.
        """
        key = (noted.lesson, noted.seat)
        if key not in room:
            room[key] = MAX_SEAT_SAMPLES - await self._store.count_samples(*key)
        if room[key] <= 0:
            raise too_many(noted.n)
        room[key] -= 1

    # ------------------------------------------------------------------ second opinions

    async def counts(self, first: date, last: date) -> Mapping[Verdict, int]:
        """How many seats of the civil days `[first, last]` have each verdict."""
        found = await self._store.opinion_counts(first, last)
        return {v: found.get(v, 0) for v in Verdict if v is not Verdict.NONE}

    async def opinions(
        self,
        first: date,
        last: date,
        *,
        verdicts: Collection[Verdict] = DIFFERS,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
        skip: int = 0,
        limit: int = MAX_LISTED,
    ) -> Sequence[SeatOpinion]:
        """Seats of these days with one of these verdicts, the latest day first."""
        return await self._store.opinions(
            first,
            last,
            verdicts=verdicts,
            school=school,
            classroom=classroom,
            skip=skip,
            limit=max(1, min(limit, MAX_LISTED)),
        )

    async def verify(self, first: date, last: date) -> tuple[Difference, ...]:
        """Where samples are not what was sealed, or an opinion not what they say; of some days.

        Samples that are gone are no difference: they may have been deleted by the rules of
        retention, and nothing else can delete them.
        """
        found: list[Difference] = []
        newest = max((await self._store.rules_state()).kept)
        versions = {v.number: v.rules for v in await self._store.rules_versions()}
        rules = versions[newest]
        lessons = await self._store.occurrences_on(first, last)
        for start in range(0, len(lessons), LESSONS_AT_ONCE):
            some = lessons[start : start + LESSONS_AT_ONCE]
            ids = [o.id for o in some]
            facts = await self._store.facts_of(ids)
            samples = await self._store.samples_of(ids)
            kept = await self._store.opinions_of(ids)
            found += await asyncio.to_thread(_differences, some, facts, samples, kept, rules)
        return tuple(found)

    def _count(self, terminal: Terminal, sent: Sent, taken: Taken) -> None:
        SAMPLES.labels("stored").inc(taken.stored)
        SAMPLES.labels("known").inc(taken.known)
        LOST.inc(sent.lost)
        for error in taken.refused:
            SAMPLES.labels(error.code).inc()
        if taken.refused or sent.lost:
            log.warning(
                "terminal.journal",
                classroom=terminal.classroom,
                stored=taken.stored,
                refused=len(taken.refused),
                first=str(taken.refused[0]) if taken.refused else None,
                lost=sent.lost,
            )


def _differences(
    lessons: Sequence[Occurrence],
    facts: Sequence[Fact],
    samples: Sequence[TerminalSample],
    kept: Sequence[SeatOpinion],
    rules: Rules,
) -> list[Difference]:
    seals = SealCheck()
    for fact in facts:
        if isinstance(fact, TerminalJournal):
            seals.seal(fact)
    for journal, group in groupby(sorted(samples, key=lambda s: s.journal), lambda s: s.journal):
        seals.check(journal, group)
    found = [Difference(f"terminal_journals.{j}", "sealed", "differs") for j in seals.broken]
    stored = {(o.occurrence, o.seat): o for o in kept}
    for opinion in opinions_of(lessons, Evidence.of(facts, rules), notes_of(samples)):
        had = stored.get((opinion.occurrence, opinion.seat))
        if had != opinion:
            path = f"second_opinions.{opinion.occurrence}/{opinion.seat}"
            found.append(Difference(path, had and asdict(had), asdict(opinion)))
    return found
