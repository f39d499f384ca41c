"""Which sections a report has, and that no figure is left out of them."""

from __future__ import annotations

from typing import Any

import pytest

from sync_classroom.domain.definitions import DEFINITIONS
from sync_classroom.reports.document import MOST_ADJUSTMENTS, compose
from sync_classroom.reports.fonts import load_typeface
from tests.support.reports import content

FACE = load_typeface()


def _headings(document: dict[str, Any]) -> list[str]:
    return [b["text"] for b in document["blocks"] if b["type"] == "heading" and b["level"] == 1]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sections_are_complete_in_both_languages(language: str) -> None:
    document = compose(content(language), FACE, {"build", "causes"})
    assert len(_headings(document)) == 13
    tiles = next(b for b in document["blocks"] if b["type"] == "tiles")
    assert len(tiles["items"]) == 9
    assert all(t["formula"] for t in tiles["items"])
    charts = [b["name"] for b in document["blocks"] if b["type"] == "chart"]
    assert charts == ["build", "causes"]
    assert all(b["alt"] for b in document["blocks"] if b["type"] == "chart")
    appendix = [
        row[1] for b in document["blocks"] if b["type"] == "table" for row in b["rows"]
        if str(row[1]) in DEFINITIONS
    ]  # fmt: skip
    assert set(DEFINITIONS) <= set(appendix)
    assert any(b["type"] == "signatures" for b in document["blocks"])


def test_a_title_says_what_period_it_is() -> None:
    made = content()
    titles = {
        k: compose({**made, "kind": k}, FACE, ())["title"] for k in ("month", "term", "period")
    }
    assert titles["month"] == "同步课堂覆盖月报"
    assert len(set(titles.values())) == 3


def test_many_adjustments_are_counted_and_the_rest_is_in_the_workbook() -> None:
    made = content("en")
    one = {
        "id": "a", "occurrence": "o", "seat": "s", "school_no": 1, "classroom_no": 1,
        "from": "2026-09-01T09:00:00+08:00", "to": "2026-09-01T09:10:00+08:00", "seconds": 600,
        "at": "2026-09-01T12:00:00+08:00", "by": "x", "reason": "y",
    }  # fmt: skip
    made["adjustments"] = [one] * (MOST_ADJUSTMENTS + 7)
    texts = [b["text"] for b in compose(made, FACE, ())["blocks"] if b["type"] == "para"]
    assert any(t.startswith("7 more") for t in texts)
    made["adjustments"] = []
    texts = [b["text"] for b in compose(made, FACE, ())["blocks"] if b["type"] == "para"]
    assert "There are no adjustments in this period." in texts


def test_a_period_in_which_all_was_held_says_so() -> None:
    made = content("en")
    causes = dict.fromkeys(made["figures"]["causes"], 0)
    made["figures"] = {**made["figures"], "causes": causes}
    texts = [b["text"] for b in compose(made, FACE, ())["blocks"] if b["type"] == "para"]
    assert "Every due seat was held." in texts
