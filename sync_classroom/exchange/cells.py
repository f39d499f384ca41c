"""What people write into one cell, as a value: weekdays, periods, weeks, dates, clock times.

Each function raises ValueError for what it cannot read; `rows` says so in a sentence.
"""

from __future__ import annotations

import re
from datetime import date, time
from typing import Final

from ..domain.series import WeekKind, WeekRule

MAX_PERIOD: Final = 30
MAX_WEEK: Final = 60
_HAN: Final = {c: n for n, c in enumerate("零一二三四五六七八九十")}
_WEEKDAYS: Final = {"日": 7, "天": 7, **{c: n for n, c in enumerate("一二三四五六", 1)}}
_ENGLISH: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIOD: Final = re.compile(r"第?(\d{1,2}|[一二三四五六七八九十]{1,2})(?:节课|节)?")
_RANGE: Final = re.compile(r"(.+?)(?:-|~|—|–|―|至|到|,|、)(.+)")
_ISO: Final = re.compile(r"\d{4}-(\d{2})-(\d{2})")
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_CLOCK: Final = re.compile(r"(\d{1,2})[::时点](\d{2})(?:[::分]\d{0,2})?")
_LIST: Final = re.compile(r"[、,;\n|]+")


def split(text: str) -> list[str]:
    """The entries of a list, in order; empty ones stand for nothing."""
    return [part.strip() for part in _LIST.split(text) if part.strip()]


def weekday(text: str) -> int:
    """一, 周一, 星期一, 礼拜一, Mon, Monday, 1: ISO, 1 to 7."""
    bare = text.lower().replace(" ", "")
    for prefix in ("星期", "礼拜", "周"):
        bare = bare.removeprefix(prefix)
    if bare in _WEEKDAYS:
        return _WEEKDAYS[bare]
    if bare.isascii() and bare.isdigit() and len(bare) <= 2 and 1 <= int(bare) <= 7:
        return int(bare)
    short = bare.rstrip(".")[:3]
    if short in _ENGLISH and bare.rstrip(".").isascii() and len(bare) <= len("wednesday"):
        return _ENGLISH.index(short) + 1
    raise ValueError(text)


def periods(text: str) -> tuple[int, int]:
    """`3`, `第3节`, `3-4`, `3、4`, `第3-4节`: first period and how many.

    Excel makes the 4th of March of 3-4; that is taken back.
    """
    bare = text.replace(" ", "").removeprefix("第").removesuffix("课").removesuffix("节")
    if match := _ISO.fullmatch(bare):
        return _run(int(match[1]), int(match[2]), text)
    if match := _PERIOD.fullmatch(bare):
        return _run(number(match[1]), number(match[1]), text)
    if match := _RANGE.fullmatch(bare):
        parts = [_PERIOD.fullmatch(p) for p in split(bare)] if "," in bare or "、" in bare else []
        if parts:
            found = [number(p[1]) for p in parts if p is not None]
            if len(found) == len(parts) and found == list(range(found[0], found[-1] + 1)):
                return _run(found[0], found[-1], text)
            raise ValueError(text)
        first, last = _PERIOD.fullmatch(match[1]), _PERIOD.fullmatch(match[2])
        if first is not None and last is not None:
            return _run(number(first[1]), number(last[1]), text)
    raise ValueError(text)


def _run(first: int, last: int, text: str) -> tuple[int, int]:
    if not 1 <= first <= last <= MAX_PERIOD:
        raise ValueError(text)
    return first, last - first + 1


def number(text: str) -> int:
    """A small whole number in figures or in Chinese (up to 99)."""
    bare = text.strip()
    if bare.isascii() and bare.isdigit() and len(bare) <= 6:
        return int(bare)
    if bare.endswith(".0"):
        return number(bare[:-2])
    tens, ten, ones = bare.partition("十")
    if ten and len(tens) <= 1 and len(ones) <= 1:
        return (_HAN[tens] if tens else 1) * 10 + (_HAN[ones] if ones else 0)
    if len(bare) == 1 and bare in _HAN:
        return _HAN[bare]
    raise ValueError(text)


