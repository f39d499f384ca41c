from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.bookings import (
    MICROSECONDS,
    ResourceKind,
    booked_twice,
    booking_of,
    clash_between,
    in_order,
    instant,
    moment,
    resources,
)
from sync_classroom.domain.conflicts import clashes_in
from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.timetable import Mode
from tests.support.plans import at, lesson

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_a_lesson_books_host_and_seats_a_room_as_often_as_it_is_named() -> None:
    a = lesson("a", host_class="c", seats=[("x", "d"), "x", ("y", "c")])
    assert resources(a) == [
        (ResourceKind.TEACHER, "host-1-t1"),
        (ResourceKind.CLASSROOM, "host-1-r1"),
        (ResourceKind.CLASS, "c"),
        (ResourceKind.CLASSROOM, "x"),
        (ResourceKind.CLASS, "d"),
        (ResourceKind.CLASSROOM, "x"),
        (ResourceKind.CLASSROOM, "y"),
        (ResourceKind.CLASS, "c"),
    ]
    twice = booked_twice(a, resources(a))
    assert [(c.kind, c.resource) for c in twice] == [
        (ResourceKind.CLASS, "c"),
        (ResourceKind.CLASSROOM, "x"),
    ]
    assert {c.occurrences for c in twice} == {("a", "a")}


def test_a_leader_among_the_participants_is_booked_once() -> None:
    meeting = lesson("a", teacher="t", participants=["u", "t"], mode=Mode.RESEARCH)
    booked = resources(meeting)
    assert booked[:2] == [(ResourceKind.TEACHER, "t"), (ResourceKind.TEACHER, "u")]
    assert len(booked) == 3


def test_a_booking_ends_when_the_lesson_did_but_never_later_than_planned() -> None:
    a = lesson("a", "09:00", "09:40")
    early = booking_of(a, {a.id: at("09:20")})
    assert early is not None
    assert (early.ends_at, early.end - early.start) == (at("09:20"), 1200 * MICROSECONDS)
    late = booking_of(a, {a.id: at("10:00")})
    assert late is not None
    assert late.ends_at == at("09:40")
    assert booking_of(a, {a.id: at("09:00")}) is None


@given(st.integers(-(2**40), 2**51))
def test_an_instant_is_exact_in_any_zone(microseconds: int) -> None:
    at_ = (EPOCH + timedelta(microseconds=microseconds)).astimezone(ZoneInfo("Europe/Berlin"))
    assert instant(at_) == microseconds
    assert moment(microseconds) == at_


def test_two_lessons_in_the_hour_a_clock_shows_twice_do_not_clash() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first = datetime(2026, 10, 25, 2, 10, tzinfo=berlin)
    second = first.replace(fold=1)
    half = timedelta(minutes=30)
    a = replace(lesson("a"), starts_at=first, ends_at=first + half)
    b = replace(lesson("b"), starts_at=second, ends_at=(first + half).replace(fold=1))
    assert clashes_in([a, b]) == ()
    assert len(clashes_in([a, replace(b, starts_at=first)])) == 2


def test_a_clash_names_the_earlier_first_and_the_time_both_want() -> None:
    a, b = lesson("a", "09:20", "10:00"), lesson("b", "09:00", "09:40")
    room = (ResourceKind.CLASSROOM, "x")
    mine, theirs = booking_of(a), booking_of(b)
    assert mine is not None
    assert theirs is not None
    clash = clash_between(room, mine, theirs)
    assert clash == clash_between(room, theirs, mine)
    assert clash.occurrences == ("b", "a")
    assert (clash.from_at, clash.to_at) == (at("09:20"), at("09:40"))
    starts = {OccurrenceId("a"): mine.start, OccurrenceId("b"): theirs.start}
    teacher = clash_between((ResourceKind.TEACHER, "t"), mine, theirs)
    assert in_order([teacher, clash], starts) == (clash, teacher)
