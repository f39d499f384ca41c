"""Forms keep what was typed and say what is wrong once."""

from __future__ import annotations

from datetime import date, time

import pytest
from multidict import MultiDict

from sync_classroom.web.pages.forms import MAX_FIELD, Form, parse_clock, parse_count, parse_day


def test_a_form_keeps_every_value_as_typed() -> None:
    form = Form.of(MultiDict([("seats", "a"), ("seats", "b"), ("name", "  王 ")]))
    assert form.all("seats") == ["a", "b"]
    assert form.get("name") == "  王 "
    assert form.text("name") == "王"
    assert form.get("nothing", "x") == "x"
    assert form.has("seats", "b")
    assert not form.has("seats", "c")


def test_uploads_are_dropped_and_long_values_cut() -> None:
    form = Form.of(MultiDict([("file", b"bytes"), ("long", "x" * (MAX_FIELD + 1))]))
    assert form.all("file") == []
    assert len(form.get("long")) == MAX_FIELD


def test_the_first_complaint_about_a_field_stays() -> None:
    form = Form.filled(name="x", seats=["a"])
    assert form.ok
    form.wrong("name", "first")
    form.wrong("name", "second")
    assert form.errors == {"name": "first"}
    assert not form.ok


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-11-23", date(2026, 11, 23)),
        ("20261123", None),
        ("2026-02-30", None),
        ("", None),
        # Neither has a day beside it in every zone.
        ("0001-01-01", None),
        ("9999-12-31", None),
    ],
)
def test_days(text: str, value: date | None) -> None:
    assert parse_day(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("09:40", time(9, 40)), ("9:40", None), ("25:00", None), ("09:40:10", None), ("", None)],
)
def test_clock_times(text: str, value: time | None) -> None:
    assert parse_clock(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("4", 4), ("5", None), ("0", None), ("-1", None), ("１", None), ("1.0", None)],
)
def test_counts(text: str, value: int | None) -> None:
    assert parse_count(text, least=1, most=4) == value
