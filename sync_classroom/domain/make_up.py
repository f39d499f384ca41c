"""The automatic rule (自动补推): who missed a lesson, or part of it, is pushed its recording.

On unless somebody switched it off. A lesson is looked at when its evidence has come in, and its
recording is pushed once. Evidence that comes later may show that a seat was held after all: then it
is withdrawn from that room, unless somebody there has opened it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from .crediting import SeatState
from .ids import ClassId, ClassroomId, OccurrenceId, TargetId
from .lesson import LessonRun, LessonState
from .library import MAX_TITLE, Details
from .push_orders import PushOrder
from .recordings import RecordedFile, Recording, RecordingState
from .rollup import SeatResult
from .timetable import Mode, Occurrence

#: The relay's journal is read every few seconds; a sample is written at most 10 s after its end.
SETTLE: Final = timedelta(minutes=5)
#: What a relay has of a lesson is written by this time after its end. While it could not be asked
#: since then, nothing is pushed, until so late that the promise is an hour.
WRITTEN: Final = timedelta(minutes=1)
PATIENCE: Final = timedelta(minutes=50)
#: A server that was off for longer does not surprise schools with lessons of last week.
LOOK_BACK: Final = timedelta(hours=24)
#: What nobody watched in this time is not made up any more.
LIFE: Final = timedelta(days=30)
#: Who did it, where a login stands otherwise.
BY: Final = "make-up"
OVER: Final = "自动补推的录像：推送已到期或取消"
REASON: Final = "缺课补推：没开成或只收到一部分"
#: Evidence is late by days at most; after this an order stays as it is.
WATCH: Final = timedelta(days=7)
WITHDRAWN: Final = "后来的记录表明：这间教室已开成这节课，不用补看"


@dataclass(frozen=True, slots=True)
class Switch:
    """Somebody switched the rule on or off."""

    on: bool
    at: datetime
    by: str
    reason: str


def is_on(switch: Switch | None) -> bool:
    """Whether the rule works, by the latest switch; None: nobody ever touched it."""
    return switch is None or switch.on


def key_of(lesson: OccurrenceId) -> str:
    """What makes resource and order of a lesson the only ones."""
    return f"make-up-{lesson}"


def is_heard(run: LessonRun, heard_at: datetime | None, now: datetime) -> bool:
    """Whether the evidence of an ended lesson is in, or has been waited for long enough.

    `heard_at`: everything that relays had written by then is stored; None: nobody has asked.
    """
    if run.ended_at is None:
        return False
    return now >= run.ended_at + PATIENCE or (
        heard_at is not None and heard_at >= run.ended_at + WRITTEN
    )


def held_after_all(order: PushOrder, seats: Iterable[SeatResult]) -> tuple[TargetId, ...]:
    """Targets of an automatic order whose every seat in its lesson counts as held by now."""
    states: dict[tuple[ClassroomId, ClassId | None], set[SeatState]] = {}
    for seat in seats:
        if seat.occurrence == order.rule.lesson:
            states.setdefault((seat.classroom, seat.school_class), set()).add(seat.state)
    return tuple(
        target.id
        for target in order.targets
        if target.classroom is not None
        and states.get((target.classroom, target.school_class)) == {SeatState.HELD}
    )


def is_due(lesson: Occurrence, run: LessonRun | None, switch: Switch | None, now: datetime) -> bool:
    """Whether it is time to look at a lesson: it has ended, its evidence is in, it is not long ago.

    What ended before the rule was switched on again stays as it was.
    """
    if lesson.mode is not Mode.LIVE or run is None or run.state is not LessonState.ENDED:
        return False
    ended_at = run.ended_at
    if ended_at is None or not now - LOOK_BACK <= ended_at <= now - SETTLE:
        return False
    return is_on(switch) and (switch is None or ended_at >= switch.at)


def file_of(recording: Recording | None) -> RecordedFile | None:
    """What is pushed of a finished recording: the host's camera, which has the voice; else the
    courseware. Of several pieces the longest."""
    if recording is None or recording.state is not RecordingState.SAVED:
        return None
    for source in ("camera", "screen"):
        files = [f for f in recording.files if f.source == source and f.duration_s > 0]
        if files:
            return max(files, key=lambda f: f.duration_s)
    return None


def details_of(lesson: Occurrence, zone: ZoneInfo) -> Details:
    """What classrooms read of it."""
    day = lesson.starts_at.astimezone(zone)
    end = f"（{day:%m-%d %H:%M} 课堂录像）"
    name = " ".join(part for part in (lesson.subject, lesson.title) if part)
    return Details(
        name[: MAX_TITLE - len(end)] + end, lesson.subject, lesson.grade, lesson.id,
        lesson.host.teacher, "",
    )  # fmt: skip
