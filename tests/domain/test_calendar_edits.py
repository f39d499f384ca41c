from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from typing import Any

import pytest

from sync_classroom.domain.calendar_edits import (
    DayEdit,
    Edited,
    checked_bell_set,
    checked_day,
    checked_reason,
    checked_term,
    day_subject,
    kind_of,
)
from sync_classroom.domain.ids import BellSetId, SchoolId, TermId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.roster import BellSet, DayException, Period, Term
from tests.support.rosters import programme

ROSTER = programme()
(TERM,) = ROSTER.terms.values()
SCHOOL = SchoolId("remote-1")
DAY = date(2026, 11, 23)
SPRING = Term(
    TermId("2027-spring"), "第二学期", date(2027, 2, 22), date(2027, 2, 22), date(2027, 6, 30)
)
BELLS = BellSet(
    BellSetId("remote-1-summer"),
    SCHOOL,
    (Period(2, time(9), time(9, 40)), Period(1, time(8), time(8, 40))),
    "夏令时",
    date(2027, 5, 1),
    date(2027, 9, 30),
)


def edit(school: SchoolId | None = SCHOOL, **values: Any) -> DayEdit:
    given = {"teaching": True, **values}
    return DayEdit(school, DAY, DayException(school, DAY, **given))


def test_subjects_name_school_and_date() -> None:
    assert (edit().subject, edit(None).subject) == ("remote-1/2026-11-23", "*/2026-11-23")
    assert day_subject(None, DAY) == "*/2026-11-23"
    assert [kind_of(s) for s in (edit(), SPRING, BELLS)] == [
        Edited.DAY, Edited.TERM, Edited.BELL_SET,
    ]  # fmt: skip


def test_a_day_off_follows_nothing_whatever_was_sent_with_it() -> None:
    sent = edit(teaching=False, follows_weekday=5, follows_week=3, bell_set="x")
    assert checked_day(sent, ROSTER).exception == DayException(SCHOOL, DAY, teaching=False)
    cleared = DayEdit(SCHOOL, DAY, None)
    assert checked_day(cleared, ROSTER) == cleared


def test_an_exception_is_of_the_edits_own_school_and_date() -> None:
    other = DayException(SchoolId("remote-2"), date(2026, 1, 1), teaching=True, follows_weekday=6)
    found = checked_day(DayEdit(SCHOOL, DAY, other), ROSTER).exception
    assert found == DayException(SCHOOL, DAY, teaching=True, follows_weekday=6)


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        (edit(SchoolId("nowhere")), "unknown_id", "school"),
        (edit(follows_weekday=8), "follows_weekday_invalid", "follows_weekday"),
        (edit(follows_weekday=0), "follows_weekday_invalid", "follows_weekday"),
        (edit(follows_week=61), "follows_week_invalid", "follows_week"),
        (edit(bell_set="remote-2-bells"), "bell_set_of_other_school", "bell_set"),
        (edit(bell_set="nothing"), "bell_set_of_other_school", "bell_set"),
        (edit(None, bell_set="remote-1-bells"), "bell_set_of_other_school", "bell_set"),
    ],
)
def test_a_day_that_cannot_be_meant_is_refused_naming_the_field(
    sent: DayEdit, code: str, field: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        checked_day(sent, ROSTER)
    assert (caught.value.code, caught.value.field) == (code, field)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201, "two\nlines", "nul\x00"])
def test_a_reason_is_one_line_and_never_nothing(reason: str) -> None:
    with pytest.raises(ProblemError) as caught:
        checked_reason(reason)
    assert (caught.value.code, caught.value.field) == ("reason_invalid", "reason")
    assert checked_reason("  台风 “贝碧嘉” 停课 ") == "台风 “贝碧嘉” 停课"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"name": " "}, "name_invalid", "name"),
        ({"week1_monday": date(2027, 2, 23)}, "week1_not_monday", "week1_monday"),
        ({"week1_monday": date(2027, 3, 1)}, "dates_in_wrong_order", "first_day"),
        ({"last_day": date(2027, 2, 21)}, "dates_in_wrong_order", "last_day"),
        ({"last_day": date(2028, 12, 31)}, "term_too_long", "last_day"),
        (
            {"week1_monday": date(2027, 1, 25), "first_day": date(2027, 1, 29)},
            "terms_overlap",
            "first_day",
        ),
    ],
)
def test_a_term_that_cannot_be_is_refused_naming_the_field(
    changes: dict[str, Any], code: str, field: str
) -> None:
    assert checked_term(replace(SPRING, name=" 第二学期 "), [TERM, SPRING]) == SPRING
    with pytest.raises(ProblemError) as caught:
        checked_term(replace(SPRING, **changes), [TERM, SPRING])
    assert (caught.value.code, caught.value.field) == (code, field)


def test_a_bell_set_has_its_periods_in_order_of_the_day() -> None:
    checked = checked_bell_set(BELLS, ROSTER)
    assert [p.no for p in checked.periods] == [1, 2]
    assert (checked.name, checked.valid_to) == ("夏令时", date(2027, 9, 30))


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"school": SchoolId("nowhere")}, "unknown_id", "school"),
        ({"id": BellSetId("remote-2-bells")}, "bell_set_of_other_school", "id"),
        ({"name": ""}, "name_invalid", "name"),
        ({"valid_to": date(2027, 4, 30)}, "dates_in_wrong_order", "valid_to"),
        ({"periods": ()}, "periods_count", "periods"),
        (
            {"periods": tuple(Period(n, time(n), time(n, 30)) for n in range(21))},
            "periods_count",
            "periods",
        ),
        ({"periods": (Period(1, time(9), time(9)),)}, "period_invalid", "periods"),
        (
            {"periods": (Period(1, time(8), time(9)), Period(1, time(9), time(10)))},
            "period_invalid",
            "periods",
        ),
        (
            {"periods": (Period(1, time(8), time(9)), Period(2, time(8, 59), time(10)))},
            "period_invalid",
            "periods",
        ),
    ],
)
def test_a_bell_set_that_cannot_be_is_refused_naming_the_field(
    changes: dict[str, Any], code: str, field: str
) -> None:
    with pytest.raises(ProblemError) as caught:
        checked_bell_set(replace(BELLS, **changes), ROSTER)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_periods_back_to_back_are_in_order() -> None:
    close = (Period(1, time(8), time(9)), Period(2, time(9), time(10)))
    assert checked_bell_set(replace(BELLS, periods=close), ROSTER).periods == close
