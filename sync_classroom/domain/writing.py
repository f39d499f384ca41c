"""How figures are written for people, in Chinese and English: one way for pages and reports.

Lengths are whole seconds and never rounded; a rate is written to a tenth of a percent and is 100.0
or 0.0 only when it is exactly that.
"""

from __future__ import annotations

from datetime import date
from typing import Final

NOTHING: Final = "—"
_MONTHS_EN: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def percent(numerator: int, denominator: int) -> str:
    """`96.4 %`; an empty denominator is "—", never 0 or 100 %."""
    if denominator == 0:
        return NOTHING
    # Tenths of a percent, half up, in whole numbers: no float decides what a bureau reads.
    tenths = (2000 * numerator + denominator) // (2 * denominator)
    if tenths == 1000 and numerator < denominator:
        tenths = 999
    if tenths == 0 and numerator > 0:
        tenths = 1
    return f"{tenths // 10}.{tenths % 10} %"


def duration(seconds: int, language: str) -> str:
    """`38 分 12 秒`, `1 小时 02 分 05 秒`; English `38 min 12 s`. Whole seconds, exact."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    h, m, s = ("小时", "分", "秒") if language == "zh" else ("h", "min", "s")
    if hours:
        return f"{hours} {h} {minutes:02} {m} {left:02} {s}"
    if minutes:
        return f"{minutes} {m} {left:02} {s}"
    return f"{left} {s}"


def clock_length(seconds: int) -> str:
    """`1080:58:50`: a length for a narrow column, hours without end."""
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}"


def brief_day(day: date, language: str) -> str:
    """`11/23`, for a narrow column; English `23 Nov`, where `1/12` would be read either way."""
    if language == "zh":
        return f"{day.month}/{day.day}"
    return f"{day.day} {_MONTHS_EN[day.month - 1]}"


def date_range(first: date, last: date, language: str) -> str:
    """`2026年11月2日–11月30日`, `2 Nov – 30 Nov 2026`; one day is written once."""
    if first == last:
        return _day(first, language)
    if language == "zh":
        year = "" if last.year == first.year else f"{last.year}年"
        return f"{_day(first, language)}–{year}{last.month}月{last.day}日"
    year = "" if last.year == first.year else f" {first.year}"
    return f"{brief_day(first, language)}{year} – {_day(last, language)}"


def _day(day: date, language: str) -> str:
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{brief_day(day, language)} {day.year}"
