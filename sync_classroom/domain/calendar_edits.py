"""What a person changes of the calendar: a day, a term or a bell set, always with a reason.

Edits hold at once and are kept for ever with who, when, why, old and new. What a person has edited
is no longer the roster file's: loading the file again leaves it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from .ids import SchoolId
from .problems import ProblemError, ProblemKind
from .roster import BellSet, DayException, Period, Roster, Term

MAX_REASON: Final = 200
MAX_NAME: Final = 60
# A boarding school's day from morning exercise to evening study has fewer.
MAX_PERIODS: Final = 20
# A term is half a year; a year and a half is a slip of the year.
MAX_TERM_DAYS: Final = 550
LAST_WEEKDAY: Final = 7
LAST_WEEK: Final = 60
_MONDAY: Final = 1


class Edited(StrEnum):
    """What kind of thing an edit is about."""

    DAY = "day"
    TERM = "term"
    BELL_SET = "bell_set"


@dataclass(frozen=True, slots=True)
class DayEdit:
    """What one date is to be at one school, or at all of them; None is what it is without this."""

    school: SchoolId | None
    date: date
    exception: DayException | None

    @property
    def subject(self) -> str:
        """The name of the day in the history."""
        return day_subject(self.school, self.date)


Subject = DayEdit | Term | BellSet


@dataclass(frozen=True, slots=True)
class CalendarEdit:
    """One edit as it was made. `old` and `new` are records as in `plan.json`; None is nothing.

    `number` grows with every edit. `school` is None where all schools are concerned.
    """

    number: int
    at: datetime
    by: str
    reason: str
    kind: Edited
    subject: str
    school: SchoolId | None
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None


def day_subject(school: SchoolId | None, on: date) -> str:
    """The name of one school's (or every school's) date in the history."""
    return f"{school or '*'}/{on.isoformat()}"


def kind_of(subject: Subject) -> Edited:
    """Of which kind an edit is."""
    if isinstance(subject, DayEdit):
        return Edited.DAY
    return Edited.TERM if isinstance(subject, Term) else Edited.BELL_SET


def checked_reason(reason: str) -> str:
    """The reason on one line; ProblemError without one."""
    return _line("reason", "原因", reason, MAX_REASON)


def checked_day(edit: DayEdit, roster: Roster) -> DayEdit:
    """The edit, without what a day off has no use for; ProblemError naming the field."""
    if edit.school is not None and edit.school not in roster.schools:
        raise _unknown("school", "学校", "school", edit.school)
    exception = edit.exception
    if exception is None:
        return edit
    exception = replace(exception, school=edit.school, date=edit.date)
    if not exception.teaching:
        return replace(
            edit,
            exception=replace(exception, follows_weekday=None, follows_week=None, bell_set=None),
        )
    _within("follows_weekday", "星期", exception.follows_weekday, LAST_WEEKDAY)
    _within("follows_week", "周次", exception.follows_week, LAST_WEEK)
    if exception.bell_set is not None:
        bell_set = roster.bell_sets.get(exception.bell_set)
        if bell_set is None or bell_set.school != edit.school:
            raise ProblemError(
                "bell_set_of_other_school",
                "作息表须是这所学校自己的；给全部学校改这一天时不能指定作息表。",
                "The bell set must be this school's own; a day of all schools names none.",
                field="bell_set",
                value=exception.bell_set,
            )
    return replace(edit, exception=exception)


def checked_term(term: Term, others: Iterable[Term]) -> Term:
    """The term; ProblemError naming the field for what is wrong in it or with other terms."""
    name = _line("name", "名称", term.name, MAX_NAME)
    if term.week1_monday.isoweekday() != _MONDAY:
        raise ProblemError(
            "week1_not_monday",
            f"{term.week1_monday} 不是星期一。请填第一周的星期一。",
            f"{term.week1_monday} is no Monday. Give the Monday of the first week.",
            field="week1_monday",
            value=term.week1_monday.isoformat(),
        )
    if term.first_day < term.week1_monday:
        raise _order("first_day", term.first_day, "第一周的星期一", "the Monday of week 1")
    if term.last_day < term.first_day:
        raise _order("last_day", term.last_day, "第一天", "the first day")
    if (term.last_day - term.week1_monday).days > MAX_TERM_DAYS:
        raise ProblemError(
            "term_too_long",
            f"学期最长 {MAX_TERM_DAYS} 天；请检查最后一天的年份。",
            f"A term has {MAX_TERM_DAYS} days at most; check the year of the last day.",
            field="last_day",
            value=term.last_day.isoformat(),
        )
    for other in others:
        if (
            other.id != term.id
            and other.first_day <= term.last_day
            and term.first_day <= other.last_day
        ):
            raise ProblemError(
                "terms_overlap",
                f"与“{other.name}”（{other.first_day} 至 {other.last_day}）重叠。"
                "请改日期，或先改那个学期。",
                f"It overlaps {other.name!r} ({other.first_day} to {other.last_day}). Change the"
                " dates, or that term first.",
                kind=ProblemKind.CONFLICT,
                field="first_day",
                value=term.first_day.isoformat(),
            )
    return replace(term, name=name)


def checked_bell_set(bell_set: BellSet, roster: Roster) -> BellSet:
    """The bell set, its periods in order of the day; ProblemError naming the field."""
    if bell_set.school not in roster.schools:
        raise _unknown("school", "学校", "school", bell_set.school)
    known = roster.bell_sets.get(bell_set.id)
    if known is not None and known.school != bell_set.school:
        raise ProblemError(
            "bell_set_of_other_school",
            f"作息表 {bell_set.id} 属于另一所学校。请另起编号。",
            f"The bell set {bell_set.id} belongs to another school. Choose another id.",
            kind=ProblemKind.CONFLICT,
            field="id",
            value=bell_set.id,
        )
    name = _line("name", "名称", bell_set.name, MAX_NAME)
    first, last = bell_set.valid_from, bell_set.valid_to
    if first is not None and last is not None and last < first:
        raise _order("valid_to", last, "生效日期", "the day it holds from")
    return replace(bell_set, name=name, periods=_periods(bell_set.periods))


def edit_conflict(latest: CalendarEdit) -> ProblemError:
    """The refusal of an edit made without having seen the latest one."""
    return ProblemError(
        "calendar_changed",
        f"您打开之后，{latest.by} 已经改过（原因：{latest.reason}）。"
        "下面是现在的样子，请核对后再保存。",
        f"{latest.by} has changed it since you opened it (reason: {latest.reason})."
        " Look at it as it is now, then save again.",
        kind=ProblemKind.CONFLICT,
        field="seen",
        value=latest.number,
    )


def _periods(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    if not 1 <= len(periods) <= MAX_PERIODS:
        raise ProblemError(
            "periods_count",
            f"作息表须有 1 到 {MAX_PERIODS} 节。",
            f"A bell set has 1 to {MAX_PERIODS} periods.",
            field="periods",
            value=len(periods),
        )
    ordered = tuple(sorted(periods, key=lambda p: p.start))
    numbers: set[int] = set()
    before: Period | None = None
    for period in ordered:
        shown = f"{period.start:%H:%M}–{period.end:%H:%M}"
        if period.no in numbers:
            raise _wrong_period(
                period, f"第 {period.no} 节写了两次", f"period {period.no} is given twice"
            )
        if period.end <= period.start:
            raise _wrong_period(
                period,
                f"第 {period.no} 节（{shown}）的下课不晚于上课",
                f"period {period.no} ({shown}) ends no later than it begins",
            )
        if before is not None and period.start < before.end:
            raise _wrong_period(
                period,
                f"第 {period.no} 节（{shown}）与第 {before.no} 节"
                f"（{before.start:%H:%M}–{before.end:%H:%M}）重叠",
                f"period {period.no} ({shown}) overlaps period {before.no}"
                f" ({before.start:%H:%M}–{before.end:%H:%M})",
            )
        numbers.add(period.no)
        before = period
    return ordered


def _wrong_period(period: Period, zh: str, en: str) -> ProblemError:
    return ProblemError(
        "period_invalid",
        f"{zh}。请改正钟点或节次。",
        f"{en[0].upper()}{en[1:]}. Correct its times or its number.",
        field="periods",
        value=period.no,
    )


def _line(field: str, zh_name: str, text: str, most: int) -> str:
    line = text.strip()
    if not line or len(line) > most or not line.isprintable():
        raise ProblemError(
            f"{field}_invalid",
            f"请填写{zh_name}，1 到 {most} 个字，不换行。",
            f"Give a {field} of 1 to {most} characters on one line.",
            field=field,
            value=text[: most + 1],
        )
    return line


def _within(field: str, zh_name: str, value: int | None, most: int) -> None:
    if value is not None and not 1 <= value <= most:
        raise ProblemError(
            f"{field}_invalid",
            f"{zh_name}须在 1 到 {most} 之间。",
            f"{field} must be between 1 and {most}.",
            field=field,
            value=value,
        )


def _order(field: str, value: date, zh: str, en: str) -> ProblemError:
    return ProblemError(
        "dates_in_wrong_order",
        f"{value} 早于{zh}。请改正其中一个日期。",
        f"{value} is before {en}. Correct one of the dates.",
        field=field,
        value=value.isoformat(),
    )


def _unknown(field: str, zh_name: str, en_name: str, value: str) -> ProblemError:
    return ProblemError(
        "unknown_id",
        f"没有编号为“{value[:100]}”的{zh_name}。请从名册中选择。",
        f"There is no {en_name} {value[:100]!r}. Choose one from the roster.",
        field=field,
        value=value[:100],
    )
