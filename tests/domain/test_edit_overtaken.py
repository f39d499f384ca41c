"""What comes too late to be published is given up, and only that."""

from __future__ import annotations

from datetime import date

from sync_classroom.domain.edits import (
    AddLesson,
    AddSeries,
    CancelLesson,
    ChangeSeries,
    DropOvertaken,
    FollowCalendar,
    MoveLesson,
    Place,
    Substitute,
)
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SeriesId, TeacherId
from sync_classroom.domain.working_copy import overtaken
from tests.support.drafts import Draft, published, rule, seat
from tests.support.plans import at

FIRST, SECOND = OccurrenceId("eng-20260921"), OccurrenceId("eng-20260928")


def give_up(draft: Draft, now: str, day: str) -> None:
    draft.now = at(now, day)
    draft.do(DropOvertaken())
    assert overtaken(draft.copy, draft.now) == ()


def test_lesson_that_began_stands_as_published_and_the_rest_stays_changed() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, "病假"))
    draft.do(CancelLesson(SECOND, "病假"))
    give_up(draft, "08:10", "2026-09-21")
    assert draft.lesson(FIRST) == draft.base.occurrences[FIRST]
    assert draft.lesson(SECOND).withdrawn


def test_nothing_overtaken_is_nothing_to_give_up() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, "病假"))
    assert draft.do(DropOvertaken()).after.occurrences == {}


def test_move_of_a_lesson_that_began_goes_with_its_other_end() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 22), period=1)))
    give_up(draft, "08:10", "2026-09-21")
    assert draft.copy.occurrences == draft.base.occurrences
    # The date is not planned once more for later the same day.
    assert draft.copy.series[SeriesId("eng")].excluded == (date(2026, 9, 21),)


def test_move_to_a_time_that_is_past_goes_and_the_lesson_takes_place_where_it_was() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 17), period=1)))
    give_up(draft, "08:10", "2026-09-17")
    assert draft.copy.occurrences == draft.base.occurrences


def test_published_end_of_a_move_takes_back_only_what_the_draft_did() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 22), period=1)))
    draft.publish()
    moved = OccurrenceId("o-20260922-n1")
    draft.do(Substitute(moved, TeacherId("host-1-t2"), "病假"))
    give_up(draft, "08:10", "2026-09-22")
    assert draft.copy.occurrences == draft.base.occurrences


def test_new_lessons_whose_time_is_past_go() -> None:
    draft = published(rule())
    draft.do(AddSeries(rule("art", 4, 3, n=2)))
    draft.do(
        AddLesson(
            "公开课",
            "英语",
            TeacherId("host-1-t3"),
            Place(date(2026, 9, 17), period=2, classroom=ClassroomId("host-1-r3")),
            (seat("remote-2-r1"),),
        )
    )
    give_up(draft, "12:00", "2026-09-17")
    assert "o-20260917-n1" not in draft.copy.occurrences
    assert draft.standing("art")[0] == "09-24 10:00"


def test_changed_rule_is_published_late_without_the_lesson_that_began() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(period=3)))
    give_up(draft, "08:30", "2026-09-21")
    assert draft.lesson(FIRST) == draft.base.occurrences[FIRST]
    assert draft.standing("eng.n1") == [
        "09-28 10:00",
        "10-05 10:00",
        "10-12 10:00",
        "10-19 10:00",
        "10-26 10:00",
    ]
    # At half past eight the new rule's ten o'clock is still to come, but the lesson was given.
    draft.do(FollowCalendar())
    assert draft.standing("eng.n1")[0] == "09-28 10:00"
