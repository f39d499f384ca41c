"""A change of the published plan as a value: what was found, what shall be, who is told.

Everything that changes the plan, a lesson cancelled or a whole term published, is one of these and
is stored in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .ids import OccurrenceId, SeriesId, TermId
from .notices import Notice
from .series import Series
from .timetable import Occurrence
from .working_copy import Images


class PlanMovedOnError(Exception):
    """Somebody else changed what this change was made for; nothing was stored. Read and decide
    again. `ids` are the lessons and series that differ; empty if it was the draft's revision."""

    def __init__(self, ids: Sequence[str] = ()) -> None:
        super().__init__(f"the plan changed meanwhile: {', '.join(ids[:5]) or 'draft'}")
        self.ids = tuple(ids)


@dataclass(frozen=True, slots=True)
class VersionEntry:
    """One difference a version made, as it is kept.

    `entry` is JSON-able (`plan_diff.to_dict`) and `kind` its kind; `series` is the rule it is
    about, if it is about one. A lesson that comes or goes with a rule has that rule as `beside`: it
    is counted there. `told` are the entries people are shown each by itself. `by` and `reason` say
    who wanted it in the draft, and why.
    """

    kind: str
    entry: Mapping[str, Any]
    series: SeriesId | None = None
    beside: SeriesId | None = None
    told: bool = True
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Edition:
    """What makes a change a published version: the draft it empties and what people are shown.

    `revision` is the draft's that was looked at; `counts` is {kind of difference: how many}, `diff`
    all of them in order.
    """

    term: TermId
    revision: int
    note: str
    counts: Mapping[str, int]
    diff: Sequence[VersionEntry]


@dataclass(frozen=True, slots=True)
class PlanChange:
    """`before` and `after` hold the same ids, as they are published and as they shall be.

    `key` is the client's idempotency key. `authors` says who wanted what and why, where that is not
    `by` and `reason`. `act` names the change to those who are told of it.
    """

    before: Images
    after: Images
    at: datetime
    by: str
    key: str
    reason: str = ""
    authors: Mapping[OccurrenceId, tuple[str, str]] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    edition: Edition | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A published version of a term's plan, immutable. Numbers go up over all terms.

    What it changed is read apart from it: of a term's first version that is thousands of entries.
    """

    no: int
    term: TermId
    at: datetime
    by: str
    note: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class VersionOutline:
    """How many entries of each kind are told of in a version, and how many lessons came or went
    with each of its rules."""

    told: Mapping[str, int]
    beside: Mapping[SeriesId, int]


@dataclass(frozen=True, slots=True)
class RuleChange:
    """One thing a version did to a rule. `lessons` came or went with it."""

    version: Version
    change: VersionEntry
    lessons: int


@dataclass(frozen=True, slots=True)
class TermPlan:
    """What is published for one term, and up to where.

    `position` grows with every change of any plan: ask for what is newer with it. `freed` are
    lessons that ended early, with the instant.
    """

    position: int
    occurrences: Mapping[OccurrenceId, Occurrence]
    series: Mapping[SeriesId, Series]
    freed: Mapping[OccurrenceId, datetime]
