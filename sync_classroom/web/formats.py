"""How instants, durations, rates and dates are written for people, in either language.

Lengths are whole seconds and never rounded; a rate is shown to a tenth of a percent and is 100.0
or 0.0 only when it is exactly that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from ..domain import writing
from ..domain.roster import Roster, Term
from ..domain.writing import NOTHING
from .i18n import Tongue

_WEEKDAYS_ZH: Final = "一二三四五六日"
_WEEKDAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate as it is written: `percent` ("96.4 %" or "—") and `fraction` ("(241/250)")."""

    percent: str
    fraction: str
    share: float | None

    @property
    def exact(self) -> str:
        """`241/250`, as pages carry it for whoever checks them."""
        return self.fraction.strip("()")


def rate(numerator: int, denominator: int) -> Rate:
    """Write `numerator / denominator`; an empty denominator is "—", never 0 or 100 %."""
    fraction = f"({numerator}/{denominator})"
    share = numerator / denominator if denominator else None
    return Rate(writing.percent(numerator, denominator), fraction, share)


@dataclass(frozen=True, slots=True)
class Format:
    """Writes values in one language and one civil zone."""

    tongue: Tongue
    zone: ZoneInfo

    @property
    def _zh(self) -> bool:
        return self.tongue.code == "zh"

    def clock(self, at: datetime | None, *, seconds: bool = False) -> str:
        """`09:40`, or `09:40:05`; "—" for no instant."""
        if at is None:
            return NOTHING
        return at.astimezone(self.zone).strftime("%H:%M:%S" if seconds else "%H:%M")

    def civil(self, at: datetime) -> date:
        """The civil day of an instant."""
        return at.astimezone(self.zone).date()

    def span(
        self, from_at: datetime | None, to_at: datetime | None, *, seconds: bool = False
    ) -> str:
        """`09:40–10:20`."""
        first, last = (self.clock(at, seconds=seconds) for at in (from_at, to_at))
        return f"{first}–{last}"

    def stamp(self, at: datetime | None) -> str:
        """`11月23日 09:40`, `23 Nov 09:40`; "—" for no instant."""
        if at is None:
            return NOTHING
        return f"{self.day(at.astimezone(self.zone).date(), weekday=False)} {self.clock(at)}"

    def day(self, day: date, *, weekday: bool = True, term: Term | None = None) -> str:
        """`11月23日 周一 第13周`, `Mon 23 Nov · week 13`; the week only inside `term`."""
        week = week_of(term, day)
        if self._zh:
            parts = [f"{day.month}月{day.day}日"]
            if weekday:
                parts.append(f"周{_WEEKDAYS_ZH[day.weekday()]}")
            if week is not None:
                parts.append(f"第{week}周")
            return " ".join(parts)
        text = self.brief_day(day)
        if weekday:
            text = f"{_WEEKDAYS_EN[day.weekday()]} {text}"
        return text if week is None else f"{text} · week {week}"

    def weekday(self, number: int) -> str:
        """`周三`, `Wed` of an ISO weekday."""
        return f"周{_WEEKDAYS_ZH[number - 1]}" if self._zh else _WEEKDAYS_EN[number - 1]

    def short_day(self, day: date) -> str:
        """`11月23日`, `23 Nov`."""
        return self.day(day, weekday=False)

    def brief_day(self, day: date) -> str:
        """`11/23`, `23 Nov`."""
        return writing.brief_day(day, self.tongue.code)

    def date_range(self, first: date, last: date) -> str:
        """`2026年11月2日–11月30日`, `2 Nov – 30 Nov 2026`; one day is written once."""
        return writing.date_range(first, last, self.tongue.code)

    def duration(self, seconds: int) -> str:
        """`38 分 12 秒`, `1 小时 02 分 05 秒`; English `38 min 12 s`. Whole seconds, exact."""
        return writing.duration(seconds, self.tongue.code)

    def size(self, octets: int) -> str:
        """`640 KB`, `12.3 MB`, `1.25 GB`; powers of ten, as disks are sold."""
        if octets < 1_000_000:
            return f"{octets / 1000:.0f} KB"
        if octets < 1_000_000_000:
            return f"{octets / 1_000_000:.1f} MB"
        return f"{octets / 1_000_000_000:.2f} GB"

    def ratio(self, value: float | None) -> str:
        """ρ to three places, cut and not rounded, so that 0.7999 never reads as 0.800."""
        if value is None:
            return NOTHING
        return f"{int(value * 1000 + 1e-9) / 1000:.3f}"


def week_of(term: Term | None, day: date) -> int | None:
    """The teaching week `day` is in, counted from the term's first Monday; None outside."""
    if term is None or not term.first_day <= day <= term.last_day:
        return None
    return (day - term.week1_monday).days // 7 + 1


def term_on(roster: Roster, day: date) -> Term | None:
    """The term `day` belongs to."""
    return next(
        (t for t in roster.terms.values() if t.first_day <= day <= t.last_day),
        None,
    )
