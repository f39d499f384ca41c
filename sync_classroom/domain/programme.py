"""Who belongs to the programme in a period: membership is by date."""

from __future__ import annotations

from datetime import date

from .calendar import Calendar, iso_week
from .ids import ClassId, ClassroomId, SchoolId
from .roster import Classroom, Roster, School, SchoolRole


class Programme:
    """The remote side of the programme in the civil days `[first, last]`.

    `schools` and `classrooms` were in it on any of these days, by their own dates; classes have
    none, so `classes` (with their school) are all of the remote schools' ones. Everything is empty
    for a period without any date.
    """

    def __init__(self, roster: Roster, first: date | None, last: date | None) -> None:
        self.roster = roster
        self.first = first
        self.last = last
        self.schools: dict[SchoolId, School] = {
            s.id: s
            for s in roster.schools.values()
            if s.role is SchoolRole.REMOTE and self._met(s.joined_on, s.left_on)
        }
        self.classrooms: dict[ClassroomId, Classroom] = {
            c.id: c
            for c in roster.classrooms.values()
            if self.remote(c.school) and self._met(c.commissioned_on, c.retired_on)
        }
        self.classes: dict[ClassId, SchoolId] = {
            c.id: c.school for c in roster.classes.values() if self.remote(c.school)
        }
        self._calendar = Calendar(roster)
        self._own_days = {day.school for day in roster.days if day.school is not None}
        self._weeks: dict[tuple[SchoolId | None, date, date | None], frozenset[str]] = {}

    def has(self, on: date) -> bool:
        """Whether a date is in the period."""
        return self.first is not None and self.last is not None and self.first <= on <= self.last

    def remote(self, school: SchoolId) -> bool:
        """Whether a school receives lessons; KeyError for an unknown one."""
        return self.roster.schools[school].role is SchoolRole.REMOTE

    def school_of(self, classroom: ClassroomId) -> SchoolId:
        """The school a classroom belongs to; KeyError for an unknown one."""
        return self.roster.classrooms[classroom].school

    def teaching_weeks(self, school: School) -> frozenset[str]:
        """The ISO weeks in which the school, while in the programme, teaches on any day."""
        if self.first is None or self.last is None:
            return frozenset()
        # Schools without a day of their own teach on the same days: a province has a thousand.
        own = school.id if school.id in self._own_days else None
        key = (own, school.joined_on, school.left_on)
        if key not in self._weeks:
            self._weeks[key] = frozenset(
                iso_week(day)
                for day in self._calendar.teaching_days(school.id, self.first, self.last)
                if school.joined_on <= day and (school.left_on is None or day < school.left_on)
            )
        return self._weeks[key]

    def commissioned(self) -> int:
        """Remote classrooms in commission on the last day."""
        return sum(
            c.commissioned_on <= self.last and (c.retired_on is None or self.last < c.retired_on)
            for c in self.classrooms.values()
            if self.last is not None
        )

    def _met(self, since: date, until: date | None) -> bool:
        if self.first is None or self.last is None:
            return False
        return since <= self.last and (until is None or self.first < until)
