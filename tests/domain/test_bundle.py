from __future__ import annotations

import copy
import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sync_classroom.domain.bundle import (
    parse_plan,
    parse_rules,
    plan_to_dict,
    read_facts,
)
from sync_classroom.domain.facts import HostMedia, JournalGap
from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.ids import OccurrenceId, PushId, SchoolId, SeriesId
from sync_classroom.domain.programme import Programme
from sync_classroom.domain.roster import NationalDay, Wording
from sync_classroom.domain.rules import DEFAULT, Rules
from sync_classroom.domain.timetable import ChangeKind, Mode, Slot
from tests.support.plans import at

PLAN: dict[str, Any] = {
    "schema": "sync-classroom/plan/1",
    "timezone": "Asia/Shanghai",
    "target_classrooms": 48,
    "schools": [
        {"id": "h", "name": "四小", "role": "host", "joined_on": "2020-09-01", "left_on": None},
        {
            "id": "r",
            "name": "随迁一",
            "role": "remote",
            "joined_on": "2020-09-01",
            "left_on": "2027-09-01",
        },
    ],
    "classrooms": [
        {
            "id": "h-1",
            "school": "h",
            "name": "演播室",
            "commissioned_on": "2020-12-31",
            "retired_on": None,
            "capacity": None,
        },
        {
            "id": "r-1",
            "school": "r",
            "name": "1号",
            "commissioned_on": "2020-12-31",
            "retired_on": "2027-01-01",
            "capacity": 45,
        },
    ],
    "classes": [{"id": "r-c", "school": "r", "grade": 3, "name": "三(1)班", "enrolment": 42}],
    "teachers": [
        {"id": "h-t", "school": "h", "name": "王"},
        {"id": "r-t", "school": "r", "name": "李"},
    ],
    "terms": [
        {
            "id": "t",
            "name": "第一学期",
            "week1_monday": "2026-08-31",
            "first_day": "2026-09-01",
            "last_day": "2027-01-22",
        }
    ],
    "days": [
        {
            "school": None,
            "date": "2026-10-10",
            "teaching": True,
            "follows_weekday": 5,
            "follows_week": 6,
            "bell_set": None,
        },
        {
            "school": "r",
            "date": "2026-10-12",
            "teaching": False,
            "follows_weekday": None,
            "follows_week": None,
            "bell_set": None,
        },
    ],
    "bell_sets": [
        {
            "id": "r-b",
            "school": "r",
            "periods": [{"no": 1, "start": "08:10", "end": "08:50"}],
        }
    ],
    "occurrences": [
        {
            "id": "o1",
            "mode": "live",
            "title": "课",
            "subject": "英语",
            "grade": 3,
            "term": "t",
            "date": "2026-11-23",
            "starts_at": "2026-11-23T09:00:00+08:00",
            "ends_at": "2026-11-23T09:40:00+08:00",
            "periods": 1,
            "host": {"school": "h", "classroom": "h-1", "teacher": "h-t", "class": None},
            "seats": [{"id": "o1-s0", "classroom": "r-1", "class": "r-c", "expected": 42}],
            "participants": [],
            "changes": [
                {
                    "kind": "seat_cancelled",
                    "seat": "o1-s0",
                    "to": None,
                    "excused": True,
                    "at": "2026-11-23T08:00:00+08:00",
                    "by": "admin",
                    "reason": "体检",
                },
                {
                    "kind": "moved",
                    "seat": None,
                    "to": "o9",
                    "excused": False,
                    "at": "2026-11-23T08:30:00+08:00",
                    "by": "admin",
                    "reason": "",
                },
            ],
        },
        {
            "id": "o2",
            "mode": "research",
            "title": "教研",
            "subject": "英语",
            "grade": None,
            "term": None,
            "date": "2026-11-24",
            "starts_at": "2026-11-24T14:00:00+08:00",
            "ends_at": "2026-11-24T15:00:00+08:00",
            "periods": 0,
            "host": {"school": "h", "classroom": "h-1", "teacher": "h-t", "class": None},
            "seats": [],
            "participants": ["h-t", "r-t"],
            "changes": [],
        },
    ],
    "pushes": [
        {
            "id": "p",
            "resource": "rec-1",
            "subject": "英语",
            "grade": None,
            "reason": "未听满",
            "ordered_at": "2026-11-24T16:00:00+08:00",
            "targets": [
                {
                    "id": "p-t",
                    "school": "r",
                    "classroom": "r-1",
                    "class": "r-c",
                    "teacher": None,
                }
            ],
        }
    ],
}


