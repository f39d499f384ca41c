from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from sync_classroom.domain.evidence import Evidence
from sync_classroom.domain.facts import (
    Fact,
    HostMedia,
    ParticipantMedia,
    PushProgress,
    PushStep,
)
from sync_classroom.domain.ids import (
    FactId,
    OccurrenceId,
    PushId,
    SchoolId,
    TargetId,
    TeacherId,
)
from sync_classroom.domain.measures import Ratio
from sync_classroom.domain.modes import Research, meetings_of, push_reach, pushes_of, research_of
from sync_classroom.domain.roster import Teacher
from sync_classroom.domain.rules import DEFAULT
from sync_classroom.domain.timetable import (
    Change,
    ChangeKind,
    Mode,
    Occurrence,
    Plan,
    Push,
    PushTarget,
)
from tests.support.plans import at, lesson

_NUMBER = count()
START = at("14:00")
HOST, R1, R2 = SchoolId("h"), SchoolId("r1"), SchoolId("r2")
TEACHERS = {
    TeacherId(t): Teacher(TeacherId(t), s, t)
    for t, s in [("lead", HOST), ("h2", HOST), ("a", R1), ("b", R2)]
}
MEETING = lesson("m", "14:00", "15:00", teacher="lead", mode=Mode.RESEARCH)


def there(teacher: str, first: int, last: int, meeting: str = "m") -> Fact:
    return ParticipantMedia(
        FactId(f"f{next(_NUMBER)}"),
        OccurrenceId(meeting),
        TeacherId(teacher),
        START + timedelta(seconds=first),
        START + timedelta(seconds=last),
        9,
        9,
    )


def leads(first: int, last: int) -> Fact:
    begin, end = START + timedelta(seconds=first), START + timedelta(seconds=last)
    return HostMedia(FactId(f"f{next(_NUMBER)}"), OccurrenceId("m"), begin, end, 9, 9)


def held(*facts: Fact, meetings: tuple[Occurrence, ...] = (MEETING,)) -> Research:
    plan = Plan(occurrences={o.id: o for o in meetings})
    found = meetings_of(plan, Evidence.of(facts))
    return research_of(found, TEACHERS, (R1, R2), DEFAULT)


def test_a_meeting_is_held_by_two_schools_with_twenty_minutes_each() -> None:
    found = held(there("h2", 0, 1200), there("a", 600, 1200), there("a", 1800, 2400))
    assert found.figures.research_planned == found.figures.research_held == 1
    assert (found.figures.research_teachers, found.figures.research_teacher_s) == (2, 2400)
    assert found.figures.research_schools == Ratio(1, 2)
    assert found.by_school == {HOST: 1, R1: 1}


@pytest.mark.parametrize(
    "facts",
    [
        [there("h2", 0, 1200), there("a", 0, 1199)],
        [there("h2", 0, 1200), there("lead", 0, 1200)],
        [there("h2", 0, 1200), there("a", -600, 600)],
        [there("h2", 0, 1200), there("stranger", 0, 1200)],
        [],
    ],
)
def test_otherwise_it_is_planned_only(facts: list[Fact]) -> None:
    found = held(*facts)
    assert (found.figures.research_planned, found.figures.research_held) == (1, 0)
    assert (found.by_school, found.figures.research_schools) == ({}, Ratio(0, 2))


def test_the_leader_is_present_by_host_media() -> None:
    found = held(leads(0, 700), there("lead", 600, 1200), there("b", 0, 1200))
    assert found.figures.research_held == 1
    assert found.figures.research_teacher_s == 2400


def test_a_second_of_a_teacher_counts_once_in_two_meetings() -> None:
    second = replace(MEETING, id=OccurrenceId("n"))
    facts = [there("a", 0, 1200), there("a", 600, 1800, "n")]
    found = held(*facts, meetings=(MEETING, second))
    assert (found.figures.research_planned, found.figures.research_teacher_s) == (2, 1800)


@pytest.mark.parametrize(
    ("kind", "excused", "late_s", "planned"),
    [
        (ChangeKind.CANCELLED, True, -1, 0),
        (ChangeKind.MOVED, False, -1, 0),
        (ChangeKind.CANCELLED, False, -1, 1),
        (ChangeKind.CANCELLED, True, 0, 1),
    ],
)
def test_a_meeting_withdrawn_in_time_was_not_planned(
    kind: ChangeKind, excused: bool, late_s: int, planned: int
) -> None:
    change = Change(kind, START + timedelta(seconds=late_s), "x", "", excused=excused)
    found = held(meetings=(replace(MEETING, changes=(change,)),))
    assert found.figures.research_planned == planned


def test_pushes_are_counted_by_target_and_each_step_by_its_own_fact() -> None:
    targets = tuple(
        PushTarget(TargetId(f"t{n}"), school) for n, school in enumerate([R1, R1, R2, HOST])
    )
    push = Push(PushId("p"), "rec", "英语", "未听满", START, targets=targets)
    steps = [
        ("t0", PushStep.DELIVERED),
        ("t0", PushStep.OPENED),
        ("t0", PushStep.COMPLETED),
        ("t1", PushStep.DELIVERED),
        ("t3", PushStep.OPENED),
        ("t3", PushStep.OPENED),
        ("t9", PushStep.OPENED),
    ]
    evidence = Evidence.of(
        PushProgress(FactId(f"f{n}"), step, PushId("p"), TargetId(target), START)
        for n, (target, step) in enumerate(steps)
    )
    found = pushes_of(push_reach([push], evidence), (R1, R2))
    assert (found.figures.push_addressed, found.figures.push_delivered) == (4, 2)
    assert (found.figures.push_opened, found.figures.push_completed) == (2, 1)
    assert found.figures.push_open_rate == Ratio(2, 4)
    assert found.figures.push_completion_rate == Ratio(1, 4)
    assert found.figures.push_schools == Ratio(1, 2)
    assert found.by_school == {R1: 1, HOST: 1}
    assert pushes_of({}, (R1, R2)).figures.push_open_rate == Ratio(0, 0)


def test_what_was_withdrawn_before_it_arrived_is_not_owed() -> None:
    gone, arrived, waiting = (
        PushTarget(TargetId(f"t{n}"), school, withdrawn_at=at)
        for n, (school, at) in enumerate([(R1, START), (R1, START), (R2, None)])
    )
    push = Push(PushId("p"), "rec", "英语", "未听满", START, targets=(gone, arrived, waiting))
    late = START + timedelta(hours=1)
    evidence = Evidence.of(
        [PushProgress(FactId("f"), PushStep.DELIVERED, PushId("p"), arrived.id, late)]
    )
    reach = push_reach([push], evidence)
    # Whatever a terminal had fetched already, whenever its word of that came, stays owed.
    assert reach == {R1: (1, 1, 0, 0), R2: (1, 0, 0, 0)}
    assert pushes_of(reach, (R1, R2)).figures.push_open_rate == Ratio(0, 2)
    alone = replace(push, targets=(gone,))
    assert pushes_of(push_reach([alone], evidence), (R1,)).figures.push_open_rate == Ratio(0, 0)
