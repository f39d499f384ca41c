"""How long what may be deleted is kept. What figures rest on is not among it.

Never deleted: the plan and its history, facts (the relay's, people's, and the seals of terminals'
journals), second opinions, rules, publications, restatements, and what this job itself has done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

# No cut is more recent than this, whatever the settings say; the database's triggers hold to it.
LEAST_DAYS: Final = 30
# Upper ends of the ages that are shown, days; the last one has none.
AGES: Final = (30, 180, 365)


class Kind(StrEnum):
    """What can be deleted, in the order in which it is."""

    TERMINAL_SAMPLES = "terminal_samples"
    DEVICES = "devices"
    SELFCHECKS = "selfchecks"
    HELP_CALLS = "help_calls"
    NOTICES = "notices"
    ACCESS_LOG = "access_log"
    FEEDS = "feeds"
    DOCUMENTS = "documents"
    REPORTS = "reports"
    MEDIA = "media"


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each is kept, 0: for ever. See the settings of the table `retention`."""

    media_days: int = 180
    terminal_days: int = 365
    notice_days: int = 365
    access_log_days: int = 1095
    feed_days: int = 90
    report_days: int = 365
    document_days: int = 365


#: Which setting says how long.
SETTING: Final[Mapping[Kind, str]] = {
    Kind.TERMINAL_SAMPLES: "terminal_days",
    Kind.DEVICES: "terminal_days",
    Kind.SELFCHECKS: "terminal_days",
    Kind.HELP_CALLS: "terminal_days",
    Kind.NOTICES: "notice_days",
    Kind.ACCESS_LOG: "access_log_days",
    Kind.FEEDS: "feed_days",
    Kind.DOCUMENTS: "document_days",
    Kind.REPORTS: "report_days",
    Kind.MEDIA: "media_days",
}
#: What rows of the database are deleted by this job alone, past triggers or not.
ROWS: Final = (
    Kind.TERMINAL_SAMPLES,
    Kind.DEVICES,
    Kind.SELFCHECKS,
    Kind.HELP_CALLS,
    Kind.NOTICES,
    Kind.ACCESS_LOG,
    Kind.FEEDS,
    Kind.DOCUMENTS,
)


@dataclass(frozen=True, slots=True)
class Stock:
    """What lies in store of one kind: how many by age (`AGES`), since when, how many are due."""

    kind: Kind
    ages: tuple[int, ...]
    oldest: datetime | None
    due: int

    @property
    def total(self) -> int:
        """How many in all."""
        return sum(self.ages)


@dataclass(frozen=True, slots=True)
class RetentionRun:
    """What one run deleted: how many of each kind, and everything before which instant.

    `failure` is the code of the problem that ended it early; the next one goes on.
    """

    began_at: datetime
    ended_at: datetime
    by: str
    deleted: Mapping[Kind, int]
    before: Mapping[Kind, datetime]
    failure: str | None = None
    number: int = field(default=0, compare=False)

    @property
    def total(self) -> int:
        """How many things were deleted in all."""
        return sum(self.deleted.values())


def days_of(rules: Retention, kind: Kind) -> int:
    """How many days a kind is kept, 0: for ever."""
    days: int = getattr(rules, SETTING[kind])
    return days


def cut_of(rules: Retention, kind: Kind, now: datetime) -> datetime | None:
    """Everything of a kind before this instant is due; None: it is kept for ever.

    ValueError for fewer days than `LEAST_DAYS`.
    """
    days = days_of(rules, kind)
    if not days:
        return None
    if days < LEAST_DAYS:
        raise ValueError(f"{SETTING[kind]} = {days} is fewer than {LEAST_DAYS} days")
    return now - timedelta(days=days)


def run_to_dict(run: RetentionRun) -> dict[str, Any]:
    """A run as the command prints it."""
    return {
        "began_at": run.began_at.isoformat(),
        "ended_at": run.ended_at.isoformat(),
        "by": run.by,
        "deleted": {k.value: n for k, n in run.deleted.items()},
        "before": {k.value: at.isoformat() for k, at in run.before.items()},
        "failure": run.failure,
    }
