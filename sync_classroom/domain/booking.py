"""A lesson as somebody asks for it, and everything that must be true before it is planned.

What is checked here needs only the roster and the time; whether rooms and people are free is
checked against the plan by `conflicts`, in one transaction with storing it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from .bookable import (
    check_figures,
    check_seat_count,
    check_seats,
    check_times,
    host_of,
    text_of,
)
from .ids import ClassId, ClassroomId, OccurrenceId, TeacherId, TermId
from .roster import Roster
from .series import SeriesSeat, seats_of
from .timetable import Mode, Occurrence

SeatRequest = tuple[ClassroomId, ClassId | None, int | None]
"""Classroom, its class if known, and the expected head count if known."""


@dataclass(frozen=True, slots=True)
class NewLesson:
    """What a person asks for. `starts_at` and `ends_at` are aware."""

    title: str
    subject: str
    teacher: TeacherId
    classroom: ClassroomId
    starts_at: datetime
    ends_at: datetime
    periods: int = 1
    grade: int | None = None
    school_class: ClassId | None = None
    seats: Sequence[SeatRequest] = ()
    mode: Mode = Mode.LIVE


def plan_lesson(
    new: NewLesson,
    roster: Roster,
    *,
    now: datetime,
    zone: tzinfo,
    occurrence_id: Callable[[date], OccurrenceId],
) -> Occurrence:
    """The occurrence that was asked for; `occurrence_id` names it, given its civil date.

    Raises ProblemError with the field, its value and the remedy for the first thing that is wrong.
    """
    title, subject = text_of("title", "标题", new.title), text_of("subject", "学科", new.subject)
    check_times(new.starts_at, new.ends_at, now)
    check_figures(new.periods, new.grade)
    check_seat_count(len(new.seats), new.mode)
    day = new.starts_at.astimezone(zone).date()
    host = host_of(roster, new.classroom, new.teacher, new.school_class, day)
    seats = [SeriesSeat(*asked) for asked in new.seats]
    check_seats(roster, seats, day)
    occurrence = occurrence_id(day)
    return Occurrence(
        id=occurrence,
        mode=new.mode,
        title=title,
        subject=subject,
        date=day,
        starts_at=new.starts_at,
        ends_at=new.ends_at,
        periods=new.periods,
        host=host,
        seats=seats_of(occurrence, seats),
        grade=new.grade,
        term=_term(roster, day),
    )


def _term(roster: Roster, day: date) -> TermId | None:
    return next((t.id for t in roster.terms.values() if t.first_day <= day <= t.last_day), None)
