"""Commands and steps as JSON: read strictly, each error by the name of its field."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, get_args

import pytest

from sync_classroom.domain.edit_files import (
    command_from,
    images_from,
    images_to_dict,
    name_of,
    occurrence_from,
    occurrence_to_dict,
    series_from,
    series_to_dict,
    step_from_dict,
    step_to_dict,
)
from sync_classroom.domain.edits import (
    AddLesson,
    AddSeat,
    AddSeries,
    CancelLesson,
    ChangeLesson,
    ChangeSeat,
    ChangeSeries,
    Command,
    DropOvertaken,
    DropSeat,
    FollowCalendar,
    MoveLesson,
    Place,
    RemoveSeries,
    RestoreLesson,
    RestoreSeat,
    Substitute,
    SwapLessons,
)
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import (
    ClassId,
    ClassroomId,
    OccurrenceId,
    SeatId,
    SeriesId,
    TeacherId,
)
from sync_classroom.domain.series import WeekKind, WeekRule
from sync_classroom.domain.working_copy import Images, Step
from tests.support.drafts import NOW, as_sent, published, rule, seat
from tests.support.plans import at

FIRST, SEAT, TEACHER = OccurrenceId("eng-1"), SeatId("eng-1-s01"), TeacherId("t")
CLOCK = Place(date(2026, 9, 22), starts_at=at("09:00"), ends_at=at("09:40"))
RULE = rule(
    weeks=WeekRule(WeekKind.LISTED, (3, 5)),
    first=date(2026, 9, 7),
    last=date(2026, 10, 7),
    excluded=(date(2026, 9, 14),),
)
COMMANDS: tuple[Command, ...] = (
    AddSeries(RULE),
    ChangeSeries(rule(weekday=None, period=None), date(2026, 9, 22), "r"),
    ChangeSeries(RULE),
    RemoveSeries(SeriesId("eng"), "r", excused=False),
    AddLesson("课", "英语", TEACHER, CLOCK, (seat(expected=3),), 2, 3, ClassId("c"), 2),
    MoveLesson(FIRST, Place(date(2026, 9, 22), 3, classroom=ClassroomId("r")), "出差"),
    SwapLessons(FIRST, OccurrenceId("eng-2"), "r"),
    CancelLesson(FIRST, "r", excused=False),
    RestoreLesson(FIRST),
    Substitute(FIRST, TEACHER, "r"),
    ChangeLesson(FIRST, "t", None, 3, 2, ClassId("c"), "r"),
    AddSeat(FIRST, seat()),
    ChangeSeat(FIRST, SEAT, ClassId("c"), 3, TEACHER),
    DropSeat(FIRST, SEAT, "r", excused=False),
    RestoreSeat(FIRST, SEAT),
    FollowCalendar("r"),
    DropOvertaken(),
)


def as_json(values: object) -> Any:
    return json.loads(json.dumps(values))


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_command_survives_json(command: Command) -> None:
    assert command_from(as_json(as_sent(command))) == command


def test_every_kind_of_command_is_among_those_tested() -> None:
    assert {type(c) for c in COMMANDS} == set(get_args(Command))


def test_command_as_the_editor_sends_it() -> None:
    sent = {
        "do": "move_lesson",
        "lesson": "eng-1",
        "place": {"date": "2026-09-22", "period": 3, "classroom": None},
    }
    assert command_from(sent) == MoveLesson(FIRST, Place(date(2026, 9, 22), 3))
    assert command_from({"do": "follow_calendar"}) == FollowCalendar()
    added = command_from({"do": "add_seat", "lesson": "eng-1", "seat": {"classroom": "r"}})
    assert isinstance(added, AddSeat)
    assert (added.seat.classroom, added.seat.school_class) == ("r", None)
    written = as_sent(ChangeLesson(FIRST, school_class=ClassId("c")))
    assert (written["do"], written["class"]) == ("change_lesson", "c")


MOVE = {"do": "move_lesson", "lesson": "eng-1", "place": {"date": "2026-09-22", "period": 3}}
SERIES = series_to_dict(RULE)


@pytest.mark.parametrize(
    ("values", "where", "field"),
    [
        ([], "command", None),
        ({}, "command", "do"),
        ({"do": "explode"}, "command", "do"),
        ({"do": ["move_lesson"]}, "command", "do"),
        ({"do": "restore_lesson"}, "command", "lesson"),
        ({"do": "restore_lesson", "lesson": "a b"}, "command", "lesson"),
        ({**MOVE, "lesson": None}, "command", "lesson"),
        ({**MOVE, "resaon": "x"}, "command", "resaon"),
        ({**MOVE, "reason": None}, "command", "reason"),
        ({**MOVE, "reason": 3}, "command", "reason"),
        ({**MOVE, "place": None}, "command, place", None),
        ({**MOVE, "place": {"date": "22.9.2026"}}, "command, place", "date"),
        ({**MOVE, "place": {**MOVE["place"], "period": "3"}}, "command, place", "period"),  # type: ignore[dict-item]
        (
            {**MOVE, "place": {"date": "2026-09-22", "starts_at": "2026-09-22T09:00"}},
            "command, place",
            "starts_at",
        ),
        ({"do": "cancel_lesson", "lesson": "a", "reason": "r", "excused": 1}, "command", "excused"),
        (
            {"do": "add_series", "series": {**SERIES, "weeks": "odd"}},
            "command, series, weeks",
            None,
        ),
        (
            {"do": "add_series", "series": {**SERIES, "weeks": {"kind": "some"}}},
            "command, series, weeks",
            "kind",
        ),
        (
            {"do": "add_series", "series": {**SERIES, "seats": [{"classroom": "r", "room": "r"}]}},
            "command, series, seats 'r'",
            "room",
        ),
        (
            {"do": "add_series", "series": {**SERIES, "excluded": ["never"]}},
            "command, series",
            "excluded",
        ),
        ({"do": "add_series", "series": {**SERIES, "host": {}}}, "command, series, host", "school"),
        (
            {"do": "add_series", "series": {**SERIES, "school_class": 1}},
            "command, series",
            "school_class",
        ),
    ],
)
def test_command_that_cannot_be_read_is_refused(
    values: object, where: str, field: str | None
) -> None:
    with pytest.raises(MalformedError) as caught:
        command_from(values)
    assert (caught.value.where, caught.value.field) == (where, field)


def a_step() -> Step:
    draft = published(RULE, rule("art", 3, 3, n=2))
    draft.do(CancelLesson(OccurrenceId("art-20260923"), "运动会"))
    return draft.do(MoveLesson(OccurrenceId("eng-20260928"), CLOCK_OF_TUESDAY, "r"))


CLOCK_OF_TUESDAY = Place(date(2026, 9, 29), period=2)


def test_step_survives_json_with_its_images() -> None:
    step = a_step()
    assert len(step.after.occurrences) == 2
    assert step_from_dict(as_json(step_to_dict(step))) == step
    undone = Step(
        3,
        "k",
        "li",
        NOW,
        "remove_series",
        Images({}, {RULE.id: RULE}),
        Images({}, {RULE.id: None}),
        undone=True,
        reason="r",
    )
    assert step_from_dict(as_json(step_to_dict(undone))) == undone
    assert as_json(step_to_dict(undone))["after"] == {"occurrences": {}, "series": {"eng": None}}


def test_images_occurrences_and_rules_survive_json_by_themselves() -> None:
    images = a_step().after
    assert images_from(as_json(images_to_dict(images))) == images
    for lesson in images.occurrences.values():
        assert lesson is not None
        assert occurrence_from(as_json(occurrence_to_dict(lesson))) == lesson
    assert series_from(as_json(series_to_dict(RULE))) == RULE


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seq": 0}, "seq"),
        ({"at": "2026-09-16T07:00"}, "at"),
        ({"undone": "no"}, "undone"),
        ({"by": None}, "by"),
        ({"extra": 1}, "extra"),
        ({"before": {"occurrences": {}, "series": {}}}, "after"),
        ({"before": {"occurrences": {}, "rules": {}}}, "rules"),
        ({"before": {"occurrences": {"b": series_to_dict(RULE)}, "series": {}}}, "starts_at"),
        ({"before": {"occurrences": {}, "series": {"b": series_to_dict(RULE)}}}, "b"),
        ({"before": {"occurrences": {}, "series": {"!": None}}}, "id"),
    ],
)
def test_step_that_cannot_be_read_is_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(MalformedError) as caught:
        step_from_dict({**step_to_dict(a_step()), **changes})
    assert caught.value.field == field
