"""Colours of subjects."""

from __future__ import annotations

import pytest

from sync_classroom.domain.subject_colours import PALETTE, colour_of
from tests.web.pages.test_contrast import TOKENS, luminance


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", PALETTE, ids=lambda c: c.fill)
def test_ink_in_all_its_shades_can_be_read_on_every_fill(colour: object) -> None:
    fill = colour.fill  # type: ignore[attr-defined]
    assert contrast(TOKENS["--ink"], fill) >= 7
    assert contrast(TOKENS["--ink-2"], fill) >= 4.5
    assert contrast(TOKENS["--state-missed"], fill) >= 4.5


@pytest.mark.parametrize("colour", PALETTE, ids=lambda c: c.edge)
def test_an_edge_stands_out_from_its_fill_and_from_paper(colour: object) -> None:
    edge, fill = colour.edge, colour.fill  # type: ignore[attr-defined]
    assert contrast(edge, fill) >= 3
    assert contrast(edge, TOKENS["--surface"]) >= 3


def test_the_subjects_of_the_curriculum_never_look_alike() -> None:
    subjects = [
        "语文", "数学", "英语", "科学", "道德与法治", "音乐", "美术", "体育", "劳动", "信息科技",
        "综合实践", "书法",
    ]  # fmt: skip
    assert len({colour_of(s) for s in subjects}) == len(subjects) == len(PALETTE)


def test_older_names_of_a_subject_have_its_colour() -> None:
    assert colour_of("品德与社会") == colour_of("道德与法治")
    assert colour_of("信息技术") == colour_of("信息科技")


def test_any_other_name_has_one_colour_for_ever() -> None:
    # Written down once: a run of another day, machine or version must give the same.
    names = ["围棋", "English", " english ", "Robotics", "心理健康", ""]
    assert [colour_of(n).no for n in names] == [10, 0, 0, 3, 5, 0]
