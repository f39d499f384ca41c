"""Edits of weekly rules: add, change, remove, and follow a calendar that has changed.

All of them come to the same: what the rule wants from a date on is laid beside what there is, date
by date, then week by week, and each pair is made one; what is left over goes or comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from .bookable import MAX_REASON, reason_of
from .calendar import week_number
from .edit_sheet import Sheet, asked
from .edits import AddSeries, ChangeSeries, FollowCalendar, RemoveSeries
from .ids import OccurrenceId, SeriesId
from .lineage import stem_of
from .problems import ProblemError, ProblemKind
from .rule_checks import MAX_SERIES_ID, check_id, checked, tidied, to_come
from .series import Series, seats_of
from .timetable import Change, ChangeKind, Occurrence, Slot
from .working_copy import moved_to

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
    series = tidied(command.series)
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
    check_id(series.id)
    wanted = checked(series, sheet, date.min)
    sheet.put_series(series.id, series)
    for lesson in wanted:
        _add(sheet, lesson)


def change_series(command: ChangeSeries, sheet: Sheet) -> None:
    """The rule is another from a date on; if it had lessons before that, it is split there.

    It is not if only dates to come are taken out or added at its end: then it says the same of the
    past.
    """
    old = _known(command.series.id, sheet)
    asked_for = tidied(command.series)
    if asked_for == old:
        return
    reason = reason_of(command.reason, needed=False) or _BY_RULE
    have = list(_have(sheet, old.id))
    begun = {h.on for h in have if sheet.begun(h.lesson)}
    since = _since(command, sheet, begun)
    if not begun and all(_slot(o).date >= since for o in sheet.of_series(old.id)):
        new = asked_for
        wanted = checked(new, sheet, date.min)
    elif _goes_on(old, asked_for, since):
        new = asked_for
        wanted = [o for o in checked(new, sheet, since) if _slot(o).date not in begun]
    else:
        first = max(since, asked_for.first or since)
        # A date whose lesson was moved up and has been held already is not wanted again.
        excluded = {d for d in (*asked_for.excluded, *begun) if d >= since}
        new = replace(
            asked_for, id=_split_id(old.id, sheet), first=first, excluded=tuple(sorted(excluded))
        )
        wanted = checked(new, sheet, since)
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
    for lesson in sheet.of_series(series.id):
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
    for series in sheet.all_series():
        if desk.term is not None and series.term != desk.term:
            continue
        have = list(_have(sheet, series.id))
        wanted = to_come(sheet, series)
        reasons = {h.on: given or _why(sheet, series, h.on) for h in have}
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
        now = sheet.find(ident)
        if now is not None and _slot(now) != slot:
            sheet.drop(now.id)
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
    for lesson in sheet.of_series(series):
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


def _why(sheet: Sheet, series: Series, on: date) -> str:
    """What the calendar says of a date at the host school, perhaps nothing."""
    return sheet.desk.calendar.day(series.host.school, on).reason.zh[:MAX_REASON]


def _known(series: SeriesId, sheet: Sheet) -> Series:
    found = sheet.find_series(series)
    if found is None:
        raise unknown_series(series)
    return found


def unknown_series(series: str) -> ProblemError:
    """There is no such rule in the draft."""
    return ProblemError(
        "unknown_series",
        f"没有课程安排“{series[:100]}”，它可能已被移除。请刷新课表。",
        f"There is no series {series[:100]!r}; it may have been removed. Reload the timetable.",
        kind=ProblemKind.NOT_FOUND,
        field="series",
        value=series[:100],
    )


def _since(command: ChangeSeries, sheet: Sheet, begun: Collection[date]) -> date:
    """The first date that changes: not before today, nor today if today's lesson has begun."""
    today = sheet.desk.now.astimezone(sheet.desk.zone).date()
    since = max(command.since or today, today)
    return since + _DAY if since in begun else since


def _followed_week(sheet: Sheet, series: Series, on: date) -> int | None:
    """The week a date stands for: on a make-up day that of the day it replaces."""
    week = sheet.desk.calendar.day(series.host.school, on).week
    return week if week is not None else _own_week(sheet, series, on)


def _own_week(sheet: Sheet, series: Series, on: date) -> int | None:
    term = sheet.desk.calendar.term(series.term)
    return None if term is None else week_number(term, on)


def _goes_on(old: Series, new: Series, since: date) -> bool:
    """Whether both rules say the same of every date before `since`, and differ in dates only."""
    return replace(new, last=old.last, excluded=old.excluded) == old and (
        new.last is None or new.last >= since - _DAY
    )


def _split_id(series: SeriesId, sheet: Sheet) -> SeriesId:
    """The id of what goes on after a split; it begins like that of the rule it was once."""
    new = sheet.desk.new_id()
    name = stem_of(series)[: MAX_SERIES_ID - len(new) - 1]
    return SeriesId(f"{name}.{new}")
