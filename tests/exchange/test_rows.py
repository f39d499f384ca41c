from __future__ import annotations

from datetime import date, time

import pytest

from sync_classroom.domain.ids import ClassId, ClassroomId, SchoolId, TeacherId, TermId
from sync_classroom.domain.import_rows import (
    DatedPlace,
    FileKind,
    ImportRow,
    ReadFile,
    Unmatched,
    WeeklyPlace,
)
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.series import SeriesSeat, WeekKind, WeekRule
from sync_classroom.domain.timetable import Host
from sync_classroom.exchange.reading import Content, read
from sync_classroom.exchange.rows import Setting, interpret
from sync_classroom.exchange.tables import Table
from tests.support.rosters import programme
from tests.support.timetable_files import ASC, ENGLISH, FET, HEADINGS, MATHS, csv_text, workbook

TERM = TermId("2026-autumn")
SETTING = Setting(programme(), TERM)
BASE = {"科目": "英语", "主讲教师": "host-1-t1", "主讲教室": "host-1-r1", "星期": "一", "节次": "1",
        "听课教室": "remote-1-r1、remote-2-r1"}  # fmt: skip


def _file(*rows: dict[str, str], setting: Setting = SETTING) -> ReadFile:
    heads = tuple(dict.fromkeys(h for row in rows for h in row))
    table = Table("课表", (heads, *(tuple(row.get(h, "") for h in heads) for row in rows)))
    return interpret(Content(FileKind.SHEET, (table,)), setting)


def _row(**changes: str) -> ImportRow:
    (row,) = _file({**BASE, **changes}).rows
    assert row.row is not None, row.problems
    return row.row


def _problems(**changes: str) -> list[tuple[str | None, str]]:
    (row,) = _file({**BASE, **changes}).rows
    assert (row.row is None) is any(p.grave for p in row.problems)
    return [(p.field, p.code) for p in row.problems]


@pytest.mark.parametrize("data", [
    workbook([HEADINGS, ENGLISH, MATHS]), csv_text([HEADINGS, ENGLISH, MATHS]).encode("gbk"),
])  # fmt: skip
def test_template_means_the_same_as_xlsx_and_csv(data: bytes) -> None:
    english, maths = (r.row for r in interpret(read(data), SETTING).rows)
    assert english == ImportRow(
        TERM, "Unit 6", "英语",
        Host(SchoolId("host-1"), ClassroomId("host-1-r1"), TeacherId("host-1-t1"),
             ClassId("host-1-c3")),
        (SeriesSeat(ClassroomId("remote-1-r1"), ClassId("remote-1-c3"), 42),
         SeriesSeat(ClassroomId("remote-2-r1"), ClassId("remote-2-c3"), 42)),
        WeeklyPlace(1, 1), grade=3,
    )  # fmt: skip
    assert maths == ImportRow(
        TERM, "数学", "数学",
        Host(SchoolId("host-2"), ClassroomId("host-2-r1"), TeacherId("host-2-t2")),
        (SeriesSeat(ClassroomId("remote-3-r4")),),
        WeeklyPlace(3, 2, weeks=WeekRule(WeekKind.EVEN)),
    )  # fmt: skip


def test_one_date_is_one_lesson() -> None:
    place = {"星期": "", "日期": "2026-11-23"}
    assert _row(**place).place == DatedPlace(date(2026, 11, 23), 1)
    assert _row(**place, 开始时间="8:10", 结束时间="8:50").place == DatedPlace(
        date(2026, 11, 23), None, 1, time(8, 10), time(8, 50)
    )


def test_double_lesson_counts_for_two_unless_it_says_otherwise() -> None:
    assert (_row(节次="1-2").periods, _row(节次="1-2", 课时="1").periods) == (2, 1)
    assert _row(节次="1", 连堂="2").place == WeeklyPlace(1, 1, 2)


def test_lesson_without_a_place_waits_unplaced() -> None:
    assert _row(星期="", 节次="").place == WeeklyPlace(None, None)
    assert _problems(星期="", 节次="") == [("weekday", "not_placed")]


def test_names_of_the_hosts_school_are_found_by_its_room() -> None:
    assert _row(主讲教师="3老师", 主讲班级="3(1)班").host.teacher == "host-1-t3"
    assert _row(主讲教室="1号直播教室", 主讲学校="学校 host-1").host.classroom == "host-1-r1"


def test_classes_and_assistants_follow_the_classrooms_in_order_or_by_school() -> None:
    in_order = _row(听课班级="3(1)班、-", 助教="无、2老师").seats
    assert [(s.school_class, s.assistant) for s in in_order] == [
        ("remote-1-c3", None), (None, "remote-2-t2"),
    ]  # fmt: skip
    by_school = _row(听课班级="remote-2-c1").seats
    assert [s.school_class for s in by_school] == [None, "remote-2-c1"]


