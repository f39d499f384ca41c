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
