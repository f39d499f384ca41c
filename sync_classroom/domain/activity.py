"""What help reached one school: lesson by lesson, meeting by meeting, push order by push order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .evidence import Evidence
from .facts import PushStep
from .ids import OccurrenceId, SchoolId
from .intervals import length
from .modes import Meeting, is_owed
from .rollup import SeatResult
from .rules import Rules
from .timetable import Occurrence, Plan, Push


class HelpMode(StrEnum):
    """The three modes of help, as the mode matrix names them."""

    LIVE = "live"
    RESEARCH = "research"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Help:
    """One lesson, meeting or push order as one remote school received it.

    `reached` of `addressed` are: held seats of due ones (live); teachers who attended of those
    invited or present (research); targets that were opened of those owed (push). Nothing
    addressed: it was called off in time. `seconds` are what the seats were credited with, or the
    teachers' time together; None for a push. `source` is the school the help came from, None where
    nobody says.
    """

    mode: HelpMode
    ident: str
    at: datetime
    title: str
    subject: str
    source: SchoolId | None
    addressed: int
    reached: int
    seconds: int | None


def activity_of(
    school: SchoolId,
    plan: Plan,
    seats: Iterable[SeatResult],
    meetings: Iterable[Meeting],
    evidence: Evidence,
    rules: Rules,
) -> tuple[Help, ...]:
    """Everything that was meant for a school, the latest first.

    `seats` are the school's, `meetings` anybody's; of those that are not in the plan nothing is
    said. `evidence` need only tell of push orders. The school's row of the mode matrix over the
    same days counts the same seats and targets, and the meetings that were held.
    """
    found = [
        *_lessons(seats, plan.occurrences),
        *_meetings(school, plan, meetings, rules),
        *_pushes(school, plan.pushes.values(), evidence),
    ]
    return tuple(sorted(found, key=lambda h: (h.at, h.ident), reverse=True))


def _lessons(
    seats: Iterable[SeatResult], lessons: Mapping[OccurrenceId, Occurrence]
) -> Iterator[Help]:
    by_lesson: dict[OccurrenceId, list[SeatResult]] = defaultdict(list)
    for seat in seats:
        by_lesson[seat.occurrence].append(seat)
    for ident, own in by_lesson.items():
        if (lesson := lessons.get(ident)) is not None:
            yield Help(
                HelpMode.LIVE,
                ident,
                lesson.starts_at,
                lesson.title,
                lesson.subject,
                lesson.host.school,
                sum(s.due for s in own),
                sum(s.held for s in own),
                sum(s.credited_s for s in own),
            )


def _meetings(
    school: SchoolId, plan: Plan, meetings: Iterable[Meeting], rules: Rules
) -> Iterator[Help]:
    teachers = plan.roster.teachers
    for meeting in meetings:
        planned = plan.occurrences.get(meeting.occurrence)
        if planned is None:
            continue
        invited = {planned.host.teacher, *planned.participants}
        here = {t: length(spans) for t, spans in meeting.presence.items() if spans}
        own = {t for t in invited | here.keys() if t in teachers and teachers[t].school == school}
        if own:
            yield Help(
                HelpMode.RESEARCH,
                meeting.occurrence,
                planned.starts_at,
                planned.title,
                planned.subject,
                planned.host.school,
                len(own),
                sum(here.get(t, 0) >= rules.research_min_s for t in own),
                sum(here.get(t, 0) for t in own),
            )


def _pushes(school: SchoolId, pushes: Iterable[Push], evidence: Evidence) -> Iterator[Help]:
    opened = evidence.pushes[PushStep.OPENED]
    for push in pushes:
        own = [t for t in push.targets if t.school == school]
        if own:
            yield Help(
                HelpMode.PUSH,
                push.id,
                push.ordered_at,
                push.resource,
                push.subject,
                None,
                sum(is_owed(push, t, evidence) for t in own),
                sum((push.id, t.id) in opened for t in own),
                None,
            )
