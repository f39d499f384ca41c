"""A weekly rule (课程安排) and the occurrences it stands for: one a date, with ids for ever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timezone, tzinfo
from enum import StrEnum

from .calendar import Calendar, DayAnswer, days_between
from .ids import ClassId, ClassroomId, OccurrenceId, SchoolId, SeatId, SeriesId, TeacherId, TermId
from .roster import BellSet, Term
from .timetable import Host, Mode, Occurrence, Seat, Slot


class WeekKind(StrEnum):
    """Which weeks of the term a rule holds in (全部 / 单周 / 双周 / 指定周)."""

    ALL = "all"
    ODD = "odd"
    EVEN = "even"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class WeekRule:
    """Weeks of the term, counted from 1; `weeks` only for `LISTED`, ascending, without repeats."""

    kind: WeekKind = WeekKind.ALL
    weeks: tuple[int, ...] = ()

    def includes(self, week: int) -> bool:
        """Whether the rule holds in this week of the term."""
        match self.kind:
            case WeekKind.ALL:
                return True
            case WeekKind.ODD:
                return week % 2 == 1
            case WeekKind.EVEN:
                return week % 2 == 0
            case WeekKind.LISTED:
                return week in self.weeks


@dataclass(frozen=True, slots=True)
class SeriesSeat:
    """One remote classroom of every lesson of a series."""

    classroom: ClassroomId
    school_class: ClassId | None = None
    expected: int | None = None
    assistant: TeacherId | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A weekly rule within one term.

    `weekday` (ISO, 1 = Monday) and `period` (节次 of the host school's bell set) are both None for
    a series that has no place yet (未安排); it stands for no occurrence. `span` consecutive periods
    make one lesson, which counts for `periods` 课时. `first` and `last` bound it within the term,
    both inclusive, None as far as the term goes; `excluded` are dates taken out before they were
    ever published (EXDATE).
    """

    id: SeriesId
    term: TermId
    title: str
    subject: str
    host: Host
    seats: tuple[SeriesSeat, ...]
    weekday: int | None = None
    period: int | None = None
    span: int = 1
    weeks: WeekRule = WeekRule()
    periods: int = 1
    grade: int | None = None
    first: date | None = None
    last: date | None = None
    excluded: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a series stands for: its occurrences by date, and the dates on which the host school's
    bell set has no such period (the lesson cannot be placed there and is shown as such)."""

    occurrences: tuple[Occurrence, ...]
    without_period: tuple[date, ...] = ()


def occurrence_id(series: SeriesId, on: date) -> OccurrenceId:
    """The id of the lesson that a series has on a date, for ever."""
    return OccurrenceId(f"{series}-{on:%Y%m%d}")


def seat_id(occurrence: OccurrenceId, number: int) -> SeatId:
    """The id of a lesson's seat, numbered from 1 in the order they were asked for."""
    return SeatId(f"{occurrence}-s{number:02d}")


def seats_of(occurrence: OccurrenceId, seats: Iterable[SeriesSeat]) -> tuple[Seat, ...]:
    """The seats of a lesson that is new, as they were asked for."""
    return tuple(
        Seat(seat_id(occurrence, number), s.classroom, s.school_class, s.expected, s.assistant)
        for number, s in enumerate(seats, 1)
    )


