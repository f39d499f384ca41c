"""Research sessions: planned after every check, changed and withdrawn as lessons are, with papers.

A session is known by the id of its first plan, wherever it has moved to since; so its agenda, its
materials and whatever comes of it stay in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from ..domain.bookings import Clash
from ..domain.calendar import Calendar
from ..domain.conflicts import clashes_of
from ..domain.edit_sheet import EditDesk
from ..domain.history import HistoryEntry
from ..domain.ids import OccurrenceId, TeacherId
from ..domain.plan_change import PlanMovedOnError
from ..domain.problems import ProblemError, ProblemKind
from ..domain.research import (
    Material,
    NewSession,
    Papers,
    SubjectGroup,
    change_session,
    groups_of,
    plan_session,
)
from ..domain.timetable import Mode, Occurrence
from ..domain.working_copy import Images, WorkingCopy, moved_to
from .drafts import new_text
from .lessons import LessonService
from .plan_ports import TimetableStore
from .plan_writer import PlanWriter
from .ports import LessonStore
from .research_ports import ResearchStore
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

#: Moves of one session that are followed; nobody moves one so often.
MOST_MOVES: Final = 50
#: Revisions of a session's papers that its history shows.
MOST_REVISIONS: Final = 100
#: Subject groups are those of a term; outside any term, of the lessons this near.
_AROUND: Final = timedelta(days=120)


class SessionStore(TimetableStore, LessonStore, ResearchStore, Protocol):
    """Plan, runs and papers."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is now. `chain` are its plans, first to last, of which `occurrence` is the
    last; `seen` names this state for whoever wants to change it."""

    id: OccurrenceId
    occurrence: Occurrence
    chain: tuple[Occurrence, ...]
    papers: Papers | None
    seen: str

    @property
    def agenda(self) -> str:
        """The agenda, perhaps nothing."""
        return self.papers.agenda if self.papers else ""

    @property
    def materials(self) -> tuple[Material, ...]:
        """What there is to read."""
        return self.papers.materials if self.papers else ()

    @property
    def people(self) -> frozenset[TeacherId]:
        """The leader and everybody invited."""
        return frozenset({self.occurrence.host.teacher, *self.occurrence.participants})


@dataclass(frozen=True, slots=True)
class InTheWay:
    """A clash, and the lesson that is there already."""

    clash: Clash
    lesson: Occurrence


class ResearchService:
    """Plans, changes and shows sessions. Callers have checked who may do it."""

    def __init__(
        self,
        store: SessionStore,
        writer: PlanWriter,
        lessons: LessonService,
        *,
        roster: RosterService,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._writer = writer
        self._lessons = lessons
        self.roster = roster
        self._clock = clock
        self.zone = zone

    # ------------------------------------------------------------------ showing

    async def session(self, ident: OccurrenceId) -> Session:
        """The session of which this is one plan; ProblemError `unknown_session`."""
        chain = await self._chain(ident)
        papers = (await self._store.papers_of([chain[0].id])).get(chain[0].id)
        return await self._session(chain, papers)

    async def sessions(self, first: date, last: date) -> list[Session]:
        """Sessions that take or took place in `[first, last]`, by start; not where they moved from.

        Cancelled ones are among them.
        """
        found = await self._store.sessions_on(first, last)
        known = {o.id: o for o in found}
        chains = []
        for one in found:
            if moved_to(one) is not None:
                continue
            chain = [one]
            while chain[0].moved_from is not None and len(chain) < MOST_MOVES:
                before = known.get(chain[0].moved_from)
                before = before or await self._store.get_occurrence(chain[0].moved_from)
                if before is None:
                    break
                chain.insert(0, before)
            chains.append(tuple(chain))
        papers = await self._store.papers_of(c[0].id for c in chains)
        # `seen` costs a query each and is for editing: a list has none.
        return [Session(c[0].id, c[-1], c, papers.get(c[0].id), "") for c in chains]

    async def history(self, session: Session) -> list[tuple[Occurrence, tuple[HistoryEntry, ...]]]:
        """What happened to each of a session's plans, oldest first."""
        return [(o, tuple(await self._store.history_of(o.id))) for o in session.chain]

    async def papers_history(self, session: OccurrenceId) -> Sequence[Papers]:
        """The latest revisions of the papers, oldest first."""
        return await self._store.papers_history(session, MOST_REVISIONS)

    async def groups(self, day: date) -> tuple[SubjectGroup, ...]:
        """The subject groups of every school, by the plan of the term that `day` lies in."""
        roster = self.roster.current()
        term = next((t for t in roster.terms.values() if t.first_day <= day <= t.last_day), None)
        first, last = (term.first_day, term.last_day) if term else (day - _AROUND, day + _AROUND)
        return groups_of(await self._store.subject_teachers(first, last), roster)

    async def in_the_way(
        self, new: NewSession, session: Session | None = None
    ) -> tuple[InTheWay, ...]:
        """What people and room of a session are booked for at its time; nothing is stored.

        Raises ProblemError as `domain.research.plan_session`.
        """
        ident = session.occurrence.id if session else OccurrenceId("candidate")
        wanted = plan_session(
            new, self.roster.current(), now=self._clock(), zone=self.zone,
            occurrence_id=lambda _: ident,
        )  # fmt: skip
        gap = timedelta(seconds=self._writer.gap_s)
        around = await self._store.occurrences_between(wanted.starts_at - gap, wanted.ends_at + gap)
        own = {o.id for o in session.chain} if session else set()
        others = {o.id: o for o in around if o.id not in own}
        runs = await self._store.runs_of(others)
        freed = {i: run.ended_at for i, run in runs.items() if run.ended_at is not None}
        found = clashes_of(wanted, others.values(), gap_s=self._writer.gap_s, freed=freed)
        return tuple(
            InTheWay(clash, others[i]) for clash in found for i in clash.occurrences if i in others
        )

    # ------------------------------------------------------------------ changing

    async def plan(
        self,
        new: NewSession,
        agenda: str,
        materials: tuple[Material, ...],
        *,
        actor: str,
        key: str,
    ) -> Session:
        """Plan a session; the same `key` returns the session made first.

        Raises ProblemError naming the field, its value and the remedy, or ClashError listing what
        is already taken; nothing is stored then.
        """
        made = await self._store.occurrence_by_key(key)
        if made is None:
            wanted = plan_session(
                new, self.roster.current(), now=self._clock(), zone=self.zone,
                occurrence_id=_new_id,
            )  # fmt: skip
            before, after = Images({wanted.id: None}), Images({wanted.id: wanted})
            await self._writer.write(before, after, actor=actor, key=key)
            made = await self._store.occurrence_by_key(key)
            assert made is not None, "what was stored a moment ago is never deleted"
        session = await self.session(made.id)
        if session.papers is None and (agenda or materials):
            await self._write_papers(session, agenda, materials, actor, key)
        log.info("research.planned", session=session.id, by=actor)
        return await self.session(session.id)

    async def change(
        self,
        session: Session,
        new: NewSession,
        agenda: str,
        materials: tuple[Material, ...],
        *,
        reason: str,
        seen: str,
        actor: str,
        key: str,
    ) -> Session:
        """Make a planned session another one; `seen` is the state its changer saw.

        The same `key` does nothing more. Raises ProblemError as `domain.research.change_session`,
        `session_changed` if somebody else was first, and ClashError.
        """
        if await self._store.occurrence_by_key(key) is None:
            await self._require_seen(session, seen, key)
            decision = change_session(
                session.occurrence.id,
                new,
                WorkingCopy(Images({o.id: o for o in session.chain})),
                self._desk(actor),
                reason=reason,
            )
            if not decision.empty:
                try:
                    await self._writer.write(
                        decision.before, decision.after, actor=actor, key=key, reason=reason.strip()
                    )
                except PlanMovedOnError:
                    raise _changed(session.id) from None
        await self._write_papers(await self.session(session.id), agenda, materials, actor, key)
        return await self.session(session.id)

    async def write_papers(
        self,
        session: Session,
        agenda: str,
        materials: tuple[Material, ...],
        *,
        seen: str,
        actor: str,
        key: str,
    ) -> Session:
        """Write agenda and materials alone, which is possible whenever. As `change`."""
        await self._require_seen(session, seen, key)
        await self._write_papers(session, agenda, materials, actor, key)
        return await self.session(session.id)

    async def cancel(
        self, session: Session, *, excused: bool, reason: str, actor: str, key: str
    ) -> Session:
        """Withdraw a session. ProblemError if it is over or there is no reason."""
        await self._lessons.cancel(
            session.occurrence.id, excused=excused, reason=reason, actor=actor, key=key
        )
        return await self.session(session.id)

    async def _write_papers(
        self,
        session: Session,
        agenda: str,
        materials: tuple[Material, ...],
        actor: str,
        key: str,
    ) -> None:
        if (agenda, materials) == (session.agenda, session.materials):
            return
        if await self._store.papers_written(session.id, key):
            return
        revision = session.papers.revision + 1 if session.papers else 1
        papers = Papers(session.id, revision, agenda, materials, self._clock(), actor)
        if not await self._store.save_papers(papers, key=key):
            raise _changed(session.id)

    async def _require_seen(self, session: Session, seen: str, key: str) -> None:
        """ProblemError `session_changed` unless it is as its changer saw it, or a repeat."""
        if session.seen != seen and not await self._store.papers_written(session.id, key):
            raise _changed(session.id)

    # ------------------------------------------------------------------ reading

    async def _session(self, chain: Sequence[Occurrence], papers: Papers | None) -> Session:
        entries = [len(await self._store.history_of(o.id)) for o in chain]
        seen = f"{sum(entries)}.{papers.revision if papers else 0}"
        return Session(chain[0].id, chain[-1], tuple(chain), papers, seen)

    async def _chain(self, ident: OccurrenceId) -> list[Occurrence]:
        one = await self._store.get_occurrence(ident)
        if one is None or one.mode is not Mode.RESEARCH:
            raise unknown_session(ident)
        known = {one.id}
        while one.moved_from is not None and one.moved_from not in known:
            known.add(one.moved_from)
            before = await self._store.get_occurrence(one.moved_from)
            if before is None or len(known) > MOST_MOVES:
                break
            one = before
        chain = [one]
        while (to := moved_to(chain[-1])) is not None and len(chain) < MOST_MOVES:
            later = await self._store.get_occurrence(to)
            # A move that was taken back points to where it came from.
            if later is None or later.id in {o.id for o in chain}:
                break
            chain.append(later)
        return chain

    def _desk(self, actor: str) -> EditDesk:
        roster = self.roster.current()
        return EditDesk(
            roster=roster, calendar=Calendar(roster), zone=self.zone, now=self._clock(), by=actor,
            new_id=new_text,
        )  # fmt: skip


def unknown_session(ident: str) -> ProblemError:
    """There is no such session."""
    return ProblemError(
        "unknown_session",
        f"没有教研活动“{ident[:96]}”。请回到教研列表重新选择。",
        f"There is no research session {ident[:96]!r}. Go back to the list and choose again.",
        kind=ProblemKind.NOT_FOUND,
        field="session",
        value=ident[:96],
    )


def _changed(session: OccurrenceId) -> ProblemError:
    return ProblemError(
        "session_changed",
        "有人刚刚改了这场教研，您的改动没有保存。请打开新的内容，再改一次。",
        "Somebody has just changed this session, and your change was not stored. Open it again and"
        " make the change anew.",
        kind=ProblemKind.CONFLICT,
        field="session",
        value=session,
    )


def _new_id(day: date) -> OccurrenceId:
    return OccurrenceId(f"o-{day:%Y%m%d}-{new_text()}")


def begun(session: Session, now: datetime) -> bool:
    """Whether its time has come: then only the papers may change."""
    return session.occurrence.starts_at <= now
