"""The measures of coverage over any group of seats; a rate keeps its numerator and denominator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from .ids import ClassId
from .rollup import SeatResult, Tally, tally
from .roster import SchoolClass
from .writing import percent


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
        return percent(self.numerator, self.denominator)

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


def figures_of(sums: Tally) -> Figures:
    """The measures that these sums come to."""
    due = sums.due_seats
    return Figures(
        due_periods=sums.due_periods,
        held_periods=sums.held_periods,
        held_rate=Ratio(sums.held_periods, sums.due_periods),
        credited_s=sums.credited_s,
        # Over due seats only: a room that was excused did not receive its host badly.
        fidelity=Ratio(sums.due_credited_s, sums.due_host_s),
        host_s=sums.host_s,
        host_rate=Ratio(sums.host_s, sums.host_window_s),
        host_periods=sums.host_periods,
        pupils_reached=sums.pupils_reached,
        pupil_attendances=sums.attendances,
        interaction_rate=Ratio(sums.interacted, sums.held_seats),
        evidence_complete=Ratio(due - sums.unknown_seats, due),
        adjusted_share=Ratio(sums.adjusted_s, sums.credited_s),
        due_seats=due,
        held_seats=sums.held_seats,
        partial_seats=sums.partial_seats,
        missed_seats=sums.missed_seats,
        unknown_seats=sums.unknown_seats,
        cancelled_unexcused_seats=sums.cancelled_unexcused_seats,
        cancelled_excused_seats=sums.cancelled_excused_seats,
        moved_seats=sums.moved_seats,
    )


def figures(
    seats: Iterable[SeatResult], classes: Mapping[ClassId, SchoolClass] | None = None
) -> Figures:
    """The measures of a group of seats. `classes` gives enrolments for `pupils_reached`."""
    return figures_of(tally(seats, classes or {}))
