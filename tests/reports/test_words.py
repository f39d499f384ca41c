"""Every text of a report is there in both languages."""

from __future__ import annotations

import re

import pytest

from sync_classroom.domain.rules import DEFAULT
from sync_classroom.reports import words


def test_every_word_has_both_languages_with_the_same_places() -> None:
    for zh, en in [*words._WORDS.values(), *words.RULES.values()]:
        assert zh
        assert en
        assert zh.count("{}") == en.count("{}")
        assert not re.search(r"[一-鿿]", en), en


def test_every_threshold_of_the_rules_is_named() -> None:
    assert set(words.RULES) == set(DEFAULT.to_dict()) - {"name", "version"}


def test_words_fill_in_values_and_unknown_ones_are_errors() -> None:
    assert words.word("page_of", "en", 2, 9) == "Page 2 of 9"
    with pytest.raises(KeyError):
        words.word("nothing", "zh")


@pytest.mark.parametrize(
    ("text", "width", "count"),
    [("", 5, 1), ("abcde", 5, 1), ("abcdef", 5, 2), ("实开课", 6, 1), ("实开课 ÷", 6, 2)],
)
def test_a_chinese_character_takes_the_room_of_two(text: str, width: int, count: int) -> None:
    assert words.lines(text, width) == count
