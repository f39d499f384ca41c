"""Edits of weekly rules: add, change, remove, and follow a calendar that has changed.

All of them come to the same: what the rule wants from a date on is laid beside what there is, date
by date, then week by week, and each pair is made one; what is left over goes or comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from .bookable import (
    MAX_TEXT,
    check_duration,
    check_figures,
    check_seat_count,
    check_seats,
    host_of,
    reason_of,
    text_of,
    unknown,
    within,
)
from .calendar import week_number
from .edit_lessons import MAX_SPAN
from .edit_sheet import Sheet, asked, check_in_term
from .edits import AddSeries, ChangeSeries, FollowCalendar, RemoveSeries
from .ids import OccurrenceId, SeriesId
from .problems import ProblemError, ProblemKind
from .roster import Term
from .series import Series, WeekKind, bounds, expand, seats_of
from .timetable import Change, ChangeKind, Mode, Occurrence, Slot
from .working_copy import moved_to

_SUNDAY: Final = 7
_LAST_WEEK: Final = 60
_LAST_PERIOD: Final = 30
_DAY: Final = timedelta(days=1)
# What lessons are withdrawn with when their rule or calendar changed and nobody said more.
_BY_RULE: Final = "课程安排调整"
_BY_CALENDAR: Final = "校历调整"


@dataclass(frozen=True, slots=True)
class _Have:
    """A lesson there is for a date of the rule, with what the draft has made of it so far.

    `lesson` is the published one if the draft merely moved or cancelled it along with its rule;
    `now` is the unpublished one it was moved to, if it was.
    """

    lesson: Occurrence
    now: OccurrenceId | None = None

    @property
    def on(self) -> date:
        assert self.lesson.slot is not None, "found by its slot"
        return self.lesson.slot.date

    @property
    def own(self) -> bool:
        return self.lesson.slot is not None and self.lesson.slot.own


def add_series(command: AddSeries, sheet: Sheet) -> None:
    """A new rule with its lessons still to come."""
    series = command.series
    known = sheet.find_series(series.id)
    if known == series:
        return
    if known is not None or series.id in sheet.copy.base.series:
        raise ProblemError(
            "series_exists",
            f"课程安排 {series.id} 已经存在。请修改它，或换编号。",
            f"There is a series {series.id} already. Change that one, or choose another id.",
            kind=ProblemKind.CONFLICT,
            field="series.id",
            value=series.id,
        )
    series, wanted = _checked(series, sheet, date.min)
    sheet.put_series(series.id, series)
    for lesson in wanted:
        _add(sheet, lesson)


def change_series(command: ChangeSeries, sheet: Sheet) -> None:
    """The rule is another from a date on; if it had lessons before that, it is split there."""
    old = _known(command.series.id, sheet)
    if command.series == old:
        return
    reason = reason_of(command.reason, needed=False) or _BY_RULE
    have = list(_have(sheet, old.id))
    begun = {h.on for h in have if sheet.begun(h.lesson)}
    since = _since(command, sheet, begun)
    if not begun and all(_slot(o).date >= since for o in sheet.copy.of_series(old.id)):
        new, wanted = _checked(command.series, sheet, date.min)
    else:
        ident = SeriesId(f"{old.id.partition('.')[0]}.{sheet.desk.new_id()}")
        first = max(since, command.series.first or since)
        # A date whose lesson was moved up and has been held already is not wanted again.
        excluded = {d for d in (*command.series.excluded, *begun) if d >= since}
        new = replace(command.series, id=ident, first=first, excluded=tuple(sorted(excluded)))
        new, wanted = _checked(new, sheet, since)
        sheet.put_series(old.id, replace(old, last=since - _DAY))
    sheet.put_series(new.id, new)
    have = [h for h in have if h.on >= since and h.on not in begun]
    _lay(sheet, new, have, wanted, {}, reason)


def remove_series(command: RemoveSeries, sheet: Sheet) -> None:
    """The rule ends: what is published and to come is cancelled, what is not published goes.

    A rule that has lessons behind it stays, ended with the last of them; else it is no more.
    """
    series = _known(command.series, sheet)
    reason = reason_of(command.reason)
    held: list[date] = []
    for lesson in sheet.copy.of_series(series.id):
        if sheet.begun(lesson):
            held.append(_slot(lesson).date)
        elif not lesson.withdrawn:
            sheet.cancel(lesson, reason, excused=command.excused, own=True)
    ended = replace(series, last=max(held)) if held else None
    sheet.put_series(series.id, ended)


def follow_calendar(command: FollowCalendar, sheet: Sheet) -> None:
    """Every rule's lessons to come become what the calendar makes of it today."""
    desk = sheet.desk
    given = reason_of(command.reason, needed=False)
    for series in sorted(sheet.copy.series.values(), key=lambda s: s.id):
        if desk.term is not None and series.term != desk.term:
            continue
        have = list(_have(sheet, series.id))
        wanted = _to_come(sheet, series)
        reasons = {h.on: given for h in have}
        _lay(sheet, series, have, wanted, reasons, _BY_CALENDAR)


