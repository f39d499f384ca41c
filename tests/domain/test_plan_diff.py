"""What a draft changes, in people's words; that the entries say everything is in `test_edit`."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from sync_classroom.domain.edits import (
    AddSeat,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeries,
    DropSeat,
    MoveLesson,
    Place,
    RemoveSeries,
    RestoreLesson,
    Substitute,
)
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import OccurrenceId, SeatId, SeriesId, TeacherId
from sync_classroom.domain.plan_diff import (
    DiffEntry,
    DiffKind,
    change_of,
    diff,
    from_dict,
    going_with,
    kept,
    series_entry,
    to_dict,
)
from sync_classroom.domain.series import WeekKind, WeekRule
from sync_classroom.domain.timetable import Occurrence
from tests.support.drafts import Draft, published, rule, seat

FIRST, SECOND = OccurrenceId("eng-20260921"), OccurrenceId("eng-20260928")
MOVED = OccurrenceId("o-20260922-n1")
TUESDAY = Place(date(2026, 9, 22), period=2)


def entries(draft: Draft) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(e.kind, e.lesson or e.series or "", e.fields) for e in diff(draft.base, draft.copy)]


def only(draft: Draft) -> DiffEntry:
    (entry,) = diff(draft.base, draft.copy)
    return entry


def test_nothing_changed_is_no_entry() -> None:
    assert entries(published(rule())) == []


def test_new_rule_and_its_lessons_by_start() -> None:
    draft = published(rule())
    draft.do(AddSeries(rule("art", 5, 3, n=2, first=date(2026, 10, 20))))
    assert entries(draft) == [
        ("series_new", "art", ()),
        ("new", "art-20261023", ()),
        ("new", "art-20261030", ()),
    ]


def test_move_is_one_entry_with_both_places() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY, "出差"))
    entry = only(draft)
    assert (entry.kind, entry.lesson, entry.fields) == (
        DiffKind.MOVED,
        FIRST,
        ("date", "starts_at", "ends_at"),
    )
    assert entry.old == draft.base.occurrences[FIRST]
    assert entry.new == draft.lesson(FIRST)
    assert entry.to == draft.lesson(MOVED)
    change = change_of(entry)
    assert change is not None
    assert (change.reason, change.to) == ("出差", MOVED)


def test_move_with_a_substitute_names_both() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.do(Substitute(MOVED, TeacherId("host-1-t2"), "病假"))
    assert entries(draft) == [("moved", FIRST, ("date", "starts_at", "ends_at", "host"))]


def test_cancelled_and_restored() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, "运动会"))
    assert entries(draft) == [("cancelled", FIRST, ())]
    change = change_of(only(draft))
    assert change is not None
    assert change.reason == "运动会"
    draft.publish()
    draft.do(RestoreLesson(FIRST))
    assert entries(draft) == [("restored", FIRST, ())]
    assert change_of(only(draft)) is None


def test_lesson_called_back_from_its_move_is_that_move_reversed() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    draft.publish()
    draft.do(RestoreLesson(FIRST))
    entry = only(draft)
    assert (entry.kind, entry.lesson) == (DiffKind.MOVED, MOVED)
    assert isinstance(entry.to, Occurrence)
    assert entry.to.id == FIRST


def test_changed_fields_have_old_and_new_values() -> None:
    draft = published(rule())
    draft.do(ChangeLesson(FIRST, title="Unit 7", periods=2))
    assert to_dict(only(draft))["fields"] == [
        {"field": "title", "old": "Unit", "new": "Unit 7"},
        {"field": "periods", "old": 1, "new": 2},
    ]


def test_seats_are_those_that_take_part() -> None:
    draft = published(rule(seats=(seat("remote-1-r1"), seat("remote-2-r1"))))
    draft.do(DropSeat(FIRST, SeatId(f"{FIRST}-s01"), "停电"))
    draft.do(AddSeat(FIRST, seat("remote-3-r1")))
    assert entries(draft) == [("seats", FIRST, ("seats",))]
    (field,) = to_dict(only(draft))["fields"]
    assert [s["classroom"] for s in field["old"]] == ["remote-1-r1", "remote-2-r1"]
    assert [s["classroom"] for s in field["new"]] == ["remote-2-r1", "remote-3-r1"]
    draft.do(ChangeLesson(FIRST, title="x"))
    assert entries(draft) == [("changed", FIRST, ("title", "seats"))]


def test_cancellation_told_otherwise_is_a_change_of_its_record() -> None:
    draft = published(rule())
    draft.do(CancelLesson(FIRST, "运动会", excused=False))
    draft.publish()
    draft.do(RestoreLesson(FIRST))
    draft.now += timedelta(minutes=1)
    draft.do(CancelLesson(FIRST, "运动会", excused=True))
    assert entries(draft) == [("changed", FIRST, ("changes",))]


def test_rule_that_goes_over_to_another_is_silent_for_lessons_that_stay() -> None:
    draft = published(rule(last=date(2026, 9, 28)))
    weeks = WeekRule(WeekKind.LISTED, (4, 5, 6))
    draft.do(ChangeSeries(rule(last=date(2026, 10, 5), weeks=weeks)))
    found = diff(draft.base, draft.copy)
    assert [(e.kind, e.lesson or e.series, e.silent) for e in found] == [
        (DiffKind.SERIES_CHANGED, "eng", False),
        (DiffKind.SERIES_NEW, "eng.n1", False),
        (DiffKind.CHANGED, FIRST, True),
        (DiffKind.CHANGED, SECOND, True),
        (DiffKind.NEW, "eng.n1-20261005", False),
    ]
    assert found[0].fields == ("last",)


def test_rule_put_to_another_day_is_a_move_of_each_week() -> None:
    draft = published(rule())
    draft.do(ChangeSeries(rule(weekday=2), since=date(2026, 10, 19)))
    assert [(e.kind, e.lesson, e.to and e.to.id) for e in diff(draft.base, draft.copy)[2:]] == [
        (DiffKind.MOVED, "eng-20261019", "eng.n1-20261020"),
        (DiffKind.MOVED, "eng-20261026", "eng.n1-20261027"),
    ]


def test_removed_rule() -> None:
    draft = published(rule(first=date(2026, 10, 19)))
    draft.do(RemoveSeries(SeriesId("eng"), "教师调动"))
    assert entries(draft) == [
        ("series_removed", "eng", ()),
        ("cancelled", "eng-20261019", ()),
        ("cancelled", "eng-20261026", ()),
    ]


def test_entry_as_json_names_its_parts() -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    written = json.loads(json.dumps(to_dict(only(draft))))
    assert list(written) == ["kind", "lesson", "series", "old", "new", "to", "fields"]
    assert written["old"]["starts_at"] == "2026-09-21T08:10:00+08:00"
    assert written["to"]["moved_from"] == FIRST
    assert from_dict(written) == only(draft)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "gone"}, "kind"),
        ({"kind": "series_new"}, "kind"),
        ({"lesson": None}, "kind"),
        ({"lesson": "!"}, "lesson"),
        ({"old": {}}, "starts_at"),
        ({"extra": 1}, "extra"),
        ({"fields": [{}]}, "field"),
    ],
)
def test_entry_that_cannot_be_read_is_refused(changes: dict[str, Any], field: str) -> None:
    draft = published(rule())
    draft.do(MoveLesson(FIRST, TUESDAY))
    with pytest.raises(MalformedError) as caught:
        from_dict({**to_dict(only(draft)), **changes})
    assert caught.value.field == field


def test_lessons_that_come_with_a_rule_are_kept_beside_it() -> None:
    draft = published(rule())
    draft.do(AddSeries(rule("maths", 2, 2, n=2, seats=(seat("remote-2-r1"),))))
    draft.do(CancelLesson(FIRST, "停电"))
    found = diff(draft.base, draft.copy)
    (rule_,) = [e for e in found if e.series]
    authors = {FIRST: ("wang", "停电")}
    entries = kept(found, authors, {SeriesId("maths"): ("li", "新学科")})
    assert [e.entry for e in entries] == [to_dict(e) for e in found]
    by_kind = {(e.kind, e.beside, e.told) for e in entries}
    assert by_kind == {
        ("series_new", None, True), ("new", "maths", False), ("cancelled", None, True),
    }  # fmt: skip
    assert [(e.series, e.by, e.reason) for e in entries if e.told] == [
        ("maths", "li", "新学科"), (None, "wang", "停电"),
    ]  # fmt: skip
    assert series_entry(SeriesId("maths"), None, draft.copy.series[SeriesId("maths")]) == rule_
    assert series_entry(SeriesId("eng"), rule(), rule()) is None


def test_a_lesson_that_only_went_over_to_another_rule_is_told_nowhere() -> None:
    draft = published(rule())
    draft.do(
        ChangeSeries(rule(weeks=WeekRule(WeekKind.LISTED, (4, 5)), title="x"), since=TUESDAY.date)
    )
    found = diff(draft.base, draft.copy)
    silent = [(e, b) for e, b in zip(found, going_with(found), strict=True) if e.silent]
    assert all(beside is None for _, beside in silent)
    assert {e.told for e in kept([each for each, _ in silent])} <= {False}
