"""Edits of weekly rules: what is held stays, what is published is withdrawn, the rest is planned
anew; and a calendar that changed is followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time

import pytest

from sync_classroom.domain.edits import (
    AddSeries,
    CancelLesson,
    ChangeSeries,
    Command,
    DropSeat,
    FollowCalendar,
    MoveLesson,
    Place,
    RemoveSeries,
    RestoreLesson,
    Substitute,
)
from sync_classroom.domain.ids import (
    BellSetId,
    ClassroomId,
    OccurrenceId,
    SchoolId,
    SeatId,
    SeriesId,
    TeacherId,
    TermId,
)
from sync_classroom.domain.problems import ProblemError, ProblemKind
from sync_classroom.domain.roster import BellSet, DayException, Period
from sync_classroom.domain.series import WeekKind, WeekRule
from sync_classroom.domain.timetable import ChangeKind, Slot
from tests.support.drafts import Draft, published, rule, seat, shown
from tests.support.plans import at

ENG = SeriesId("eng")
FIRST = OccurrenceId("eng-20260921")  # the first Monday to come; two Mondays are behind
HELD = ["09-07 08:10", "09-14 08:10"]
MONDAYS = ["09-21 08:10", "09-28 08:10", "10-05 08:10", "10-12 08:10", "10-19 08:10", "10-26 08:10"]
TUESDAYS = [
    "09-22 08:10",
    "09-29 08:10",
    "10-06 08:10",
    "10-13 08:10",
    "10-20 08:10",
    "10-27 08:10",
]


def refusal(draft: Draft, command: Command) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        draft.do(command)
    return caught.value


def follow(draft: Draft, *days: DayException) -> None:
    draft.roster = replace(draft.roster, days=days)
    draft.do(FollowCalendar())


def off(day: str, reason: str = "") -> DayException:
    return DayException(None, date.fromisoformat(day), teaching=False, reason=reason)


def instead(day: str, weekday: int, week: int | None = None) -> DayException:
    return DayException(
        None, date.fromisoformat(day), True, follows_weekday=weekday, follows_week=week
    )


def kinds(draft: Draft, ident: str) -> list[tuple[ChangeKind, str | None]]:
    return [(c.kind, c.to) for c in draft.lesson(ident).changes]


def test_new_rule_has_its_lessons_still_to_come() -> None:
    draft = Draft()
    draft.do(AddSeries(rule(title=" Unit ")))
    assert draft.copy.series[ENG].title == "Unit"
    assert draft.standing("eng") == MONDAYS
    today = Draft()
    today.now = at("08:10", "2026-09-21")
    today.do(AddSeries(rule()))
    assert today.standing("eng") == MONDAYS[1:]


def test_repeated_new_rule_changes_nothing_and_another_of_its_id_is_refused() -> None:
    draft = Draft()
    draft.do(AddSeries(rule()))
    assert draft.do(AddSeries(rule())).after.series == {}
    problem = refusal(draft, AddSeries(rule(title="x")))
    assert (problem.code, problem.kind) == ("series_exists", ProblemKind.CONFLICT)


def test_unplaced_rule_has_no_lessons_until_it_is_placed() -> None:
    draft = Draft()
    draft.do(AddSeries(rule(weekday=None, period=None)))
    assert draft.standing("eng") == []
    draft.do(ChangeSeries(rule()))
    assert draft.standing("eng") == MONDAYS
    draft.do(ChangeSeries(rule(weekday=None, period=None)))
    assert (draft.standing("eng"), draft.copy.occurrences) == ([], {})


def test_changed_rule_is_split_where_lessons_are_behind_it() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(title="Unit 7"), reason="换教材"))
    old, new = draft.copy.series[ENG], draft.copy.series[SeriesId("eng.n1")]
    assert (old.last, old.title) == (date(2026, 9, 15), "Unit")
    assert (new.first, new.title) == (date(2026, 9, 16), "Unit 7")
    assert draft.standing("eng") == HELD
    assert draft.standing("eng.n1") == MONDAYS
    # Published lessons keep their ids and are where they were: they only changed.
    lesson = draft.lesson(FIRST)
    assert (lesson.title, lesson.changes) == ("Unit 7", ())
    assert lesson.slot == Slot(SeriesId("eng.n1"), date(2026, 9, 21))
    assert lesson.seats == draft.base.occurrences[FIRST].seats  # type: ignore[union-attr]


def test_changed_rule_from_a_date_in_the_middle() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(period=3), since=date(2026, 10, 10)))
    assert draft.copy.series[ENG].last == date(2026, 10, 9)
    assert draft.standing("eng") == [*HELD, *MONDAYS[:3]]
    assert draft.standing("eng.n1") == ["10-12 10:00", "10-19 10:00", "10-26 10:00"]
    assert kinds(draft, "eng-20261012") == [(ChangeKind.MOVED, "eng.n1-20261012")]


def test_rule_with_nothing_behind_it_changes_in_place() -> None:
    draft = Draft()
    draft.do(AddSeries(rule()))
    draft.do(ChangeSeries(rule(period=2)))
    assert list(draft.copy.series) == [ENG]
    assert draft.standing("eng")[0] == "09-21 09:00"
    assert len(draft.copy.occurrences) == 6


def test_unchanged_rule_changes_nothing() -> None:
    draft = published(rule())
    assert draft.do(ChangeSeries(rule())).after.series == {}


def test_rule_whose_lesson_of_today_has_begun_changes_from_tomorrow() -> None:
    draft = published(rule(), now=at("08:20", "2026-09-21"))
    draft.do(ChangeSeries(rule(period=3)))
    assert draft.copy.series[ENG].last == date(2026, 9, 21)
    assert draft.standing("eng.n1")[0] == "09-28 10:00"
    earlier = published(rule(), now=at("08:00", "2026-09-21"))
    earlier.do(ChangeSeries(rule(period=3)))
    assert earlier.standing("eng.n1")[0] == "09-21 10:00"


def test_rule_that_ends_earlier_or_later_is_not_split() -> None:
    draft = published(rule(last=date(2026, 10, 12)))
    draft.do(ChangeSeries(rule(last=date(2026, 10, 5))))
    assert list(draft.copy.series) == [ENG]
    assert draft.standing("eng") == [*HELD, *MONDAYS[:3]]
    assert kinds(draft, "eng-20261012") == [(ChangeKind.CANCELLED, None)]
    draft.do(ChangeSeries(rule()))
    assert draft.standing("eng") == [*HELD, *MONDAYS]
    assert draft.lesson("eng-20261012").changes == ()
    draft.do(ChangeSeries(rule(excluded=(date(2026, 10, 5),))))
    assert "10-05 08:10" not in draft.standing("eng")
    assert list(draft.copy.series) == [ENG]
    # What would unsay a lesson behind is a split.
    problem = refusal(draft, ChangeSeries(rule(last=date(2026, 9, 7))))
    assert (problem.code, problem.field) == ("last_before_first", "last")


def test_held_lesson_that_was_moved_up_is_not_wanted_by_a_rule_that_goes_on() -> None:
    draft = published(rule(last=date(2026, 10, 12)))
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 17), period=1)))
    draft.publish()
    draft.now = at("12:00", "2026-09-17")
    draft.do(ChangeSeries(rule()))
    follow(draft)
    assert draft.standing("eng") == [*HELD, "09-17 08:10", *MONDAYS[1:]]


def test_split_rules_keep_the_beginning_of_the_first_ones_id() -> None:
    long = "x" * 64
    draft = published(rule(long))
    draft.do(ChangeSeries(rule(long, title="y")))
    second = SeriesId("x" * 61 + ".n1")
    assert list(draft.copy.series) == [long, second]
    draft.publish()
    draft.now = at("12:00", "2026-09-21")
    draft.do(ChangeSeries(replace(draft.copy.series[second], title="z")))
    assert list(draft.copy.series) == [long, second, "x" * 61 + ".n2"]


def test_lesson_restored_or_cancelled_by_hand_is_not_planned_again_by_the_new_rule() -> None:
    for undo in (
        RestoreLesson(FIRST),
        CancelLesson(OccurrenceId("eng.n1-20260922"), "病假"),
        MoveLesson(OccurrenceId("eng.n1-20260922"), Place(date(2026, 9, 21), period=1)),
    ):
        draft = published(rule())
        draft.do(ChangeSeries(rule(weekday=2)))
        draft.do(undo)
        week = [s for s in shown(draft.copy.occurrences.values()) if "09-21" <= s[:5] < "09-28"]
        follow(draft)
        assert draft.lesson(FIRST).slot == Slot(SeriesId("eng.n1"), date(2026, 9, 21), own=True)
        assert [
            s for s in shown(draft.copy.occurrences.values()) if "09-21" <= s[:5] < "09-28"
        ] == week


def test_rule_moved_to_another_weekday_moves_each_weeks_lesson() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(weekday=2), reason="换课表"))
    assert draft.standing("eng.n1") == TUESDAYS
    moved = draft.lesson(FIRST)
    assert [(c.kind, c.to, c.reason) for c in moved.changes] == [
        (ChangeKind.MOVED, "eng.n1-20260922", "换课表")
    ]
    new = draft.lesson("eng.n1-20260922")
    assert (new.moved_from, new.slot) == (FIRST, Slot(SeriesId("eng.n1"), date(2026, 9, 22)))


def test_rule_moved_twice_before_publishing_is_moved_once() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(weekday=2)))
    second = replace(draft.copy.series[SeriesId("eng.n1")], weekday=3)
    draft.do(ChangeSeries(second))
    # Nothing of the new rule was ever held, so it changed in place.
    assert draft.standing("eng.n1")[:2] == ["09-16 08:10", "09-23 08:10"]
    assert kinds(draft, FIRST) == [(ChangeKind.MOVED, "eng.n1-20260923")]
    assert draft.lesson("eng.n1-20260923").moved_from == FIRST
    assert "eng.n1-20260922" not in draft.copy.occurrences
    draft.do(ChangeSeries(replace(second, weekday=1)))
    assert draft.standing("eng.n1") == MONDAYS
    assert draft.lesson(FIRST).changes == ()
    assert [i for i in draft.copy.occurrences if i not in draft.base.occurrences] == []


def test_rule_put_to_other_weeks_cancels_and_adds() -> None:
    draft = published(rule(weeks=WeekRule(WeekKind.ODD)))
    assert draft.standing("eng") == ["09-14 08:10", "09-28 08:10", "10-12 08:10", "10-26 08:10"]
    draft.do(ChangeSeries(rule(weeks=WeekRule(WeekKind.EVEN))))
    assert draft.standing("eng.n1") == ["09-21 08:10", "10-05 08:10", "10-19 08:10"]
    assert kinds(draft, "eng-20260928") == [(ChangeKind.CANCELLED, None)]
    change = draft.lesson("eng-20260928").changes[0]
    assert (change.excused, change.reason) == (True, "课程安排调整")
    # The cancellation is the rule's: a change back takes it back.
    back = replace(draft.copy.series[SeriesId("eng.n1")], weeks=WeekRule(WeekKind.ODD))
    draft.do(ChangeSeries(back))
    assert draft.standing("eng.n1") == ["09-28 08:10", "10-12 08:10", "10-26 08:10"]
    assert draft.lesson("eng-20260928").changes == ()


def test_rule_that_is_unplaced_cancels_what_is_published() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(weekday=None, period=None)))
    assert draft.standing("eng.n1") == []
    assert kinds(draft, FIRST) == [(ChangeKind.CANCELLED, None)]
    placed = replace(draft.copy.series[SeriesId("eng.n1")], weekday=1, period=1)
    draft.do(ChangeSeries(placed))
    assert draft.standing("eng.n1") == MONDAYS
    assert draft.lesson(FIRST).changes == ()


def test_lessons_edited_by_themselves_are_passed_over() -> None:
    draft = published(rule())
    draft.do(Substitute(FIRST, TeacherId("host-1-t2"), "病假"))
    draft.do(MoveLesson(OccurrenceId("eng-20260928"), Place(date(2026, 9, 30), period=2)))
    draft.do(CancelLesson(OccurrenceId("eng-20261005"), "运动会"))
    draft.do(ChangeSeries(rule(period=3)))
    assert draft.standing("eng.n2") == [
        "09-21 08:10",
        "09-30 09:00",
        "10-12 10:00",
        "10-19 10:00",
        "10-26 10:00",
    ]
    assert draft.lesson(FIRST).host.teacher == "host-1-t2"
    # And passed over once more, now that they belong to the new rule.
    follow(draft)
    assert len(draft.standing("eng.n2")) == 5


def test_lesson_moved_up_and_held_is_not_planned_again() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 17), period=1)))
    draft.publish()
    draft.now = at("12:00", "2026-09-17")
    draft.do(ChangeSeries(rule(period=3)))
    assert draft.standing("eng.n2")[0] == "09-28 10:00"
    assert draft.copy.series[SeriesId("eng.n2")].excluded == (date(2026, 9, 21),)


def test_seats_of_a_rule_change_under_the_ids_they_have() -> None:
    two = (seat("remote-1-r1"), seat("remote-2-r1"))
    draft = published(rule(seats=two))
    draft.do(
        ChangeSeries(rule(seats=(seat("remote-2-r1", 30), seat("remote-3-r1"))), reason="换校")
    )
    lesson = draft.lesson(FIRST)
    assert [(s.id, s.classroom, s.expected) for s in lesson.seats] == [
        (f"{FIRST}-s01", "remote-1-r1", None),
        (f"{FIRST}-s02", "remote-2-r1", 30),
        (f"{FIRST}-s03", "remote-3-r1", None),
    ]
    assert [(c.kind, c.seat, c.excused, c.reason) for c in lesson.changes] == [
        (ChangeKind.SEAT_CANCELLED, f"{FIRST}-s01", True, "换校")
    ]
    draft.publish()
    draft.do(ChangeSeries(replace(draft.copy.series[SeriesId("eng.n1")], seats=two)))
    lesson = draft.lesson(FIRST)
    assert [s.classroom for s in lesson.active_seats] == ["remote-1-r1", "remote-2-r1"]


def test_own_seats_of_a_lesson_outlast_a_change_of_its_rule() -> None:
    draft = published(rule(seats=(seat("remote-1-r1"), seat("remote-2-r1"))))
    draft.do(DropSeat(FIRST, SeatId(f"{FIRST}-s01"), "停电"))
    draft.do(ChangeSeries(rule(seats=(seat("remote-3-r1"),))))
    assert [s.classroom for s in draft.lesson(FIRST).active_seats] == ["remote-2-r1"]


def test_removed_rule_cancels_what_is_published_and_ends_with_what_is_held() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, Place(date(2026, 9, 22), period=2)))
    draft.do(RemoveSeries(ENG, "教师调动", excused=False))
    assert draft.standing("eng") == HELD
    assert draft.copy.series[ENG].last == date(2026, 9, 14)
    assert kinds(draft, FIRST) == [(ChangeKind.CANCELLED, None)]
    assert draft.lesson(FIRST).changes[0].excused is False
    assert "o-20260922-n1" not in draft.copy.occurrences
    follow(draft)
    assert draft.standing("eng") == HELD


def test_removed_rule_without_anything_held_is_no_more() -> None:
    draft = Draft()
    draft.do(AddSeries(rule()))
    draft.do(RemoveSeries(ENG, "录错"))
    assert (draft.copy.series, draft.copy.occurrences) == ({}, {})
    for command in (RemoveSeries(ENG, "x"), ChangeSeries(rule())):
        problem = refusal(draft, command)
        assert (problem.code, problem.kind) == ("unknown_series", ProblemKind.NOT_FOUND)
    assert refusal(published(rule()), RemoveSeries(ENG, " ")).code == "reason_missing"


def test_calendar_that_did_not_change_is_followed_already() -> None:
    draft = published(rule(), rule("math", 2, 3, n=2, weeks=WeekRule(WeekKind.ODD)))
    step = draft.do(FollowCalendar())
    assert (step.after.occurrences, step.after.series) == ({}, {})


def test_new_day_off_cancels_excused_with_its_reason() -> None:
    draft = published(rule(), rule("math", 2, 3, n=2))
    follow(draft, off("2026-10-05"))
    assert draft.standing("eng") == [*HELD, *(m for m in MONDAYS if m != "10-05 08:10")]
    change = draft.lesson("eng-20261005").changes[0]
    assert (change.kind, change.excused, change.reason) == (
        ChangeKind.CANCELLED,
        True,
        "校历调整",
    )
    follow(draft, off("2026-10-05", "秋假"))
    assert draft.lesson("eng-20261005").changes[0].reason == "秋假"
    # The day comes back: so does the lesson, as if nothing had been.
    follow(draft)
    assert draft.copy.occurrences == draft.base.occurrences


def test_two_host_schools_with_different_days_off() -> None:
    second = rule("sci")
    second = replace(
        second,
        host=replace(
            second.host,
            school=SchoolId("host-2"),
            classroom=ClassroomId("host-2-r1"),
            teacher=TeacherId("host-2-t1"),
            school_class=None,
        ),
        seats=(seat("remote-2-r1"),),
    )
    draft = published(rule(), second)
    follow(draft, replace(off("2026-10-05", "校庆"), school=SchoolId("host-2")))
    assert draft.standing("eng") == [*HELD, *MONDAYS]
    assert draft.standing("sci") == [*HELD, *(m for m in MONDAYS if m != "10-05 08:10")]


def test_reason_given_with_following_is_taken() -> None:
    draft = published(rule())
    draft.roster = replace(draft.roster, days=(off("2026-10-05", "天气"),))
    draft.do(FollowCalendar(" 台风 "))
    assert draft.lesson("eng-20261005").changes[0].reason == "台风"


def test_published_cancellation_by_the_calendar_is_annulled_when_the_day_returns() -> None:
    draft = published(rule())
    follow(draft, off("2026-10-05"))
    draft.publish()
    follow(draft)
    assert draft.lesson("eng-20261005").changes == ()
    # Once more off, in the draft only: as published again.
    follow(draft, off("2026-10-05"))
    assert draft.copy.occurrences == draft.base.occurrences


def test_day_off_with_a_make_up_date_of_the_same_week_moves_the_lesson_there() -> None:
    draft = published(rule())
    make_up = instead("2026-10-11", weekday=1, week=6)
    follow(draft, off("2026-10-05"), make_up)
    assert draft.standing("eng")[3:6] == ["09-28 08:10", "10-11 08:10", "10-12 08:10"]
    assert kinds(draft, "eng-20261005") == [(ChangeKind.MOVED, "eng-20261011")]
    assert draft.lesson("eng-20261011").moved_from == "eng-20261005"
    # Following again moves nothing again; a make-up day taken back leaves the day off.
    assert draft.do(FollowCalendar()).after.occurrences == {}
    follow(draft, off("2026-10-05"))
    assert kinds(draft, "eng-20261005") == [(ChangeKind.CANCELLED, None)]
    assert "eng-20261011" not in draft.copy.occurrences


def test_make_up_date_in_another_week_stands_for_the_week_it_replaces() -> None:
    draft = published(rule(weeks=WeekRule(WeekKind.EVEN)))
    # Sunday of week 5 is taught as the Monday of week 6, which is even.
    follow(draft, off("2026-10-05"), instead("2026-10-04", weekday=1, week=6))
    assert kinds(draft, "eng-20261005") == [(ChangeKind.MOVED, "eng-20261004")]


def test_new_teaching_day_adds_a_lesson() -> None:
    draft = published(rule())
    follow(draft, instead("2026-10-10", weekday=1))
    assert draft.lesson("eng-20261010").slot == Slot(ENG, date(2026, 10, 10))
    assert "eng-20261010" not in draft.base.occurrences


def test_new_bell_times_move_every_lesson_to_come() -> None:
    draft = published(rule())
    bells = dict(draft.roster.bell_sets)
    of_host = BellSetId("host-1-bells")
    bells[of_host] = BellSet(of_host, SchoolId("host-1"), (Period(1, time(7, 40), time(8, 20)),))
    draft.roster = replace(draft.roster, bell_sets=bells)
    draft.do(FollowCalendar())
    assert draft.standing("eng") == [*HELD, *(m.replace("08:10", "07:40") for m in MONDAYS)]
    assert draft.ahead(FIRST).moved_from == FIRST


def test_bell_set_that_holds_from_a_date_on_moves_the_lessons_after_it() -> None:
    draft = published(rule())
    summer = BellSet(
        BellSetId("summer"),
        SchoolId("host-1"),
        (Period(1, time(7, 40), time(8, 20)),),
        valid_from=date(2026, 10, 10),
    )
    bells = {**draft.roster.bell_sets, summer.id: summer}
    draft.roster = replace(draft.roster, bell_sets=bells)
    draft.do(FollowCalendar())
    assert draft.standing("eng")[-4:] == [
        "10-05 08:10",
        "10-12 07:40",
        "10-19 07:40",
        "10-26 07:40",
    ]
    assert draft.lesson("eng-20261012").changes[0].reason == "校历调整"


def test_following_passes_over_what_was_edited_and_what_has_begun() -> None:
    draft = published(rule())
    draft.do(Substitute(FIRST, TeacherId("host-1-t2"), "病假"))
    follow(draft, off("2026-09-07"), off("2026-09-21"), instead("2026-09-26", 1, week=4))
    assert draft.standing("eng") == [*HELD, *MONDAYS]
    assert draft.lesson(FIRST).host.teacher == "host-1-t2"


def test_lesson_that_was_held_is_not_made_up() -> None:
    draft = published(rule())
    # The office declares last Monday off after the fact, and makes it up on Saturday.
    follow(draft, off("2026-09-14"), instead("2026-09-19", 1, week=3))
    assert draft.standing("eng") == [*HELD, *MONDAYS]


def test_lesson_on_a_new_day_that_cannot_be_booked_names_its_rule() -> None:
    draft = published(rule())
    rooms = dict(draft.roster.classrooms)
    far = ClassroomId("remote-1-r1")
    rooms[far] = replace(rooms[far], retired_on=date(2026, 10, 8))
    draft.roster = replace(draft.roster, classrooms=rooms, days=(instead("2026-10-10", weekday=1),))
    problem = refusal(draft, FollowCalendar())
    assert (problem.code, problem.field) == ("classroom_not_in_use", "seats.1.classroom")
    assert problem.zh.startswith("课程安排“Unit”（eng）2026-10-10：")
    assert problem.en.startswith("Series 'Unit' (eng) on 2026-10-10: ")


def test_only_rules_of_the_drafts_term_follow() -> None:
    draft = published(rule())
    other = replace(draft.copy.series[ENG], id=SeriesId("spring"), term=TermId("spring"))
    draft.base = replace(draft.base, series={**draft.base.series, other.id: other})
    draft.copy = type(draft.copy)(draft.base)
    assert draft.do(FollowCalendar()).after.occurrences == {}


def test_excluded_date_is_not_planned_by_following() -> None:
    draft = Draft()
    draft.do(AddSeries(rule()))
    draft.do(CancelLesson(FIRST, "运动会"))
    follow(draft)
    assert shown(draft.copy.occurrences.values()) == MONDAYS[1:]


def test_date_whose_id_an_earlier_lesson_has_gets_a_new_one() -> None:
    draft = published(rule())
    # Moved out of its date by the rule and published; then the rule comes back.
    draft.do(ChangeSeries(rule(period=2)))
    draft.publish()
    new = draft.copy.series[SeriesId("eng.n1")]
    draft.do(ChangeSeries(replace(new, period=1)))
    draft.publish()
    draft.do(ChangeSeries(replace(new, period=3)))
    lessons = [o for o in draft.copy.of_series(new.id) if not o.withdrawn]
    assert shown(lessons)[0] == "09-21 10:00"
    assert all(o.id not in draft.base.occurrences for o in lessons)
