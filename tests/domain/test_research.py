"""Planning and changing a research session: what is asked for, and everything it must be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.edit_sheet import Decision, EditDesk
from sync_classroom.domain.ids import ClassroomId, OccurrenceId, SchoolId, TeacherId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.research import (
    MAX_AGENDA,
    MAX_INVITED,
    MAX_MATERIAL,
    MAX_MATERIALS,
    Material,
    NewSession,
    SubjectGroup,
    agenda_of,
    by_school,
    change_session,
    groups_of,
    materials_of,
    materials_text,
    plan_session,
)
from sync_classroom.domain.roster import Teacher
from sync_classroom.domain.timetable import Change, ChangeKind, Mode, Occurrence
from sync_classroom.domain.working_copy import Images, WorkingCopy
from tests.support.plans import at, lesson
from tests.support.rosters import programme

ROSTER = programme()
ZONE = ZoneInfo("Asia/Shanghai")
NOW = at("08:00")
SESSION = replace(
    lesson("s-1", "16:00", "16:50", mode=Mode.RESEARCH, participants=["remote-1-t1"]),
    title="单元教学",
    subject="英语",
)


def teachers(*names: str) -> tuple[TeacherId, ...]:
    return tuple(TeacherId(name) for name in names)


def asked(**changes: object) -> NewSession:
    new = NewSession(
        title="单元教学",
        subject="英语",
        teacher=TeacherId("host-1-t1"),
        classroom=ClassroomId("host-1-r1"),
        starts_at=at("16:00"),
        ends_at=at("16:50"),
        invited=teachers("remote-1-t1"),
    )
    return replace(new, **changes)  # type: ignore[arg-type]


def planned(new: NewSession) -> Occurrence:
    return plan_session(
        new, ROSTER, now=NOW, zone=ZONE, occurrence_id=lambda day: OccurrenceId(f"o-{day:%m%d}")
    )


def changed(new: NewSession, *stored: Occurrence, reason: str = "") -> Decision:
    desk = EditDesk(ROSTER, Calendar(ROSTER), ZONE, NOW, "li", lambda: "new")
    copy = WorkingCopy(Images({o.id: o for o in stored or (SESSION,)}))
    return change_session(OccurrenceId("s-1"), new, copy, desk, reason=reason)


def refused(new: NewSession) -> tuple[str, str | None]:
    with pytest.raises(ProblemError) as error:
        planned(new)
    return error.value.code, error.value.field


def test_a_session_is_planned_without_seats_and_everybody_once() -> None:
    made = planned(
        asked(invited=teachers("remote-2-t2", "remote-1-t1", "remote-2-t2", "host-1-t1"))
    )
    assert (made.id, made.mode, made.date, made.seats) == (
        "o-1123", Mode.RESEARCH, date(2026, 11, 23), (),
    )  # fmt: skip
    assert made.participants == teachers("remote-2-t2", "remote-1-t1")
    assert (made.host.school, made.host.teacher, made.title) == ("host-1", "host-1-t1", "单元教学")


def test_nobody_too_many_and_strangers_are_refused_by_name() -> None:
    assert refused(asked(invited=())) == ("nobody_invited", "invited")
    assert refused(asked(invited=teachers("host-1-t1"))) == ("nobody_invited", "invited")
    many = teachers(*(f"t-{n}" for n in range(MAX_INVITED + 1)))
    assert refused(asked(invited=many)) == ("too_many_invited", "invited")
    assert refused(asked(invited=teachers("nobody"))) == ("unknown_id", "invited")
    assert refused(asked(title=" ")) == ("title_invalid", "title")
    assert refused(asked(ends_at=at("15:00"))) == ("ends_before_start", "ends_at")
    assert refused(asked(classroom=ClassroomId("remote-1-r1")))[0] == "classroom_of_wrong_school"
    assert refused(asked(teacher=TeacherId("host-2-t1")))[0] == "teacher_of_other_school"


def test_a_teacher_whose_school_has_left_is_refused() -> None:
    schools = dict(ROSTER.schools)
    gone = SchoolId("remote-1")
    schools[gone] = replace(schools[gone], left_on=date(2026, 11, 23))
    with pytest.raises(ProblemError, match="remote-1") as error:
        plan_session(
            asked(), replace(ROSTER, schools=schools), now=NOW, zone=ZONE,
            occurrence_id=lambda _: OccurrenceId("o"),
        )  # fmt: skip
    assert error.value.code == "school_not_in_programme"


def test_the_same_again_is_no_change() -> None:
    assert changed(asked()).empty


def test_people_and_topic_change_in_place() -> None:
    decision = changed(asked(title="作业设计", invited=teachers("remote-3-t1")))
    after = decision.after.occurrences[SESSION.id]
    assert after is not None
    assert (after.title, after.participants) == ("作业设计", ("remote-3-t1",))
    assert list(decision.after.occurrences) == ["s-1"]
    assert decision.before.occurrences[SESSION.id] == SESSION


def test_another_time_is_a_move_linked_at_both_ends_with_all_else_that_changed() -> None:
    new = asked(
        starts_at=at("15:00", "2026-11-25"), ends_at=at("15:40", "2026-11-25"), title="新题",
        classroom=ClassroomId("host-1-r2"), invited=teachers("remote-2-t1"),
    )  # fmt: skip
    decision = changed(new, reason="会场停电")
    left, came = (decision.after.occurrences[OccurrenceId(i)] for i in ("s-1", "o-20261125-new"))
    assert left is not None
    assert came is not None
    assert left == replace(
        SESSION, changes=(Change(ChangeKind.MOVED, NOW, "li", "会场停电", to=came.id),)
    )
    assert (came.moved_from, came.date, came.title) == ("s-1", date(2026, 11, 25), "新题")
    assert (came.host.classroom, came.participants) == ("host-1-r2", ("remote-2-t1",))
    assert came.mode is Mode.RESEARCH


@pytest.mark.parametrize(
    ("stored", "new", "code"),
    [
        (replace(SESSION, starts_at=at("07:30")), asked(), "lesson_begun"),
        (
            replace(SESSION, changes=(Change(ChangeKind.CANCELLED, NOW, "li", "x"),)),
            asked(), "lesson_cancelled",
        ),
        (SESSION, asked(starts_at=at("07:00"), ends_at=at("07:40")), "lesson_in_past"),
        (SESSION, asked(teacher=TeacherId("host-2-t1")), "teacher_of_other_school"),
        (SESSION, asked(invited=()), "nobody_invited"),
    ],
)  # fmt: skip
def test_what_cannot_be_changed_says_why(stored: Occurrence, new: NewSession, code: str) -> None:
    with pytest.raises(ProblemError) as error:
        changed(new, stored)
    assert error.value.code == code


def test_materials_are_words_addresses_or_both() -> None:
    text = "\n 教学设计稿 https://example.org/a b.docx \n\n课标摘录\nhttps://example.org/c\n"
    with pytest.raises(ProblemError):
        materials_of("x http://")
    read = materials_of(
        "教学设计稿 https://example.org/a\n\n 课标摘录 第三章 \nhttps://example.org/c"
    )
    assert read == (
        Material("教学设计稿", "https://example.org/a"),
        Material("课标摘录 第三章"),
        Material("https://example.org/c", "https://example.org/c"),
    )
    assert materials_of(materials_text(read)) == read
    assert materials_of(text)[0] == Material("教学设计稿 https://example.org/a b.docx")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x javascript://alert", "material_address"),
        ("x ftp://a/b", "material_address"),
        ("x" * (MAX_MATERIAL + 1), "material_too_long"),
        ("\n".join("x" for _ in range(MAX_MATERIALS + 1)), "too_many_materials"),
    ],
)
def test_materials_that_are_wrong_are_named(text: str, code: str) -> None:
    with pytest.raises(ProblemError) as error:
        materials_of(text)
    assert (error.value.code, error.value.field) == (code, "materials")


def test_an_agenda_keeps_its_lines_and_has_an_end() -> None:
    assert agenda_of("  一 \n  二  \n") == "一\n  二"
    with pytest.raises(ProblemError, match=str(MAX_AGENDA)):
        agenda_of("字" * (MAX_AGENDA + 1))


def test_groups_are_who_teaches_a_subject_by_school() -> None:
    pairs: Sequence[tuple[str, TeacherId]] = [
        ("英语", TeacherId("remote-2-t1")), ("英语", TeacherId("host-1-t2")),
        ("英语", TeacherId("host-1-t1")), ("语文", TeacherId("host-1-t1")),
        ("英语", TeacherId("left")), ("", TeacherId("host-1-t3")),
    ]  # fmt: skip
    assert groups_of(pairs, ROSTER) == (
        SubjectGroup(SchoolId("host-1"), "英语", teachers("host-1-t1", "host-1-t2")),
        SubjectGroup(SchoolId("host-1"), "语文", teachers("host-1-t1")),
        SubjectGroup(SchoolId("remote-2"), "英语", teachers("remote-2-t1")),
    )


def test_people_stand_by_school_in_the_rosters_order_and_by_name() -> None:
    people = dict(ROSTER.teachers)
    people[TeacherId("a")] = Teacher(TeacherId("a"), SchoolId("host-1"), "9老师")
    roster = replace(ROSTER, teachers=people)
    found = by_school(teachers("remote-1-t2", "a", "remote-1-t1", "host-1-t2", "left"), roster)
    assert list(found.items()) == [
        ("host-1", teachers("host-1-t2", "a")),
        ("remote-1", teachers("remote-1-t1", "remote-1-t2")),
    ]
