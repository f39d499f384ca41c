"""What one seat came to, and sums of it: the rows that every figure of coverage is made from.

A figure is made the same way whether its sums were taken from seats just judged or were stored by
day, week and month: `Tally` is all that is asked of either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final, NamedTuple, TypeVar

from .calendar import iso_week
from .crediting import MAY_CHANGE, NOT_DUE, Cause, SeatEvidence, SeatState
from .ids import ClassId, ClassroomId, OccurrenceId, SchoolId, SeatId, TeacherId
from .roster import SchoolClass

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class SeatResult:
    """One seat of a live lesson with what it came to; times in seconds.

    `school` is the remote school, of the classroom. `present` is the latest head count, `expected`
    the planned one. `cause` is set for missed, partial and unexcused seats.
    """

    occurrence: OccurrenceId
    seat: SeatId
    date: date
    school: SchoolId
    classroom: ClassroomId
    school_class: ClassId | None
    subject: str
    host_school: SchoolId
    teacher: TeacherId
    periods: int
    state: SeatState
    cause: Cause | None
    credited_s: int
    adjusted_s: int
    window_s: int
    host_s: int
    present: int | None
    expected: int | None
    interacted: bool

    @property
    def due(self) -> bool:
        """Whether the seat ought to have been held: not excused in time, not moved in time."""
        return self.state not in NOT_DUE

    @property
    def held(self) -> bool:
        """Whether it counts as held."""
        return self.state is SeatState.HELD

    @property
    def rho(self) -> float:
        """ρ, credited of planned time."""
        return self.credited_s / self.window_s

    def to_dict(self) -> dict[str, Any]:
        """As `sync-classroom audit --format json` prints a seat."""
        return {
            "seat": self.seat,
            "occurrence": self.occurrence,
            "state": self.state.value,
            "credited_s": self.credited_s,
            "window_s": self.window_s,
            "host_s": self.host_s,
        }

    def pending(self, unfinished: Collection[OccurrenceId]) -> bool:
        """Whether it may still be held, as its lesson is one of those that are not over."""
        return self.occurrence in unfinished and self.state in MAY_CHANGE


def place_of(seat: SeatResult) -> tuple[date, OccurrenceId, SeatId]:
    """What seats are ordered by."""
    return seat.date, seat.occurrence, seat.seat


def result_of(judged: SeatEvidence, school: SchoolId) -> SeatResult:
    """What a judged seat came to, without its intervals; `school` is its classroom's."""
    occurrence, seat = judged.occurrence, judged.seat
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
        state=judged.state,
        cause=judged.cause,
        credited_s=judged.credited_s,
        adjusted_s=judged.adjusted_s,
        window_s=judged.window_s,
        host_s=judged.host_s,
        present=judged.present,
        expected=seat.expected,
        interacted=judged.interacted,
    )


@dataclass(slots=True)
class Tally:
    """Sums over a group of seats. All but `pupils_reached` add up over groups of different dates.

    `due_credited_s` and `due_host_s` are over due seats, each seat with its lesson's host time.
    `host_s`, `host_window_s` are over lessons with a due seat and `host_periods` over those with a
    held one, each lesson once in the group. `attendances` and `interacted` are over held seats.
    `cause_…` are seats not held for that cause. `pupils_reached` is of the group as a whole.
    """

    due_periods: int = 0
    held_periods: int = 0
    credited_s: int = 0
    adjusted_s: int = 0
    due_credited_s: int = 0
    due_host_s: int = 0
    attendances: int = 0
    interacted: int = 0
    held_seats: int = 0
    partial_seats: int = 0
    missed_seats: int = 0
    unknown_seats: int = 0
    cancelled_unexcused_seats: int = 0
    cancelled_excused_seats: int = 0
    moved_seats: int = 0
    cause_host_absent: int = 0
    cause_terminal_offline: int = 0
    cause_network: int = 0
    cause_cancelled: int = 0
    cause_unexplained: int = 0
    host_s: int = 0
    host_window_s: int = 0
    host_periods: int = 0
    pupils_reached: int = 0

    @property
    def due_seats(self) -> int:
        """Seats that ought to have been held."""
        return (
            self.held_seats
            + self.partial_seats
            + self.missed_seats
            + self.unknown_seats
            + self.cancelled_unexcused_seats
        )

    def causes(self) -> dict[Cause, int]:
        """How many seats were not held for each cause; every cause is named, also with 0."""
        return {cause: getattr(self, f"cause_{cause.value}") for cause in Cause}


ADDITIVE: Final = tuple(f.name for f in fields(Tally) if f.name != "pupils_reached")
PER_LESSON: Final = ("host_s", "host_window_s", "host_periods")
"""Those of `ADDITIVE` that count each lesson once in a group, not each seat."""


