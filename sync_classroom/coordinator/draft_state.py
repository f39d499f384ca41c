"""One term's draft in memory: what is published, the steps since, and what that clashes with.

Built once from the store and then kept up step by step. A state is a value: nothing changes one
that is there, each act makes another, which shares with the one before whatever it did not touch.
So a view may be read for as long as one likes, on the event loop or in a thread, while others go on
editing: it stays what it was at its revision, whole. And an act that fails or is cancelled halfway,
even while its thread still works, leaves nothing behind. An act costs what it touches and a pointer
for every lesson of the term: about a millisecond for 9600 lessons.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Final, Self

from ..domain.bookings import Clash
from ..domain.calendar import Calendar
from ..domain.clash_index import ClashIndex
from ..domain.draft_acts import ActKind, DraftAct
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.plan_change import TermPlan
from ..domain.plan_diff import DiffEntry, diff
from ..domain.roster import Roster, Term
from ..domain.series import Series
from ..domain.suggestions import (
    RuleTarget,
    Suggestion,
    Target,
    free_places,
    rule_targets,
    targets,
)
from ..domain.timetable import Occurrence
from ..domain.warnings import PlanWarning, WarningContext, names_assistants, warnings_of
from ..domain.working_copy import Conflict, Images, Step, WorkingCopy

_SIX_DAYS: Final = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft as it was at `revision`; nothing of it changes any more, whatever others do.

    `revision` is what an edit is made against (`seen`). `blocks` are the clashes and `warnings` the
    warnings of the whole term as drafted, `conflicts` what steps could not change because the
    published plan was changed under them, `diff` what publishing would change. `copy` and `index`
    are shared with the drafts that follow: to change one, change a `fork` of it.
    """

    term: TermId
    revision: int
    copy: WorkingCopy
    base: Images
    index: ClashIndex
    calendar: Calendar
    roster: Roster
    steps: Sequence[Step]
    conflicts: tuple[Conflict, ...]
    diff: tuple[DiffEntry, ...]
    blocks: tuple[Clash, ...]
    warnings: tuple[PlanWarning, ...]

    # Each of these takes some milliseconds to a fifth of a second: call them in a thread.

    def places(
        self, lesson: Occurrence, monday: date, *, zone: tzinfo, now: datetime
    ) -> tuple[Target, ...]:
        """Every period of a week judged for a lesson: `suggestions.targets`."""
        return targets(
            lesson, monday, monday + _SIX_DAYS, index=self.index, calendar=self.calendar,
            roster=self.roster, zone=zone, now=now,
        )  # fmt: skip

    def rule_places(self, series: Series, *, zone: tzinfo, now: datetime) -> tuple[RuleTarget, ...]:
        """Every weekday and period judged for a rule: `suggestions.rule_targets`."""
        return rule_targets(
            series, index=self.index, calendar=self.calendar, roster=self.roster, zone=zone,
            now=now,
        )  # fmt: skip

    def free_places(
        self, lesson: Occurrence, *, zone: tzinfo, now: datetime, limit: int
    ) -> tuple[Suggestion, ...]:
        """Places nearby that are free for a lesson: `suggestions.free_places`."""
        return free_places(
            lesson, index=self.index, calendar=self.calendar, roster=self.roster, zone=zone,
            now=now, limit=limit,
        )  # fmt: skip


