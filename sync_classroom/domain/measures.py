"""The measures of coverage over any group of seats; a rate keeps its numerator and denominator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .crediting import Cause, SeatEvidence, SeatState
from .ids import ClassId, OccurrenceId
from .roster import SchoolClass


@dataclass(frozen=True, slots=True)
class Ratio:
    """A rate. An empty denominator is no rate at all: "—", never 0 or 100 %."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        """The fraction 0…1, None without a denominator."""
        return self.numerator / self.denominator if self.denominator else None

    def __str__(self) -> str:
        """As people read it: `96.4 %`, or `—`."""
        if self.value is None:
            return "—"
        return f"{100 * self.numerator / self.denominator:.1f} %"

    def __add__(self, other: Ratio) -> Ratio:
        """The rate of both groups together."""
        return Ratio(self.numerator + other.numerator, self.denominator + other.denominator)

    def to_dict(self) -> dict[str, int]:
        """As `audit` prints it."""
        return {"numerator": self.numerator, "denominator": self.denominator}


def measured(thing: Any) -> dict[str, Any]:
    """A dataclass of measures under their code names: whole numbers and ratios."""
    named = ((f.name, getattr(thing, f.name)) for f in fields(thing))
    return {k: v.to_dict() if isinstance(v, Ratio) else v for k, v in named}


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be said of any group of live seats; see the table of measures in the design.

    `adjusted_share` is how much of the credited time rests on adjustments alone. The seat counts
    add up: `due_seats` is held, partial, missed, unknown and unexcused together.
    """

    due_periods: int
    held_periods: int
    held_rate: Ratio
    credited_s: int
    fidelity: Ratio
    host_s: int
    host_rate: Ratio
    host_periods: int
    pupils_reached: int
    pupil_attendances: int
    interaction_rate: Ratio
    evidence_complete: Ratio
    adjusted_share: Ratio
    due_seats: int
    held_seats: int
    partial_seats: int
    missed_seats: int
    unknown_seats: int
    cancelled_unexcused_seats: int
    cancelled_excused_seats: int
    moved_seats: int


def figures(
    seats: Sequence[SeatEvidence], classes: dict[ClassId, SchoolClass] | None = None
) -> Figures:
    """The measures of a group of seats. `classes` gives enrolments for `pupils_reached`."""
    due = [s for s in seats if s.due]
    held = [s for s in due if s.held]
    count = dict.fromkeys(SeatState, 0)
    for seat in seats:
        count[seat.state] += 1
    due_lessons = _lessons(due)
    due_periods = sum(s.occurrence.periods for s in due)
    held_periods = sum(s.occurrence.periods for s in held)
    credited_s = sum(s.credited_s for s in seats)
    host_s = sum(s.host_s for s in due_lessons)
    return Figures(
        due_periods=due_periods,
        held_periods=held_periods,
        held_rate=Ratio(held_periods, due_periods),
        credited_s=credited_s,
        # Over due seats only: a room that was excused did not receive its host badly.
        fidelity=Ratio(sum(s.credited_s for s in due), sum(s.host_s for s in due)),
        host_s=host_s,
        host_rate=Ratio(host_s, sum(s.window_s for s in due_lessons)),
        host_periods=sum(s.occurrence.periods for s in _lessons(held)),
        pupils_reached=_pupils_reached(held, classes or {}),
        pupil_attendances=sum(
            s.present if s.present is not None else s.seat.expected or 0 for s in held
        ),
        interaction_rate=Ratio(sum(s.interacted for s in held), len(held)),
        evidence_complete=Ratio(len(due) - count[SeatState.UNKNOWN], len(due)),
        adjusted_share=Ratio(sum(s.adjusted_s for s in seats), credited_s),
        due_seats=len(due),
        held_seats=count[SeatState.HELD],
        partial_seats=count[SeatState.PARTIAL],
        missed_seats=count[SeatState.MISSED],
        unknown_seats=count[SeatState.UNKNOWN],
        cancelled_unexcused_seats=count[SeatState.CANCELLED_UNEXCUSED],
        cancelled_excused_seats=count[SeatState.CANCELLED_EXCUSED],
        moved_seats=count[SeatState.MOVED],
    )


def causes(seats: Iterable[SeatEvidence]) -> dict[Cause, int]:
    """How many seats were not held for each cause; every cause is named, also with 0."""
    count = dict.fromkeys(Cause, 0)
    for seat in seats:
        if seat.cause is not None:
            count[seat.cause] += 1
    return count


def _lessons(seats: Iterable[SeatEvidence]) -> list[SeatEvidence]:
    """One seat of each occurrence: what is counted once per occurrence is read from it."""
    first: dict[OccurrenceId, SeatEvidence] = {}
    for seat in seats:
        first.setdefault(seat.occurrence.id, seat)
    return list(first.values())


def _pupils_reached(held: Iterable[SeatEvidence], classes: dict[ClassId, SchoolClass]) -> int:
    """Each class once, with the most pupils ever counted in it; uncounted, with its enrolment."""
    most: dict[ClassId, int | None] = {}
    for seat in held:
        school_class = seat.seat.school_class
        if school_class is None:
            continue
        before = most.get(school_class)
        if seat.present is not None and (before is None or seat.present > before):
            most[school_class] = seat.present
        else:
            most.setdefault(school_class, None)
    return sum(
        present if present is not None else (classes[c].enrolment if c in classes else 0)
        for c, present in most.items()
    )
