"""What one school's one date is: teaching or not, whose timetable, which week and bells, and why.

Four layers, the uppermost that speaks of a date answers for it as a whole:

1. default: Monday to Friday inside a term, its own weekday, its own week;
2. national days off and make-up workdays, inside a term;
3. an exception for all schools;
4. an exception of the school's own.

Bells are those that hold on the date (`bell_set`), unless an exception names others. A make-up day
whose replaced weekday nobody named is unmapped: shown, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from .ids import SchoolId, TermId
from .roster import BellSet, DayException, NationalDay, Period, Roster, Term, Wording

_FRIDAY: Final = 5
# Every rule of a term asks for the same days again; a city's year is some thousand of them, and a
# province begins anew now and then rather than holding all.
_REMEMBERED: Final = 1 << 16
_WEEK: Final = 7
_ORDINARY: Final = Wording("", "")
_WEEKEND: Final = Wording("周末", "weekend")
_NO_TERM: Final = Wording("不在学期内", "outside the terms")


class DaySource(StrEnum):
    """Which layer a day's answer comes from."""

    DEFAULT = "default"
    HOLIDAY = "holiday"
    MAKE_UP = "make_up"
    ALL_SCHOOLS = "all_schools"
    SCHOOL = "school"


class Parity(StrEnum):
    """Of the week whose timetable is followed (单周, 双周)."""

    ODD = "odd"
    EVEN = "even"


@dataclass(frozen=True, slots=True)
class DayAnswer:
    """One school's answer for one date.

    `weekday` is the ISO weekday whose timetable is followed, `week` the week number of the term
    that decides odd or even; both None on a day without teaching, and `weekday` also on an unmapped
    one. `bell_set` is None for a school that has none on this date. `reason` is what is known of
    the why: the holiday's name, or what the writer of an exception said, perhaps nothing.
    """

    school: SchoolId
    date: date
    teaching: bool
    weekday: int | None
    week: int | None
    term: Term | None
    bell_set: BellSet | None
    source: DaySource = DaySource.DEFAULT
    reason: Wording = _ORDINARY

    @property
    def unmapped(self) -> bool:
        """A teaching day of which nobody said which weekday it follows."""
        return self.teaching and self.weekday is None

    @property
    def parity(self) -> Parity | None:
        """Whether an odd or an even week is followed; None without a week.

        It is the parity of `week`, which is data: counted in the term, or what an exception says.
        """
        if self.week is None:
            return None
        return Parity.ODD if self.week % 2 else Parity.EVEN


