"""The calendar as everybody asks for it, and as administrators edit it; edits hold at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from ..domain.calendar import Calendar, DayAnswer, days_between
from ..domain.calendar_edits import (
    CalendarEdit,
    DayEdit,
    Edited,
    Subject,
    checked_bell_set,
    checked_day,
    checked_reason,
    checked_term,
)
from ..domain.ids import SchoolId
from ..domain.problems import ProblemError
from ..domain.roster import DayException, Roster, Term
from .ports import CalendarStore
from .roster import RosterService
from .services import Clock

# A school year with the holidays around it.
MAX_DAYS: Final = 400
# A page of history.
MAX_EDITS: Final = 200
_FRIDAY: Final = 5


class CalendarService:
    """Answers from the roster in memory; edits in the store, told to every coordinator."""

    def __init__(self, store: CalendarStore, roster: RosterService, clock: Clock) -> None:
        self._store = store
        self._roster = roster
        self._clock = clock
        self._made_of: Roster | None = None
        self._calendar = Calendar(Roster())

    def current(self) -> Calendar:
        """The calendar of the roster as last read, made once for each reading."""
        roster = self._roster.current()
        if roster is not self._made_of:
            self._calendar, self._made_of = Calendar(roster), roster
        return self._calendar

    def days(self, school: SchoolId, first: date, last: date) -> tuple[DayAnswer, ...]:
        """One answer for every date of `[first, last]`, in order.

        ProblemError for an unknown school, or days that run backwards or are more than `MAX_DAYS`.
        """
        if school not in self._roster.current().schools:
            raise ProblemError(
                "unknown_id",
                f"没有编号为“{school[:100]}”的学校。请从名册中选择。",
                f"There is no school {school[:100]!r}. Choose one from the roster.",
                field="school",
                value=school[:100],
            )
        if last < first:
            raise ProblemError(
                "period_backwards",
                f"截止日期 {last} 早于起始日期 {first}；请把两个日期对调。",
                f"The last day {last} is before the first day {first}; exchange them.",
                field="to",
                value=last.isoformat(),
            )
        if (last - first).days >= MAX_DAYS:
            raise ProblemError(
                "period_too_long",
                f"一次最多查询 {MAX_DAYS} 天；请分段查询。",
                f"Ask for at most {MAX_DAYS} days at once.",
                field="to",
                value=last.isoformat(),
            )
        calendar = self.current()
        return tuple(calendar.day(school, on) for on in days_between(first, last))

    async def edit(
        self, *subjects: Subject, reason: str, seen: int, actor: str, key: str
    ) -> Sequence[CalendarEdit]:
        """Change days, terms or bell sets, all or none; they hold when this returns.

        `seen` is the number of the last edit that the editor saw (0: none), `key` makes a repeated
        request one. ProblemError names the field, or who changed one of them meanwhile.
        """
        why = checked_reason(reason)
        roster = self._roster.current()
        edits = await self._store.edit_calendar(
            [_checked(subject, roster, why) for subject in subjects],
            at=self._clock(),
            by=actor,
            reason=why,
            seen=seen,
            key=key,
        )
        await self._roster.changed()
        return edits

    def span_of(
        self, school: SchoolId | None, first: date, last: date, exception: DayException | None
    ) -> tuple[DayEdit, ...]:
        """The dates of `[first, last]` that would be changed by the same arrangement for each.

        A day off changes the days that teach, a school day the working days, taking back the days
        that have an arrangement of this school (or, None, of all schools).
        """
        calendar = self.current()
        arranged = {d.date for d in self._roster.current().days if d.school == school}
        found: list[DayEdit] = []
        for on in days_between(first, last):
            if exception is None:
                wanted = on in arranged
            elif exception.teaching:
                wanted = on.isoweekday() <= _FRIDAY
            else:
                # No school is called nothing: what holds for all of them.
                wanted = on in arranged or calendar.day(school or SchoolId(""), on).teaching
            if wanted:
                new = None if exception is None else replace(exception, date=on)
                found.append(DayEdit(school, on, new))
        return tuple(found)

    async def edits(
        self,
        *,
        kind: Edited | None = None,
        subject: str | None = None,
        school: SchoolId | None = None,
        before: int | None = None,
        limit: int = MAX_EDITS,
    ) -> Sequence[CalendarEdit]:
        """The history, newest first: of a kind, of one subject, of a school with all schools."""
        return await self._store.calendar_edits(
            kind=kind, subject=subject, school=school, before=before, limit=min(limit, MAX_EDITS)
        )

    async def seen(self) -> int:
        """The number of the last edit of all, 0 for none: what somebody who looks now has seen."""
        latest = await self.edits(limit=1)
        return latest[0].number if latest else 0


def _checked(subject: Subject, roster: Roster, reason: str) -> Subject:
    if isinstance(subject, Term):
        return checked_term(subject, roster.terms.values())
    if not isinstance(subject, DayEdit):
        return checked_bell_set(subject, roster)
    checked = checked_day(subject, roster)
    if checked.exception is None:
        return checked
    return replace(checked, exception=replace(checked.exception, reason=reason))
