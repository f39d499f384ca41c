"""The tables of the coverage page: headline figures, schools, classrooms, weeks, seats, causes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, TypeVar

from ...domain.coverage import Coverage, Figures, Ratio, SeatEvidence, SeatState
from ...domain.ids import ClassroomId, OccurrenceId, SchoolId
from ...domain.roster import Roster
from ..formats import Rate, rate, term_on, week_of
from ..i18n import mark
from .frame import Frame
from .words import CAUSE_WORDS, SEAT_WORDS, Word

K = TypeVar("K")

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
# Lower bounds of the heat map's shades; none held, and none over yet, have shades of their own.
_HEAT: Final = ((0.95, "4"), (0.8, "3"), (0.5, "2"), (0.0, "1"))


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure at the top: how it is written, compared, and defined; `exact` is what the audit
    has."""

    code: str
    name: str
    value: str
    exact: str
    fraction: str
    change: str
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


@dataclass(frozen=True, slots=True)
class SeatRow:
    """One seat of the list."""

    seat: SeatEvidence
    word: Word
    cause: str | None
    room: str
    school: str
    subject: str


def headlines(frame: Frame, now: Coverage, before: Coverage) -> tuple[Headline, ...]:
    """The measures a bureau asks for first, each with its fraction and formula."""
    t, f = frame.t, frame.format
    a, b = now.totals, before.totals
    # Nothing planned before is no standard to compare with.
    compared = b.due_seats > 0

    def share(code: str, name: str, x: Ratio, y: Ratio, formula: str) -> Headline:
        written = rate(x.numerator, x.denominator)
        change = points(x, y) if compared else ""
        exact = written.exact
        return Headline(code, t(name), written.percent, exact, written.fraction, change, t(formula))

    def amount(code: str, name: str, x: int, y: int, formula: str) -> Headline:
        change = f"{x - y:+d}" if compared else ""
        return Headline(code, t(name), str(x), str(x), "", change, t(formula))

    return (
        share("held_rate", mark("开课率"), a.held_rate, b.held_rate,
              mark("实开课时 ÷ 应开课时")),
        amount("due_periods", mark("应开课时"), a.due_periods, b.due_periods,
               mark("每间听课教室每节课的课时之和，上课前有因取消的和调走的除外")),
        amount("held_periods", mark("实开课时"), a.held_periods, b.held_periods,
               mark("状态为「已开」的听课教室的课时之和：有效听讲达到计划时长的规定比例")),
        share("school_coverage", mark("学校覆盖率"), now.reach.school_coverage,
              before.reach.school_coverage, mark("至少有一次「已开」的受援校 ÷ 期内在册的受援校")),
        share("classroom_coverage", mark("教室覆盖率"), now.reach.classroom_coverage,
              before.reach.classroom_coverage,
              mark("至少有一次「已开」的受援教室 ÷ 期内已启用的受援教室")),
        Headline("credited_s", t(mark("听课时长")), f.duration(a.credited_s), str(a.credited_s), "",
                 _longer(frame, a.credited_s - b.credited_s) if compared else "",
                 t(mark("各教室确认收到、且主讲有画面的时间之和，只算计划时间内，未满的也算"))),
        share("build_progress", mark("建设进度"), now.reach.build_progress,
              before.reach.build_progress,
              mark("期末已启用的受援教室 ÷ 建设目标；与使用情况分开算")),
    )  # fmt: skip


def points(now: Ratio, before: Ratio) -> str:
    """A change of a rate in percentage points, "" where either has no denominator."""
    if not now.denominator or not before.denominator:
        return ""
    product = now.numerator * before.denominator - before.numerator * now.denominator
    whole = now.denominator * before.denominator
    tenths = (abs(product) * 2000 + whole) // (2 * whole)
    return f"{'-' if product < 0 and tenths else '+'}{tenths // 10}.{tenths % 10}"


def _longer(frame: Frame, seconds: int) -> str:
    return f"{'-' if seconds < 0 else '+'}{frame.format.duration(abs(seconds))}"


def stack(figures: Figures, pending: Sequence[SeatEvidence] = ()) -> tuple[Slice, ...]:
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
    pending: Sequence[SeatEvidence],
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
    coverage: Coverage, roster: Roster, pending: Sequence[SeatEvidence] = ()
) -> tuple[Row, ...]:
    """Every remote school of the programme in the period."""
    later = _grouped(pending, lambda s: _owner(roster, s))
    return tuple(
        _row(school, _school(roster, school), f.figures, later[school], f.classroom_coverage)
        for school, f in coverage.by_school.items()
    )


def total_row(frame: Frame, coverage: Coverage, pending: Sequence[SeatEvidence] = ()) -> Row:
    """All of them together: the sums of the columns above it."""
    reach = coverage.reach.classroom_coverage
    return _row("", frame.t("合计"), coverage.totals, pending, reach)


def subject_rows(coverage: Coverage, pending: Sequence[SeatEvidence] = ()) -> tuple[Row, ...]:
    """Subjects, most periods due first."""
    later = _grouped(pending, lambda s: s.occurrence.subject)
    rows = [_row(s, s, f, later[s]) for s, f in coverage.by_subject.items()]
    return tuple(sorted(rows, key=lambda r: (-r.due, r.name)))


def _grouped(
    seats: Sequence[SeatEvidence], key: Callable[[SeatEvidence], K]
) -> defaultdict[K, list[SeatEvidence]]:
    groups: defaultdict[K, list[SeatEvidence]] = defaultdict(list)
    for seat in seats:
        groups[key(seat)].append(seat)
    return groups


