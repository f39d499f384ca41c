"""An import on a copy: what is refused, what clashes, and that nothing of it stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sync_classroom.domain.calendar import Calendar
from sync_classroom.domain.edits import AddSeries
from sync_classroom.domain.ids import ClassroomId, SchoolId, TeacherId
from sync_classroom.domain.import_plan import ImportDesk, plan_import
from sync_classroom.domain.import_rows import DatedPlace, ImportRow, SheetRow, WeeklyPlace
from sync_classroom.domain.import_trial import Trial, rows_with, try_import
from sync_classroom.domain.series import SeriesSeat
from sync_classroom.domain.timetable import Host
from sync_classroom.domain.warnings import WarningRule
from tests.support.drafts import TERM, ZONE, Draft, roster, rule

HOST = Host(SchoolId("host-1"), ClassroomId("host-1-r1"), TeacherId("host-1-t1"))
SEAT = SeriesSeat(ClassroomId("remote-1-r1"), None, 40)
OTHER = (SeriesSeat(ClassroomId("remote-3-r1")),)
ENGLISH = ImportRow(TERM.id, "Unit", "英语", HOST, (SEAT,), WeeklyPlace(1, 1))


def _trial(draft: Draft, *rows: ImportRow) -> Trial:
    desk = draft.desk()
    copy = draft.copy.fork()
    on = ImportDesk(TERM.id, Calendar(roster()), ZONE, draft.now, draft.now.date())
    plan = plan_import([SheetRow("", n, {}, r) for n, r in enumerate(rows, 2)], copy, on)
    return try_import(plan, copy, desk, gap_s=0)


def _room(number: int, **changes: object) -> ImportRow:
    host = replace(
        HOST, classroom=ClassroomId(f"host-1-r{number}"), teacher=TeacherId(f"host-1-t{number}")
    )
    return replace(ENGLISH, host=host, **changes)  # type: ignore[arg-type]  # a test's own fields


def test_rows_are_tried_without_touching_the_draft() -> None:
    draft = Draft()
    trial = _trial(draft, ENGLISH)
    assert [(r.lessons, r.refused, r.clashes) for r in trial.rows] == [(6, None, ())]
    assert len(trial.lessons) == 6
    assert (dict(draft.copy.occurrences), draft.steps) == ({}, [])


def test_what_is_tried_is_what_a_commit_does() -> None:
    draft = Draft()
    trial = _trial(draft, ENGLISH, _room(2, seats=OTHER))
    for command in trial.commands():
        draft.do(command)
    assert dict(draft.copy.occurrences) == dict(trial.lessons)
    again = _trial(draft, ENGLISH, _room(2, seats=OTHER))
    assert again.commands() == ()
    assert [r.lessons for r in again.rows] == [6, 6]


def test_row_the_draft_cannot_take_says_why_and_leaves_nothing() -> None:
    bad = replace(ENGLISH, place=WeeklyPlace(2, 3, 2))
    past = replace(ENGLISH, place=DatedPlace(date(2026, 9, 7), 1))
    trial = _trial(Draft(), bad, past, _room(2, seats=OTHER))
    refused = [r.refused.code if r.refused else "" for r in trial.rows]
    assert refused[0] == "period_unknown"
    assert refused[1]
    assert refused[2] == ""
    assert [r.lessons for r in trial.rows] == [0, 0, 6]
    assert [type(c) for c in trial.commands()] == [AddSeries]


def test_clash_within_the_file_is_shown_at_both_rows() -> None:
    trial = _trial(Draft(), ENGLISH, _room(2))
    assert [{c.resource for c in r.clashes} for r in trial.rows] == [{"remote-1-r1"}] * 2
    assert [len(r.clashes) for r in trial.rows] == [6, 6]


def test_clash_with_the_draft_is_shown_at_the_row() -> None:
    draft = Draft()
    draft.do(AddSeries(rule("known", 1, 1, n=2)))
    (row,) = _trial(draft, ENGLISH).rows
    assert {c.resource for c in row.clashes} == {"remote-1-r1"}
    assert {i.partition("-2026")[0] for c in row.clashes for i in c.occurrences} >= {"known"}


def test_rows_that_are_the_same_still_show_their_clashes() -> None:
    draft = Draft()
    for command in _trial(draft, ENGLISH, _room(2)).commands():
        draft.do(command)
    assert [len(r.clashes) for r in _trial(draft, ENGLISH, _room(2)).rows] == [6, 6]


def test_warnings_are_shown_at_the_row() -> None:
    crowded = replace(ENGLISH, seats=(replace(SEAT, expected=99),))
    (row,) = _trial(Draft(), crowded).rows
    assert [w.rule for w in row.warnings] == [WarningRule.CAPACITY] * 6


def test_rows_can_be_left_out_by_number_and_by_clash() -> None:
    trial = _trial(Draft(), ENGLISH, _room(2), _room(3, seats=OTHER))
    assert rows_with(trial, (), clashing=True) == {0, 1}
    assert rows_with(trial, (2,), clashing=False) == {2}
    assert len(trial.commands(without=frozenset({0, 1}))) == 1
