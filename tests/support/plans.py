"""Small plans for tests: a lesson in one line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    TeacherId,
)
from sync_classroom.domain.timetable import Change, Host, Mode, Occurrence, Seat

SHANGHAI = timezone(timedelta(hours=8), "CST")


def at(clock: str, day: str = "2026-11-23") -> datetime:
    """`at("09:40")` is that clock time in Shanghai on the test day; seconds may follow."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SHANGHAI)


def lesson(
    ident: str,
    start: str = "09:00",
    end: str = "09:40",
    *,
    day: str = "2026-11-23",
    school: str = "host-1",
    room: str = "host-1-r1",
    teacher: str = "host-1-t1",
    host_class: str | None = None,
    seats: Sequence[str | tuple[str, str | None]] = (),
    expected: int | None = None,
    periods: int = 1,
    subject: str = "英语",
    mode: Mode = Mode.LIVE,
    participants: Sequence[str] = (),
    changes: Sequence[Change] = (),
) -> Occurrence:
    """An occurrence; each seat is a classroom id, or `(classroom id, class id)`.

    Seat ids are `<occurrence>-s0`, `-s1`, ….
    """
    pairs = [(s, None) if isinstance(s, str) else s for s in seats]
    starts_at = at(start, day)
    return Occurrence(
        id=OccurrenceId(ident),
        mode=mode,
        title="课",
        subject=subject,
        date=starts_at.date(),
        starts_at=starts_at,
        ends_at=at(end, day),
        periods=periods,
        host=Host(
            SchoolId(school),
            ClassroomId(room),
            TeacherId(teacher),
            None if host_class is None else ClassId(host_class),
        ),
        seats=tuple(
            Seat(
                SeatId(f"{ident}-s{n}"),
                ClassroomId(classroom),
                None if school_class is None else ClassId(school_class),
                expected,
            )
            for n, (classroom, school_class) in enumerate(pairs)
        ),
        participants=tuple(TeacherId(t) for t in participants),
        changes=tuple(changes),
    )
