"""A province's day in a store: bells at which hundreds of lessons begin in the same second.

Every bell has its own lessons; the same rooms, teachers and seats give them, bell after bell. A
lesson lasts 40 minutes. The next bell rings 55 minutes after the last, so that in one and the same
second the lessons of one bell run out of their grace (5 minutes) and those of the next one open
(10 minutes ahead): the most that can be due at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import insert

from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId, SeatId, TeacherId
from sync_classroom.domain.lesson import EndReason, LessonRun, LessonState
from sync_classroom.domain.roster import Classroom, Roster, School, SchoolRole, Teacher
from sync_classroom.domain.timetable import Host, Mode, Occurrence, Seat
from sync_classroom.store import tables
from sync_classroom.store.database import Database
from sync_classroom.store.engine import Transactions, make_engine, parse_place

ZONE: Final = ZoneInfo("Asia/Shanghai")
DAY: Final = date(2026, 11, 23)
FIRST_BELL: Final = datetime(2026, 11, 23, 5, 10, tzinfo=ZONE)
LESSON: Final = timedelta(minutes=40)
BETWEEN_BELLS: Final = timedelta(minutes=55)
JOINED: Final = date(2020, 9, 1)
HOST: Final = SchoolId("host")
REMOTE: Final = SchoolId("remote")
ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Day:
    """So many bells, so many lessons at each, so many seats in each lesson."""

    bells: int = 20
    lessons: int = 250
    seats: int = 3
    first: datetime = FIRST_BELL
    length: timedelta = LESSON
    between: timedelta = BETWEEN_BELLS

    def bell(self, number: int) -> datetime:
        """When the lessons of a bell (from 0) begin."""
        return self.first + number * self.between

    def roster(self) -> Roster:
        """One room and one teacher for each lesson at a bell, and rooms for its seats."""
        schools = [
            School(HOST, "主讲校", SchoolRole.HOST, JOINED),
            School(REMOTE, "受援校", SchoolRole.REMOTE, JOINED),
        ]
        rooms = [
            *(Classroom(ClassroomId(f"h{n}"), HOST, f"h{n}", JOINED) for n in range(self.lessons)),
            *(
                Classroom(ClassroomId(f"r{n}"), REMOTE, f"r{n}", JOINED)
                for n in range(self.lessons * self.seats)
            ),
        ]
        people = [Teacher(TeacherId(f"t{n}"), HOST, f"t{n}") for n in range(self.lessons)]
        return Roster(
            schools={s.id: s for s in schools},
            classrooms={c.id: c for c in rooms},
            teachers={t.id: t for t in people},
        )

    def of_bell(self, number: int, *, back: timedelta = timedelta(0)) -> list[Occurrence]:
        """The lessons of one bell, `back` earlier than on the day."""
        starts_at = self.bell(number) - back
        return [self._lesson(number, n, starts_at) for n in range(self.lessons)]

    def _lesson(self, bell: int, n: int, starts_at: datetime) -> Occurrence:
        name = f"{starts_at:%Y%m%d}-b{bell}-l{n}"
        return Occurrence(
            id=OccurrenceId(name),
            mode=Mode.LIVE,
            title="测试",
            subject="英语",
            date=starts_at.date(),
            starts_at=starts_at,
            ends_at=starts_at + self.length,
            periods=1,
            host=Host(HOST, ClassroomId(f"h{n}"), TeacherId(f"t{n}")),
            seats=tuple(
                Seat(SeatId(f"{name}-s{i}"), ClassroomId(f"r{n * self.seats + i}"), None, 42)
                for i in range(self.seats)
            ),
        )


def given(occurrence: Occurrence) -> LessonRun:
    """The run of a lesson that was given and is over."""
    return LessonRun(
        occurrence.id,
        LessonState.ENDED,
        opened_at=occurrence.starts_at - timedelta(minutes=10),
        live_at=occurrence.starts_at,
        ended_at=occurrence.ends_at,
        end_reason=EndReason.BUTTON,
        version=3,
    )


def running(occurrence: Occurrence) -> LessonRun:
    """The run of a lesson that is being given."""
    opened_at = occurrence.starts_at - timedelta(minutes=10)
    return LessonRun(
        occurrence.id, LessonState.LIVE, opened_at, live_at=occurrence.starts_at, version=2
    )


async def store_day(
    store: Database,
    url: str,
    day: Day,
    occurrences: Sequence[Occurrence],
    runs: Sequence[LessonRun] = (),
) -> None:
    """Put the roster, these occurrences and runs into an empty store.

    By rows and not by booking, which looks for clashes that cannot be here: thousands of lessons
    would take minutes.
    """
    await store.apply_roster(day.roster())
    place = parse_place(url, None)
    database = Transactions(make_engine(place), place)
    try:
        for chunk in _chunks(occurrences):
            rows = [_row(o) for o in chunk]
            seats = [_seat(o, i, s) for o in chunk for i, s in enumerate(o.seats)]
            async with database.write() as connection:
                await connection.execute(insert(tables.occurrences), rows)
                if seats:
                    await connection.execute(insert(tables.seats), seats)
        for chunk in _chunks(runs):
            async with database.write() as connection:
                await connection.execute(insert(tables.runs), [_run(r) for r in chunk])
    finally:
        await database.engine.dispose()


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), ROWS_AT_ONCE):
        yield values[start : start + ROWS_AT_ONCE]


def _row(occurrence: Occurrence) -> dict[str, Any]:
    return {
        "id": occurrence.id,
        "key": f"bench-{occurrence.id}",
        "mode": occurrence.mode.value,
        "title": occurrence.title,
        "subject": occurrence.subject,
        "date": occurrence.date,
        "starts_at": occurrence.starts_at,
        "ends_at": occurrence.ends_at,
        "periods": occurrence.periods,
        "host_school": occurrence.host.school,
        "host_classroom": occurrence.host.classroom,
        "host_teacher": occurrence.host.teacher,
    }


def _seat(occurrence: Occurrence, position: int, seat: Seat) -> dict[str, Any]:
    return {
        "occurrence": occurrence.id,
        "id": seat.id,
        "position": position,
        "classroom": seat.classroom,
        "expected": seat.expected,
    }


def _run(run: LessonRun) -> dict[str, Any]:
    return {
        "occurrence": run.occurrence,
        "state": run.state.value,
        "opened_at": run.opened_at,
        "live_at": run.live_at,
        "ended_at": run.ended_at,
        "end_reason": None if run.end_reason is None else run.end_reason.value,
        "extended_s": 0,
        "version": run.version,
    }
