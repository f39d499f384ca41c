"""Rows beside a draft: new, changed, the same, repeated, vanished; once more does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.edits import (
    AddLesson,
    AddSeat,
    AddSeries,
    ChangeLesson,
    ChangeSeat,
    ChangeSeries,
    DropSeat,
    Place,
    RemoveSeries,
    Substitute,
)
from sync_classroom.domain.ids import ClassroomId, SchoolId, TeacherId, TermId
from sync_classroom.domain.import_plan import (
    ImportDesk,
    ImportPlan,
    RowKind,
    RowPlan,
    plan_import,
    removals,
)
from sync_classroom.domain.import_rows import DatedPlace, ImportRow, SheetRow, WeeklyPlace
from sync_classroom.domain.series import SeriesSeat, WeekKind, WeekRule
from sync_classroom.domain.timetable import Host
from tests.support.drafts import TERM, ZONE, Draft, roster, rule
from tests.support.plans import at

HOST = Host(SchoolId("host-1"), ClassroomId("host-1-r1"), TeacherId("host-1-t1"))
SEAT = SeriesSeat(ClassroomId("remote-1-r1"), None, 40)
ENGLISH = ImportRow(TERM.id, "Unit", "英语", HOST, (SEAT,), WeeklyPlace(1, 1), grade=3)
DATE = date(2026, 9, 21)


def _plan(draft: Draft, *rows: ImportRow | None) -> ImportPlan:
    sheet = [SheetRow("", n, {}, row) for n, row in enumerate(rows, 2)]
    desk = ImportDesk(TERM.id, Calendar(roster()), ZONE, draft.now, draft.now.date())
    return plan_import(sheet, draft.copy, desk)


def _taken(*rows: ImportRow | None) -> Draft:
    draft = Draft()
    for row in _plan(draft, *rows).rows:
        for command in row.commands:
            draft.do(command)
    return draft


def _kinds(plan: ImportPlan) -> list[str]:
    return [r.kind.value for r in plan.rows]


def _at(weekday: int | None, period: int | None = 1, **changes: object) -> ImportRow:
    return replace(ENGLISH, place=WeeklyPlace(weekday, period), **changes)  # type: ignore[arg-type]


def test_new_row_is_a_new_rule_with_an_id_of_its_own() -> None:
    (row,) = _plan(Draft(), ENGLISH).rows
    (command,) = row.commands
    assert isinstance(command, AddSeries)
    assert (row.kind, row.series) == (RowKind.NEW, command.series.id)
    assert command.series.id.startswith("i-")
    assert len(command.series.id) == 18
    assert (command.series.weekday, command.series.seats) == (1, (SEAT,))
    assert _plan(Draft(), ENGLISH).rows[0].series == row.series


def test_second_import_of_the_same_file_changes_nothing() -> None:
    rows = (ENGLISH, _at(3), _at(None, None), replace(ENGLISH, place=DatedPlace(DATE, 2)))
    again = _plan(_taken(*rows), *rows)
    assert _kinds(again) == ["same"] * 4
    assert again.changes_nothing
    assert again.vanished == ()


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"title": "Unit 7"}, ("title",)),
        ({"seats": (replace(SEAT, expected=39),)}, ("seats",)),
        ({"place": WeeklyPlace(4, 2)}, ("weekday", "period")),
        ({"place": WeeklyPlace(1, 1, weeks=WeekRule(WeekKind.ODD))}, ("weeks",)),
        ({"subject": "数学"}, ("subject",)),
        ({"host": replace(HOST, teacher=TeacherId("host-1-t2"))}, ("host",)),
    ],
)
def test_corrected_row_changes_its_rule(
    changes: dict[str, object], fields: tuple[str, ...]
) -> None:
    draft = _taken(ENGLISH, _at(5))
    corrected = replace(ENGLISH, **changes)  # type: ignore[arg-type]  # a test's own fields
    plan = _plan(draft, corrected, _at(5))
    assert _kinds(plan) == ["changed", "same"]
    (command,) = plan.rows[0].commands
    assert isinstance(command, ChangeSeries)
    assert (command.series.id, plan.rows[0].fields) == (plan.rows[0].series, fields)
    draft.do(command)
    assert _plan(draft, corrected, _at(5)).changes_nothing


def test_row_with_a_number_is_itself_whatever_changes() -> None:
    draft = _taken(replace(ENGLISH, name="7"), replace(_at(3), name="8"))
    changed = ImportRow(
        TERM.id, "新", "科学", replace(HOST, classroom=ClassroomId("host-1-r2")), (SEAT,),
        WeeklyPlace(2, 3), name="7",
    )  # fmt: skip
    plan = _plan(draft, changed, replace(_at(3), name="8"))
    assert _kinds(plan) == ["changed", "same"]
    assert plan.rows[0].series == _plan(Draft(), replace(ENGLISH, name="7")).rows[0].series


def test_added_row_does_not_take_over_its_neighbours_rule() -> None:
    plan = _plan(_taken(_at(1), _at(3)), _at(1), _at(2), _at(3))
    assert _kinds(plan) == ["same", "new", "same"]


def test_rows_in_another_order_change_nothing() -> None:
    rows = [_at(d, p) for d in (1, 3, 5) for p in (1, 2)]
    assert _plan(_taken(*rows), *reversed(rows)).changes_nothing


def test_repeated_row_is_named_and_taken_once() -> None:
    plan = _plan(Draft(), ENGLISH, _at(2), ENGLISH)
    assert _kinds(plan) == ["new", "new", "repeated"]
    assert (plan.rows[2].repeats, plan.rows[2].commands) == (2, ())


def test_wrong_rows_and_rows_of_another_term_are_left_out() -> None:
    plan = _plan(Draft(), None, replace(ENGLISH, term=TermId("2027-spring")))
    assert plan.rows == (RowPlan(RowKind.WRONG),) * 2
    assert not plan.changes_nothing


def test_vanished_rules_are_listed_and_removed_only_if_ticked() -> None:
    draft = _taken(_at(1), _at(3), _at(5))
    plan = _plan(draft, _at(1))
    assert {s.weekday for s in plan.vanished} == {3, 5}
    assert plan.changes_nothing
    first = plan.vanished[0]
    assert removals(plan.vanished, [first.id, "of somebody else"]) == (
        RemoveSeries(first.id, "导入课表"),
    )


def test_rules_of_schools_the_file_does_not_speak_of_have_not_vanished() -> None:
    other = rule(
        "other", host=Host(SchoolId("host-2"), ClassroomId("host-2-r1"), TeacherId("host-2-t1"))
    )
    draft = _taken(_at(1))
    draft.do(AddSeries(other))
    assert _plan(draft, _at(1)).vanished == ()


def test_rule_that_ended_before_today_is_neither_matched_nor_vanished() -> None:
    draft = _taken(_at(1))
    (known,) = draft.copy.series.values()
    draft.do(ChangeSeries(replace(known, last=date(2026, 9, 21))))
    draft.now = at("07:00", "2026-09-28")
    plan = _plan(draft, _at(1))
    assert (_kinds(plan), plan.vanished) == (["new"], ())
    assert plan.rows[0].series == f"{known.id}-2"


def test_id_that_was_given_before_is_not_given_again() -> None:
    draft = _taken(_at(1))
    plan = _plan(draft, _at(1, seats=(replace(SEAT, expected=39),)), _at(1))
    assert _kinds(plan) == ["new", "same"]
    assert plan.rows[0].series == f"{plan.rows[1].series}-2"


def test_single_lesson_is_added_by_period_or_by_clock() -> None:
    by_period = replace(ENGLISH, place=DatedPlace(DATE, 2))
    by_clock = replace(ENGLISH, place=DatedPlace(DATE, None, 1, time(14), time(14, 40)))
    (first,), (second,) = (r.commands for r in _plan(Draft(), by_period, by_clock).rows)
    assert isinstance(first, AddLesson)
    assert first.place == Place(DATE, 2, classroom=HOST.classroom)
    assert isinstance(second, AddLesson)
    assert second.place == Place(
        DATE, None, at("14:00", "2026-09-21"), at("14:40", "2026-09-21"), HOST.classroom
    )
    assert _plan(_taken(by_period, by_clock), by_period, by_clock).changes_nothing


def test_single_lesson_that_differs_is_changed_in_place() -> None:
    row = replace(ENGLISH, place=DatedPlace(DATE, 2))
    draft = _taken(row)
    second = SeriesSeat(ClassroomId("remote-2-r1"))
    changed = replace(
        row, title="Unit 7", host=replace(HOST, teacher=TeacherId("host-1-t2")),
        seats=(replace(SEAT, expected=41), second),
    )  # fmt: skip
    (planned,) = _plan(draft, changed).rows
    assert (planned.kind, planned.fields) == (RowKind.CHANGED, ("host", "title", "seats"))
    assert [type(c) for c in planned.commands] == [Substitute, ChangeLesson, ChangeSeat, AddSeat]
    for command in planned.commands:
        draft.do(command)
    assert _plan(draft, changed).changes_nothing
    (dropped,) = _plan(draft, replace(changed, seats=(second,))).rows
    assert [type(c) for c in dropped.commands] == [DropSeat]


def test_single_lesson_at_a_period_nobody_has_is_still_asked_for() -> None:
    (row,) = _plan(Draft(), replace(ENGLISH, place=DatedPlace(DATE, 9))).rows
    assert (row.kind, len(row.commands)) == (RowKind.NEW, 1)


_ROWS = st.builds(
    lambda name, subject, n, weekday, period, parity, seat: ImportRow(
        TERM.id, "Unit", subject,
        replace(HOST, classroom=ClassroomId(f"host-1-r{n}"), teacher=TeacherId(f"host-1-t{n}")),
        (SeriesSeat(ClassroomId(f"remote-1-r{seat}")),),
        WeeklyPlace(weekday, period if weekday else None, weeks=WeekRule(parity)), name=name,
    ),
    st.sampled_from(["", "7", "8"]),
    st.sampled_from(["英语", "数学"]),
    st.integers(1, 2),
    st.sampled_from([None, 1, 3]),
    st.integers(1, 2),
    st.sampled_from([WeekKind.ALL, WeekKind.ODD]),
    st.integers(1, 2),
)  # fmt: skip


@settings(max_examples=40, derandomize=True, database=None)
@given(st.lists(_ROWS, max_size=6), st.lists(_ROWS, max_size=6), st.randoms(use_true_random=False))
def test_whatever_was_imported_a_second_time_does_nothing(
    first: list[ImportRow], second: list[ImportRow], shuffle: Random
) -> None:
    draft = _taken(*first)
    for rows in (first, second):
        for row in _plan(draft, *rows).rows:
            for command in row.commands:
                draft.do(command)
        again = list(rows)
        shuffle.shuffle(again)
        plan = _plan(draft, *again)
        assert plan.changes_nothing
        # Every row stands for a rule of its own, and no rule for two.
        stands = [r.series for r in plan.rows if r.kind is RowKind.SAME]
        assert len(stands) == len(set(stands)) == len({replace(r, name="") for r in rows})
