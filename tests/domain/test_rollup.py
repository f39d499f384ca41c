from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync_classroom.domain.crediting import Cause, SeatState, seats_of
from sync_classroom.domain.ids import ClassId, SchoolId
from sync_classroom.domain.rollup import ADDITIVE, WeekCell, groups_of, result_of, tally
from sync_classroom.domain.timetable import Plan
from tests.domain.test_measures import CLASSES, seat
from tests.support.pages import delivered
from tests.support.plans import lesson
from tests.support.rosters import programme


def test_a_result_is_the_judged_seat_without_its_intervals() -> None:
    early = lesson("early", "09:00", "09:40", seats=["remote-1-r1"], expected=33)
    plan = Plan(programme(), {early.id: early})
    (judged,) = seats_of(plan, delivered(early, {"early-s0": [(0, 2000)]}, [(0, 2400)])).values()
    found = result_of(judged, SchoolId("remote-1"))
    assert (found.occurrence, found.seat, found.school) == ("early", "early-s0", "remote-1")
    assert (found.credited_s, found.host_s, found.window_s) == (2000, 2400, 2400)
    assert (found.state, found.held, found.due, found.rho) == (
        SeatState.HELD,
        True,
        True,
        2000 / 2400,
    )
    assert found.expected == 33


def test_causes_name_every_cause_also_with_0() -> None:
    missed = seat(state=SeatState.MISSED, cause=Cause.NETWORK)
    assert tally([missed, missed, seat()], {}).causes() == {
        Cause.HOST_ABSENT: 0,
        Cause.TERMINAL_OFFLINE: 0,
        Cause.NETWORK: 2,
        Cause.CANCELLED: 0,
        Cause.UNEXPLAINED: 0,
    }


def test_sums_of_different_lessons_add_up() -> None:
    some = [seat(n=0), seat(n=1, state=SeatState.PARTIAL, credited_s=20)]
    more = [seat("b", state=SeatState.MISSED, cause=Cause.HOST_ABSENT, host_s=3)]
    both = tally([*some, *more], CLASSES)
    one, other = tally(some, CLASSES), tally(more, CLASSES)
    for name in ADDITIVE:
        assert getattr(both, name) == getattr(one, name) + getattr(other, name), name


def test_weeks_and_schools_have_cells_where_there_was_a_seat() -> None:
    later = replace(seat("b", state=SeatState.MISSED), date=date(2026, 9, 14))
    excused = replace(seat("c", state=SeatState.MOVED), school=SchoolId("q"))
    found = groups_of([seat(), later, excused], CLASSES)
    assert found.by_week_school == {
        "2026-W37": {"r": WeekCell(2, 2, 1, 1), "q": WeekCell(0, 0, 0, 0)},
        "2026-W38": {"r": WeekCell(2, 0, 1, 0)},
    }
    assert set(found.by_week) == {"2026-W37", "2026-W38"}
    assert found.classes == {ClassId("c1")}
    assert found.school_classes == {"r": {ClassId("c1")}}
