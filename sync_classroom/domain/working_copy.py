"""A term's plan while somebody works on it: what is published, with the steps taken since.

A step holds what it found and what it left (`before`, `after`), not how it was computed. So a step
can be applied again, taken back, and compared with what others did, without running any rule anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .ids import OccurrenceId, SeriesId
from .series import Series
from .timetable import Occurrence


@dataclass(frozen=True, slots=True)
class Images:
    """Occurrences and series as they stood at one moment; None stands for "was not there"."""

    occurrences: Mapping[OccurrenceId, Occurrence | None] = field(default_factory=dict)
    series: Mapping[SeriesId, Series | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of a draft. `before` and `after` hold the same ids.

    `seq` counts from 1 in its draft, `key` is the client's idempotency key, `by` the account,
    `command` the kind of `edits.Command` it came from. An undone step has no effect.
    """

    seq: int
    key: str
    by: str
    at: datetime
    command: str
    before: Images
    after: Images
    undone: bool = False
