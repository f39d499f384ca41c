"""An import tried on a copy of the draft: what cannot be, what would clash, what to be warned of.

Every row is decided upon what the rows before it left, so that what is shown is what a commit does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .bookings import Clash
from .clash_index import ClashIndex
from .edit import decide
from .edit_sheet import Decision, EditDesk
from .edits import Command
from .ids import OccurrenceId
from .import_plan import ImportPlan, RowKind, RowPlan
from .problems import ProblemError
from .timetable import Occurrence
from .warnings import PlanWarning, WarningContext, names_assistants, warnings_of
from .working_copy import Step, WorkingCopy


@dataclass(frozen=True, slots=True)
class RowTrial:
    """One row's outcome: `lessons` it makes or changes; `refused` if the draft cannot take it."""

    plan: RowPlan
    lessons: int = 0
    refused: ProblemError | None = None
    clashes: tuple[Clash, ...] = ()
    warnings: tuple[PlanWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """Every row's outcome in order, and the lessons as they would be, by id, to speak of them."""

    rows: tuple[RowTrial, ...]
    lessons: Mapping[OccurrenceId, Occurrence]

    def commands(self, *, without: frozenset[int] = frozenset()) -> tuple[Command, ...]:
        """What a commit asks of the draft; `without` are numbers of rows left out."""
        return tuple(
            command
            for n, row in enumerate(self.rows)
            if row.refused is None and n not in without
            for command in row.plan.commands
        )


def try_import(plan: ImportPlan, copy: WorkingCopy, desk: EditDesk, *, gap_s: int) -> Trial:
    """Do what every row asks, one after the other. `copy` is changed: give it a fork."""
    tried: list[RowTrial] = []
    touched: list[set[OccurrenceId]] = []
    for row in plan.rows:
        refused, ids = _try_row(row, copy, desk)
        tried.append(RowTrial(row, len(ids), refused))
        touched.append(ids)
    index = ClashIndex(copy.occurrences.values(), gap_s=gap_s)
    named = names_assistants(copy.occurrences.values())
    context = WarningContext(desk.roster, assistants=named, calendar=desk.calendar)
    by_lesson: dict[OccurrenceId, list[Clash]] = {}
    for clash in index.clashes():
        for ident in set(clash.occurrences):
            by_lesson.setdefault(ident, []).append(clash)
    rows = tuple(
        RowTrial(
            row.plan,
            row.lessons,
            row.refused,
            tuple(c for i in sorted(ids) for c in by_lesson.get(i, ())),
            tuple(w for i in sorted(ids) for w in warnings_of(copy.occurrences[i], context)),
        )
        for row, ids in zip(tried, touched, strict=True)
    )
    return Trial(rows, copy.occurrences)


def _try_row(
    row: RowPlan, copy: WorkingCopy, desk: EditDesk
) -> tuple[ProblemError | None, set[OccurrenceId]]:
    """All a row asks or nothing of it; the lessons it touched that stand afterwards."""
    done: list[Step] = []
    ids: set[OccurrenceId] = set()
    try:
        for command in row.commands:
            decision = decide(command, copy, desk)
            done.append(_take(copy, decision, desk))
            ids |= decision.after.occurrences.keys()
    except ProblemError as problem:
        for step in reversed(done):
            copy.revert(step)
        return problem, set()
    if row.kind is RowKind.SAME and row.series is not None:
        ids = {o.id for o in copy.of_series(row.series) if not o.withdrawn}
    return None, {i for i in ids if i in copy.occurrences}


def _take(copy: WorkingCopy, decision: Decision, desk: EditDesk) -> Step:
    step = Step(0, "", desk.by, desk.now, "import", decision.before, decision.after)
    copy.apply(step)
    return step


def rows_with(trial: Trial, lines: Sequence[int], *, clashing: bool) -> frozenset[int]:
    """Numbers of the rows named, and of all that clash if those are to be left out too."""
    out = set(lines)
    if clashing:
        out |= {n for n, row in enumerate(trial.rows) if row.clashes and row.plan.commands}
    return frozenset(out)
