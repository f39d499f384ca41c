"""What befalls a lesson hangs on the seed and on the lesson, and keeps within its window."""

from __future__ import annotations

from datetime import date, timedelta

from sync_classroom.domain.timetable import Mode
from sync_classroom.simulator.term.fates import CRASH_WEEKS, Fates
from tests.support.simulated import simulated

TERM = simulated()
LESSONS = [o for o in TERM.occurrences if o.mode is Mode.LIVE]


def test_a_fate_does_not_depend_on_what_was_asked_before() -> None:
    one, other = (Fates(1, TERM.roster, TERM.term) for _ in range(2))
    there = [one.host(o) for o in LESSONS]
    back = [other.host(o) for o in reversed(LESSONS)]
    assert there == back[::-1]
    assert there != [Fates(2, TERM.roster, TERM.term).host(o) for o in LESSONS]


def test_hosts_are_on_time_late_or_absent() -> None:
    fates = [TERM.fates.host(o) for o in LESSONS]
    present = [f for f in fates if not f.absent]
    assert len(present) < len(fates)
    late = [f for f in present if f.starts_s > 0]
    assert 0 < len(late) < len(present) / 4
    assert all(-45 <= f.starts_s <= 900 and f.ends_s > 1500 for f in present)
    assert all(0 < a < b < 2400 for f in present for a, b in f.silences)


def test_a_room_that_is_broken_for_a_week_gets_nothing_all_week() -> None:
    assert len({room for room, _ in TERM.fates.dead}) in (1, 2, 3)
    for lesson in LESSONS:
        for seat in lesson.seats:
            if (seat.classroom, lesson.date) in TERM.fates.dead:
                assert TERM.fates.seat(lesson, seat).offline


def test_one_school_has_the_weak_line() -> None:
    days = [date(2026, 9, 1) + timedelta(days=n) for n in range(120)]
    schools = {c.school for c in TERM.roster.classrooms.values() if c.school.startswith("remote")}
    bad = {s: sum(TERM.fates.lost(s, d) > 0 for d in days) for s in schools}
    assert max(bad, key=lambda s: bad[s]) == TERM.fates.weak
    assert bad.pop(TERM.fates.weak) > 4 * max(bad.values())


def test_the_relay_crashes_in_its_weeks_within_a_lesson() -> None:
    crashes = []
    for week in range(1, 20):
        for weekday in range(5):
            on = TERM.term.week1_monday + timedelta(weeks=week - 1, days=weekday)
            crash = TERM.fates.crash(on, LESSONS[:1])
            if crash is not None:
                crashes.append(week)
                assert 120 <= crash.after_s <= 2400 - crash.lost_s
                assert TERM.fates.crash(on, []) is None
    assert crashes == list(CRASH_WEEKS)