def _lay(
    sheet: Sheet,
    series: Series,
    have: Sequence[_Have],
    wanted: Sequence[Occurrence],
    reasons: Mapping[date, str],
    reason: str,
) -> None:
    """Make what there is into what is wanted; withdrawn with the date's reason, or `reason`."""
    left = {_slot(w).date: w for w in wanted}
    alone: list[_Have] = []
    for each in have:
        match = left.pop(each.on, None)
        if match is None:
            alone.append(each)
        else:
            _make(sheet, each, match, reasons.get(each.on) or reason)
    for week in (_followed_week, _own_week):
        by_week: dict[int | None, list[Occurrence]] = {}
        for lesson in left.values():
            by_week.setdefault(week(sheet, series, _slot(lesson).date), []).append(lesson)
        still: list[_Have] = []
        for each in alone:
            others = by_week.get(week(sheet, series, each.on))
            if others:
                match = others.pop(0)
                del left[_slot(match).date]
                _make(sheet, each, match, reasons.get(each.on) or reason)
            else:
                still.append(each)
        alone = still
    for each in alone:
        _take_out(sheet, series, each, reasons.get(each.on) or reason)
    for lesson in left.values():
        _add(sheet, lesson)


def _make(sheet: Sheet, have: _Have, wanted: Occurrence, reason: str) -> None:
    """One lesson becomes what its rule wants: in place, or moved if that is at another time."""
    lesson, slot = have.lesson, _slot(wanted)
    if sheet.begun(lesson):
        return
    if have.own:
        _keep(sheet, have, slot.series)
    elif sheet.copy.published(lesson.id) is None:
        if _slot(lesson) == slot:
            sheet.put(_renamed(wanted, lesson.id))
        else:
            sheet.drop(lesson.id)
            _add(sheet, wanted)
    elif (lesson.starts_at, lesson.ends_at) == (wanted.starts_at, wanted.ends_at):
        if have.now is not None:
            sheet.drop(have.now)
        stands = replace(lesson, slot=slot, changes=_of_seats(lesson))
        sheet.put(sheet.as_if(stands, wanted, reason))
    else:
        ident = have.now
        if ident is not None and _slot(sheet.copy.occurrences[ident]) != slot:
            sheet.drop(ident)
            ident = None
        ident = ident or _free_id(sheet, wanted)
        _check(sheet, wanted)
        stands = replace(lesson, changes=_of_seats(lesson))
        sheet.move_published(stands, replace(wanted, id=ident), reason, own=False)


def _take_out(sheet: Sheet, series: Series, have: _Have, reason: str) -> None:
    """A lesson its rule does not want any more; what was edited by itself stays."""
    lesson = have.lesson
    if sheet.begun(lesson):
        return
    if have.own:
        _keep(sheet, have, series.id)
    elif sheet.copy.published(lesson.id) is None:
        sheet.drop(lesson.id)
    else:
        if have.now is not None:
            sheet.drop(have.now)
        # It goes over to the rule that comes after its own, which may want it again.
        lesson = replace(lesson, slot=Slot(series.id, have.on))
        if lesson.withdrawn:
            sheet.put(lesson)
        else:
            sheet.cancel(lesson, reason, excused=True, own=False)


def _keep(sheet: Sheet, have: _Have, series: SeriesId) -> None:
    """A lesson edited by itself stays as it is; it goes over to the rule that comes after its own,
    so that this one plans nothing in its place."""
    slot = _slot(have.lesson)
    if slot.series != series:
        sheet.put(replace(have.lesson, slot=Slot(series, slot.date, own=True)))


def _add(sheet: Sheet, lesson: Occurrence) -> None:
    _check(sheet, lesson)
    sheet.put(_renamed(lesson, _free_id(sheet, lesson)))


