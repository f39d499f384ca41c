"""What one school's one date is: teaching or not, whose timetable, which week, which bells.

Default: Monday to Friday inside a term, its own weekday, its own week, the school's first bell set.
An exception for all schools stands over that, an exception of the school's own over both; an
exception replaces the answer as a whole. A make-up day whose replaced weekday nobody named is
unmapped: shown, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from .ids import SchoolId, TermId
from .roster import BellSet, DayException, Period, Roster, Term

_FRIDAY: Final = 5
_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class DayAnswer:
    """One school's answer for one date.

    `weekday` is the ISO weekday whose timetable is followed, `week` the week number of the term
    that decides odd or even; both None on a day without teaching, and `weekday` also on an unmapped
    one. `bell_set` is None for a school that has none.
    """

    school: SchoolId
    date: date
    teaching: bool
    weekday: int | None
    week: int | None
    term: Term | None
    bell_set: BellSet | None

    @property
    def unmapped(self) -> bool:
        """A teaching day of which nobody said which weekday it follows."""
        return self.teaching and self.weekday is None


class Calendar:
    """The calendar of a roster, indexed once for many questions."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._terms = sorted(roster.terms.values(), key=lambda t: t.first_day)
        self._days = {(d.school, d.date): d for d in roster.days}
        self._bells: dict[SchoolId, BellSet] = {}
        for bell_set in roster.bell_sets.values():
            self._bells.setdefault(bell_set.school, bell_set)

    def day(self, school: SchoolId, on: date) -> DayAnswer:
        """The answer for one school and date."""
        term = self.term_of(on)
        exception = self._exception(school, on)
        if exception is None:
            in_term = term is not None or not self._terms
            teaching = in_term and on.isoweekday() <= _FRIDAY
            weekday: int | None = on.isoweekday()
            week, bell_set = None, None
        else:
            teaching = exception.teaching
            # On a Monday to Friday an exception without a weekday changes something else, such as
            # the bells; only a weekend day stands in for another and must say for which.
            own = on.isoweekday() if on.isoweekday() <= _FRIDAY else None
            weekday = exception.follows_weekday or own
            week = exception.follows_week
            bell_set = exception.bell_set and self._roster.bell_sets[exception.bell_set]
        if week is None and term is not None:
            week = week_number(term, on)
        return DayAnswer(
            school=school,
            date=on,
            teaching=teaching,
            weekday=weekday if teaching else None,
            week=week if teaching else None,
            term=term,
            bell_set=bell_set or self._bells.get(school),
        )

    def term(self, term: TermId) -> Term | None:
        """The term of this id."""
        return self._roster.terms.get(term)

    def term_of(self, on: date) -> Term | None:
        """The term a date lies in; both its bounds are days of it."""
        return next((t for t in self._terms if t.first_day <= on <= t.last_day), None)

    def teaching_days(self, school: SchoolId, first: date, last: date) -> Iterator[date]:
        """The teaching days of `[first, last]`, in order.

        Only terms and exceptions are walked through, so a period of a thousand years is as cheap
        as its terms; a roster without terms is asked day by day.
        """
        spans = [(max(first, t.first_day), min(last, t.last_day)) for t in self._terms]
        if not self._terms:
            spans = [(first, last)]
        days = {d for a, b in spans for d in days_between(a, b)}
        days.update(
            d.date
            for d in self._roster.days
            if first <= d.date <= last and d.school in (None, school)
        )
        return (d for d in sorted(days) if self.day(school, d).teaching)

    def _exception(self, school: SchoolId, on: date) -> DayException | None:
        return self._days.get((school, on)) or self._days.get((None, on))


def day_of(roster: Roster, school: SchoolId, on: date) -> DayAnswer:
    """The answer for one school and date; make a `Calendar` to ask many times."""
    return Calendar(roster).day(school, on)


def week_number(term: Term, on: date) -> int:
    """The week of the term, 1 for the week of `week1_monday`; weeks begin on Monday."""
    return (on - term.week1_monday).days // _WEEK + 1


def iso_week(on: date) -> str:
    """The ISO week a date lies in, as `2026-W36`; around New Year its year may differ."""
    year, week, _ = on.isocalendar()
    return f"{year}-W{week:02}"


def days_between(first: date, last: date) -> Iterator[date]:
    """Every date of `[first, last]`; none if `last` is before `first`."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def period_window(bell_set: BellSet, no: int, on: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """When a period begins and ends on a date, aware; KeyError if the bell set has none such."""
    for period in bell_set.periods:
        if period.no == no:
            return (
                datetime.combine(on, period.start, zone),
                datetime.combine(on, period.end, zone),
            )
    raise KeyError(no)


def periods_touched(
    bell_set: BellSet, starts_at: datetime, ends_at: datetime, zone: tzinfo
) -> tuple[Period, ...]:
    """The periods of a school that `[starts_at, ends_at)` shares time with, in order of the day.

    A lesson that is the host's period 3 may straddle a remote school's periods 3 and 4.
    """
    begins, ends = starts_at.astimezone(zone), ends_at.astimezone(zone)
    return tuple(
        period
        for period in bell_set.periods
        if any(
            datetime.combine(on, period.start, zone) < ends
            and begins < datetime.combine(on, period.end, zone)
            for on in days_between(begins.date(), ends.date())
        )
    )
