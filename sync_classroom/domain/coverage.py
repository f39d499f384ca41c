"""How far the lessons reach: every measure of the design, computed from plan and facts alone.

A period is civil days, both ends included; a seat belongs to its occurrence's date. Crediting looks
at the whole plan, so that a shorter period never changes a credit.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from functools import reduce
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from .crediting import Cause, SeatEvidence, SeatState, credited_seats
from .evidence import Evidence
from .facts import Fact
from .ids import ClassId, ClassroomId, OccurrenceId, SchoolId, TeacherId
from .measures import Figures, Ratio, figures_of, measured
from .modes import (
    Meeting,
    Pushes,
    PushFigures,
    ResearchFigures,
    meetings_of,
    push_reach,
    pushes_of,
    research_of,
)
from .programme import Programme
from .rollup import Groups, Tally, WeekCell, groups_of, result_of
from .rules import DEFAULT, Rules
from .timetable import Plan

__all__ = [
    "Cause",
    "Coverage",
    "CoverageFigures",
    "Figures",
    "Ratio",
    "Reach",
    "SchoolFigures",
    "SeatEvidence",
    "SeatState",
    "assemble",
    "compute",
    "school_figures",
    "summarise",
]

K = TypeVar("K")
V = TypeVar("V")
S = TypeVar("S", bound=str)

_NONE = Ratio(0, 0)
_NO_SEATS = Tally()
_NO_CELL = WeekCell()


@dataclass(frozen=True, slots=True)
class Reach:
    """How much of the programme was reached; the denominators are members by date.

    `mode_coverage` is cells of the mode matrix above 0 of all its cells: 全覆盖 only if equal.
    """

    school_coverage: Ratio
    classroom_coverage: Ratio
    build_progress: Ratio
    class_coverage: Ratio
    regular_rate: Ratio
    mode_coverage: Ratio


@dataclass(frozen=True, slots=True)
class SchoolFigures:
    """One remote school: its seats, how many of its rooms and classes they reach, its weeks."""

    figures: Figures
    classroom_coverage: Ratio
    class_coverage: Ratio
    regular_rate: Ratio

    def to_dict(self) -> dict[str, Any]:
        """Every measure under its code name."""
        return {
            **measured(self.figures),
            "classroom_coverage": self.classroom_coverage.to_dict(),
            "class_coverage": self.class_coverage.to_dict(),
            "regular_rate": self.regular_rate.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class CoverageFigures:
    """Every figure of a period. `first`, `last` are None for a plan without any date.

    `by_school` has every remote school of the programme, `by_classroom` every remote classroom in
    commission, also without any seat: what was not reached is what a reader looks for. The other
    groups have what had a seat. `by_teacher` and `by_host_school` are those who gave the lesson.
    """

    rules: Rules
    first: date | None
    last: date | None
    totals: Figures
    reach: Reach
    research: ResearchFigures
    push: PushFigures
    by_school: Mapping[SchoolId, SchoolFigures]
    by_classroom: Mapping[ClassroomId, Figures]
    by_subject: Mapping[str, Figures]
    by_teacher: Mapping[TeacherId, Figures]
    by_host_school: Mapping[SchoolId, Figures]
    by_week: Mapping[str, Figures]
    by_week_school: Mapping[str, Mapping[SchoolId, WeekCell]]
    causes: Mapping[Cause, int]
    mode_matrix: Mapping[SchoolId, Mapping[str, int]]

    def to_dict(self) -> dict[str, Any]:
        """What `sync-classroom audit --format json` prints, but for single seats."""
        return {
            "rules": self.rules.to_dict(),
            "period": {
                "from": self.first and self.first.isoformat(),
                "to": self.last and self.last.isoformat(),
            },
            "totals": {
                **measured(self.totals),
                **measured(self.reach),
                **measured(self.research),
                **measured(self.push),
            },
            "by_school": {k: v.to_dict() for k, v in self.by_school.items()},
            "by_classroom": {k: measured(v) for k, v in self.by_classroom.items()},
            "by_subject": {k: measured(v) for k, v in self.by_subject.items()},
            "by_teacher": {k: measured(v) for k, v in self.by_teacher.items()},
            "by_host_school": {k: measured(v) for k, v in self.by_host_school.items()},
            "by_week": {k: measured(v) for k, v in self.by_week.items()},
            "by_week_school": {
                week: {school: cell._asdict() for school, cell in row.items()}
                for week, row in self.by_week_school.items()
            },
            "causes": {k.value: n for k, n in self.causes.items()},
            "mode_matrix": {k: dict(v) for k, v in self.mode_matrix.items()},
        }


@dataclass(frozen=True, slots=True)
class Coverage(CoverageFigures):
    """Every figure of a period, and the seats of the period in the order of the plan."""

    seats: tuple[SeatEvidence, ...]

    def pending(self, unfinished: Collection[OccurrenceId]) -> tuple[SeatEvidence, ...]:
        """Due seats of lessons that are not over, which the figures count as not held so far."""
        return tuple(s for s in self.seats if s.pending(unfinished))

    def to_dict(self) -> dict[str, Any]:
        """What `sync-classroom audit --format json` prints."""
        # Without arguments super() does not work in a class that was made anew for its slots.
        return {
            **CoverageFigures.to_dict(self),
            "seats": [
                {
                    "seat": s.seat.id,
                    "occurrence": s.occurrence.id,
                    "state": s.state.value,
                    "credited_s": s.credited_s,
                    "window_s": s.window_s,
                    "host_s": s.host_s,
                }
                for s in self.seats
            ],
        }


def compute(
    plan: Plan,
    facts: Iterable[Fact],
    *,
    rules: Rules = DEFAULT,
    first: date | None = None,
    last: date | None = None,
) -> Coverage:
    """Every measure over the civil days `[first, last]`, by default all dates of the plan.

    `facts` is read once, in any order. Raises ValueError if `last` is before `first`.
    """
    return summarise(plan, Evidence.of(facts, rules), rules=rules, first=first, last=last)


def summarise(
    plan: Plan,
    evidence: Evidence,
    *,
    rules: Rules = DEFAULT,
    first: date | None = None,
    last: date | None = None,
) -> Coverage:
    """As `compute`, from facts that are folded already (with the same rules)."""
    if first is not None and last is not None and last < first:
        raise ValueError(f"the period ends on {last}, before it begins on {first}")
    first, last = _period(plan, first, last)
    roster = plan.roster
    inside = Programme(roster, first, last)
    seats = tuple(
        s
        for s in credited_seats(plan, evidence, rules=rules).values()
        if inside.has(s.occurrence.date)
    )
    zone = ZoneInfo(roster.timezone)
    ordered = (p for p in plan.pushes.values() if inside.has(p.ordered_at.astimezone(zone).date()))
    push = pushes_of(push_reach(ordered, evidence), inside.schools)
    results = (result_of(s, inside.school_of(s.seat.classroom)) for s in seats)
    meetings = (m for m in meetings_of(plan, evidence) if inside.has(m.date))
    found = assemble(groups_of(results, roster.classes), inside, rules, meetings, push)
    return Coverage(
        **{f.name: getattr(found, f.name) for f in fields(found)},
        seats=seats,
    )


def assemble(
    groups: Groups,
    inside: Programme,
    rules: Rules,
    meetings: Iterable[Meeting],
    push: Pushes,
) -> CoverageFigures:
    """The figures that the sums of a period come to, with everything the programme has in it."""
    research = research_of(meetings, inside.roster.teachers, inside.schools, rules)
    by_school = school_figures(groups, inside, rules)
    matrix = _matrix(inside, by_school, research.by_school, push.by_school)
    rooms = {**dict.fromkeys(inside.classrooms, _NO_SEATS), **groups.by_classroom}
    return CoverageFigures(
        rules=rules,
        first=inside.first,
        last=inside.last,
        totals=figures_of(groups.total),
        reach=_reach(groups, inside, by_school, matrix),
        research=research.figures,
        push=push.figures,
        by_school=by_school,
        by_classroom=_all_figures(rooms),
        by_subject=_all_figures(_sorted(groups.by_subject)),
        by_teacher=_all_figures(_sorted(groups.by_teacher)),
        by_host_school=_all_figures(_sorted(groups.by_host_school)),
        by_week=_all_figures(_sorted(groups.by_week)),
        by_week_school={w: _sorted(row) for w, row in _sorted(groups.by_week_school).items()},
        causes=groups.total.causes(),
        mode_matrix=matrix,
    )


def _all_figures(groups: Mapping[K, Tally]) -> dict[K, Figures]:
    return {key: figures_of(sums) for key, sums in groups.items()}


def _sorted(groups: Mapping[S, V]) -> dict[S, V]:
    return {key: groups[key] for key in sorted(groups)}


def _matrix(
    inside: Programme,
    live: Mapping[SchoolId, SchoolFigures],
    research: Mapping[SchoolId, int],
    push: Mapping[SchoolId, int],
) -> dict[SchoolId, dict[str, int]]:
    """School × mode: held seats, held research sessions, opened targets (三模式覆盖)."""
    return {
        school: {
            "live": live[school].figures.held_seats,
            "research": research.get(school, 0),
            "push": push.get(school, 0),
        }
        for school in inside.schools
    }


def _period(plan: Plan, first: date | None, last: date | None) -> tuple[date | None, date | None]:
    """The period asked for, open ends closed by the plan's own first and last date."""
    dates = [o.date for o in plan.occurrences.values()]
    if first is None:
        first = min(dates, default=last)
    if last is None:
        last = max(dates, default=first)
    return first, last


