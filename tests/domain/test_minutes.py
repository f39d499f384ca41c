"""Minutes as paragraphs, and as a document to take along."""

from __future__ import annotations

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.minutes import (
    MAX_PARAGRAPH,
    Paragraph,
    as_markdown,
    paragraph_text,
    shown,
)
from sync_classroom.domain.problems import ProblemError
from tests.support.plans import at


def said(number: int, text: str) -> Paragraph:
    return Paragraph(OccurrenceId("s-1"), number, 1, text, at("16:10"), "wang")


def test_a_paragraph_keeps_its_lines_and_is_not_empty_unless_it_may_be() -> None:
    assert paragraph_text(" 一 \n  二 \n\n", empty=False) == "一\n  二"
    assert paragraph_text("  ", empty=True) == ""
    for wrong in ("", " \n ", "字" * (MAX_PARAGRAPH + 1)):
        with pytest.raises(ProblemError) as error:
            paragraph_text(wrong, empty=False)
        assert error.value.field == "text"


def test_what_was_taken_out_is_not_shown_and_the_rest_is_in_order() -> None:
    assert [p.number for p in shown([said(3, "c"), said(1, "a"), said(2, "")])] == [1, 3]


def test_the_document_has_title_facts_and_paragraphs_with_their_writers() -> None:
    text = as_markdown(
        "单元教学", [("学科", "英语")], [said(1, "一\n二"), said(2, "")], {"wang": "王老师"}
    )
    assert text == "# 单元教学\n\n- **学科** 英语\n\n一  \n二\n\n<sub>王老师</sub>\n"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("# 标题", "\\# 标题"),
        ("<script>", "\\<script\\>"),
        ("1. 一", "1\\. 一"),
        ("- 一", "\\- 一"),
        ("a*b_c`d", "a\\*b\\_c\\`d"),
        ("[x](http://y)", "\\[x\\](http://y)"),
    ],
)
def test_nothing_typed_becomes_markup(typed: str, written: str) -> None:
    assert written in as_markdown("t", [], [said(1, typed)], {})