class DraftState:
    """The draft of one term. `position` is how far the published plan was read.

    Methods named for what was done (`taken`, `rebased`, …) return the state that leads to.
    """

    def __init__(
        self, term: Term, roster: Roster, plan: TermPlan, revision: int, steps: Sequence[Step],
        *, gap_s: int,
    ) -> None:  # fmt: skip
        self.term = term
        self.revision = revision
        self.position = plan.position
        self.steps = tuple(steps)
        self._freed = dict(plan.freed)
        self._base = Images(dict(plan.occurrences), dict(plan.series))
        self._view: DraftView | None = None
        self._restart()
        self.index = ClashIndex(self.copy.occurrences.values(), gap_s=gap_s, freed=self._freed)
        self._warnings: dict[OccurrenceId, tuple[PlanWarning, ...]] = {}
        self._use_roster(roster)

    def view(self) -> DraftView:
        """Everything about the draft; the same state gives the same view."""
        if self._view is None:
            self._view = DraftView(
                term=self.term.id,
                revision=self.revision,
                copy=self.copy,
                base=self._base,
                index=self.index,
                calendar=self.calendar,
                roster=self.roster,
                steps=self.steps,
                conflicts=tuple(c for found in self._conflicts.values() for c in found),
                diff=diff(self._base, self.copy),
                blocks=self.index.clashes(),
                warnings=tuple(w for found in self._warnings.values() for w in found),
            )
        return self._view

    # ------------------------------------------------------------------ what was done

    def with_roster(self, roster: Roster) -> Self:
        """Go by this roster and its calendar from now on."""
        then = self._fork()
        then._use_roster(roster)
        return then

    def taken(self, step: Step, revision: int) -> Self:
        """A step was appended."""
        then = self._fork()
        then._take(step, revision)
        return then

    def turned(self, step: Step, revision: int) -> Self:
        """A step was undone or done again, as it now says."""
        then = self._fork()
        then._turn(step, revision)
        return then

    def emptied(self, revision: int) -> Self:
        """Every step was thrown away, or published."""
        then = self._fork()
        then._empty(revision)
        return then

    def replayed(self, acts: Iterable[DraftAct], steps: Mapping[int, Step]) -> Self:
        """What was done elsewhere, one act after the other; `steps` by number as they are now."""
        then = self._fork()
        for act in acts:
            then._replay(act, steps)
            then.revision = act.revision
        return then

    def restarted(self, steps: Iterable[Step], revision: int) -> Self:
        """These are the steps now, whatever led to them."""
        then = self._fork()
        then._empty(revision)
        for step in steps:
            then._take(step, revision)
        return then

    def rebased(self, changed: TermPlan) -> Self:
        """The published plan was changed."""
        then = self._fork()
        then._rebase(changed)
        return then

    def _fork(self) -> Self:
        """A state to be changed, which nobody else has yet. This one stays as it is."""
        then = copy.copy(self)
        then._view = None
        then.copy = self.copy.fork()
        then.index = self.index.fork()
        then._conflicts = dict(self._conflicts)
        then._warnings = dict(self._warnings)
        return then

    # ------------------------------------------------------------------ on a fork of one's own

    def _use_roster(self, roster: Roster) -> None:
        self.roster = roster
        self.term = roster.terms.get(self.term.id, self.term)
        self.calendar = Calendar(roster)
        self._warn_all()

    def _take(self, step: Step, revision: int) -> None:
        self.steps = (*self.steps, step)
        self.revision = revision
        conflicts = self.copy.apply(step)
        if conflicts:
            self._conflicts[step.seq] = conflicts
        self._touched(step.after.occurrences)

    def _turn(self, step: Step, revision: int) -> None:
        self.steps = tuple(step if s.seq == step.seq else s for s in self.steps)
        self.revision = revision
        touched = set(step.after.occurrences)
        if self._conflicts or not self._turned_alone(step):
            # What one step found changed, another may now find as it wanted: take them all again.
            self._restart()
            touched |= self.touched().occurrences.keys()
        self._touched(touched)

    def _turned_alone(self, step: Step) -> bool:
        conflicts = self.copy.revert(step) if step.undone else self.copy.apply(step)
        return not conflicts

    def _empty(self, revision: int) -> None:
        touched = self.touched().occurrences
        self.steps = ()
        self.revision = revision
        self._restart()
        self._touched(touched)

    def _replay(self, act: DraftAct, steps: Mapping[int, Step]) -> None:
        match act.kind:
            case ActKind.EDIT:
                step = steps.get(act.seq or 0)
                if step is not None:  # else it was published or thrown away later on
                    # As it was taken: whether it was undone comes with a later act.
                    self._take(replace(step, undone=False), act.revision)
            case ActKind.UNDO | ActKind.REDO:
                if any(s.seq == act.seq for s in self.steps):
                    undone = act.kind is ActKind.UNDO
                    self._turn(self.marked(act.seq or 0, undone=undone), act.revision)
            case ActKind.DISCARD | ActKind.PUBLISH:
                self._empty(act.revision)
            case ActKind.AMEND:
                pass

    def _rebase(self, changed: TermPlan) -> None:
        self.position = changed.position
        newly_freed = changed.freed.items() ^ self._freed.items()
        if newly_freed:
            self._freed = dict(changed.freed)
            self.index = self.index.fork(freed=self._freed)
        first, last = self.term.first_day, self.term.last_day
        known = dict(self._base.occurrences)
        known |= {i: o for i, o in changed.occurrences.items() if first <= o.date <= last}
        for ident, occurrence in changed.occurrences.items():
            if not first <= occurrence.date <= last:
                known.pop(ident, None)
        touched = {*changed.occurrences, *self.touched().occurrences, *(i for i, _ in newly_freed)}
        self._base = Images(known, dict(changed.series))
        self._restart()
        self._touched(touched)

    def _restart(self) -> None:
        """Begin again from what is published."""
        self.copy = WorkingCopy(self._base)
        self._conflicts: dict[int, tuple[Conflict, ...]] = {}
        for step in self.steps:
            conflicts = self.copy.apply(step)
            if conflicts:
                self._conflicts[step.seq] = conflicts

    def _touched(self, occurrences: Iterable[OccurrenceId]) -> None:
        """Bring index and warnings up to what the copy holds of these."""
        if not self._context.assistants:
            named = (self.copy.occurrences.get(i) for i in occurrences)
            if names_assistants(o for o in named if o is not None):
                self._warn_all()
        for ident in occurrences:
            occurrence = self.copy.occurrences.get(ident)
            if occurrence is None:
                self.index.discard(ident)
                self._warnings.pop(ident, None)
            else:
                self.index.put(occurrence)
                self._warn(occurrence)

    def _warn_all(self) -> None:
        lessons = self.copy.occurrences
        self._context = WarningContext(
            self.roster, assistants=names_assistants(lessons.values()), calendar=self.calendar
        )
        self._warnings = {}
        for occurrence in sorted(lessons.values(), key=lambda o: (o.starts_at, o.id)):
            self._warn(occurrence)

    def _warn(self, occurrence: Occurrence) -> None:
        found = warnings_of(occurrence, self._context)
        if found:
            self._warnings[occurrence.id] = found
        else:
            self._warnings.pop(occurrence.id, None)

    # ------------------------------------------------------------------ answers

    def touched(self) -> Images:
        """Whatever the steps that stand are about, as it is published."""
        ids: set[OccurrenceId] = set()
        rules: set[SeriesId] = set()
        for step in self.steps:
            if not step.undone:
                ids |= step.after.occurrences.keys()
                rules |= step.after.series.keys()
        return Images(
            {i: self._base.occurrences.get(i) for i in sorted(ids)},
            {i: self._base.series.get(i) for i in sorted(rules)},
        )

    def to_publish(self) -> tuple[Images, Images]:
        """What publishing changes, as it is published and as it shall be."""
        before = self.touched()
        after = self.copy.images(before.occurrences, before.series)
        lessons = [i for i, o in after.occurrences.items() if o != before.occurrences[i]]
        rules = [i for i, s in after.series.items() if s != before.series[i]]
        return (
            Images(
                {i: before.occurrences[i] for i in lessons}, {i: before.series[i] for i in rules}
            ),
            Images({i: after.occurrences[i] for i in lessons}, {i: after.series[i] for i in rules}),
        )

    def authors(self) -> Mapping[OccurrenceId, tuple[str, str]]:
        """Who changed each lesson last, and why."""
        return {
            ident: (step.by, step.reason)
            for step in self.steps
            if not step.undone
            for ident in step.after.occurrences
        }

    def rule_authors(self) -> Mapping[SeriesId, tuple[str, str]]:
        """Who changed each rule last, and why."""
        return {
            ident: (step.by, step.reason)
            for step in self.steps
            if not step.undone
            for ident in step.after.series
        }

    def blocks_of(self, occurrences: Iterable[OccurrenceId]) -> tuple[Clash, ...]:
        """The clashes these lessons have now, each once."""
        found: dict[Clash, None] = {}
        for ident in occurrences:
            occurrence = self.copy.occurrences.get(ident)
            if occurrence is not None:
                found |= dict.fromkeys(self.index.clashes_of(occurrence))
        return tuple(found)

    def warnings_of(self, occurrences: Iterable[OccurrenceId]) -> tuple[PlanWarning, ...]:
        """The warnings these lessons have now."""
        return tuple(w for ident in occurrences for w in self._warnings.get(ident, ()))

    def next_seq(self) -> int:
        """The number of the next step."""
        return self.steps[-1].seq + 1 if self.steps else 1

    def marked(self, seq: int, *, undone: bool) -> Step:
        """A step as it would be undone or done again; KeyError if it is not there."""
        for step in self.steps:
            if step.seq == seq:
                return replace(step, undone=undone)
        raise KeyError(seq)
