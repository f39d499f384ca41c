"""The field types that requests share."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from sync_classroom.web.fields import Day, Id, Instant, Line


def accepts(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_json(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ('"2026-11-23T09:00:00+08:00"', True),
        ('"2026-11-23T01:00:00Z"', True),
        ('"2026-11-23T09:00:00"', False),
        ('"2026-11-23"', False),
        ('"1999-12-31T23:59:59+08:00"', False),
        ('"2100-01-01T00:00:00+08:00"', False),
        ('"0001-01-01T00:00:00+14:00"', False),
        ("1795000000", False),
        ("null", False),
    ],
)
def test_an_instant_has_an_offset_and_a_year_of_ours(value: str, good: bool) -> None:
    assert accepts(Instant, value) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [('"2026-11-23"', True), ('"2026-02-30"', False), ('"9999-12-31"', False), ("20261123", False)],
)
def test_a_day_is_a_day(value: str, good: bool) -> None:
    assert accepts(Day, value) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ('"far-1-r1"', True),
        ('"a.b_c:d-1"', True),
        ('""', False),
        ('"../x"', False),
        ('"-x"', False),
        ('"x\\n"', False),
        ('"教室"', False),
        (f'"{"x" * 97}"', False),
    ],
)
def test_an_id_needs_no_escaping_anywhere(value: str, good: bool) -> None:
    assert accepts(Id, value) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [('"三年级 英语"', True), ('""', False), ('"a\\u0000b"', False), ('"a\\nb"', False)],
)
def test_a_line_is_one_line(value: str, good: bool) -> None:
    assert accepts(Line, value) is good
