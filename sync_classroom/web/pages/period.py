"""The civil days a figure is about: presets, own dates, and the period before for comparison."""

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
    def before(self) -> tuple[date, date]:
        """As many days directly before."""
        return self.first - self.days * _DAY, self.first - _DAY


PRESETS: Final = (
    ("week", mark("本周")),
    ("last-week", mark("上周")),
    ("month", mark("本月")),
    ("last-month", mark("上月")),
    ("term", mark("本学期")),
)


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
    first, last = parse_day(query.get("from", "")), parse_day(query.get("to", ""))
    if first is None or last is None:
        return usual, mark("起止日期要写成 2026-11-23 的样子；下面是默认的时间段。")
    if last < first:
        return usual, mark("截止日期早于起始日期；请把两个日期对调。下面是默认的时间段。")
    if (last - first).days + 1 > LONGEST_DAYS:
        return usual, mark("时间段最长 400 天；请分段查看。下面是默认的时间段。")
    return Period(first, last, ""), None
