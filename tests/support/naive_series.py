"""A weekly rule read date by date, straight from the rules of the calendar, slowly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sync_classroom.domain.roster import Roster
from sync_classroom.domain.series import Series, WeekKind


def dates(
    series: Series, roster: Roster, zone: str
) -> dict[date, tuple[datetime, datetime] | None]:
    """Every date of the series, with its lesson's start and end in UTC, or None without period.

    Only for clock times that come exactly once.
    """
    found: dict[date, tuple[datetime, datetime] | None] = {}
    term = roster.terms[series.term]
    on = term.first_day
    while on <= term.last_day:
        if _is_on(series, roster, on):
            found[on] = _window(series, roster, on, zone)
        on += timedelta(days=1)
    return found


def _is_on(series: Series, roster: Roster, on: date) -> bool:
    if series.first is not None and on < series.first:
        return False
    if series.last is not None and on > series.last:
        return False
    if on in series.excluded or series.weekday is None:
        return False
    term = roster.terms[series.term]
    week = 1
    monday = term.week1_monday
    while on >= monday + timedelta(days=7):
        monday += timedelta(days=7)
        week += 1
    weekday: int | None = on.isoweekday()
    teaching = on.isoweekday() <= 5
    said = [d for d in roster.days if d.date == on and d.school == series.host.school] or [
        d for d in roster.days if d.date == on and d.school is None
    ]
    if said:
        teaching = said[0].teaching
        if said[0].follows_weekday is not None:
            weekday = said[0].follows_weekday
        elif on.isoweekday() > 5:
            weekday = None
        if said[0].follows_week is not None:
            week = said[0].follows_week
    if not teaching or weekday != series.weekday:
        return False
    if series.weeks.kind is WeekKind.ODD:
        return week % 2 == 1
    if series.weeks.kind is WeekKind.EVEN:
        return week % 2 == 0
    return series.weeks.kind is WeekKind.ALL or week in series.weeks.weeks


def _window(
    series: Series, roster: Roster, on: date, zone: str
) -> tuple[datetime, datetime] | None:
    own = [
        b
        for b in roster.bell_sets.values()
        if b.school == series.host.school and (b.valid_from is None or b.valid_from <= on)
    ]
    # The one that began last; one that always held began before all others.
    own = sorted(own, key=lambda b: b.valid_from or date.min, reverse=True)
    said = [d.bell_set for d in roster.days if d.date == on and d.school == series.host.school]
    if said and said[0] is not None:
        own = [roster.bell_sets[said[0]]]
    if not own:
        return None
    clocks = []
    for no in range(series.period or 0, (series.period or 0) + series.span):
        period = [p for p in own[0].periods if p.no == no]
        if not period:
            return None
        clocks.append(period[0])
    if clocks[-1].end <= clocks[0].start:
        return None
    start, end = (
        datetime.fromisoformat(f"{on}T{c}").replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        for c in (clocks[0].start, clocks[-1].end)
    )
    return start, end
