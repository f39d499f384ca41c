from __future__ import annotations

import copy
import tomllib
from collections import Counter
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from sync_classroom.domain.fields import MalformedError
from sync_classroom.domain.roster import Roster, SchoolRole
from sync_classroom.domain.roster_file import parse_roster

TAICANG = Path(__file__).parents[2] / "config" / "taicang.toml"

SMALL: dict[str, Any] = tomllib.loads(
    """
    timezone = "Asia/Shanghai"
    target_classrooms = 2
    schools = [
      { id = "h", name = "四小", role = "host", joined_on = 2020-09-01 },
      { id = "r", name = "随迁一", role = "remote", joined_on = 2020-09-01, left_on = 2030-09-01 },
    ]
    classrooms = [
      { id = "r-1", school = "r", name = "1号", commissioned_on = 2020-12-31, capacity = 45 },
    ]
    classes = [{ id = "r-c", school = "r", grade = 3, name = "三(1)班", enrolment = 42 }]
    teachers = [{ id = "h-t", school = "h", name = "王" }]
    days = [
      { date = 2026-10-10, teaching = true, follows_weekday = 5, follows_week = 6 },
      { school = "r", date = 2026-10-10, teaching = false },
      { school = "r", date = 2026-10-12, teaching = true, bell_set = "r-b" },
    ]
    [[terms]]
    id = "a"
    name = "一"
    week1_monday = 2026-08-31
    first_day = 2026-09-01
    last_day = 2027-01-22
    [[terms]]
    id = "b"
    name = "二"
    week1_monday = 2027-02-22
    first_day = 2027-02-22
    last_day = 2027-06-30
    [[bell_sets]]
    id = "r-b"
    school = "r"
    periods = [
      { no = 2, start = "09:00", end = "09:40" },
      { no = 1, start = "08:10", end = 08:50:00 },
    ]
    """
)


@pytest.fixture(scope="module")
def taicang() -> Roster:
    return parse_roster(tomllib.loads(TAICANG.read_text(encoding="utf-8")))


def test_a_small_roster_is_read_whole() -> None:
    roster = parse_roster(SMALL)
    assert list(roster.schools) == ["h", "r"]
    assert roster.schools["r"].left_on == date(2030, 9, 1)  # type: ignore[index]
    assert roster.classrooms["r-1"].capacity == 45  # type: ignore[index]
    (bells,) = roster.bell_sets.values()
    assert [(p.no, p.start, p.end) for p in bells.periods] == [
        (1, time(8, 10), time(8, 50)),
        (2, time(9), time(9, 40)),
    ]
    assert [(d.school, d.teaching, d.bell_set) for d in roster.days] == [
        (None, True, None),
        ("r", False, None),
        ("r", True, "r-b"),
    ]


def test_an_empty_roster_has_defaults() -> None:
    assert parse_roster({}) == Roster()


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        (("schools", 1, "id"), "h", "roster, schools 'h': field 'id' appears twice"),
        (("schools", 1, "role"), "both", "schools 'r': field 'role' must be one of host, remote"),
        (("schools", 1, "joined_on"), "2020-9-1", "schools 'r': field 'joined_on' must be a date"),
        (
            ("schools", 1, "left_on"),
            date(2020, 8, 31),
            "schools 'r': field 'left_on' must be on or after joined_on",
        ),
        (
            ("classrooms", 0, "school"),
            "x",
            "classrooms 'r-1': field 'school' is 'x', which is not among the schools; correct it"
            " or add it there",
        ),
        (
            ("classrooms", 0, "retired_on"),
            date(2020, 12, 30),
            "classrooms 'r-1': field 'retired_on' must be on or after commissioned_on",
        ),
        (("classrooms", 0, "capacity"), -1, "classrooms 'r-1': field 'capacity' must be a whole"),
        (("classrooms", 0, "id"), "一", "classrooms '一': field 'id' must be an identifier"),
        (("classrooms", 0, "colour"), "red", "field 'colour' is not known; there are id, school"),
        (("classes", 0, "school"), "x", "classes 'r-c': field 'school' is 'x'"),
        (("classes", 0, "grade"), 0, "classes 'r-c': field 'grade' must be a whole number, 1"),
        (("classes", 0, "enrolment"), "42", "field 'enrolment' must be a whole number"),
        (("teachers", 0, "school"), "x", "teachers 'h-t': field 'school' is 'x'"),
        (("teachers", 0, "name"), 7, "teachers 'h-t': field 'name' must be a string"),
        (
            ("terms", 0, "week1_monday"),
            date(2026, 9, 1),
            "terms 'a': field 'week1_monday' must be the Monday of the first week",
        ),
        (("terms", 0, "first_day"), date(2026, 8, 30), "must be on or after week1_monday"),
        (("terms", 0, "last_day"), date(2026, 8, 31), "must be on or after first_day"),
        (
            ("terms", 0, "last_day"),
            date(2027, 2, 22),
            "terms 'b': field 'first_day' is 2027-02-22, but term 'a' lasts until 2027-02-22;"
            " change one of them",
        ),
        (("days", 1, "school"), "x", "days[1]: field 'school' is 'x'"),
        (("days", 0, "follows_weekday"), 8, "must be a whole number, 1 or more and at most 7"),
        (("days", 0, "teaching"), "yes", "field 'teaching' must be true or false"),
        (("days", 1, "date"), date(2026, 10, 12), "must be written once for each school"),
        (("days", 2, "bell_set"), "x", "field 'bell_set' is 'x', which is not among the bell_sets"),
        (("days", 2, "school"), "h", "must be a bell set of the school that the entry names"),
        (("bell_sets", 0, "school"), "x", "bell_sets 'r-b': field 'school' is 'x'"),
        (
            ("bell_sets", 0, "periods", 0, "start"),
            "08:49",
            "bell_sets 'r-b', periods[1]: field 'start' must be outside period 2 (08:49–09:40);"
            " periods of one bell set must not overlap",
        ),
        (("bell_sets", 0, "periods", 0, "no"), 1, "periods[1]: field 'no' must be a number used"),
        (("bell_sets", 0, "periods", 0, "end"), "09:00", "field 'end' must be later than start"),
        (("bell_sets", 0, "periods", 0, "end"), "9:40", "field 'end' must be a clock time"),
        (("bell_sets", 0, "periods", 0, "end"), "24:00", "field 'end' must be a clock time"),
        (("timezone",), "Shanghai", "field 'timezone' must be a time zone"),
        (("timezone",), "../etc/passwd", "field 'timezone' must be a time zone"),
        (("target_classrooms",), -1, "roster: field 'target_classrooms' must be a whole number"),
        (("shools",), [], "roster: field 'shools' is not known; there are timezone"),
        (("schools",), {}, "roster: field 'schools' must be a list"),
        (("schools", 0), "h", "schools[0] must be an object with fields"),
    ],
)
def test_a_bad_roster_is_refused_by_table_id_and_field(
    path: tuple[str | int, ...], value: object, says: str
) -> None:
    changed: Any = copy.deepcopy(SMALL)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(ValueError, match=r"^roster") as caught:
        parse_roster(changed)
    assert isinstance(caught.value, MalformedError)
    assert says in str(caught.value)
    assert caught.value.zh != caught.value.en


