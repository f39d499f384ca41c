"""What an edit writes on: found again what it wrote, and nothing said that did not change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.edit_sheet import (
    Decision,
    Sheet,
    asked,
    changed_seat,
    check_in_term,
    settled,
    with_seat,
)
from sync_classroom.domain.edits import CancelLesson
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SeatId, SeriesId, TermId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.series import SeriesSeat
from sync_classroom.domain.timetable import Change, ChangeKind, Seat, Slot
from sync_classroom.domain.working_copy import Images
from tests.support.drafts import TERM, Draft, published, rule, seat
from tests.support.plans import at, lesson

FIRST, HELD = OccurrenceId("eng-20260921"), OccurrenceId("eng-20260914")
ENG = SeriesId("eng")
ROOM = ClassroomId("remote-1-r1")


def sheet_of(draft: Draft) -> Sheet:
    return Sheet(draft.copy, draft.desk())


def test_sheet_lies_over_the_copy_and_leaves_it_alone() -> None:
    draft = published(rule())
    sheet = sheet_of(draft)
    known = draft.lesson(FIRST)
    sheet.put(replace(known, title="x"))
    sheet.put_series(ENG, None)
    assert sheet.find(FIRST) == replace(known, title="x")
    assert sheet.find(None) is None
    assert sheet.find_series(ENG) is None
    assert draft.lesson(FIRST) == known
    assert sheet.decision() == Decision(
        Images({FIRST: known}, {ENG: rule()}),
        Images({FIRST: replace(known, title="x")}, {ENG: None}),
    )


def test_what_is_put_back_is_no_change() -> None:
    draft = published(rule())
    sheet = sheet_of(draft)
    known = draft.lesson(FIRST)
    sheet.put(replace(known, title="x"))
    sheet.put(known)
    new = replace(known, id=OccurrenceId("new"))
    sheet.put(new)
    sheet.drop(new.id)
    sheet.put_series(ENG, rule())
    assert sheet.decision().empty
    # Being edited and coming out as before leaves it to its rule.
    sheet.edited(known)
    assert sheet.decision().empty
    sheet.edited(replace(known, title="x"))
    found = sheet.find(FIRST)
    assert found is not None
    assert found.slot == Slot(ENG, date(2026, 9, 21), own=True)


def test_same_withdrawal_said_again_keeps_who_said_it_first() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, "运动会"), by="li")
    first = draft.lesson(FIRST)
    draft.now += timedelta(hours=1)
    sheet = Sheet(draft.copy, draft.desk("wang"))
    sheet.cancel(replace(first, changes=()), "运动会", excused=True, own=True)
    assert sheet.decision().empty
    sheet.cancel(replace(first, changes=()), "停电", excused=True, own=True)
    found = sheet.find(FIRST)
    assert found is not None
    assert found.changes == (Change(ChangeKind.CANCELLED, draft.now, "wang", "停电", excused=True),)


def test_id_is_free_unless_a_lesson_has_or_had_it() -> None:
    draft = published(rule())
    sheet = sheet_of(draft)
    assert [sheet.free(i) for i in (FIRST, OccurrenceId("new"))] == [False, True]
    sheet.put(replace(draft.lesson(FIRST), id=OccurrenceId("new")))
    assert not sheet.free(OccurrenceId("new"))
    sheet.drop(OccurrenceId("new"))
    assert sheet.free(OccurrenceId("new"))
    assert sheet.lesson_id(date(2026, 9, 21)) == "o-20260921-n1"


def test_only_what_is_published_has_begun() -> None:
    draft = published(rule())
    sheet = sheet_of(draft)
    assert [sheet.begun(draft.lesson(i)) for i in (HELD, FIRST)] == [True, False]
    assert not sheet.begun(replace(draft.lesson(HELD), id=OccurrenceId("new")))


def test_dates_outside_the_term_are_refused_where_a_term_is_known() -> None:
    desk = published(rule()).desk()
    for on in (TERM.first_day, TERM.last_day):
        check_in_term(desk, TERM.id, on)
    check_in_term(desk, None, date(2020, 1, 1))
    check_in_term(desk, TermId("none"), date(2020, 1, 1))
    for on in (date(2026, 8, 31), date(2026, 10, 31)):
        with pytest.raises(ProblemError) as caught:
            check_in_term(desk, TERM.id, on, "place.date")
        assert (caught.value.code, caught.value.field) == ("outside_term", "place.date")
        assert caught.value.value == on.isoformat()


def test_seats_are_numbered_on_past_those_that_are_gone() -> None:
    one = replace(lesson("o"), seats=(Seat(SeatId("o-s02"), ROOM),))
    assert [s.id for s in with_seat(one, seat("remote-2-r1")).seats] == ["o-s02", "o-s03"]
    none = lesson("o")
    assert with_seat(none, seat()).seats == (
        Seat(SeatId("o-s01"), ROOM, seat().school_class, None, seat().assistant),
    )
    assert asked(with_seat(none, seat()).seats[0]) == seat()


def test_changed_seat_takes_part_again() -> None:
    change = Change(ChangeKind.SEAT_CANCELLED, at("08:00"), "li", "x", seat=SeatId("o-s0"))
    other = replace(change, seat=SeatId("o-s1"))
    known = lesson("o", seats=(ROOM, "remote-2-r1"), changes=(change, other))
    again = changed_seat(known, known.seats[0], SeriesSeat(ROOM, expected=9))
    assert again.seats == (Seat(SeatId("o-s0"), ROOM, expected=9), known.seats[1])
    assert again.changes == (other,)


def test_settled_times_compare_by_the_moment() -> None:
    zone = ZoneInfo("America/New_York")
    first = settled(datetime(2026, 11, 1, 5, 50, tzinfo=UTC), zone)
    second = settled(datetime(2026, 11, 1, 6, 40, tzinfo=UTC), zone)
    assert [f"{t:%H:%M %z}" for t in (first, second)] == ["01:50 -0400", "01:40 -0500"]
    assert first < second
