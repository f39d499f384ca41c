"""A programme of two host schools and eight remote schools with six classrooms each."""

from __future__ import annotations

from datetime import date, time

from sync_classroom.domain.ids import (
    BellSetId,
    ClassId,
    ClassroomId,
    SchoolId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.roster import (
    BellSet,
    Classroom,
    DayException,
    Period,
    Roster,
    School,
    SchoolClass,
    SchoolRole,
    Teacher,
    Term,
)

HOSTS = tuple(f"host-{n}" for n in (1, 2))
REMOTES = tuple(f"remote-{n}" for n in range(1, 9))
REMOTE_ROOMS = tuple(f"{school}-r{n}" for school in REMOTES for n in range(1, 7))


def programme() -> Roster:
    """The roster that `tests.support.plans.lesson` fits: `host-1-r1`, `host-1-t1`, `host-1-c1` …

    Every school has six classrooms, six classes and six teachers, numbered from 1.
    """
    schools: dict[SchoolId, School] = {}
    rooms: dict[ClassroomId, Classroom] = {}
    classes: dict[ClassId, SchoolClass] = {}
    teachers: dict[TeacherId, Teacher] = {}
    bells: dict[BellSetId, BellSet] = {}
    for name in HOSTS + REMOTES:
        school = SchoolId(name)
        role = SchoolRole.HOST if name in HOSTS else SchoolRole.REMOTE
        schools[school] = School(school, f"学校 {name}", role, date(2020, 9, 1))
        for n in range(1, 7):
            room, group, person = (f"{name}-{kind}{n}" for kind in "rct")
            rooms[ClassroomId(room)] = Classroom(
                ClassroomId(room), school, f"{n}号直播教室", date(2020, 12, 31), None, 45
            )
            classes[ClassId(group)] = SchoolClass(ClassId(group), school, n, f"{n}(1)班", 42)
            teachers[TeacherId(person)] = Teacher(TeacherId(person), school, f"{n}老师")
        bell = BellSetId(f"{name}-bells")
        bells[bell] = BellSet(
            bell,
            school,
            (Period(1, time(8, 10), time(8, 50)), Period(2, time(9, 0), time(9, 40, 30))),
        )
    term = Term(
        TermId("2026-autumn"), "第一学期", date(2026, 8, 31), date(2026, 9, 1), date(2027, 1, 29)
    )
    return Roster(
        target_classrooms=48,
        schools=schools,
        classrooms=rooms,
        classes=classes,
        teachers=teachers,
        terms={term.id: term},
        bell_sets=bells,
        days=(
            DayException(None, date(2026, 10, 1), teaching=False),
            DayException(
                SchoolId("host-1"),
                date(2026, 10, 10),
                teaching=True,
                follows_weekday=5,
                follows_week=5,
                bell_set=BellSetId("host-1-bells"),
            ),
        ),
    )
