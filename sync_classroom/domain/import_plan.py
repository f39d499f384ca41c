"""What importing a file would do to a draft: which rows are new, changed, as they are, or gone.

A row is recognised by what it says, not by where it stands: importing the same file twice changes
nothing, and a row in which a teacher or a room was corrected changes its rule instead of making
another one beside it.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Final

from .calendar import Calendar
from .edits import (
    AddLesson,
    AddSeat,
    AddSeries,
    ChangeLesson,
    ChangeSeat,
    ChangeSeries,
    Command,
    DropSeat,
    Place,
    RemoveSeries,
    Substitute,
)
from .ids import OccurrenceId, SeriesId, TermId
from .import_rows import DatedPlace, ImportRow, SheetRow, WeeklyPlace
from .series import Series, SeriesSeat, WeekRule, instant, lesson_window
from .timetable import Occurrence
from .working_copy import WorkingCopy

# 50 bits: among ten thousand rules of a term, one in twenty million imports meets itself.
_ID_BYTES: Final = 10
_REASON: Final = "导入课表"


class RowKind(StrEnum):
    """What becomes of a row: 新增, 修改, 不变, 重复, 不导入."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    REPEATED = "repeated"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class RowPlan:
    """One row's fate. `fields` are what differs from the rule or lesson it was recognised as."""

    kind: RowKind
    commands: tuple[Command, ...] = ()
    series: SeriesId | None = None
    lesson: OccurrenceId | None = None
    fields: tuple[str, ...] = ()
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """One `RowPlan` for each row, in order; `vanished` are rules of the file's host schools that
    no row stands for, by id: they stay unless somebody asks for their removal."""

    rows: tuple[RowPlan, ...]
    vanished: tuple[Series, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether every row is as the draft has it already; rows that are wrong are not."""
        return not any(r.commands or r.kind is RowKind.WRONG for r in self.rows)


@dataclass(frozen=True, slots=True)
class ImportDesk:
    """`today` and `now` say what is past; `calendar` and `zone` when periods are."""

    term: TermId
    calendar: Calendar
    zone: tzinfo
    now: datetime
    today: date


def plan_import(rows: Sequence[SheetRow], copy: WorkingCopy, desk: ImportDesk) -> ImportPlan:
    """Lay the rows of a file beside a draft."""
    planner = _Planner(copy, desk)
    return ImportPlan(*planner.plan(rows))


def removals(vanished: Iterable[Series], wanted: Iterable[str]) -> tuple[Command, ...]:
    """The removal of those vanished rules that somebody ticked."""
    ids = set(wanted)
    return tuple(RemoveSeries(s.id, _REASON) for s in vanished if s.id in ids)


@dataclass(slots=True)
class _Open:
    """What is not recognised yet: row numbers with what they want, and rules nobody stands for."""

    rows: dict[int, Series]
    series: dict[SeriesId, Series] = field(default_factory=dict)


class _Planner:
    def __init__(self, copy: WorkingCopy, desk: ImportDesk) -> None:
        self._copy = copy
        self._desk = desk
        self._taken: set[str] = {*copy.series, *copy.base.series}

    def plan(self, rows: Sequence[SheetRow]) -> tuple[tuple[RowPlan, ...], tuple[Series, ...]]:
        plans: dict[int, RowPlan] = {}
        weekly: dict[int, Series] = {}
        first_of: dict[Hashable, int] = {}
        for n, row in enumerate(rows):
            meant = row.row
            if meant is None or meant.term != self._desk.term:
                plans[n] = RowPlan(RowKind.WRONG)
            elif (before := first_of.setdefault(replace(meant, name=""), n)) != n:
                plans[n] = RowPlan(RowKind.REPEATED, repeats=rows[before].line)
            elif isinstance(meant.place, WeeklyPlace):
                weekly[n] = self._series(meant, meant.place)
            else:
                plans[n] = self._dated(meant, meant.place)
        left = self._weekly(weekly, plans)
        hosts = {s.host.school for s in weekly.values()}
        vanished = tuple(s for _, s in sorted(left.items()) if s.host.school in hosts)
        return tuple(plans[n] for n in range(len(rows))), vanished

    # ------------------------------------------------------------------ weekly rules

    def _series(self, row: ImportRow, place: WeeklyPlace) -> Series:
        return Series(
            id=SeriesId(_ident(row)),
            term=row.term,
            title=row.title,
            subject=row.subject,
            host=row.host,
            seats=row.seats,
            weekday=place.weekday,
            period=place.period,
            span=place.span,
            weeks=place.weeks,
            periods=row.periods,
            grade=row.grade,
        )

    def _weekly(
        self, wanted: dict[int, Series], plans: dict[int, RowPlan]
    ) -> Mapping[SeriesId, Series]:
        today = self._desk.today
        alive = {
            i: s
            for i, s in self._copy.series.items()
            if s.term == self._desk.term and (s.last is None or s.last > today)
        }
        still = _Open(dict(wanted), alive)
        # From the surest sign to the weakest; each row and each rule is recognised once.
        for key in (_content, _place_and_people, _own_name, _people, _place):
            for n, ident in _pairs(still, key):
                plans[n] = self._recognised(still.rows.pop(n), still.series.pop(ident))
        for n, series in still.rows.items():
            fresh = replace(series, id=self._free(series.id))
            plans[n] = RowPlan(RowKind.NEW, (AddSeries(fresh),), series=fresh.id)
        return still.series

    def _recognised(self, wanted: Series, known: Series) -> RowPlan:
        same = replace(
            wanted, id=known.id, first=known.first, last=known.last, excluded=known.excluded
        )
        if same == known:
            return RowPlan(RowKind.SAME, series=known.id)
        names = ("title", "subject", "host", "seats", "weekday", "period", "span", "weeks",
                 "periods", "grade")  # fmt: skip
        fields = tuple(f for f in names if getattr(same, f) != getattr(known, f))
        change = ChangeSeries(same, reason=_REASON)
        return RowPlan(RowKind.CHANGED, (change,), series=known.id, fields=fields)

    def _free(self, ident: SeriesId) -> SeriesId:
        """This id, or the next one like it that no rule has or had."""
        number, free = 1, str(ident)
        while free in self._taken:
            number += 1
            free = f"{ident}-{number}"
        self._taken.add(free)
        return SeriesId(free)

    # ------------------------------------------------------------------ single lessons

    def _dated(self, row: ImportRow, place: DatedPlace) -> RowPlan:
        window = self._window(row, place)
        if window is not None:
            for lesson in self._copy.occurrences.values():
                if lesson.slot is None and not lesson.withdrawn and _stands(lesson, row, window):
                    return self._lesson(lesson, row)
        timed = place.period is None and window is not None
        command = AddLesson(
            title=row.title,
            subject=row.subject,
            teacher=row.host.teacher,
            place=Place(
                place.date,
                period=place.period,
                starts_at=window[0] if timed and window else None,
                ends_at=window[1] if timed and window else None,
                classroom=row.host.classroom,
            ),
            seats=row.seats,
            periods=row.periods,
            grade=row.grade,
            school_class=row.host.school_class,
            span=place.span,
        )
        return RowPlan(RowKind.NEW, (command,))

    def _window(self, row: ImportRow, place: DatedPlace) -> tuple[datetime, datetime] | None:
        zone = self._desk.zone
        if place.start is not None and place.end is not None:
            return instant(place.date, place.start, zone), instant(place.date, place.end, zone)
        day = self._desk.calendar.day(row.host.school, place.date)
        return lesson_window(day.bell_set, place.period, place.span, place.date, zone)

    def _lesson(self, lesson: Occurrence, row: ImportRow) -> RowPlan:
        commands: list[Command] = []
        if lesson.host.teacher != row.host.teacher:
            commands.append(Substitute(lesson.id, row.host.teacher, _REASON))
        wanted: dict[str, object] = {
            "title": row.title,
            "subject": row.subject,
            "grade": row.grade,
            "periods": row.periods,
            "school_class": row.host.school_class,
        }
        known = {
            "title": lesson.title,
            "subject": lesson.subject,
            "grade": lesson.grade,
            "periods": lesson.periods,
            "school_class": lesson.host.school_class,
        }
        differing = {k: v for k, v in wanted.items() if v is not None and v != known[k]}
        if differing:
            commands.append(ChangeLesson(lesson.id, reason=_REASON, **differing))  # type: ignore[arg-type]  # its own fields
        commands += _seat_commands(lesson, row.seats)
        fields = ("host",) * any(isinstance(c, Substitute) for c in commands) + tuple(differing)
        if any(isinstance(c, AddSeat | ChangeSeat | DropSeat) for c in commands):
            fields += ("seats",)
        kind = RowKind.CHANGED if commands else RowKind.SAME
        return RowPlan(kind, tuple(commands), lesson=lesson.id, fields=fields)


def _stands(lesson: Occurrence, row: ImportRow, window: tuple[datetime, datetime]) -> bool:
    here = (lesson.starts_at, lesson.ends_at) == window
    return here and lesson.host.classroom == row.host.classroom


def _seat_commands(lesson: Occurrence, wanted: Sequence[SeriesSeat]) -> list[Command]:
    commands: list[Command] = []
    known = {s.classroom: s for s in lesson.active_seats}
    for seat in wanted:
        has = known.pop(seat.classroom, None)
        if has is None:
            commands.append(AddSeat(lesson.id, seat))
        elif (has.school_class, has.expected, has.assistant) != (
            seat.school_class, seat.expected, seat.assistant,
        ):  # fmt: skip
            commands.append(
                ChangeSeat(lesson.id, has.id, seat.school_class, seat.expected, seat.assistant)
            )
    return commands + [DropSeat(lesson.id, s.id, _REASON) for s in known.values()]


# ---------------------------------------------------------------------------- recognising


def _pairs(still: _Open, key: Callable[[Series], Hashable | None]) -> list[tuple[int, SeriesId]]:
    """Rows and rules with the same key, in order of place; what is left over stays open."""
    rules: dict[Hashable, list[Series]] = defaultdict(list)
    for series in sorted(still.series.values(), key=_order):
        if (found := key(series)) is not None:
            rules[found].append(series)
    pairs = []
    for n, series in sorted(still.rows.items(), key=lambda item: (_order(item[1]), item[0])):
        found = key(series)
        if found is not None and rules.get(found):
            pairs.append((n, rules[found].pop(0).id))
    return pairs


def _order(series: Series) -> tuple[object, ...]:
    return series.weekday or 0, series.period or 0, series.weeks.weeks, series.weeks.kind, series.id


def _content(series: Series) -> Hashable:
    return replace(series, id=SeriesId(""), first=None, last=None, excluded=())


def _own_name(series: Series) -> Hashable:
    """The id it was first imported with; a rule split later on keeps the beginning of it."""
    return series.id.partition(".")[0]


def _place_and_people(series: Series) -> Hashable:
    return _place(series), _people(series)


def _people(series: Series) -> Hashable:
    return series.subject, series.host


def _place(series: Series) -> Hashable | None:
    """Where and when; two rules in one room at one time are the same lesson with other people."""
    if series.weekday is None:
        return None
    weeks: WeekRule = series.weeks
    return series.host.classroom, series.weekday, series.period, weeks


def _ident(row: ImportRow) -> str:
    """An id that the same row gets in every import: from its own number, or from what it says."""
    place = row.place
    assert isinstance(place, WeeklyPlace), "lessons on a date have ids of their own"
    said: tuple[object, ...] = (
        row.term, row.name, row.subject, row.host.classroom, row.host.teacher,
        row.host.school_class, place.weekday, place.period, place.weeks.kind, place.weeks.weeks,
    )  # fmt: skip
    if row.name:
        # What has a number keeps its id whatever else of it changes.
        said = (row.term, row.name, row.host.school)
    digest = hashlib.sha256("\0".join(map(str, said)).encode()).digest()
    return "i-" + base64.b32encode(digest[:_ID_BYTES]).decode("ascii").rstrip("=").lower()