def count(text: str, least: int, most: int) -> int:
    """A whole number in `[least, most]`, perhaps with a unit behind it (人, 课时, 节)."""
    try:
        value = number(re.sub(r"(人|课时|节|名|次)$", "", text.strip()))
    except KeyError:
        raise ValueError(text) from None
    if not least <= value <= most:
        raise ValueError(text)
    return value


def span(text: str) -> int:
    """How many periods run on: `2`, `2节`, `是` (two), `否` (one)."""
    bare = text.strip().lower()
    if bare in ("是", "连", "连堂", "y", "yes", "✓", "√"):
        return 2
    if bare in ("否", "不", "n", "no", "-"):
        return 1
    return count(bare, 1, MAX_PERIOD)


def weeks(text: str, last: int) -> WeekRule:
    """`全`, `单`, `双`, `odd`, `1-8,10`, `1-16单`, and `1/4` for every first of four weeks.

    `last` is the last week of the term; weeks beyond it raise ValueError.
    """
    bare = text.lower().replace(" ", "" if "/" not in text else " ").strip()
    bare = re.sub(r"[第周]|weeks?|\(|\)", "", bare)
    if bare in ("", "全", "全部", "每", "all", "every", "单双", "1/1"):
        return WeekRule()
    if bare in ("单", "单数", "odd", "1/2"):
        return WeekRule(WeekKind.ODD)
    if bare in ("双", "双数", "even", "2/2"):
        return WeekRule(WeekKind.EVEN)
    if match := _ISO.fullmatch(bare):
        bare = f"{int(match[1])}-{int(match[2])}"
    found: set[int] = set()
    for part in re.split(r"[、,; ]+", bare):
        found |= _weeks(part, last)
    if not found:
        raise ValueError(text)
    return WeekRule(WeekKind.LISTED, tuple(sorted(found)))


def _weeks(part: str, last: int) -> set[int]:
    if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})", part):
        nth, of = int(match[1]), int(match[2])
        if not 1 <= nth <= of:
            raise ValueError(part)
        return set(range(nth, last + 1, of))
    match = re.fullmatch(r"(\d{1,2})(?:[-~—–至到](\d{1,2}))?(单|双)?", part)
    if match is None:
        raise ValueError(part)
    first = int(match[1])
    until = int(match[2] or first)
    if not 1 <= first <= until <= min(last, MAX_WEEK):
        raise ValueError(part)
    parity = {"单": (1,), "双": (0,), None: (0, 1)}[match[3]]
    return {n for n in range(first, until + 1) if n % 2 in parity}


def day(text: str) -> date:
    """`2026-11-23`, `2026/11/23`, `2026年11月23日`, with or without a clock time behind it."""
    match = _DATE.match(text.replace(" ", ""))
    if match is None:
        raise ValueError(text)
    return date(int(match[1]), int(match[2]), int(match[3]))


def clock(text: str) -> time:
    """`8:10`, `08:10`, `8时10`, or the clock time behind a date."""
    bare = text.strip()
    if " " in bare and _DATE.match(bare):
        bare = bare.rpartition(" ")[2]
    match = _CLOCK.fullmatch(bare.replace(" ", ""))
    if match is None:
        raise ValueError(text)
    return time(int(match[1]), int(match[2]))


def grade(text: str) -> int:
    """`3`, `三`, `三年级`, `Grade 3`: 1 to 12; 七 to 九 also as 初一 to 初三, then 高一 to 高三."""
    bare = (
        text.lower().replace(" ", "").removeprefix("grade").removesuffix("年级").removesuffix("级")
    )
    for prefix, above in (("初", 6), ("高", 9)):
        if bare.startswith(prefix):
            return above + count(bare.removeprefix(prefix), 1, 3)
    return count(bare, 1, 12)
