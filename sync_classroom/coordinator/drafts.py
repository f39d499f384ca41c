"""Working on a term's plan: the shared draft, its edits, and publishing it.

Drafts are kept in memory and brought up to date from the store at every call, so it does not matter
which coordinator an edit came through. The store decides who was first.

What is kept is a value (`DraftState`). An act makes the next in a thread, as a whole term is too
much work for the loop that carries live lessons, and puts it in its place when it is complete.
Whoever reads a view of an earlier one keeps it as it was.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Protocol
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

import structlog

from ..domain.bookable import text_of
from ..domain.bookings import Clash
from ..domain.conflicts import ClashError
from ..domain.draft_acts import ActKind, in_the_way
from ..domain.edit import Decision, EditDesk, decide_all
from ..domain.edit_files import name_of
from ..domain.edits import Command, DropOvertaken
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.plan_change import Edition, PlanMovedOnError, Version
from ..domain.plan_diff import DiffEntry, kept
from ..domain.problems import ProblemError
from ..domain.roster import Term
from ..domain.series import Series
from ..domain.timetable import Occurrence
from ..domain.warnings import PlanWarning
from ..domain.working_copy import Images, Step, overtaken, redo_of, undo_of
from .draft_problems import (
    draft_changed,
    draft_empty,
    draft_overtaken,
    nothing_to_redo,
    nothing_to_undo,
    seen_unknown,
    turn_blocked,
    unknown_term,
)
from .draft_state import DraftState, DraftView
from .lessons import WRITE_TRIES, plan_busy
from .plan_ports import DraftStore, TimetableStore
from .plan_writer import PlanWriter, resource_names
from .ports import Bus
from .roster import RosterService
from .services import Clock

log = structlog.get_logger(__name__)

CHANNEL: Final = "draft"
# Drafts kept in memory: this term's and the next one's are worked on, seldom another's.
MAX_DRAFTS: Final = 4
# What a step of several commands is called.
SEVERAL: Final = "several"


class PlanStore(TimetableStore, DraftStore, Protocol):
    """What is published and what is drafted."""


@dataclass(frozen=True, slots=True)
class EditAnswer:
    """What an act left: the draft's `revision`, the step if there is one, and the clashes and
    warnings that the lessons it touched have now."""

    revision: int
    step: Step | None
    blocks: tuple[Clash, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


class DraftService:
    """Every term's draft. One act at a time for each term of this coordinator."""

    def __init__(
        self,
        store: PlanStore,
        bus: Bus,
        writer: PlanWriter,
        *,
        roster: RosterService,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._store = store
        self._bus = bus
        self._writer = writer
        self._roster = roster
        self._clock = clock
        self._zone = zone
        self._states: OrderedDict[TermId, DraftState] = OrderedDict()
        self._locks: WeakValueDictionary[TermId, asyncio.Lock] = WeakValueDictionary()

    async def draft(self, term: TermId) -> DraftView:
        """The draft as it is now; ProblemError `unknown_term`."""
        async with self._lock(term):
            state = await self._current(term)
            return await asyncio.to_thread(state.view)

    async def too_late(self, view: DraftView) -> Decision:
        """What `DropOvertaken` would take out of a draft: what has come too late to be published.

        `before` is what the draft has, `after` what would be left of it.
        """
        desk = self._desk(view, by="")
        return await asyncio.to_thread(decide_all, (DropOvertaken(),), view.copy, desk)

    async def answered(self, term: TermId, key: str) -> EditAnswer | None:
        """What the act with this key left, or None if there was none."""
        async with self._lock(term):
            await self._current(term)  # refuses a term there is not
            done = await self._store.draft_act(term, key)
            return None if done is None else await self._repeated(term, done.seq)

    async def edit(
        self, term: TermId, command: Command | Sequence[Command], *, seen: int, actor: str, key: str
    ) -> EditAnswer:
        """Do what is asked; several commands are one step, all of them or none.

        `seen` is the revision the editor looked at: ProblemError `draft_changed`, if others have
        touched the same lessons or series since. The same `key` does nothing more. Raises
        ProblemError as `domain.edit.decide`.
        """
        commands = command if isinstance(command, Sequence) else (command,)
        async with self._lock(term):
            for _ in range(WRITE_TRIES):
                state = await self._current(term)
                done = await self._store.draft_act(term, key)
                if done is not None:
                    return await self._repeated(term, done.seq)
                try:
                    step = await self._decided(state, commands, actor=actor, key=key)
                except ProblemError:
                    # What others did to it is the better answer than what cannot be done to that.
                    await self._refuse_unseen(state, seen, named_by(commands), actor)
                    raise
                if step is None:
                    return EditAnswer(state.revision, None)
                await self._refuse_unseen(state, seen, step.after, actor)
                revision = await self._store.add_step(term, step, revision=state.revision)
                if revision is not None:
                    await self._tell(term, revision)
                    return await self._keep(partial(state.taken, step, revision), step.seq)
        raise plan_busy()

    async def undo(self, term: TermId, *, seen: int, actor: str, key: str) -> EditAnswer:
        """Take back the actor's own last step, unless somebody touched the same later."""
        return await self._turn(term, seen=seen, actor=actor, key=key, undone=True)

    async def redo(self, term: TermId, *, seen: int, actor: str, key: str) -> EditAnswer:
        """Do again what the actor took back last."""
        return await self._turn(term, seen=seen, actor=actor, key=key, undone=False)

    async def discard(self, term: TermId, *, seen: int, actor: str, key: str) -> EditAnswer:
        """Throw the whole draft away; ProblemError `draft_changed` if `seen` is not all of it."""
        async with self._lock(term):
            for _ in range(WRITE_TRIES):
                state = await self._current(term)
                if await self._store.draft_act(term, key) is not None:
                    return await self._repeated(term, None)
                await self._refuse_unless_all_seen(state, seen)
                touched = await asyncio.to_thread(state.touched)
                revision = await self._store.empty_draft(
                    term, touched, revision=state.revision, by=actor, at=self._clock(), key=key
                )
                if revision is not None:
                    await self._tell(term, revision)
                    return await self._keep(partial(state.emptied, revision), None)
        raise plan_busy()

    async def publish(self, term: TermId, *, seen: int, note: str, actor: str, key: str) -> Version:
        """Make the draft the plan, as a version that is never changed, and tell everybody.

        All of it or nothing. ProblemError `draft_changed` if `seen` is not all of it,
        `draft_empty`, `draft_overtaken` if lessons it changes have begun meanwhile; ClashError if
        anything it adds or changes is booked twice.
        """
        async with self._lock(term):
            for _ in range(WRITE_TRIES):
                state = await self._current(term)
                made = await self._store.version_by_key(key)
                if made is not None:
                    return made
                text = text_of("note", "说明", note)
                await self._refuse_unless_all_seen(state, seen)
                try:
                    version = await self._published(state, note=text, actor=actor, key=key)
                except PlanMovedOnError:
                    continue
                await self._tell(term, (await self._current(term)).revision)
                return version
        raise plan_busy()

    # ------------------------------------------------------------------ keeping up

    def _lock(self, term: TermId) -> asyncio.Lock:
        return self._locks.setdefault(term, asyncio.Lock())

    async def _current(self, term: TermId) -> DraftState:
        """The draft brought up to what is stored now. The caller holds the term's lock."""
        roster = self._roster.current()
        known = roster.terms.get(term)
        if known is None:
            raise unknown_term(term)
        state = self._states.get(term)
        # Other days are other lessons: read them all again.
        if state is None or (state.term.first_day, state.term.last_day) != (
            known.first_day, known.last_day,
        ):  # fmt: skip
            state = await self._built(known)
        else:
            state = await self._caught_up(state)
        if state.roster is not roster and state.roster != roster:
            state = await asyncio.to_thread(state.with_roster, roster)
        self._put(state)
        return state

    def _put(self, state: DraftState) -> None:
        """From now on this is the draft."""
        self._states[state.term.id] = state
        self._states.move_to_end(state.term.id)
        if len(self._states) > MAX_DRAFTS:
            self._states.popitem(last=False)

    async def _repeated(self, term: TermId, seq: int | None) -> EditAnswer:
        """What an act that was found done has left. The draft is read again: another coordinator
        may have done it since."""
        return await asyncio.to_thread(answer_of, await self._current(term), seq)

    async def _keep(self, act: Callable[[], DraftState], seq: int | None) -> EditAnswer:
        """Do what the store has taken, and say what it left. Cancelled, the store is asked again
        at the next call."""

        def work() -> tuple[DraftState, EditAnswer]:
            after = act()
            return after, answer_of(after, seq)

        state, answer = await asyncio.to_thread(work)
        self._put(state)
        return answer

    async def _built(self, term: Term) -> DraftState:
        # Steps first: if the plan changes in between, they are found not to fit and caught up with.
        revision, steps = await self._store.draft_steps(term.id)
        plan = await self._store.term_plan(term)
        state = await asyncio.to_thread(
            DraftState,
            term,
            self._roster.current(),
            plan,
            revision,
            steps,
            gap_s=self._writer.gap_s,
        )
        return await self._caught_up(state)

    async def _caught_up(self, state: DraftState) -> DraftState:
        revision, position = await self._store.draft_head(state.term.id)
        if revision != state.revision:
            state = await self._replayed(state)
        if position != state.position:
            changed = await self._store.term_plan_since(state.term, state.position)
            if changed is not None:
                state = await asyncio.to_thread(state.rebased, changed)
        return state

    async def _replayed(self, state: DraftState) -> DraftState:
        """Do here what was done elsewhere; from the start if that is not known any more."""
        acts = await self._store.draft_acts(state.term.id, after=state.revision)
        made = {a.seq for a in acts if a.kind is ActKind.EDIT and a.seq is not None}
        revision, fresh = await self._store.draft_steps(state.term.id, only=made)
        steps = {s.seq: s for s in fresh}
        if acts and acts[0].revision == state.revision + 1 and acts[-1].revision == revision:
            return await asyncio.to_thread(state.replayed, acts, steps)
        revision, every = await self._store.draft_steps(state.term.id)
        return await asyncio.to_thread(state.restarted, every, revision)

    async def _tell(self, term: TermId, revision: int) -> None:
        """Whoever has the draft open looks again."""
        message = {"type": "changed", "term": term, "revision": revision}
        await self._bus.publish(CHANNEL, message)

    # ------------------------------------------------------------------ deciding

    async def _decided(
        self, state: DraftState, commands: Sequence[Command], *, actor: str, key: str
    ) -> Step | None:
        desk = self._desk(state, by=actor)
        # A rule is eighteen lessons, an import a term's: neither may hold up a live lesson.
        decision = await asyncio.to_thread(decide_all, commands, state.copy, desk)
        if decision.empty:
            return None
        reasons = [str(getattr(c, "reason", "")).strip() for c in commands]
        return Step(
            seq=state.next_seq(),
            key=key,
            by=actor,
            at=desk.now,
            command=name_of(commands[0]) if len(commands) == 1 else SEVERAL,
            before=decision.before,
            after=decision.after,
            reason=next((r for r in reasons if r), ""),
        )

    def _desk(self, of: DraftState | DraftView, *, by: str) -> EditDesk:
        term = of.term if isinstance(of, DraftView) else of.term.id
        return EditDesk(
            roster=of.roster, calendar=of.calendar, zone=self._zone, now=self._clock(), by=by,
            new_id=new_text, term=term,
        )  # fmt: skip

    async def _turn(
        self, term: TermId, *, seen: int, actor: str, key: str, undone: bool
    ) -> EditAnswer:
        async with self._lock(term):
            for _ in range(WRITE_TRIES):
                state = await self._current(term)
                done = await self._store.draft_act(term, key)
                if done is not None:
                    return await self._repeated(term, done.seq)
                if seen > state.revision:
                    raise seen_unknown(seen)
                turn = (undo_of if undone else redo_of)(state.steps, actor)
                if turn is None:
                    raise nothing_to_undo() if undone else nothing_to_redo()
                if turn.blocked_by:
                    raise turn_blocked(turn.blocked_by, undone=undone)
                step = state.marked(turn.step.seq, undone=undone)
                revision = await self._store.turn_step(
                    term, step, revision=state.revision, by=actor, at=self._clock(), key=key
                )
                if revision is not None:
                    await self._tell(term, revision)
                    return await self._keep(partial(state.turned, step, revision), step.seq)
        raise plan_busy()

    async def _refuse_unseen(
        self, state: DraftState, seen: int, touched: Images, actor: str
    ) -> None:
        if seen > state.revision:
            raise seen_unknown(seen)
        if seen == state.revision:
            return
        acts = await self._store.draft_acts(state.term.id, after=seen)
        known = bool(acts) and acts[0].revision == seen + 1
        others = in_the_way(acts, touched, actor)
        if others or not known:
            raise draft_changed(others, touched, self._zone)

    async def _refuse_unless_all_seen(self, state: DraftState, seen: int) -> None:
        """Lessons that were booked or cancelled beside the draft are no part of it."""
        if seen > state.revision:
            raise seen_unknown(seen)
        if seen == state.revision:
            return
        acts = await self._store.draft_acts(state.term.id, after=seen)
        drafted = await asyncio.to_thread(state.touched)
        unseen = [a for a in acts if a.kind is not ActKind.AMEND or a.touches(drafted)]
        if unseen or acts[0].revision != seen + 1:
            raise draft_changed(unseen, None, self._zone)

    async def _published(self, state: DraftState, *, note: str, actor: str, key: str) -> Version:
        now = self._clock()

        def work() -> tuple[Images, Images, Edition, Mapping[OccurrenceId, tuple[str, str]]]:
            return (*self._publishable(state, now), edition_of(state, note), state.authors())

        before, after, edition, authors = await asyncio.to_thread(work)
        version = await self._writer.write(
            before, after, actor=actor, key=key, authors=authors, edition=edition
        )
        assert version is not None, "an edition makes a version"
        log.info("plan.published", term=version.term, version=version.no, by=actor)
        return version

    def _publishable(self, state: DraftState, now: datetime) -> tuple[Images, Images]:
        """What publishing changes; raises what keeps it from being published."""
        late = overtaken(state.copy, now)
        if late:
            raise draft_overtaken(late)
        before, after = state.to_publish()
        if not after.occurrences and not after.series:
            raise draft_empty()
        changed = after.occurrences.keys()
        blocks = [c for c in state.index.clashes() if not changed.isdisjoint(c.occurrences)]
        if blocks:
            raise ClashError(blocks, names=resource_names(state.roster), zone=self._zone)
        return before, after


def edition_of(state: DraftState, note: str) -> Edition:
    """The version that publishing makes of the draft."""
    entries = state.view().diff
    return Edition(
        term=state.term.id,
        revision=state.revision,
        note=note,
        counts=counts_of(entries),
        diff=kept(entries, state.authors(), state.rule_authors()),
    )


def answer_of(state: DraftState, seq: int | None) -> EditAnswer:
    """The state and what the step `seq` left in it, if there is such a step."""
    step = next((s for s in state.steps if s.seq == seq), None)
    ids = step.after.occurrences if step is not None else ()
    return EditAnswer(state.revision, step, state.blocks_of(ids), state.warnings_of(ids))


def counts_of(entries: Sequence[DiffEntry]) -> dict[str, int]:
    """How many of each kind a diff has, by kind; what concerns nobody is not counted."""
    return dict(sorted(Counter(e.kind.value for e in entries if not e.silent).items()))


def named_by(commands: Sequence[Command]) -> Images:
    """The lessons and series that commands name, as ids without images."""
    lessons: dict[OccurrenceId, Occurrence | None] = {}
    rules: dict[SeriesId, Series | None] = {}
    for command in commands:
        for name in ("lesson", "first", "second"):
            if (lesson := getattr(command, name, None)) is not None:
                lessons[OccurrenceId(lesson)] = None
        if (rule := getattr(command, "series", None)) is not None:
            rules[rule.id if isinstance(rule, Series) else SeriesId(rule)] = None
    return Images(lessons, rules)


def new_text() -> str:
    """`8 of a-z2-7`: 40 random bits, so that ids are not to be guessed or reused."""
    return base64.b32encode(secrets.token_bytes(5)).decode("ascii").lower()
