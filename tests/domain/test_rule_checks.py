"""What a weekly rule must be before it is planned: each fault with field, value and remedy."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_classroom.domain.edit_sheet import Sheet
from sync_classroom.domain.edits import AddSeries, Command
from sync_classroom.domain.ids import ClassroomId, SchoolId, TermId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.rule_checks import checked, tidied, to_come
from sync_classroom.domain.series import WeekKind, WeekRule
from tests.support.drafts import Draft, rule, seat, shown
from tests.support.plans import at

MONDAYS = ["09-21 08:10", "09-28 08:10", "10-05 08:10", "10-12 08:10", "10-19 08:10", "10-26 08:10"]


def refusal(draft: Draft, command: Command) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        draft.do(command)
    return caught.value


def test_lessons_to_come_are_those_that_have_not_begun() -> None:
    draft = Draft(now=at("08:10", "2026-09-21"))
    sheet = Sheet(draft.copy, draft.desk())
    assert shown(to_come(sheet, rule())) == MONDAYS[1:]
    assert shown(to_come(sheet, rule(), date(2026, 10, 12))) == MONDAYS[3:]
    assert shown(checked(rule(), sheet, date(2026, 10, 13))) == MONDAYS[4:]


def test_words_of_a_rule_are_trimmed() -> None:
    assert tidied(rule(title=" Unit\t", subject=" 英语 ")) == rule()


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"ident": "x" * 65}, "series_id_invalid", "series.id"),
        ({"ident": "a/b"}, "series_id_invalid", "series.id"),
        ({"term": TermId("none")}, "unknown_id", "term"),
        ({"title": ""}, "title_invalid", "title"),
        ({"subject": "\n"}, "subject_invalid", "subject"),
        ({"periods": 11}, "periods_invalid", "periods"),
        ({"grade": 0}, "grade_invalid", "grade"),
        ({"seats": ()}, "no_seats", "seats"),
        ({"seats": (seat(), seat())}, "seat_twice", "seats.2.classroom"),
        ({"seats": (seat("host-2-r1"),)}, "classroom_of_wrong_school", "seats.1.classroom"),
        ({"seats": (seat(expected=201),)}, "expected_invalid", "seats.1.expected"),
        ({"weekday": None}, "place_invalid", "weekday"),
        ({"period": None}, "place_invalid", "period"),
        ({"weekday": 8}, "weekday_invalid", "weekday"),
        ({"period": 31}, "period_invalid", "period"),
        ({"period": 4}, "period_unknown", "period"),
        ({"period": 3, "span": 2}, "period_unknown", "period"),
        ({"span": 0}, "span_invalid", "span"),
        ({"weekday": 7}, "series_without_dates", "weekday"),
        ({"weeks": WeekRule(WeekKind.LISTED)}, "weeks_invalid", "weeks"),
        ({"weeks": WeekRule(WeekKind.LISTED, (3, 3))}, "weeks_invalid", "weeks"),
        ({"weeks": WeekRule(WeekKind.ODD, (3,))}, "weeks_invalid", "weeks"),
        ({"weeks": WeekRule(WeekKind.LISTED, (61,))}, "weeks_invalid", "weeks"),
        ({"first": date(2026, 8, 1)}, "outside_term", "first"),
        ({"last": date(2026, 12, 1)}, "outside_term", "last"),
        ({"first": date(2026, 10, 9), "last": date(2026, 10, 8)}, "last_before_first", "last"),
        ({"last": date(2026, 9, 15)}, "series_without_dates", "weekday"),
    ],
)
def test_rule_that_could_not_be_booked_is_refused(
    changes: dict[str, object], code: str, field: str
) -> None:
    draft = Draft()
    problem = refusal(draft, AddSeries(rule(**changes)))  # type: ignore[arg-type]
    assert (problem.code, problem.field) == (code, field)
    assert draft.copy.occurrences == {}


def test_rule_of_a_school_its_room_is_not_of_is_refused() -> None:
    wrong = rule()
    wrong = replace(wrong, host=replace(wrong.host, school=SchoolId("host-2")))
    problem = refusal(Draft(), AddSeries(wrong))
    assert (problem.code, problem.field) == ("school_of_other_classroom", "host.school")


def test_room_out_of_use_before_the_last_lesson_refuses_the_rule() -> None:
    draft = Draft()
    rooms = dict(draft.roster.classrooms)
    far = ClassroomId("remote-1-r1")
    rooms[far] = replace(rooms[far], retired_on=date(2026, 10, 26))
    draft.roster = replace(draft.roster, classrooms=rooms)
    assert refusal(draft, AddSeries(rule())).code == "classroom_not_in_use"
    draft.do(AddSeries(rule(last=date(2026, 10, 25))))
    assert draft.standing("eng") == MONDAYS[:-1]
