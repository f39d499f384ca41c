"""Research meetings and push orders of a simulated term, with what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from ...domain.calendar import Calendar
from ...domain.crediting import SeatEvidence, SeatState
from ...domain.facts import Fact, PushProgress, PushStep
from ...domain.ids import FactId, OccurrenceId, PushId, SchoolId, TargetId
from ...domain.roster import Roster, Term
from ...domain.timetable import Host, Mode, Occurrence, Push, PushTarget
from .fates import HostFate
from .media import Journal, host_samples, participant_samples
from .programme import (
    SUBJECTS,
    host_schools,
    monday,
    remote_schools,
    rng,
    rooms_of,
    teachers_of,
)

#: Every second Wednesday after the last bell.
MEETING_WEEKS: Final = 2
MEETING_WEEKDAY: Final = 3
MEETING_STARTS, MEETING_ENDS = time(16, 15), time(17, 5)
#: Remote schools that are asked to a meeting, and teachers of each.
MEETING_SCHOOLS, MEETING_TEACHERS = 4, 2
#: Shares of invited teachers who come, and of meetings to which nobody came.
ATTENDS: Final = 0.82
FAILS: Final = 0.12
#: Shares of targets that get, of those open, of those finish what was pushed.
DELIVERED, OPENED, COMPLETED = 0.94, 0.76, 0.72
WEAK_OPENED: Final = 0.4
#: Weeks between two orders of courseware.
COURSEWARE_WEEKS: Final = 4
_TOPICS: Final = (
    "单元整体教学设计",
    "课堂提问与互动",
    "作业设计与批改",
    "薄弱学生辅导",
    "实验课组织",
)
_MISSED: Final = "本教室本周缺课或未听完，补推课堂录像"
_PREPARED: Final = "单元预习课件，推送到全部受援教室"


def meetings_of(seed: int, roster: Roster, term: Term, zone: tzinfo) -> tuple[Occurrence, ...]:
    """The research meetings of a term: led by the host schools in turn."""
    hosts, schools = host_schools(roster), remote_schools(roster)
    calendar = Calendar(roster)
    found: list[Occurrence] = []
    on = monday(term, MEETING_WEEKS) + timedelta(days=MEETING_WEEKDAY - 1)
    while on <= term.last_day:
        number = len(found)
        host = hosts[number % len(hosts)]
        draw = rng(seed, "meeting", on)
        guests = draw.sample(schools, min(MEETING_SCHOOLS, len(schools)))
        leaders = teachers_of(roster, host.id)
        if calendar.day(host.id, on).teaching:
            subject = SUBJECTS[number % len(SUBJECTS)][0]
            found.append(
                Occurrence(
                    id=OccurrenceId(f"research-{on:%Y%m%d}"),
                    mode=Mode.RESEARCH,
                    title=f"{subject.name}教研：{_TOPICS[number % len(_TOPICS)]}",
                    subject=subject.name,
                    date=on,
                    starts_at=datetime.combine(on, MEETING_STARTS, zone),
                    ends_at=datetime.combine(on, MEETING_ENDS, zone),
                    periods=1,
                    host=Host(
                        host.id,
                        rooms_of(roster, host.id)[0].id,
                        leaders[subject.teachers[0] % len(leaders)],
                    ),
                    term=term.id,
                    participants=tuple(
                        t
                        for school in sorted(guests, key=lambda s: s.id)
                        for t in sorted(
                            draw.sample(
                                teachers_of(roster, school.id),
                                min(MEETING_TEACHERS, len(teachers_of(roster, school.id))),
                            )
                        )
                    ),
                )
            )
        on += timedelta(weeks=MEETING_WEEKS)
    return tuple(found)


def meeting_facts(seed: int, meeting: Occurrence, journal: Journal) -> Iterator[Fact]:
    """The media of a meeting: of its leader, and of the teachers who came."""
    length = int((meeting.ends_at - meeting.starts_at).total_seconds())
    yield from host_samples(meeting, HostFate(False, -60, length), journal, None)
    draw = rng(seed, "attendance", meeting.id)
    failed = rng(seed, "nobody", meeting.id).random() < FAILS
    for teacher in meeting.participants:
        comes = draw.random() < ATTENDS
        joins, leaves = draw.randint(-120, 600), length - draw.randint(0, 1500)
        if comes and not failed:
            yield from participant_samples(meeting, teacher, joins, leaves, journal)


def recordings_pushed(
    on: date, at: datetime, week: Sequence[SeatEvidence], roster: Roster
) -> list[Push]:
    """A seat that missed or only partly received a lesson is pushed its recording: one order a
    lesson, with the rooms it is for."""
    orders: list[Push] = []
    missed: dict[OccurrenceId, list[SeatEvidence]] = {}
    for seat in week:
        if seat.state in (SeatState.MISSED, SeatState.PARTIAL) and seat.host:
            missed.setdefault(seat.occurrence.id, []).append(seat)
    for ident, seats in missed.items():
        lesson = seats[0].occurrence
        targets = tuple(
            PushTarget(
                TargetId(s.seat.id),
                roster.classrooms[s.seat.classroom].school,
                s.seat.classroom,
                s.seat.school_class,
            )
            for s in seats
        )
        orders.append(
            Push(
                PushId(f"push-{on:%Y%m%d}-{ident}"), f"{lesson.title} {lesson.date} 课堂录像",
                lesson.subject, _MISSED, at, lesson.grade, targets,
            )
        )  # fmt: skip
    return orders


def courseware_pushed(on: date, at: datetime, roster: Roster) -> list[Push]:
    """Courseware to every room in use, one order a subject."""
    remote = {s.id for s in remote_schools(roster)}
    rooms = [
        c for c in roster.classrooms.values() if c.school in remote and c.commissioned_on <= on
    ]
    return [
        Push(
            PushId(f"push-{on:%Y%m%d}-{subject.code}"), f"{subject.name}单元预习课件",
            subject.name, _PREPARED, at, None,
            tuple(PushTarget(TargetId(c.id), c.school, c.id) for c in rooms),
        )
        for subject in (SUBJECTS[0][0], SUBJECTS[1][0])
    ]  # fmt: skip


def progress_of(seed: int, push: Push, weak: SchoolId) -> Iterator[PushProgress]:
    """How far an order gets at each target: fetched at night, opened on one of the next days."""
    night = push.ordered_at.replace(hour=21, minute=0, second=0)
    for target in push.targets:
        draw = rng(seed, "progress", push.id, target.id)
        if draw.random() >= DELIVERED:
            continue
        delivered = night + timedelta(seconds=draw.randint(0, 7200))
        opened = night + timedelta(days=draw.randint(1, 6), hours=-draw.randint(5, 12))
        steps = [(PushStep.DELIVERED, delivered)]
        if draw.random() < (WEAK_OPENED if target.school == weak else OPENED):
            steps.append((PushStep.OPENED, opened))
            if draw.random() < COMPLETED:
                finished = opened + timedelta(seconds=draw.randint(600, 2400))
                steps.append((PushStep.COMPLETED, finished))
        for step, at in steps:
            ident = FactId(f"{push.id}:{target.id}:{step.value}")
            yield PushProgress(ident, step, push.id, target.id, at)
