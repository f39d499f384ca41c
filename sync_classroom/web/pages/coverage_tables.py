"""The tables of the coverage page: headline figures, schools, classrooms, weeks, seats, causes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any, Final, TypeVar

from ...domain.calendar import iso_week
from ...domain.comparison import Change, change_of
from ...domain.coverage import CoverageFigures, Figures, Ratio, SeatState
from ...domain.crediting import Cause
from ...domain.definitions import DEFINITIONS, Unit
from ...domain.ids import SchoolId
from ...domain.rollup import SeatResult, WeekCell
from ...domain.roster import Roster
from ...domain.rules import Rules
from ..formats import Rate, rate, term_on, week_of
from ..i18n import mark
from .coverage_schools import MOST_GIVERS
from .frame import Frame
from .words import CAUSE_WORDS, Word

K = TypeVar("K")

_NO_CELL: Final = WeekCell()

# The order in which a stacked bar shows states, and the shape code that colours each.
_STACK: Final = (
    ("held", "held_seats", SeatState.HELD),
    ("partial", "partial_seats", SeatState.PARTIAL),
    ("missed", "missed_seats", SeatState.MISSED),
    ("unknown", "unknown_seats", SeatState.UNKNOWN),
    ("cancelled", "cancelled_unexcused_seats", SeatState.CANCELLED_UNEXCUSED),
)
STACK_WORDS: Final = {
    "held": mark("已开"),
    "partial": mark("部分"),
    "missed": mark("未开"),
    "unknown": mark("待定"),
    "cancelled": mark("取消（无因）"),
    "waiting": mark("未上完"),
}
NOT_YET: Final = Word("waiting", mark("未上完"))
# By the sign of a change.
DIRECTIONS: Final = {1: "up", -1: "down", 0: "same"}
# Lower bounds of the heat map's shades; none held, and none over yet, have shades of their own.
_HEAT: Final = ((0.95, "4"), (0.8, "3"), (0.5, "2"), (0.0, "1"))


@dataclass(frozen=True, slots=True)
class Value:
    """A measure as it is written; `exact` is what the audit has."""

    value: str
    fraction: str
    exact: str


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure at the top: how it is written, compared, and defined.

    `change` and `direction` ("up", "down", "same") are "" and `before` None where there is nothing
    to compare with.
    """

    code: str
    name: str
    now: Value
    before: Value | None
    change: str
    direction: str
    formula: str


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a stacked bar."""

    shape: str
    x: str
    width: str
    seats: int


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of a school, a classroom or a subject."""

    id: str
    name: str
    due: int
    held: int
    held_rate: Rate
    credited_s: int
    reach: Rate | None
    shade: str
    stack: tuple[Slice, ...]


@dataclass(frozen=True, slots=True)
class Giver:
    """What one teacher, or one host school, gave to the remote side."""

    id: str
    name: str
    host_periods: int
    host_s: int
    host_rate: Rate
    held_rate: Rate
    attendances: int


@dataclass(frozen=True, slots=True)
class RoomGroup:
    """The classrooms of one school."""

    school: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One school in one week."""

    shade: str
    rate: Rate
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Weeks (label, Monday) across, schools down."""

    weeks: tuple[tuple[str, date], ...]
    rows: tuple[tuple[str, str, tuple[HeatCell, ...]], ...]


# What a bureau asks for first; then what those figures rest on.
HEADLINES: Final = (
    "held_rate",
    "due_periods",
    "held_periods",
    "school_coverage",
    "classroom_coverage",
    "credited_s",
    "build_progress",
    "evidence_complete",
    "adjusted_share",
    "regular_rate",
    "mode_coverage",
)
# Those that can be said of one school, and of one classroom.
OF_SCHOOL: Final = (
    "held_rate",
    "due_periods",
    "held_periods",
    "classroom_coverage",
    "credited_s",
    "evidence_complete",
    "adjusted_share",
)
OF_ROOM: Final = (
    "held_rate",
    "due_periods",
    "held_periods",
    "credited_s",
    "fidelity",
    "evidence_complete",
    "adjusted_share",
)


def measures(coverage: CoverageFigures) -> dict[str, Any]:
    """Every measure of the whole programme under its code name, rates as `Ratio`."""
    return {
        f.name: getattr(thing, f.name)
        for thing in (coverage.totals, coverage.reach, coverage.research, coverage.push)
        for f in fields(thing)
    }


def headlines(
    frame: Frame,
    codes: Sequence[str],
    now: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    rules: Rules,
) -> tuple[Headline, ...]:
    """The measures asked for, each with its fraction, formula and change since `before`."""
    # Nothing planned before is no standard to compare with.
    if before is not None and not before["due_seats"]:
        before = None
    language = frame.tongue.code
    found: list[Headline] = []
    for code in codes:
        known = DEFINITIONS[code]
        change = None if before is None else change_of(known.unit, now[code], before[code])
        found.append(
            Headline(
                code,
                known.name(language),
                value_in_words(frame, known.unit, now[code]),
                value_in_words(frame, known.unit, before[code]) if before is not None else None,
                change_in_words(frame, known.unit, change) if change else "",
                DIRECTIONS[change.sign] if change else "",
                known.formula(language, rules),
            )
        )
    return tuple(found)


