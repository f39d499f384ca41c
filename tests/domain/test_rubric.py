"""Scores of a lesson: weighted shares of what could be had, averages exact."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from sync_classroom.domain.ids import OccurrenceId
from sync_classroom.domain.problems import ProblemError
from sync_classroom.domain.rubric import (
    DEFAULT_RUBRIC,
    MAX_REMARK,
    Item,
    Scores,
    check_points,
    check_rubric,
    print_of,
    remark_of,
    result_of,
)
from tests.support.plans import at

ITEMS = (Item("目标", 1, 10), Item("过程", 3, 5))
ONE = Scores(
    OccurrenceId("s-1"), OccurrenceId("english"), "t:li", "李", ITEMS, (10, 0), "", at("10:10")
)


def test_a_score_is_the_weighted_share_of_a_hundred() -> None:
    assert ONE.total == 25
    assert replace(ONE, points=(0, 5)).total == 75
    assert replace(ONE, points=(7, 4)).total == Fraction(155, 2)
    assert sum(item.weight for item in DEFAULT_RUBRIC) == 100
    best = tuple(item.most for item in DEFAULT_RUBRIC)
    assert replace(ONE, items=DEFAULT_RUBRIC, points=best).total == 100


def test_averages_are_over_everybody_who_scored() -> None:
    assert result_of([]) is None
    found = result_of([ONE, replace(ONE, points=(7, 4)), replace(ONE, points=(8, 5))])
    assert found is not None
    assert (found.count, found.averages) == (3, (Fraction(25, 3), Fraction(3)))
    assert found.total == (25 + Fraction(155, 2) + 95) / 3


def test_points_are_whole_and_within_each_item() -> None:
    assert check_points(ITEMS, [0, 5]) == (0, 5)
    for given, field in (([None, 5], 0), ([11, 5], 0), ([0, 6], 1), ([0, -1], 1)):
        with pytest.raises(ProblemError) as error:
            check_points(ITEMS, given)
        assert error.value.field == f"points-{field}"


def test_a_remark_has_an_end() -> None:
    assert remark_of(" 好 \n\n课 ") == "好\n\n课"
    with pytest.raises(ProblemError):
        remark_of("x" * (MAX_REMARK + 1))


@pytest.mark.parametrize(
    ("items", "field", "words"),
    [
        ([], "rubric", "1 到 20 项"), ([Item(f"{n}", 1, 1) for n in range(21)], "rubric", "20"),
        ([Item("", 1, 1)], "item-0", "名称"), ([Item("x" * 41, 1, 1)], "item-0", "40"),
        ([Item("a", 1, 1), Item("x", 0, 1)], "item-1", "「x」的权重"),
        ([Item("x", 1, 0)], "item-0", "「x」的满分"), ([Item("x", 101, 1)], "item-0", "权重"),
        ([Item("x", 1, 101)], "item-0", "满分"), ([Item("a\nb", 1, 1)], "item-0", "名称"),
        ([Item("x", 1, 1), Item("x", 2, 2)], "item-1", "「x」已经有了"),
        ([Item("x", 1, 1, "e" * 81)], "item-0", "英文名称"),
    ],
)  # fmt: skip
def test_a_rubric_that_cannot_be_scored_by_is_refused_by_name(
    items: list[Item], field: str, words: str
) -> None:
    assert check_rubric(ITEMS) == ITEMS
    with pytest.raises(ProblemError) as error:
        check_rubric(items)
    assert error.value.field == field
    assert words in error.value.zh


def test_the_print_tells_items_apart() -> None:
    assert print_of(ITEMS) == print_of(tuple(ITEMS))
    for other in (ITEMS[::-1], ITEMS[:1], (replace(ITEMS[0], english="Aims"), ITEMS[1])):
        assert print_of(other) != print_of(ITEMS)