def test_a_plan_is_read_whole() -> None:
    plan = parse_plan(PLAN)
    first, second = plan.occurrences.values()
    assert (first.mode, second.mode) == (Mode.LIVE, Mode.RESEARCH)
    assert (first.starts_at, first.ends_at) == (at("09:00"), at("09:40"))
    assert [c.kind for c in first.changes] == [ChangeKind.SEAT_CANCELLED, ChangeKind.MOVED]
    assert first.changes[1].to == "o9"
    assert first.seats[0].school_class == "r-c"
    assert second.participants == ("h-t", "r-t")
    (push,) = plan.pushes.values()
    assert (push.targets[0].classroom, push.targets[0].withdrawn_at) == ("r-1", None)
    assert plan.roster.target_classrooms == 48
    assert [d.school for d in plan.roster.days] == [None, "r"]


def test_a_plan_is_written_as_it_was_read() -> None:
    written = plan_to_dict(parse_plan(PLAN))
    assert json.loads(json.dumps(written)) == PLAN


def test_slot_other_end_of_a_move_and_assistant_are_read_and_written_where_set() -> None:
    more = copy.deepcopy(PLAN)
    first = more["occurrences"][0]
    first["seats"][0]["assistant"] = "r-t"
    first["slot"] = {"series": "s1", "date": "2026-11-20", "own": True}
    first["moved_from"] = "s1-20261120"
    more["pushes"][0]["targets"][0]["withdrawn_at"] = "2026-11-24T20:00:00+08:00"
    plan = parse_plan(more)
    occurrence = plan.occurrences[OccurrenceId("o1")]
    assert occurrence.slot == Slot(SeriesId("s1"), date(2026, 11, 20), own=True)
    assert occurrence.moved_from == "s1-20261120"
    assert occurrence.seats[0].assistant == "r-t"
    assert plan.pushes[PushId("p")].targets[0].withdrawn_at == at("20:00", "2026-11-24")
    assert json.loads(json.dumps(plan_to_dict(plan))) == more
    del first["slot"]["own"]
    first["seats"][0]["assistant"] = None
    occurrence = parse_plan(more).occurrences[OccurrenceId("o1")]
    assert occurrence.slot == Slot(SeriesId("s1"), date(2026, 11, 20))
    assert occurrence.seats[0].assistant is None


def test_what_may_be_null_may_be_absent() -> None:
    lean = copy.deepcopy(PLAN)

    def strip(thing: Any) -> Any:
        if isinstance(thing, dict):
            return {k: strip(v) for k, v in thing.items() if v is not None and v != []}
        return [strip(v) for v in thing] if isinstance(thing, list) else thing

    assert parse_plan(strip(lean)) == parse_plan(PLAN)


def test_fields_of_a_newer_version_are_passed_over() -> None:
    more = copy.deepcopy(PLAN)
    more["weather"] = "rain"
    more["schools"][0]["colour"] = "blue"
    assert parse_plan(more) == parse_plan(PLAN)


