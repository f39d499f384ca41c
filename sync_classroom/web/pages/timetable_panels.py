"""Before publishing: what will change, and what coverage the draft would give."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from aiohttp import web

from ...domain.bookable import MAX_TEXT
from ...domain.calendar import iso_week
from ...domain.edit import Decision
from ...domain.grid_views import ViewKind
from ...domain.ids import ClassId, SchoolId
from ...domain.measures import Ratio
from ...domain.planned_coverage import PlannedCoverage, planned
from ...domain.roster import Roster, Term
from ..formats import Rate, rate
from ..i18n import mark
from .frame import Frame
from .route import ADMIN, PageRoute
from .timetable_choice import Shown, monday_of, weeks_of
from .timetable_desk import Desk, desk_of
from .timetable_diff import groups_of
from .timetable_editor import chosen
from .timetable_side import LessonLink, lesson_link, side_of
from .timetable_words import runs

#: Lessons come too late that are listed; the rest are counted.
MOST_LATE: Final = 40
#: Classes without any lesson that are named; the rest are counted.
MOST_CLASSES: Final = 24


@dataclass(frozen=True, slots=True)
class WeekCell:
    """One school's week: what would be held, and whether that is less than the norm."""

    week: int
    periods: int
    short: bool
    taught: bool


@dataclass(frozen=True, slots=True)
class SchoolLine:
    """One remote school; `short` are its weeks below the norm, neighbours joined."""

    name: str
    periods: int
    classrooms: Rate
    classes: Rate
    regular: Rate
    short: tuple[str, ...]
    short_count: int
    weeks: tuple[WeekCell, ...]


@dataclass(frozen=True, slots=True)
class LateLine:
    """A lesson that has come too late to be published as drafted, and what becomes of it."""

    lesson: LessonLink
    what: str


@dataclass(frozen=True, slots=True)
class Cover:
    """The panel. `without` are classes with no lesson in the whole term, by school."""

    norm: int
    periods: int
    seats: int
    pupils: int
    schools: tuple[SchoolLine, ...]
    subjects: tuple[tuple[str, int], ...]
    without: tuple[tuple[str, tuple[str, ...]], ...]
    without_count: int
    classes: tuple[tuple[str, str, int], ...]


async def publish(request: web.Request) -> web.StreamResponse:
    """What publishing would do, to read before it is done, and what has come too late for it."""
    frame = Frame.of(request)
    choice = replace(chosen(frame), shown=Shown.DRAFT)
    desk = await desk_of(frame, choice, draft=True)
    late = _late(frame, desk, await frame.services.timetable.too_late(desk.draft))
    return frame.render(
        "_timetable_publish.html",
        choice=choice,
        desk=desk,
        late=late[:MOST_LATE],
        late_count=len(late),
        side=side_of(frame, desk),
        groups=groups_of(frame, desk.draft.diff, desk.names),
        note_max=MAX_TEXT,
    )


def _late(frame: Frame, desk: Desk, decision: Decision) -> list[LateLine]:
    """Every lesson that would be taken out of the draft, by its start, and what it is then."""
    lines = []
    for ident, left in decision.after.occurrences.items():
        drafted = decision.before.occurrences[ident]
        lesson = drafted or left
        if lesson is None:
            continue
        link = lesson_link(frame, desk, lesson, ViewKind.HOST, lesson.host.school)
        what = mark("从草稿中去掉") if left is None else mark("作废草稿中的改动，按已发布的上课")
        if left is not None and left.withdrawn:
            what = mark("作废草稿中的改动，仍按已发布的停课")
        lines.append((lesson.starts_at, ident, LateLine(link, frame.t(what))))
    return [line for *_, line in sorted(lines, key=lambda each: each[:2])]


async def coverage(request: web.Request) -> web.StreamResponse:
    """The coverage the draft would give if everything in it were held, gaps first."""
    frame = Frame.of(request)
    choice = chosen(frame)
    draft = await frame.services.timetable.draft(choice.term.id)
    lessons, term, roster = draft.copy.occurrences.values(), choice.term, draft.roster
    work = partial(planned, lessons, roster, first=term.first_day, last=term.last_day)
    found = await asyncio.to_thread(work)
    return frame.render("_timetable_coverage.html", cover=cover_of(found, roster, term))


def cover_of(found: PlannedCoverage, roster: Roster, term: Term) -> Cover:
    """The figures as the panel shows them: schools with the most gaps first."""
    weeks = {iso_week(monday_of(term, n)): n for n in range(1, weeks_of(term) + 1)}
    short: dict[SchoolId, list[int]] = defaultdict(list)
    for gap in found.gaps:
        if gap.week in weeks:
            short[gap.school].append(weeks[gap.week])
    lines = [
        SchoolLine(
            roster.schools[school].name,
            line.figures.held_periods,
            _rate(line.classroom_coverage),
            _rate(line.class_coverage),
            _rate(line.regular_rate),
            tuple(runs(sorted(short[school]))),
            len(short[school]),
            _weeks(line.weeks, weeks, set(short[school])),
        )
        for school, line in found.by_school.items()
    ]
    lines.sort(key=lambda line: -line.short_count)
    without = _without(found, roster)
    shown = sum(len(names) for _, names in without)
    return Cover(
        norm=found.rules.weekly_norm,
        periods=found.totals.held_periods,
        seats=found.totals.held_seats,
        pupils=found.totals.pupils_reached,
        schools=tuple(lines),
        subjects=tuple(
            sorted(((s, f.held_periods) for s, f in found.by_subject.items()), key=lambda p: -p[1])
        ),
        without=without,
        without_count=sum(f.held_periods == 0 for f in found.by_class.values()) - shown,
        classes=_classes(found, roster),
    )


def _weeks(
    periods: Mapping[str, int], numbers: Mapping[str, int], short: set[int]
) -> tuple[WeekCell, ...]:
    return tuple(
        WeekCell(number, periods.get(week, 0), number in short, week in periods)
        for week, number in numbers.items()
    )


def _without(found: PlannedCoverage, roster: Roster) -> tuple[tuple[str, tuple[str, ...]], ...]:
    idle: list[ClassId] = [c for c, f in found.by_class.items() if f.held_periods == 0]
    by_school: dict[SchoolId, list[str]] = defaultdict(list)
    for ident in idle[:MOST_CLASSES]:
        group = roster.classes[ident]
        by_school[group.school].append(group.name)
    return tuple((roster.schools[s].name, tuple(names)) for s, names in by_school.items())


def _classes(found: PlannedCoverage, roster: Roster) -> tuple[tuple[str, str, int], ...]:
    """Every class that has lessons, those with the fewest first."""
    lines = [
        (roster.schools[roster.classes[c].school].name, roster.classes[c].name, f.held_periods)
        for c, f in found.by_class.items()
        if f.held_periods
    ]
    return tuple(sorted(lines, key=lambda line: line[2]))


def _rate(ratio: Ratio) -> Rate:
    return rate(ratio.numerator, ratio.denominator)


_PANEL: Final = "/timetable#coverage"

ROUTES = (
    PageRoute("timetable.publish", "GET", "/timetable/publish", publish, ADMIN, "/timetable"),
    PageRoute("timetable.coverage", "GET", "/timetable/coverage", coverage, ADMIN, _PANEL),
)
