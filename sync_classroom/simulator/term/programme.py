"""What a simulated term is about: which rooms take part from when, and their weekly rules."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from ...domain.ids import ClassroomId, SchoolId, SeriesId, TeacherId
from ...domain.roster import Classroom, DayException, Roster, School, SchoolClass, SchoolRole, Term
from ...domain.series import Series, SeriesSeat, WeekKind, WeekRule
from ...domain.timetable import Host

#: Weeks of the term in which the last room of the first and of the second half of the schools is
#: put into use: the programme grows while one looks.
JOINING_WEEKS: Final = (5, 10)
#: The week in which one school holds its sports day, on a Friday.
SPORTS_WEEK: Final = 8
#: A version is published so many days before its first lesson.
NOTICE_DAYS: Final = 5
_SPORTS_DAY: Final = "校运动会，全校停课一天"
_PERIODS: Final = (2, 3, 5, 1, 4)
_WEEKDAYS: Final = 5
_GRADES: Final = "零一二三四五六七八九"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is taught how often, and by which of a host school's teachers (their places)."""

    code: str
    name: str
    weeks: WeekKind
    teachers: tuple[int, ...]


#: Two lessons a week, and a third that is music in odd weeks and art in even ones.
SUBJECTS: Final = (
    (Subject("eng", "英语", WeekKind.ALL, (4, 5)),),
    (Subject("sci", "科学", WeekKind.ALL, (6,)),),
    (
        Subject("mus", "音乐", WeekKind.ODD, (8,)),
        Subject("art", "美术", WeekKind.EVEN, (9,)),
    ),
)


@dataclass(frozen=True, slots=True)
class Edition:
    """Rules that are published together, on a date before their first lesson."""

    published_on: date
    rules: tuple[Series, ...]


def rng(seed: int, *parts: object) -> random.Random:
    """A generator of its own for whatever `parts` name: nothing depends on what came before."""
    return random.Random("/".join(map(str, (seed, *parts))))  # noqa: S311 - a simulation, no secret


def remote_schools(roster: Roster) -> list[School]:
    """The schools that receive lessons, in the roster's order."""
    return [s for s in roster.schools.values() if s.role is SchoolRole.REMOTE]


def host_schools(roster: Roster) -> list[School]:
    """The schools that give them."""
    return [s for s in roster.schools.values() if s.role is SchoolRole.HOST]


def rooms_of(roster: Roster, school: SchoolId) -> list[Classroom]:
    """A school's classrooms, in the roster's order."""
    return [c for c in roster.classrooms.values() if c.school == school]


def classes_of(roster: Roster, school: SchoolId) -> list[SchoolClass]:
    """A school's classes, in the roster's order."""
    return [c for c in roster.classes.values() if c.school == school]


def monday(term: Term, week: int) -> date:
    """The Monday of a week of the term, counted from 1."""
    return term.week1_monday + timedelta(weeks=week - 1)


