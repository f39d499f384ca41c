from __future__ import annotations

from collections.abc import Callable
from datetime import date, time

import pytest

from sync_classroom.domain.series import WeekKind, WeekRule
from sync_classroom.exchange import cells

LAST = 20


def _listed(*weeks: int) -> WeekRule:
    return WeekRule(WeekKind.LISTED, weeks)


@pytest.mark.parametrize(
    ("text", "value"),
    [("一", 1), ("周一", 1), ("星期日", 7), ("周天", 7), ("礼拜三", 3), ("Mon", 1), ("thursday", 4),
     ("Sun.", 7), ("5", 5), ("周5", 5)],
)  # fmt: skip
def test_weekday_as_people_write_it(text: str, value: int) -> None:
    assert cells.weekday(text) == value


@pytest.mark.parametrize("text", ["", "八", "0", "8", "周", "monkey business", "一二"])
def test_weekday_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        cells.weekday(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", (3, 1)), ("第3节", (3, 1)), ("第三节课", (3, 1)), ("3-4", (3, 2)), ("3~4节", (3, 2)),
     ("第3节-第4节", (3, 2)), ("3、4", (3, 2)), ("3,4,5", (3, 3)), ("第3至5节", (3, 3)),
     ("十一", (11, 1))],
)  # fmt: skip
def test_periods_as_people_write_them(text: str, value: tuple[int, int]) -> None:
    assert cells.periods(text) == value


def test_period_that_excel_made_a_date_of_is_taken_back() -> None:
    assert cells.periods("2026-03-04") == (3, 2)


@pytest.mark.parametrize(
    "text", ["", "0", "4-3", "3、5", "31", "早读", "3-", "-", "3-4-5", "第节", "三四"]
)
def test_periods_that_are_none_are_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        cells.periods(text)


@pytest.mark.parametrize(
    ("text", "rule"),
    [("", WeekRule()), ("全", WeekRule()), ("每周", WeekRule()), ("单周", WeekRule(WeekKind.ODD)),
     ("双", WeekRule(WeekKind.EVEN)), ("odd", WeekRule(WeekKind.ODD)),
     ("Even weeks", WeekRule(WeekKind.EVEN)),
     ("1-3,10", _listed(1, 2, 3, 10)), ("第1-4周", _listed(1, 2, 3, 4)),
     ("1-6单", _listed(1, 3, 5)),
     ("2-6(双)", _listed(2, 4, 6)), ("3", _listed(3)), ("2/4", _listed(2, 6, 10, 14, 18)),
     ("1/4 3/4", _listed(1, 3, 5, 7, 9, 11, 13, 15, 17, 19)), ("1、2、2", _listed(1, 2))],
)  # fmt: skip
def test_weeks_as_people_write_them(text: str, rule: WeekRule) -> None:
    assert cells.weeks(text, LAST) == rule


def test_weeks_that_excel_made_a_date_of_are_taken_back() -> None:
    assert cells.weeks("2026-01-08", LAST) == _listed(*range(1, 9))


@pytest.mark.parametrize("text", ["1-21", "0", "5-3", "a", "1-", "21", "5/4", "0/4", "1,,x"])
def test_weeks_outside_the_term_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        cells.weeks(text, LAST)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (cells.day, "2026-11-23", date(2026, 11, 23)),
        (cells.day, "2026/1/3", date(2026, 1, 3)),
        (cells.day, "2026年11月23日", date(2026, 11, 23)),
        (cells.day, "2026-11-23 08:10", date(2026, 11, 23)),
        (cells.clock, "8:10", time(8, 10)),
        (cells.clock, "2026-11-23 08:10", time(8, 10)),
        (cells.clock, "08:10:00", time(8, 10)),
        (cells.grade, "三年级", 3),
        (cells.grade, "Grade 3", 3),
        (cells.grade, "初二", 8),
        (cells.grade, "高三", 12),
        (cells.span, "连堂", 2),
        (cells.span, "2节", 2),
        (cells.span, "否", 1),
        (cells.number, "三十二", 32),
        (cells.number, "1.0", 1),
    ],
)
def test_other_cells_as_people_write_them(
    read: Callable[[str], object], text: str, value: object
) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [(cells.day, "2026-02-30"), (cells.day, "明天"), (cells.clock, "25:00"), (cells.clock, "8"),
     (cells.grade, "十三"), (cells.grade, ""), (cells.span, "99"), (cells.number, "-1")],
)  # fmt: skip
def test_other_cells_that_make_no_sense_are_refused(
    read: Callable[[str], object], text: str
) -> None:
    with pytest.raises((ValueError, KeyError)):
        read(text)


def test_count_has_bounds_and_units() -> None:
    assert cells.count("42人", 0, 100) == 42
    with pytest.raises(ValueError, match="101"):
        cells.count("101", 0, 100)


def test_list_is_cut_at_every_usual_sign() -> None:
    assert cells.split("a、b,c;d\ne|  f ,,") == ["a", "b", "c", "d", "e", "f"]
