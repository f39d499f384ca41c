"""The thresholds of coverage: named, versioned, printed with every figure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Final


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as what. Ratios are fractions 0…1 and met when reached (≥), except host_absent.

    `delivered_ratio`: of the packets sent in a sample, how many must be acknowledged.
    `held`, `partial`: credited time of the planned window.
    `host_absent`: with less host media than this of the window (<), the host was absent.
    `weekly_norm`: held periods a school needs for a week to be regular (常态化).
    `research_min_s`: seconds a teacher must be in a research meeting to attend it.
    `research_min_schools`: schools that must attend a meeting for it to be held.
    """

    name: str = "taicang"
    version: str = "1"
    delivered_ratio: float = 0.8
    held: float = 0.8
    partial: float = 0.1
    host_absent: float = 0.1
    weekly_norm: int = 1
    research_min_s: int = 1200
    research_min_schools: int = 2

    def to_dict(self) -> dict[str, str | int | float]:
        """The rules as they are printed and stored."""
        return asdict(self)


DEFAULT: Final = Rules()


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """One version of the rules: in force from a civil day on, until a later one is.

    Version 1 are the rules the program came with; nobody made it (`at` is None, `by` empty).
    """

    number: int
    rules: Rules
    valid_from: date | None = None
    at: datetime | None = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RulesState:
    """The version whose results are read, and the one that everything is being counted under."""

    number: int = 1
    building: int | None = None

    @property
    def kept(self) -> tuple[int, ...]:
        """The versions that results are kept under."""
        return (self.number,) if self.building is None else (self.number, self.building)


def exact(ratio: float) -> Fraction:
    """The ratio a person wrote: 0.8 is 4/5, not the nearest binary number.

    Thresholds are compared in whole numbers, so that 80 of 100 is never lost to rounding.
    """
    return Fraction(str(ratio))
