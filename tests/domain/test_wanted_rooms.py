"""When a room is next wanted, as the index has it and as a plain reading of the lessons has it."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SeatId
from sync_classroom.domain.timetable import Change, ChangeKind, Occurrence
from sync_classroom.domain.wanted_rooms import WantedRooms, classrooms_of
from tests.support.plans import at, lesson

X = ClassroomId("x")


def test_a_room_is_wanted_as_host_room_and_as_seat() -> None:
    plan = WantedRooms(
        [lesson("b", "10:45", "11:25", room="x"), lesson("a", "09:45", "10:25", seats=["x"])]
    )
    assert plan.next(X, after=at("09:00")) == at("09:45")
    assert plan.next(X, after=at("09:45")) == at("09:45")
    assert plan.next(X, after=at("09:46")) == at("10:45")
    assert plan.next(X, after=at("10:46")) is None
    assert plan.next(ClassroomId("y"), after=at("09:00")) is None


def test_the_lesson_that_asks_does_not_want_its_own_room() -> None:
    plan = WantedRooms([lesson("a", "09:45", "10:25", room="x")])
    assert plan.next(X, after=at("09:00"), besides=OccurrenceId("a")) is None


def test_what_was_withdrawn_wants_nothing() -> None:
    gone = Change(ChangeKind.CANCELLED, at("08:00"), "u", "停电")
    seat_gone = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "u", "停电", seat=SeatId("b-s0"))
    cancelled = lesson("a", "09:45", "10:25", room="x", changes=[gone])
    without = lesson("b", "10:45", "11:25", room="y", seats=["x"], changes=[seat_gone])
    assert WantedRooms([cancelled, without]).next(X, after=at("09:00")) is None
    assert classrooms_of(without) == {"y"}


ROOMS = ("x", "y", "z")
MINUTES = st.integers(0, 240)


@st.composite
def plans(draw: st.DrawFn) -> list[Occurrence]:
    made = []
    for n in range(draw(st.integers(0, 12))):
        start = at("08:00") + timedelta(minutes=draw(MINUTES))
        end = start + timedelta(minutes=40)
        gone = Change(ChangeKind.CANCELLED, at("07:00"), "u", "停电")
        made.append(
            lesson(
                f"o-{n}",
                f"{start:%H:%M}",
                f"{end:%H:%M}",
                room=draw(st.sampled_from(ROOMS)),
                seats=draw(st.lists(st.sampled_from(ROOMS), max_size=2)),
                changes=[gone] if draw(st.integers(0, 4)) == 0 else [],
            )
        )
    return made


def plainly(
    plan: list[Occurrence], room: str, after: datetime, besides: str | None
) -> datetime | None:
    return min(
        (
            o.starts_at
            for o in plan
            if o.id != besides
            and o.starts_at >= after
            and not o.withdrawn
            and room in (o.host.classroom, *(s.classroom for s in o.seats))
        ),
        default=None,
    )


@given(plan=plans(), minute=MINUTES, besides=st.integers(0, 13))
def test_the_index_says_what_a_plain_reading_says(
    plan: list[Occurrence], minute: int, besides: int
) -> None:
    after = at("08:00") + timedelta(minutes=minute)
    index = WantedRooms(plan)
    for room in ROOMS:
        found = index.next(ClassroomId(room), after=after, besides=OccurrenceId(f"o-{besides}"))
        assert found == plainly(plan, room, after, f"o-{besides}")