def value_in_words(frame: Frame, unit: Unit, value: Any) -> Value:
    """A measure as it is written."""
    if unit is Unit.RATIO:
        written = rate(value.numerator, value.denominator)
        return Value(written.percent, written.fraction, written.exact)
    if unit is Unit.SECONDS:
        return Value(frame.format.duration(value), "", str(value))
    return Value(str(value), "", str(value))


def change_in_words(frame: Frame, unit: Unit, change: Change) -> str:
    """A change with its sign: `+1.5 个百分点`, `-3`, `+38 分 12 秒`."""
    sign = "-" if change.sign < 0 else "+"
    if unit is Unit.RATIO and change.sign and not change.amount:
        return frame.t("不足 0.1 个百分点")
    if unit is Unit.RATIO:
        tenths = f"{sign}{change.amount // 10}.{change.amount % 10}"
        return frame.t("%(points)s 个百分点", points=tenths)
    if unit is Unit.SECONDS:
        return f"{sign}{frame.format.duration(change.amount)}"
    return f"{sign}{change.amount}"


def stack(figures: Figures, pending: Sequence[SeatResult] = ()) -> tuple[Slice, ...]:
    """A bar of due seats by state, widths in percent of the bar; `pending` have no state yet."""
    total = figures.due_seats
    early = Counter(seat.state for seat in pending)
    parts = [(shape, int(getattr(figures, name)) - early[state]) for shape, name, state in _STACK]
    slices: list[Slice] = []
    passed = 0
    for shape, seats in (*parts, (NOT_YET.shape, len(pending))):
        if seats:
            slices.append(Slice(shape, _percent(passed, total), _percent(seats, total), seats))
        passed += seats
    return tuple(slices)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.4f}%"


def _row(
    ident: str,
    name: str,
    figures: Figures,
    pending: Sequence[SeatResult],
    reach: Ratio | None = None,
) -> Row:
    return Row(
        ident,
        name,
        figures.due_periods,
        figures.held_periods,
        rate(figures.held_rate.numerator, figures.held_rate.denominator),
        figures.credited_s,
        rate(reach.numerator, reach.denominator) if reach else None,
        shade_of(figures.held_periods, figures.due_periods, _periods(pending)),
        stack(figures, pending),
    )


def school_rows(
    coverage: CoverageFigures,
    roster: Roster,
    schools: Sequence[SchoolId],
    pending: Sequence[SeatResult] = (),
) -> tuple[Row, ...]:
    """Some of the remote schools of the programme in the period."""
    later = _grouped(pending, lambda s: s.school)
    of = coverage.by_school
    return tuple(
        _row(s, _school(roster, s), of[s].figures, later[s], of[s].classroom_coverage)
        for s in schools
    )


def total_row(frame: Frame, coverage: CoverageFigures, pending: Sequence[SeatResult] = ()) -> Row:
    """All of them together: the sums of the columns above it."""
    reach = coverage.reach.classroom_coverage
    return _row("", frame.t("合计"), coverage.totals, pending, reach)


def place_row(name: str, figures: Figures, pending: Sequence[SeatResult]) -> Row:
    """One place alone."""
    return _row("", name, figures, pending)


def subject_rows(coverage: CoverageFigures, pending: Sequence[SeatResult] = ()) -> tuple[Row, ...]:
    """Subjects, most periods due first."""
    later = _grouped(pending, lambda s: s.subject)
    rows = [_row(s, s, f, later[s]) for s, f in coverage.by_subject.items()]
    return tuple(sorted(rows, key=lambda r: (-r.due, r.name)))


def _grouped(
    seats: Sequence[SeatResult], key: Callable[[SeatResult], K]
) -> defaultdict[K, list[SeatResult]]:
    groups: defaultdict[K, list[SeatResult]] = defaultdict(list)
    for seat in seats:
        groups[key(seat)].append(seat)
    return groups


def room_groups(
    coverage: CoverageFigures,
    roster: Roster,
    school: SchoolId | None,
    pending: Sequence[SeatResult] = (),
) -> tuple[RoomGroup, ...]:
    """Classrooms by school, of one school if asked."""
    later = _grouped(pending, lambda s: s.classroom)
    groups: dict[SchoolId, list[Row]] = defaultdict(list)
    for ident, figures in coverage.by_classroom.items():
        room = roster.classrooms.get(ident)
        owner = room.school if room else SchoolId("")
        if school is None or owner == school:
            name = room.name if room else ident
            groups[owner].append(_row(ident, name, figures, later[ident]))
    return tuple(RoomGroup(_school(roster, s), tuple(rows)) for s, rows in groups.items())