class Expander:
    """Expands many series over one calendar: each host school's term is walked through once."""

    def __init__(self, calendar: Calendar, zone: tzinfo) -> None:
        self._calendar = calendar
        self._zone = zone
        self._days: dict[tuple[SchoolId, TermId], dict[int, list[DayAnswer]]] = {}

    def expand(self, series: Series) -> Expansion:
        """As the function `expand`."""
        occurrences: list[Occurrence] = []
        without_period: list[date] = []
        for answer in self._answers(series):
            on = answer.date
            window = lesson_window(answer.bell_set, series.period, series.span, on, self._zone)
            if window is None:
                without_period.append(on)
            else:
                occurrences.append(occurrence_of(series, on, *window))
        return Expansion(tuple(occurrences), tuple(without_period))

    def _answers(self, series: Series) -> Iterator[DayAnswer]:
        term = self._calendar.term(series.term)
        if term is None or series.weekday is None or series.period is None:
            return
        first, last = bounds(series, term)
        for answer in self._following(series.host.school, term).get(series.weekday, ()):
            if (
                first <= answer.date <= last
                and answer.week is not None
                and series.weeks.includes(answer.week)
                and answer.date not in series.excluded
            ):
                yield answer

    def _following(self, school: SchoolId, term: Term) -> dict[int, list[DayAnswer]]:
        """The school's days of the term by the weekday they follow."""
        found = self._days.get((school, term.id))
        if found is None:
            found = self._days[school, term.id] = {}
            for on in days_between(term.first_day, term.last_day):
                answer = self._calendar.day(school, on)
                if answer.weekday is not None:
                    found.setdefault(answer.weekday, []).append(answer)
        return found


def expand(series: Series, calendar: Calendar, zone: tzinfo) -> Expansion:
    """The occurrences of a series over its term, by date; ids are `occurrence_id(series, date)`.

    A date is one of the series' if the host school teaches on it, follows the timetable of the
    series' weekday, and the week it stands for (on a make-up day that of the day it replaces) is
    one of the rule's. A day that is unmapped follows no weekday and so gives nothing. A term the
    calendar does not know has no dates. Make an `Expander` for many series.
    """
    return Expander(calendar, zone).expand(series)


def occurrence_of(series: Series, on: date, starts_at: datetime, ends_at: datetime) -> Occurrence:
    """The lesson a series has on a date, at these times."""
    ident = occurrence_id(series.id, on)
    return Occurrence(
        id=ident,
        mode=Mode.LIVE,
        title=series.title,
        subject=series.subject,
        date=on,
        starts_at=starts_at,
        ends_at=ends_at,
        periods=series.periods,
        host=series.host,
        seats=seats_of(ident, series.seats),
        grade=series.grade,
        term=series.term,
        slot=Slot(series.id, on),
    )


def bounds(series: Series, term: Term) -> tuple[date, date]:
    """First and last date a series may have within its term; none if the last comes before."""
    return max(series.first or term.first_day, term.first_day), min(
        series.last or term.last_day, term.last_day
    )


def lesson_window(
    bell_set: BellSet | None, period: int | None, span: int, on: date, zone: tzinfo
) -> tuple[datetime, datetime] | None:
    """When a lesson of `span` consecutive periods begins and ends; None if one is not in the set.

    Both instants carry a fixed offset, so that they compare by the moment they are: two clock times
    of one zone compare by the clock, which lies in the night a clock is put back.
    """
    if bell_set is None or period is None:
        return None
    periods = {p.no: p for p in bell_set.periods}
    if any(no not in periods for no in range(period, period + span)):
        return None
    start, end = periods[period].start, periods[period + span - 1].end
    if end <= start:
        return None
    starts_at, ends_at = instant(on, start, zone), instant(on, end, zone)
    if ends_at <= starts_at:
        # It begins at a time the clock skips, and ends before that moment: the length is kept.
        ends_at = starts_at + (datetime.combine(on, end) - datetime.combine(on, start))
    return starts_at, ends_at


def instant(on: date, clock: time, zone: tzinfo) -> datetime:
    """A clock time of a date as the moment it is, with a fixed offset.

    As in RFC 5545 section 3.3.5: a time that comes twice is the first of the two; a time that the
    clock skips is counted from before the jump, so it falls as much later as the clock is put on.
    """
    at = datetime.combine(on, clock, zone)
    offset = at.utcoffset()
    assert offset is not None, "the zone of a programme knows its offset"
    return at.replace(tzinfo=timezone(offset))
