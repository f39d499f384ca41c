"""Figures from what is kept, the rules they are made under, and what people vouch for.

The figures of a period are sums read from the store; nothing is computed from facts but to verify
that they are what the facts say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from ..domain.accounts import AccessEntry
from ..domain.activity import Help
from ..domain.chain import FIRST_HEAD, ChainLink, chained
from ..domain.coverage import CoverageFigures, assemble
from ..domain.crediting import MAY_CHANGE, SeatState
from ..domain.facts import (
    Adjustment,
    Fact,
    Headcount,
    Interaction,
    JournalGap,
    ParticipantMedia,
    PushProgress,
)
from ..domain.ids import ClassroomId, FactId, OccurrenceId, SchoolId, SeatId
from ..domain.judging import LessonAside, Rolled
from ..domain.modes import PushReach, pushes_of
from ..domain.problems import ProblemError, ProblemKind
from ..domain.programme import Programme
from ..domain.rollup import Groups, SeatResult, Tally, groups_of, result_of
from ..domain.roster import Roster
from ..domain.rules import Rules, RulesVersion
from ..domain.snapshot import Difference, every_difference
from .activity import read_activity
from .coverage_problems import unknown_rule
from .evidence import EvidenceService
from .evidence_ports import (
    AccessLogStore,
    ChainStore,
    FactStore,
    PushStore,
    RollupStore,
    RulesStore,
)
from .lessons import LessonService, check_period
from .plan_ports import TimetableStore
from .ports import Bus
from .reading import read_seats
from .rollups import RollupKeeper
from .roster import RosterService
from .services import Clock

# Three school years, which is what a bureau compares.
MAX_DAYS: Final = 1100
MAX_REASON: Final = 500
MAX_SEATS: Final = 1000
MAX_FACTS: Final = 1000
# Nobody puts more right at once; more would be one cause.
MAX_ASIDE: Final = 100
# Kinds that may be posted; media is the relay's to say, and whoever vouches gives a reason.
POSTABLE: Final = (ParticipantMedia, Headcount, Interaction, PushProgress)
# Named by the version itself.
_OWN_RULES: Final = frozenset({"name", "version"})
CHANGEABLE: Final = tuple(f.name for f in fields(Rules) if f.name not in _OWN_RULES)


class CoverageStore(
    RollupStore,
    RulesStore,
    ChainStore,
    AccessLogStore,
    TimetableStore,
    FactStore,
    PushStore,
    Protocol,
):
    """Plan, facts, and everything made from them."""


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """A day whose facts are not those that were chained: what was kept, and what is found."""

    day: date
    kept: str
    found: str
    count: int
    found_count: int


class CoverageService:
    """Figures, seats, rules, adjustments, and the proof that all is what the facts say."""

    def __init__(
        self,
        store: CoverageStore,
        bus: Bus,
        evidence: EvidenceService,
        lessons: LessonService,
        roster: RosterService,
        keeper: RollupKeeper,
        *,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._bus = bus
        self._evidence = evidence
        self._lessons = lessons
        self._roster = roster
        self._keeper = keeper
        self._clock = clock
        self._zone = zone

    # ------------------------------------------------------------------------ figures

    async def figures(
        self, first: date, last: date, *, rules: Rules | None = None
    ) -> CoverageFigures:
        """Every measure over the civil days `[first, last]`, under the rules in force.

        Under other `rules` they are computed from the facts, which takes its time, and no more
        than `lessons.MAX_DAYS` at once. ProblemError for a period that runs backwards or is longer
        than `MAX_DAYS`.
        """
        check_period(first, last, MAX_DAYS)
        if rules is not None and rules != await self.rules():
            return await self._evidence.coverage(first, last, rules=rules)
        rolled = await self._store.rolled(first, last)
        roster = self._roster.current()
        in_force = await self._version(rolled.rules)
        begins, ends = (
            datetime.combine(day, time(), self._zone) for day in (first, last + timedelta(days=1))
        )
        reach = await self._store.push_reach(begins, ends)
        work = partial(assembled, rolled, roster, first, last, in_force.rules, reach)
        return await asyncio.to_thread(work)

    async def report(self, first: date, last: date) -> dict[str, Any]:
        """The figures and every seat, as `sync-classroom audit --format json` prints them."""
        figures = await self.figures(first, last)
        seats = await read_seats(self._store, first, last)
        return {**figures.to_dict(), "seats": [s.to_dict() for s in seats]}

    async def plan_dates(self) -> tuple[date, date] | None:
        """The first and the last date of any lesson, None without one."""
        return await self._store.plan_dates()

    async def waiting(self) -> int:
        """How many lessons are to be counted again; their latest facts are not in the figures."""
        return await self._store.stale_count()

    async def aside(self) -> Sequence[LessonAside]:
        """Lessons that cannot be counted and are tried again; at most `MAX_ASIDE`."""
        return await self._store.lessons_aside(MAX_ASIDE)

    async def settle(self) -> int:
        """Count everything that waits now, for a command; a coordinator does so by itself."""
        return await self._keeper.settle()

    async def seats(
        self,
        first: date,
        last: date,
        *,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
        state: SeatState | None = None,
        limit: int = MAX_SEATS,
        after: tuple[date, OccurrenceId, SeatId] | None = None,
        newest: bool = False,
        without: Collection[OccurrenceId] = (),
        skip: int = 0,
    ) -> Sequence[SeatResult]:
        """Single seats by date, lesson and seat, at most `limit` from after the place named.

        `newest`: the latest day first; `skip` so many. `without` the seats of these lessons.
        """
        check_period(first, last, MAX_DAYS)
        return await self._store.seat_results(
            first,
            last,
            school=school,
            classroom=classroom,
            states=() if state is None else (state,),
            after=after,
            newest=newest,
            without=without,
            skip=skip,
            limit=max(1, min(limit, MAX_SEATS)),
        )

    async def weeks_of_place(
        self,
        first: date,
        last: date,
        *,
        school: SchoolId | None = None,
        classroom: ClassroomId | None = None,
    ) -> Mapping[str, Tally]:
        """The sums of one school or one classroom by ISO week; its pupils are left at 0."""
        check_period(first, last, MAX_DAYS)
        return await self._store.weeks_of_place(first, last, school=school, classroom=classroom)

    async def activity(self, school: SchoolId, first: date, last: date) -> tuple[Help, ...]:
        """What help was meant for a school and how much of it arrived, the latest first."""
        check_period(first, last, MAX_DAYS)
        roster, rules = self._roster.current(), await self.rules()
        return await read_activity(self._store, roster, rules, school, first, last, self._zone)

    async def pending(self, first: date, last: date) -> tuple[SeatResult, ...]:
        """Due seats of lessons that are not over, which the figures count as not held so far."""
        check_period(first, last, MAX_DAYS)
        # A lesson that began yesterday may run on; none that began earlier does.
        today = self._clock().astimezone(self._zone).date()
        first = max(first, today - timedelta(days=1))
        if last < first:
            return ()
        occurrences = await self._store.occurrences_on(first, last)
        unfinished = await self._lessons.unfinished(occurrences)
        found = await self._store.results_of(unfinished)
        return tuple(s for s in found if s.state in MAY_CHANGE)

    # ------------------------------------------------------------------------ proof

    async def verify(self, first: date, last: date) -> tuple[Difference, ...]:
        """Where what is kept of a period is not what its facts say: none, unless something waits.

        Compares every key of the period's figures and of each of its days', and every seat.
        ProblemError for a period longer than `lessons.MAX_DAYS`: its facts are read.
        """
        check_period(first, last)
        kept = await self.figures(first, last)
        recomputed = await self._evidence.coverage(first, last, rules=kept.rules)
        schools = {r.id: r.school for r in self._roster.current().classrooms.values()}
        raw = [result_of(s, schools[s.seat.classroom]) for s in recomputed.seats]
        found = list(
            every_difference("figures", kept.to_dict(), CoverageFigures.to_dict(recomputed))
        )
        stored = await read_seats(self._store, first, last)
        found += every_difference("seats", _by_seat(stored), _by_seat(raw))
        classes = self._roster.current().classes
        raw.sort(key=lambda s: s.date)
        by_day = {day: groups_of(group, classes) for day, group in groupby(raw, lambda s: s.date)}
        for day in sorted({*by_day, *(s.date for s in stored)}):
            rolled = await self._store.rolled(day, day)
            groups = by_day.get(day, groups_of((), classes))
            if rolled.groups != groups:
                found.append(Difference(f"days.{day}", _shown(rolled.groups), _shown(groups)))
        return tuple(found)

    async def chain(
        self, first: date | None = None, last: date | None = None
    ) -> Sequence[ChainLink]:
        """The days (UTC) on which facts arrived, each with the chain's head after it."""
        return await self._store.chain(first, last)

    async def chain_head(self, day: date | None = None) -> str:
        """The chain's head at the end of a day (UTC), by default now."""
        links = await self._store.chain(None, day)
        return links[-1].head if links else FIRST_HEAD

    async def verify_chain(
        self, first: date | None = None, last: date | None = None
    ) -> tuple[ChainBreak, ...]:
        """The days whose facts are not those that were chained, none if nobody touched them."""
        breaks: list[ChainBreak] = []
        places = await self._store.chain_places(first, last)
        before = FIRST_HEAD if first is None else None
        for link, first_seq, last_seq in places:
            head, count = link.begins, 0
            async for some in self._store.arrived(first_seq, last_seq):
                head = await asyncio.to_thread(chained, head, some)
                count += len(some)
            linked = before is None or before == link.begins
            if head != link.head or count != link.count or not linked:
                breaks.append(ChainBreak(link.day, link.head, head, link.count, count))
            before = link.head
        return tuple(breaks)

    # ------------------------------------------------------------------------ rules

    async def rules(self) -> Rules:
        """The rules whose figures are read now."""
        return await self._evidence.rules()

    async def rules_versions(self) -> Sequence[RulesVersion]:
        """Every version of the rules, the first one first."""
        return await self._store.rules_versions()

    async def building(self) -> int | None:
        """The version that everything is being counted under, to be in force when that is done."""
        return (await self._store.rules_state()).building

    async def _version(self, number: int) -> RulesVersion:
        return next(v for v in await self._store.rules_versions() if v.number == number)

    async def set_rules(
        self,
        changes: Mapping[str, Any],
        *,
        reason: str,
        valid_from: date,
        actor: str,
        key: str,
    ) -> RulesVersion:
        """A new version of the rules, in force from a day on; figures follow within minutes.

        What was published stays as it was. ProblemError `rules_unchanged`, `rules_date` or
        `reason_missing`, MalformedError for a value a rule cannot have; the same `key` again
        returns the version it made.
        """
        known = await self._store.rules_by_key(key)
        if known is not None:
            return known
        reason = _reason(reason)
        latest = (await self._store.rules_versions())[-1]
        today = self._clock().astimezone(self._zone).date()
        earliest = max(today, latest.valid_from or today)
        if unknown := sorted(set(changes) - set(CHANGEABLE)):
            raise unknown_rule(unknown[0], CHANGEABLE)
        values = latest.rules.to_dict()
        if all(values[name] == value for name, value in changes.items()):
            raise ProblemError(
                "rules_unchanged",
                "没有改动任何规则。请至少修改一项后再保存。",
                "No rule was changed. Change at least one before saving.",
                field="changes",
            )
        if valid_from < earliest:
            raise ProblemError(
                "rules_date",
                f"生效日期 {valid_from} 早于 {earliest}。"
                "已计的数字不能追溯改动，请改用更晚的日期。",
                f"The date {valid_from} is before {earliest}; rules do not change backwards, choose"
                " a later date.",
                field="valid_from",
                value=valid_from.isoformat(),
            )
        return await self._store.add_rules(
            changes, valid_from=valid_from, at=self._clock(), by=actor, reason=reason, key=key
        )

    # ------------------------------------------------------------------------ facts of people

    async def adjust(
        self,
        occurrence: OccurrenceId,
        seat: SeatId,
        credit_from: datetime,
        credit_to: datetime,
        *,
        reason: str,
        actor: str,
        key: str,
    ) -> Adjustment:
        """Vouch that a seat received its lesson in `[credit_from, credit_to)`.

        Counted only where there was host media, and counted separately; never taken back, the same
        `key` again adds nothing. ProblemError `unknown_lesson`, `unknown_seat`,
        `adjustment_window`, `reason_missing`.
        """
        reason = _reason(reason)
        planned = await self._store.get_occurrence(occurrence)
        if planned is None or seat not in {s.id for s in planned.seats}:
            raise ProblemError(
                "unknown_seat",
                f"没有课次“{occurrence[:96]}”的听讲席“{seat[:96]}”。请从课次页面重新选择。",
                f"There is no seat {seat[:96]!r} of a lesson {occurrence[:96]!r}; choose it on the"
                " lesson's page.",
                kind=ProblemKind.NOT_FOUND,
                field="seat",
                value=seat[:96],
            )
        if not planned.starts_at <= credit_from < credit_to <= planned.ends_at:
            raise ProblemError(
                "adjustment_window",
                "补记的时间段须在课次的计划时间之内，且结束晚于开始。",
                "The time vouched for must lie within the lesson's planned time and end after it"
                " begins.",
                field="credit_from",
                value=f"{credit_from.isoformat()}…{credit_to.isoformat()}",
            )
        fact = Adjustment(
            FactId(f"adjustment:{key}"),
            occurrence,
            seat,
            credit_from,
            credit_to,
            self._clock(),
            actor,
            reason,
        )
        await self._append([fact])
        return fact

    async def post_facts(self, facts: Sequence[Fact], actor: str) -> int:
        """Append facts that a person or another system knows of; how many were new.

        ProblemError `fact_kind` for media of lessons and adjustments, which are not to be posted.
        """
        for fact in facts:
            if not isinstance(fact, POSTABLE):
                raise ProblemError(
                    "fact_kind",
                    f"事实“{fact.id}”的类型不能由此提交：课堂媒体由媒体服务记录，补记须写明理由。",
                    f"Fact {fact.id!r} is of a kind that cannot be posted: media is recorded by the"
                    " relay, and an adjustment needs its reason.",
                    kind=ProblemKind.FORBIDDEN,
                    field="kind",
                    value=type(fact).__name__,
                )
        new = await self._append(facts)
        await self.log_access(actor, "facts.post", f"{new}/{len(facts)}")
        return new

    async def _append(self, facts: Sequence[Fact]) -> int:
        new = await self._store.append_facts(facts, received_at=self._clock())
        touched = {f.occurrence for f in facts if not isinstance(f, PushProgress | JournalGap)}
        for occurrence in sorted(touched) if new else ():
            await self._bus.publish(
                "lesson", {"type": "changed", "occurrence": occurrence, "what": "evidence"}
            )
        return new

    async def log_access(self, actor: str, what: str, target: str) -> None:
        """Remember that somebody looked at or took away something, for ever."""
        await self._store.log_access(actor, what, target, at=self._clock())

    async def accesses(
        self,
        *,
        actor: str | None = None,
        what: str | None = None,
        before: int | None = None,
        from_at: datetime | None = None,
        to_at: datetime | None = None,
        limit: int = 100,
    ) -> Sequence[AccessEntry]:
        """The latest entries of the access log, newest first; of `[from_at, to_at)`."""
        return await self._store.accesses(
            actor=actor, what=what, before=before, from_at=from_at, to_at=to_at, limit=limit
        )


def assembled(
    rolled: Rolled,
    roster: Roster,
    first: date,
    last: date,
    rules: Rules,
    pushed: Mapping[SchoolId, PushReach] = MappingProxyType({}),
) -> CoverageFigures:
    """The figures that a period's kept sums and how far its push orders got come to."""
    inside = Programme(roster, first, last)
    push = pushes_of(pushed, inside.schools)
    return assemble(rolled.groups, inside, rules, rolled.meetings, push)


def _by_seat(seats: Sequence[SeatResult]) -> dict[str, dict[str, Any]]:
    return {f"{s.occurrence}/{s.seat}": asdict(s) for s in seats}


def _shown(groups: Groups) -> str:
    """A day in one line, for who looks into a difference of it."""
    total = groups.total
    return f"{total.held_periods}/{total.due_periods} {total.credited_s} s"


def _reason(text: str) -> str:
    reason = " ".join(text.split())
    if not reason or len(reason) > MAX_REASON:
        raise ProblemError(
            "reason_missing",
            f"请写明理由（最多 {MAX_REASON} 字），它会随数字一起公布。",
            f"Give a reason of at most {MAX_REASON} letters; it is published with the figures.",
            field="reason",
            value=reason[:40],
        )
    return reason
