"""Fields of a message are taken once, with exact types and bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync_classroom.domain.message_fields import Fields

WORDS = frozenset({"a", "b"})


@pytest.mark.parametrize(
    ("value", "take", "taken"),
    [
        ("x", lambda f: f.text("v", 1), "x"),
        ("", lambda f: f.text("v", 1, empty=True), ""),
        ("a", lambda f: f.word("v", WORDS), "a"),
        ({"q": "b"}, lambda f: f.words("v", ("p", "q"), WORDS, "v"), {"q": "b"}),
        (False, lambda f: f.flag("v"), False),
        (0.5, lambda f: f.number("v", 0, 1), 0.5),
        (None, lambda f: f.number_or_none("v", 0, 1), None),
        (7, lambda f: f.whole("v", 7), 7),
        ("o-1", lambda f: f.id("v"), "o-1"),
        ([1, 2], lambda f: f.each("v", lambda one, name: one.whole(name, 2)), (1, 2)),
    ],
)
def test_what_fits_is_taken_once(value: Any, take: Callable[[Fields], Any], taken: Any) -> None:
    fields = Fields({"v": value}, "message")
    assert take(fields) == taken
    fields.done()
    with pytest.raises(ValueError, match="message lacks 'v'"):
        take(fields)


@pytest.mark.parametrize(
    ("value", "take", "words"),
    [
        (1, lambda f: f.text("v", 9), "text of 1 to 9"),
        ("xx", lambda f: f.text("v", 1, empty=True), "text of 0 to 1"),
        ("\x07", lambda f: f.text("v", 1), "control characters"),
        ("c", lambda f: f.word("v", WORDS), "one of a, b"),
        (["a"], lambda f: f.word("v", WORDS), "one of a, b"),
        ({"r": "b"}, lambda f: f.words("v", ("p", "q"), WORDS, "v"), "unknown field 'r'"),
        (0, lambda f: f.flag("v"), "true or false"),
        (True, lambda f: f.number("v", 0, 1), "must be a number"),
        (float("nan"), lambda f: f.number("v", 0, 1), "between 0 and 1"),
        (1.5, lambda f: f.number_or_none("v", 0, 1), "between 0 and 1"),
        (8, lambda f: f.whole("v", 7), "whole number from 0 to 7"),
        (1.0, lambda f: f.whole("v", 7), "whole number from 0 to 7"),
        ("../x", lambda f: f.id("v"), "identifier"),
        ([1], lambda f: f.each("v", lambda one, name: one.whole(name, 2)), "list of 2 to 6"),
    ],
)
def test_what_does_not_fit_says_why(value: Any, take: Callable[[Fields], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        take(Fields({"v": value}, "message"))


def test_only_objects_and_only_known_fields() -> None:
    with pytest.raises(ValueError, match="line must be an object"):
        Fields([], "line")
    with pytest.raises(ValueError, match="message has unknown field 'b'"):
        Fields({"b": 1}, "message").done()
