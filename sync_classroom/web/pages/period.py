"""The civil days a figure is about: presets, own dates, and the period it is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from ...domain.roster import Roster
from ..formats import term_on
from ..i18n import mark
from .forms import parse_day

# A school year and a bit; a longer period would read years of evidence for one page.
LONGEST_DAYS: Final = 400
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """Civil days, both included. `preset` names the choice, "" for own dates."""

    first: date
    last: date
    preset: str

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The month before if it is a whole month, else as many days directly before."""
        yesterday = self.first - _DAY
        if self.first.day == 1 and self.last == _month_end(self.first):
            return Period(yesterday.replace(day=1), yesterday, "before")
        return Period(self.first - self.days * _DAY, yesterday, "before")

    @property
    def year_before(self) -> Period:
        """The same days a year before; a whole February stays one in leap years too."""
        first, last = (_a_year_before(day) for day in (self.first, self.last))
        if self.last == _month_end(self.last):
            last = _month_end(last)
        return Period(first, last, "year")

    def term_before(self, roster: Roster) -> Period | None:
        """The same teaching weeks of the term before.

        None for days that are not all of one term, without a term before it, or where that one has
        no such weeks. The first and the last day of a term are those of the one before.
        """
        term = term_on(roster, self.first)
        if term is None or self.last > term.last_day:
            return None
        earlier = [t for t in roster.terms.values() if t.last_day < term.first_day]
        if not earlier:
            return None
        old = max(earlier, key=lambda t: t.first_day)
        move = old.week1_monday - term.week1_monday
        first = old.first_day if self.first == term.first_day else self.first + move
        last = old.last_day if self.last == term.last_day else self.last + move
        first, last = max(first, old.first_day), min(last, old.last_day)
        return Period(first, last, "term") if first <= last else None


PRESETS: Final = (
    ("week", mark("本周")),
    ("last-week", mark("上周")),
    ("month", mark("本月")),
    ("last-month", mark("上月")),
    ("term", mark("本学期")),
)


# What a period may be compared with: code, choice, and what the other period is then called.
AGAINST: Final = (
    ("before", mark("与上期"), mark("上期")),
    ("year", mark("与去年同期"), mark("去年同期")),
    ("term", mark("与上学期同一段"), mark("上学期")),
    ("own", mark("与自选时间段"), mark("对照期")),
    ("none", mark("不比较"), ""),
)
OWN: Final = ("compare_from", "compare_to")
# What may be wrong with own dates, and what is shown instead.
_USUAL_INSTEAD: Final = {
    "form": mark(
        "起止日期要写成 2026-11-23 的样子，年份在 2000 到 2099 之间；下面是默认的时间段。"
    ),
    "order": mark("截止日期早于起始日期；请把两个日期对调。下面是默认的时间段。"),
    "length": mark("时间段最长 400 天；请分段查看。下面是默认的时间段。"),
}
_BEFORE_INSTEAD: Final = {
    "form": mark(
        "对照期的起止日期要写成 2026-11-23 的样子，年份在 2000 到 2099 之间；下面与上期比较。"
    ),
    "order": mark("对照期的截止日期早于起始日期；请把两个日期对调。下面与上期比较。"),
    "length": mark("对照期最长 400 天；请选短一些。下面与上期比较。"),
}


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - _DAY


def _a_year_before(day: date) -> date:
    # 29 February has no other year but leap years.
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


def preset(name: str, today: date, roster: Roster) -> Period | None:
    """A named period, up to today where it is not over; None if there is no such one now."""
    monday = today - today.weekday() * _DAY
    month = today.replace(day=1)
    if name == "week":
        return Period(monday, today, name)
    if name == "last-week":
        return Period(monday - 7 * _DAY, monday - _DAY, name)
    if name == "month":
        return Period(month, today, name)
    if name == "last-month":
        return Period((month - _DAY).replace(day=1), month - _DAY, name)
    term = term_on(roster, today) if name == "term" else None
    return Period(term.first_day, today, name) if term else None


def asked(query: Mapping[str, str], today: date, roster: Roster) -> tuple[Period, str | None]:
    """The period of an address and what is wrong with it (a message id), if anything.

    `from` and `to` name own dates; `period` a preset; without either it is the term so far, or the
    month outside of terms.
    """
    usual = preset("term", today, roster) or Period(today.replace(day=1), today, "month")
    if "from" not in query and "to" not in query:
        return preset(query.get("period", ""), today, roster) or usual, None
    found = _own(query, "from", "to")
    return (found, None) if isinstance(found, Period) else (usual, _USUAL_INSTEAD[found])


def against(
    query: Mapping[str, str], period: Period, roster: Roster
) -> tuple[Period | None, str | None]:
    """The period that `?compare=` names for comparison, and what is wrong with it, if anything.

    None for `none`. Own dates are `compare_from` and `compare_to`; what cannot be had is the period
    before.
    """
    asked_for = query.get("compare", "before")
    if asked_for == "none":
        return None, None
    if asked_for == "year":
        return period.year_before, None
    if asked_for == "term":
        found = period.term_before(roster)
        missing = mark("这段时间没有可对照的上学期；请换一个比较对象。下面与上期比较。")
        return (found, None) if found else (period.before, missing)
    if asked_for == "own":
        own = _own(query, *OWN)
        if isinstance(own, Period):
            return Period(own.first, own.last, "own"), None
        return period.before, _BEFORE_INSTEAD[own]
    return period.before, None


def _own(query: Mapping[str, str], from_name: str, to_name: str) -> Period | str:
    """The dates that somebody chose, or what is wrong with them."""
    first, last = parse_day(query.get(from_name, "")), parse_day(query.get(to_name, ""))
    if first is None or last is None:
        return "form"
    if last < first:
        return "order"
    return Period(first, last, "") if (last - first).days < LONGEST_DAYS else "length"
