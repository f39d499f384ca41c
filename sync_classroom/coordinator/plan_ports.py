"""What the coordinator needs of a store for the plan: published, drafted, and told to people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from ..domain.accounts import User
from ..domain.draft_acts import DraftAct
from ..domain.feeds import Feed, FeedKind, Marks
from ..domain.history import HistoryEntry
from ..domain.ids import ClassroomId, OccurrenceId, SeriesId, TermId, UserId
from ..domain.notices import Audience, Receipt
from ..domain.plan_change import (
    PlanChange,
    RuleChange,
    TermPlan,
    Version,
    VersionEntry,
    VersionOutline,
)
from ..domain.roster import Term
from ..domain.timetable import Occurrence
from ..domain.working_copy import Images, Step


class TimetableStore(Protocol):
    """The published plan: occurrences, what was changed about them, and its versions."""

    async def change_plan(self, change: PlanChange, *, gap_s: int) -> Version | None:
        """Store a change of the plan, all of it or nothing; the version it makes, if it makes one.

        Checks and rows are one transaction, safe against simultaneous callers. `gap_s` is the
        set-up gap in seconds kept between two uses of one resource. A `key` that was stored before
        changes nothing more. Raises `PlanMovedOnError` if what is stored is not `change.before`
        any more and `domain.conflicts.ClashError` listing what would be booked twice; nothing is
        stored then.
        """
        ...

    async def occurrence_by_key(self, key: str) -> Occurrence | None:
        """The occurrence that a change with this key made or touched last, or None."""
        ...

    async def get_occurrence(self, occurrence: OccurrenceId) -> Occurrence | None:
        """One occurrence with seats and changes, or None."""
        ...

    async def occurrences_between(self, from_at: datetime, to_at: datetime) -> Sequence[Occurrence]:
        """Occurrences whose planned window touches `[from_at, to_at)`, by start then id."""
        ...

    async def occurrences_of(
        self, wanted: Iterable[OccurrenceId]
    ) -> Mapping[OccurrenceId, Occurrence]:
        """Those of these occurrences that there are."""
        ...

    async def bookings_between(
        self, from_at: datetime, to_at: datetime, rooms: Iterable[ClassroomId]
    ) -> Sequence[Occurrence]:
        """Occurrences that start in `[from_at, to_at)` and want any of these classrooms."""
        ...

    async def undecided_between(
        self,
        from_at: datetime,
        to_at: datetime,
        *,
        after: tuple[datetime, OccurrenceId] | None = None,
        limit: int | None = None,
    ) -> Sequence[Occurrence]:
        """Occurrences whose planned window touches `[from_at, to_at)` and whose run is not over.

        By start then id; `after` is the start and id of the last one of the page before.
        """
        ...

    async def occurrences_on(self, first: date, last: date) -> Sequence[Occurrence]:
        """Occurrences whose civil date lies in `[first, last]`, by start then id."""
        ...

    async def term_plan(self, term: Term) -> TermPlan:
        """Everything that is published on the days of a term, in one snapshot."""
        ...

    async def term_plan_since(self, term: Term, position: int) -> TermPlan | None:
        """Lessons that changed after `position`, of whatever term; None if nothing did."""
        ...

    async def history_of(self, occurrence: OccurrenceId) -> Sequence[HistoryEntry]:
        """Everything that happened to one lesson, oldest first."""
        ...

    async def direct_changes(self, first: date, last: date, limit: int) -> Sequence[HistoryEntry]:
        """What was done without a draft to lessons of `[first, last]`, newest first."""
        ...

    async def versions(self, term: TermId | None, limit: int) -> Sequence[Version]:
        """The latest versions, of one term or of all, newest first."""
        ...

    async def version_by_key(self, key: str) -> Version | None:
        """The version a key made, or None."""
        ...

    async def version(self, no: int) -> Version | None:
        """One version, or None."""
        ...

    async def version_outline(self, no: int) -> VersionOutline:
        """How many entries of each kind a version has; nothing for one that is not there."""
        ...

    async def version_entries(
        self, no: int, *, kind: str | None = None, offset: int = 0, limit: int
    ) -> Sequence[VersionEntry]:
        """Entries of a version in order: all of them, or those of a `kind` that are told of."""
        ...

    async def version_size(self, no: int) -> int:
        """How many entries a version has, told of or not."""
        ...

    async def rule_changes(self, series: Iterable[SeriesId], limit: int) -> Sequence[RuleChange]:
        """What versions did to any of these rules, the latest `limit` of it, newest first."""
        ...


class DraftStore(Protocol):
    """One working copy a term. What is done to it takes the next revision, or is not done."""

    async def draft_head(self, term: TermId) -> tuple[int, int]:
        """The draft's revision (0: nobody has edited it) and the published plan's position."""
        ...

    async def draft_steps(
        self, term: TermId, *, only: Iterable[int] | None = None
    ) -> tuple[int, Sequence[Step]]:
        """The draft's revision and its steps in order, or those with the numbers `only`."""
        ...

    async def draft_acts(self, term: TermId, *, after: int) -> Sequence[DraftAct]:
        """What was done after a revision, in order; what is long past is forgotten."""
        ...

    async def draft_act(self, term: TermId, key: str) -> DraftAct | None:
        """What was done with an idempotency key, or None."""
        ...

    async def add_step(self, term: TermId, step: Step, *, revision: int) -> int | None:
        """Append a step; the new revision, or None if the draft's revision is another one or the
        key was used already: ask and read again."""
        ...

    async def turn_step(
        self, term: TermId, step: Step, *, revision: int, by: str, at: datetime, key: str
    ) -> int | None:
        """Mark a step as `step.undone` says; answers as `add_step`."""
        ...

    async def empty_draft(
        self, term: TermId, touched: Images, *, revision: int, by: str, at: datetime, key: str
    ) -> int | None:
        """Throw every step away; answers as `add_step`. `touched` is what they were about."""
        ...