def test_a_lenient_reader_passes_over_what_it_does_not_know() -> None:
    changed = copy.deepcopy(SMALL)
    changed["occurrences"] = []
    changed["schools"][0]["colour"] = "red"
    assert parse_roster(changed, strict=False) == parse_roster(SMALL)


def test_taicang_is_as_the_notice_orders(taicang: Roster) -> None:
    roles = Counter(s.role for s in taicang.schools.values())
    assert roles == {SchoolRole.HOST: 2, SchoolRole.REMOTE: 8}
    assert taicang.schools["host-1"].name == "城厢镇第四小学"  # type: ignore[index]
    assert taicang.schools["host-2"].name == "港城小学"  # type: ignore[index]
    assert taicang.target_classrooms == 48
    remote = [
        c
        for c in taicang.classrooms.values()
        if taicang.schools[c.school].role is SchoolRole.REMOTE
    ]
    assert Counter(c.school for c in remote) == {f"remote-{n}": 6 for n in range(1, 9)}
    by_date = Counter(c.commissioned_on for c in remote)
    assert by_date[date(2020, 12, 31)] == 16
    assert max(by_date) == date(2022, 9, 1)


def test_taicang_has_a_class_for_every_remote_classroom(taicang: Roster) -> None:
    classes = Counter(
        c.school for c in taicang.classes.values() if str(c.school).startswith("remote")
    )
    assert classes == {f"remote-{n}": 6 for n in range(1, 9)}
    assert all(30 <= c.enrolment <= 50 for c in taicang.classes.values())
    assert {c.grade for c in taicang.classes.values()} == {3, 4, 5, 6}
    teachers = Counter(t.school for t in taicang.teachers.values())
    assert (teachers["host-1"], teachers["host-2"]) == (12, 12)  # type: ignore[index]
    assert len({t.name for t in taicang.teachers.values()}) == len(taicang.teachers)


def test_taicang_bells_differ_between_any_two_schools(taicang: Roster) -> None:
    assert {b.school for b in taicang.bell_sets.values()} == set(taicang.schools)
    assert len({b.periods for b in taicang.bell_sets.values()}) == len(taicang.schools)


def test_taicang_term_contains_the_autumn_of_2026(taicang: Roster) -> None:
    (term,) = taicang.terms.values()
    assert (term.week1_monday, term.first_day, term.last_day) == (
        date(2026, 8, 31),
        date(2026, 9, 1),
        date(2027, 1, 22),
    )


def test_bell_sets_with_dates_and_days_with_a_reason_are_read() -> None:
    values = copy.deepcopy(SMALL)
    values["bell_sets"][0] |= {"name": "夏令时", "valid_from": date(2027, 5, 1)}
    values["days"][0]["reason"] = "台风"
    roster = parse_roster(values)
    (bells,) = roster.bell_sets.values()
    assert (bells.name, bells.valid_from, bells.valid_to) == ("夏令时", date(2027, 5, 1), None)
    assert [d.reason for d in roster.days][:2] == ["台风", ""]
    values["bell_sets"][0]["valid_to"] = date(2027, 4, 30)
    with pytest.raises(MalformedError, match="field 'valid_to' must be on or after valid_from"):
        parse_roster(values)
