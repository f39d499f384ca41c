"""A report as data: every figure, table and name it prints, and nothing of how it looks.

Written as plain JSON values, because it goes to a process of its own to be drawn. `figures` is what
`audit` prints for the same bundle, but for the seats, which are rows here. Groups are numbered from
1 and seats refer to those numbers: names may be anything, also text that a spreadsheet would read
as a pattern.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

from .calendar import iso_week, week_number
from .coverage import Coverage
from .crediting import Cause, SeatEvidence
from .facts import Adjustment
from .intervals import second_of
from .measures import measured
from .programme import Programme
from .roster import Roster, Term

K = TypeVar("K", bound=Hashable)

CONTENT_SCHEMA: Final = "sync-classroom/report-content/1"

#: What a row of `seats` holds, in order. `…_no` are numbers of rows of the tables; `first_…_due`,
#: `first_…_held` mark one seat of each lesson in the group, so that lessons can be counted.
SEAT_COLUMNS: Final = (
    "date", "starts_at", "occurrence", "seat", "title", "school_no", "classroom_no", "subject_no",
    "week_no", "teacher_no", "host_school_no", "class", "state", "cause", "due", "held", "periods",
    "window_s", "host_s", "credited_s", "adjusted_s", "expected", "present", "interacted",
    "first_due", "first_due_school", "first_due_room",
    "first_held", "first_held_school", "first_held_room",
)  # fmt: skip


class ReportKind(StrEnum):
    """What period a report is about."""

    MONTH = "month"
    TERM = "term"
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Target:
    """How many remote classrooms are to be in commission by the end of a day."""

    by: date
    classrooms: int


@dataclass(frozen=True, slots=True)
class About:
    """What a report says of itself, beside its figures.

    `cut_off` is when the facts were read, `sha256` the hashes of the bundle's files, `facts` how
    many of each kind were read, `chain` the head of their chain. `programme` is the name people
    know.
    """

    kind: ReportKind
    language: str
    programme: str
    cut_off: datetime
    version: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, int] = field(default_factory=dict)
    targets: Sequence[Target] = ()
    chain: str = ""


def report_content(
    coverage: Coverage,
    roster: Roster,
    about: About,
    *,
    adjustments: Iterable[Adjustment] = (),
    restatements: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Everything a report prints. ValueError for a coverage without any period.

    `adjustments` are those of the period's lessons; `restatements` what became of earlier
    publications, as `restatement.to_dict` writes them.
    """
    if coverage.first is None or coverage.last is None:
        raise ValueError("a report is about a period")
    tables = _Tables(coverage, roster)
    whole = coverage.to_dict()
    del whole["seats"]
    return {
        "schema": CONTENT_SCHEMA,
        "kind": about.kind.value,
        "language": about.language,
        "programme": about.programme,
        "zone": roster.timezone,
        "cut_off": about.cut_off.isoformat(),
        "version": about.version,
        "sha256": dict(about.sha256),
        "facts": dict(about.facts),
        "chain": about.chain,
        "figures": whole,
        "tables": tables.written(),
        "week_school": tables.week_school(),
        "causes_by_school": tables.causes_by_school(),
        "build": _build(roster, coverage.last, about.targets),
        "seats": tables.seats(),
        "adjustments": [_adjustment(a, tables) for a in _ordered(adjustments)],
        "restatements": [dict(r) for r in restatements],
    }


