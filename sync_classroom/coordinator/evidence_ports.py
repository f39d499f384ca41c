"""What the coordinator needs of a store for figures: facts, results, sums, rules, chain, log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from ..domain.accounts import AccessEntry
from ..domain.chain import ChainLink
from ..domain.crediting import SeatState
from ..domain.facts import Fact
from ..domain.ids import ClassroomId, FactId, OccurrenceId, PushId, SchoolId, SeatId
from ..domain.judging import Judged, LessonAside, Rolled
from ..domain.modes import Meeting, PushReach
from ..domain.rollup import SeatResult, Tally
from ..domain.rules import RulesState, RulesVersion
from ..domain.second_opinion import SeatOpinion, Verdict
from ..domain.terminal_journal import TerminalSample
from ..domain.timetable import Occurrence, Push


class FactStore(Protocol):
    """Append-only evidence."""

    async def append_facts(
        self, facts: Sequence[Fact], *, received_at: datetime, cursor: tuple[str, str] | None = None
    ) -> int:
        """Append facts whose id is new and, in the same transaction, remember a journal cursor.

        `cursor` is `(relay id, opaque position)`. Returns how many were new.
        """
        ...

    async def journal_cursor(self, relay: str) -> str | None:
        """The last remembered journal position of a relay."""
        ...

    async def facts_of(self, occurrences: Sequence[OccurrenceId]) -> Sequence[Fact]:
        """Every fact about these occurrences."""
        ...

    async def facts_since(
        self, seen: Mapping[OccurrenceId, int]
    ) -> Mapping[OccurrenceId, tuple[int, Sequence[Fact]]]:
        """Of each lesson the facts that arrived after a number, and the number of the latest."""
        ...

    async def gaps_between(self, from_at: datetime, to_at: datetime) -> Sequence[Fact]:
        """`journal_gap` facts that touch `[from_at, to_at)`."""
        ...

    async def times_called_on(
        self, classrooms: Collection[ClassroomId], from_at: datetime, to_at: datetime
    ) -> Mapping[ClassroomId, int]:
        """How often each was called on in lessons that began in `[from_at, to_at)`."""
        ...

    async def host_media_since(self, occurrence: OccurrenceId, from_at: datetime) -> Sequence[Fact]:
        """`host_media` facts of one occurrence that end after `from_at`."""
        ...


class TerminalJournalStore(Protocol):
    """What terminals noted themselves, beside the facts that seal it."""

    async def append_samples(
        self, samples: Sequence[TerminalSample], *, received_at: datetime
    ) -> int:
        """Take the samples of one device whose id is new, and seal them; how many were."""
        ...

    async def count_samples(self, occurrence: OccurrenceId, seat: SeatId) -> int:
        """How many samples of one seat there are."""
        ...

    async def samples_of(self, lessons: Collection[OccurrenceId]) -> Sequence[TerminalSample]:
        """What terminals noted in these lessons, by lesson and time."""
        ...

    async def sealed_samples(self, journals: Collection[FactId]) -> Sequence[TerminalSample]:
        """The samples under these seals, as far as they are still there."""
        ...


class OpinionStore(Protocol):
    """What terminals' journals came to beside the relay's evidence."""

    async def opinion_counts(self, first: date, last: date) -> Mapping[Verdict, int]:
        """How many seats of these dates have each verdict."""
        ...

    async def opinions(
        self,
        first: date,
        last: date,
        *,
        verdicts: Collection[Verdict],
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
        skip: int = 0,
        limit: int,
    ) -> Sequence[SeatOpinion]:
        """Seats of these dates with one of these verdicts, the latest first."""
        ...

    async def opinions_of(self, lessons: Collection[OccurrenceId]) -> Sequence[SeatOpinion]:
        """What is kept of the seats of these lessons."""
        ...


class PushStore(Protocol):
    """Push orders; how far they got is facts."""

    async def add_pushes(self, orders: Sequence[Push], *, key: str) -> int:
        """Store new orders, all or none; how many were stored, 0 if the `key` was used before."""
        ...

    async def pushes_between(self, from_at: datetime, to_at: datetime) -> Sequence[Push]:
        """Orders given in `[from_at, to_at)`, by instant then id."""
        ...

    async def push_reach(self, from_at: datetime, to_at: datetime) -> Mapping[SchoolId, PushReach]:
        """How far the orders given in `[from_at, to_at)` got, by the schools of their targets."""
        ...

    async def push_facts(self, orders: Sequence[PushId]) -> Sequence[Fact]:
        """Every fact about these orders."""
        ...


class RollupStore(Protocol):
    """What the facts came to: seats' results, and their sums by day, week and month."""

    async def stale_lessons(
        self, limit: int, *, tried: datetime | None = None
    ) -> Sequence[tuple[int, OccurrenceId]]:
        """The first lessons to be counted again, each with the number of its mark.

        Without those that were set aside after `tried`.
        """
        ...

    async def set_aside(
        self, lesson: OccurrenceId, marks: Sequence[int], *, at: datetime, error: str
    ) -> None:
        """Remember that a lesson could not be counted; of these marks one is left."""
        ...

    async def lessons_aside(self, limit: int) -> Sequence[LessonAside]:
        """Lessons that could not be counted, those tried last first."""
        ...

    async def stale_count(self) -> int:
        """How many lessons are to be counted again."""
        ...

    async def sharing_rooms(self, lessons: Collection[OccurrenceId]) -> Sequence[Occurrence]:
        """These lessons and every one that may take credit from one of them."""
        ...

    async def plan_dates(self) -> tuple[date, date] | None:
        """The first and the last date of any lesson, None without one."""
        ...

    async def schools_of(
        self, classrooms: Collection[ClassroomId]
    ) -> Mapping[ClassroomId, SchoolId]:
        """The schools of classrooms, as they are stored now."""
        ...

    async def store_results(self, marks: Sequence[int], judged: Judged) -> bool:
        """Replace lessons' results and their days' sums, and take `marks` away, all or nothing.

        False, and nothing is stored, if a mark is gone already.
        """
        ...

    async def spans_to_roll(
        self, rules: Collection[int], today: date
    ) -> Sequence[tuple[int, str, date]]:
        """What is to be summed of its parts, as those have changed: rules, span, first day.

        Weeks, months, and halves of school years that are over; each after what it is made of.
        """
        ...

    async def roll_span(self, rules: int, span: str, start: date) -> None:
        """Sum a week, a month or a half of a school year of its parts."""
        ...

    async def rolled(self, first: date, last: date) -> Rolled:
        """The sums of `[first, last]` under the rules in force, all of one moment."""
        ...

    async def meetings_on(self, first: date, last: date) -> Sequence[Meeting]:
        """The counted research meetings of the civil days `[first, last]`, by id."""
        ...

    async def weeks_of_place(
        self,
        first: date,
        last: date,
        *,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
    ) -> Mapping[str, Tally]:
        """The sums of one school or one classroom by ISO week; its pupils are left at 0."""
        ...

    async def seat_results(
        self,
        first: date,
        last: date,
        *,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
        states: Collection[SeatState] = (),
        after: tuple[date, OccurrenceId, str] | None = None,
        newest: bool = False,
        without: Collection[OccurrenceId] = (),
        skip: int = 0,
        limit: int,
    ) -> Sequence[SeatResult]:
        """Single seats by date, lesson and seat, from after the one named.

        `newest`: the latest date first, then by lesson and seat. `without` these lessons.
        """
        ...

    async def results_of(self, lessons: Collection[OccurrenceId]) -> Sequence[SeatResult]:
        """The seats of these lessons, by lesson and seat."""
        ...