def _check(sheet: Sheet, lesson: Occurrence) -> None:
    """Whether it could be booked; the error says which of many rules it is about."""
    try:
        sheet.check(lesson)
    except ProblemError as error:
        name = lesson.title, _slot(lesson).series, lesson.date
        raise ProblemError(
            error.code,
            "课程安排“{}”（{}）{}：{}".format(*name, error.zh),
            "Series {!r} ({}) on {}: {}".format(*name, error.en),
            kind=error.kind,
            field=error.field,
            value=error.value,
        ) from error


def _free_id(sheet: Sheet, lesson: Occurrence) -> OccurrenceId:
    """The id its slot gives it, unless an earlier lesson of that slot has it."""
    return lesson.id if sheet.free(lesson.id) else sheet.lesson_id(lesson.date)


def _renamed(lesson: Occurrence, ident: OccurrenceId) -> Occurrence:
    if ident == lesson.id:
        return lesson
    return replace(lesson, id=ident, seats=seats_of(ident, map(asked, lesson.seats)))


def _have(sheet: Sheet, series: SeriesId) -> Iterator[_Have]:
    """The lessons of a rule that nothing has come after, by slot.

    What the draft did to them along with their rule is seen through, so that an edit starts from
    what is published; what was edited by itself is as it was edited.
    """
    for lesson in sheet.copy.of_series(series):
        if moved_to(lesson) is not None:
            continue
        origin = None if lesson.moved_from is None else sheet.copy.published(lesson.moved_from)
        published = sheet.copy.published(lesson.id)
        if published is None and origin is not None and sheet.begun(origin):
            # Too late for this move: it cannot be published, the lesson was where it was.
            yield _Have(origin)
        elif _slot(lesson).own:
            yield _Have(lesson)
        elif published is not None:
            yield _Have(published)
        elif origin is not None:
            yield _Have(origin, lesson.id)
        else:
            yield _Have(lesson)


def _slot(lesson: Occurrence) -> Slot:
    assert lesson.slot is not None, "a lesson of a series stands for one of its dates"
    return lesson.slot


def _of_seats(lesson: Occurrence) -> tuple[Change, ...]:
    return tuple(c for c in lesson.changes if c.kind is ChangeKind.SEAT_CANCELLED)


def _known(series: SeriesId, sheet: Sheet) -> Series:
    found = sheet.find_series(series)
    if found is None:
        raise ProblemError(
            "unknown_series",
            f"没有课程安排“{series[:100]}”，它可能已被移除。请刷新课表。",
            f"There is no series {series[:100]!r}; it may have been removed. Reload the timetable.",
            kind=ProblemKind.NOT_FOUND,
            field="series",
            value=series[:100],
        )
    return found


def _since(command: ChangeSeries, sheet: Sheet, begun: Collection[date]) -> date:
    """The first date that changes: not before today, nor today if today's lesson has begun."""
    today = sheet.desk.now.astimezone(sheet.desk.zone).date()
    since = max(command.since or today, today)
    return since + _DAY if since in begun else since


def _to_come(sheet: Sheet, series: Series, since: date = date.min) -> list[Occurrence]:
    found = expand(series, sheet.desk.calendar, sheet.desk.zone).occurrences
    return [o for o in found if o.date >= since and o.starts_at > sheet.desk.now]


def _followed_week(sheet: Sheet, series: Series, on: date) -> int | None:
    """The week a date stands for: on a make-up day that of the day it replaces."""
    week = sheet.desk.calendar.day(series.host.school, on).week
    return week if week is not None else _own_week(sheet, series, on)


def _own_week(sheet: Sheet, series: Series, on: date) -> int | None:
    term = sheet.desk.calendar.term(series.term)
    return None if term is None else week_number(term, on)


def _checked(series: Series, sheet: Sheet, since: date) -> tuple[Series, tuple[Occurrence, ...]]:
    """The rule, tidied, and its lessons to come from `since` on. ProblemError if it cannot be."""
    term = sheet.desk.calendar.term(series.term)
    if term is None or sheet.desk.term not in (None, series.term):
        raise unknown("term", "学期", series.term)
    series = replace(
        series,
        title=text_of("title", "标题", series.title),
        subject=text_of("subject", "学科", series.subject),
    )
    check_figures(series.periods, series.grade)
    check_seat_count(len(series.seats), Mode.LIVE)
    _check_rule(series)
    _check_bounds(series, term, sheet)
    wanted = tuple(_to_come(sheet, series, since))
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
    return series, wanted


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
    missing = expand(series, sheet.desk.calendar, sheet.desk.zone).without_period
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