def giver_groups(
    coverage: CoverageFigures, roster: Roster
) -> tuple[tuple[str, str, tuple[Giver, ...]], ...]:
    """Host schools, then teachers: code of the group, who, those who gave most periods."""
    teachers = {t.id: t.name for t in roster.teachers.values()}
    schools = [_giver(k, _school(roster, k), f) for k, f in coverage.by_host_school.items()]
    people = [_giver(k, teachers.get(k, k), f) for k, f in coverage.by_teacher.items()]
    return (
        ("by_host_school", mark("主讲校"), _most_given(schools)),
        ("by_teacher", mark("主讲教师"), _most_given(people)),
    )


def _giver(ident: str, name: str, figures: Figures) -> Giver:
    given, held = figures.host_rate, figures.held_rate
    return Giver(
        ident,
        name,
        figures.host_periods,
        figures.host_s,
        rate(given.numerator, given.denominator),
        rate(held.numerator, held.denominator),
        figures.pupil_attendances,
    )


def _most_given(rows: list[Giver]) -> tuple[Giver, ...]:
    return tuple(sorted(rows, key=lambda r: (-r.host_periods, r.name)))[:MOST_GIVERS]


def heat_map(
    frame: Frame,
    coverage: CoverageFigures,
    schools: Sequence[SchoolId],
    pending: Sequence[SeatResult] = (),
) -> HeatMap | None:
    """Held rate by week of some schools; None where there is nothing to compare."""
    roster = frame.roster
    cells = coverage.by_week_school
    later = _grouped(pending, lambda s: (s.school, monday_of(s.date)))
    mondays = [
        monday_of_week(week)
        for week, row in cells.items()
        if any(cell.due_periods for cell in row.values())
    ]
    if not mondays:
        return None

    def cell(school: SchoolId, monday: date) -> HeatCell:
        found = cells[iso_week(monday)].get(school, _NO_CELL)
        waiting = _periods(later[school, monday])
        days = week_days(coverage, monday)
        return _heat(found.held_periods, found.due_periods, waiting, days)

    rows = tuple(
        (school, _school(roster, school), tuple(cell(school, m) for m in mondays))
        for school in schools
    )
    return HeatMap(tuple((week_name(frame, m), m) for m in mondays), rows)


def _heat(held: int, due: int, pending: int, days: tuple[date, date]) -> HeatCell:
    return HeatCell(shade_of(held, due, pending), rate(held, due), *days)


def week_days(coverage: CoverageFigures, monday: date) -> tuple[date, date]:
    """The days of a week that are counted: what a cell leads to says the same as the cell."""
    sunday = monday + timedelta(days=6)
    return max(monday, coverage.first or monday), min(sunday, coverage.last or sunday)


def shade_of(held: int, due: int, pending: int = 0) -> str:
    """How dark a cell is: "none" without anything due, "0" where nothing was held, up to "4".

    "wait" where all that is due is still `pending`: nothing has failed yet.
    """
    if not due:
        return "none"
    if pending == due:
        return "wait"
    return next(s for bound, s in _HEAT if held / due >= bound) if held else "0"


def monday_of(day: date) -> date:
    """The Monday of the week a day is in."""
    return day - timedelta(days=day.weekday())


def monday_of_week(week: str) -> date:
    """The Monday of an ISO week as it is written, `2026-W36`."""
    year, _, number = week.partition("-W")
    return date.fromisocalendar(int(year), int(number), 1)


def week_name(frame: Frame, monday: date) -> str:
    """The teaching week, or the date of its Monday outside of terms."""
    friday = monday + timedelta(days=4)
    number = week_of(term_on(frame.roster, friday), friday)
    if number is None:
        return frame.format.brief_day(monday)
    return frame.t("第%(n)s周", n=number)


def _periods(seats: Sequence[SeatResult]) -> int:
    return sum(s.periods for s in seats)


def cause_rows(
    counted: Mapping[Cause, int], pending: Sequence[SeatResult] = ()
) -> tuple[tuple[str, str, int, str], ...]:
    """Causes of what was not held, in words, with their share of all of it, largest first.

    A lesson that is not over accuses nobody yet.
    """
    causes = Counter(counted)
    causes.subtract(s.cause for s in pending if s.cause is not None)
    total = sum(causes.values())
    rows = [(c.value, CAUSE_WORDS[c.value], n, _percent(n, total)) for c, n in causes.items() if n]
    return tuple(sorted(rows, key=lambda r: -r[2]))


def matrix_rows(
    coverage: CoverageFigures, roster: Roster, schools: Sequence[SchoolId]
) -> tuple[tuple[str, str, Mapping[str, int]], ...]:
    """School × mode counts of some schools: id, name, counts."""
    modes = coverage.mode_matrix
    return tuple((s, _school(roster, s), modes[s]) for s in schools if s in modes)


def _school(roster: Roster, ident: str) -> str:
    school = roster.schools.get(SchoolId(ident))
    return school.name if school else ident
