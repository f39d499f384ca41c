"""Which rules were once one: a rule that is changed in mid-term ends, and another one goes on.

What goes on is told by its id, which begins like that of the rule it was once, and by its first
date, the day after the other one's last (`edit_series.change_series`). Both are needed: ids that
people choose may look alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from .ids import SeriesId
from .series import Series

_DAY = timedelta(days=1)
_JOINT = "."


def stem_of(series: SeriesId) -> str:
    """What the ids of a rule and of all that goes on from it have in common."""
    return series.partition(_JOINT)[0]


def lineage(series: Series, rules: Iterable[Series]) -> tuple[Series, ...]:
    """The rule with those it goes on from and those that go on from it, oldest first."""
    stem = stem_of(series.id)
    kin = [r for r in rules if stem_of(r.id) == stem and r.id != series.id]
    found = [series]
    while (before := next((r for r in kin if _goes_on(r, found[0])), None)) is not None:
        kin.remove(before)
        found.insert(0, before)
    while (after := next((r for r in kin if _goes_on(found[-1], r)), None)) is not None:
        kin.remove(after)
        found.append(after)
    return tuple(found)


def _goes_on(ended: Series, other: Series) -> bool:
    """Whether `other` begins where `ended` ends, and not with an id of its own."""
    return ended.last is not None and other.first == ended.last + _DAY and _JOINT in other.id
