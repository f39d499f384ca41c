"""Names are written with what the fonts have, and nothing of a name makes a report fail."""

from __future__ import annotations

from sync_classroom.reports.fonts import OWN_FAMILY, characters_of, load_typeface

FACE = load_typeface()


def test_our_font_is_there_and_has_chinese() -> None:
    assert FACE.families == (OWN_FAMILY,)
    assert len(FACE.characters) > 20_000
    assert {ord(c) for c in "随迁子女学校①（）—…□ρ÷≥"} <= FACE.characters


def test_a_family_that_is_nowhere_gives_way_to_ours() -> None:
    assert load_typeface(("No Such Family", OWN_FAMILY)).families == (OWN_FAMILY,)
    assert load_typeface(("No Such Family",)).families == (OWN_FAMILY,)


def test_text_is_cut_to_one_line_of_what_can_be_written() -> None:
    assert FACE.clean("三校\n 一班\t", 20) == "三校 一班"
    assert FACE.clean("😀好\u202e\x07\ud800", 20) == "□好?"
    assert FACE.clean("长" * 30, 10) == "长" * 9 + "…"
    assert FACE.clean("e\u0301", 10) == "é"


def test_what_is_no_font_has_no_characters() -> None:
    assert characters_of(b"") == frozenset()
    assert characters_of(b"ttcf" + bytes(40)) == frozenset()
    assert characters_of(b"OTTO\x00\x05" + bytes(8)) == frozenset()