def _set(plan: dict[str, Any], path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    changed = copy.deepcopy(plan)
    inner: Any = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value", "where", "field"),
    [
        (("schema",), "sync-classroom/plan/2", "plan", "schema"),
        (("timezone",), "Asia/Taicang", "roster", "timezone"),
        (("occurrences", 1, "id"), "o1", "plan, occurrences 'o1'", "id"),
        (("pushes",), [PLAN["pushes"][0]] * 2, "plan, pushes 'p'", "id"),
        (("occurrences", 0, "mode"), "push", "plan, occurrences 'o1'", "mode"),
        (("occurrences", 0, "date"), "2026-13-01", "plan, occurrences 'o1'", "date"),
        (
            ("occurrences", 0, "ends_at"),
            "2026-11-23T09:00:00+08:00",
            "plan, occurrences 'o1'",
            "ends_at",
        ),
        (
            ("occurrences", 0, "starts_at"),
            "2026-11-23T09:00:00",
            "plan, occurrences 'o1'",
            "starts_at",
        ),
        (("occurrences", 0, "term"), "x", "plan, occurrences 'o1'", "term"),
        (("occurrences", 0, "host"), None, "plan, occurrences 'o1', host", None),
        (("occurrences", 0, "host", "teacher"), "x", "plan, occurrences 'o1', host", "teacher"),
        (
            ("occurrences", 0, "seats", 0, "classroom"),
            "x",
            "plan, occurrences 'o1', seats 'o1-s0'",
            "classroom",
        ),
        (
            ("occurrences", 0, "seats", 0, "class"),
            "x",
            "plan, occurrences 'o1', seats 'o1-s0'",
            "class",
        ),
        (
            ("occurrences", 0, "seats"),
            PLAN["occurrences"][0]["seats"] * 2,
            "plan, occurrences 'o1'",
            "seats",
        ),
        (
            ("occurrences", 0, "seats", 0, "assistant"),
            "x",
            "plan, occurrences 'o1', seats 'o1-s0'",
            "assistant",
        ),
        (
            ("occurrences", 0, "slot"),
            {"series": "s1", "date": "2026-11"},
            "plan, occurrences 'o1', slot",
            "date",
        ),
        (("occurrences", 0, "slot"), "s1", "plan, occurrences 'o1', slot", None),
        (("occurrences", 0, "moved_from"), "not an id", "plan, occurrences 'o1'", "moved_from"),
        *(
            (
                ("occurrences", 0, "seats", 0, field),
                value,
                "plan, occurrences 'o1', seats 'o1-s0'",
                field,
            )
            for field, value in [
                ("classroom", []),
                ("class", ""),
                ("class", False),
                ("assistant", ""),
                ("expected", -1),
                ("expected", True),
                ("expected", "3"),
            ]
        ),
        (
            ("occurrences", 0, "seats", 0, "id"),
            "no id",
            "plan, occurrences 'o1', seats 'no id'",
            "id",
        ),
        (("occurrences", 0, "seats", 0), "r-1", "plan, occurrences 'o1', seats[0]", None),
        (("occurrences", 1, "participants"), ["x"], "plan, occurrences 'o2'", "participants"),
        (("occurrences", 1, "participants"), "x", "plan, occurrences 'o2'", "participants"),
        (
            ("occurrences", 0, "changes", 0, "seat"),
            "x",
            "plan, occurrences 'o1', changes[0]",
            "seat",
        ),
        (
            ("occurrences", 0, "changes", 1, "kind"),
            "swapped",
            "plan, occurrences 'o1', changes[1]",
            "kind",
        ),
        (
            ("pushes", 0, "targets", 0, "teacher"),
            "x",
            "plan, pushes 'p', targets 'p-t'",
            "teacher",
        ),
        (("pushes", 0, "targets"), PLAN["pushes"][0]["targets"] * 2, "plan, pushes 'p'", "targets"),
    ],
)
def test_a_bad_plan_is_refused_by_place_and_field(
    path: tuple[str | int, ...], value: object, where: str, field: str | None
) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_plan(_set(PLAN, path, value))
    assert (caught.value.where, caught.value.field) == (where, field)


