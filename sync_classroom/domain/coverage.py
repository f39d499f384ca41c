"""How far the lessons reach: every measure of the design, computed from plan and facts alone.

A period is civil days, both ends included; a seat belongs to its occurrence's date. Crediting looks
at the whole plan, so that a shorter period never changes a credit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from .calendar import iso_week
from .crediting import Cause, SeatEvidence, SeatState, credited_seats
from .evidence import Evidence
from .facts import Fact
from .ids import ClassroomId, OccurrenceId, SchoolId
from .measures import Figures, Ratio, causes, figures, measured
from .modes import PushFigures, ResearchFigures, pushes_of, research_of
from .programme import Programme
from .rules import DEFAULT, Rules
from .timetable import Mode, Plan

__all__ = [
    "Cause",
    "Coverage",
    "Figures",
    "Ratio",
    "Reach",
    "SchoolFigures",
    "SeatEvidence",
    "SeatState",
    "compute",
    "grouped",
    "school_figures",
    "summarise",
]

K = TypeVar("K")

_NONE = Ratio(0, 0)


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
class Coverage:
    """Every figure of a period. `first`, `last` are None for a plan without any date.

    `seats` are those of the period in the order of the plan. `by_school` has every remote school of
    the programme, `by_classroom` every remote classroom in commission, also without any seat: what
    was not reached is what a reader looks for.
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
    by_week: Mapping[str, Figures]
    causes: Mapping[Cause, int]
    mode_matrix: Mapping[SchoolId, Mapping[str, int]]
    seats: tuple[SeatEvidence, ...]

    def pending(self, unfinished: Collection[OccurrenceId]) -> tuple[SeatEvidence, ...]:
        """Due seats of lessons that are not over, which the figures count as not held so far."""
        return tuple(s for s in self.seats if s.pending(unfinished))

    def to_dict(self) -> dict[str, Any]:
        """What `sync-classroom audit --format json` prints."""
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
            "by_week": {k: measured(v) for k, v in self.by_week.items()},
            "causes": {k.value: n for k, n in self.causes.items()},
            "mode_matrix": {k: dict(v) for k, v in self.mode_matrix.items()},
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
    research = research_of(
        (o for o in plan.occurrences.values() if o.mode is Mode.RESEARCH and inside.has(o.date)),
        evidence,
        roster.teachers,
        inside.schools,
        rules,
    )
    zone = ZoneInfo(roster.timezone)
    push = pushes_of(
        (p for p in plan.pushes.values() if inside.has(p.ordered_at.astimezone(zone).date())),
        evidence,
        inside.schools,
    )
    by_school = school_figures(seats, inside, rules)
    matrix = _matrix(inside, by_school, research.by_school, push.by_school)
    classes = dict(roster.classes)
    rooms = grouped(seats, lambda s: s.seat.classroom, inside.classrooms)
    weeks = grouped(seats, lambda s: iso_week(s.occurrence.date))
    subjects = grouped(seats, lambda s: s.occurrence.subject)
    return Coverage(
        rules=rules,
        first=first,
        last=last,
        totals=figures(seats, classes),
        reach=_reach(seats, inside, by_school, matrix),
        research=research.figures,
        push=push.figures,
        by_school=by_school,
        by_classroom={k: figures(v, classes) for k, v in rooms.items()},
        by_subject={k: figures(subjects[k], classes) for k in sorted(subjects)},
        by_week={k: figures(weeks[k], classes) for k in sorted(weeks)},
        causes=causes(seats),
        mode_matrix=matrix,
        seats=seats,
    )


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


def grouped(
    seats: Iterable[SeatEvidence],
    key: Callable[[SeatEvidence], K],
    always: Iterable[K] = (),
) -> dict[K, list[SeatEvidence]]:
    """Seats by a key, with an empty group for every key of `always`."""
    groups: dict[K, list[SeatEvidence]] = defaultdict(list)
    for each in always:
        groups[each] = []
    for seat in seats:
        groups[key(seat)].append(seat)
    return dict(groups)


def school_figures(
    seats: Sequence[SeatEvidence], inside: Programme, rules: Rules
) -> dict[SchoolId, SchoolFigures]:
    """The seats of the period by remote school, with every school of the programme."""
    classes = dict(inside.roster.classes)
    groups = grouped(seats, lambda s: inside.school_of(s.seat.classroom), inside.schools)
    result: dict[SchoolId, SchoolFigures] = {}
    for school, group in groups.items():
        rooms = [r for r, c in inside.classrooms.items() if c.school == school]
        own = [c for c, s in inside.classes.items() if s == school]
        result[school] = SchoolFigures(
            figures=figures(group, classes),
            classroom_coverage=_reached(group, rooms, lambda s: s.seat.classroom),
            class_coverage=_reached(group, own, lambda s: s.seat.school_class),
            regular_rate=_regular_rate(group, school, inside, rules),
        )
    return result


def _regular_rate(
    seats: Iterable[SeatEvidence], school: SchoolId, inside: Programme, rules: Rules
) -> Ratio:
    """常态化率: teaching weeks with enough held periods of all teaching weeks."""
    member = inside.schools.get(school)
    if member is None:
        return _NONE
    weeks = inside.teaching_weeks(member)
    held: dict[str, int] = defaultdict(int)
    for seat in seats:
        if seat.held:
            held[iso_week(seat.occurrence.date)] += seat.occurrence.periods
    return Ratio(sum(held[week] >= rules.weekly_norm for week in weeks), len(weeks))


def _reached(
    seats: Iterable[SeatEvidence],
    members: Collection[K],
    key: Callable[[SeatEvidence], K | None],
) -> Ratio:
    """Members with at least one held seat of all members."""
    held = {key(s) for s in seats if s.held}
    return Ratio(sum(m in held for m in members), len(members))


def _reach(
    seats: Sequence[SeatEvidence],
    inside: Programme,
    by_school: Mapping[SchoolId, SchoolFigures],
    matrix: Mapping[SchoolId, Mapping[str, int]],
) -> Reach:
    cells = [n for row in matrix.values() for n in row.values()]
    return Reach(
        school_coverage=_reached(
            seats, inside.schools, lambda s: inside.school_of(s.seat.classroom)
        ),
        classroom_coverage=_reached(seats, inside.classrooms, lambda s: s.seat.classroom),
        build_progress=Ratio(inside.commissioned(), inside.roster.target_classrooms),
        class_coverage=_reached(seats, inside.classes, lambda s: s.seat.school_class),
        regular_rate=reduce(Ratio.__add__, (f.regular_rate for f in by_school.values()), _NONE),
        mode_coverage=Ratio(sum(n > 0 for n in cells), len(cells)),
    )
