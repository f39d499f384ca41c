"""Changes at short notice: each lesson at most one, in time, and never a clash."""

from __future__ import annotations

from collections import Counter
from datetime import date

from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.edits import CancelLesson, DropSeat, MoveLesson, Substitute
from sync_classroom.domain.timetable import ChangeKind, Mode
from sync_classroom.simulator.term.amendments import Amendments
from tests.support.simulated import ZONE, simulated

TERM = simulated(until=date(2026, 11, 29), rooms=48)
LESSONS = [o for o in TERM.occurrences if o.mode is Mode.LIVE and o.moved_from is None]
RULES = [s for e in TERM.edits for s in e.change.after.series.values() if s is not None]


def amendments() -> Amendments:
    return Amendments(1, TERM.roster, TERM.term, RULES, ZONE)


def test_every_kind_occurs_and_is_asked_for_before_the_lesson() -> None:
    decide = amendments()
    kinds: Counter[type] = Counter()
    unexcused: Counter[type] = Counter()
    for lesson in LESSONS:
        asked = list(decide.of(lesson))
        assert all(a.at < lesson.starts_at for a in asked)
        assert [a.at for a in asked] == sorted(a.at for a in asked)
        kinds.update(type(a.command) for a in asked)
        unexcused.update(type(a.command) for a in asked if not getattr(a.command, "excused", True))
        if any(not isinstance(a.command, DropSeat) for a in asked):
            assert len(asked) == 1
        else:
            assert len(asked) < len(lesson.seats)
    assert set(kinds) == {CancelLesson, DropSeat, MoveLesson, Substitute}
    assert set(unexcused) == {CancelLesson, DropSeat}


def test_the_storm_closes_every_school() -> None:
    lessons = [o for o in TERM.occurrences if o.date == date(2026, 9, 17) and o.mode is Mode.LIVE]
    assert len(lessons) >= 4
    for lesson in lessons:
        assert [(c.kind, c.excused) for c in lesson.changes] == [(ChangeKind.CANCELLED, True)]


def test_the_sports_day_drops_the_seats_of_one_school() -> None:
    lessons = [o for o in LESSONS if o.date == date(2026, 10, 23) and not o.withdrawn]
    dropped = {
        seat.classroom.rpartition("-r")[0]
        for lesson in lessons
        for seat in lesson.seats
        for change in lesson.changes
        if change.seat == seat.id and change.reason.startswith("校运动会")
    }
    assert dropped == {"remote-3"}
    here = {s.classroom for lesson in lessons for s in lesson.active_seats}
    assert not any(room.startswith("remote-3-") for room in here)


def test_moves_are_linked_at_both_ends_and_clash_with_nothing() -> None:
    moved = [o for o in TERM.occurrences if o.moved_from is not None]
    assert moved
    plan = {o.id: o for o in TERM.occurrences}
    for lesson in moved:
        assert lesson.moved_from is not None
        (change,) = plan[lesson.moved_from].changes
        assert (change.kind, change.to) == (ChangeKind.MOVED, lesson.id)
    assert clashes_in(TERM.occurrences) == ()


def test_substitutes_are_of_the_same_school_and_teach_nothing_else() -> None:
    planned = {(s.host.school, s.host.teacher) for s in RULES}
    others = [o for o in LESSONS if (o.host.school, o.host.teacher) not in planned]
    assert others
    for lesson in others:
        assert TERM.roster.teachers[lesson.host.teacher].school == lesson.host.school
