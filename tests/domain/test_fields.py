from __future__ import annotations

from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Any

import pytest

from sync_classroom.domain.fields import Fields, MalformedError, shown
from sync_classroom.domain.problems import ProblemError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def field(value: object) -> Fields:
    return Fields({"x": value}, "thing")


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        ("text", "", ""),
        ("ident", "relay-1:b:7", "relay-1:b:7"),
        ("ident_or_none", None, None),
        ("count", 0, 0),
        ("count_or_none", None, None),
        ("flag", False, False),
        ("day", "2026-09-01", date(2026, 9, 1)),
        ("day", date(2026, 9, 1), date(2026, 9, 1)),
        ("day_or_none", None, None),
        ("clock", "08:10", time(8, 10)),
        ("clock", time(8, 10), time(8, 10)),
        ("instant", "2026-09-01T00:00:00Z", datetime(2026, 9, 1, tzinfo=UTC)),
        ("items", None, []),
        ("items", (1, 2), [1, 2]),
    ],
)
def test_a_good_value_is_read(read: str, value: object, expected: object) -> None:
    assert getattr(field(value), read)("x") == expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("text", None),
        ("text", 3),
        ("ident", " a"),
        ("ident", "x" * 97),
        ("count", -1),
        ("count", True),
        ("count", "1"),
        ("flag", 1),
        ("flag", None),
        ("day", "2026-02-30"),
        ("day", datetime(2026, 9, 1, tzinfo=UTC)),
        ("clock", "08:10:00"),
        ("clock", "8:10"),
        ("clock", time(8, tzinfo=UTC)),
        ("instant", "2026-09-01"),
        ("instant", datetime(2026, 9, 1)),  # noqa: DTZ001
        ("items", "ab"),
        ("items", {}),
    ],
)
def test_a_bad_value_is_refused_in_both_languages(read: str, value: object) -> None:
    with pytest.raises(MalformedError) as caught:
        getattr(field(value), read)("x")
    error = caught.value
    assert isinstance(error, ProblemError)
    assert isinstance(error, ValueError)
    assert (error.code, error.where, error.field, error.value) == (
        "malformed_data",
        "thing",
        "x",
        value,
    )
    assert error.en.startswith("thing: field 'x' must be ")
    assert error.zh.startswith("thing：字段 x 应为")


def test_bounds_are_named() -> None:
    with pytest.raises(MalformedError, match="1 or more and at most 7, not 8"):
        field(8).count("x", least=1, most=7)


def test_a_choice_names_what_there_is() -> None:
    assert field("red").choice("x", Colour) is Colour.RED
    with pytest.raises(MalformedError, match="one of red, blue, not 'green'"):
        field("green").choice("x", Colour)


def test_defaults_stand_for_absent_fields_only() -> None:
    nothing = Fields({}, "thing")
    assert nothing.text("x", default="y") == "y"
    assert nothing.flag("x", default=True) is True
    with pytest.raises(MalformedError, match="field 'x' is missing; it must be a string"):
        nothing.text("x")


def test_unknown_fields_are_refused_on_request() -> None:
    field(1).only("x", "y")
    with pytest.raises(MalformedError, match="field 'x' is not known; there are y, z"):
        field(1).only("y", "z")


def test_records_are_called_by_their_id_or_number() -> None:
    root = Fields({"things": [{"id": "a"}, {}, {"id": 3}]}, "root")
    assert [r.where for r in root.records("things")] == [
        "root, things 'a'",
        "root, things[1]",
        "root, things[2]",
    ]
    top: Any = Fields({"things": [{"id": "a"}]}, "")
    assert [r.where for r in top.records("things", named_by=None)] == ["things[0]"]


def test_an_error_can_be_told_from_further_out() -> None:
    with pytest.raises(MalformedError) as caught:
        field(None).text("x")
    told = caught.value.within("line 12")
    assert (told.where, told.field) == ("line 12, thing", "x")
    assert str(told) == "line 12, thing: field 'x' must be a string, not None"


def test_long_values_are_shown_shortly() -> None:
    assert shown("ab") == "'ab'"
    assert len(shown("x" * 1000)) == 81