class RulesStore(Protocol):
    """Versions of the rules."""

    async def rules_versions(self) -> Sequence[RulesVersion]:
        """Every version, the first one first."""
        ...

    async def rules_by_key(self, key: str) -> RulesVersion | None:
        """The version a key made, or None."""
        ...

    async def add_rules(
        self,
        changes: Mapping[str, Any],
        *,
        valid_from: date,
        at: datetime,
        by: str,
        reason: str,
        key: str,
    ) -> RulesVersion:
        """A new version: the latest with some changes; the same `key` again is the same version."""
        ...

    async def rules_state(self) -> RulesState:
        """Which version's results are read, and which are being made."""
        ...

    async def begin_rules(self, number: int) -> None:
        """Have every lesson counted under a version, too."""
        ...

    async def finish_rules(self) -> bool:
        """Read the results of the version being made, once every lesson has them."""
        ...

    async def forget_results(self, kept: Sequence[int]) -> bool:
        """Delete some results of versions that are not kept; whether there were any."""
        ...


class ChainStore(Protocol):
    """The chain that seals the facts in order of arrival."""

    async def chain(
        self, first: date | None = None, last: date | None = None
    ) -> Sequence[ChainLink]:
        """The chain's days (UTC), in order; by default all there are."""
        ...

    async def chain_places(
        self, first: date | None = None, last: date | None = None
    ) -> Sequence[tuple[ChainLink, int, int]]:
        """The chain's days, each with the numbers of its first and last fact."""
        ...

    def arrived(self, first: int, last: int) -> AsyncIterator[Sequence[Fact]]:
        """The facts with these numbers in order of arrival, some at a time."""
        ...


class AccessLogStore(Protocol):
    """Who looked at or took away what."""

    async def log_access(self, actor: str, what: str, target: str, *, at: datetime) -> None:
        """Remember that somebody looked at or took away something."""
        ...

    async def accesses(
        self,
        *,
        actor: str | None = None,
        what: str | None = None,
        before: int | None = None,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        limit: int,
    ) -> Sequence[AccessEntry]:
        """The latest entries, newest first: of one person, of one kind, before a number.

        Of `[from_at, to_at)`, aware.
        """
        ...