def school_figures(
    groups: Groups, inside: Programme, rules: Rules
) -> dict[SchoolId, SchoolFigures]:
    """The seats of the period by remote school, with every school of the programme."""
    rooms: dict[SchoolId, list[ClassroomId]] = {}
    for room, classroom in inside.classrooms.items():
        rooms.setdefault(classroom.school, []).append(room)
    own: dict[SchoolId, list[ClassId]] = {}
    for school_class, school in inside.classes.items():
        own.setdefault(school, []).append(school_class)
    held_rooms = _held(groups.by_classroom)
    schools = {**dict.fromkeys(inside.schools, _NO_SEATS), **groups.by_school}
    return {
        school: SchoolFigures(
            figures=figures_of(sums),
            classroom_coverage=_reached(held_rooms, rooms.get(school, ())),
            class_coverage=_reached(
                groups.school_classes.get(school, frozenset()), own.get(school, ())
            ),
            regular_rate=_regular_rate(groups.by_week_school, school, inside, rules),
        )
        for school, sums in schools.items()
    }


def _regular_rate(
    cells: Mapping[str, Mapping[SchoolId, WeekCell]],
    school: SchoolId,
    inside: Programme,
    rules: Rules,
) -> Ratio:
    """常态化率: teaching weeks with enough held periods of all teaching weeks."""
    member = inside.schools.get(school)
    if member is None:
        return _NONE
    weeks = inside.teaching_weeks(member)
    held = (cells.get(week, {}).get(school, _NO_CELL).held_periods for week in weeks)
    return Ratio(sum(periods >= rules.weekly_norm for periods in held), len(weeks))


def _held(groups: Mapping[K, Tally]) -> frozenset[K]:
    """The groups with at least one held seat."""
    return frozenset(key for key, sums in groups.items() if sums.held_seats)


def _reached(held: Container[K], members: Collection[K]) -> Ratio:
    """Members that were reached of all members."""
    return Ratio(sum(m in held for m in members), len(members))


def _reach(
    groups: Groups,
    inside: Programme,
    by_school: Mapping[SchoolId, SchoolFigures],
    matrix: Mapping[SchoolId, Mapping[str, int]],
) -> Reach:
    cells = [n for row in matrix.values() for n in row.values()]
    return Reach(
        school_coverage=_reached(_held(groups.by_school), inside.schools),
        classroom_coverage=_reached(_held(groups.by_classroom), inside.classrooms),
        build_progress=Ratio(inside.commissioned(), inside.roster.target_classrooms),
        class_coverage=_reached(groups.classes, inside.classes),
        regular_rate=reduce(Ratio.__add__, (f.regular_rate for f in by_school.values()), _NONE),
        mode_coverage=Ratio(sum(n > 0 for n in cells), len(cells)),
    )