def tally(seats: Iterable[SeatResult], classes: Mapping[ClassId, SchoolClass]) -> Tally:
    """The sums over a group of seats. `classes` gives enrolments for `pupils_reached`."""
    seats = list(seats)
    due = [s for s in seats if s.due]
    held = [s for s in due if s.held]
    states = dict.fromkeys(SeatState, 0)
    causes = dict.fromkeys(Cause, 0)
    for seat in seats:
        states[seat.state] += 1
        if seat.cause is not None:
            causes[seat.cause] += 1
    due_lessons, held_lessons = _lessons(due), _lessons(held)
    return Tally(
        due_periods=sum(s.periods for s in due),
        held_periods=sum(s.periods for s in held),
        credited_s=sum(s.credited_s for s in seats),
        adjusted_s=sum(s.adjusted_s for s in seats),
        due_credited_s=sum(s.credited_s for s in due),
        due_host_s=sum(s.host_s for s in due),
        attendances=sum(s.present if s.present is not None else s.expected or 0 for s in held),
        interacted=sum(s.interacted for s in held),
        host_s=sum(s.host_s for s in due_lessons),
        host_window_s=sum(s.window_s for s in due_lessons),
        host_periods=sum(s.periods for s in held_lessons),
        pupils_reached=_pupils_reached(held, classes),
        **{f"{state.value}_seats": n for state, n in states.items()},
        **{f"cause_{cause.value}": n for cause, n in causes.items()},
    )


class WeekCell(NamedTuple):
    """One school in one week: a cell of the heat map. A province has some 65 000 in a year."""

    due_periods: int = 0
    held_periods: int = 0
    due_seats: int = 0
    held_seats: int = 0


@dataclass(frozen=True, slots=True)
class Groups:
    """A period's seats summed in every way the figures need.

    Only groups with a seat are there. `school_classes` are the classes with a held seat, by the
    school whose classroom they sat in, where there is one; `classes` those of all
    schools. Weeks are ISO weeks.
    """

    total: Tally
    by_school: Mapping[SchoolId, Tally]
    by_classroom: Mapping[ClassroomId, Tally]
    by_subject: Mapping[str, Tally]
    by_teacher: Mapping[TeacherId, Tally]
    by_host_school: Mapping[SchoolId, Tally]
    by_week: Mapping[str, Tally]
    by_week_school: Mapping[str, Mapping[SchoolId, WeekCell]]
    classes: frozenset[ClassId]
    school_classes: Mapping[SchoolId, frozenset[ClassId]]


def groups_of(seats: Iterable[SeatResult], classes: Mapping[ClassId, SchoolClass]) -> Groups:
    """The sums of seats just judged."""
    seats = list(seats)

    def by(key: Callable[[SeatResult], K]) -> dict[K, Tally]:
        return {k: tally(group, classes) for k, group in grouped(seats, key).items()}

    schools = grouped(seats, lambda s: s.school)
    return Groups(
        total=tally(seats, classes),
        by_school={k: tally(group, classes) for k, group in schools.items()},
        by_classroom=by(lambda s: s.classroom),
        by_subject=by(lambda s: s.subject),
        by_teacher=by(lambda s: s.teacher),
        by_host_school=by(lambda s: s.host_school),
        by_week=by(lambda s: iso_week(s.date)),
        by_week_school=week_cells(seats),
        classes=reached_classes(seats),
        school_classes={
            k: reached for k, group in schools.items() if (reached := reached_classes(group))
        },
    )


def week_cells(seats: Iterable[SeatResult]) -> dict[str, dict[SchoolId, WeekCell]]:
    """Weeks × schools."""
    cells: dict[str, dict[SchoolId, WeekCell]] = {}
    for (week, school), group in grouped(seats, lambda s: (iso_week(s.date), s.school)).items():
        cells.setdefault(week, {})[school] = WeekCell(
            due_periods=sum(s.periods for s in group if s.due),
            held_periods=sum(s.periods for s in group if s.held),
            due_seats=sum(s.due for s in group),
            held_seats=sum(s.held for s in group),
        )
    return cells


def reached_classes(seats: Iterable[SeatResult]) -> frozenset[ClassId]:
    """Classes with at least one held seat."""
    return frozenset(s.school_class for s in seats if s.held and s.school_class is not None)


def grouped(
    seats: Iterable[SeatResult], key: Callable[[SeatResult], K]
) -> dict[K, list[SeatResult]]:
    """Seats by a key."""
    groups: dict[K, list[SeatResult]] = {}
    for seat in seats:
        groups.setdefault(key(seat), []).append(seat)
    return groups


def _lessons(seats: Iterable[SeatResult]) -> list[SeatResult]:
    """One seat of each occurrence: what is counted once per occurrence is read from it."""
    first: dict[OccurrenceId, SeatResult] = {}
    for seat in seats:
        first.setdefault(seat.occurrence, seat)
    return list(first.values())


def _pupils_reached(held: Iterable[SeatResult], classes: Mapping[ClassId, SchoolClass]) -> int:
    """Each class once, with the most pupils ever counted in it; uncounted, with its enrolment."""
    most: dict[ClassId, int | None] = {}
    for seat in held:
        school_class = seat.school_class
        if school_class is None:
            continue
        before = most.get(school_class)
        if seat.present is not None and (before is None or seat.present > before):
            most[school_class] = seat.present
        else:
            most.setdefault(school_class, None)
    return sum(
        present if present is not None else (classes[c].enrolment if c in classes else 0)
        for c, present in most.items()
    )
