"""The coverage a plan would give if everything in it were held, so that gaps are seen before.

Every live seat that is not withdrawn is taken as held from the first to the last second; the rest
is the coverage module's own: the same states, membership, teaching weeks and measures. Where a
room is booked twice both lessons count here, while of the real ones only the first is credited:
such a plan cannot be published.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from .coverage import school_figures
from .crediting import SeatState, window_of, withdrawn_state
from .ids import ClassId, SchoolId
from .measures import Figures, Ratio, figures, figures_of, measured
from .programme import Programme
from .rollup import Groups, SeatResult, Tally, groups_of
from .roster import Roster, SchoolClass
from .rules import DEFAULT, Rules
from .timetable import Mode, Occurrence, Seat


@dataclass(frozen=True, slots=True)
class PlannedFigures:
    """What a group of seats would come to.

    `held_periods` counts what takes place, `due_periods` also what was withdrawn without excuse,
    which nobody can hold any more. `host_periods` counts each lesson once, `pupils_reached` each
    class once, by its enrolment, `pupil_attendances` the expected head counts.
    """

    due_periods: int
    held_periods: int
    host_periods: int
    held_seats: int
    pupils_reached: int
    pupil_attendances: int


@dataclass(frozen=True, slots=True)
class PlannedSchool:
    """One remote school. `weeks` are its ISO weeks with what would be held in each: every week it
    teaches in, also without any lesson, and any other with one. `regular_rate` is 常态化率."""

    figures: PlannedFigures
    classroom_coverage: Ratio
    class_coverage: Ratio
    regular_rate: Ratio
    weeks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Gap:
    """A week in which a school teaches and has fewer periods than the norm."""

    school: SchoolId
    week: str
    periods: int
    norm: int


@dataclass(frozen=True, slots=True)
class PlannedCoverage:
    """The figures of the civil days `[first, last]`; None for a plan without any date.

    `by_school` has every remote school of the programme and `by_class` every class of a remote
    school, also without any seat; a seat without a class is in no class. `gaps` come by week, then
    in the order of the schools.
    """

    rules: Rules
    first: date | None
    last: date | None
    totals: PlannedFigures
    by_school: Mapping[SchoolId, PlannedSchool]
    by_class: Mapping[ClassId, PlannedFigures]
    by_subject: Mapping[str, PlannedFigures]
    by_week: Mapping[str, PlannedFigures]
    gaps: tuple[Gap, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, under the code names of the measures."""
        return {
            "rules": self.rules.to_dict(),
            "period": {
                "from": self.first and self.first.isoformat(),
                "to": self.last and self.last.isoformat(),
            },
            "totals": measured(self.totals),
            "by_school": {
                school: {
                    **measured(planned.figures),
                    "classroom_coverage": planned.classroom_coverage.to_dict(),
                    "class_coverage": planned.class_coverage.to_dict(),
                    "regular_rate": planned.regular_rate.to_dict(),
                    "weeks": dict(planned.weeks),
                }
                for school, planned in self.by_school.items()
            },
            "by_class": {k: measured(v) for k, v in self.by_class.items()},
            "by_subject": {k: measured(v) for k, v in self.by_subject.items()},
            "by_week": {k: measured(v) for k, v in self.by_week.items()},
            "gaps": [
                {"school": g.school, "week": g.week, "periods": g.periods, "norm": g.norm}
                for g in self.gaps
            ],
        }


