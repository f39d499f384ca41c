"""What was changed about published lessons: cancelled, moved, given by another, seats dropped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from ...domain.calendar import Calendar, days_between
from ...domain.edits import CancelLesson, DropSeat, MoveLesson, Place, Substitute
from ...domain.ids import SchoolId, TeacherId
from ...domain.roster import Roster, Term
from ...domain.series import Series
from ...domain.timetable import Occurrence
from .programme import monday, rng, stand_in

# Shares of lessons, and of seats.
CANCELLED: Final = 0.015
CANCELLED_LATE: Final = 0.012
MOVED: Final = 0.022
SUBSTITUTED: Final = 0.03
SEAT_DROPPED: Final = 0.008
SEAT_DROPPED_LATE: Final = 0.003
#: The date on which every school is closed at a day's notice: week and weekday.
STORM: Final = (3, 4)

_STORM: Final = "台风橙色预警，全市停课一天"
_EXCUSED: Final = ("主讲教师参加市级公开课", "主讲校期中质量监测", "主讲校停电检修")
_UNEXCUSED: Final = ("主讲教师临时开会", "演播教室被占用")
_MOVES: Final = ("主讲教师外出培训，调课", "与校内活动冲突，调课")
_SUBSTITUTES: Final = ("主讲教师病假，由同校教师代课", "主讲教师婚假，代课")
_DROPPED: Final = ("本班外出社会实践", "本班体检", "教室借作考场")
_DROPPED_LATE: Final = ("本校临时集会", "无人带班")
#: The period of the host in which no rule has a lesson.
_FREE_PERIOD: Final = 6
_AHEAD: Final = 5

Amendment = CancelLesson | DropSeat | MoveLesson | Substitute


@dataclass(frozen=True, slots=True)
class Asked:
    """A change at short notice: what was asked for, when and by whom."""

    at: datetime
    by: str
    command: Amendment


class Amendments:
    """Decides about lessons as they were published; each has at most one thing happen to it."""

    def __init__(
        self, seed: int, roster: Roster, term: Term, rules: Iterable[Series], zone: tzinfo
    ) -> None:
        self._seed = seed
        self._roster = roster
        self._term = term
        self._zone = zone
        self._calendar = Calendar(roster)
        self._taken: set[tuple[SchoolId, date]] = set()
        self._storm = monday(term, STORM[0]) + timedelta(days=STORM[1] - 1)
        self._school = {c.id: c.school for c in roster.classrooms.values()}
        teaching: dict[SchoolId, set[TeacherId]] = {}
        for rule in rules:
            teaching.setdefault(rule.host.school, set()).add(rule.host.teacher)
        self._stand_ins: Mapping[SchoolId, TeacherId | None] = {
            school: stand_in(roster, teaching, school) for school in teaching
        }

    def of(self, lesson: Occurrence) -> Iterator[Asked]:
        """What happens to a lesson, in order of time."""
        day_before = self._clock(lesson.date - timedelta(days=1), time(16, 10))
        late = lesson.starts_at - timedelta(minutes=40)
        if lesson.date == self._storm:
            yield Asked(day_before, "admin", CancelLesson(lesson.id, _STORM, excused=True))
            return
        draw = rng(self._seed, "amend", lesson.id)
        sort = draw.random()
        bounds = _bounds(CANCELLED, CANCELLED_LATE, MOVED, SUBSTITUTED)
        if sort < bounds[0]:
            yield Asked(day_before, "admin", CancelLesson(lesson.id, draw.choice(_EXCUSED)))
        elif sort < bounds[1]:
            reason = draw.choice(_UNEXCUSED)
            yield Asked(late, "admin", CancelLesson(lesson.id, reason, excused=False))
        elif sort < bounds[2]:
            place = self._elsewhere(lesson)
            if place is not None:
                moved = MoveLesson(lesson.id, place, draw.choice(_MOVES))
                yield Asked(day_before - timedelta(hours=2), "admin", moved)
        elif sort < bounds[3]:
            other = self._stand_ins.get(lesson.host.school)
            if other is not None:
                reason = draw.choice(_SUBSTITUTES)
                yield Asked(day_before, "admin", Substitute(lesson.id, other, reason))
        else:
            yield from self._dropped(lesson, day_before, late)

    def _dropped(self, lesson: Occurrence, day_before: datetime, late: datetime) -> Iterator[Asked]:
        excused: list[Asked] = []
        unexcused: list[Asked] = []
        for seat in lesson.seats:
            draw = rng(self._seed, "drop", lesson.id, seat.id)
            answer = self._calendar.day(self._school[seat.classroom], lesson.date)
            sort = draw.random()
            if not answer.teaching:
                reason = answer.reason.zh or draw.choice(_DROPPED)
                excused.append(Asked(day_before, "admin", DropSeat(lesson.id, seat.id, reason)))
            elif sort < SEAT_DROPPED:
                reason = draw.choice(_DROPPED)
                excused.append(Asked(day_before, "admin", DropSeat(lesson.id, seat.id, reason)))
            elif sort < SEAT_DROPPED + SEAT_DROPPED_LATE:
                dropped = DropSeat(lesson.id, seat.id, draw.choice(_DROPPED_LATE), excused=False)
                unexcused.append(Asked(late, "admin", dropped))
        # A lesson without any seat is a cancelled one.
        if len(excused) + len(unexcused) < len(lesson.seats):
            yield from excused
            yield from unexcused

    def _elsewhere(self, lesson: Occurrence) -> Place | None:
        """A later day of the host on which the free period is still free; each is given once."""
        school = lesson.host.school
        first = lesson.date + timedelta(days=1)
        for on in days_between(first, lesson.date + timedelta(days=_AHEAD)):
            if (school, on) in self._taken or on > self._term.last_day or on == self._storm:
                continue
            if all(self._calendar.day(s, on).teaching for s in (school, *self._listening(lesson))):
                self._taken.add((school, on))
                return Place(on, _FREE_PERIOD)
        return None

    def _listening(self, lesson: Occurrence) -> set[SchoolId]:
        return {self._school[s.classroom] for s in lesson.seats}

    def _clock(self, on: date, clock: time) -> datetime:
        return datetime.combine(on, clock, self._zone)


def _bounds(*shares: float) -> tuple[float, ...]:
    return tuple(sum(shares[: n + 1]) for n in range(len(shares)))
