from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from sync_classroom.domain.crediting import (
    Cause,
    SeatEvidence,
    SeatState,
    seats_of,
    withdrawn_state,
)
from sync_classroom.domain.facts import Adjustment, Fact, HostMedia, JournalGap, SeatMedia
from sync_classroom.domain.ids import FactId, OccurrenceId, SeatId
from sync_classroom.domain.intervals import second_of
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence, Plan
from tests.support.plans import at, lesson

_NUMBER = count()
START = at("09:00")
A = OccurrenceId("a")


def plus(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def ident() -> FactId:
    return FactId(f"f{next(_NUMBER)}")


def host(first: float, last: float, occurrence: str = "a") -> Fact:
    return HostMedia(ident(), OccurrenceId(occurrence), plus(first), plus(last), 9, 9)


def got(
    first: float, last: float, seat: str = "a-s0", *, sent: int = 100, acked: int = 100
) -> Fact:
    occurrence = OccurrenceId(seat[0])
    return SeatMedia(ident(), occurrence, SeatId(seat), plus(first), plus(last), sent, acked, 9)


def vouch(first: float, last: float, seat: str = "a-s0") -> Fact:
    return Adjustment(
        ident(), OccurrenceId(seat[0]), SeatId(seat), plus(first), plus(last), START, "x", "y"
    )


def plan(*occurrences: Occurrence) -> Plan:
    return Plan(occurrences={o.id: o for o in occurrences})


LESSON = lesson("a", "09:00", "09:40", seats=["x"])  # 2400 s


def one(*facts: Fact, occurrence: Occurrence = LESSON) -> SeatEvidence:
    (seat,) = seats_of(plan(occurrence), facts).values()
    return seat


@pytest.mark.parametrize(
    ("credited", "state"),
    [
        (1920, SeatState.HELD),
        (1919, SeatState.PARTIAL),
        (240, SeatState.PARTIAL),
        (239, SeatState.MISSED),
        (0, SeatState.MISSED),
    ],
)
def test_the_thresholds_are_met_when_reached(credited: int, state: SeatState) -> None:
    seat = one(host(0, 2400), got(0, credited))
    assert (seat.credited_s, seat.state) == (credited, state)
    assert seat.rho == credited / 2400
    assert seat.host_s == 2400


def test_credit_needs_host_and_window_and_so_does_an_adjustment() -> None:
    seat = one(host(-60, 1000), got(-60, 500), vouch(900, 2400))
    assert seat.host == ((second_of(START), second_of(START) + 1000),)
    assert (seat.host_s, seat.window_s, seat.credited_s) == (1000, 2400, 600)
    assert seat.adjusted_s == 100
    assert seat.delivered[0] == (second_of(START) - 60, second_of(START) + 500)
    silent = one(got(0, 2400))
    assert (silent.host_s, silent.credited_s) == (0, 0)


def test_an_adjustment_of_what_was_delivered_adds_nothing() -> None:
    seat = one(host(0, 2400), got(0, 1000), vouch(500, 1100))
    assert (seat.credited_s, seat.adjusted_s) == (1100, 100)


def test_a_minute_of_a_classroom_credits_one_seat_the_earlier_lesson_first() -> None:
    later = lesson("b", "09:10", "09:50", seats=["x"], room="r2", teacher="t2")
    facts = [
        host(0, 2400),
        host(600, 3000, "b"),
        got(0, 900),
        got(600, 3000, "b-s0"),
    ]
    for order in (plan(LESSON, later), plan(later, LESSON)):
        seats = seats_of(order, facts)
        assert {k[0]: s.credited_s for k, s in seats.items()} == {"a": 900, "b": 2100}
        assert list(seats) == [(o, f"{o}-s0") for o in order.occurrences]


def test_of_two_lessons_at_one_time_the_smaller_id_is_credited() -> None:
    same = lesson("b", seats=["x"], room="r2", teacher="t2")
    facts = [host(0, 2400), host(0, 2400, "b"), got(0, 100), got(0, 2400, "b-s0")]
    seats = seats_of(plan(same, LESSON), facts)
    assert {k[0]: s.credited_s for k, s in seats.items()} == {"a": 100, "b": 2300}


def test_two_seats_of_one_lesson_in_one_room_share_its_time() -> None:
    double = lesson("a", seats=["x", "x"])
    seats = seats_of(plan(double), [host(0, 2400), got(0, 600), got(0, 2400, "a-s1")])
    assert [s.credited_s for s in seats.values()] == [600, 1800]


def test_crediting_looks_at_cancelled_lessons_too() -> None:
    gone = replace(
        LESSON, changes=(Change(ChangeKind.CANCELLED, plus(-60), "x", "", excused=True),)
    )
    later = lesson("b", "09:10", "09:50", seats=["x"], room="r2", teacher="t2")
    facts = [host(0, 2400), host(600, 3000, "b"), got(0, 2400), got(600, 3000, "b-s0")]
    seats = seats_of(plan(gone, later), facts)
    assert {k[0]: s.credited_s for k, s in seats.items()} == {"a": 2400, "b": 600}


def test_research_meetings_have_no_seats_to_credit() -> None:
    meeting = lesson("a", seats=["x"], mode=Mode.RESEARCH)
    assert seats_of(plan(meeting), [host(0, 2400), got(0, 2400)]) == {}


@pytest.mark.parametrize(
    ("gap", "state"),
    [
        ((0, 2400), SeatState.UNKNOWN),
        ((1000, 1920), SeatState.UNKNOWN),
        ((1000, 1919), SeatState.PARTIAL),
        ((2400, 4000), SeatState.PARTIAL),
        ((0, 1000), SeatState.PARTIAL),
    ],
)
def test_a_seat_is_unknown_if_the_lost_evidence_could_make_it_held(
    gap: tuple[int, int], state: SeatState
) -> None:
    lost = JournalGap(ident(), "r", plus(gap[0]), plus(gap[1]))
    seat = one(host(0, 2400), got(0, 1000), lost)
    assert (seat.state, seat.credited_s) == (state, 1000)


EARLY, LATE = plus(-1), plus(0)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ([(ChangeKind.CANCELLED, EARLY, True)], SeatState.CANCELLED_EXCUSED),
        ([(ChangeKind.CANCELLED, LATE, True)], SeatState.CANCELLED_UNEXCUSED),
        ([(ChangeKind.CANCELLED, EARLY, False)], SeatState.CANCELLED_UNEXCUSED),
        ([(ChangeKind.SEAT_CANCELLED, EARLY, True)], SeatState.CANCELLED_EXCUSED),
        ([(ChangeKind.MOVED, EARLY, False)], SeatState.MOVED),
        ([(ChangeKind.MOVED, LATE, True)], SeatState.CANCELLED_UNEXCUSED),
        (
            [(ChangeKind.MOVED, EARLY, False), (ChangeKind.CANCELLED, EARLY, True)],
            SeatState.CANCELLED_EXCUSED,
        ),
        (
            [(ChangeKind.SEAT_CANCELLED, LATE, True), (ChangeKind.MOVED, EARLY, False)],
            SeatState.MOVED,
        ),
    ],
)
def test_a_withdrawn_seat_is_excused_only_before_the_start(
    changes: list[tuple[ChangeKind, datetime, bool]], state: SeatState
) -> None:
    records = tuple(
        Change(kind, when, "x", "", excused=excused, seat=SeatId("a-s0"))
        for kind, when, excused in changes
    )
    seat = one(host(0, 2400), got(0, 2400), occurrence=replace(LESSON, changes=records))
    assert seat.state is state
    assert seat.due is (state is SeatState.CANCELLED_UNEXCUSED)
    assert seat.cause is (Cause.CANCELLED if seat.due else None)


