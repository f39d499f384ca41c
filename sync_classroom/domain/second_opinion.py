"""What a seat's own terminal says, held against what the relay wrote: a second opinion.

Only the time that both speak about is compared: a terminal that noted nothing has no opinion. No
figure is made from this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from .crediting import NOT_DUE, window_of, withdrawn_state
from .evidence import Evidence, SeatKey
from .ids import ClassroomId, OccurrenceId, SeatId
from .intervals import (
    EMPTY,
    Span,
    SpanBuilder,
    Spans,
    difference,
    intersection,
    length,
    second_of,
)
from .terminal_journal import TerminalSample
from .timetable import Mode, Occurrence, Seat

# Samples of both are up to ten seconds long and do not begin together, so each drop-out may look
# that much longer to one of them; and a share, for many short ones.
TOLERATED_S: Final = 20
TOLERATED_SHARE: Final = (1, 20)


class Verdict(StrEnum):
    """Whether the terminal bears the relay out."""

    NONE = "none"
    AGREES = "agrees"
    LESS = "less"
    MORE = "more"


DIFFERS: Final = (Verdict.LESS, Verdict.MORE)


@dataclass(frozen=True, slots=True)
class Opinion:
    """The comparison of one seat over the planned window; intervals in seconds since 1970.

    `received` is what the terminal received, `observed` the time it noted anything about.
    `relay_only` was delivered as the relay has it and not received as the terminal has it,
    `terminal_only` the other way round; `unobserved` was delivered while the terminal noted
    nothing.
    """

    verdict: Verdict
    observed: Spans
    received: Spans
    relay_only: Spans
    terminal_only: Spans
    unobserved: Spans

    @property
    def observed_s(self) -> int:
        """Seconds that both speak about."""
        return length(self.observed)

    @property
    def agreed_s(self) -> int:
        """Seconds about which both say the same."""
        return self.observed_s - self.relay_only_s - self.terminal_only_s

    @property
    def relay_only_s(self) -> int:
        """Seconds only the relay counts as delivered: the terminal saw a gap the relay did not."""
        return length(self.relay_only)

    @property
    def terminal_only_s(self) -> int:
        """Seconds only the terminal has: the relay saw a gap the terminal did not."""
        return length(self.terminal_only)

    @property
    def unobserved_s(self) -> int:
        """Seconds delivered of which the terminal says nothing."""
        return length(self.unobserved)


NO_OPINION: Final = Opinion(Verdict.NONE, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY)


@dataclass(frozen=True, slots=True)
class SeatOpinion:
    """An opinion as it is kept: whose it is, and its seconds."""

    occurrence: OccurrenceId
    seat: SeatId
    date: date
    classroom: ClassroomId
    verdict: Verdict
    observed_s: int
    agreed_s: int
    relay_only_s: int
    terminal_only_s: int
    unobserved_s: int


def kept(lesson: Occurrence, seat: Seat, opinion: Opinion) -> SeatOpinion:
    """An opinion as it is kept."""
    return SeatOpinion(
        occurrence=lesson.id,
        seat=seat.id,
        date=lesson.date,
        classroom=seat.classroom,
        verdict=opinion.verdict,
        observed_s=opinion.observed_s,
        agreed_s=opinion.agreed_s,
        relay_only_s=opinion.relay_only_s,
        terminal_only_s=opinion.terminal_only_s,
        unobserved_s=opinion.unobserved_s,
    )


def tolerated_s(observed_s: int) -> int:
    """Up to so many seconds of difference the two agree."""
    part, whole = TOLERATED_SHARE
    return max(TOLERATED_S, observed_s * part // whole)


class Notes:
    """What the terminals of one seat noted, folded as it comes: memory follows drop-outs."""

    __slots__ = ("heard", "noted")

    def __init__(self) -> None:
        self.noted = SpanBuilder()
        self.heard = SpanBuilder()

    def add(self, sample: TerminalSample) -> None:
        """Fold a sample in; order and repetition change nothing."""
        span = second_of(sample.from_at), second_of(sample.to_at)
        self.noted.add(*span)
        if sample.heard:
            self.heard.add(*span)


def notes_of(samples: Iterable[TerminalSample]) -> dict[SeatKey, Notes]:
    """The notes of every seat that has a sample."""
    found: dict[SeatKey, Notes] = {}
    for sample in samples:
        key = (sample.occurrence, sample.seat)
        notes = found.get(key)
        if notes is None:
            notes = found[key] = Notes()
        notes.add(sample)
    return found


def compare(window: Span, delivered: Spans, notes: Notes) -> Opinion:
    """Hold a seat's notes against what the relay delivered, inside `window`."""
    whole = (window,)
    observed = intersection(notes.noted.spans(), whole)
    if not observed:
        return NO_OPINION
    received = intersection(notes.heard.spans(), whole)
    ours = intersection(delivered, whole)
    relay_only = difference(intersection(ours, observed), received)
    terminal_only = difference(received, ours)
    verdict = Verdict.AGREES
    less, more = length(relay_only), length(terminal_only)
    if less + more > tolerated_s(length(observed)):
        verdict = Verdict.LESS if less >= more else Verdict.MORE
    return Opinion(
        verdict, observed, received, relay_only, terminal_only, difference(ours, observed)
    )


def opinions_of(
    lessons: Iterable[Occurrence], evidence: Evidence, notes: Mapping[SeatKey, Notes]
) -> tuple[SeatOpinion, ...]:
    """The opinions of every due live seat of these lessons that has one, in the plan's order."""
    found: list[SeatOpinion] = []
    for lesson in lessons:
        if lesson.mode is not Mode.LIVE:
            continue
        for seat in lesson.seats:
            key = (lesson.id, seat.id)
            if key in notes and withdrawn_state(lesson, seat) not in NOT_DUE:
                opinion = compare(window_of(lesson), delivered_to(evidence, key), notes[key])
                if opinion.verdict is not Verdict.NONE:
                    found.append(kept(lesson, seat, opinion))
    return tuple(found)


def delivered_to(evidence: Evidence, key: SeatKey) -> Spans:
    """What the relay delivered to a seat."""
    facts = evidence.seats.get(key)
    return EMPTY if facts is None else facts.delivered.spans()


@dataclass(frozen=True, slots=True)
class SecondOpinions:
    """Every opinion of a bundle; how many journals are as sealed, and of how many is nothing."""

    opinions: tuple[SeatOpinion, ...]
    sealed: int
    absent: int

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """Seats by verdict."""
        found = dict.fromkeys((Verdict.AGREES, *DIFFERS), 0)
        for opinion in self.opinions:
            found[opinion.verdict] += 1
        return found

    def to_dict(self) -> dict[str, Any]:
        """As `audit` prints it: every differing seat by name."""
        return {
            "seats": len(self.opinions),
            **{verdict.value: n for verdict, n in self.counts.items()},
            "journals": {"sealed": self.sealed, "absent": self.absent},
            "differing": [
                {
                    "occurrence": o.occurrence,
                    "seat": o.seat,
                    "verdict": o.verdict.value,
                    "observed_s": o.observed_s,
                    "relay_only_s": o.relay_only_s,
                    "terminal_only_s": o.terminal_only_s,
                }
                for o in self.opinions
                if o.verdict in DIFFERS
            ],
        }
