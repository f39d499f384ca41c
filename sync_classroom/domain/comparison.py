"""Two periods beside each other: what changed, and what to know before believing the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from .coverage import CoverageFigures
from .definitions import Unit
from .measures import Ratio
from .rules import RulesVersion

TENTHS = 1000
"""Tenths of a percentage point in a rate of 1."""


@dataclass(frozen=True, slots=True)
class Change:
    """How a measure changed: `sign` is -1, 0 or 1, `amount` how much, never negative.

    The amount is whole seconds, a count, or tenths of a percentage point, rounded half up; a rate
    that changed by less than half a tenth has a sign and an amount of 0.
    """

    sign: int
    amount: int


def change_of(unit: Unit, now: Any, before: Any) -> Change | None:
    """The change from `before` to `now`; None unless both are defined."""
    if now is None or before is None:
        return None
    if unit is Unit.RATIO:
        return _of_rate(now, before)
    return Change(_sign(now - before), abs(now - before))


def _of_rate(now: Ratio, before: Ratio) -> Change | None:
    if not now.denominator or not before.denominator:
        return None
    product = now.numerator * before.denominator - before.numerator * now.denominator
    whole = now.denominator * before.denominator
    return Change(_sign(product), (2 * TENTHS * abs(product) + whole) // (2 * whole))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


class CaveatKind(StrEnum):
    """Why two periods are not quite alike; what `Caveat` holds for each.

    `NOTHING_DUE`: `day` is the first day of the period without a due seat, `last` its last.
    `OVERLAP`: the days from `day` to `last` are in both.
    `DAYS`, `SCHOOLS`, `ROOMS`: `now` and `before` are the numbers that differ.
    `RULES`: the figures were read under different versions, `now` and `before`.
    `OLD_RULES`: on `last`, the last day of one of them, version `before` was in force, and both are
    counted under `now`.
    """

    NOTHING_DUE = "nothing_due"
    OVERLAP = "overlap"
    DAYS = "days"
    SCHOOLS = "schools"
    ROOMS = "rooms"
    RULES = "rules"
    OLD_RULES = "old_rules"


@dataclass(frozen=True, slots=True)
class Caveat:
    """One reason, with the numbers and days that `CaveatKind` says."""

    kind: CaveatKind
    now: int = 0
    before: int = 0
    day: date | None = None
    last: date | None = None


def caveats(
    now: CoverageFigures, before: CoverageFigures, versions: Sequence[RulesVersion]
) -> tuple[Caveat, ...]:
    """What somebody who compares these figures must know, the gravest first.

    ValueError for figures without a period.
    """
    spans = [_days(f) for f in (now, before)]
    found = [
        Caveat(CaveatKind.NOTHING_DUE, day=first, last=last)
        for figures, (first, last) in zip((now, before), spans, strict=True)
        if not figures.totals.due_seats
    ]
    found += _rules(now, before, versions)
    first, last = max(s[0] for s in spans), min(s[1] for s in spans)
    if first <= last:
        found.append(Caveat(CaveatKind.OVERLAP, day=first, last=last))
    lengths = [(last - first).days + 1 for first, last in spans]
    rooms = [f.reach.classroom_coverage.denominator for f in (now, before)]
    schools = [f.reach.school_coverage.denominator for f in (now, before)]
    for kind, (a, b) in (
        (CaveatKind.SCHOOLS, schools),
        (CaveatKind.ROOMS, rooms),
        (CaveatKind.DAYS, lengths),
    ):
        if a != b:
            found.append(Caveat(kind, a, b))
    return tuple(found)


def _rules(
    now: CoverageFigures, before: CoverageFigures, versions: Sequence[RulesVersion]
) -> list[Caveat]:
    numbers: Mapping[str, int] = {v.rules.version: v.number for v in versions}
    counted, other = (numbers.get(f.rules.version, 0) for f in (now, before))
    if now.rules != before.rules:
        return [Caveat(CaveatKind.RULES, counted, other)]
    found = []
    for figures in (now, before):
        _, last = _days(figures)
        in_force = in_force_on(last, versions)
        if in_force != counted:
            found.append(Caveat(CaveatKind.OLD_RULES, counted, in_force, last=last))
    return found


def in_force_on(day: date, versions: Sequence[RulesVersion]) -> int:
    """The number of the version in force on a day; `versions` begin with the first."""
    return max(v.number for v in versions if v.valid_from is None or v.valid_from <= day)


def _days(figures: CoverageFigures) -> tuple[date, date]:
    if figures.first is None or figures.last is None:
        raise ValueError("a comparison is between periods")
    return figures.first, figures.last
