"""The other two modes in figures: 在线帮扶教研 (research) and 精准帮扶推送 (push)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from .crediting import NOT_DUE, host_of, window_of, withdrawn_state
from .evidence import Evidence
from .facts import PushStep
from .ids import OccurrenceId, SchoolId, TeacherId
from .intervals import EMPTY, Spans, intersection, length, union
from .measures import Ratio
from .roster import Teacher
from .rules import Rules
from .timetable import Mode, Occurrence, Plan, Push, PushTarget


@dataclass(frozen=True, slots=True)
class ResearchFigures:
    """Research meetings. A teacher attends with at least `research_min_s` seconds in the window.

    `research_teachers` are distinct teachers who attended a planned meeting; `research_teacher_s`
    is all teachers' time, each second of a teacher once; `research_schools` are remote schools
    that attended a held meeting, of those in the programme.
    """

    research_planned: int
    research_held: int
    research_teachers: int
    research_teacher_s: int
    research_schools: Ratio


@dataclass(frozen=True, slots=True)
class PushFigures:
    """Push orders by target: 触达率 is opened of addressed, 完成率 completed of addressed.

    A target that was withdrawn before anything arrived there is not addressed (`is_owed`).
    `push_schools` are remote schools where a target was opened, of those in the programme.
    """

    push_addressed: int
    push_delivered: int
    push_opened: int
    push_completed: int
    push_open_rate: Ratio
    push_completion_rate: Ratio
    push_schools: Ratio


@dataclass(frozen=True, slots=True)
class ModeCounts:
    """The figures of one mode and how often it reached each school."""

    by_school: Mapping[SchoolId, int]


@dataclass(frozen=True, slots=True)
class Research(ModeCounts):
    """Research figures; a school counts each held meeting that one of its teachers attended."""

    figures: ResearchFigures


class PushReach(NamedTuple):
    """Targets of one school: how many, and how many of them each step was taken for."""

    addressed: int
    delivered: int
    opened: int
    completed: int


@dataclass(frozen=True, slots=True)
class Pushes(ModeCounts):
    """Push figures; a school counts each target that was opened."""

    figures: PushFigures


@dataclass(frozen=True, slots=True)
class Meeting:
    """A planned research meeting: when each teacher's media arrived in its window.

    `presence` also names whoever is in no roster.
    """

    occurrence: OccurrenceId
    date: date
    presence: Mapping[TeacherId, Spans]


def meetings_of(plan: Plan, evidence: Evidence) -> Iterator[Meeting]:
    """The research meetings of a plan that were not excused or moved in time."""
    for meeting in plan.occurrences.values():
        if meeting.mode is Mode.RESEARCH and withdrawn_state(meeting) not in NOT_DUE:
            yield Meeting(meeting.id, meeting.date, presence_in(meeting, evidence))


def research_of(
    meetings: Iterable[Meeting],
    teachers: Mapping[TeacherId, Teacher],
    programme: Collection[SchoolId],
    rules: Rules,
) -> Research:
    """The research meetings of a period; `programme` are the remote schools in it."""
    planned = held = 0
    attended: set[TeacherId] = set()
    present: dict[TeacherId, Spans] = defaultdict(lambda: EMPTY)
    by_school: dict[SchoolId, int] = defaultdict(int)
    for meeting in meetings:
        planned += 1
        here: set[TeacherId] = set()
        for teacher, spans in meeting.presence.items():
            # Anyone who spoke attended, invited or not; but a name nobody knows has no school.
            if teacher in teachers:
                present[teacher] = union(present[teacher], spans)
                if length(spans) >= rules.research_min_s:
                    here.add(teacher)
        attended |= here
        schools = {teachers[t].school for t in here}
        if len(schools) >= rules.research_min_schools:
            held += 1
            for school in schools:
                by_school[school] += 1
    return Research(
        dict(by_school),
        ResearchFigures(
            planned,
            held,
            len(attended),
            sum(length(spans) for spans in present.values()),
            Ratio(len(set(by_school) & set(programme)), len(programme)),
        ),
    )


def presence_in(meeting: Occurrence, evidence: Evidence) -> dict[TeacherId, Spans]:
    """When each teacher's media arrived, within the window. The leader's is host media."""
    window = (window_of(meeting),)
    presence = {
        teacher: intersection(builder.spans(), window)
        for teacher, builder in evidence.teachers_of(meeting.id)
    }
    leader = meeting.host.teacher
    presence[leader] = union(presence.get(leader, EMPTY), host_of(meeting, evidence))
    return presence


def push_reach(pushes: Iterable[Push], evidence: Evidence) -> dict[SchoolId, PushReach]:
    """How far orders got, by the schools of their targets; when a step was taken is not asked."""
    sums: dict[SchoolId, list[int]] = {}
    for push in pushes:
        for target in push.targets:
            own = sums.setdefault(target.school, [0] * len(PushReach._fields))
            own[0] += is_owed(push, target, evidence)
            for n, step in enumerate(PushStep, 1):
                own[n] += (push.id, target.id) in evidence.pushes[step]
    return {school: PushReach._make(own) for school, own in sums.items()}


def is_owed(push: Push, target: PushTarget, evidence: Evidence) -> bool:
    """Whether a target counts as addressed: what was withdrawn before it arrived is not owed.

    Only a withdrawal that evidence gave the reason for excuses; an order that a person cancels
    after it was sent is owed as before, so that no rate rises by cancelling what does not arrive.
    """
    return target.withdrawn_at is None or any(
        (push.id, target.id) in evidence.pushes[step] for step in PushStep
    )


def pushes_of(reach: Mapping[SchoolId, PushReach], programme: Collection[SchoolId]) -> Pushes:
    """The push orders of a period; what was opened later than the period counts to its order."""
    addressed, delivered, opened, completed = (
        sum(own[n] for own in reach.values()) for n in range(len(PushReach._fields))
    )
    by_school = {school: own.opened for school, own in reach.items() if own.opened}
    return Pushes(
        by_school,
        PushFigures(
            addressed,
            delivered,
            opened,
            completed,
            Ratio(opened, addressed),
            Ratio(completed, addressed),
            Ratio(len(by_school.keys() & set(programme)), len(programme)),
        ),
    )
