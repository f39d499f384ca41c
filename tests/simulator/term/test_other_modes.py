"""Research meetings are planned, some fail; what was missed is pushed, and opened in order."""

from __future__ import annotations

from datetime import date, timedelta

from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.facts import ParticipantMedia, PushStep
from sync_classroom.domain.timetable import Mode
from sync_classroom.simulator.term.media import Journal
from sync_classroom.simulator.term.other_modes import (
    courseware_pushed,
    meeting_facts,
    meetings_of,
    progress_of,
)
from tests.support.simulated import ZONE, simulated

TERM = simulated(rooms=48, until=date(2026, 9, 11))
MEETINGS = meetings_of(1, TERM.roster, TERM.term, ZONE)


def test_meetings_are_every_second_wednesday_of_school() -> None:
    assert {m.date.isoweekday() for m in MEETINGS} == {3}
    assert {m.mode for m in MEETINGS} == {Mode.RESEARCH}
    assert MEETINGS[0].date == date(2026, 9, 9)
    assert date(2026, 10, 7) not in [m.date for m in MEETINGS]  # a day off
    assert {m.host.school for m in MEETINGS} == {"host-1", "host-2"}
    assert {m.id for m in MEETINGS} <= {o.id for o in TERM.occurrences}
    assert clashes_in(TERM.occurrences) == ()


def test_most_who_are_asked_come_and_some_meetings_fail() -> None:
    came = [
        {
            f.teacher
            for f in meeting_facts(1, m, Journal("r", "b"))
            if isinstance(f, ParticipantMedia)
        }
        for m in MEETINGS
    ]
    assert all(here <= set(m.participants) for here, m in zip(came, MEETINGS, strict=True))
    assert [bool(here) for here in came].count(False) in (1, 2)


def test_a_target_opens_after_it_got_the_push_and_finishes_after_that() -> None:
    days = list(TERM.days())
    pushes = [p for d in days for p in d.pushes]
    assert {p.reason for p in pushes} == {
        "本教室本周缺课或未听完，补推课堂录像", "单元预习课件，推送到全部受援教室",
    }  # fmt: skip
    order = [PushStep.DELIVERED, PushStep.OPENED, PushStep.COMPLETED]
    steps: dict[tuple[str, str], list[tuple[PushStep, object]]] = {}
    for push in pushes:
        for step in progress_of(1, push, TERM.fates.weak):
            assert step.at > push.ordered_at
            steps.setdefault((step.push, step.target), []).append((step.step, step.at))
    assert {len(s) for s in steps.values()} == {1, 2, 3}
    for taken in steps.values():
        assert [s for s, _ in taken] == order[: len(taken)]
        assert [at for _, at in taken] == sorted(at for _, at in taken)  # type: ignore[type-var]


def test_recordings_go_to_those_who_missed_them() -> None:
    days = list(TERM.days())
    missed = {
        (s.occurrence.id, s.seat.id)
        for d in days
        for s in d.seats
        if s.state.value in ("missed", "partial") and s.host
    }
    targets = {
        (p.id.removeprefix(f"push-{d.date:%Y%m%d}-"), t.id)
        for d in days
        for p in d.pushes
        if "录像" in p.resource
        for t in p.targets
    }
    assert targets == missed
    assert missed


def test_courseware_goes_to_rooms_in_use() -> None:
    before, after = (
        courseware_pushed(on, TERM.edits[0].change.at, TERM.roster)
        for on in (date(2026, 9, 27), date(2026, 9, 28))
    )
    assert [len(p.targets) for p in before] == [40, 40]
    assert [len(p.targets) for p in after] == [44, 44]
    assert before[0].ordered_at + timedelta(0) == TERM.edits[0].change.at
