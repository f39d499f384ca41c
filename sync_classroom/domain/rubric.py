"""Scoring a lesson that a research session studies (听课评价): items, points, averages.

Each item has a weight and a most; a lesson's score is the weighted share of what could be had, of
100. Averages are over those who scored, each once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Final

from .ids import OccurrenceId
from .problems import ProblemError

MAX_ITEMS: Final = 20
MAX_ITEM_NAME: Final = 40
MAX_ENGLISH_NAME: Final = 80
MAX_WEIGHT: Final = 100
MAX_POINTS: Final = 100
MAX_REMARK: Final = 500
FULL: Final = 100


@dataclass(frozen=True, slots=True)
class Item:
    """What is looked at: it counts `weight` among the others, and 0 to `most` points are given.

    `english` is its name in English, empty: the Chinese one stands for it.
    """

    name: str
    weight: int
    most: int
    english: str = ""


#: What a lesson is commonly judged by, until an administrator says otherwise.
DEFAULT_RUBRIC: Final = (
    Item("教学目标", 15, 10, "Aims"),
    Item("教学内容", 20, 10, "Content"),
    Item("教学过程与方法", 25, 10, "Course and method"),
    Item("学生参与", 25, 10, "Pupils' part"),
    Item("教学效果", 15, 10, "Effect"),
)


@dataclass(frozen=True, slots=True)
class Rubric:
    """What lessons are scored by that nobody in their session has scored yet.

    `version` 0 is the one that came with the program.
    """

    items: tuple[Item, ...] = DEFAULT_RUBRIC
    version: int = 0
    by: str = ""
    at: datetime | None = None


def print_of(items: Sequence[Item]) -> str:
    """A short name of these items, another for any others: says which were shown."""
    text = repr([(item.name, item.weight, item.most, item.english) for item in items])
    return sha256(text.encode()).hexdigest()[:16]


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
    """A rubric that can be scored by; ProblemError whose field names the item (`item-3`)."""
    if not 1 <= len(items) <= MAX_ITEMS:
        raise _unfit(
            "rubric", f"评课表要有 1 到 {MAX_ITEMS} 项", f"A rubric has 1 to {MAX_ITEMS} items",
            len(items),
        )  # fmt: skip
    for n, item in enumerate(items):
        _check_item(f"item-{n}", item, {each.name for each in items[:n]})
    return tuple(items)


def _check_item(field: str, item: Item, before: set[str]) -> None:
    name = item.name
    if not name.strip() or len(name) > MAX_ITEM_NAME or not name.isprintable():
        raise _unfit(
            field, f"名称为 1 到 {MAX_ITEM_NAME} 字", f"A name is 1 to {MAX_ITEM_NAME} characters",
            name[: MAX_ITEM_NAME + 1],
        )  # fmt: skip
    if name in before:
        raise _unfit(field, f"「{name}」已经有了", f"There is an item {name!r} already", name)
    if len(item.english) > MAX_ENGLISH_NAME or not item.english.isprintable():
        raise _unfit(
            field, f"「{name}」的英文名称最多 {MAX_ENGLISH_NAME} 个字符",
            f"The English name of {name!r} is {MAX_ENGLISH_NAME} characters at most",
            item.english[: MAX_ENGLISH_NAME + 1],
        )  # fmt: skip
    if not 1 <= item.weight <= MAX_WEIGHT:
        raise _unfit(
            field, f"「{name}」的权重是 1 到 {MAX_WEIGHT} 的整数",
            f"The weight of {name!r} is a whole number from 1 to {MAX_WEIGHT}", item.weight,
        )  # fmt: skip
    if not 1 <= item.most <= MAX_POINTS:
        raise _unfit(
            field, f"「{name}」的满分是 1 到 {MAX_POINTS} 的整数",
            f"The most points of {name!r} are a whole number from 1 to {MAX_POINTS}", item.most,
        )  # fmt: skip


def _unfit(field: str, zh: str, en: str, value: object) -> ProblemError:
    return ProblemError("rubric_invalid", f"{zh}。", f"{en}.", field=field, value=value)