def test_a_cancelled_seat_leaves_its_neighbours_alone() -> None:
    record = Change(ChangeKind.SEAT_CANCELLED, EARLY, "x", "", seat=SeatId("a-s1"))
    occurrence = lesson("a", seats=["x", "y"], changes=[record])
    assert withdrawn_state(occurrence, occurrence.seats[0]) is None
    assert withdrawn_state(occurrence) is None


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        ([], Cause.HOST_ABSENT),
        ([host(0, 239), got(0, 239)], Cause.HOST_ABSENT),
        ([host(0, 240)], Cause.TERMINAL_OFFLINE),
        ([host(0, 2400), got(0, 900)], Cause.TERMINAL_OFFLINE),
        ([host(0, 2400), got(0, 900), got(900, 2400, acked=10)], Cause.NETWORK),
        ([host(0, 2400), got(0, 700, acked=0)], Cause.TERMINAL_OFFLINE),
        ([host(0, 2400), got(0, 2400, sent=0, acked=0)], Cause.UNEXPLAINED),
        ([host(0, 1500), got(0, 2400)], Cause.UNEXPLAINED),
        ([host(0, 2400), got(0, 2400)], None),
    ],
)
def test_why_a_seat_was_not_held(facts: list[Fact], cause: Cause | None) -> None:
    assert one(*facts).cause is cause


def test_facts_about_seats_nobody_planned_are_passed_over() -> None:
    seat = one(host(0, 2400), got(0, 2400, "a-s7"), got(0, 100))
    assert seat.credited_s == 100


def test_parts_of_a_second_are_cut_off() -> None:
    seat = one(host(0.9, 100.1), got(0.2, 50.999), got(51, 60))
    assert (seat.host_s, seat.credited_s) == (100, 59)