def planned(
    occurrences: Iterable[Occurrence],
    roster: Roster,
    *,
    rules: Rules = DEFAULT,
    first: date | None = None,
    last: date | None = None,
) -> PlannedCoverage:
    """What the lessons of `[first, last]` would come to, by default of all dates of the plan.

    Pass the term's own days to see its empty weeks, too. Raises ValueError if `last` is before
    `first`, KeyError for a classroom that is not in the roster.
    """
    if first is not None and last is not None and last < first:
        raise ValueError(f"the period ends on {last}, before it begins on {first}")
    occurrences = list(occurrences)
    dates = [o.date for o in occurrences]
    first = first or min(dates, default=last)
    last = last or max(dates, default=first)
    inside = Programme(roster, first, last)
    seats = tuple(
        _held(occurrence, seat, inside.school_of(seat.classroom))
        for occurrence in occurrences
        if occurrence.mode is Mode.LIVE and inside.has(occurrence.date)
        for seat in occurrence.seats
    )
    classes = dict(roster.classes)
    groups = groups_of(seats, classes)
    by_school = _by_school(groups, inside, rules)
    by_class: dict[ClassId, list[SeatResult]] = {c: [] for c in inside.classes}
    for seat in seats:
        if seat.school_class in by_class:
            by_class[seat.school_class].append(seat)
    return PlannedCoverage(
        rules=rules,
        first=first,
        last=last,
        totals=_summed(groups.total),
        by_school=by_school,
        by_class={k: _figures(v, classes) for k, v in by_class.items()},
        by_subject={k: _summed(groups.by_subject[k]) for k in sorted(groups.by_subject)},
        by_week={k: _summed(groups.by_week[k]) for k in sorted(groups.by_week)},
        gaps=_gaps(by_school, inside, rules),
    )


def _held(occurrence: Occurrence, seat: Seat, school: SchoolId) -> SeatResult:
    """The seat as if its whole window had been received; nothing of one that is withdrawn."""
    first, last = window_of(occurrence)
    withdrawn = withdrawn_state(occurrence, seat)
    received_s = last - first if withdrawn is None else 0
    return SeatResult(
        occurrence=occurrence.id,
        seat=seat.id,
        date=occurrence.date,
        school=school,
        classroom=seat.classroom,
        school_class=seat.school_class,
        subject=occurrence.subject,
        host_school=occurrence.host.school,
        teacher=occurrence.host.teacher,
        periods=occurrence.periods,
        state=withdrawn or SeatState.HELD,
        cause=None,
        credited_s=received_s,
        adjusted_s=0,
        window_s=last - first,
        host_s=received_s,
        present=None,
        expected=seat.expected,
        interacted=False,
    )


def _figures(seats: Sequence[SeatResult], classes: dict[ClassId, SchoolClass]) -> PlannedFigures:
    return _part_of(figures(seats, classes))


def _summed(sums: Tally) -> PlannedFigures:
    return _part_of(figures_of(sums))


def _part_of(found: Figures) -> PlannedFigures:
    return PlannedFigures(
        due_periods=found.due_periods,
        held_periods=found.held_periods,
        host_periods=found.host_periods,
        held_seats=found.held_seats,
        pupils_reached=found.pupils_reached,
        pupil_attendances=found.pupil_attendances,
    )


def _by_school(groups: Groups, inside: Programme, rules: Rules) -> dict[SchoolId, PlannedSchool]:
    held: dict[SchoolId, dict[str, int]] = defaultdict(dict)
    for school in inside.schools.values():
        held[school.id] |= dict.fromkeys(inside.teaching_weeks(school), 0)
    for week, row in groups.by_week_school.items():
        for school_id, cell in row.items():
            if cell.held_seats:
                held[school_id][week] = cell.held_periods
    return {
        school: PlannedSchool(
            _part_of(found.figures),
            found.classroom_coverage,
            found.class_coverage,
            found.regular_rate,
            {week: held[school][week] for week in sorted(held[school])},
        )
        for school, found in school_figures(groups, inside, rules).items()
    }


def _gaps(
    by_school: Mapping[SchoolId, PlannedSchool], inside: Programme, rules: Rules
) -> tuple[Gap, ...]:
    gaps = [
        Gap(school.id, week, by_school[school.id].weeks[week], rules.weekly_norm)
        for school in inside.schools.values()
        for week in inside.teaching_weeks(school)
        if by_school[school.id].weeks[week] < rules.weekly_norm
    ]
    order = {school: number for number, school in enumerate(inside.schools)}
    return tuple(sorted(gaps, key=lambda gap: (gap.week, order[gap.school])))