def enrolled(roster: Roster, term: Term, rooms: int) -> Roster:
    """The roster of the simulated programme: `rooms` remote rooms, one term, one sports day.

    Rooms are taken school by school, every first one, then every second one. Each school's last
    room is put into use while the term runs.
    """
    schools = remote_schools(roster)
    ranked = sorted(
        (number, place, room)
        for place, school in enumerate(schools)
        for number, room in enumerate(r.id for r in rooms_of(roster, school.id))
    )[:rooms]
    last = max(number for number, _, _ in ranked)
    kept = {room: (number, place) for number, place, room in ranked}
    classrooms: dict[ClassroomId, Classroom] = {}
    for ident, room in roster.classrooms.items():
        if roster.schools[room.school].role is SchoolRole.HOST:
            classrooms[ident] = room
        elif ident in kept:
            number, place = kept[ident]
            if last and number == last:
                half = place * len(JOINING_WEEKS) // len(schools)
                room = replace(room, commissioned_on=monday(term, JOINING_WEEKS[half]))
            classrooms[ident] = room
    used = {s.id: sum(c.school == s.id for c in classrooms.values()) for s in schools}
    classes = {
        c.id: c
        for c in roster.classes.values()
        if c.school not in used or c in classes_of(roster, c.school)[: used[c.school]]
    }
    sports = DayException(
        school=schools[len(schools) // 3].id,
        date=monday(term, SPORTS_WEEK) + timedelta(days=_WEEKDAYS - 1),
        teaching=False,
        reason=_SPORTS_DAY,
    )
    return replace(
        roster,
        target_classrooms=rooms,
        classrooms=classrooms,
        classes=classes,
        terms={term.id: term},
        days=(*roster.days, sports),
    )


def editions(roster: Roster, term: Term) -> tuple[Edition, ...]:
    """The rules in the versions in which they are published, the first before the term begins.

    Rooms of one grade listen together, those of each half of the schools to one host school. A host
    school gives one lesson at a time, so nothing is booked twice.
    """
    hosts = host_schools(roster)
    schools = remote_schools(roster)
    groups: dict[tuple[date, int, int], list[SeriesSeat]] = {}
    for place, school in enumerate(schools):
        half = place * len(hosts) // len(schools)
        pairs = zip(rooms_of(roster, school.id), classes_of(roster, school.id), strict=True)
        for number, (room, taught) in enumerate(pairs):
            since = max(room.commissioned_on, term.first_day)
            groups.setdefault((since, half, taught.grade), []).append(
                SeriesSeat(room.id, taught.id, taught.enrolment, _assistant(roster, school, number))
            )
    slots = dict.fromkeys(range(len(hosts)), 0)
    by_date: dict[date, list[Series]] = {}
    for since, half, grade in sorted(groups):
        seats = tuple(groups[since, half, grade])
        for alternating in SUBJECTS:
            weekday, row = slots[half] % _WEEKDAYS + 1, slots[half] // _WEEKDAYS
            by_date.setdefault(since, []).extend(
                _rule(roster, term, hosts[half], subject, grade, since, seats,
                      weekday, _PERIODS[row], slots[half])
                for subject in alternating
            )  # fmt: skip
            slots[half] += 1
    return tuple(
        Edition(since - timedelta(days=NOTICE_DAYS), tuple(rules))
        for since, rules in sorted(by_date.items())
    )


def _assistant(roster: Roster, school: School, number: int) -> TeacherId | None:
    own = [t.id for t in roster.teachers.values() if t.school == school.id]
    return own[number % len(own)] if own else None


def _rule(
    roster: Roster,
    term: Term,
    host: School,
    subject: Subject,
    grade: int,
    since: date,
    seats: Sequence[SeriesSeat],
    weekday: int,
    period: int,
    slot: int,
) -> Series:
    studios, teachers = rooms_of(roster, host.id), teachers_of(roster, host.id)
    teacher = teachers[subject.teachers[slot % len(subject.teachers)] % len(teachers)]
    sits_in = {c.grade: c.id for c in classes_of(roster, host.id)}
    return Series(
        id=SeriesId(f"{host.id}-g{grade}-{subject.code}"),
        term=term.id,
        title=f"{_GRADES[grade]}年级{subject.name}",
        subject=subject.name,
        host=Host(host.id, studios[slot % len(studios)].id, teacher, sits_in.get(grade)),
        seats=tuple(seats),
        weekday=weekday,
        period=period,
        weeks=WeekRule(subject.weeks),
        grade=grade,
        first=None if since <= term.first_day else since,
    )


def teachers_of(roster: Roster, school: SchoolId) -> list[TeacherId]:
    """A school's teachers, in the roster's order."""
    return [t.id for t in roster.teachers.values() if t.school == school]


def stand_in(roster: Roster, series_teachers: Mapping[SchoolId, set[TeacherId]],
             school: SchoolId) -> TeacherId | None:  # fmt: skip
    """A teacher of the school who gives no lessons by the rules, so is free at any time."""
    busy = series_teachers.get(school, set())
    return next((t for t in teachers_of(roster, school) if t not in busy), None)