class NoticeStore(Protocol):
    """What classrooms and teachers were told of the plan, and when they saw it."""

    async def pending_notices(
        self, audience: Audience, addressees: Sequence[str], *, now: datetime
    ) -> Sequence[Receipt]:
        """What these addressees have not read and still need, oldest first; some 20 for each."""
        ...

    async def receipts_of(self, *, version: int | None = None, act: str = "") -> Sequence[Receipt]:
        """Everybody who was told of a version, or of an act, by kind and id."""
        ...

    async def mark_notices(
        self, ids: Sequence[int], mark: str, *, audience: Audience, addressee: str, at: datetime
    ) -> int:
        """Set `told`, `shown` or `read` of notices of this addressee; how many are theirs."""
        ...


class FeedStore(Protocol):
    """Secret addresses of calendars, and the lessons they show."""

    async def add_feed(
        self, feed: Feed, token_hash: bytes, *, most: int, most_own: int | None = None
    ) -> bool:
        """Store a new feed, unless there are `most`, or its maker has `most_own`, in use.

        Whether it was stored. Of several at once no more are stored than that.
        """
        ...

    async def feeds(self) -> Sequence[tuple[Feed, User]]:
        """Every feed that was not revoked, the newest first, and who made it, as they are now."""
        ...

    async def feed_by_token(self, token_hash: bytes) -> tuple[Feed, User] | None:
        """The feed with this token, revoked or not, and who made it, as they are now; or None."""
        ...

    async def change_feed(
        self,
        feed: str,
        *,
        token_hash: bytes | None = None,
        made_by: UserId | None = None,
        used_at: datetime | None = None,
        revoked_at: datetime | None = None,
    ) -> bool:
        """Set what is given of a feed that was not revoked; whether there is such a feed."""
        ...

    async def feed_lessons(
        self, kind: FeedKind, target: str, first: date, last: date
    ) -> Sequence[Occurrence]:
        """Lessons of `[first, last]` the feed is about, withdrawn ones too, by start then id."""
        ...

    async def lessons_by_id(self, ids: Iterable[OccurrenceId]) -> Sequence[Occurrence]:
        """Those of these lessons there are."""
        ...

    async def marks_of(self, ids: Iterable[OccurrenceId]) -> Mapping[OccurrenceId, Marks]:
        """What the history of each of these lessons says; nothing of those without one."""
        ...
