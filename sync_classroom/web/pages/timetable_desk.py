"""What a page of the timetable stands on: the plan chosen, what became of it, what is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...coordinator.draft_state import DraftView
from ...domain.bookings import Clash
from ...domain.grid import EntryState, GridPlan
from ...domain.ids import OccurrenceId, SeatId
from ...domain.lesson import LessonState
from ...domain.timetable import Occurrence
from ...domain.warnings import PlanWarning, WarningRule
from ..i18n import mark
from .frame import Frame
from .timetable_choice import Choice, Shown
from .timetable_words import Names

STATE_OF_RUN: Final = {
    LessonState.PLANNED: EntryState.WAITING,
    LessonState.OPEN: EntryState.WAITING,
    LessonState.LIVE: EntryState.LIVE,
    LessonState.ENDED: EntryState.HELD,
    LessonState.MISSED: EntryState.MISSED,
    LessonState.CANCELLED: EntryState.CANCELLED,
}
RULE_WORDS: Final = {
    WarningRule.NOT_TEACHING: mark("%(who)s当天不上课"),
    WarningRule.LOCAL_BREAK: mark("占用%(who)s的课间或午休"),
    WarningRule.NOT_COMMISSIONED: mark("%(who)s当天未启用"),
    WarningRule.CAPACITY: mark("%(who)s应到人数超过座位数"),
    WarningRule.UNMAPPED_DAY: mark("%(who)s当天调休，未说明补哪天"),
    WarningRule.NO_ASSISTANT: mark("%(who)s没有助教"),
}

Faults = Mapping[str, Sequence[tuple[str, str]]]
"""By lesson: (`block` or `warn`, the sentence)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """`lessons` and `plan` are the whole term's, `week` those of the week shown, by start."""

    choice: Choice
    draft: DraftView
    plan: GridPlan
    week: tuple[Occurrence, ...]
    names: Names
    faults: Faults
    changed: frozenset[str]

    @property
    def editing(self) -> bool:
        """Whether the draft is shown, or the rules it stands on."""
        return self.choice.shown is not Shown.PUBLISHED

    @property
    def lessons(self) -> Mapping[OccurrenceId, Occurrence]:
        """Every lesson of the plan shown."""
        return self.plan.lessons


async def desk_of(frame: Frame, choice: Choice, *, draft: bool) -> Desk:
    """The desk of a choice; `draft`: this reader may see what is not published yet."""
    view = await frame.services.timetable.draft(choice.term.id)
    own = draft and choice.shown is not Shown.PUBLISHED
    state = view.copy if own else view.base
    lessons = {i: o for i, o in state.occurrences.items() if o is not None}
    first, last = choice.monday, choice.sunday
    week = sorted(
        (o for o in lessons.values() if first <= o.date <= last),
        key=lambda o: (o.starts_at, o.id),
    )
    # The roster the draft was judged by, which may be newer than the one at the request's start.
    names = Names(frame, view.roster)
    plan = GridPlan(
        view.roster,
        view.calendar,
        frame.services.zone,
        lessons,
        {i: s for i, s in state.series.items() if s is not None},
        await _states(frame, week),
    )
    return Desk(
        choice,
        view,
        plan,
        tuple(week),
        names,
        faults_of(frame, view, names, {o.id for o in week}) if own else {},
        _changed(view) if own else frozenset(),
    )


async def state_text(frame: Frame, view: DraftView, *, draft: bool) -> str:
    """Which plan a sheet of paper shows: `草稿`, `第 2 版（11月23日 07:00 发布）`."""
    versions = await frame.services.timetable.versions(view.term)
    if draft and view.diff:
        return frame.t(mark("草稿"))
    if not versions:
        return frame.t(mark("未发布"))
    latest = versions[0]
    at = frame.format.stamp(latest.at)
    return frame.t(mark("第 %(no)s 版（%(at)s 发布）"), no=latest.no, at=at)


def _changed(view: DraftView) -> frozenset[str]:
    told = [e for e in view.diff if not e.silent]
    ids = {e.lesson or e.series or "" for e in told}
    return frozenset(ids | {e.to.id for e in told if e.to is not None})


async def _states(frame: Frame, week: Sequence[Occurrence]) -> dict[OccurrenceId, EntryState]:
    """What became of lessons whose day has come; of the others there is nothing to know."""
    begun = [o.id for o in week if o.date <= frame.today]
    if not begun:
        return {}
    runs = await frame.services.store.runs_of(begun)
    return {ident: STATE_OF_RUN[run.state] for ident, run in runs.items()}


def faults_of(
    frame: Frame, view: DraftView, names: Names, shown: Container[OccurrenceId]
) -> Faults:
    """What is wrong with the lessons `shown`, in sentences; a term has thousands of warnings."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    lessons = view.copy.occurrences
    for clash in view.blocks:
        for ident, other in zip(clash.occurrences, reversed(clash.occurrences), strict=True):
            if ident not in shown:
                continue
            found[ident].append(("block", clash_text(frame, clash, lessons.get(other), names)))
    for warning in (w for w in view.warnings if w.occurrence in shown):
        found[warning.occurrence].append(("warn", warning_text(frame, warning, lessons, names)))
    return found


def clash_text(frame: Frame, clash: Clash, other: Occurrence | None, names: Names) -> str:
    """`教室 随迁三校 1号直播教室 09:00–09:40 已有：语文，李老师`."""
    span = frame.format.span(clash.from_at, clash.to_at)
    resource = names.resource(clash.kind, clash.resource)
    if other is None:
        return frame.t(mark("%(resource)s %(span)s 重复"), resource=resource, span=span)
    return frame.t(
        mark("%(resource)s %(span)s 已有：%(subject)s，%(teacher)s"),
        resource=resource,
        span=span,
        subject=other.subject,
        teacher=names.teacher(other.host.teacher),
    )


def warning_text(
    frame: Frame,
    warning: PlanWarning,
    lessons: Mapping[OccurrenceId, Occurrence],
    names: Names,
) -> str:
    """`占用随迁三校 1号直播教室的课间或午休`."""
    lesson = lessons.get(warning.occurrence)
    who = ""
    if lesson is not None:
        who = names.school(lesson.host.school)
        if warning.seat is not None:
            who = _room_of(lesson, warning.seat, names)
    return frame.t(RULE_WORDS[warning.rule], who=who)


def _room_of(lesson: Occurrence, seat: SeatId, names: Names) -> str:
    return next((names.room(s.classroom) for s in lesson.seats if s.id == seat), "")
