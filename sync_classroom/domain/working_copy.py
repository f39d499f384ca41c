"""A term's plan while somebody works on it: what is published, with the steps taken since.

A step holds what it found and what it left (`before`, `after`), not how it was computed. So a step
can be applied again, taken back, and compared with what others did, without running any rule anew.
A copy that somebody reads is not changed any more: a `fork` of it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from .ids import OccurrenceId, SeriesId
from .series import Series
from .timetable import ChangeKind, Occurrence

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Images:
    """Occurrences and series as they stood at one moment; None stands for "was not there"."""

    occurrences: Mapping[OccurrenceId, Occurrence | None] = field(default_factory=dict)
    series: Mapping[SeriesId, Series | None] = field(default_factory=dict)

    def shares(self, other: Images) -> bool:
        """Whether both speak of one same occurrence or series."""
        return not (
            self.occurrences.keys().isdisjoint(other.occurrences)
            and self.series.keys().isdisjoint(other.series)
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One edit of a draft. `before` and `after` hold the same ids.

    `seq` counts from 1 in its draft, `key` is the client's idempotency key, `by` the account,
    `command` the kind of `edits.Command` it came from, `reason` what was given with it, possibly
    nothing. An undone step has no effect.
    """

    seq: int
    key: str
    by: str
    at: datetime
    command: str
    before: Images
    after: Images
    undone: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An occurrence or a series that a step found otherwise than it expected, and left alone."""

    step: int
    occurrence: OccurrenceId | None = None
    series: SeriesId | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """The step that somebody may undo or redo next, and the steps that stand in its way."""

    step: Step
    blocked_by: tuple[Step, ...] = ()


class WorkingCopy:
    """The plan as the draft has it, kept up with step by step.

    `base` is the published state: what is in it is published, whatever became of it in the draft.
    """

    def __init__(self, base: Images) -> None:
        self.base = base
        self._occurrences = {i: o for i, o in base.occurrences.items() if o is not None}
        self._series = {i: s for i, s in base.series.items() if s is not None}
        # Sets that are replaced, never changed: forks share them.
        self._of_series: dict[SeriesId, frozenset[OccurrenceId]] = {}
        for occurrence in self._occurrences.values():
            self._index(occurrence)

    def fork(self) -> WorkingCopy:
        """Another copy that stands as this one does; a change to either leaves the other alone."""
        other = WorkingCopy(Images())
        other.base = self.base
        other._occurrences = self._occurrences.copy()
        other._series = self._series.copy()
        other._of_series = self._of_series.copy()
        return other

    @property
    def occurrences(self) -> Mapping[OccurrenceId, Occurrence]:
        """Every occurrence there is now."""
        return MappingProxyType(self._occurrences)

    @property
    def series(self) -> Mapping[SeriesId, Series]:
        """Every series there is now."""
        return MappingProxyType(self._series)

    def of_series(self, series: SeriesId) -> tuple[Occurrence, ...]:
        """The occurrences that stand for a date of this series, withdrawn ones too, by slot."""
        found = [self._occurrences[i] for i in self._of_series.get(series, ())]
        return tuple(sorted(found, key=lambda o: (o.slot.date if o.slot else o.date, o.id)))

    def published(self, occurrence: OccurrenceId) -> Occurrence | None:
        """The occurrence as it is published, or None if it is not."""
        return self.base.occurrences.get(occurrence)

    def images(
        self, occurrences: Iterable[OccurrenceId], series: Iterable[SeriesId] = ()
    ) -> Images:
        """How these stand now."""
        return Images(
            {i: self._occurrences.get(i) for i in occurrences},
            {i: self._series.get(i) for i in series},
        )

    def apply(self, step: Step) -> tuple[Conflict, ...]:
        """Take a step: what is as the step found it becomes as the step left it.

        What is not is left as it is and reported. An undone step does nothing.
        """
        return () if step.undone else self._turn(step, step.before, step.after)

    def revert(self, step: Step) -> tuple[Conflict, ...]:
        """Take a step back: what is as the step left it becomes as the step found it."""
        return self._turn(step, step.after, step.before)

    def _turn(self, step: Step, found: Images, left: Images) -> tuple[Conflict, ...]:
        conflicts: list[Conflict] = []
        for ident, occurrence in left.occurrences.items():
            if self._occurrences.get(ident) != found.occurrences[ident]:
                conflicts.append(Conflict(step.seq, occurrence=ident))
            else:
                self._put(ident, occurrence)
        for name, series in left.series.items():
            if self._series.get(name) != found.series[name]:
                conflicts.append(Conflict(step.seq, series=name))
            else:
                _set(self._series, name, series)
        return tuple(conflicts)

    def _put(self, ident: OccurrenceId, occurrence: Occurrence | None) -> None:
        known = self._occurrences.get(ident)
        if known is not None and known.slot is not None:
            self._of_series[known.slot.series] -= {ident}
        _set(self._occurrences, ident, occurrence)
        if occurrence is not None:
            self._index(occurrence)

    def _index(self, occurrence: Occurrence) -> None:
        if occurrence.slot is not None:
            others = self._of_series.get(occurrence.slot.series, frozenset())
            self._of_series[occurrence.slot.series] = others | {occurrence.id}


def moved_to(occurrence: Occurrence) -> OccurrenceId | None:
    """Where an occurrence was moved to, or None if it was not."""
    return next((c.to for c in occurrence.changes if c.kind is ChangeKind.MOVED), None)


def undo_of(steps: Sequence[Step], by: str) -> Turn | None:
    """What `by` may take back: their last step that stands, unless a later one touched the same.

    `steps` are those of the draft in order of `seq`.
    """
    step = next((s for s in reversed(steps) if s.by == by and not s.undone), None)
    return None if step is None else Turn(step, _later_on(steps, step))


def redo_of(steps: Sequence[Step], by: str) -> Turn | None:
    """What `by` may do again: the first step they undid after their last one that stands.

    A new step of theirs therefore puts an end to redoing what they undid before it. It is in the
    way of a redo that others touched the same since.
    """
    step: Step | None = None
    for each in reversed(steps):
        if each.by == by:
            if not each.undone:
                break
            step = each
    return None if step is None else Turn(step, _later_on(steps, step))


def overtaken(copy: WorkingCopy, now: datetime) -> tuple[OccurrenceId, ...]:
    """Occurrences a draft would still change although it is too late for them, by id.

    Published ones that have begun meanwhile, and new ones whose time is past.
    """
    late: list[OccurrenceId] = []
    for ident, occurrence in copy.occurrences.items():
        published = copy.published(ident)
        changed = occurrence is not published and occurrence != published
        if changed and (published or occurrence).starts_at <= now:
            late.append(ident)
    return tuple(sorted(late))


def _later_on(steps: Sequence[Step], step: Step) -> tuple[Step, ...]:
    return tuple(
        s for s in steps if s.seq > step.seq and not s.undone and s.after.shares(step.after)
    )


def _set(where: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        where.pop(key, None)
    else:
        where[key] = value
