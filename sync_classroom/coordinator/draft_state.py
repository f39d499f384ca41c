"""One term's draft in memory: what is published, the steps since, and what that clashes with.

Built once from the store and then kept up step by step: a step costs what it touches, not what the
term holds. Nothing here waits or asks; whoever holds it sees to it that one task changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..domain.bookings import Clash
from ..domain.calendar import Calendar
from ..domain.clash_index import ClashIndex
from ..domain.ids import OccurrenceId, SeriesId, TermId
from ..domain.plan_change import TermPlan
from ..domain.plan_diff import DiffEntry, diff
from ..domain.roster import Roster, Term
from ..domain.timetable import Occurrence
from ..domain.warnings import PlanWarning, WarningContext, names_assistants, warnings_of
from ..domain.working_copy import Conflict, Images, Step, WorkingCopy


@dataclass(frozen=True, slots=True)
class DraftView:
    """A draft as it is now. `copy` and `index` live on: read them before the next `await`.

    `revision` is what an edit is made against (`seen`). `blocks` are the clashes and `warnings` the
    warnings of the whole term as drafted, `conflicts` what steps could not change because the
    published plan was changed under them, `diff` what publishing would change.
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


class DraftState:
    """The draft of one term. `position` is how far the published plan was read."""

    def __init__(
        self, term: Term, roster: Roster, plan: TermPlan, revision: int, steps: Sequence[Step],
        *, gap_s: int,
    ) -> None:  # fmt: skip
        self.term = term
        self.revision = revision
        self.position = plan.position
        self.steps = list(steps)
        self._gap_s = gap_s
        self._freed = dict(plan.freed)
        self._base = Images(dict(plan.occurrences), dict(plan.series))
        self.copy = WorkingCopy(self._base)
        self.index = ClashIndex(gap_s=gap_s, freed=self._freed)
        self._conflicts: dict[int, tuple[Conflict, ...]] = {}
        self._warnings: dict[OccurrenceId, tuple[PlanWarning, ...]] = {}
        self._diff: tuple[DiffEntry, ...] | None = None
        self._apply_all()
        self.index = ClashIndex(self.copy.occurrences.values(), gap_s=gap_s, freed=self._freed)
        self.use_roster(roster)

    def use_roster(self, roster: Roster) -> None:
        """Go by this roster and its calendar from now on."""
        self.roster = roster
        self.term = roster.terms.get(self.term.id, self.term)
        self.calendar = Calendar(roster)
        self._warn_all()

    def view(self) -> DraftView:
        """Everything about the draft."""
        if self._diff is None:
            self._diff = diff(self._base, self.copy)
        return DraftView(
            term=self.term.id,
            revision=self.revision,
            copy=self.copy,
            base=self._base,
            index=self.index,
            calendar=self.calendar,
            roster=self.roster,
            steps=tuple(self.steps),
            conflicts=tuple(c for found in self._conflicts.values() for c in found),
            diff=self._diff,
            blocks=self.index.clashes(),
            warnings=tuple(w for found in self._warnings.values() for w in found),
        )

    # ------------------------------------------------------------------ keeping up

    def take(self, step: Step, revision: int) -> None:
        """A step was appended."""
        self.steps.append(step)
        self.revision = revision
        conflicts = self.copy.apply(step)
        if conflicts:
            self._conflicts[step.seq] = conflicts
        self._touched(step.after.occurrences)

    def turn(self, step: Step, revision: int) -> None:
        """A step was undone or done again, as it now says."""
        at = next(n for n, s in enumerate(self.steps) if s.seq == step.seq)
        self.steps[at] = step
        self.revision = revision
        touched = set(step.after.occurrences)
        if self._conflicts or not self._turned(step):
            # What one step found changed, another may now find as it wanted: take them all again.
            self._restart()
            touched |= self.touched().occurrences.keys()
        self._touched(touched)

    def _turned(self, step: Step) -> bool:
        conflicts = self.copy.revert(step) if step.undone else self.copy.apply(step)
        return not conflicts

    def empty(self, revision: int) -> None:
        """Every step was thrown away, or published."""
        touched = self.touched().occurrences
        self.steps.clear()
        self.revision = revision
        self._restart()
        self._touched(touched)

    def rebase(self, changed: TermPlan) -> None:
        """The published plan was changed."""
        self.position = changed.position
        newly_freed = changed.freed.items() ^ self._freed.items()
        self._freed.clear()
        self._freed.update(changed.freed)
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
        self._apply_all()

    def _apply_all(self) -> None:
        self._conflicts = {}
        for step in self.steps:
            conflicts = self.copy.apply(step)
            if conflicts:
                self._conflicts[step.seq] = conflicts

    def _touched(self, occurrences: Iterable[OccurrenceId]) -> None:
        """Bring index and warnings up to what the copy holds of these."""
        self._diff = None
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
