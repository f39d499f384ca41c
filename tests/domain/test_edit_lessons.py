"""Edits of single lessons: what is published is withdrawn, what is not is as if never otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.edits import (
    AddLesson,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    Command,
    MoveLesson,
    Place,
    RestoreLesson,
    Substitute,
    SwapLessons,
)
from sync_classroom.domain.ids import ClassId, ClassroomId, OccurrenceId, SeriesId, TeacherId
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.timetable import Change, ChangeKind, Slot
from tests.support.drafts import NOW, Draft, published, rule, seat
from tests.support.plans import at

FIRST = OccurrenceId("eng-20260921")  # the first Monday to come
TUESDAY = Place(date(2026, 9, 22), period=2)
MONDAY = Place(date(2026, 9, 21), period=1)
NEW = AddLesson(
    title=" 公开课 ",
    subject="英语",
    teacher=TeacherId("host-1-t1"),
    place=Place(date(2026, 9, 23), period=1, classroom=ClassroomId("host-1-r1")),
    seats=(seat("remote-1-r1", 40), seat("remote-2-r2")),
    school_class=ClassId("host-1-c1"),
)


def fresh(**changes: object) -> Draft:
    """A draft whose one rule is not yet published."""
    draft = Draft()
    draft.do(AddSeries(rule(**changes)))  # type: ignore[arg-type]
    return draft


def refusal(draft: Draft, command: Command) -> ProblemError:
    before = dict(draft.copy.occurrences)
    with pytest.raises(ProblemError) as caught:
        draft.do(command)
    assert draft.copy.occurrences == before
    return caught.value


def test_published_lesson_that_moves_leaves_a_linked_one_behind() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY, "教师出差"))
    old = draft.lesson(FIRST)
    assert old.changes == (
        Change(ChangeKind.MOVED, NOW, "li", "教师出差", to=OccurrenceId("o-20260922-n1")),
    )
    new = draft.lesson("o-20260922-n1")
    assert (new.moved_from, new.changes) == (FIRST, ())
    assert (new.date, new.starts_at, new.ends_at) == (
        date(2026, 9, 22),
        at("09:00", "2026-09-22"),
        at("09:40", "2026-09-22"),
    )
    assert new.slot == Slot(SeriesId("eng"), date(2026, 9, 21), own=True)
    assert [s.id for s in new.seats] == ["o-20260922-n1-s01"]
    assert new.seats[0].classroom == old.seats[0].classroom


def test_moved_lesson_that_is_moved_on_before_publishing_is_the_same_one() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.do(MoveLesson(OccurrenceId("o-20260922-n1"), replace(TUESDAY, period=3)))
    assert draft.lesson("o-20260922-n1").starts_at == at("10:00", "2026-09-22")
    assert len(draft.lesson(FIRST).changes) == 1
    assert draft.standing("eng")[2:4] == ["09-22 10:00", "09-28 08:10"]


def test_moved_lesson_that_is_moved_back_before_publishing_leaves_no_trace() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.do(MoveLesson(OccurrenceId("o-20260922-n1"), MONDAY))
    assert draft.copy.occurrences == draft.base.occurrences


def test_moved_back_with_another_teacher_is_the_old_lesson_with_that_teacher() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    moved = OccurrenceId("o-20260922-n1")
    draft.do(Substitute(moved, TeacherId("host-1-t2"), "病假"))
    draft.do(MoveLesson(moved, MONDAY))
    back = draft.lesson(FIRST)
    assert (back.host.teacher, back.changes) == ("host-1-t2", ())
    assert back.seats == draft.base.occurrences[FIRST].seats  # type: ignore[union-attr]
    assert moved not in draft.copy.occurrences


def test_published_move_that_moves_again_makes_a_chain() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.publish()
    draft.do(MoveLesson(OccurrenceId("o-20260922-n1"), replace(TUESDAY, period=3)))
    third = draft.lesson("o-20260922-n2")
    assert third.moved_from == "o-20260922-n1"
    assert third.slot == Slot(SeriesId("eng"), date(2026, 9, 21), own=True)
    assert refusal(draft, MoveLesson(FIRST, MONDAY)).code == "lesson_moved"


def test_unpublished_lesson_moves_in_place_and_is_passed_over_by_its_rule() -> None:
    draft = fresh()
    draft.do(MoveLesson(FIRST, TUESDAY))
    moved = draft.lesson(FIRST)
    assert (moved.date, moved.moved_from, moved.changes) == (date(2026, 9, 22), None, ())
    assert moved.slot == Slot(SeriesId("eng"), date(2026, 9, 21), own=True)


def test_move_to_another_room_at_the_same_time_is_no_move() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, replace(MONDAY, classroom=ClassroomId("host-1-r2"))))
    lesson = draft.lesson(FIRST)
    assert (lesson.host.classroom, lesson.changes) == ("host-1-r2", ())


def test_move_to_where_it_is_changes_nothing() -> None:
    assert draft_step_is_empty(published(rule()), MoveLesson(FIRST, MONDAY))
    assert draft_step_is_empty(fresh(), MoveLesson(FIRST, MONDAY))


def draft_step_is_empty(draft: Draft, command: Command) -> bool:
    return not draft.do(command).after.occurrences


def test_move_by_clock_times_keeps_a_fixed_offset() -> None:
    draft = published(rule())
    place = Place(
        date(2026, 9, 22),
        starts_at=at("06:00", "2026-09-22"),
        ends_at=at("06:45", "2026-09-22"),
    )
    draft.do(MoveLesson(FIRST, place))
    assert draft.standing("eng")[2] == "09-22 06:00"
    # It keeps to no period any more, so a period gives it its beginning only.
    draft.do(MoveLesson(OccurrenceId("o-20260922-n1"), TUESDAY))
    moved = draft.lesson("o-20260922-n1")
    assert (moved.starts_at, moved.ends_at) == (
        at("09:00", "2026-09-22"),
        at("09:45", "2026-09-22"),
    )


def test_double_lesson_keeps_its_span() -> None:
    draft = published(rule(span=2))
    draft.do(MoveLesson(FIRST, TUESDAY))
    moved = draft.lesson("o-20260922-n1")
    assert (moved.starts_at, moved.ends_at) == (
        at("09:00", "2026-09-22"),
        at("10:40", "2026-09-22"),
    )
    problem = refusal(draft, MoveLesson(moved.id, replace(TUESDAY, period=3)))
    assert (problem.code, problem.field, problem.value) == ("period_unknown", "place.period", 3)
    assert "3 至 4 节" in problem.zh
    assert "no period 3 to 4" in problem.en


@pytest.mark.parametrize(
    ("place", "code", "field"),
    [
        (Place(date(2026, 9, 22)), "place_invalid", "place.period"),
        (replace(TUESDAY, starts_at=at("09:00")), "place_invalid", "place.period"),
        (
            replace(TUESDAY, starts_at=at("09:00"), ends_at=at("09:40")),
            "place_invalid",
            "place.period",
        ),
        (
            Place(date(2026, 9, 22), starts_at=at("09:00"), ends_at=at("09:40")),
            "date_mismatch",
            "place.starts_at",
        ),
        (
            Place(
                date(2026, 9, 22),
                starts_at=at("09:00").replace(tzinfo=None),
                ends_at=at("09:40"),
            ),
            "time_without_zone",
            "place.starts_at",
        ),
        (
            Place(
                date(2026, 9, 22),
                starts_at=at("09:00", "2026-09-22"),
                ends_at=at("08:40", "2026-09-22"),
            ),
            "ends_before_start",
            "ends_at",
        ),
        (
            Place(
                date(2026, 9, 22),
                starts_at=at("09:00", "2026-09-22"),
                ends_at=at("13:01", "2026-09-22"),
            ),
            "lesson_too_long",
            "ends_at",
        ),
        (Place(date(2026, 9, 15), period=1), "lesson_in_past", "starts_at"),
        (Place(date(2026, 11, 2), period=1), "outside_term", "date"),
        (replace(TUESDAY, period=7), "period_unknown", "place.period"),
        (
            replace(TUESDAY, classroom=ClassroomId("remote-1-r1")),
            "classroom_of_wrong_school",
            "classroom",
        ),
        (replace(TUESDAY, classroom=ClassroomId("none")), "unknown_id", "classroom"),
        (
            replace(TUESDAY, classroom=ClassroomId("host-2-r1")),
            "teacher_of_other_school",
            "teacher",
        ),
    ],
)
def test_place_that_could_not_be_booked_is_refused(place: Place, code: str, field: str) -> None:
    problem = refusal(published(rule()), MoveLesson(FIRST, place))
    assert (problem.code, problem.field) == (code, field)


def test_room_that_is_out_of_use_on_the_new_date_is_refused() -> None:
    draft = published(rule())
    rooms = dict(draft.roster.classrooms)
    far = ClassroomId("remote-1-r1")
    rooms[far] = replace(rooms[far], retired_on=date(2026, 9, 22))
    draft.roster = replace(draft.roster, classrooms=rooms)
    problem = refusal(draft, MoveLesson(FIRST, TUESDAY))
    assert (problem.code, problem.field) == ("classroom_not_in_use", "seats.1.classroom")


@pytest.mark.parametrize(
    "command",
    [
        MoveLesson(OccurrenceId("eng-20260914"), TUESDAY),
        CancelLesson(OccurrenceId("eng-20260914"), "病假"),
        RestoreLesson(OccurrenceId("eng-20260914")),
        Substitute(OccurrenceId("eng-20260914"), TeacherId("host-1-t2"), "病假"),
        ChangeLesson(OccurrenceId("eng-20260914"), title="x"),
        SwapLessons(FIRST, OccurrenceId("eng-20260914")),
    ],
)
def test_lesson_that_has_begun_is_never_changed(command: Command) -> None:
    problem = refusal(published(rule()), command)
    assert (problem.code, problem.kind) == ("lesson_begun", ProblemKind.CONFLICT)


def test_lesson_begins_at_its_first_moment() -> None:
    draft = published(rule(), now=at("08:10", "2026-09-21"))
    assert refusal(draft, CancelLesson(FIRST, "病假")).code == "lesson_begun"
    draft.now = at("08:09:59", "2026-09-21")
    draft.do(CancelLesson(FIRST, "病假"))
    assert draft.lesson(FIRST).withdrawn


def test_unknown_lesson_is_not_found() -> None:
    problem = refusal(published(rule()), CancelLesson(OccurrenceId("none"), "病假"))
    assert (problem.code, problem.kind, problem.field, problem.value) == (
        "unknown_lesson",
        ProblemKind.NOT_FOUND,
        "lesson",
        "none",
    )


def test_published_lesson_is_cancelled_by_a_record_and_restored_without() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, " 运动会 ", excused=False))
    assert draft.lesson(FIRST).changes == (
        Change(ChangeKind.CANCELLED, NOW, "li", "运动会", excused=False),
    )
    assert refusal(draft, CancelLesson(FIRST, "又一次")).code == "lesson_cancelled"
    draft.do(RestoreLesson(FIRST))
    assert draft.copy.occurrences == draft.base.occurrences
    assert refusal(draft, RestoreLesson(FIRST)).code == "lesson_stands"


def test_published_cancellation_is_annulled() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, "运动会"))
    draft.publish()
    draft.do(RestoreLesson(FIRST))
    assert (draft.lesson(FIRST).changes, draft.lesson(FIRST).withdrawn) == ((), False)


def test_unpublished_lesson_that_is_cancelled_goes_with_its_date() -> None:
    draft = fresh()
    draft.do(CancelLesson(FIRST, "运动会"))
    assert FIRST not in draft.copy.occurrences
    assert draft.copy.series[SeriesId("eng")].excluded == (date(2026, 9, 21),)


def test_moved_lesson_that_is_cancelled_before_publishing_cancels_the_published_one() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY, "出差"))
    draft.do(CancelLesson(OccurrenceId("o-20260922-n1"), "病假"))
    assert "o-20260922-n1" not in draft.copy.occurrences
    assert [c.kind for c in draft.lesson(FIRST).changes] == [ChangeKind.CANCELLED]
    assert draft.copy.series[SeriesId("eng")].excluded == ()


def test_move_that_came_too_late_is_cancelled_to_what_was_published() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.now = at("12:00", "2026-09-21")
    draft.do(CancelLesson(OccurrenceId("o-20260922-n1"), "未及发布"))
    assert draft.copy.occurrences == draft.base.occurrences


def test_restored_lesson_calls_back_an_unpublished_move() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.do(RestoreLesson(FIRST))
    assert draft.copy.occurrences == draft.base.occurrences


def test_restored_lesson_calls_back_a_whole_chain_of_published_moves() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.publish()
    draft.do(MoveLesson(OccurrenceId("o-20260922-n1"), replace(TUESDAY, period=3)))
    draft.publish()
    draft.do(RestoreLesson(FIRST))
    assert draft.lesson(FIRST).changes == ()
    for each in ("o-20260922-n1", "o-20260922-n2"):
        assert [(c.kind, c.to) for c in draft.lesson(each).changes] == [(ChangeKind.MOVED, FIRST)]
    assert draft.standing("eng")[2:4] == ["09-21 08:10", "09-28 08:10"]
    draft.publish()
    # There and back again: the chain is a ring now, and walking it ends.
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.do(RestoreLesson(OccurrenceId("o-20260922-n2")))
    assert draft.standing("eng")[2] == "09-22 10:00"


def test_lesson_is_not_restored_once_it_began_elsewhere() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 18), period=1)))
    draft.publish()
    draft.now = at("12:00", "2026-09-18")
    assert refusal(draft, RestoreLesson(FIRST)).code == "lesson_begun"


def test_substitute_is_a_teacher_of_the_host_school() -> None:
    draft = published(rule())
    draft.do(Substitute(FIRST, TeacherId("host-1-t2"), "病假"))
    lesson = draft.lesson(FIRST)
    assert (lesson.host.teacher, lesson.changes) == ("host-1-t2", ())
    assert lesson.slot is not None
    assert lesson.slot.own
    problem = refusal(draft, Substitute(FIRST, TeacherId("host-2-t1"), "病假"))
    assert (problem.code, problem.field) == ("teacher_of_other_school", "teacher")
    assert refusal(draft, Substitute(FIRST, TeacherId("x"), "病假")).code == "unknown_id"
    assert refusal(draft, Substitute(FIRST, TeacherId("host-1-t3"), " ")).code == "reason_missing"
    draft.do(Substitute(FIRST, TeacherId("host-1-t1"), "销假"))
    assert draft.copy.occurrences == draft.base.occurrences


def test_particulars_are_changed_and_checked() -> None:
    draft = published(rule())
    draft.do(ChangeLesson(FIRST, " Unit 7 ", "数学", 4, 2, ClassId("host-1-c2"), reason="换内容"))
    lesson = draft.lesson(FIRST)
    assert (lesson.title, lesson.subject, lesson.grade, lesson.periods) == ("Unit 7", "数学", 4, 2)
    assert lesson.host.school_class == "host-1-c2"
    assert draft_step_is_empty(draft, ChangeLesson(FIRST, title="Unit 7"))
    for command, code in [
        (ChangeLesson(FIRST, title=" "), "title_invalid"),
        (ChangeLesson(FIRST, subject="x" * 101), "subject_invalid"),
        (ChangeLesson(FIRST, grade=13), "grade_invalid"),
        (ChangeLesson(FIRST, periods=0), "periods_invalid"),
        (ChangeLesson(FIRST, school_class=ClassId("host-2-c1")), "class_of_other_school"),
        (ChangeLesson(FIRST, title="x", reason="x" * 201), "reason_missing"),
    ]:
        assert refusal(draft, command).code == code


def test_swapped_lessons_take_each_others_times_and_keep_their_rooms() -> None:
    draft = published(rule(), rule("math", 2, 3, n=2))
    other = OccurrenceId("math-20260922")
    draft.do(SwapLessons(FIRST, other, "教研"))
    first = draft.ahead(FIRST)
    second = draft.ahead(other)
    assert (first.starts_at, first.host.classroom) == (at("10:00", "2026-09-22"), "host-1-r1")
    assert (second.starts_at, second.host.classroom) == (at("08:10", "2026-09-21"), "host-1-r2")
    assert [c.reason for c in draft.lesson(FIRST).changes] == ["教研"]
    draft.do(SwapLessons(first.id, second.id))
    assert draft.copy.occurrences == draft.base.occurrences


def test_lessons_of_different_weight_or_the_same_one_are_not_swapped() -> None:
    draft = published(rule(), rule("math", 2, 1, n=2, periods=2, span=2))
    problem = refusal(draft, SwapLessons(FIRST, OccurrenceId("math-20260922")))
    assert (problem.code, problem.field) == ("swap_unequal", "second")
    assert refusal(draft, SwapLessons(FIRST, FIRST)).code == "swap_with_itself"


def test_lesson_outside_any_series_is_added() -> None:
    draft = Draft()
    draft.do(NEW)
    lesson = draft.lesson("o-20260923-n1")
    assert (lesson.title, lesson.slot, lesson.term) == ("公开课", None, "2026-autumn")
    assert (lesson.starts_at, lesson.ends_at) == (
        at("08:10", "2026-09-23"),
        at("08:50", "2026-09-23"),
    )
    assert [(s.id, s.expected, s.assistant) for s in lesson.seats] == [
        ("o-20260923-n1-s01", 40, "remote-1-t1"),
        ("o-20260923-n1-s02", None, "remote-2-t2"),
    ]
    draft.do(CancelLesson(lesson.id, "不办了"))
    assert draft.copy.occurrences == {}


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"place": replace(NEW.place, classroom=None)}, "classroom_needed", "place.classroom"),
        (
            {"place": replace(NEW.place, classroom=ClassroomId("none"))},
            "unknown_id",
            "place.classroom",
        ),
        ({"place": replace(NEW.place, date=date(2026, 11, 2))}, "outside_term", "place.date"),
        ({"span": 5}, "span_invalid", "span"),
        ({"seats": ()}, "no_seats", "seats"),
        ({"seats": (seat(), seat())}, "seat_twice", "seats.2.classroom"),
        (
            {"seats": (replace(seat(), assistant=TeacherId("remote-2-t1")),)},
            "teacher_of_other_school",
            "seats.1.assistant",
        ),
    ],
)
def test_new_lesson_is_checked_as_a_booking(
    changes: dict[str, object], code: str, field: str
) -> None:
    problem = refusal(Draft(), replace(NEW, **changes))  # type: ignore[arg-type]
    assert (problem.code, problem.field) == (code, field)