def test_rules_name_only_what_differs() -> None:
    assert parse_rules({}) == DEFAULT
    assert parse_rules({"weekly_norm": 2, "held": 1, "version": 2}) == replace(
        DEFAULT, weekly_norm=2, held=1.0, version="2"
    )
    rules = Rules(name="x", research_min_s=60)
    assert parse_rules(json.loads(json.dumps(rules.to_dict()))) == rules


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("held", 80),
        ("held", True),
        ("partial", -0.1),
        ("partial", float("nan")),
        ("weekly_norm", -1),
        ("weekly_norm", 1.5),
        ("hold", 0.8),
        ("name", None),
    ],
)
def test_a_bad_rule_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(MalformedError) as caught:
        parse_rules({name: value})
    assert (caught.value.where, caught.value.field) == ("rules", name)


GAP = '{"id":"g","kind":"journal_gap","relay":"a","from":"2026-11-23T09:00:00+08:00",'
GOOD = f'{GAP}"to":"2026-11-23T09:01:00+08:00"}}'


def test_facts_are_read_line_by_line() -> None:
    first, second = read_facts([GOOD, "", "\n", GOOD.encode() + b"\n"])
    assert first == second == JournalGap(first.id, "a", at("09:00"), at("09:01"))  # type: ignore[union-attr]
    assert not isinstance(first, HostMedia)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f'{GAP}"to":', "line 3 is not JSON"),
        (b"\xff\xfe", "line 3 is not JSON"),
        ("[" * 100_000, "line 3 is not JSON"),
        (f'{GAP}"to":"now"}}', "line 3, fact 'g': field 'to' must be an instant"),
        ("[]", "line 3, fact must be an object"),
    ],
)
def test_a_bad_line_is_refused_by_number(line: str | bytes, says: str) -> None:
    facts = read_facts([GOOD, "", line, GOOD])
    next(facts)
    with pytest.raises(ValueError, match=r"^line 3") as caught:
        next(facts)
    assert str(caught.value).startswith(says)
    assert len(str(caught.value)) < 500


def test_a_plan_is_written_with_its_national_days_so_that_coverage_needs_no_tables() -> None:
    plan = parse_plan(PLAN)
    week_off = {
        on: NationalDay(on, Wording("国庆节", "National Day"))
        for on in (date(2026, 10, d) for d in range(5, 12))
    }
    roster = replace(plan.roster, national=week_off)
    here = replace(plan, roster=roster)
    written = json.loads(json.dumps(plan_to_dict(here)))
    days = {(d["school"], d["date"]): d for d in written["days"]}
    assert days[None, "2026-10-05"] == {
        "school": None,
        "date": "2026-10-05",
        "teaching": False,
        "follows_weekday": None,
        "follows_week": None,
        "bell_set": None,
        "reason": "国庆节",
    }
    # What the roster says of a date for all schools stands over the country's.
    assert days[None, "2026-10-10"]["teaching"] is True
    there = parse_plan(written)
    assert there.roster.national == {}
    period = (date(2026, 9, 28), date(2026, 10, 18))
    weeks = [
        Programme(r, *period).teaching_weeks(r.schools[SchoolId("r")])
        for r in (roster, there.roster, plan.roster)
    ]
    assert weeks[0] == weeks[1] == {"2026-W40", "2026-W41", "2026-W42"}
    one_week = (date(2026, 10, 5), date(2026, 10, 9))
    assert Programme(there.roster, *one_week).teaching_weeks(roster.schools[SchoolId("r")]) == set()


def test_bell_sets_with_dates_are_written_and_read() -> None:
    more = copy.deepcopy(PLAN)
    more["bell_sets"][0] |= {"name": "夏令时", "valid_from": "2027-05-01", "valid_to": "2027-09-30"}
    plan = parse_plan(more)
    assert json.loads(json.dumps(plan_to_dict(plan)))["bell_sets"] == more["bell_sets"]