class Calendar:
    """The calendar of a roster, indexed once for many questions."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._terms = sorted(roster.terms.values(), key=lambda t: t.first_day)
        self._days = {(d.school, d.date): d for d in roster.days}
        self._answers: dict[tuple[SchoolId, date], DayAnswer] = {}
        self._bells: dict[SchoolId, list[BellSet]] = {}
        for bell_set in roster.bell_sets.values():
            self._bells.setdefault(bell_set.school, []).append(bell_set)

    def day(self, school: SchoolId, on: date) -> DayAnswer:
        """The answer for one school and date."""
        answer = self._answers.get((school, on))
        if answer is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            answer = self._answers[school, on] = self._answer(school, on)
        return answer

    def _answer(self, school: SchoolId, on: date) -> DayAnswer:
        term = self.term_of(on)
        own = self._days.get((school, on))
        if own is not None:
            return self._excepted(school, own, term, DaySource.SCHOOL)
        return self._for_all(school, on, term)

    def layers(self, school: SchoolId, on: date) -> tuple[DayAnswer, ...]:
        """What every layer that speaks of the date would answer, from the default up.

        The last one is `day`; each of the others is what would be without those above it.
        """
        term = self.term_of(on)
        found = [self._default(school, on, term)]
        national = self._national(school, on, term)
        if national is not None:
            found.append(national)
        for key, source in (((None, on), DaySource.ALL_SCHOOLS), ((school, on), DaySource.SCHOOL)):
            if (exception := self._days.get(key)) is not None:
                found.append(self._excepted(school, exception, term, source))
        return tuple(found)

    def bell_set(self, school: SchoolId, on: date) -> BellSet | None:
        """The bell set that holds at a school on a date, whatever an exception may name.

        Of several that hold, the one that began last; of those that began together, the first of
        the roster. None if no one holds.
        """
        best: BellSet | None = None
        for each in self._bells.get(school, ()):
            begins, ends = each.valid_from or date.min, each.valid_to or date.max
            if begins <= on <= ends and (best is None or begins > (best.valid_from or date.min)):
                best = each
        return best

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

    def _for_all(self, school: SchoolId, on: date, term: Term | None) -> DayAnswer:
        exception = self._days.get((None, on))
        if exception is not None:
            return self._excepted(school, exception, term, DaySource.ALL_SCHOOLS)
        return self._national(school, on, term) or self._default(school, on, term)

    def _default(self, school: SchoolId, on: date, term: Term | None) -> DayAnswer:
        in_term = term is not None or not self._terms
        workday = on.isoweekday() <= _FRIDAY
        teaching = in_term and workday
        reason = _ORDINARY if teaching else _WEEKEND if in_term else _NO_TERM
        return DayAnswer(
            school=school,
            date=on,
            teaching=teaching,
            weekday=on.isoweekday() if teaching else None,
            week=week_number(term, on) if teaching and term is not None else None,
            term=term,
            bell_set=self.bell_set(school, on),
            reason=reason,
        )

    def _national(self, school: SchoolId, on: date, term: Term | None) -> DayAnswer | None:
        day = self._roster.national.get(on)
        if day is None or term is None:
            return None
        source = DaySource.MAKE_UP if day.teaching else DaySource.HOLIDAY
        return self._excepted(school, as_exception(day, term), term, source, day.name)

    def _excepted(
        self,
        school: SchoolId,
        exception: DayException,
        term: Term | None,
        source: DaySource,
        reason: Wording | None = None,
    ) -> DayAnswer:
        on, teaching = exception.date, exception.teaching
        # On a Monday to Friday an exception without a weekday changes something else, such as
        # the bells; only a weekend day stands in for another and must say for which.
        own = on.isoweekday() if on.isoweekday() <= _FRIDAY else None
        week = exception.follows_week
        if week is None and term is not None:
            week = week_number(term, on)
        named = exception.bell_set and self._roster.bell_sets[exception.bell_set]
        return DayAnswer(
            school=school,
            date=on,
            teaching=teaching,
            weekday=(exception.follows_weekday or own) if teaching else None,
            week=week if teaching else None,
            term=term,
            bell_set=named or self.bell_set(school, on),
            source=source,
            reason=reason or Wording(exception.reason, exception.reason),
        )


def as_exception(day: NationalDay, term: Term) -> DayException:
    """What a national day is for every school in a term.

    A make-up day follows the weekday and the week of the day it replaces, so that odd and even
    weeks come out right. Where that day is unknown or outside the term there is no timetable to
    follow, and the make-up day is unmapped.
    """
    replaced = day.replaces if day.teaching else None
    if replaced is not None and not term.first_day <= replaced <= term.last_day:
        replaced = None
    return DayException(
        school=None,
        date=day.on,
        teaching=day.teaching,
        follows_weekday=None if replaced is None else replaced.isoweekday(),
        follows_week=None if replaced is None else week_number(term, replaced),
        reason=day.name.zh,
    )


def days_written(roster: Roster) -> tuple[DayException, ...]:
    """The roster's exceptions with its national days among them, by date, all schools first.

    A plan that carries these needs no holiday tables: every measure of it comes out the same
    wherever it is computed again.
    """
    calendar = Calendar(roster)
    general = {d.date for d in roster.days if d.school is None}
    national = [
        as_exception(day, term)
        for on, day in roster.national.items()
        if on not in general and (term := calendar.term_of(on)) is not None
    ]
    if not national:
        return roster.days
    return tuple(sorted((*roster.days, *national), key=lambda d: (d.date, d.school or "")))


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
