"""What must be true of a weekly rule before it is planned: as of a lesson, on each of its dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from .bookable import (
    MAX_TEXT,
    check_duration,
    check_figures,
    check_seat_count,
    check_seats,
    host_of,
    text_of,
    unknown,
    within,
)
from .edit_lessons import MAX_SPAN
from .edit_sheet import Sheet, check_in_term
from .ids import ID_PATTERN, SeriesId
from .problems import ProblemError
from .roster import Term
from .series import Series, WeekKind, bounds
from .timetable import Mode, Occurrence

# The ids of its lessons and their seats begin with it, and must be well-formed themselves.
MAX_SERIES_ID: Final = 64
_SUNDAY: Final = 7
_LAST_WEEK: Final = 60
_LAST_PERIOD: Final = 30


def check_id(series: SeriesId) -> None:
    """A well-formed id that leaves room for those of its lessons."""
    if len(series) > MAX_SERIES_ID or not ID_PATTERN.fullmatch(series):
        raise ProblemError(
            "series_id_invalid",
            f"编号须为 1 到 {MAX_SERIES_ID} 个字母、数字或 . _ : -，以字母或数字开头。",
            f"The id must be 1 to {MAX_SERIES_ID} letters, digits, '.', '_', ':' or '-',"
            " beginning with a letter or digit.",
            field="series.id",
            value=series[: MAX_SERIES_ID + 1],
        )


def tidied(series: Series) -> Series:
    """The rule without blanks around its words."""
    return replace(
        series,
        title=text_of("title", "标题", series.title),
        subject=text_of("subject", "学科", series.subject),
    )


def checked(series: Series, sheet: Sheet, since: date) -> list[Occurrence]:
    """The rule's lessons to come from `since` on. ProblemError if the rule cannot be."""
    term = sheet.desk.calendar.term(series.term)
    if term is None or sheet.desk.term not in (None, series.term):
        raise unknown("term", "学期", series.term)
    check_figures(series.periods, series.grade)
    check_seat_count(len(series.seats), Mode.LIVE)
    _check_rule(series)
    _check_bounds(series, term, sheet)
    wanted = to_come(sheet, series, since)
    if series.weekday is not None and not wanted:
        raise _without_dates(series, sheet)
    # Membership is from one date to another: what is in on the first and the last is in between.
    days = (wanted[0].date, wanted[-1].date) if wanted else (bounds(series, term)[1],)
    host = series.host
    for on in days:
        found = host_of(sheet.desk.roster, host.classroom, host.teacher, host.school_class, on)
        if found.school != host.school:
            raise ProblemError(
                "school_of_other_classroom",
                f"教室 {host.classroom} 不属于主讲校“{host.school[:MAX_TEXT]}”。请改其一。",
                f"Classroom {host.classroom} is not of the school {host.school[:MAX_TEXT]!r}."
                " Change one of them.",
                field="host.school",
                value=host.school[:MAX_TEXT],
            )
        check_seats(sheet.desk.roster, series.seats, on)
    for lesson in wanted:
        check_duration(lesson.starts_at, lesson.ends_at)
    return wanted


def to_come(sheet: Sheet, series: Series, since: date = date.min) -> list[Occurrence]:
    """The lessons of a rule from `since` on that have not begun, by date."""
    found = sheet.expander.expand(series).occurrences
    return [o for o in found if o.date >= since and o.starts_at > sheet.desk.now]


def _check_rule(series: Series) -> None:
    if (series.weekday is None) != (series.period is None):
        raise ProblemError(
            "place_invalid",
            "星期和节次须同时填写，或者都不填（未安排）。",
            "Give both weekday and period, or neither (not placed yet).",
            field="weekday" if series.weekday is None else "period",
        )
    if series.weekday is not None and series.period is not None:
        within("weekday", "星期", series.weekday, 1, _SUNDAY)
        within("period", "节次", series.period, 0, _LAST_PERIOD)
    within("span", "连续节数", series.span, 1, MAX_SPAN)
    weeks = series.weeks.weeks
    for week in weeks:
        within("weeks", "周次", week, 1, _LAST_WEEK)
    listed = series.weeks.kind is WeekKind.LISTED
    if listed != bool(weeks) or list(weeks) != sorted(set(weeks)):
        raise ProblemError(
            "weeks_invalid",
            "指定周须按顺序列出周次，不重复；其他情况不列周次。",
            "Listed weeks are given in order without repeats; other rules list none.",
            field="weeks",
            value=list(weeks),
        )


def _check_bounds(series: Series, term: Term, sheet: Sheet) -> None:
    for name, on in (("first", series.first), ("last", series.last)):
        if on is not None:
            check_in_term(sheet.desk, term.id, on, name)
    if series.first is not None and series.last is not None and series.last < series.first:
        raise ProblemError(
            "last_before_first",
            f"结束日期 {series.last} 早于开始日期 {series.first}。请改其一。",
            f"The last date {series.last} is before the first, {series.first}. Change one of them.",
            field="last",
            value=series.last.isoformat(),
        )


def _without_dates(series: Series, sheet: Sheet) -> ProblemError:
    missing = sheet.expander.expand(series).without_period
    if missing:
        return ProblemError(
            "period_unknown",
            f"主讲校的作息表没有第 {series.period} 节（连续 {series.span} 节），例如 {missing[0]}。"
            "请换节次。",
            f"The host school's bell set has no period {series.period} (with {series.span} in a"
            f" row), for one on {missing[0]}. Choose another period.",
            field="period",
            value=series.period,
        )
    return ProblemError(
        "series_without_dates",
        "这条安排今后没有一天上课。请检查星期、周次和起止日期。",
        "This rule has no date to come. Check weekday, weeks, first and last date.",
        field="weekday",
        value=series.weekday,
    )