def _owner(roster: Roster, seat: SeatEvidence) -> SchoolId:
    room = roster.classrooms.get(seat.seat.classroom)
    return room.school if room else SchoolId("")


def room_groups(
    coverage: Coverage,
    roster: Roster,
    school: SchoolId | None,
    pending: Sequence[SeatEvidence] = (),
) -> tuple[RoomGroup, ...]:
    """Classrooms by school, of one school if asked."""
    later = _grouped(pending, lambda s: s.seat.classroom)
    groups: dict[SchoolId, list[Row]] = defaultdict(list)
    for ident, figures in coverage.by_classroom.items():
        room = roster.classrooms.get(ident)
        owner = room.school if room else SchoolId("")
        if school is None or owner == school:
            name = room.name if room else ident
            groups[owner].append(_row(ident, name, figures, later[ident]))
    return tuple(RoomGroup(_school(roster, s), tuple(rows)) for s, rows in groups.items())


def heat_map(
    frame: Frame, coverage: Coverage, pending: Sequence[SeatEvidence] = ()
) -> HeatMap | None:
    """Held rate by school and week; None where there is nothing to compare."""
    roster = frame.roster
    due: Counter[tuple[SchoolId, date]] = Counter()
    held: Counter[tuple[SchoolId, date]] = Counter()
    for seat in coverage.seats:
        room = roster.classrooms.get(seat.seat.classroom)
        if room is None or not seat.due:
            continue
        key = (room.school, _monday(seat.occurrence.date))
        due[key] += seat.occurrence.periods
        held[key] += seat.occurrence.periods if seat.held else 0
    later = _grouped(pending, lambda s: (_owner(roster, s), _monday(s.occurrence.date)))
    mondays = sorted({monday for _, monday in due})
    if not mondays:
        return None
    rows = tuple(
        (school, _school(roster, school),
         tuple(_heat(held[school, m], due[school, m], _periods(later[school, m]),
                     _days(coverage, m))
               for m in mondays))
        for school in coverage.by_school
    )  # fmt: skip
    return HeatMap(tuple((_week(frame, m), m) for m in mondays), rows)


def _heat(held: int, due: int, pending: int, days: tuple[date, date]) -> HeatCell:
    return HeatCell(shade_of(held, due, pending), rate(held, due), *days)


def _days(coverage: Coverage, monday: date) -> tuple[date, date]:
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


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _week(frame: Frame, monday: date) -> str:
    """The teaching week, or the date of its Monday outside of terms."""
    friday = monday + timedelta(days=4)
    number = week_of(term_on(frame.roster, friday), friday)
    if number is None:
        return f"{monday.month}/{monday.day}"
    return frame.t("第%(n)s周", n=number)


def seat_rows(
    coverage: Coverage,
    roster: Roster,
    unfinished: Collection[OccurrenceId],
    school: SchoolId | None,
    room: str,
    state: str,
) -> tuple[SeatRow, ...]:
    """The seats asked for: latest lesson first, lessons still to come at the end."""
    rows: list[SeatRow] = []
    for seat in coverage.seats:
        where = roster.classrooms.get(seat.seat.classroom)
        if school is not None and (where is None or where.school != school):
            continue
        if room and seat.seat.classroom != ClassroomId(room):
            continue
        word = seat_word(seat, unfinished)
        if state and state != (word.shape if word is NOT_YET else seat.state.value):
            continue
        rows.append(
            SeatRow(
                seat,
                word,
                CAUSE_WORDS.get(seat.cause.value) if seat.cause and word is not NOT_YET else None,
                where.name if where else seat.seat.classroom,
                _school(roster, where.school) if where else "",
                seat.occurrence.subject,
            )
        )
    rows.sort(key=lambda r: (r.seat.occurrence.starts_at, r.seat.occurrence.id), reverse=True)
    # A stable sort: what can be judged comes before what is still to come.
    rows.sort(key=lambda r: r.word is NOT_YET)
    return tuple(rows)


def seat_word(seat: SeatEvidence, unfinished: Collection[OccurrenceId]) -> Word:
    """Its state, except that a lesson that is not over has not failed yet."""
    return NOT_YET if seat.pending(unfinished) else SEAT_WORDS[seat.state.value]


def _periods(seats: Sequence[SeatEvidence]) -> int:
    return sum(s.occurrence.periods for s in seats)


def cause_rows(
    coverage: Coverage, pending: Sequence[SeatEvidence] = ()
) -> tuple[tuple[str, str, int, str], ...]:
    """Causes of what was not held, in words, with their share of all of it, largest first.

    A lesson that is not over accuses nobody yet.
    """
    causes = Counter(coverage.causes)
    causes.subtract(s.cause for s in pending if s.cause is not None)
    total = sum(causes.values())
    rows = [(c.value, CAUSE_WORDS[c.value], n, _percent(n, total)) for c, n in causes.items() if n]
    return tuple(sorted(rows, key=lambda r: -r[2]))


def matrix_rows(
    coverage: Coverage, roster: Roster
) -> tuple[tuple[str, str, Mapping[str, int]], ...]:
    """School × mode counts: id, name, counts."""
    return tuple((s, _school(roster, s), modes) for s, modes in coverage.mode_matrix.items())


def _school(roster: Roster, ident: str) -> str:
    school = roster.schools.get(SchoolId(ident))
    return school.name if school else ident
