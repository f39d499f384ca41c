"""Beside the grid: what waits for a place, what is wrong, and how far the draft has gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ...domain.bookings import Clash
from ...domain.grid_pattern import without_place
from ...domain.grid_views import ViewKind
from ...domain.ids import OccurrenceId
from ...domain.series import Series
from ...domain.subject_colours import colour_of
from ...domain.timetable import Occurrence
from ...domain.warnings import PlanWarning, WarningRule
from ...domain.working_copy import redo_of, undo_of
from ..i18n import mark
from .frame import Frame
from .timetable_choice import week_near
from .timetable_desk import Desk, clash_text, warning_text

#: More are counted, not listed: nobody reads on, and the first ones resolved bring up the next.
MOST_BLOCKS: Final = 40
MOST_WARNINGS: Final = 12
#: Of what two lessons both need; the first ones say which lessons they are.
MOST_NAMED: Final = 2
_VIEW_OF_RESOURCE: Final = {
    "classroom": ViewKind.CLASSROOM,
    "teacher": ViewKind.TEACHER,
    "class": ViewKind.CLASS,
}
RULE_TITLES: Final = {
    WarningRule.NOT_TEACHING: mark("受援校当天不上课"),
    WarningRule.LOCAL_BREAK: mark("占用受援校课间或午休"),
    WarningRule.NOT_COMMISSIONED: mark("教室未启用"),
    WarningRule.CAPACITY: mark("人数超过座位"),
    WarningRule.UNMAPPED_DAY: mark("调休日未说明补哪天"),
    WarningRule.NO_ASSISTANT: mark("没有助教"),
}


@dataclass(frozen=True, slots=True)
class LessonLink:
    """A lesson in one line, with the address of the grid in which it stands."""

    id: OccurrenceId
    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Block:
    """Two lessons at one time: what both of them need; `more` is how many things are not named."""

    texts: tuple[str, ...]
    more: int
    lessons: tuple[LessonLink, ...]


@dataclass(frozen=True, slots=True)
class WarningGroup:
    """The warnings of one rule: the first of them, and how many there are."""

    rule: str
    title: str
    count: int
    shown: tuple[tuple[str, LessonLink], ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A rule without a place; `rooms` are the ids of every room it would take."""

    series: Series
    colour: int
    teacher: str
    audience: str
    rooms: str


@dataclass(frozen=True, slots=True)
class Side:
    """`changes` is how many lessons and rules differ from what is published."""

    waiting: tuple[Waiting, ...]
    blocks: tuple[Block, ...]
    more_blocks: int
    warnings: tuple[WarningGroup, ...]
    warning_count: int
    changes: int
    can_undo: bool
    can_redo: bool

    @property
    def block_count(self) -> int:
        """All clashes, listed or not."""
        return len(self.blocks) + self.more_blocks


def side_of(frame: Frame, desk: Desk) -> Side:
    """Everything beside the grid of a draft."""
    draft = desk.draft
    lessons = draft.copy.occurrences
    pairs: dict[tuple[OccurrenceId, ...], list[Clash]] = defaultdict(list)
    for clash in draft.blocks:
        pairs[clash.occurrences].append(clash)
    blocks = [_block(frame, desk, found, lessons) for found in list(pairs.values())[:MOST_BLOCKS]]
    undo, redo = undo_of(draft.steps, frame.user.login), redo_of(draft.steps, frame.user.login)
    return Side(
        waiting=tuple(_waiting(frame, desk, s) for s in without_place(draft.copy.series.values())),
        blocks=tuple(blocks),
        more_blocks=max(0, len(pairs) - MOST_BLOCKS),
        warnings=_warnings(frame, desk, draft.warnings, lessons),
        warning_count=len(draft.warnings),
        changes=len(draft.diff),
        can_undo=undo is not None and not undo.blocked_by,
        can_redo=redo is not None and not redo.blocked_by,
    )


def lesson_link(
    frame: Frame, desk: Desk, lesson: Occurrence, by: ViewKind, ident: str
) -> LessonLink:
    """`11月23日 周一 09:00 英语 王老师`."""
    text = " ".join(
        (
            frame.format.day(lesson.date),
            frame.format.clock(lesson.starts_at),
            lesson.subject,
            desk.names.teacher(lesson.host.teacher),
        )
    )
    week = week_near(desk.choice.term, lesson.date)
    address = frame.link(
        part=None, term=desk.choice.term.id, week=week, by=by.value, id=ident, show="draft"
    )
    return LessonLink(lesson.id, text, f"{address}#lesson-{lesson.id}")


def _block(
    frame: Frame, desk: Desk, clashes: Sequence[Clash], lessons: Mapping[OccurrenceId, Occurrence]
) -> Block:
    # A room first: its grid shows both lessons in one cell.
    clash = min(clashes, key=lambda c: c.kind != "classroom")
    kind = _VIEW_OF_RESOURCE[clash.kind]
    found = [lessons[i] for i in clash.occurrences if i in lessons]
    return Block(
        tuple(clash_text(frame, c, None, desk.names) for c in clashes[:MOST_NAMED]),
        max(0, len(clashes) - MOST_NAMED),
        tuple(lesson_link(frame, desk, o, kind, clash.resource) for o in found),
    )


def _warnings(
    frame: Frame,
    desk: Desk,
    warnings: Sequence[PlanWarning],
    lessons: Mapping[OccurrenceId, Occurrence],
) -> tuple[WarningGroup, ...]:
    groups: dict[WarningRule, list[PlanWarning]] = defaultdict(list)
    for warning in warnings:
        groups[warning.rule].append(warning)
    return tuple(
        WarningGroup(
            rule.value,
            frame.t(RULE_TITLES[rule]),
            len(groups[rule]),
            tuple(
                (warning_text(frame, w, lessons, desk.names), _link_of(frame, desk, w, lessons))
                for w in groups[rule][:MOST_WARNINGS]
            ),
        )
        for rule in WarningRule
        if rule in groups
    )


def _link_of(
    frame: Frame, desk: Desk, warning: PlanWarning, lessons: Mapping[OccurrenceId, Occurrence]
) -> LessonLink:
    lesson = lessons[warning.occurrence]
    for seat in lesson.seats:
        if seat.id == warning.seat:
            return lesson_link(frame, desk, lesson, ViewKind.CLASSROOM, seat.classroom)
    return lesson_link(frame, desk, lesson, ViewKind.HOST, lesson.host.school)


def _waiting(frame: Frame, desk: Desk, series: Series) -> Waiting:
    return Waiting(
        series,
        colour_of(series.subject).no,
        desk.names.teacher(series.host.teacher),
        frame.t(mark("%(n)s 间听课教室"), n=len(series.seats)),
        " ".join((series.host.classroom, *(s.classroom for s in series.seats))),
    )
