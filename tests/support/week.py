"""A host school, two remote schools with other bells, and lessons and rules in one line each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from zoneinfo import ZoneInfo

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.grid import EntryState, GridPlan
from sync_classroom.domain.ids import (
    BellSetId,
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeriesId,
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
from sync_classroom.domain.series import Series, SeriesSeat, WeekRule
from sync_classroom.domain.timetable import Host, Occurrence

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 11, 23)
TERM = Term(TermId("t"), "第一学期", date(2026, 8, 31), date(2026, 9, 1), date(2027, 1, 22))
FOUNDED = date(2020, 9, 1)


def bells(ident: str, school: str, *clocks: str) -> BellSet:
    """`bells("b", "host", "08:10-08:50", …)`: periods numbered from 1."""
    spans = [[time.fromisoformat(part) for part in clock.split("-")] for clock in clocks]
    periods = tuple(Period(n, start, end) for n, (start, end) in enumerate(spans, 1))
    return BellSet(BellSetId(ident), SchoolId(school), periods)


HOST_BELLS = bells(
    "host-b", "host",
    "08:10-08:50", "09:00-09:40", "10:10-10:50", "11:00-11:40", "13:40-14:20", "14:30-15:10",
)  # fmt: skip
#: Its period 3 begins ten minutes earlier than the host's, so the host's period 3 straddles two.
A_BELLS = bells("a-b", "a", "08:10-08:50", "09:00-09:40", "10:00-10:40", "10:45-11:25")
B_BELLS = bells("b-b", "b", "08:10-08:50", "09:00-09:40")


def programme(*days: DayException, extra_bells: Sequence[BellSet] = ()) -> Roster:
    """Schools `host`, `a` and `b`; rooms `host-r1`, `a-r1`, `a-r2`, `b-r1`; a class and a teacher
    `…-c1`, `…-t1`, `…-t2` each."""
    schools = {
        SchoolId(s): School(
            SchoolId(s), s, SchoolRole.HOST if s == "host" else SchoolRole.REMOTE, FOUNDED
        )
        for s in ("host", "a", "b")
    }
    rooms = {
        ClassroomId(r): Classroom(ClassroomId(r), SchoolId(r.split("-")[0]), r, FOUNDED)
        for r in ("host-r1", "a-r1", "a-r2", "b-r1")
    }
    return Roster(
        schools=schools,
        classrooms=rooms,
        classes={
            ClassId(f"{s}-c1"): SchoolClass(ClassId(f"{s}-c1"), s, 3, "三(1)班", 40)
            for s in schools
        },
        teachers={
            TeacherId(f"{s}-t{n}"): Teacher(TeacherId(f"{s}-t{n}"), s, f"{s}-{n}")
            for s in schools
            for n in (1, 2)
        },
        terms={TERM.id: TERM},
        bell_sets={b.id: b for b in (HOST_BELLS, A_BELLS, B_BELLS, *extra_bells)},
        days=days,
    )


def plan(
    roster: Roster,
    lessons: Iterable[Occurrence] = (),
    rules: Iterable[Series] = (),
    states: Mapping[OccurrenceId, EntryState] | None = None,
) -> GridPlan:
    """What a grid is drawn from."""
    return GridPlan(
        roster,
        Calendar(roster),
        ZONE,
        {o.id: o for o in lessons},
        {s.id: s for s in rules},
        states or {},
    )


def rule(
    ident: str,
    weekday: int | None = 1,
    period: int | None = 1,
    *,
    weeks: WeekRule | None = None,
    seats: Sequence[str] = ("a-r1",),
    span: int = 1,
    teacher: str = "host-t1",
    subject: str = "英语",
    grade: int | None = None,
) -> Series:
    """A weekly rule of school `host`."""
    return Series(
        SeriesId(ident),
        TERM.id,
        "课",
        subject,
        Host(SchoolId("host"), ClassroomId("host-r1"), TeacherId(teacher)),
        tuple(SeriesSeat(ClassroomId(s)) for s in seats),
        weekday,
        period,
        span,
        weeks or WeekRule(),
        grade=grade,
    )
