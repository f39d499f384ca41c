"""A week's grid: rows, columns, cells, and what its chips say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from sync_classroom.domain.crediting import SeatState
from sync_classroom.domain.grid import (
    EntryState,
    Grid,
    Mark,
    MarkKind,
    Piece,
    Row,
    RowKind,
    proven_state,
    week_grid,
)
from sync_classroom.domain.grid_views import View, ViewKind
from sync_classroom.domain.ids import BellSetId, OccurrenceId, SchoolId, SeatId, SeriesId, TeacherId
from sync_classroom.domain.roster import DayException
from sync_classroom.domain.series import Series
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence, Slot
from tests.support.plans import at, lesson
from tests.support.week import MONDAY, bells, plan, programme, rule

HOST = View(ViewKind.HOST, "host")
ROOM = View(ViewKind.CLASSROOM, "a-r1")
TUESDAY = MONDAY + timedelta(days=1)


def given(ident: str, start: str = "09:00", end: str = "09:40", **more: object) -> Occurrence:
    values: dict[str, object] = {"seats": ["a-r1"]}
    return lesson(
        ident,
        start,
        end,
        school="host",
        room="host-r1",
        teacher="host-t1",
        **(values | more),  # type: ignore[arg-type]
    )


def drawn(
    *lessons: Occurrence,
    view: View = HOST,
    days: tuple[DayException, ...] = (),
    rules: tuple[Series, ...] = (),
    today: date = MONDAY,
) -> Grid:
    return week_grid(view, MONDAY, lessons, plan(programme(*days), lessons, rules), today=today)


def where(grid: Grid, ident: str) -> list[tuple[int | None, int, Piece]]:
    """Period number (None beside the periods), weekday and piece of every cell of a lesson."""
    return [
        (grid.rows[row].no, grid.columns[column].weekday, entry.piece)
        for (row, column), entries in sorted(grid.cells.items())
        for entry in entries
        if entry.id == ident
    ]


def test_rows_are_the_schools_periods_with_clock_times_and_its_long_pauses() -> None:
    assert drawn().rows == (
        Row(RowKind.PERIOD, 1, time(8, 10), time(8, 50)),
        Row(RowKind.PERIOD, 2, time(9), time(9, 40)),
        Row(RowKind.BREAK, None, time(9, 40), time(10, 10)),
        Row(RowKind.PERIOD, 3, time(10, 10), time(10, 50)),
        Row(RowKind.PERIOD, 4, time(11), time(11, 40)),
        Row(RowKind.LUNCH, None, time(11, 40), time(13, 40)),
        Row(RowKind.PERIOD, 5, time(13, 40), time(14, 20)),
        Row(RowKind.PERIOD, 6, time(14, 30), time(15, 10)),
    )


def test_a_long_pause_before_evening_lessons_is_no_lunch() -> None:
    evening = bells("late", "host", "16:00-16:40", "18:30-19:10")
    roster = programme(
        DayException(SchoolId("host"), MONDAY, True, bell_set=BellSetId("late")),
        extra_bells=[evening],
    )
    roster = replace(roster, bell_sets={evening.id: evening})
    grid = week_grid(HOST, MONDAY, [], plan(roster), today=MONDAY)
    assert [r.kind for r in grid.rows] == [RowKind.PERIOD, RowKind.BREAK, RowKind.PERIOD]


def test_columns_are_monday_to_friday_and_today_is_marked() -> None:
    grid = drawn(today=TUESDAY)
    assert [c.weekday for c in grid.columns] == [1, 2, 3, 4, 5]
    assert [c.date for c in grid.columns if c.today] == [TUESDAY]


def test_a_weekend_day_stands_there_only_when_taught_or_used() -> None:
    saturday = MONDAY + timedelta(days=5)
    make_up = DayException(None, saturday, True, follows_weekday=5, follows_week=12)
    grid = drawn(days=(make_up,))
    assert [c.weekday for c in grid.columns] == [1, 2, 3, 4, 5, 6]
    assert [c.weekday for c in grid.columns if c.make_up] == [6]
    sunday = given("sunday", day="2026-11-29")
    assert [c.weekday for c in drawn(sunday).columns] == [1, 2, 3, 4, 5, 7]
    # Of somebody else's business it is no reason.
    other = View(ViewKind.CLASSROOM, "b-r1")
    assert [c.weekday for c in drawn(sunday, view=other).columns] == [1, 2, 3, 4, 5]


def test_a_day_off_keeps_its_column_and_its_lessons() -> None:
    off = DayException(None, TUESDAY, False)
    grid = drawn(given("x", day="2026-11-24"), days=(off,))
    assert [c.teaching for c in grid.columns] == [True, False, True, True, True]
    assert where(grid, "x") == [(2, 2, Piece.WHOLE)]


def test_an_unmapped_make_up_day_counts_as_one() -> None:
    unmapped = DayException(None, MONDAY + timedelta(days=5), True)
    assert [c.make_up for c in drawn(days=(unmapped,)).columns][-1] is True


def test_lessons_stand_in_their_period_and_in_order_of_start() -> None:
    late = replace(given("late", "09:05", "09:40"), id=OccurrenceId("a-late"))
    grid = drawn(late, given("early"))
    assert [e.id for e in grid.at(1, 0)] == ["early", "a-late"]
    assert [e.aligned for e in grid.at(1, 0)] == [True, False]
    assert grid.at(0, 0) == ()
    assert grid.lessons == 2


def test_period_3_of_the_host_straddles_periods_3_and_4_of_the_remote_school() -> None:
    third = given("third", "10:10", "10:50")
    assert where(drawn(third), "third") == [(3, 1, Piece.WHOLE)]
    grid = drawn(third, view=ROOM)
    assert where(grid, "third") == [(3, 1, Piece.FIRST), (4, 1, Piece.LAST)]
    entry = grid.at(3, 0)[0]
    assert (entry.periods, entry.aligned) == ((3, 4), False)
    assert (entry.start, entry.end) == (time(10, 10), time(10, 50))
    assert grid.lessons == 1


def test_a_double_lesson_goes_through_the_pause_between_its_periods() -> None:
    grid = drawn(given("double", "09:00", "10:50"))
    assert where(grid, "double") == [
        (2, 1, Piece.FIRST), (None, 1, Piece.MIDDLE), (3, 1, Piece.LAST),
    ]  # fmt: skip
    assert grid.at(1, 0)[0].aligned


def test_a_lesson_in_the_lunch_pause_stands_there_and_others_outside_all_rows() -> None:
    grid = drawn(given("noon", "12:30", "13:10"), given("dawn", "06:30", "07:10"))
    assert [e.id for e in grid.at(5, 0)] == ["noon"]
    assert grid.rows[-1] == Row(RowKind.OUTSIDE)
    assert [e.id for e in grid.at(len(grid.rows) - 1, 0)] == ["dawn"]


def test_a_lesson_over_midnight_stands_outside_the_bells_of_its_date() -> None:
    over = replace(given("over", "23:40", "23:59"), ends_at=at("00:20", "2026-11-24"))
    assert where(drawn(over), "over") == [(None, 1, Piece.WHOLE)]


def test_a_bell_set_changed_in_mid_week_is_marked_and_places_by_its_own_clock() -> None:
    summer = bells("summer", "host", "07:40-08:20", "08:30-09:10", "09:20-10:00")
    days = tuple(
        DayException(SchoolId("host"), MONDAY + timedelta(days=n), True, bell_set=summer.id)
        for n in (3, 4)
    )
    roster = programme(*days, extra_bells=[summer])
    moved = given("moved", "08:30", "09:10", day="2026-11-26")
    grid = week_grid(HOST, MONDAY, [moved], plan(roster, [moved]), today=MONDAY)
    assert [c.own_bells for c in grid.columns] == [False, False, False, True, True]
    assert (grid.rows[1].no, grid.rows[1].start) == (2, time(9))
    assert where(grid, "moved") == [(2, 4, Piece.WHOLE)]
    clock = grid.columns[3].clock(2)
    assert clock is not None
    assert clock.start == time(8, 30)
    assert grid.columns[3].clock(6) is None


def test_a_school_without_bells_has_its_lessons_outside() -> None:
    roster = replace(programme(), bell_sets={})
    x = given("x")
    grid = week_grid(HOST, MONDAY, [x], plan(roster, [x]), today=MONDAY)
    assert grid.rows == (Row(RowKind.OUTSIDE),)
    assert [e.id for e in grid.at(0, 0)] == ["x"]


def test_both_ends_of_a_move_name_each_other() -> None:
    change = Change(ChangeKind.MOVED, at("08:00"), "admin", "调课", to=OccurrenceId("new"))
    old = given("old", changes=[change])
    new = replace(given("new", "10:10", "10:50", day="2026-11-26"), moved_from=old.id)
    grid = drawn(old, new)
    before, after = grid.at(1, 0)[0], grid.at(3, 3)[0]
    assert before.state is EntryState.AWAY
    assert before.marks == (Mark(MarkKind.AWAY, new.starts_at, new.date),)
    assert after.marks == (Mark(MarkKind.MOVED, old.starts_at, old.date),)
    assert grid.lessons == 1


def test_a_draft_lesson_away_from_its_rule_is_marked_with_where_it_belongs() -> None:
    series = rule("s", 1, 2)
    slot = Slot(SeriesId("s"), MONDAY, own=True)
    other_day = replace(given("s-1", day="2026-11-25"), slot=slot)
    assert drawn(other_day, rules=(series,)).at(1, 2)[0].marks == (
        Mark(MarkKind.MOVED, day=MONDAY),
    )
    same_day = replace(given("s-2", "10:10", "10:50"), slot=slot)
    assert drawn(same_day, rules=(series,)).at(3, 0)[0].marks == (
        Mark(MarkKind.MOVED, at("09:00"), MONDAY),
    )
    in_place = replace(given("s-3"), slot=slot)
    assert drawn(in_place, rules=(series,)).at(1, 0)[0].marks == ()


def test_a_substitute_is_marked_with_whom_he_stands_in_for() -> None:
    taught = replace(given("s-1"), slot=Slot(SeriesId("s"), MONDAY, own=True))
    entry = drawn(taught, rules=(rule("s", 1, 2, teacher="host-t2"),)).at(1, 0)[0]
    assert entry.marks == (Mark(MarkKind.SUBSTITUTE, teacher=TeacherId("host-t2")),)


def test_a_lesson_of_a_make_up_saturday_that_follows_friday_of_an_even_week_says_so() -> None:
    saturday = MONDAY + timedelta(days=5)
    make_up = DayException(None, saturday, True, follows_weekday=5, follows_week=12)
    made_up = replace(given("s-1", day="2026-11-28"), slot=Slot(SeriesId("s"), saturday))
    entry = drawn(made_up, days=(make_up,), rules=(rule("s", 5, 2),)).at(1, 5)[0]
    assert entry.marks == (Mark(MarkKind.MAKE_UP, weekday=5, week=12),)


def test_states_are_what_is_known_unless_the_lesson_is_withdrawn() -> None:
    gone = Change(ChangeKind.CANCELLED, at("08:00"), "admin", "停电", excused=True)
    live, off = given("live"), given("off", "10:10", "10:50", changes=[gone])
    told = {live.id: EntryState.LIVE, off.id: EntryState.MISSED}
    grid = week_grid(HOST, MONDAY, [live, off], plan(programme(), states=told), today=MONDAY)
    assert grid.at(1, 0)[0].state is EntryState.LIVE
    assert grid.at(3, 0)[0].state is EntryState.CANCELLED
    assert grid.lessons == 1


def test_a_seat_withdrawn_alone_is_cancelled_for_its_own_room_only() -> None:
    change = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "admin", "停电", seat=SeatId("x-s0"))
    x = given("x", seats=["a-r1", "b-r1"], changes=[change])
    assert drawn(x, view=ROOM).at(1, 0)[0].state is EntryState.CANCELLED
    assert drawn(x, view=View(ViewKind.CLASSROOM, "b-r1")).at(1, 0)[0].state is EntryState.WAITING
    assert drawn(x).at(1, 0)[0].state is EntryState.WAITING
    assert [a.withdrawn for a in drawn(x).at(1, 0)[0].audience] == [True, False]


@pytest.mark.parametrize(
    ("seats", "wanted"),
    [
        ([SeatState.HELD, SeatState.HELD], EntryState.HELD),
        ([SeatState.HELD, SeatState.MISSED], EntryState.PARTIAL),
        ([SeatState.PARTIAL], EntryState.PARTIAL),
        ([SeatState.UNKNOWN, SeatState.HELD], EntryState.PARTIAL),
        ([SeatState.MISSED, SeatState.CANCELLED_EXCUSED], EntryState.MISSED),
        ([SeatState.CANCELLED_UNEXCUSED, SeatState.MOVED], EntryState.WAITING),
        ([], EntryState.WAITING),
    ],
)
def test_a_lesson_was_held_missed_or_a_part_as_its_seats_were(
    seats: list[SeatState], wanted: EntryState
) -> None:
    assert proven_state(seats) is wanted
