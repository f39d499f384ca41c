"""Which event a lesson is in a feed: one UID over all its moves, cancelled where it left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_classroom.domain.feeds import Event, FeedKind, Marks, events_of, moved_ends
from sync_classroom.domain.ids import OccurrenceId, TeacherId
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence, Seat
from tests.support.plans import at, lesson
from tests.support.rosters import programme

ROOM, HOST, SCHOOL = FeedKind.CLASSROOM, FeedKind.TEACHER, FeedKind.SCHOOL
SEATS = ("remote-1-r1", "remote-2-r1")


def _change(kind: ChangeKind = ChangeKind.CANCELLED, **values: object) -> Change:
    return Change(kind, at("08:00"), "admin", "停电", **values)  # type: ignore[arg-type]


def _moved(ident: str, to: str, **values: object) -> Occurrence:
    change = _change(ChangeKind.MOVED, to=OccurrenceId(to))
    return lesson(ident, seats=SEATS, changes=[change], **values)  # type: ignore[arg-type]


def _came(ident: str, origin: str, **values: object) -> Occurrence:
    made = lesson(ident, "14:00", "14:40", **({"seats": SEATS} | values))  # type: ignore[arg-type]
    return replace(made, moved_from=OccurrenceId(origin))


def _events(kind: FeedKind, target: str, *lessons: Occurrence, **marks: Marks) -> tuple[Event, ...]:
    known = {OccurrenceId(k.replace("_", "-")): v for k, v in marks.items()}
    return events_of(kind, target, {o.id: o for o in lessons}, known, programme())


@pytest.mark.parametrize(
    ("kind", "target", "seats"),
    [
        (ROOM, "host-1-r1", 2), (ROOM, "remote-2-r1", 1), (HOST, "host-1-t1", 2),
        (SCHOOL, "host-1", 2), (SCHOOL, "remote-1", 1),
    ],
)  # fmt: skip
def test_lesson_is_one_event_for_each_it_concerns(kind: FeedKind, target: str, seats: int) -> None:
    (event,) = _events(kind, target, lesson("o", seats=SEATS))
    assert (event.uid, event.sequence, event.cancelled, event.moved) == ("o", 0, False, False)
    assert len(event.seats) == seats


@pytest.mark.parametrize(
    ("kind", "target"),
    [(ROOM, "remote-3-r1"), (HOST, "host-1-t2"), (SCHOOL, "remote-3"), (SCHOOL, "nowhere")],
)
def test_lesson_of_others_is_no_event(kind: FeedKind, target: str) -> None:
    assert _events(kind, target, lesson("o", seats=SEATS)) == ()


def test_participant_and_assistant_have_it_in_their_feed() -> None:
    met = lesson("o", participants=["host-2-t1"])
    assert len(_events(HOST, "host-2-t1", met)) == 1
    seat = replace(lesson("o", seats=SEATS).seats[0], assistant=TeacherId("remote-1-t1"))
    helped = replace(met, seats=(seat,))
    (event,) = _events(HOST, "remote-1-t1", helped)
    assert event.seats == (seat,)


def test_moved_lesson_keeps_its_uid_and_counts_every_change() -> None:
    first, second = _moved("o-1", "o-2"), _came("o-2", "o-1")
    marks = {"o_1": Marks(1, at("08:00")), "o_2": Marks(2, at("08:30"))}
    (event,) = _events(ROOM, "remote-1-r1", first, second, **marks)
    assert (event.uid, event.occurrence.id, event.sequence) == ("o-1", "o-2", 3)
    assert (event.changed_at, event.cancelled, event.moved) == (at("08:30"), False, True)
    assert event.reason == "停电"


def test_lesson_moved_three_times_is_still_one_event() -> None:
    chain = [
        _moved("o-1", "o-2"),
        replace(_moved("o-2", "o-3"), moved_from=OccurrenceId("o-1")),
        _came("o-3", "o-2"),
    ]
    (event,) = _events(ROOM, "remote-1-r1", *reversed(chain))
    assert (event.uid, event.occurrence.id) == ("o-1", "o-3")


def test_lesson_moved_from_before_what_was_read_keeps_its_uid() -> None:
    (event,) = _events(ROOM, "remote-1-r1", _came("o-2", "o-1"))
    assert event.uid == "o-1"


def test_lesson_that_moved_out_of_a_room_is_cancelled_there() -> None:
    first, second = _moved("o-1", "o-2"), _came("o-2", "o-1", seats=SEATS[1:])
    (here,) = _events(ROOM, "remote-1-r1", first, second)
    assert (here.uid, here.cancelled, here.occurrence.id) == ("o-1", True, "o-1")
    (there,) = _events(ROOM, "remote-2-r1", first, second)
    assert (there.uid, there.cancelled, there.occurrence.id) == ("o-1", False, "o-2")


def test_move_that_was_taken_back_leaves_the_lesson_where_it_was() -> None:
    restored = lesson("o-1", seats=SEATS)
    gone = replace(_came("o-2", "o-1"), changes=(_change(),))
    (event,) = _events(ROOM, "remote-1-r1", restored, gone)
    assert (event.uid, event.occurrence.id, event.cancelled) == ("o-1", "o-1", False)


def test_cancelled_lesson_is_kept_with_its_reason() -> None:
    (event,) = _events(ROOM, "host-1-r1", lesson("o", seats=SEATS, changes=[_change()]))
    assert (event.cancelled, event.reason) == (True, "停电")


def test_cancelled_seat_is_cancelled_for_its_room_alone() -> None:
    planned = lesson("o", seats=SEATS)
    dropped = replace(
        planned, changes=(_change(ChangeKind.SEAT_CANCELLED, seat=planned.seats[0].id),)
    )
    assert [
        (e.cancelled, e.reason)
        for target in ("remote-1-r1", "remote-2-r1", "host-1-r1")
        for e in _events(ROOM, target, dropped)
    ] == [(True, "停电"), (False, ""), (False, "")]


def test_school_with_one_of_two_seats_left_still_takes_part() -> None:
    planned = lesson("o", seats=("remote-1-r1", "remote-1-r2"))
    dropped = replace(
        planned, changes=(_change(ChangeKind.SEAT_CANCELLED, seat=planned.seats[0].id),)
    )
    (event,) = _events(SCHOOL, "remote-1", dropped)
    assert event.cancelled is False


def test_teacher_whose_lesson_a_substitute_gives_sees_it_cancelled() -> None:
    given = lesson("o", seats=SEATS, teacher="host-1-t2")
    marks = {"o": Marks(1, at("08:00"), (TeacherId("host-1-t1"),))}
    (former,) = _events(HOST, "host-1-t1", given, **marks)
    (now,) = _events(HOST, "host-1-t2", given, **marks)
    assert (former.cancelled, now.cancelled, former.uid == now.uid) == (True, False, True)


def test_lesson_without_history_has_an_instant_that_stands_still() -> None:
    (plain,) = _events(ROOM, "host-1-r1", lesson("o"))
    (changed,) = _events(ROOM, "host-1-r1", lesson("o", changes=[_change()]))
    assert (plain.changed_at, changed.changed_at) == (at("09:00"), at("08:00"))


def test_loop_in_damaged_data_ends() -> None:
    loop = [_came("o-1", "o-2"), _came("o-2", "o-1")]
    assert len(_events(ROOM, "remote-1-r1", *loop)) in (1, 2)


def test_ends_of_moves_are_asked_for() -> None:
    assert moved_ends([_moved("o-2", "o-3"), _came("o-5", "o-4"), lesson("x")]) == {"o-3", "o-4"}


def test_events_are_in_order() -> None:
    late, early = lesson("a", "10:00", "10:40"), lesson("b", "09:00", "09:40")
    assert [e.uid for e in _events(ROOM, "host-1-r1", late, early)] == ["b", "a"]


def test_seat_of_an_unknown_classroom_is_nobodys() -> None:
    odd = replace(lesson("o"), seats=(Seat(lesson("o", seats=["x"]).seats[0].id, "x"),))  # type: ignore[arg-type]
    assert _events(SCHOOL, "remote-1", odd) == ()


def test_a_research_session_is_in_the_feeds_of_its_teachers_schools_too() -> None:
    met = lesson("o", mode=Mode.RESEARCH, participants=["remote-1-t1"])
    for kind, target in ((SCHOOL, "host-1"), (SCHOOL, "remote-1"), (HOST, "remote-1-t1")):
        (event,) = _events(kind, target, met)
        assert not event.cancelled
    assert _events(SCHOOL, "remote-2", met) == ()


def test_who_is_no_longer_invited_has_the_session_as_cancelled() -> None:
    met = lesson("o", mode=Mode.RESEARCH, participants=["remote-1-t1"])
    marks = Marks(1, at("08:00"), (TeacherId("remote-2-t1"),))
    for kind, target in ((SCHOOL, "remote-2"), (HOST, "remote-2-t1")):
        (event,) = _events(kind, target, met, o=marks)
        assert event.cancelled
    (event,) = _events(SCHOOL, "remote-1", met, o=marks)
    assert not event.cancelled
