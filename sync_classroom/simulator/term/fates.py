"""What befalls lessons, schools and rooms: late hosts, dead terminals, bad lines, crashes.

Every fate hangs on the seed and on what it befalls, never on what was asked before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from ...domain.calendar import days_between
from ...domain.ids import ClassroomId, SchoolId
from ...domain.roster import Roster, Term
from ...domain.timetable import Occurrence, Seat
from .programme import monday, remote_schools, rng

# Shares, of lessons or of seats.
HOST_ABSENT: Final = 0.015
HOST_LATE: Final = 0.08
HOST_EARLY_END: Final = 0.02
HOST_DROPS_OUT: Final = 0.025
ROOM_DEAD_FOR_A_DAY: Final = 0.008
ROOM_LATE: Final = 0.05
ROOM_LEAVES: Final = 0.01
ROOM_DROPS_OUT: Final = 0.04
#: Rooms whose terminal is broken for a whole week.
DEAD_WEEKS: Final = 3
#: How often the line is bad: at the school whose line is weak, and at the others.
WEAK_LINE_DAY: Final = 0.35
BAD_LINE_DAY: Final = 0.012
#: Share of the samples that are lost on a bad line.
BAD_SAMPLES: Final = (0.35, 0.95)
#: Evidence that a crashed relay loses, in seconds.
CRASH_S: Final = (600, 840)
#: The relay crashes in these weeks of the term.
CRASH_WEEKS: Final = (2, 7, 12)

Silences = tuple[tuple[int, int], ...]
"""Seconds of the lesson, `[from, to)`, without anything from or to a party."""


@dataclass(frozen=True, slots=True)
class HostFate:
    """When the host's media flows, in seconds of the lesson; `absent`: never."""

    absent: bool
    starts_s: int
    ends_s: int
    silences: Silences = ()


@dataclass(frozen=True, slots=True)
class SeatFate:
    """When a room is connected, in seconds of the lesson, and the share of samples it loses."""

    offline: bool
    joins_s: int
    leaves_s: int
    lost: float = 0.0
    silences: Silences = ()


@dataclass(frozen=True, slots=True)
class Crash:
    """The relay dies `after_s` into the first lesson of a date; so much evidence is lost."""

    date: date
    after_s: int
    lost_s: int


class Fates:
    """The fates of one term."""

    def __init__(self, seed: int, roster: Roster, term: Term) -> None:
        self._seed = seed
        self._term = term
        draw = rng(seed, "term")
        schools = remote_schools(roster)
        self.weak: SchoolId = draw.choice(schools).id
        rooms = [c.id for c in roster.classrooms.values() if c.school in {s.id for s in schools}]
        weeks = max(1, (term.last_day - term.week1_monday).days // 7)
        # Seldom twice the same room; then it was broken twice.
        self.dead: frozenset[tuple[ClassroomId, date]] = frozenset(
            (room, on)
            for room in draw.choices(rooms, k=DEAD_WEEKS)
            for first in (monday(term, draw.randint(2, weeks)),)
            for on in days_between(first, first + timedelta(days=6))
        )
        self._school = {c.id: c.school for c in roster.classrooms.values()}

    def crash(self, on: date, lessons: Sequence[Occurrence]) -> Crash | None:
        """Whether the relay crashes on a date; on the first day of such a week with lessons."""
        week = (on - self._term.week1_monday).days // 7 + 1
        draw = rng(self._seed, "crash", week)
        if week not in CRASH_WEEKS or not lessons or on.isoweekday() != draw.randint(1, 5):
            return None
        length = int((lessons[0].ends_at - lessons[0].starts_at).total_seconds())
        lost = draw.randint(*CRASH_S)
        return Crash(on, draw.randint(120, max(121, length - lost - 120)), lost)

    def host(self, lesson: Occurrence) -> HostFate:
        """What becomes of the host side of a lesson."""
        draw = rng(self._seed, "host", lesson.id)
        length = _length(lesson)
        if draw.random() < HOST_ABSENT:
            return HostFate(True, 0, 0)
        starts = -draw.randint(5, 45)
        if draw.random() < HOST_LATE:
            starts = draw.randint(150, 900)
        ends = length + draw.randint(0, 60)
        if draw.random() < HOST_EARLY_END:
            ends = length - draw.randint(480, 780)
        silences: Silences = ()
        if draw.random() < HOST_DROPS_OUT:
            silences = (_silence(draw, length, 60, 300),)
        return HostFate(False, starts, ends, silences)

    def seat(self, lesson: Occurrence, seat: Seat) -> SeatFate:
        """What becomes of one room in a lesson."""
        on, school = lesson.date, self._school[seat.classroom]
        dead = rng(self._seed, "dead", seat.classroom, on).random() < ROOM_DEAD_FOR_A_DAY
        if dead or (seat.classroom, on) in self.dead:
            return SeatFate(True, 0, 0)
        draw = rng(self._seed, "seat", lesson.id, seat.id)
        length = _length(lesson)
        joins = -draw.randint(0, 30)
        if draw.random() < ROOM_LATE:
            joins = draw.randint(60, 1500)
        leaves = length + draw.randint(30, 90)
        if draw.random() < ROOM_LEAVES:
            leaves = draw.randint(300, length - 300)
        silences: Silences = ()
        if draw.random() < ROOM_DROPS_OUT:
            silences = (_silence(draw, length, 20, 180),)
        return SeatFate(False, joins, leaves, self.lost(school, on), silences)

    def lost(self, school: SchoolId, on: date) -> float:
        """The share of samples a school's line loses on a date; 0 on a good day."""
        draw = rng(self._seed, "line", school, on)
        bad = WEAK_LINE_DAY if school == self.weak else BAD_LINE_DAY
        return draw.uniform(*BAD_SAMPLES) if draw.random() < bad else 0.0


def _length(lesson: Occurrence) -> int:
    return int((lesson.ends_at - lesson.starts_at).total_seconds())


def _silence(draw: Random, length: int, least: int, most: int) -> tuple[int, int]:
    begins = draw.randint(60, length - most)
    return begins, begins + draw.randint(least, most)
