"""What differs between two states of a lesson is told once, with old and new and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date

from sync_classroom.domain.history import Difference, Happening, differences
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SeatId, SeriesId, TeacherId
from sync_classroom.domain.timetable import Change, ChangeKind, Seat, Slot
from tests.support.plans import at, lesson

PLAIN = lesson("o-1", seats=["remote-1-r1", "remote-2-r1"])
GONE = Change(ChangeKind.CANCELLED, at("07:00"), "li", "停电", excused=True)
AWAY = Change(ChangeKind.MOVED, at("07:00"), "li", "考试", to=OccurrenceId("o-2"))
DROPPED = Change(ChangeKind.SEAT_CANCELLED, at("07:00"), "li", "维修", seat=SeatId("o-1-s1"))


def test_a_new_lesson_is_created_or_came_from_elsewhere() -> None:
    assert differences(None, PLAIN) == (Difference(Happening.CREATED),)
    came = replace(PLAIN, moved_from=OccurrenceId("o-0"))
    assert differences(None, came) == (Difference(Happening.MOVED_HERE, old={"from": "o-0"}),)


def test_the_same_lesson_read_in_another_zone_has_no_history() -> None:
    read_again = replace(
        PLAIN, starts_at=PLAIN.starts_at.astimezone(UTC), ends_at=PLAIN.ends_at.astimezone(UTC)
    )
    assert differences(PLAIN, read_again) == ()


def test_another_teacher_is_a_substitute_and_particulars_are_a_change() -> None:
    host = replace(PLAIN.host, teacher=TeacherId("host-1-t2"), classroom=ClassroomId("host-1-r2"))
    changed = replace(PLAIN, host=host, title="Unit 7", date=date(2026, 11, 24))
    assert differences(PLAIN, changed) == (
        Difference(Happening.SUBSTITUTED, {"teacher": "host-1-t1"}, {"teacher": "host-1-t2"}),
        Difference(
            Happening.CHANGED,
            {"title": "课", "date": "2026-11-23", "classroom": "host-1-r1"},
            {"title": "Unit 7", "date": "2026-11-24", "classroom": "host-1-r2"},
        ),
    )


def test_times_are_told_as_instants() -> None:
    later = replace(PLAIN, ends_at=at("09:50"))
    [difference] = differences(PLAIN, later)
    assert difference.old == {"ends_at": "2026-11-23T01:40:00+00:00"}
    assert difference.new == {"ends_at": "2026-11-23T01:50:00+00:00"}


def test_withdrawals_are_told_with_their_reason_and_other_end() -> None:
    assert differences(PLAIN, replace(PLAIN, changes=(GONE,))) == (
        Difference(Happening.CANCELLED, new={"excused": True}, reason="停电"),
    )
    assert differences(PLAIN, replace(PLAIN, changes=(AWAY,))) == (
        Difference(Happening.MOVED, new={"excused": False, "to": "o-2"}, reason="考试"),
    )
    assert differences(PLAIN, replace(PLAIN, changes=(DROPPED,))) == (
        Difference(
            Happening.SEAT_CANCELLED, new={"excused": False, "seat": "o-1-s1"}, reason="维修"
        ),
    )


def test_what_is_annulled_is_restored_and_its_record_told() -> None:
    assert differences(replace(PLAIN, changes=(GONE, DROPPED)), PLAIN) == (
        Difference(Happening.RESTORED, old={"excused": True}),
        Difference(Happening.SEAT_RESTORED, old={"excused": False, "seat": "o-1-s1"}),
    )


def test_seats_are_added_and_changed_each_by_itself() -> None:
    first, second = PLAIN.seats
    extra = Seat(SeatId("o-1-s9"), ClassroomId("remote-3-r1"), expected=30)
    changed = replace(PLAIN, seats=(first, replace(second, expected=40), extra))
    kinds = [(d.kind, (d.old or {}).get("expected"), (d.new or {}).get("expected"))
             for d in differences(PLAIN, changed)]  # fmt: skip
    assert kinds == [(Happening.SEAT_CHANGED, None, 40), (Happening.SEAT_ADDED, None, 30)]


def test_a_lesson_that_goes_by_another_rule_is_told_so() -> None:
    of_rule = replace(PLAIN, slot=Slot(SeriesId("eng"), PLAIN.date))
    later = replace(PLAIN, slot=Slot(SeriesId("eng-2"), PLAIN.date, own=True))
    assert differences(of_rule, later) == (
        Difference(
            Happening.REASSIGNED,
            {"series": "eng", "own": False},
            {"series": "eng-2", "own": True},
        ),
    )
    # Beside anything else it is nobody's concern.
    [difference] = differences(of_rule, replace(later, title="Unit 7"))
    assert difference.kind is Happening.CHANGED
