"""Scoring a lesson that a research session studies (听课评价): items, points, averages.

Each item has a weight and a most; a lesson's score is the weighted share of what could be had, of
100. Averages are over those who scored, each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Final

from .ids import OccurrenceId
from .problems import ProblemError

MAX_ITEMS: Final = 20
MAX_ITEM_NAME: Final = 40
MAX_WEIGHT: Final = 100
MAX_POINTS: Final = 100
MAX_REMARK: Final = 500
FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Item:
    """What is looked at: it counts `weight` among the others, and 0 to `most` points are given."""

    name: str
    weight: int
    most: int


#: What a lesson is commonly judged by; a bureau sets its own (`research.rubric`).
DEFAULT_RUBRIC: Final = (
    Item("教学目标", 15, 10),
    Item("教学内容", 20, 10),
    Item("教学过程与方法", 25, 10),
    Item("学生参与", 25, 10),
    Item("教学效果", 15, 10),
)


@dataclass(frozen=True, slots=True)
class Scores:
    """What one person gave a lesson in a session: points by item, in the rubric's order.

    `items` is the rubric as it was then, `by` a peer, `name` what they were called.
    """

    session: OccurrenceId
    lesson: OccurrenceId
    by: str
    name: str
    items: tuple[Item, ...]
    points: tuple[int, ...]
    remark: str
    at: datetime

    @property
    def total(self) -> Fraction:
        """The score, of 100."""
        weights = sum(item.weight for item in self.items)
        parts = (
            Fraction(item.weight * points, item.most)
            for item, points in zip(self.items, self.points, strict=True)
        )
        return FULL * sum(parts, Fraction(0)) / weights


@dataclass(frozen=True, slots=True)
class Result:
    """Averages over `count` people; by item in points, `total` of 100."""

    items: tuple[Item, ...]
    count: int
    averages: tuple[Fraction, ...]
    total: Fraction


def result_of(scores: Sequence[Scores]) -> Result | None:
    """The averages of one lesson's scores, all by one rubric; None without any."""
    if not scores:
        return None
    count, items = len(scores), scores[0].items
    averages = tuple(Fraction(sum(s.points[n] for s in scores), count) for n in range(len(items)))
    return Result(items, count, averages, sum((s.total for s in scores), Fraction(0)) / count)


def check_points(items: Sequence[Item], given: Sequence[int | None]) -> tuple[int, ...]:
    """Points for every item; ProblemError naming the first item without, or with too many."""
    points: list[int] = []
    for item, value in zip(items, given, strict=True):
        if value is None or not 0 <= value <= item.most:
            raise ProblemError(
                "points_invalid",
                f"「{item.name}」请给 0 到 {item.most} 的整数分。",
                f"Give {item.name} a whole number of points from 0 to {item.most}.",
                field=f"points-{len(points)}",
                value=value,
            )
        points.append(value)
    return tuple(points)


def remark_of(text: str) -> str:
    """A remark without blanks around it, perhaps nothing; ProblemError if too long."""
    remark = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if len(remark) > MAX_REMARK:
        raise ProblemError(
            "remark_too_long",
            f"评语最多 {MAX_REMARK} 字，现在有 {len(remark)} 字。",
            f"A remark is {MAX_REMARK} characters at most and has {len(remark)}.",
            field="remark",
            value=len(remark),
        )
    return remark


def check_rubric(items: Sequence[Item]) -> tuple[Item, ...]:
    """A rubric that can be scored by; ProblemError naming the item that cannot."""
    if not 1 <= len(items) <= MAX_ITEMS:
        raise _unfit("", f"要有 1 到 {MAX_ITEMS} 项", f"has 1 to {MAX_ITEMS} items", len(items))
    for item in items:
        name = item.name.strip()
        if not name or len(name) > MAX_ITEM_NAME or not name.isprintable():
            raise _unfit(
                item.name[:MAX_ITEM_NAME], f"名称为 1 到 {MAX_ITEM_NAME} 字",
                f"a name is 1 to {MAX_ITEM_NAME} characters", len(name),
            )  # fmt: skip
        if not 1 <= item.weight <= MAX_WEIGHT or not 1 <= item.most <= MAX_POINTS:
            raise _unfit(
                name, f"权重 1 到 {MAX_WEIGHT}，满分 1 到 {MAX_POINTS}，如 [20, 10]",
                f"weight 1 to {MAX_WEIGHT} and most 1 to {MAX_POINTS} points, such as [20, 10]",
                [item.weight, item.most],
            )  # fmt: skip
    return tuple(items)


def _unfit(name: str, zh: str, en: str, value: object) -> ProblemError:
    return ProblemError(
        "rubric_invalid",
        f"评课表{f'「{name}」' if name else ''}不能用：{zh}。",
        f"The rubric{f' item {name!r}' if name else ''} will not do: {en}.",
        field="research.rubric",
        value=value,
    )