def test_head_counts_are_one_for_all_or_one_each() -> None:
    assert [s.expected for s in _row(应到="40人").seats] == [40, 40]
    assert [s.expected for s in _row(应到="40、38").seats] == [40, 38]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"科目": ""}, [("subject", "cell_missing")]),
        ({"主讲教师": "谁"}, [("teacher", "name_unknown")]),
        ({"主讲教室": "1号直播教室", "主讲教师": "1老师"},
         [("room", "name_ambiguous"), ("teacher", "name_ambiguous")]),
        ({"学期": "去年"}, [("term", "name_unknown")]),
        ({"主讲班级": "九班"}, [("class", "name_unknown")]),
        ({"星期": "八"}, [("weekday", "cell_unreadable")]),
        ({"节次": "9"}, [("period", "no_such_period")]),
        ({"节次": "2-3"}, [("period", "no_such_period")]),
        ({"节次": ""}, [("period", "place_incomplete")]),
        ({"星期": ""}, [("weekday", "place_incomplete")]),
        ({"单双周": "30-40"}, [("weeks", "cell_unreadable")]),
        ({"日期": "2027-05-01", "星期": ""}, [("date", "date_outside")]),
        ({"日期": "2026-11-23", "星期": "二"}, [("weekday", "weekday_differs")]),
        ({"日期": "2026-11-23", "节次": "", "星期": ""}, [("period", "place_incomplete")]),
        ({"日期": "2026-11-23", "开始时间": "9:00", "结束时间": "8:00"},
         [("end", "end_before_start")]),
        ({"听课教室": ""}, [("seats", "cell_missing")]),
        ({"听课教室": "remote-1-r1、remote-1-r1"}, [("seats", "seat_twice")]),
        ({"听课教室": "host-1-r1"}, [("seats", "seat_twice")]),
        ({"听课教室": "、".join(["remote-1-r1"] * 101)}, [("seats", "too_many_seats")]),
        ({"听课班级": "host-1-c1"}, [("seat_classes", "not_one_each")]),
        ({"应到": "1、2、3"}, [("expected", "cell_unreadable")]),
        ({"应到": "很多"}, [("expected", "cell_unreadable")]),
        ({"年级": "99"}, [("grade", "cell_unreadable")]),
        ({"课时": "0"}, [("periods", "cell_unreadable")]),
        ({"连堂": "x"}, [("span", "cell_unreadable")]),
    ],
)  # fmt: skip
def test_each_wrong_cell_is_named(
    changes: dict[str, str], found: list[tuple[str | None, str]]
) -> None:
    assert _problems(**changes) == found


def test_problem_names_value_candidates_and_remedy() -> None:
    (row,) = _file({**BASE, "听课教室": "1号直播教室"}).rows
    assert row.problems[0].zh.startswith(
        "名册里有几个教室叫“1号直播教室”：学校 host-1 1号直播教室 (host-1-r1)；"
    )
    assert row.problems[0].en.endswith("Write the id, or the school before it.")


def test_unknown_names_are_listed_once_with_their_lines() -> None:
    wrong = {**BASE, "主讲教室": "天文台"}
    file = _file(wrong, BASE, wrong)
    assert file.unmatched == (Unmatched("classroom", "天文台", (2, 4)),)
    assert [r.row is None for r in file.rows] == [True, False, True]


def test_answers_for_unknown_names_are_used() -> None:
    setting = Setting(programme(), TERM, {("classroom", "天文台"): "host-1-r2"})
    file = _file({**BASE, "主讲教室": "天文台"}, setting=setting)
    assert file.rows[0].row is not None
    assert file.rows[0].row.host.classroom == "host-1-r2"


def test_columns_nobody_knows_are_passed_over_and_named() -> None:
    file = _file({**BASE, "备注": "x", "审核人": "y"})
    assert (file.passed_over, file.headers["teacher"]) == (("备注", "审核人"), "主讲教师")


def test_rows_without_term_need_one() -> None:
    (row,) = _file(BASE, setting=Setting(programme())).rows
    assert [(p.field, p.code) for p in row.problems] == [("term", "cell_missing")]


def test_asc_lessons_of_ordinary_rooms_are_no_shared_lessons() -> None:
    file = interpret(read(ASC.encode()), SETTING)
    assert [r.row.place for r in file.rows if r.row] == [
        WeeklyPlace(1, 1, 2), WeeklyPlace(3, 1, 2, WeekRule(WeekKind.EVEN)),
        WeeklyPlace(None, None),
    ]  # fmt: skip
    assert file.skipped == ("数学 王二",)
    assert file.unmatched == (Unmatched("classroom", "三(1)班教室", (3,)),)
    first = file.rows[0].row
    assert first is not None
    assert [(s.classroom, s.school_class) for s in first.seats] == [
        ("remote-1-r1", "remote-1-c3"), ("remote-2-r1", "remote-2-c3"),
    ]  # fmt: skip


def test_asc_lesson_whose_host_room_is_unknown_is_nobody_elses() -> None:
    file = interpret(read(ASC.replace("host-1-r1", "多媒体一").encode()), SETTING)
    assert file.rows == ()
    assert [u.name for u in file.unmatched] == ["多媒体一", "三(1)班教室"]


def test_asc_lesson_of_an_unknown_teacher_is_the_host_schools() -> None:
    file = interpret(read(ASC.replace("host-1-t1", "谁").encode()), SETTING)
    assert [(p.field, p.code) for p in file.rows[0].problems] == [("teacher", "name_unknown")]
    assert file.rows[0].cells["room"] == "host-1-r1"


def test_fet_lessons_find_their_rooms_and_classes() -> None:
    file = interpret(read(FET.encode()), SETTING)
    (first,) = (r.row for r in file.rows)
    assert first is not None
    assert first.place == WeeklyPlace(1, 2)
    assert first.host.school_class == "host-1-c3"
    assert first.seats == (SeriesSeat(ClassroomId("remote-1-r1"), ClassId("remote-1-c3")),)
    assert file.skipped == ("英语 host-1-t1",)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (Content(FileKind.SHEET), "file_empty"),
        (Content(FileKind.SHEET, (Table("x", (("a", "b"),)),)), "file_no_header"),
        (Content(FileKind.SHEET, (Table("x", (("科目", "教师", "教室"),)),)), "file_no_rows"),
    ],
)
def test_file_without_header_or_rows_is_refused(content: Content, code: str) -> None:
    with pytest.raises(ProblemError) as caught:
        interpret(content, SETTING)
    assert caught.value.code == code