class _Tables:
    """The groups of a coverage, numbered."""

    def __init__(self, coverage: Coverage, roster: Roster) -> None:
        self._coverage = coverage
        self._roster = roster
        self._inside = Programme(roster, coverage.first, coverage.last)
        seats = coverage.seats
        # As the roster has them: numbers in Chinese names do not sort as numbers.
        ranks = {k: n for n, k in enumerate(roster.schools)}
        rooms = {k: n for n, k in enumerate(roster.classrooms)}
        people = {k: n for n, k in enumerate(roster.teachers)}
        self._schools = _numbered(coverage.by_school, lambda k: ranks[k])
        self._rooms = _numbered(
            coverage.by_classroom, lambda k: (ranks[roster.classrooms[k].school], rooms[k])
        )
        self._subjects = _numbered(coverage.by_subject, str)
        self._weeks = _numbered(coverage.by_week, str)
        self._host_schools = _numbered(coverage.by_host_school, lambda k: ranks[k])
        self._teacher_numbers = _numbered(
            coverage.by_teacher, lambda k: (ranks[roster.teachers[k].school], people[k])
        )
        self.by_seat = {(s.occurrence.id, s.seat.id): s for s in seats}

    def written(self) -> dict[str, list[dict[str, Any]]]:
        """Every table with its rows in the order of their numbers."""
        roster, coverage = self._roster, self._coverage
        return {
            "school": [
                {"no": n, "id": k, "name": roster.schools[k].name, "member": k in
                 self._inside.schools, **coverage.by_school[k].to_dict()}
                for k, n in self._schools.items()
            ],
            "classroom": [
                {"no": n, "id": k, "name": roster.classrooms[k].name,
                 "school": roster.schools[roster.classrooms[k].school].name,
                 "member": k in self._inside.classrooms, **measured(coverage.by_classroom[k])}
                for k, n in self._rooms.items()
            ],
            "subject": [
                {"no": n, "id": k, "name": k, **measured(coverage.by_subject[k])}
                for k, n in self._subjects.items()
            ],
            "week": [
                {"no": n, "id": k, "name": k, **self._week(k), **measured(coverage.by_week[k])}
                for k, n in self._weeks.items()
            ],
            "teacher": [
                {"no": n, "id": k, "name": roster.teachers[k].name,
                 "school": roster.schools[roster.teachers[k].school].name,
                 **measured(coverage.by_teacher[k])}
                for k, n in self._teacher_numbers.items()
            ],
            "host_school": [
                {"no": n, "id": k, "name": roster.schools[k].name,
                 **measured(coverage.by_host_school[k])}
                for k, n in self._host_schools.items()
            ],
        }  # fmt: skip

    def week_school(self) -> list[list[Any]]:
        """`[week no, school no, held periods, due periods]` of every cell that has a due seat."""
        return sorted(
            [self._weeks[week], self._schools[school], cell.held_periods, cell.due_periods]
            for week, row in self._coverage.by_week_school.items()
            for school, cell in row.items()
            if cell.due_periods
        )

    def causes_by_school(self) -> list[dict[str, Any]]:
        """Per school in the order of its table, how many seats were not held for each cause."""
        count = {n: dict.fromkeys(Cause, 0) for n in self._schools.values()}
        for seat in self._coverage.seats:
            if seat.cause is not None:
                count[self._school_of(seat)][seat.cause] += 1
        return [{"school_no": n, **{c.value: k for c, k in of.items()}} for n, of in count.items()]

    def seats(self) -> list[list[Any]]:
        """Every seat as a row of `SEAT_COLUMNS`, by date, start and id."""
        firsts = _Firsts()
        ordered = sorted(
            self._coverage.seats,
            key=lambda s: (s.occurrence.starts_at, s.occurrence.id, s.seat.id),
        )
        return [self._row(s, firsts) for s in ordered]

    def place(self, seat: SeatEvidence) -> tuple[int, int]:
        """The numbers of a seat's school and classroom."""
        return self._school_of(seat), self._rooms[seat.seat.classroom]

    def _row(self, s: SeatEvidence, firsts: _Firsts) -> list[Any]:
        o = s.occurrence
        school, room = self.place(s)
        school_class = (
            self._roster.classes.get(s.seat.school_class) if s.seat.school_class else None
        )
        return [
            o.date.isoformat(), o.starts_at.isoformat(), o.id, s.seat.id, o.title, school, room,
            self._subjects[o.subject], self._weeks[iso_week(o.date)],
            self._teacher_numbers[o.host.teacher], self._host_schools[o.host.school],
            school_class.name if school_class else "", s.state.value,
            s.cause.value if s.cause else "", int(s.due), int(s.due and s.held), o.periods,
            s.window_s, s.host_s, s.credited_s, s.adjusted_s, s.seat.expected, s.present,
            int(s.interacted), *firsts.flags(s, school, room),
        ]  # fmt: skip

    def _school_of(self, seat: SeatEvidence) -> int:
        return self._schools[self._roster.classrooms[seat.seat.classroom].school]

    def _week(self, week: str) -> dict[str, Any]:
        year, _, number = week.partition("-W")
        monday = date.fromisocalendar(int(year), int(number), 1)
        days = (monday + timedelta(days=n) for n in range(7))
        term = next((t for d in days if (t := _term_on(self._roster, d))), None)
        return {
            "monday": monday.isoformat(),
            "teaching_week": None
            if term is None
            else week_number(term, max(monday, term.first_day)),
        }


class _Firsts:
    """Marks the first seat of a lesson in a group: there, what counts once a lesson is counted."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()

    def flags(self, s: SeatEvidence, school: int, room: int) -> list[int]:
        """For due and for held: the first of all, of its school, of its room."""
        lesson = s.occurrence.id
        groups = ((lesson, ""), (lesson, "s", school), (lesson, "r", room))
        return [
            int(counts and self._first((what, *group)))
            for what, counts in (("due", s.due), ("held", s.due and s.held))
            for group in groups
        ]

    def _first(self, key: tuple[Any, ...]) -> bool:
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def _numbered(keys: Iterable[K], order: Callable[[K], Any]) -> dict[K, int]:
    """Keys by their order, numbered from 1."""
    return {key: n for n, key in enumerate(sorted(keys, key=order), start=1)}


def _term_on(roster: Roster, day: date) -> Term | None:
    return next((t for t in roster.terms.values() if t.first_day <= day <= t.last_day), None)


def _build(roster: Roster, last: date, targets: Sequence[Target]) -> dict[str, Any]:
    """How many remote classrooms were in commission from which day on, up to `last`."""
    moves: dict[date, int] = defaultdict(int)
    for room in roster.classrooms.values():
        if roster.schools[room.school].role.value != "remote" or room.commissioned_on > last:
            continue
        moves[room.commissioned_on] += 1
        if room.retired_on is not None and room.retired_on <= last:
            moves[room.retired_on] -= 1
    count, steps = 0, []
    for day in sorted(moves):
        count += moves[day]
        steps.append([day.isoformat(), count])
    return {
        "steps": steps,
        "targets": [[t.by.isoformat(), t.classrooms] for t in sorted(targets, key=lambda t: t.by)],
        "target": roster.target_classrooms,
    }


def _ordered(adjustments: Iterable[Adjustment]) -> list[Adjustment]:
    return sorted(adjustments, key=lambda a: (a.credit_from, a.occurrence, a.seat, a.id))


def _adjustment(a: Adjustment, tables: _Tables) -> dict[str, Any]:
    seat = tables.by_seat.get((a.occurrence, a.seat))
    school, room = tables.place(seat) if seat is not None else (None, None)
    return {
        "id": a.id,
        "occurrence": a.occurrence,
        "seat": a.seat,
        "school_no": school,
        "classroom_no": room,
        "from": a.credit_from.isoformat(),
        "to": a.credit_to.isoformat(),
        "seconds": second_of(a.credit_to) - second_of(a.credit_from),
        "at": a.at.isoformat(),
        "by": a.by,
        "reason": a.reason,
    }
