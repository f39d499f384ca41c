"""All classrooms' week in one line each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from sync_classroom.domain.grid import EntryState
from sync_classroom.domain.grid_rooms import Overview, RoomLine, rooms_overview
from sync_classroom.domain.ids import ClassroomId, SchoolId, SeatId
from sync_classroom.domain.roster import DayException, Roster
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from tests.support.plans import at, lesson
from tests.support.week import MONDAY, plan, programme

SCHOOLS = [SchoolId(s) for s in ("host", "a", "b")]


def given(ident: str, start: str, end: str, **more: object) -> Occurrence:
    return lesson(ident, start, end, school="host", room="host-r1", teacher="host-t1", **more)  # type: ignore[arg-type]


def drawn(*lessons: Occurrence, roster: Roster | None = None) -> Overview:
    roster = roster or programme()
    return rooms_overview(MONDAY, lessons, plan(roster, lessons), today=MONDAY, schools=SCHOOLS)


def line(overview: Overview, room: str) -> RoomLine:
    return next(n for g in overview.groups for n in g.lines if n.classroom.id == room)


def cells(overview: Overview, room: str) -> list[tuple[date, int | None]]:
    return [(c.date, c.no) for c in line(overview, room).cells if c.entries]


def test_rooms_are_grouped_by_school_and_days_have_every_schools_periods() -> None:
    overview = drawn()
    assert [[n.classroom.id for n in g.lines] for g in overview.groups] == [
        ["host-r1"], ["a-r1", "a-r2"], ["b-r1"],
    ]  # fmt: skip
    assert [d.numbers for d in overview.days] == [(1, 2, 3, 4, 5, 6)] * 5
    assert len(line(overview, "b-r1").cells) == 30
    assert [c.absent for c in line(overview, "b-r1").cells[:6]] == [False] * 2 + [True] * 4
    assert [n for n, c in enumerate(line(overview, "a-r1").cells) if c.day_begins] == [
        0, 6, 12, 18, 24,
    ]  # fmt: skip


def test_a_lesson_stands_in_each_room_by_that_schools_own_periods() -> None:
    overview = drawn(given("x", "10:10", "10:50", seats=["a-r1", "b-r1"]))
    assert cells(overview, "host-r1") == [(MONDAY, 3)]
    assert cells(overview, "a-r1") == [(MONDAY, 3), (MONDAY, 4)]
    assert line(overview, "a-r1").lessons == 1
    assert cells(overview, "a-r2") == []
    # School b has no lesson at that time: the day ends with a column for it, in every line.
    assert cells(overview, "b-r1") == [(MONDAY, None)]
    assert [d.outside for d in overview.days] == [True, False, False, False, False]
    assert len(line(overview, "a-r1").cells) == 31


def test_a_day_off_of_one_school_is_that_schools_alone() -> None:
    roster = programme(DayException(SchoolId("a"), MONDAY, False))
    overview = drawn(roster=roster)
    assert {c.date for c in line(overview, "a-r1").cells if c.off} == {MONDAY}
    assert not any(c.off for c in line(overview, "b-r1").cells)
    assert not overview.days[0].off
    everybody = drawn(roster=programme(DayException(None, MONDAY, False)))
    assert everybody.days[0].off


def test_a_make_up_saturday_is_a_day_and_an_empty_weekend_is_not() -> None:
    saturday = MONDAY + timedelta(days=5)
    roster = programme(DayException(None, saturday, True, follows_weekday=5))
    assert [(d.date.isoweekday(), d.make_up) for d in drawn(roster=roster).days][-1] == (6, True)
    assert [d.date.isoweekday() for d in drawn().days] == [1, 2, 3, 4, 5]


def test_a_seat_withdrawn_alone_is_cancelled_in_its_own_line_only() -> None:
    change = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "admin", "停电", seat=SeatId("x-s0"))
    overview = drawn(given("x", "09:00", "09:40", seats=["a-r1", "a-r2"], changes=[change]))
    states = {
        room: [e.state for c in line(overview, room).cells for e in c.entries]
        for room in ("host-r1", "a-r1", "a-r2")
    }
    assert states == {
        "host-r1": [EntryState.WAITING],
        "a-r1": [EntryState.CANCELLED],
        "a-r2": [EntryState.WAITING],
    }


def test_a_room_not_yet_commissioned_or_retired_has_no_line() -> None:
    roster = programme()
    rooms = dict(roster.classrooms)
    later, gone = ClassroomId("a-r1"), ClassroomId("a-r2")
    rooms[later] = replace(rooms[later], commissioned_on=MONDAY + timedelta(days=7))
    rooms[gone] = replace(rooms[gone], retired_on=MONDAY)
    overview = drawn(roster=replace(roster, classrooms=rooms))
    assert [g.school.id for g in overview.groups] == ["host", "b"]
